"""The dry mix: the same mix summed in the waveform domain, with no codec.

It is the reference that renders are compared with, and what sounds until a chunk is rendered. Any thread.
"""

from __future__ import annotations

import numpy as np

from lincae_studio.codecs.base import Array
from lincae_studio.engine.factors import automated, bus_factors
from lincae_studio.engine.sources import AudioReader, Placement, effective_fades, read_source, source_of
from lincae_studio.session.model import Session

#: For factors that do not depend on the position.
_NOWHERE = np.zeros(0)


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
                if clip.mute:
                    continue
                channels = media[clip.media].channels
                constant = None if automated(track) else bus_factors(track, clip, channels, self.channels, _NOWHERE)
                self._parts.append((track, clip, channels, Placement.of(clip), fades[clip.id], constant))

    def read(self, start: int, count: int) -> Array:
        """Samples `(channels, count)` from `start` on."""
        mix = np.zeros((self.channels, count), np.float32)
        for track, clip, channels, placement, fades, constant in self._parts:
            if not count or clip.end <= start or clip.start >= start + count:
                continue
            factors = constant
            if factors is None:
                positions = np.arange(start, start + count, dtype=np.float64)
                factors = bus_factors(track, clip, channels, self.channels, positions)
            for channel, coefficients in enumerate(factors):
                if not any(map(np.any, coefficients)):
                    continue
                source = source_of(placement, channel, fades, start, count)
                assert source is not None, "the clip is heard here"
                audio = read_source(source, count, self._reader)
                for bus, factor in enumerate(coefficients):
                    if np.any(factor):
                        mix[bus] += np.asarray(factor, np.float32) * audio
        return mix
