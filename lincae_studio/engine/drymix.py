"""The dry mix: the same mix summed in the waveform domain, with no codec.

It is the reference that renders are compared with, and what sounds until a chunk is rendered. Any thread.
"""

from __future__ import annotations

import numpy as np

from lincae_studio.codecs.base import Array
from lincae_studio.engine.plan import bus_factors
from lincae_studio.engine.sources import AudioReader, Placement, effective_fades, read_source, source_of
from lincae_studio.session.model import Session


class DryMix:
    """The dry mix of one session; what does not depend on time is worked out once."""

    def __init__(self, session: Session, reader: AudioReader) -> None:
        self.channels = session.channels
        self._reader = reader
        self._parts = []
        media = {item.digest: item for item in session.media}
        for track in session.tracks:
            if not session.audible(track):
                continue
            fades = effective_fades(track, media)
            for clip in track.clips:
                factors = bus_factors(track, clip, media[clip.media].channels, self.channels)
                self._parts.append((Placement.of(clip), fades[clip.id], factors))

    def read(self, start: int, count: int) -> Array:
        """Samples `(channels, count)` from `start` on."""
        mix = np.zeros((self.channels, count), np.float32)
        for clip, fades, factors in self._parts:
            for channel, coefficients in enumerate(factors):
                if not any(coefficients):
                    continue
                source = source_of(clip, channel, fades, start, count)
                if source is None:
                    break
                audio = read_source(source, count, self._reader)
                for bus, factor in enumerate(coefficients):
                    if factor:
                        mix[bus] += np.float32(factor) * audio
        return mix
