"""Waveforms as images filled by numpy, which is twenty times faster than painting lines in Python. No state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PySide6.QtGui import QColor, QImage

from lincae_studio.media.conformed import ConformedMedia, DamagedMediaError
from lincae_studio.media.peaks import BLOCK, Audio, sample_columns

#: Tolerance in samples for columns of adjacent pieces to count as contiguous.
_SAME = 1e-3

Pixels = npt.NDArray[np.uint32]


@dataclass(frozen=True)
class Piece:
    """Columns `[first, last)` of a row image, showing an audio file from its sample `start`."""

    media: ConformedMedia
    first: int
    last: int
    start: float
    gain: float
    color: QColor


def media_columns(media: ConformedMedia, start: float, samples_per_column: float, count: int) -> Audio:
    """Peaks `(count, 2)` of an audio file from its sample `start`: from the pyramid, or from samples when zoomed in."""
    if samples_per_column >= BLOCK:
        return media.peaks.columns(start, samples_per_column, count)
    first = max(0, int(start))
    last = min(media.length, int(start + samples_per_column * count) + 2)
    if last <= first:
        return np.zeros((count, 2), np.float32)
    try:
        samples = media.frames(first, last)
    except DamagedMediaError:  # reported by the store; drawn once it is rebuilt
        return np.zeros((count, 2), np.float32)
    return sample_columns(np.asarray(samples), start - first, samples_per_column, count)


def row_image(pieces: Sequence[Piece], samples_per_column: float, left: int, right: int, height: int) -> QImage:
    """The image of columns `[left, right)` of a row: later pieces over earlier ones, transparent between them.

    All pieces of one media file are looked up together, since a row may have hundreds.
    """
    starts = np.zeros(right - left)
    gains = np.zeros(right - left, np.float32)
    colors = np.zeros(right - left, np.uint32)
    owners = np.full(right - left, -1)
    medias = {id(piece.media): (number, piece.media) for number, piece in enumerate(pieces)}
    for piece in pieces:
        first, last = max(piece.first, left), min(piece.last, right)
        part = slice(first - left, last - left)
        starts[part] = piece.start + samples_per_column * np.arange(first - piece.first, last - piece.first)
        gains[part] = piece.gain
        colors[part] = piece.color.rgba()
        owners[part] = medias[id(piece.media)][0]
    columns = np.zeros((right - left, 2), np.float32)
    for number, media in medias.values():
        mine = np.flatnonzero(owners == number)
        if len(mine) and samples_per_column >= BLOCK:
            columns[mine] = media.peaks.columns_at(starts[mine], samples_per_column)
        elif len(mine):
            for run in np.split(mine, np.flatnonzero(np.abs(np.diff(starts[mine]) - samples_per_column) > _SAME) + 1):
                columns[run] = media_columns(media, starts[run[0]], samples_per_column, len(run))
    return wave_image((columns * gains[:, None]).clip(-1.0, 1.0), height, colors)


def wave_image(columns: Audio, height: int, color: QColor | Pixels) -> QImage:
    """An image of `height` pixels with one column per pair of peaks on a transparent ground; -1 to 1 fills the height.

    `color`: of all columns, or of each column.
    """
    count = len(columns)
    middle = (height - 1) / 2
    top = np.clip(np.floor(middle - columns[:, 1] * middle + 0.5), 0, height - 1)
    bottom = np.clip(np.ceil(middle - columns[:, 0] * middle - 0.5), 0, height - 1)
    top, bottom = np.minimum(top, bottom).astype(np.int16), np.maximum(top, bottom).astype(np.int16)
    rows = np.arange(height, dtype=np.int16)[:, None]
    inside = (rows >= top) & (rows <= bottom)
    pixels = inside * (np.uint32(color.rgba()) if isinstance(color, QColor) else color)
    # Fully opaque or transparent, so premultiplied is equivalent, and faster. copy(): numpy will free the array.
    return QImage(pixels.data, count, height, 4 * count, QImage.Format.Format_ARGB32_Premultiplied).copy()
