"""The plan: what each chunk of the mix is made of, derived from a session by a pure function.

Equal chunk keys mean equal audio, so the difference between two plans is what must be rendered. Everything slower than
a frame (gains, pan, mute, solo) is a coefficient here and never part of a source.

A `Planner` remembers the last plan: the cost of the next one is that of the tracks that changed. A chunk's key is made
of the sum of its terms' digests (Bellare and Micciancio 1997), which a changed term corrects without looking at the
others, and its terms are listed only when asked for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache

import msgspec
from msgspec import Struct

from lincae_studio.codecs.base import CodecInfo
from lincae_studio.engine.planning.factors import Factor, automated, bus_factors
from lincae_studio.engine.planning.grid import Grid
from lincae_studio.engine.planning.sources import Fades, Placement, Source, effective_fades, key_of, source_of
from lincae_studio.session.model import Clip, Media, Session, Track

#: Sources are remembered in runs of this many chunks, so that an entry of the memory has a size.
_RUN = 64

#: Runs remembered: some four hours of eight stereo tracks in chunks of two seconds, 100 MB when full.
_RUNS = 4096


Coefficient = float | tuple[float, ...]


# gc=False, here and in sources: a long session has tens of thousands of these, and they cannot be part of a cycle.
class Term(Struct, frozen=True, array_like=True, gc=False):
    """A source with its key and its coefficient on each bus, one number or one for each latent frame."""

    key: str
    source: Source
    coefficients: tuple[Coefficient, ...]


class CodecRef(Struct, frozen=True, array_like=True):
    """Which codec a chunk is for: its id, and its identity when the chunk was planned."""

    id: str
    identity: str


class Part(Struct, frozen=True, array_like=True, gc=False):
    """What one track adds to one chunk.

    Attributes:
        track: id of the track; 0 for what is no track's.
        terms: its sources with their coefficients.
        unequal: whether a term differs between the two buses.
        digest: the sum of the digests of its terms, little-endian. Only plans need it.
    """

    track: int
    terms: tuple[Term, ...]
    unequal: bool = False
    digest: bytes = b""

    @classmethod
    def of(cls, track: int, term: Term) -> Part:
        coefficients = term.coefficients
        # A stereo session's chunk that is mono is that of a mono session.
        equal = all(coefficient == coefficients[0] for coefficient in coefficients)
        content = term.key + repr(coefficients[:1] if equal else coefficients)
        return cls(track, (term,), not equal, hashlib.blake2b(content.encode(), digest_size=32).digest())

    def joined(self, other: Part) -> Part:
        total = _number(self.digest) + _number(other.digest)
        digest = total.to_bytes(-(-total.bit_length() // 8), "little")
        return Part(self.track, self.terms + other.terms, self.unequal or other.unequal, digest)


def _number(digest: bytes) -> int:
    return int.from_bytes(digest, "little")


#: The parts of a track by chunk.
_Parts = Mapping[int, Part]


class Chunk(Struct, frozen=True, array_like=True, eq=False, gc=False):
    """One decode: everything the renderer needs, by value.

    Chunks are equal that have key and index in common.

    Attributes:
        key: address of the result.
        index: position on the grid.
        codec: id and identity of the codec.
        grid: geometry.
        seed: chooses the noise of stochastic codecs.
        buses: 1, or 2 where left and right differ; a stereo mix may have chunks of one bus.
        parts: what each track adds, shared with the plans before and after; `terms` lists it.
        audio: False where only the summed latents are requested: nothing is decoded then.
    """

    key: str
    index: int
    codec: CodecRef
    grid: Grid
    seed: int
    buses: int
    parts: tuple[Part, ...]
    audio: bool = True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Chunk) and (self.key, self.index) == (other.key, other.index)

    def __hash__(self) -> int:
        return hash((self.key, self.index))

    @property
    def first_frame(self) -> int:
        return self.index * self.grid.step

    @property
    def contributions(self) -> frozenset[tuple[int, bytes]]:
        """What each track adds: ids with digests. The key is the same whichever track a clip is on; this is not."""
        return frozenset((part.track, part.digest) for part in self.parts)

    @property
    def terms(self) -> tuple[Term, ...]:
        """The terms of all tracks, listed when asked for, in an order that does not depend on that of tracks."""
        found = [term for part in self.parts for term in part.terms]
        if self.buses == 1:
            found = [Term(term.key, term.source, term.coefficients[:1]) for term in found]
        return tuple(sorted(found, key=lambda term: (term.key, repr(term.coefficients))))


class Plan(Struct, frozen=True):
    """The mix of a session. `chunks[k]` is None where nothing is audible: digital silence, never decoded."""

    codec: CodecInfo
    grid: Grid
    channels: int
    length: int
    chunks: tuple[Chunk | None, ...]

    @property
    def audible(self) -> list[Chunk]:
        """The chunks that must be decoded."""
        return [chunk for chunk in self.chunks if chunk is not None]


def make_plan(session: Session, codec: CodecInfo, grid: Grid | None = None) -> Plan:
    """The plan of a session for a codec, on the session's grid unless another is given."""
    return Planner().plan(session, codec, grid)


