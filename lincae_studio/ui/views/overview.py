"""The values of a whole session at low resolution: a few columns per chunk, for zoomed-out views. No Qt."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lincae_studio.codecs.base import Array

#: Columns per chunk in the overview.
COLUMNS = 16

_LEVELS = (16, 8, 4, 2, 1)

#: Chunks that are stored together.
_PAGE = 64


def pooled(latents: Array, frames: int) -> Array:
    """Pool `(D, T)` to `(D, ceil(T / frames))`, keeping the value of largest magnitude of each run, with its sign.

    A mean would cancel out, since latents oscillate about 0.
    """
    if frames <= 1:
        return latents
    return _largest(latents, np.arange(0, latents.shape[1], frames))


class Overview:
    """Stores `COLUMNS` columns per chunk, half as many, and so on down to one. Chunks can be replaced one by one.

    Stored in pages of `_PAGE` chunks; where no chunk was put it is silent, and there are no pages.
    """

    def __init__(self, dim: int) -> None:
        self._dim = dim
        #: Arrays `(D, _PAGE * columns)` by number of columns per chunk, by page.
        self._pages: dict[int, dict[int, Array]] = {}

    def put(self, index: int, latents: Array) -> None:
        """Store a chunk's latents `(D, step)`."""
        page, place = divmod(index, _PAGE)
        if page not in self._pages:
            self._pages[page] = {each: np.zeros((self._dim, _PAGE * each), np.float32) for each in _LEVELS}
        part = _largest(latents, np.arange(COLUMNS) * latents.shape[1] // COLUMNS)
        for columns in _LEVELS:
            if columns < COLUMNS:
                part = pooled(part, 2)
            self._pages[page][columns][:, place * columns : (place + 1) * columns] = part

    def clear(self, index: int) -> None:
        """Clear a silent chunk."""
        page, place = divmod(index, _PAGE)
        for columns, level in self._pages.get(page, {}).items():
            level[:, place * columns : (place + 1) * columns] = 0.0

    def picture(self, first: int, last: int, columns: int) -> tuple[Array, float]:
        """Chunks `[first, last)` as an image `(D, W)` with one to two times `columns` columns, if available.

        Returns:
            The image, and the number of chunks per column.
        """
        chunks = last - first
        if chunks >= columns:
            together = 1 << int(np.log2(chunks / columns))
            image = np.zeros((self._dim, -(-chunks // together)), np.float32)
            for start, part in self._parts(1, first, last):
                column = (start - first + np.arange(part.shape[1])) // together
                begins = np.flatnonzero(np.diff(column, prepend=-1))
                # A column may have chunks on several pages.
                both = np.stack([image[:, column[begins]], _largest(part, begins)], axis=2)
                image[:, column[begins]] = _largest(both.reshape(self._dim, -1), 2 * np.arange(len(begins)))
            return image, float(together)
        each = next((each for each in reversed(_LEVELS) if chunks * each >= columns), COLUMNS)
        image = np.zeros((self._dim, chunks * each), np.float32)
        for start, part in self._parts(each, first, last):
            image[:, (start - first) * each :][:, : part.shape[1]] = part
        return image, 1.0 / each

    def _parts(self, each: int, first: int, last: int) -> Iterator[tuple[int, Array]]:
        """What is stored of chunks `[first, last)`, page by page: the first chunk, and `each` columns per chunk."""
        for page, levels in self._pages.items():
            begin, end = max(first, page * _PAGE), min(last, (page + 1) * _PAGE)
            if begin < end:
                yield begin, levels[each][:, (begin - page * _PAGE) * each : (end - page * _PAGE) * each]


def _largest(latents: Array, starts: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Array:
    """The value of largest magnitude in each run of columns starting at one of `starts`."""
    low = np.minimum.reduceat(latents, starts, axis=1)
    high = np.maximum.reduceat(latents, starts, axis=1)
    return np.where(-low > high, low, high)
