"""The fades and crossfades of clips, drawn over their waveforms. No state."""

from __future__ import annotations

import math
from collections.abc import Sequence

from msgspec import Struct
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF

from lincae_studio.session.model import Clip, FadeShape
from lincae_studio.ui import theme
from lincae_studio.ui.model.time_axis import TimeAxis
from lincae_studio.ui.timeline.hits import NAME_PX

#: Number of points of a fade curve.
_FADE_STEPS = 24

#: Opacity of the shade over what a fade attenuates, and over an overlap.
_SHADE = 150
_OVERLAP_SHADE = 110

#: Overlaps narrower than this are not drawn.
_NARROWEST_PX = 2


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


def paint_crossfade(painter: QPainter, overlap: Overlap, under: Clip, over: Clip) -> None:
    """Paint the curves of the crossfade that is made where a clip starts before another has ended.

    A clip's own fade takes precedence, and none is made with a muted clip, or where one lies within the other: as in
    `engine.planning.sources.effective_fades`.
    """
    if under.mute or over.mute or not (under.start < over.start and under.end < over.end):
        return
    in_sync = (under.media, under.start - under.offset) == (over.media, over.start - over.offset)
    shape: FadeShape = "linear" if in_sync else "equal-power"
    rect = overlap.rect
    painter.setPen(QPen(QColor(theme.colors().outline), 1))
    if not over.fade_in:
        painter.drawPolyline(QPolygonF(_curve(rect.left(), rect.width(), rect, shape)))
    if not under.fade_out:
        painter.drawPolyline(QPolygonF(_curve(rect.right(), -rect.width(), rect, shape)))


def paint_fades(painter: QPainter, rect: QRectF, clip: Clip, axis: TimeAxis) -> None:
    """Darken what the fades attenuate, above their curves."""
    wave = rect.adjusted(0, NAME_PX, 0, 0)
    for length, shape, edge, sign in (
        (clip.fade_in, clip.fade_in_shape, rect.left(), 1),
        (clip.fade_out, clip.fade_out_shape, rect.right(), -1),
    ):
        width = length / axis.samples_per_px
        if width < 2:
            continue
        points = _curve(edge, sign * width, wave, shape)
        painter.setPen(QPen(QColor(theme.colors().outline), 1))
        painter.drawPolyline(QPolygonF(points))
        shade = QColor(theme.colors().lane)
        shade.setAlpha(_SHADE)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(shade)
        painter.drawPolygon(QPolygonF([*points, QPointF(edge, wave.top())]))
        painter.setBrush(Qt.BrushStyle.NoBrush)


def _curve(start: float, width: float, rect: QRectF, shape: FadeShape) -> list[QPointF]:
    """The points of a curve that rises from the bottom at `start` to the top, `width` to the right (or left)."""
    steps = (number / _FADE_STEPS for number in range(_FADE_STEPS + 1))
    return [QPointF(round(start + x * width, 3), rect.bottom() - _rise(x, shape) * rect.height()) for x in steps]


def _rise(x: float, shape: FadeShape) -> float:
    if shape == "equal-power":
        return math.sin(x * math.pi / 2.0)
    return 0.5 - 0.5 * math.cos(x * math.pi) if shape == "s-curve" else x
