"""Painting one clip: body, waveform, name. No state."""

from __future__ import annotations

import math

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QFontMetricsF, QPainter, QPen, QPolygonF

from lincae_studio.media.store import ConformedMedia
from lincae_studio.session.levels import format_db
from lincae_studio.session.model import SESSION_RATE, Clip, FadeShape, Media, Track
from lincae_studio.ui import theme
from lincae_studio.ui.timeline.axis import TimeAxis
from lincae_studio.ui.timeline.hits import HANDLED_PX, NAME_PX, fade_in_handle, fade_out_handle, gain_y
from lincae_studio.ui.timeline.rows import ROW_PX
from lincae_studio.ui.timeline.waveform import media_columns, wave_image

#: Distance of a clip to its lane's borders.
MARGIN_PX = 3

_MUTE = "#767d88"

#: Points of a fade's curve.
_FADE_STEPS = 24


def clip_rect(clip: Clip, axis: TimeAxis, top: int, height_px: int = ROW_PX) -> QRectF:
    """Where a clip is drawn on a lane of that height that begins at y = `top`."""
    left, right = axis.x_of(clip.start), axis.x_of(clip.end)
    return QRectF(left, top + MARGIN_PX, max(2.0, right - left), height_px - 2 * MARGIN_PX)


def paint_clip(
    painter: QPainter,
    rect: QRectF,
    clip: Clip,
    track: Track,
    media: Media,
    conformed: ConformedMedia | None,
    axis: TimeAxis,
    ratio: float,
    *,
    audible: bool,
    selected: bool,
) -> None:
    """Paint a clip; inaudible ones are grey, ones whose media is missing are hatched and say so.

    A selected one shows its handles: fades at the top corners of the wave, and the gain line.
    """
    color = QColor(clip.color or track.color) if audible and not clip.mute else QColor(_MUTE)
    painter.fillRect(rect, color.darker(280))
    painter.fillRect(QRectF(rect.left(), rect.top(), rect.width(), NAME_PX), color)
    visible = rect.intersected(QRectF(0, rect.top(), axis.width_px, rect.height()))
    if conformed is None:
        painter.fillRect(rect.adjusted(0, NAME_PX, 0, 0), QBrush(QColor(theme.ERROR), Qt.BrushStyle.BDiagPattern))
    elif visible.width() >= 1:
        _paint_wave(painter, visible, rect, clip, conformed, axis, ratio, color.lighter(120))
    _paint_fades(painter, rect, clip, axis)
    if rect.width() >= HANDLED_PX:
        _paint_name(painter, visible, _label(clip, media, conformed is None))
        if selected or clip.gain != 1.0:
            y = gain_y(clip.gain, rect)
            painter.setPen(QPen(QColor("#ffffff") if selected else color.lighter(150), 1, Qt.PenStyle.DashLine))
            painter.drawLine(QPointF(visible.left(), y), QPointF(visible.right(), y))
        if selected:
            _paint_handles(painter, rect, clip, axis)
    if selected:
        painter.setPen(QPen(QColor("#ffffff"), 2))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(rect.adjusted(1, 1, -1, -1))


def _label(clip: Clip, media: Media, missing: bool) -> str:
    badges = []
    if clip.mute:
        badges.append("muted")
    if clip.gain != 1.0:
        badges.append(format_db(clip.gain))
    if missing:
        badges.append("media missing")
    if media.sample_rate != SESSION_RATE:
        badges.append(f"{media.sample_rate / 1000:g} k → {SESSION_RATE / 1000:g} k")
    return " · ".join([clip.name, *badges])


def _paint_fades(painter: QPainter, rect: QRectF, clip: Clip, axis: TimeAxis) -> None:
    """What a fade takes away is dark, above a curve of its shape."""
    top, bottom = rect.top() + NAME_PX, rect.bottom()
    for length, shape, from_left in (
        (clip.fade_in, clip.fade_in_shape, True),
        (clip.fade_out, clip.fade_out_shape, False),
    ):
        width = length / axis.samples_per_px
        if width < 2:
            continue
        curve = [(x / _FADE_STEPS, _rise(x / _FADE_STEPS, shape)) for x in range(_FADE_STEPS + 1)]
        edge = rect.left() if from_left else rect.right()
        sign = 1 if from_left else -1
        points = [QPointF(edge + sign * x * width, bottom - y * (bottom - top)) for x, y in curve]
        painter.setPen(QPen(QColor("#ffffff"), 1))
        painter.drawPolyline(QPolygonF(points))
        shade = QColor(theme.LANE)
        shade.setAlpha(150)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(shade)
        painter.drawPolygon(QPolygonF([*points, QPointF(edge, top)]))
        painter.setBrush(Qt.BrushStyle.NoBrush)


def _rise(x: float, shape: FadeShape) -> float:
    if shape == "equal-power":
        return math.sin(x * math.pi / 2.0)
    return 0.5 - 0.5 * math.cos(x * math.pi) if shape == "s-curve" else x


def _paint_handles(painter: QPainter, rect: QRectF, clip: Clip, axis: TimeAxis) -> None:
    painter.setPen(QPen(QColor(theme.CLIP_TEXT), 1))
    painter.setBrush(QColor("#ffffff"))
    for place in (fade_in_handle(clip, rect, axis), fade_out_handle(clip, rect, axis)):
        painter.drawRect(QRectF(place.x() - 3.5, place.y() - 3.5, 7, 7))
    painter.setBrush(Qt.BrushStyle.NoBrush)


def _paint_wave(
    painter: QPainter,
    visible: QRectF,
    rect: QRectF,
    clip: Clip,
    conformed: ConformedMedia,
    axis: TimeAxis,
    ratio: float,
    color: QColor,
) -> None:
    count = int(visible.width() * ratio)
    height = int((rect.height() - NAME_PX - 2) * ratio)
    if count < 1 or height < 1:
        return
    samples_per_column = axis.samples_per_px / ratio
    into_clip = (visible.left() - rect.left()) * axis.samples_per_px
    columns = media_columns(conformed, clip.offset + into_clip, samples_per_column, count)
    image = wave_image((columns * clip.gain).clip(-1.0, 1.0), height, color)
    image.setDevicePixelRatio(ratio)
    painter.drawImage(QPointF(visible.left(), rect.top() + NAME_PX + 1), image)


def _paint_name(painter: QPainter, visible: QRectF, name: str) -> None:
    font = painter.font()
    font.setPointSizeF(8.5)
    painter.setFont(font)
    painter.setPen(QColor(theme.CLIP_TEXT))
    box = QRectF(visible.left() + 5, visible.top(), visible.width() - 8, NAME_PX)
    text = QFontMetricsF(font).elidedText(name, Qt.TextElideMode.ElideRight, box.width())
    painter.drawText(box, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)
