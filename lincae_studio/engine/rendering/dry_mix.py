"""The dry mix: the same mix summed in the waveform domain, with no codec.

It is the reference that renders are compared with, and what is heard until a chunk is rendered. Any thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lincae_studio.codecs.base import Array
from lincae_studio.engine.planning.factors import Factor, automated, bus_factors
from lincae_studio.engine.planning.sources import AudioReader, Fades, Placement, effective_fades, read_source, source_of
from lincae_studio.session.model import Clip, Media, Session, Track

#: For factors that do not depend on the position.
_NOWHERE = np.zeros(0)


@dataclass(frozen=True)
class _AudibleClip:
    """A clip that is heard; `constant` has its factors by channel and bus, or is None where they follow envelopes."""

    track: Track
    clip: Clip
    channels: int
    placement: Placement
    fades: Fades
    constant: tuple[tuple[Factor, ...], ...] | None


class DryMix:
    """The dry mix of one session; everything that does not depend on time is computed once."""

    def __init__(self, session: Session, reader: AudioReader, before: DryMix | None = None) -> None:
        """`before`: the mix of an earlier session; what it computed for unchanged tracks is reused."""
        self.channels = session.channels
        self._reader = reader
        media = {item.digest: item for item in session.media}
        known = before._tracks if before is not None and before.channels == self.channels else {}
        self._tracks: dict[int, tuple[Track, list[_AudibleClip]]] = {}
        for track in session.tracks:
            if session.audible(track):
                kept = known.get(track.id)
                same = kept is not None and kept[0] is track
                self._tracks[track.id] = kept if kept is not None and same else (track, self._clips_of(track, media))
        self._clips = [clip for _, clips in self._tracks.values() for clip in clips]

    def _clips_of(self, track: Track, media: Mapping[str, Media]) -> list[_AudibleClip]:
        fades = effective_fades(track, media)
        clips = []
        for clip in track.clips:
            if clip.mute:
                continue
            channels = media[clip.media].channels
            constant = None if automated(track) else tuple(bus_factors(track, clip, channels, self.channels, _NOWHERE))
            clips.append(_AudibleClip(track, clip, channels, Placement.of(clip), fades[clip.id], constant))
        return clips

    @property
    def tracks(self) -> int:
        """The number of tracks that are heard."""
        return len(self._tracks)

    def read(self, start: int, count: int) -> Array:
        """Samples `(channels, count)` from `start` on."""
        mix = np.zeros((self.channels, count), np.float32)
        for clip in self._clips:
            self._add(clip, start, count, mix)
        return mix

    def peaks(self, start: int, count: int) -> dict[int, tuple[float, ...]]:
        """The largest magnitude of each track's samples on each channel, after its fader, by track id."""
        found = {}
        for track_id, (_, clips) in self._tracks.items():
            alone = np.zeros((self.channels, count), np.float32)
            heard = [self._add(clip, start, count, alone) for clip in clips]
            if any(heard):
                found[track_id] = tuple(np.abs(alone).max(axis=1).tolist())
        return found

    def _add(self, clip: _AudibleClip, start: int, count: int, mix: Array) -> bool:
        """Add a clip to samples from `start` on; False if it has none there."""
        if not count or clip.placement.end <= start or clip.placement.start >= start + count:
            return False
        factors = clip.constant
        if factors is None:
            positions = np.arange(start, start + count, dtype=np.float64)
            factors = tuple(bus_factors(clip.track, clip.clip, clip.channels, self.channels, positions))
        for channel, coefficients in enumerate(factors):
            if not any(map(np.any, coefficients)):
                continue
            source = source_of(clip.placement, channel, clip.fades, start, count)
            assert source is not None, "the clip is heard here"
            audio = read_source(source, count, self._reader)
            for bus, factor in enumerate(coefficients):
                if np.any(factor):
                    mix[bus] += np.asarray(factor, np.float32) * audio
        return True
