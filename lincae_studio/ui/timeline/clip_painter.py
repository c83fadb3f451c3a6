"""Painting one clip: body, waveform, name. No state."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QFontMetricsF, QPainter, QPen

from lincae_studio.media.store import ConformedMedia
from lincae_studio.session.model import SESSION_RATE, Clip, Media, Track
from lincae_studio.ui import theme
from lincae_studio.ui.timeline.axis import TimeAxis
from lincae_studio.ui.timeline.rows import ROW_PX
from lincae_studio.ui.timeline.waveform import media_columns, wave_image

#: Height of the strip with the name, and distance of a clip to its lane's borders.
NAME_PX = 15
MARGIN_PX = 3

_NARROW_PX = 24


def clip_rect(clip: Clip, axis: TimeAxis, top: int) -> QRectF:
    """Where a clip is drawn on the lane that begins at y = `top`."""
    left, right = axis.x_of(clip.start), axis.x_of(clip.end)
    return QRectF(left, top + MARGIN_PX, max(2.0, right - left), ROW_PX - 2 * MARGIN_PX)


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
    """Paint a clip; inaudible ones are grey, ones whose media is missing are hatched and say so."""
    color = QColor(track.color) if audible else QColor("#767d88")
    painter.fillRect(rect, color.darker(280))
    painter.fillRect(QRectF(rect.left(), rect.top(), rect.width(), NAME_PX), color)
    visible = rect.intersected(QRectF(0, rect.top(), axis.width_px, rect.height()))
    if conformed is None:
        painter.fillRect(rect.adjusted(0, NAME_PX, 0, 0), QBrush(QColor(theme.ERROR), Qt.BrushStyle.BDiagPattern))
    elif visible.width() >= 1:
        _paint_wave(painter, visible, rect, clip, conformed, axis, ratio, color.lighter(120))
    if rect.width() >= _NARROW_PX:
        _paint_name(painter, visible, _label(clip, media, conformed is None))
    if selected:
        painter.setPen(QPen(QColor("#ffffff"), 2))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(rect.adjusted(1, 1, -1, -1))


def _label(clip: Clip, media: Media, missing: bool) -> str:
    badges = []
    if missing:
        badges.append("media missing")
    if media.sample_rate != SESSION_RATE:
        badges.append(f"{media.sample_rate / 1000:g} k → {SESSION_RATE / 1000:g} k")
    return " · ".join([clip.name, *badges])


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
