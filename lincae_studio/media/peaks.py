"""Peaks pyramids: minimum and maximum of runs of samples at several resolutions, for drawing waveforms.

One pyramid belongs to one source, whatever number of clips show it. Level 0 holds one pair per `BLOCK` samples, each
further level one pair per `FACTOR` of the level below. numpy only; any thread may read.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

#: Places that differ by less are one: rounding must not decide to which column a sample belongs.
_NOISE = 1e-6

Audio = npt.NDArray[np.float32]

#: Samples per pair at level 0, and pairs per pair from level to level.
BLOCK = 256
FACTOR = 4

#: A level is not worth having below this many pairs.
_SMALLEST_LEVEL = 64


def block_peaks(audio: Audio) -> Audio:
    """Level-0 pairs `(ceil(N / BLOCK), 2)` of `(N,)` or `(N, C)` samples, over all channels together."""
    flat = audio if audio.ndim == 2 else audio[:, None]
    count = -(-len(flat) // BLOCK)
    pairs = np.empty((count, 2), np.float32)
    whole = len(flat) // BLOCK
    if whole:
        blocks = flat[: whole * BLOCK].reshape(whole, -1)
        pairs[:whole, 0] = blocks.min(axis=1)
        pairs[:whole, 1] = blocks.max(axis=1)
    if count > whole:
        pairs[whole] = flat[whole * BLOCK :].min(), flat[whole * BLOCK :].max()
    return pairs


class PeakPyramid:
    """Levels over one array of level-0 pairs, which may be updated in place."""

    def __init__(self, level_0: Audio) -> None:
        """`level_0`: pairs `(blocks, 2)`; kept, not copied."""
        self._levels = [level_0]
        while len(self._levels[-1]) > _SMALLEST_LEVEL * FACTOR:
            self._levels.append(_coarser(self._levels[-1]))

    @property
    def blocks(self) -> int:
        """Number of level-0 pairs."""
        return len(self._levels[0])

    @property
    def level_0(self) -> Audio:
        """The pairs `(blocks, 2)` of the finest level."""
        return self._levels[0]

    def update(self, first_block: int, pairs: Audio) -> None:
        """Replace level-0 pairs from `first_block` on, and what lies above them."""
        first, last = first_block, min(first_block + len(pairs), self.blocks)
        self._levels[0][first:last] = pairs[: last - first]
        for below, level in zip(self._levels, self._levels[1:], strict=False):
            first, last = first // FACTOR, -(-last // FACTOR)
            level[first:last] = _coarser(below[first * FACTOR : last * FACTOR])

    def columns(self, start: float, samples_per_column: float, count: int) -> Audio:
        """Pairs `(count, 2)` for `count` pixel columns from sample `start` on.

        Each column covers at least its own samples (a pixel never misses a peak). Columns outside the source are 0.
        Meant for `samples_per_column >= BLOCK`; below that, draw samples.
        """
        return self.columns_at(start + samples_per_column * np.arange(count), samples_per_column)

    def columns_at(self, starts: npt.NDArray[np.floating], samples_per_column: float) -> Audio:
        """As `columns`, for pixel columns that begin at any samples `starts`."""
        level_index = 0
        size = float(BLOCK)
        while level_index + 1 < len(self._levels) and size * FACTOR <= samples_per_column:
            level_index += 1
            size *= FACTOR
        first = np.floor(starts / size + _NOISE).astype(np.int64)
        last = np.maximum(np.ceil((starts + samples_per_column) / size - _NOISE).astype(np.int64), first + 1)
        return reduce_runs(self._levels[level_index], first, last)


def reduce_runs(pairs: Audio, first: npt.NDArray[np.int64], last: npt.NDArray[np.int64]) -> Audio:
    """Minimum of column 0 and maximum of column 1 of `pairs[first[i]:last[i]]` for each run i; outside it is 0."""
    result = np.zeros((len(first), 2), np.float32)
    inside = (last > 0) & (first < len(pairs))
    if not inside.any():
        return result
    lo = np.clip(first[inside], 0, len(pairs) - 1)
    hi = np.clip(last[inside], 1, len(pairs))
    # reduceat takes interleaved (begin, end) indices; one pair is appended so that an end may be the length.
    bounds = np.stack([lo, hi], axis=1).ravel()
    base = int(lo.min())
    part = pairs[base : int(hi.max())]
    padded = np.concatenate([part, part[-1:]])
    result[inside, 0] = np.minimum.reduceat(padded[:, 0], bounds - base)[::2]
    result[inside, 1] = np.maximum.reduceat(padded[:, 1], bounds - base)[::2]
    return result


def sample_columns(audio: Audio, start: float, samples_per_column: float, count: int) -> Audio:
    """As `PeakPyramid.columns`, from `(N,)` or `(N, C)` samples themselves, for `samples_per_column < BLOCK`."""
    edges = start + samples_per_column * np.arange(count + 1)
    first = np.floor(edges[:-1] + _NOISE).astype(np.int64)
    last = np.maximum(np.ceil(edges[1:] - _NOISE).astype(np.int64), first + 1)
    flat = audio if audio.ndim == 2 else audio[:, None]
    return reduce_runs(np.stack([flat.min(axis=1), flat.max(axis=1)], axis=1), first, last)


def _coarser(level: Audio) -> Audio:
    starts = np.arange(0, len(level), FACTOR)
    return np.stack([np.minimum.reduceat(level[:, 0], starts), np.maximum.reduceat(level[:, 1], starts)], axis=1)