@dataclass(frozen=True)
class _Context:
    """What all chunks of a plan have in common; with another one nothing can be kept."""

    codec: CodecInfo
    grid: Grid
    channels: int
    seed: int


@dataclass(slots=True)
class _Sum:
    """What is known of one chunk: its parts by track, and what they add up to."""

    parts: dict[int, Part] = field(default_factory=dict)
    digest: int = 0
    unequal: int = 0

    def replace(self, track_id: int, part: Part | None) -> None:
        old = self.parts.pop(track_id, None)
        if old is not None:
            self.digest -= _number(old.digest)
            self.unequal -= old.unequal
        if part is not None:
            self.parts[track_id] = part
            self.digest += _number(part.digest)
            self.unequal += part.unequal


class Planner:
    """Makes plans one after the other; equal sessions give equal plans, whatever came before. One thread uses it."""

    def __init__(self) -> None:
        self._context: _Context | None = None
        self._tracks: dict[int, tuple[Track, _Parts]] = {}
        self._sums: dict[int, _Sum] = {}
        self._chunks: dict[int, Chunk] = {}

    def plan(self, session: Session, codec: CodecInfo, grid: Grid | None = None) -> Plan:
        """The plan of a session for a codec, on the session's grid unless another is given."""
        context = _Context(codec, grid or _grid(session, codec), session.channels, session.seed)
        if context != self._context:
            self._context, self._tracks, self._sums, self._chunks = context, {}, {}, {}
        before = self._tracks
        self._tracks = self._parts_of_tracks(session, context)
        changed = self._correct_sums(before)
        self._rebuild(changed, context)
        count = context.grid.count(session.length)
        chunks = tuple(map(self._chunks.get, range(count)))
        return Plan(codec, context.grid, context.channels, session.length, chunks)

    def _parts_of_tracks(self, session: Session, context: _Context) -> dict[int, tuple[Track, _Parts]]:
        media = {item.digest: item for item in session.media}
        solo = any(track.solo for track in session.tracks)
        found: dict[int, tuple[Track, _Parts]] = {}
        for track in session.tracks:
            if track.mute or (solo and not track.solo) or track.gain == 0.0:
                continue
            known = self._tracks.get(track.id)
            if known is not None and (known[0] is track or known[0] == track):
                found[track.id] = known
            else:
                found[track.id] = track, _parts_of(track, media, context)
        return found

    def _correct_sums(self, before: Mapping[int, tuple[Track, _Parts]]) -> set[int]:
        """Take the parts away that are gone, add the new ones. Returns the chunks that changed."""
        changed: set[int] = set()
        for track_id in before.keys() | self._tracks.keys():
            old = before[track_id][1] if track_id in before else {}
            new = self._tracks[track_id][1] if track_id in self._tracks else {}
            if old is new:
                continue
            for index in old.keys() | new.keys():
                gone, come = old.get(index), new.get(index)
                if gone is not None and come is not None and gone.digest == come.digest:
                    continue
                if index not in self._sums:
                    self._sums[index] = _Sum()
                self._sums[index].replace(track_id, come)
                changed.add(index)
        return changed

    def _rebuild(self, changed: set[int], context: _Context) -> None:
        stochastic = context.codec.stochastic
        header = msgspec.msgpack.encode((context.codec.identity, context.grid, context.seed if stochastic else None))
        common = hashlib.blake2b(header, digest_size=20)
        codec = CodecRef(context.codec.id, context.codec.identity)
        for index in changed:
            total = self._sums[index]
            if not total.parts:
                del self._sums[index]
                self._chunks.pop(index, None)
                continue
            buses = 2 if context.channels == 2 and total.unequal else 1
            digest = common.copy()
            digest.update(b"%d %d %d" % (total.digest, buses, index if stochastic else 0))
            # Its own parts only: whole tracks would keep every older plan alive.
            parts = tuple(total.parts.values())
            self._chunks[index] = Chunk(digest.hexdigest(), index, codec, context.grid, context.seed, buses, parts)


