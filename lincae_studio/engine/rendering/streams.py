"""Streams for export, as consecutive blocks of samples: the rendered mix, the dry mix, or their difference.

Any thread; memory does not depend on the length.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from msgspec import Struct

from lincae_studio.codecs.base import Array
from lincae_studio.engine.planning.plan import Chunk, Plan
from lincae_studio.engine.rendering.dry_mix import DryMix
from lincae_studio.engine.rendering.renderer import Rendered
from lincae_studio.engine.rendering.stitch import stitch, window_slice

#: Returns the render of a chunk: renders it directly (command line), or waits for the engine process (window).
ProvideChunk = Callable[[Chunk], Rendered]

#: Samples of the dry mix read at a time.
_DRY_BLOCK = 1 << 16


class Stream(Struct, frozen=True):
    """Audio on the timeline.

    Attributes:
        channels: 1 or 2.
        rate: in Hz.
        blocks: yields the samples `(channels, n)` of `[start, end)`, in order; silence after the end.
    """

    channels: int
    rate: int
    blocks: Callable[[int, int], Iterator[Array]]


def rendered(plan: Plan, provide: ProvideChunk) -> Stream:
    """The mix of a plan, decoded; requests only the chunks that are heard, and holds two at a time."""

    def blocks(start: int, end: int) -> Iterator[Array]:
        for _, block in mix_blocks(plan, provide, start, end):
            yield block

    return Stream(plan.channels, plan.codec.sample_rate, blocks)


def dry(mix: DryMix) -> Stream:
    """The mix without a codec."""

    def blocks(start: int, end: int) -> Iterator[Array]:
        for at in range(start, end, _DRY_BLOCK):
            yield mix.read(at, min(_DRY_BLOCK, end - at))

    return Stream(mix.channels, mix.rate, blocks)


def difference(plan: Plan, provide: ProvideChunk, mix: DryMix) -> Stream:
    """The rendered mix minus the dry mix."""

    def blocks(start: int, end: int) -> Iterator[Array]:
        at = start
        for block in rendered(plan, provide).blocks(start, end):
            yield block - mix.read(at, block.shape[1])
            at += block.shape[1]

    return Stream(max(plan.channels, mix.channels), mix.rate, blocks)


def mix_blocks(
    plan: Plan, provide: ProvideChunk, begin: int = 0, finish: int | None = None
) -> Iterator[tuple[int, Array]]:
    """Yield (chunk index, samples `(channels, n)`), which make up the mix from `begin` to `finish`, or to its end.

    After the end of the plan comes the rest of the last decoded chunk, then silence.
    """
    finish = plan.length if finish is None else finish
    held: dict[int, Rendered] = {}

    def audio_of(chunk: Chunk, start: int, end: int) -> Array:
        if chunk.index not in held:
            held[chunk.index] = provide(chunk)
        return window_slice(plan, held[chunk.index].audio, chunk.index, start, end)

    done = begin
    for index in range(len(plan.chunks)):
        # Up to where the next chunk starts to be heard.
        end = min(plan.grid.valid(index + 1)[0], finish)
        if index + 1 == len(plan.chunks):
            end = min(plan.grid.valid(index)[1], finish)
        if end <= done:
            continue
        held = {number: rendered for number, rendered in held.items() if number >= index - 1}
        yield index, stitch(plan, audio_of, done, end - done, finish)
        done = end
    if done < finish:
        yield max(0, len(plan.chunks) - 1), np.zeros((plan.channels, finish - done), np.float32)
