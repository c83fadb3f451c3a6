"""The plan: what each chunk of the mix is made of, derived from a session by a pure function.

Equal chunk keys mean equal audio, so the difference between two plans is what must be rendered. Everything slower than
a frame (gains, pan, mute, solo) is a coefficient here and never part of a source.

A `Planner` remembers the last plan, so the next one costs only as much as the tracks that changed. A chunk's key is
made of the sum of its terms' digests (Bellare and Micciancio 1997), which can be updated for one changed term without
visiting the others; its terms are listed only on demand.
"""

from __future__ import annotations

import bisect
import hashlib
from array import array
from collections.abc import Iterable, Iterator, KeysView, Mapping, Sequence
from dataclasses import dataclass, field
from typing import overload

import msgspec
from msgspec import Struct

from lincae_studio.codecs.base import CodecInfo
from lincae_studio.engine.planning.contributions import (
    NOWHERE,
    Coefficient,
    Contribution,
    Contributions,
    Term,
    coefficient_of,
    contributions_of,
    number_of,
)
from lincae_studio.engine.planning.grid import Grid
from lincae_studio.engine.planning.heard import Heard, HeardMaster, master_of, tracks_of
from lincae_studio.engine.planning.inserts import Kernel
from lincae_studio.engine.planning.masks import Mask, applicable, masks_of
from lincae_studio.engine.planning.runs import RUN
from lincae_studio.jobs import Steps, finished
from lincae_studio.session.model import DEFAULT_RATE, Session


class CodecRef(Struct, frozen=True, array_like=True):
    """The codec that a chunk is for: its id, its identity when the chunk was planned, and the session's rate in Hz."""

    id: str
    identity: str
    rate: int = DEFAULT_RATE


class Chunk(Struct, frozen=True, array_like=True, eq=False, gc=False):
    """One decode: everything the renderer needs, by value.

    Two chunks are equal if their keys and indices are.

    Attributes:
        key: address of the result.
        index: position on the grid.
        codec: id and identity of the codec.
        grid: geometry.
        seed: chooses the noise of stochastic codecs.
        buses: 1, or 2 where left and right differ; a stereo mix may have chunks of one bus.
        contributions: what each track adds, shared with earlier and later plans; `terms` lists all of it.
        audio: False if only the summed latents are requested, and nothing is to be decoded.
        master: the factor of the sum, which leaves the terms and their partial sums as they are; `masks`: of the
            regions of the mix, likewise.
    """

    key: str
    index: int
    codec: CodecRef
    grid: Grid
    seed: int
    buses: int
    contributions: tuple[Contribution, ...]
    audio: bool = True
    master: Coefficient = 1.0
    masks: tuple[Mask, ...] = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Chunk) and (self.key, self.index) == (other.key, other.index)

    def __hash__(self) -> int:
        return hash((self.key, self.index))

    @property
    def first_frame(self) -> int:
        return self.index * self.grid.step

    @property
    def fingerprint(self) -> frozenset[tuple[int, bytes]]:
        """The track ids with the digests of their contributions.

        Unlike the key, it changes when a clip moves to another track.
        """
        return frozenset((contribution.track, contribution.digest) for contribution in self.contributions)

    @property
    def terms(self) -> tuple[Term, ...]:
        """The terms of all tracks, listed on demand, in an order that does not depend on the order of the tracks."""
        found = [term for contribution in self.contributions for term in contribution.terms]
        if self.buses == 1:
            found = [Term(term.key, term.source, term.coefficients[:1], term.masks, term.insert) for term in found]
        return tuple(sorted(found, key=_order))

    @property
    def edited(self) -> bool:
        """Whether regions or inserts change its latents: then it is not what the dry mix has, which knows neither."""
        terms = (term for contribution in self.contributions for term in contribution.terms)
        return bool(self.masks) or any(term.masks or term.insert for term in terms)

    @property
    def kernels(self) -> dict[str, Kernel]:
        """The kernels of the inserts of its terms, by digest."""
        kernels = (contribution.kernel for contribution in self.contributions)
        return {kernel.digest: kernel for kernel in kernels if kernel is not None}


def _order(term: Term) -> tuple[str, ...]:
    return term.key, repr(term.coefficients), repr(term.masks), repr(term.insert) if term.insert is not None else ""


