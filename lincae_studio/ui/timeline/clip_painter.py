"""Painting the clips of one lane: bodies, waveforms, fades, names. No state."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from PySide6.QtCore import QLineF, QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QFont, QFontMetricsF, QPainter, QPen, QPolygonF, QStaticText

from lincae_studio.media.conformed import ConformedMedia
from lincae_studio.media.store import MediaStore
from lincae_studio.session.levels import format_db
from lincae_studio.session.model import SESSION_RATE, Clip, FadeShape, Media, Track
from lincae_studio.ui import theme
from lincae_studio.ui.model.time_axis import TimeAxis
from lincae_studio.ui.model.track_rows import ROW_PX
from lincae_studio.ui.plain_text import shown
from lincae_studio.ui.timeline.hits import HANDLED_PX, NAME_PX, fade_in_handle, fade_out_handle, gain_y
from lincae_studio.ui.timeline.waveform import Piece, row_image

#: Gap between a clip and the borders of its lane.
MARGIN_PX = 3

#: Length of a dash of the gain line, and of a dash with its gap.
_DASH_PX = 4
_DASH_STEP_PX = 6

#: Number of points of a fade curve.
_FADE_STEPS = 24

#: Font size of clip names, and the smallest width in which a name is drawn.
_NAME_PT = 8.5
_SHORTEST_NAME_PX = 14

#: Size of the cache of laid-out names: enough for several screens.
_NAMES = 4096


@dataclass(frozen=True)
class Row:
    """A lane to paint.

    Attributes:
        clips: those to paint, later ones above earlier ones.
        top, height_px: of the lane.
        audible: whether the track is audible.
        selected: clips that are selected, of this track or others.
        media: by digest.
        offline: digests of media that cannot be played.
        loading: whether it may only not have been read yet.
    """

    track: Track
    top: int
    height_px: int
    audible: bool
    selected: frozenset[int]
    media: Mapping[str, Media]
    offline: frozenset[str] = frozenset()
    loading: bool = False
    clips: tuple[Clip, ...] = ()


@dataclass(frozen=True)
class _Shown:
    """A visible clip with its rectangle, audio and colours; `name_right`: where a later clip starts to cover it."""

    clip: Clip
    rect: QRectF
    audio: ConformedMedia | None
    color: QColor
    body: QColor
    wave: QColor
    name_right: float


def clip_rect(clip: Clip, axis: TimeAxis, top: int, height_px: int = ROW_PX) -> QRectF:
    """The rectangle of a clip in a lane with this top and height."""
    # Rounded to 0.001 px, so that the rounding of an edge does not depend on where the view starts.
    left, right = round(axis.x_of(clip.start), 3), round(axis.x_of(clip.end), 3)
    return QRectF(left, top + MARGIN_PX, max(2.0, right - left), height_px - 2 * MARGIN_PX)


def paint_row(painter: QPainter, area: QRect, row: Row, store: MediaStore, axis: TimeAxis, ratio: float) -> None:
    """Paint the clips of a lane within an area, later ones over earlier ones.

    Inaudible clips are grey. Clips with missing media are hatched and labelled, unless it is still being read. Selected
    clips show their handles: fades at the top corners of the waveform.
    """
    shown = _shown(area, row, store, axis)
    for item in shown:
        rect = item.rect
        painter.fillRect(rect, item.body)
        painter.fillRect(QRectF(rect.left(), rect.top(), rect.width(), NAME_PX), item.color)
        if item.clip.media in row.offline and not row.loading:
            hatched = QBrush(QColor(theme.colors().error), Qt.BrushStyle.BDiagPattern)
            painter.fillRect(rect.adjusted(0, NAME_PX, 0, 0), hatched)
    if area.bottom() >= row.top + MARGIN_PX + NAME_PX:
        _paint_waves(painter, area, row, shown, axis, ratio)
    font = QFont(painter.font())
    font.setPointSizeF(_NAME_PT)
    painter.setFont(font)
    description = font.toString()
    for item in shown:
        _paint_details(painter, item, row, axis, description)


def _shown(area: QRect, row: Row, store: MediaStore, axis: TimeAxis) -> list[_Shown]:
    begin = axis.start + (area.left() - 2) * axis.samples_per_px
    end = axis.start + (area.right() + 2) * axis.samples_per_px
    found: list[_Shown] = []
    later = math.inf
    covered_px: int | None = None
    audio: dict[str, ConformedMedia | None] = {}
    for clip in reversed(row.clips):
        if clip.start > end or clip.end < begin:
            if clip.start > end:
                later = axis.x_of(clip.start)
            continue
        left_px = axis.pixel_of(clip.start)
        if left_px == covered_px and clip.length < axis.samples_per_px and clip.id not in row.selected:
            continue  # less than a pixel, below a clip that begins at the same one
        covered_px = left_px
        rect = clip_rect(clip, axis, row.top, row.height_px)
        heard = row.audible and not clip.mute
        colors = _colors((clip.color or row.track.color) if heard else theme.colors().clip_muted, theme.colors())
        if clip.media not in audio:
            audio[clip.media] = store.get(clip.media)
        found.append(_Shown(clip, rect, audio[clip.media], *colors, min(rect.right(), later)))
        later = rect.left()
    found.reverse()
    return found


@lru_cache
def _colors(color: str, colors: theme.Colors) -> tuple[QColor, QColor, QColor]:
    """The colours of a clip's name strip, body and waveform."""
    own = QColor(color)
    return own, colors.clip_body(own), colors.clip_wave(own)


