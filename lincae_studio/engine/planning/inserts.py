"""Inserts: an operator on a term, and where the frames are that it needs. Any thread.

A frame of the result is made of frames before and after it. Those that a chunk does not have, or has from the
unreliable ends of its window, are taken from the windows of the chunks that own them. These are sources of the same
clip, which the mix encodes anyway; so chunks are what the whole clip would be, and an insert encodes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import lru_cache

import msgspec
from msgspec import Struct

from lincae_studio.codecs.base import CodecInfo
from lincae_studio.engine.planning.grid import Grid
from lincae_studio.engine.planning.masks import Mask
from lincae_studio.engine.planning.sources import Source
from lincae_studio.session.model import Operator


class Kernel(Struct, frozen=True, array_like=True):
    """The computation of an operator, without its name; the fields are those of `Operator`, and their digest."""

    digest: str
    channels: int
    reach: int
    past: int
    future: int
    weights: bytes


class Part(Struct, frozen=True, array_like=True, gc=False):
    """Frames of a window: `[first, last)` of it are the frames from `at` on of the chunk, where -1 is the one before.

    `masks`: of the regions of the clip, which come before the operator.
    """

    key: str
    source: Source
    first: int
    last: int
    at: int
    masks: tuple[Mask, ...] = ()


class Insert(Struct, frozen=True, array_like=True, gc=False):
    """An operator, by digest, and the parts that it is applied to; what they leave out is silent."""

    kernel: str
    parts: tuple[Part, ...]


def digest_of(operator: Operator) -> str:
    """Identifies what an operator computes: equal digests mean equal results."""
    return _kernel(operator).digest


@lru_cache(maxsize=64)
def _kernel(operator: Operator) -> Kernel:
    fields = (operator.channels, operator.reach, operator.past, operator.future, operator.weights)
    digest = hashlib.blake2b(msgspec.msgpack.encode(fields), digest_size=20).hexdigest()
    return Kernel(digest, *fields)


def kernel_of(operator: Operator, codec: CodecInfo) -> Kernel | None:
    """The kernel of an operator; None if it does not belong to the latents of a codec."""
    belongs = (operator.space, operator.channels) == (codec.latent_space, codec.dim)
    return _kernel(operator) if belongs else None


def reach_of(kernel: Kernel, grid: Grid) -> tuple[int, int]:
    """In how many chunks before and after those of a clip it is heard, at most."""
    return -(-kernel.future // grid.step), -(-kernel.past // grid.step)


def spans_of(grid: Grid, index: int, past: int, future: int) -> list[tuple[int, int, int, int]]:
    """The frames of a chunk, and `past` before and `future` after it, in the windows in which they are reliable.

    Returns:
        the index of each chunk, the first of its frames, the one after the last, and where they are in this chunk.
    """
    start, context, lead = index * grid.step, grid.context, grid.lead_frames
    own_first = start + (context if index else 0)
    own_last = start + grid.frames - context
    found = []
    frame, end = max(0, start - past), start + grid.frames + future
    while frame < end:
        if own_first <= frame < own_last:
            owner, until = index, own_last
        else:
            owner = max(0, (frame - lead) // grid.step)
            until = min((owner + 1) * grid.step + lead, own_first if frame < own_first else end)
        until = min(until, end)
        found.append((owner, frame - owner * grid.step, until - owner * grid.step, frame - start))
        frame = until
    return found


def insert_at(
    kernel: Kernel,
    grid: Grid,
    index: int,
    sources: Mapping[int, tuple[Source, str]],
    masks: Callable[[int], tuple[Mask, ...]],
) -> Insert | None:
    """The insert of a chunk, or None where nothing of a clip is heard through it.

    Args:
        sources: of one channel of the clip, with their keys, by index of chunk.
        masks: those of the regions of the clip in a chunk.
    """
    parts = []
    for owner, first, last, at in spans_of(grid, index, kernel.past, kernel.future):
        if owner not in sources:
            continue
        source, key = sources[owner]
        begin, end = (first - grid.context) * grid.hop, (last + grid.context) * grid.hop + grid.window_extra
        if source.first < end and source.last > begin:
            parts.append(Part(key, source, first, last, at, masks(owner)))
    return Insert(kernel.digest, tuple(parts)) if parts else None