class Chunks(Sequence[Chunk | None]):
    """The chunks of a plan by index, None where nothing is audible. Silence is not stored, however long it is.

    What runs for every edit visits `audible` or `between`: iterating over the sequence itself visits the silence too.
    """

    def __init__(self, audible: Iterable[Chunk], count: int) -> None:
        """`audible`: in any order; those from index `count` on are left out."""
        self._count = count
        kept = sorted((chunk for chunk in audible if chunk.index < count), key=_index)
        self._by_index = {chunk.index: chunk for chunk in kept}
        self._indices = list(self._by_index)
        self.audible = tuple(kept)
        #: A chunk of each key; None until it is needed.
        self._by_key: dict[str, Chunk] | None = None
        #: All chunks of the keys that occur more than once.
        self._repeated: Mapping[str, Sequence[Chunk]] = {}

    def between(self, first: int, last: int) -> Sequence[Chunk]:
        """The audible chunks from `first` to `last`, both included."""
        return self.audible[bisect.bisect_left(self._indices, first) : bisect.bisect_right(self._indices, last)]

    def spans(self, first: int, last: int, together: int) -> Iterator[tuple[int, int]]:
        """The audible chunks from `first` to `last`, where one stands for `together` neighbours on the grid.

        Yields the index of the first audible one, and the last index that it stands for.
        """
        place = bisect.bisect_left(self._indices, first // together * together)
        while place < len(self._indices) and self._indices[place] <= last:
            index = self._indices[place]
            end = (index // together + 1) * together
            yield index, end - 1
            place = place + 1 if together == 1 else bisect.bisect_left(self._indices, end, place)

    @property
    def keys(self) -> KeysView[str]:
        """The keys of the audible chunks."""
        return self._chunk_of_each_key().keys()

    def with_key(self, key: str) -> Sequence[Chunk]:
        """The audible chunks with a key."""
        chunk = self._chunk_of_each_key().get(key)
        return () if chunk is None else self._repeated.get(key, (chunk,))

    def _chunk_of_each_key(self) -> dict[str, Chunk]:
        if self._by_key is None:
            by_key = {chunk.key: chunk for chunk in self.audible}
            several = {chunk.key for chunk in self.audible if by_key[chunk.key] is not chunk}
            repeated: dict[str, list[Chunk]] = {key: [] for key in several}
            for chunk in self.audible if several else ():
                if chunk.key in several:
                    repeated[chunk.key].append(chunk)
            self._repeated, self._by_key = repeated, by_key  # in this order, as several threads may come here
        return self._by_key

    def get(self, index: int) -> Chunk | None:
        """A chunk, or None where nothing is audible, also after the end."""
        return self._by_index.get(index)

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Chunk | None: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Chunk | None, ...]: ...
    def __getitem__(self, index: int | slice) -> Chunk | tuple[Chunk | None, ...] | None:
        if isinstance(index, slice):
            return tuple(map(self._by_index.get, range(self._count)[index]))
        return self._by_index.get(range(self._count)[index])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Chunks) and (self._count, self._by_index) == (other._count, other._by_index)

    def __hash__(self) -> int:
        return hash((self._count, self.audible))


def _index(chunk: Chunk) -> int:
    return chunk.index


class Plan(Struct, frozen=True):
    """The mix of a session. `chunks[k]` is None where nothing is audible: that is digital silence, never decoded."""

    codec: CodecInfo
    grid: Grid
    channels: int
    length: int
    chunks: Chunks

    @property
    def audible(self) -> list[Chunk]:
        """The chunks that must be decoded, in their order on the timeline."""
        return list(self.chunks.audible)


def make_plan(session: Session, codec: CodecInfo, grid: Grid | None = None) -> Plan:
    """The plan of a session for a codec, on the session's grid unless another one is given."""
    return Planner().plan(session, codec, grid)


class _Context(Struct, frozen=True):
    """What all chunks of a plan have in common; if it changes, the whole plan is made again."""

    codec: CodecInfo
    grid: Grid
    channels: int
    seed: int


@dataclass(slots=True)
class _ChunkSum:
    """The contributions to one chunk, by track, and their sums."""

    contributions: dict[int, Contribution] = field(default_factory=dict)
    digest: int = 0
    unequal: int = 0

    def replace(self, track_id: int, contribution: Contribution | None) -> None:
        old = self.contributions.pop(track_id, None)
        if old is not None:
            self.digest -= number_of(old.digest)
            self.unequal -= old.unequal
        if contribution is not None:
            self.contributions[track_id] = contribution
            self.digest += number_of(contribution.digest)
            self.unequal += contribution.unequal