def _paint_waves(painter: QPainter, area: QRect, row: Row, shown: list[_Shown], axis: TimeAxis, ratio: float) -> None:
    """Paint all waveforms of the lane as one image, with one column per device pixel."""
    left, right = math.floor(area.left() * ratio), math.ceil((area.right() + 1) * ratio)
    height = int((row.height_px - 2 * MARGIN_PX - NAME_PX - 2) * ratio)
    samples_per_column = axis.samples_per_px / ratio
    pieces = []
    for item in shown:
        first, last = (math.floor(x * ratio + 0.5 + 1e-4) for x in (item.rect.left(), item.rect.right()))
        if item.audio is None or last <= first or last <= left or first >= right:
            continue
        first = max(first, left)
        start = axis.start + first * samples_per_column - item.clip.start + item.clip.offset
        pieces.append(Piece(item.audio, first, min(last, right), start, item.clip.gain, item.wave))
    if not pieces or height < 1:
        return
    image = row_image(pieces, samples_per_column, left, right, height)
    image.setDevicePixelRatio(ratio)
    painter.drawImage(QPointF(left / ratio, row.top + MARGIN_PX + NAME_PX + 1), image)


def _paint_details(painter: QPainter, item: _Shown, row: Row, axis: TimeAxis, font: str) -> None:
    """Paint over the waveform: fades, name, handles, and the frame of a selected clip."""
    clip, rect, outline = item.clip, item.rect, QColor(theme.colors().outline)
    selected = clip.id in row.selected
    if clip.fade_in or clip.fade_out:
        _paint_fades(painter, rect, clip, axis)
    if rect.width() >= HANDLED_PX:
        left = max(rect.left(), 0.0)
        label = _label(clip, row)
        _paint_name(painter, left, item.name_right, rect.top(), label, font)
        if selected:
            _paint_handles(painter, rect, clip, axis)
    if selected:
        painter.setPen(QPen(outline, 2))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(rect.adjusted(1, 1, -1, -1))


def _label(clip: Clip, row: Row) -> str:
    badges, media = [], row.media[clip.media]
    if clip.mute:
        badges.append("muted")
    if clip.gain != 1.0:
        badges.append(format_db(clip.gain))
    if clip.media in row.offline:
        badges.append("loading…" if row.loading else "media missing")
    if media.original is not None:
        badges.append("from latents")
    if media.sample_rate != SESSION_RATE:
        badges.append(f"{media.sample_rate / 1000:g} k → {SESSION_RATE / 1000:g} k")
    return " · ".join([clip.name, *badges])


def _paint_fades(painter: QPainter, rect: QRectF, clip: Clip, axis: TimeAxis) -> None:
    """Darken what the fades attenuate, above their curves."""
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
        points = [QPointF(round(edge + sign * x * width, 3), bottom - y * (bottom - top)) for x, y in curve]
        painter.setPen(QPen(QColor(theme.colors().outline), 1))
        painter.drawPolyline(QPolygonF(points))
        shade = QColor(theme.colors().lane)
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
    painter.setPen(QPen(QColor(theme.colors().lane), 1))
    painter.setBrush(QColor(theme.colors().outline))
    for place in (fade_in_handle(clip, rect, axis), fade_out_handle(clip, rect, axis)):
        painter.drawRect(QRectF(place.x() - 3.5, place.y() - 3.5, 7, 7))
    painter.setBrush(Qt.BrushStyle.NoBrush)


def paint_gain_line(painter: QPainter, rect: QRectF, clip: Clip, width_px: int) -> None:
    """Paint the line that a clip's gain is dragged by."""
    painter.setPen(QPen(QColor(theme.colors().outline), 1))
    painter.drawLines(_dashes(rect, gain_y(clip.gain, rect), width_px))


def _dashes(rect: QRectF, y: float, width_px: int) -> list[QLineF]:
    """A dashed line across the visible part of a clip, with dashes counted from its start so that they scroll with it.

    (Qt's own dashes restart at the border of the painted area.)
    """
    first = max(0, int(-rect.left() // _DASH_STEP_PX))
    last = int((min(rect.right(), width_px) - rect.left()) // _DASH_STEP_PX)
    starts = (rect.left() + number * _DASH_STEP_PX for number in range(first, last + 1))
    return [QLineF(x, y, min(x + _DASH_PX, rect.right()), y) for x in starts]


def _paint_name(painter: QPainter, left: float, right: float, top: float, name: str, font: str) -> None:
    room = int(right - left - 8)
    if room < _SHORTEST_NAME_PX:
        return
    painter.setPen(QColor(theme.colors().clip_text))
    text = _laid_out(name, room, font)
    painter.drawStaticText(QPointF(round(left) + 5, top + (NAME_PX - text.size().height()) / 2), text)


@lru_cache(_NAMES)
def _laid_out(name: str, room: int, description: str) -> QStaticText:
    font = QFont()
    font.fromString(description)
    text = QStaticText(QFontMetricsF(font).elidedText(shown(name), Qt.TextElideMode.ElideRight, room))
    text.setTextFormat(Qt.TextFormat.PlainText)
    text.setPerformanceHint(QStaticText.PerformanceHint.AggressiveCaching)
    text.prepare(font=font)
    return text
