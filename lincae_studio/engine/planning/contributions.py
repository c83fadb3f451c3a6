"""Contributions: what each track adds to each chunk, as sources of its clips with their coefficients. Any thread.

A track's contributions depend on the track, its groups and the media alone, so that a plan can keep those of all tracks
that an edit did not touch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from lincae_studio.codecs.base import CodecInfo
from lincae_studio.engine.planning.factors import Factor
from lincae_studio.engine.planning.grid import Grid
from lincae_studio.engine.planning.heard import Heard
from lincae_studio.engine.planning.inserts import Insert, Kernel, insert_at, kernel_of, reach_of
from lincae_studio.engine.planning.masks import Mask, applicable, masks_of
from lincae_studio.engine.planning.played import Matrix, mixed, played
from lincae_studio.engine.planning.runs import RUN, sources_of
from lincae_studio.engine.planning.sources import Source, effective_fades
from lincae_studio.jobs import Steps
from lincae_studio.session.model import Clip, Media, Region

#: For factors that do not depend on the position.
NOWHERE = np.zeros(0)

#: The factor of a source on a bus: one number, or one for each latent frame.
Coefficient = float | tuple[float, ...]


# gc=False, here and in sources: a long session has tens of thousands of these, and none can be part of a cycle.
class Term(Struct, frozen=True, array_like=True, gc=False):
    """A source with its key, its coefficient on each bus, and the masks of regions.

    With an insert, it is that of its parts, of which the source is one; `masks` are then without those of the clip.
    """

    key: str
    source: Source
    coefficients: tuple[Coefficient, ...]
    masks: tuple[Mask, ...] = ()
    insert: Insert | None = None

    @property
    def windows(self) -> Mapping[str, Source]:
        """The sources that its latents are made of, by their keys."""
        if self.insert is None:
            return {self.key: self.source}
        return {part.key: part.source for part in self.insert.parts}


class Contribution(Struct, frozen=True, array_like=True, gc=False):
    """The contribution of one track to one chunk.

    Attributes:
        track: id of the track; 0 if the terms belong to no track.
        terms: its sources with their coefficients.
        unequal: whether any coefficient differs between the two buses.
        digest: the sum of the digests of its terms, little-endian. Only plans need it.
        kernel: what the operator computes that is the insert of the track.
    """

    track: int
    terms: tuple[Term, ...]
    unequal: bool = False
    digest: bytes = b""
    kernel: Kernel | None = None

    @classmethod
    def of(cls, track: int, term: Term, kernel: Kernel | None = None) -> Contribution:
        coefficients = term.coefficients
        # A chunk with equal buses is the same in a stereo session as in a mono session.
        equal = all(coefficient == coefficients[0] for coefficient in coefficients)
        content = term.key + repr(coefficients[:1] if equal else coefficients)
        if term.masks:  # without regions, keys are those of versions that had none
            content += repr(term.masks)
        if term.insert is not None:
            content += repr(term.insert)
        return cls(track, (term,), not equal, hashlib.blake2b(content.encode(), digest_size=32).digest(), kernel)

    def joined(self, other: Contribution) -> Contribution:
        """The terms of both, which belong to one track."""
        total = number_of(self.digest) + number_of(other.digest)
        digest = total.to_bytes(-(-total.bit_length() // 8), "little")
        unequal = self.unequal or other.unequal
        return Contribution(self.track, self.terms + other.terms, unequal, digest, self.kernel)


def number_of(digest: bytes) -> int:
    """A digest as a number, which can be added to others."""
    return int.from_bytes(digest, "little")


#: The contributions of a track, by chunk index.
Contributions = Mapping[int, Contribution]


def contributions_of(
    heard: Heard, media: Mapping[str, Media], codec: CodecInfo, grid: Grid, buses: int
) -> Steps[Contributions]:
    """The contributions of a track to each chunk, made in steps. `media`: by digest; `buses`: of the mix."""
    contributions: dict[int, Contribution] = {}
    track = heard.track
    fades = effective_fades(track, media)
    identity, follows = codec.latent_identity, heard.moving
    track_masks = _masks_in(applicable(heard.regions, codec), grid, 0)
    kernel = kernel_of(heard.operator, codec) if heard.operator is not None else None
    for clip in track.clips:
        yield
        if clip.mute:
            continue
        clip_masks = _masks_in(applicable(clip.regions, codec), grid, clip.start - clip.offset)
        item = media[clip.media]
        base, matrix = played(item)

        def coefficients_of(
            index: int, clip: Clip = clip, channels: int = item.channels, matrix: Matrix = matrix
        ) -> list[tuple[Coefficient, ...]]:
            positions = grid.frame_centres(index) if follows else NOWHERE
            factors = mixed(heard.factors(clip, channels, buses, positions), matrix)
            return [tuple(map(coefficient_of, on_buses)) for on_buses in factors]

        constant = None if follows else coefficients_of(0)
        found = cache(coefficients_of) if follows else coefficients_of
        placed = clip if base is item else replace(clip, media=base.digest)
        for channel in range(base.channels):
            if constant is not None and not any(constant[channel]):
                continue
            runs = sources_of(placed, channel, fades[clip.id], grid, identity)
            inserts: dict[int, Insert] = {}
            for run in runs if kernel is None else _inserted(kernel, grid, runs, clip_masks, inserts):
                for index, source, key in run:
                    coefficients = (constant or found(index))[channel]
                    if any(coefficients):
                        masks = track_masks(index)
                        if kernel is None and (of_clip := clip_masks(index)):
                            masks = tuple(sorted(masks + of_clip, key=repr))
                        term = Term(key, source, coefficients, masks, inserts.get(index))
                        added = Contribution.of(track.id, term, kernel)
                        contributions[index] = contributions[index].joined(added) if index in contributions else added
                yield
    return contributions


#: The masks of regions in a chunk.
_Masks = Callable[[int], tuple[Mask, ...]]

#: Of each chunk of a run: its index, and a source with its key.
_Run = Sequence[tuple[int, Source, str]]


def _masks_in(regions: tuple[Region, ...], grid: Grid, origin: int) -> _Masks:
    """The masks of regions by chunk, computed once. `origin`: the timeline sample that is their sample 0."""
    if not regions:  # as of nearly all clips: caches for all of them took a third of the time of a plan
        return _no_masks
    return cache(lambda index: masks_of(regions, grid.frame_centres(index) - origin))


def _no_masks(index: int) -> tuple[Mask, ...]:
    return ()


def _inserted(
    kernel: Kernel, grid: Grid, runs: Iterator[_Run], masks: _Masks, inserts: dict[int, Insert]
) -> Iterator[_Run]:
    """The sources of one channel of a clip with an insert, which also sounds in chunks around the clip.

    `inserts`: receives the insert of each chunk.
    """
    sources = {index: (source, key) for run in runs for index, source, key in run}
    before, after = reach_of(kernel, grid)
    found: list[tuple[int, Source, str]] = []
    for index in range(max(0, min(sources) - before), max(sources) + after + 1):
        insert = insert_at(kernel, grid, index, sources, masks)
        if insert is not None:
            first = insert.parts[0]
            source, key = sources.get(index, (first.source, first.key))
            inserts[index] = insert
            found.append((index, source, key))
        if len(found) == RUN:
            yield found
            found = []
    yield found


def coefficient_of(factor: Factor) -> Coefficient:
    """A factor as plain numbers; a single one where it does not change within the chunk."""
    if isinstance(factor, float):
        return float(factor)
    values: list[float] = factor.tolist()
    return values[0] if min(values) == max(values) else tuple(values)
