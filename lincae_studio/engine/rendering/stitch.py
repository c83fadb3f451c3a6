"""Stitching: joins decoded chunks into the samples of the mix, with equal-gain crossfades. Any thread."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lincae_studio.codecs.base import Array
from lincae_studio.engine.planning.plan import Chunk, Plan

#: The audio `(buses, end - start)` of a chunk for timeline samples `[start, end)`, all within its valid samples.
ChunkAudio = Callable[[Chunk, int, int], Array]


def stitch(plan: Plan, chunk_audio: ChunkAudio, start: int, count: int, until: int | None = None) -> Array:
    """Samples `(channels, count)` of the mix from `start` on; zeros before 0, after the end and in silent chunks.

    The end is `until`, or the end of the last clip.
    """
    out = np.zeros((plan.channels, count), np.float32)
    end = min(start + count, plan.length if until is None else until)
    for index in plan.grid.heard(max(0, start), end):
        chunk = plan.chunks[index] if index < len(plan.chunks) else None
        if chunk is None:
            continue
        valid_start, valid_end = plan.grid.valid(index)
        lo, hi = max(start, valid_start, 0), min(end, valid_end)
        # A single bus is heard on both channels: numpy broadcasts it.
        out[:, lo - start : hi - start] += chunk_audio(chunk, lo, hi) * plan.grid.weights(index, lo, hi)
    return out


def window_slice(plan: Plan, audio: Array, index: int, start: int, end: int) -> Array:
    """The timeline samples `[start, end)` of a decoded window `(buses, window_samples)`."""
    window_start = plan.grid.window_start(index)
    return audio[:, start - window_start : end - window_start]
