"""The dry mix: the same mix summed in the waveform domain, with no codec.

It is the reference that renders are compared with, and what is heard until a chunk is rendered. Any thread.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from lincae_studio.codecs.base import Array
from lincae_studio.engine.planning.factors import Factor, Positions
from lincae_studio.engine.planning.heard import Heard, master_of, tracks_of
from lincae_studio.engine.planning.played import Matrix, mixed, played
from lincae_studio.engine.planning.sources import AudioReader, Fades, Placement, effective_fades, read_source, source_of
from lincae_studio.jobs import Steps, finished
from lincae_studio.session.model import Clip, Media, Session

#: Clips that are prepared in one step.
_CLIPS = 64

#: For factors that do not depend on the position.
_NOWHERE = np.zeros(0)


class _AudibleClip(Struct, frozen=True):
    """A clip that is heard; `constant` has its factors by channel and bus, or is None where they move.

    `channels` are those of its media, `matrix` mixes them from those of what is played (`played`).
    """

    heard: Heard
    clip: Clip
    channels: int
    matrix: Matrix
    placement: Placement
    fades: Fades
    constant: tuple[tuple[Factor, ...], ...] | None

    def factors(self, buses: int, positions: Positions) -> tuple[tuple[Factor, ...], ...]:
        """Its factors by channel of what it plays and bus, at positions if they move."""
        return tuple(mixed(self.heard.factors(self.clip, self.channels, buses, positions), self.matrix))


class DryMix:
    """The dry mix of one session; everything that does not depend on time is computed once."""

    def __init__(self, session: Session, reader: AudioReader, before: DryMix | None = None) -> None:
        """`before`: the mix of an earlier session; its results for unchanged tracks are reused."""
        self.channels = session.channels
        self.rate = session.rate
        self._master = master_of(session)
        self._reader = reader
        self._tracks: dict[int, tuple[Heard, list[_AudibleClip]]] = {}
        #: The ids of the groups around each track that is heard, from the inside out.
        self._groups: dict[int, tuple[int, ...]] = {}
        finished(self._add_tracks(session, before))

    @classmethod
    def steps(cls, session: Session, reader: AudioReader, before: DryMix | None = None) -> Steps[DryMix]:
        """Make a dry mix in steps, as `Planner.steps` does."""
        mix = cls(replace(session, tracks=()), reader)
        mix.channels = session.channels
        yield from mix._add_tracks(session, before)
        return mix

    def _add_tracks(self, session: Session, before: DryMix | None) -> Steps[None]:
        media = {item.digest: item for item in session.media}
        known = before._tracks if before is not None and before.channels == self.channels else {}
        for track_id, heard in tracks_of(session).items():
            kept = known.get(track_id)
            if kept is None or kept[0] != heard:
                kept = heard, (yield from self._clips_of(heard, media))
            self._tracks[track_id] = kept
            self._groups[track_id] = tuple(group.id for group in session.groups_of(track_id))
        self._clips = _InTime([clip for _, clips in self._tracks.values() for clip in clips])

    def _clips_of(self, heard: Heard, media: Mapping[str, Media]) -> Steps[list[_AudibleClip]]:
        fades = effective_fades(heard.track, media)
        clips: list[_AudibleClip] = []
        for number, clip in enumerate(heard.track.clips):
            if number % _CLIPS == 0:
                yield
            if clip.mute:
                continue
            item = media[clip.media]
            source, matrix = played(item)
            placement = replace(Placement.of(clip), media=source.digest)
            made = _AudibleClip(heard, clip, item.channels, matrix, placement, fades[clip.id], None)
            constant = None if heard.moving else made.factors(self.channels, _NOWHERE)
            clips.append(replace(made, constant=constant))
        return clips

    @property
    def tracks(self) -> int:
        """The number of tracks that are heard."""
        return len(self._tracks)

    def read(self, start: int, count: int) -> Array:
        """Samples `(channels, count)` from `start` on, after the master."""
        mix = np.zeros((self.channels, count), np.float32)
        for clip in self._clips.between(start, start + count):
            self._add(clip, start, count, mix)
        master = self._master.factor(_positions(start, count) if self._master.moving else _NOWHERE)
        if not isinstance(master, float) or master != 1.0:
            mix *= np.asarray(master, np.float32)
        return mix

    def peaks(self, start: int, count: int) -> dict[int, tuple[float, ...]]:
        """The largest magnitude of each track's samples on each channel, after its fader, by id.

        Those of a group are of the sum of all in it, after its fader. The master and groups around do not count.
        """
        heard: dict[int, Array] = {}
        for clip in self._clips.between(start, start + count):
            track_id = clip.heard.track.id
            for number, owner in enumerate((track_id, *self._groups[track_id])):
                if owner not in heard:
                    heard[owner] = np.zeros((self.channels, count), np.float32)
                whole = number == len(self._groups[track_id])
                inside = clip if whole else replace(clip, heard=clip.heard.within_groups(number), constant=None)
                self._add(inside, start, count, heard[owner])
        return {owner: tuple(np.abs(alone).max(axis=1).tolist()) for owner, alone in heard.items()}

    def _add(self, clip: _AudibleClip, start: int, count: int, mix: Array) -> None:
        """Add a clip that is heard there to samples `(channels, count)` from `start` on."""
        factors = clip.constant
        if factors is None:
            positions = _positions(start, count)
            factors = clip.factors(self.channels, positions)
        for channel, coefficients in enumerate(factors):
            heard = [(bus, factor) for bus, factor in enumerate(coefficients) if _is_heard(factor)]
            if not heard:
                continue
            source = source_of(clip.placement, channel, clip.fades, start, count)
            assert source is not None, "the clip is heard here"
            audio = read_source(source, count, self._reader)
            for bus, factor in heard:
                mix[bus] += np.asarray(factor, np.float32) * audio


def _is_heard(factor: Factor) -> bool:
    """Whether a factor is not 0 throughout. Most are numbers, which numpy is slow to look at."""
    return factor != 0.0 if isinstance(factor, float) else bool(np.any(factor))


def _positions(start: int, count: int) -> Positions:
    return np.arange(start, start + count, dtype=np.float64)


class _InTime:
    """Clips by their place on the timeline, so that reading does not get slower with the number of clips elsewhere."""

    def __init__(self, clips: list[_AudibleClip]) -> None:
        self._clips = clips
        starts = np.fromiter((clip.placement.start for clip in clips), np.int64, len(clips))
        self._ends = starts + np.fromiter((clip.placement.length for clip in clips), np.int64, len(clips))
        self._order = np.argsort(starts, kind="stable")
        self._starts = starts[self._order]
        #: The latest end of the clips up to each one.
        self._latest = np.maximum.accumulate(self._ends[self._order])

    def between(self, start: int, end: int) -> list[_AudibleClip]:
        """The clips that are heard in samples `[start, end)`, always in the same order, in which they are added."""
        if end <= start:
            return []
        first = np.searchsorted(self._latest, start, "right")
        near = self._order[first : np.searchsorted(self._starts, end, "left")]
        return [self._clips[number] for number in sorted(near[self._ends[near] > start].tolist())]