class Planner:
    """Makes plans in succession; equal sessions give equal plans, regardless of earlier ones. For one thread."""

    def __init__(self) -> None:
        self._context: _Context | None = None
        #: The contributions in the sums, by track id, with their track; None while only some of them are in the sums.
        self._tracks: dict[int, tuple[Heard | None, Contributions]] = {}
        self._sums: dict[int, _ChunkSum] = {}
        self._chunks: dict[int, Chunk] = {}
        self._master = HeardMaster(1.0, (), None)
        #: Indices of the chunks that have not followed their sums, or the master, yet.
        self._changed: set[int] = set()

    def plan(self, session: Session, codec: CodecInfo, grid: Grid | None = None) -> Plan:
        """The plan of a session for a codec, on the session's grid unless another one is given."""
        return finished(self.steps(session, codec, grid))

    def steps(self, session: Session, codec: CodecInfo, grid: Grid | None = None) -> Steps[Plan]:
        """Make a plan in steps of a few milliseconds at most, for a thread that has other things to do between them.

        Another plan may be started before this one is finished; it reuses the work done so far.
        """
        context = _Context(codec, grid or _grid(session, codec), session.channels, session.seed)
        if context != self._context:
            self._context, self._tracks, self._sums, self._chunks, self._changed = context, {}, {}, {}, set()
        media = {item.digest: item for item in session.media}
        heard = {name: one for name, one in tracks_of(session).items() if not one.silent}
        for track_id in self._tracks.keys() - heard.keys():
            yield from self._correct_sums(track_id, {})
            del self._tracks[track_id]
        for track_id, one in heard.items():
            known = self._tracks.get(track_id)
            if known is None or known[0] != one:
                contributions = yield from contributions_of(one, media, codec, context.grid, context.channels)
                yield from self._correct_sums(track_id, contributions)
                self._tracks[track_id] = one, contributions
        master = master_of(session)
        if master != self._master:
            self._master = master
            self._changed.update(self._sums)
        yield from self._rebuild(context)
        count = context.grid.count(session.length)
        return Plan(codec, context.grid, context.channels, session.length, Chunks(self._chunks.values(), count))

    def _correct_sums(self, track_id: int, new: Contributions) -> Steps[None]:
        """Subtract the contributions of a track that are gone, and add the new ones."""
        old = self._tracks[track_id][1] if track_id in self._tracks else {}
        summed = dict(old)
        self._tracks[track_id] = None, summed  # true at each step
        for number, index in enumerate(old.keys() | new.keys(), start=1):
            removed, added = old.get(index), new.get(index)
            if removed is None or added is None or removed.digest != added.digest:
                if index not in self._sums:
                    self._sums[index] = _ChunkSum()
                self._sums[index].replace(track_id, added)
                if added is None:
                    del summed[index]
                else:
                    summed[index] = added
                self._changed.add(index)
            if number % RUN == 0:
                yield

    def _rebuild(self, context: _Context) -> Steps[None]:
        """Make the chunks whose sums, or whose master, have changed."""
        stochastic = context.codec.stochastic
        header = msgspec.msgpack.encode((context.codec.identity, context.grid, context.seed if stochastic else None))
        common = hashlib.blake2b(header, digest_size=20)
        regions = applicable(self._master.regions, context.codec)
        codec = CodecRef(context.codec.id, context.codec.identity, context.codec.sample_rate)
        while self._changed:
            for index in [self._changed.pop() for _ in range(min(len(self._changed), RUN))]:
                total = self._sums[index]
                if not total.contributions:
                    del self._sums[index]
                    self._chunks.pop(index, None)
                    continue
                master = self._master_in(index, context.grid)
                if master == 0.0:
                    self._chunks.pop(index, None)
                    continue
                buses = 2 if context.channels == 2 and total.unequal else 1
                digest = common.copy()
                digest.update(b"%d %d %d" % (total.digest, buses, index if stochastic else 0))
                if master != 1.0:  # without a master, keys are those of versions that had none
                    digest.update(b" master")
                    digest.update(array("d", master if isinstance(master, tuple) else (master,)))
                masks = masks_of(regions, context.grid.frame_centres(index)) if regions else ()
                if masks:
                    digest.update(b" regions" + msgspec.msgpack.encode(masks))
                # Only its own contributions: whole tracks would keep every older plan alive.
                added = tuple(total.contributions.values())
                self._chunks[index] = Chunk(
                    digest.hexdigest(), index, codec, context.grid, context.seed, buses, added, True, master, masks
                )
            yield

    def _master_in(self, index: int, grid: Grid) -> Coefficient:
        """The factor of the mix in a chunk."""
        positions = grid.frame_centres(index) if self._master.moving else NOWHERE
        return coefficient_of(self._master.factor(positions))


def _grid(session: Session, codec: CodecInfo) -> Grid:
    return Grid.chosen(codec, session.chunk_frames, session.overlap_frames)