def _grid(session: Session, codec: CodecInfo) -> Grid:
    return Grid.chosen(codec, session.chunk_frames, session.overlap_frames)


def _parts_of(track: Track, media: Mapping[str, Media], context: _Context) -> _Parts:
    parts: dict[int, Part] = {}
    fades = effective_fades(track, media)
    grid, identity, follows = context.grid, context.codec.latent_identity, automated(track)
    for clip in track.clips:
        if clip.mute:
            continue
        channels = media[clip.media].channels

        @cache
        def coefficients_of(index: int, clip: Clip = clip, channels: int = channels) -> list[tuple[Coefficient, ...]]:
            factors = bus_factors(track, clip, channels, context.channels, grid.frame_centres(index))
            return [tuple(map(_coefficient, on_buses)) for on_buses in factors]

        constant = None if follows else coefficients_of(0)
        for channel in range(channels):
            for index, source, key in _sources(clip, channel, fades[clip.id], grid, identity):
                coefficients = (constant or coefficients_of(index))[channel]
                if any(coefficients):
                    part = Part.of(track.id, Term(key, source, coefficients))
                    parts[index] = part if index not in parts else parts[index].joined(part)
    return parts


def _coefficient(factor: Factor) -> Coefficient:
    """A factor by value; one number where it does not change within the chunk."""
    if isinstance(factor, float):
        return factor
    values: list[float] = factor.tolist()
    return values[0] if min(values) == max(values) else tuple(values)


def _sources(
    clip: Clip, channel: int, fades: Fades, grid: Grid, codec_identity: str
) -> Iterator[tuple[int, Source, str]]:
    """What each chunk sees of a clip's channel: chunk index, source, and its key."""
    placement, touched = Placement.of(clip), grid.touching(clip.start, clip.end)
    for run in range(touched.start // _RUN, -(-touched.stop // _RUN)):
        yield from _sources_of_run(placement, channel, fades, grid, codec_identity, run)


# Nothing here depends on gain, pan, mute or name: at a tick of a fader no source is worked out or hashed again.
@lru_cache(maxsize=_RUNS)
def _sources_of_run(
    clip: Placement, channel: int, fades: Fades, grid: Grid, codec_identity: str, run: int
) -> tuple[tuple[int, Source, str], ...]:
    touched = grid.touching(clip.start, clip.end)
    found = []
    for index in range(max(touched.start, run * _RUN), min(touched.stop, (run + 1) * _RUN)):
        source = source_of(clip, channel, fades, grid.window_start(index), grid.window_samples)
        assert source is not None, "grid.touching and source_of disagree"
        found.append((index, source, key_of(source, grid.window_samples, codec_identity)))
    return tuple(found)
