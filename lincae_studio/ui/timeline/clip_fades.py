"""The fades and crossfades of clips, drawn over their waveforms. No state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from msgspec import Struct
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QColor, QImage, QPainter

from lincae_studio.engine.planning.sources import rise_of
from lincae_studio.session.model import Clip, FadeShape
from lincae_studio.ui import theme
from lincae_studio.ui.model.time_axis import TimeAxis
from lincae_studio.ui.timeline.hits import NAME_PX

#: Opacity of the shade over what a fade attenuates, and over an overlap.
_SHADE = 150
_OVERLAP_SHADE = 110

#: Fades and overlaps narrower than this are not drawn.
_NARROWEST_PX = 2


class Columns(NamedTuple):
    """The columns `[left, right)` of device pixels that are painted; `ratio`: device pixels per point."""

    axis: TimeAxis
    left: int
    right: int
    ratio: float


class Overlap(Struct, frozen=True):
    """Where a clip covers the end of an earlier one; `under` and `over` are their places in the list of clips."""

    under: int
    over: int
    rect: QRectF


def overlaps_of(rects: Sequence[QRectF]) -> list[Overlap]:
    """The overlaps of clips with these rectangles, by increasing left border; those too narrow to see are left out."""
    found = []
    for under, first in enumerate(rects):
        if first.width() <= _NARROWEST_PX:
            continue
        for over in range(under + 1, len(rects)):
            second = rects[over]
            right = min(first.right(), second.right())
            if second.left() > first.right() - _NARROWEST_PX:
                break
            if right - second.left() >= _NARROWEST_PX:
                place = QRectF(second.left(), first.top() + NAME_PX, right - second.left(), first.height() - NAME_PX)
                found.append(Overlap(under, over, place))
    return found


def paint_overlap_ground(painter: QPainter, overlap: Overlap) -> None:
    """Darken an overlap, below its waveforms."""
    shade = QColor(theme.colors().lane)
    shade.setAlpha(_OVERLAP_SHADE)
    painter.fillRect(overlap.rect, shade)


def paint_crossfade(painter: QPainter, within: Columns, overlap: Overlap, under: Clip, over: Clip) -> None:
    """Paint the curves of the crossfade that is made where a clip starts before another has ended.

    A clip's own fade takes precedence, and none is made with a muted clip, or where one lies within the other: as in
    `engine.planning.sources.effective_fades`.
    """
    if under.mute or over.mute or not (under.start < over.start and under.end < over.end):
        return
    in_sync = (under.media, under.start - under.offset) == (over.media, over.start - over.offset)
    shape: FadeShape = "linear" if in_sync else "equal-power"
    length = under.end - over.start
    if not over.fade_in:
        _paint_curve(painter, within, overlap.rect, over.start, length, shape)
    if not under.fade_out:
        _paint_curve(painter, within, overlap.rect, under.end, -length, shape)


def paint_fades(painter: QPainter, within: Columns, rect: QRectF, clip: Clip) -> None:
    """Darken what the fades attenuate, above their curves."""
    for start, length, shape in (
        (clip.start, clip.fade_in, clip.fade_in_shape),
        (clip.end, -clip.fade_out, clip.fade_out_shape),
    ):
        if length:
            _paint_curve(painter, within, rect.adjusted(0, NAME_PX, 0, 0), start, length, shape, _SHADE)


def _paint_curve(
    painter: QPainter, within: Columns, rect: QRectF, start: int, length: int, shape: FadeShape, shade: int = 0
) -> None:
    """Paint a curve that rises from the bottom at sample `start` to the top, `length` later (or earlier).

    It is computed for each column, so that it does not depend on which columns are painted with it.
    """
    axis, ratio = within.axis, within.ratio
    if abs(length) < _NARROWEST_PX * axis.samples_per_px:
        return
    begin, end = (axis.pixel_of(at, ratio) for at in sorted((start, start + length)))
    left, right, height = max(begin, within.left), min(end, within.right), round(rect.height() * ratio)
    if left >= right or height < 1:
        return
    borders = axis.start + np.arange(left, right + 1) * (axis.samples_per_px / ratio)
    rise = rise_of((borders - start) / length, shape).astype(np.float32)  # rounded, so that halves remain halves
    ends = np.floor((1.0 - rise) * (height - 1) + 0.5).astype(np.int16)
    top = np.minimum(ends[:-1], ends[1:])
    bottom = np.maximum(np.maximum(ends[:-1], ends[1:]) - 1, top) + round(ratio) - 1  # as thick as a line of a point
    lines = np.arange(height, dtype=np.int16)[:, None]
    image = QImage(right - left, height, QImage.Format.Format_ARGB32)
    pixels = np.frombuffer(image.bits(), np.uint32).reshape(height, -1)
    curve, above = QColor(theme.colors().outline), QColor(theme.colors().lane)
    above.setAlpha(shade)
    pixels[...] = np.where(lines < top, np.uint32(above.rgba()), np.where(lines <= bottom, np.uint32(curve.rgba()), 0))
    image.setDevicePixelRatio(ratio)
    painter.drawImage(QPointF(left / ratio, rect.top()), image)
