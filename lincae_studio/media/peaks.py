"""Peak pyramids: minimum and maximum of runs of samples at several resolutions, for drawing waveforms.

Each source has one pyramid, however many clips show it. Level 0 has one pair per `BLOCK` samples, each higher level one
pair per `FACTOR` pairs of the level below. numpy only; any thread may read.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

#: Tolerance of positions, so that rounding does not decide which column a sample belongs to.
_NOISE = 1e-6

#: Levels of a page of a sparse pyramid above level 0; the highest has one pair.
_PAGE_LEVELS = 6

Audio = npt.NDArray[np.float32]

#: Samples per pair at level 0, and pairs of one level per pair of the next.
BLOCK = 256
FACTOR = 4

#: Level-0 pairs of a page of a sparse pyramid: 24 s.
_PAGE = FACTOR**_PAGE_LEVELS

#: Smaller levels are not worth keeping.
_SMALLEST_LEVEL = 64

#: The longest runs of pairs that are reduced pair by pair; a column of a level that fits has no more.
_SHORT = FACTOR + 2


def block_peaks(audio: Audio) -> Audio:
    """Level-0 pairs `(ceil(N / BLOCK), 2)` of `(N,)` or `(N, C)` samples, over all channels."""
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


def together(peaks: Audio) -> Audio:
    """The pairs `(n, 2)` over all channels of the pairs `(C, n, 2)` of each channel."""
    return np.stack([peaks[:, :, 0].min(axis=0), peaks[:, :, 1].max(axis=0)], axis=1)


class PeakPyramid:
    """Levels above an array of level-0 pairs, which can be updated in place."""

    def __init__(self, level_0: Audio, until: int = _SMALLEST_LEVEL * FACTOR) -> None:
        """`level_0`: pairs `(blocks, 2)`; kept, not copied. `until`: there is no level above one with so few pairs."""
        self._levels = [level_0]
        while len(self._levels[-1]) > until:
            self._levels.append(_coarser(self._levels[-1]))

    @property
    def blocks(self) -> int:
        """Number of level-0 pairs."""
        return len(self._levels[0])

    @property
    def level_0(self) -> Audio:
        """The pairs `(blocks, 2)` of the finest level."""
        return self._levels[0]

    def level(self, number: int) -> Audio:
        """The pairs of a level."""
        return self._levels[number]

    def update(self, first_block: int, pairs: Audio) -> None:
        """Replace level-0 pairs from `first_block` on, and update the levels above."""
        first, last = first_block, min(first_block + len(pairs), self.blocks)
        self._levels[0][first:last] = pairs[: last - first]
        for below, level in zip(self._levels, self._levels[1:], strict=False):
            first, last = first // FACTOR, -(-last // FACTOR)
            level[first:last] = _coarser(below[first * FACTOR : last * FACTOR])

    def columns(self, start: float, samples_per_column: float, count: int) -> Audio:
        """Pairs `(count, 2)` for `count` pixel columns from sample `start` on.

        Each column covers at least its own samples, so that no peak is missed. Columns outside the source are 0.
        Meant for `samples_per_column >= BLOCK`; below that, use `sample_columns`.
        """
        return self.columns_at(start + samples_per_column * np.arange(count), samples_per_column)

    def columns_at(self, starts: npt.NDArray[np.floating], samples_per_column: float) -> Audio:
        """Like `columns`, for pixel columns that start at arbitrary samples `starts`."""
        level_index = 0
        size = float(BLOCK)
        while level_index + 1 < len(self._levels) and size * FACTOR <= samples_per_column:
            level_index += 1
            size *= FACTOR
        first = np.floor(starts / size + _NOISE).astype(np.int64)
        last = np.maximum(np.ceil((starts + samples_per_column) / size - _NOISE).astype(np.int64), first + 1)
        return reduce_runs(self._levels[level_index], first, last)


class SparsePyramid:
    """A peak pyramid without an end, in pages. Silence takes neither memory nor time."""

    def __init__(self) -> None:
        self._pages: dict[int, PeakPyramid] = {}

    @property
    def pages(self) -> int:
        """The number of pages that are not silent."""
        return len(self._pages)

    def update(self, first_block: int, pairs: Audio) -> None:
        """Replace level-0 pairs from `first_block` on."""
        for page, place, part in self._parts(first_block, first_block + len(pairs)):
            if page not in self._pages:
                self._pages[page] = PeakPyramid(np.zeros((_PAGE, 2), np.float32), until=1)
            self._pages[page].update(place, pairs[part])

    def clear(self, first_block: int, last_block: int) -> None:
        """Make level-0 pairs `[first_block, last_block)` silent."""
        for page, place, part in self._parts(first_block, last_block):
            found = self._pages.get(page)
            if found is not None:
                found.update(place, np.zeros((part.stop - part.start, 2), np.float32))
                if not found.level(_PAGE_LEVELS).any():
                    del self._pages[page]

    def level_0(self, first_block: int, last_block: int) -> Audio:
        """The level-0 pairs `[first_block, last_block)`."""
        return self._cells(0, first_block, last_block)

    def columns(self, start: float, samples_per_column: float, count: int) -> Audio:
        """As `PeakPyramid.columns`."""
        level, size = 0, float(BLOCK)
        while level < _PAGE_LEVELS and size * FACTOR <= samples_per_column:
            level, size = level + 1, size * FACTOR
        starts = start + samples_per_column * np.arange(count)
        first = np.floor(starts / size + _NOISE).astype(np.int64)
        last = np.maximum(np.ceil((starts + samples_per_column) / size - _NOISE).astype(np.int64), first + 1)
        if not count:
            return np.zeros((0, 2), np.float32)
        base, end = max(0, int(first[0])), max(0, int(last[-1]))
        return reduce_runs(self._cells(level, base, end), first - base, last - base)

    def _cells(self, level: int, first: int, last: int) -> Audio:
        """Pairs `[first, last)` of a level."""
        cells = np.zeros((max(0, last - first), 2), np.float32)
        size = _PAGE // FACTOR**level
        wanted = range(first // size, -(-last // size))
        for page in wanted if len(wanted) < len(self._pages) else [page for page in self._pages if page in wanted]:
            if page in self._pages:
                begin, end = max(first, page * size), min(last, (page + 1) * size)
                part = self._pages[page].level(level)[begin - page * size : end - page * size]
                cells[begin - first : end - first] = part
        return cells

    @staticmethod
    def _parts(first: int, last: int) -> Iterator[tuple[int, int, slice]]:
        """What blocks `[first, last)` are on each page: the page, the place on it, and the part of the blocks."""
        for page in range(first // _PAGE, -(-last // _PAGE)):
            begin, end = max(first, page * _PAGE), min(last, (page + 1) * _PAGE)
            yield page, begin - page * _PAGE, slice(begin - first, end - first)


def reduce_runs(pairs: Audio, first: npt.NDArray[np.int64], last: npt.NDArray[np.int64]) -> Audio:
    """Minimum of column 0 and maximum of column 1 of `pairs[first[i]:last[i]]` for each run i; 0 outside `pairs`."""
    result = np.zeros((len(first), 2), np.float32)
    outside = (last <= 0) | (first >= len(pairs))
    if outside.all():
        return result
    lowest, highest = np.minimum(np.maximum(first, 0), len(pairs) - 1), np.minimum(np.maximum(last, 1), len(pairs)) - 1
    longest = int((highest - lowest).max()) + 1
    if longest <= _SHORT:  # those of a pyramid: one pair of each run after the other
        places = np.minimum(lowest + np.arange(longest)[:, None], highest)
        whole = np.ascontiguousarray(pairs).view(np.int64)[:, 0]  # a pair each, which is faster to look up
        found = whole.take(places).view(np.float32).reshape(longest, -1, 2)
        found[:, :, 0].min(axis=0, out=result[:, 0])
        found[:, :, 1].max(axis=0, out=result[:, 1])
    else:  # adjacent ones, since what is between two runs is looked through
        # reduceat takes interleaved (begin, end) indices; one pair is appended so that an end may be the length.
        bounds = np.stack([lowest, highest + 1], axis=1).ravel()
        base = int(lowest.min())
        part = pairs[base : int(highest.max()) + 1]
        padded = np.concatenate([part, part[-1:]])
        result[:, 0] = np.minimum.reduceat(padded[:, 0], bounds - base)[::2]
        result[:, 1] = np.maximum.reduceat(padded[:, 1], bounds - base)[::2]
    result[outside] = 0.0
    return result


def sample_columns(audio: Audio, start: float, samples_per_column: float, count: int) -> Audio:
    """Like `PeakPyramid.columns`, directly from `(N,)` or `(N, C)` samples, for `samples_per_column < BLOCK`."""
    edges = start + samples_per_column * np.arange(count + 1)
    first = np.floor(edges[:-1] + _NOISE).astype(np.int64)
    last = np.maximum(np.ceil(edges[1:] - _NOISE).astype(np.int64), first + 1)
    flat = audio if audio.ndim == 2 else audio[:, None]
    return reduce_runs(np.stack([flat.min(axis=1), flat.max(axis=1)], axis=1), first, last)


def _coarser(level: Audio) -> Audio:
    starts = np.arange(0, len(level), FACTOR)
    return np.stack([np.minimum.reduceat(level[:, 0], starts), np.maximum.reduceat(level[:, 1], starts)], axis=1)
