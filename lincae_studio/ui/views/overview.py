"""The values of a whole session in little: some columns for each chunk, for views that show many chunks. No Qt."""

from __future__ import annotations

import numpy as np

from lincae_studio.codecs.base import Array

#: Columns that a chunk has in the overview.
COLUMNS = 16

_LEVELS = (16, 8, 4, 2, 1)


def pooled(latents: Array, frames: int) -> Array:
    """`(D, T)` to `(D, ceil(T / frames))`: the value of largest magnitude of each run, with its sign.

    Zoomed out, a mean would cancel: latents swing about 0.
    """
    if frames <= 1:
        return latents
    return _largest(latents, np.arange(0, latents.shape[1], frames))


class Overview:
    """`COLUMNS` columns for each chunk, half as many, and so on down to one; one rendered anew replaces its own."""

    def __init__(self, dim: int, chunks: int) -> None:
        #: By columns for each chunk: `(D, chunks * columns)`.
        self._levels = {columns: np.zeros((dim, chunks * columns), np.float32) for columns in _LEVELS}

    @property
    def chunks(self) -> int:
        return self._levels[1].shape[1]

    def resize(self, chunks: int) -> None:
        """The session has another length; what is known stays."""
        kept = min(chunks, self.chunks)
        for columns, level in self._levels.items():
            self._levels[columns] = np.pad(level[:, : kept * columns], ((0, 0), (0, (chunks - kept) * columns)))

    def put(self, index: int, latents: Array) -> None:
        """Take a chunk's latents `(D, step)`."""
        part = _largest(latents, np.arange(COLUMNS) * latents.shape[1] // COLUMNS)
        for columns in _LEVELS:
            if columns < COLUMNS:
                part = pooled(part, 2)
            self._levels[columns][:, index * columns : (index + 1) * columns] = part

    def clear(self, index: int) -> None:
        """A chunk is silent."""
        for columns, level in self._levels.items():
            level[:, index * columns : (index + 1) * columns] = 0.0

    def picture(self, first: int, last: int, columns: int) -> tuple[Array, float]:
        """Chunks `[first, last)` as an image `(D, W)`: as many columns as asked for, or up to twice as many.

        Returns:
            The image, and how many chunks a column stands for.
        """
        chunks = last - first
        if chunks >= columns:
            together = 1 << int(np.log2(chunks / columns))
            return pooled(self._levels[1][:, first:last], together), float(together)
        each = next((each for each in reversed(_LEVELS) if chunks * each >= columns), COLUMNS)
        return self._levels[each][:, first * each : last * each], 1.0 / each


def _largest(latents: Array, starts: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Array:
    """The value of largest magnitude of each run of columns that begins at one of `starts`."""
    low = np.minimum.reduceat(latents, starts, axis=1)
    high = np.maximum.reduceat(latents, starts, axis=1)
    return np.where(-low > high, low, high)
