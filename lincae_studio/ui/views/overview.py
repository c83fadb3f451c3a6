"""The values of a whole session at low resolution: a few columns per chunk, for zoomed-out views. No Qt."""

from __future__ import annotations

import numpy as np

from lincae_studio.codecs.base import Array

#: Columns per chunk in the overview.
COLUMNS = 16

_LEVELS = (16, 8, 4, 2, 1)


def pooled(latents: Array, frames: int) -> Array:
    """Pool `(D, T)` to `(D, ceil(T / frames))`, keeping the value of largest magnitude of each run, with its sign.

    A mean would cancel out, since latents oscillate about 0.
    """
    if frames <= 1:
        return latents
    return _largest(latents, np.arange(0, latents.shape[1], frames))


class Overview:
    """Stores `COLUMNS` columns per chunk, half as many, and so on down to one. Chunks can be replaced one by one."""

    def __init__(self, dim: int, chunks: int) -> None:
        #: Arrays `(D, chunks * columns)` by number of columns per chunk.
        self._levels = {columns: np.zeros((dim, chunks * columns), np.float32) for columns in _LEVELS}

    @property
    def chunks(self) -> int:
        return self._levels[1].shape[1]

    def resize(self, chunks: int) -> None:
        """Follow the length of the session, keeping known values."""
        kept = min(chunks, self.chunks)
        for columns, level in self._levels.items():
            self._levels[columns] = np.pad(level[:, : kept * columns], ((0, 0), (0, (chunks - kept) * columns)))

    def put(self, index: int, latents: Array) -> None:
        """Store a chunk's latents `(D, step)`."""
        part = _largest(latents, np.arange(COLUMNS) * latents.shape[1] // COLUMNS)
        for columns in _LEVELS:
            if columns < COLUMNS:
                part = pooled(part, 2)
            self._levels[columns][:, index * columns : (index + 1) * columns] = part

    def clear(self, index: int) -> None:
        """Clear a silent chunk."""
        for columns, level in self._levels.items():
            level[:, index * columns : (index + 1) * columns] = 0.0

    def picture(self, first: int, last: int, columns: int) -> tuple[Array, float]:
        """Chunks `[first, last)` as an image `(D, W)` with one to two times `columns` columns, if available.

        Returns:
            The image, and the number of chunks per column.
        """
        chunks = last - first
        if chunks >= columns:
            together = 1 << int(np.log2(chunks / columns))
            return pooled(self._levels[1][:, first:last], together), float(together)
        each = next((each for each in reversed(_LEVELS) if chunks * each >= columns), COLUMNS)
        return self._levels[each][:, first * each : last * each], 1.0 / each


def _largest(latents: Array, starts: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Array:
    """The value of largest magnitude in each run of columns starting at one of `starts`."""
    low = np.minimum.reduceat(latents, starts, axis=1)
    high = np.maximum.reduceat(latents, starts, axis=1)
    return np.where(-low > high, low, high)
