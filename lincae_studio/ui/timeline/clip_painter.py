"""Painting the clips of one lane: bodies, waveforms, outlines, handles. No state."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from types import MappingProxyType
from typing import NamedTuple

from PySide6.QtCore import QLineF, QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QPainter, QPen

from lincae_studio.media.conformed import ConformedMedia
from lincae_studio.media.store import MediaStore
from lincae_studio.session.levels import format_db
from lincae_studio.session.model import Clip, Media, Track
from lincae_studio.session.processing import standing_in
from lincae_studio.ui import theme
from lincae_studio.ui.model.time_axis import TimeAxis
from lincae_studio.ui.model.track_rows import ROW_PX
from lincae_studio.ui.timeline.canvas import BESIDE_HALF
from lincae_studio.ui.timeline.clip_fades import (
    Columns,
    Overlap,
    overlaps_of,
    paint_crossfade,
    paint_fades,
    paint_overlap_ground,
)
from lincae_studio.ui.timeline.clip_labels import label_of, name_font, paint_label
from lincae_studio.ui.timeline.hits import HANDLE_PX, HANDLED_PX, NAME_PX, fade_in_handle, fade_out_handle, gain_y
from lincae_studio.ui.timeline.waveform import Piece, WaveLook, rows_image

#: Gap between a clip and the borders of its lane.
MARGIN_PX = 3

#: Stereo clips are drawn as two waves where each is at least this tall.
_WAVE_PX = 20

#: Opacity of the waveform of a clip that is covered by another one.
_COVERED = 0.6

#: Clips narrower than this have no outline, which would hide them.
_OUTLINED_PX = 4

#: Length of a dash of the gain line, and of a dash with its gap.
_DASH_PX = 4
_DASH_STEP_PX = 6


class Row(NamedTuple):
    """A lane to paint.

    Attributes:
        clips: those to paint, later ones above earlier ones.
        top, height_px: of the lane.
        audible: whether the track is audible.
        selected: clips that are selected, of this track or others.
        media: by digest.
        offline: digests of media that cannot be played.
        loading: whether it may only not have been read yet.
        zoom: full scale divided by the level that fills the height of a waveform.
        making: digests of derived media that are being made, and are offline until then, with how much of each is made.
        failures: why derived media could not be made, by digest.
        stand_in: returns the media that are heard instead of such media.
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
    zoom: float = 1.0
    making: Mapping[str, int] = MappingProxyType({})
    failures: Mapping[str, str] = MappingProxyType({})
    stand_in: Callable[[Media], Media | None] = lambda _: None


_Looks = tuple[QColor, QColor, QColor, QColor, QColor]


class _Shown(NamedTuple):
    """A visible clip with its rectangle, audio and colours; `name_right`: where a later clip starts to cover it.

    `heard` is the clip whose waveform is drawn: another one while its audio is being made.
    """

    clip: Clip
    heard: Clip
    rect: QRectF
    audio: ConformedMedia | None
    color: QColor
    body: QColor
    wave: QColor
    edge: QColor
    ink: QColor
    name_right: float


def clip_rect(clip: Clip, axis: TimeAxis, top: int, height_px: int = ROW_PX) -> QRectF:
    """The rectangle of a clip in a lane with this top and height."""
    # To 0.001 px and never at a half, so that the rounding of an edge does not depend on where the view starts.
    left, right = round(axis.x_of(clip.start), 3) + BESIDE_HALF, round(axis.x_of(clip.end), 3) + BESIDE_HALF
    return QRectF(left, top + MARGIN_PX, max(2.0, right - left), height_px - 2 * MARGIN_PX)


def wave_span(top: int, height_px: int) -> tuple[int, int]:
    """The top and the height of the waveforms in a lane with this top and height."""
    return top + MARGIN_PX + NAME_PX + 1, height_px - 2 * MARGIN_PX - NAME_PX - 2


def splits_stereo(height_px: int) -> bool:
    """Whether stereo clips are drawn as two waves in a lane of this height."""
    return wave_span(0, height_px)[1] >= 2 * _WAVE_PX


def paint_rows(
    painter: QPainter, area: QRect, rows: Sequence[Row], store: MediaStore, axis: TimeAxis, ratio: float
) -> None:
    """Paint the clips of lanes within an area, later ones over earlier ones.

    Inaudible clips are grey. Clips with missing media are hatched and labelled, unless it is still being read. Selected
    clips show their handles: fades at the top corners of the waveform.
    """
    font = name_font(painter.font())
    painter.setFont(font)
    description = font.toString()
    shown = [_shown(area, row, store, axis) for row in rows]
    overlaps = [_paint_ground(painter, row, items) for row, items in zip(rows, shown, strict=True)]
    whole = [[(item, item.rect) for item in items] for items in shown]
    within = Columns(axis, math.floor(area.left() * ratio), math.ceil((area.right() + 1) * ratio), ratio)
    _paint_waves(painter, area, rows, whole, within)
    if any(overlaps):
        under = [[(items[lap.under], lap.rect) for lap in laps] for items, laps in zip(shown, overlaps, strict=True)]
        painter.setOpacity(_COVERED)
        _paint_waves(painter, area, rows, under, within)
        painter.setOpacity(1.0)
    for row, items, laps in zip(rows, shown, overlaps, strict=True):
        for lap in laps:
            paint_crossfade(painter, within, lap, items[lap.under].clip, items[lap.over].clip)
        for item in items:
            _paint_details(painter, within, item, row, description)


def _paint_ground(painter: QPainter, row: Row, shown: Sequence[_Shown]) -> list[Overlap]:
    """Paint what is below the waveforms. Returns where clips overlap."""
    missing = row.offline.difference(row.making) if not row.loading else frozenset()
    painter.setPen(Qt.PenStyle.NoPen)
    for (_, hatched), neighbours in groupby(shown, lambda item: (id(item.body), item.clip.media in missing)):
        alike = list(neighbours)
        rects = [item.rect for item in alike]
        _fill(painter, rects, alike[0].body)
        _fill(painter, [QRectF(rect.left(), rect.top(), rect.width(), NAME_PX) for rect in rects], alike[0].color)
        if hatched:
            pattern = QBrush(QColor(theme.colors().error), Qt.BrushStyle.BDiagPattern)
            _fill(painter, [rect.adjusted(0, NAME_PX, 0, 0) for rect in rects], pattern)
    _paint_outlines(painter, shown)
    covered = any(item.name_right < item.rect.right() for item in shown)
    overlaps = overlaps_of([item.rect for item in shown]) if covered else []
    for overlap in overlaps:
        paint_overlap_ground(painter, overlap)
    return overlaps


def _fill(painter: QPainter, rects: Sequence[QRectF], brush: QColor | QBrush) -> None:
    """Fill rectangles, in their order, with the painter's pen."""
    painter.setBrush(brush)
    painter.drawRects(rects)


def _shown(area: QRect, row: Row, store: MediaStore, axis: TimeAxis) -> list[_Shown]:
    begin = axis.start + (area.left() - 2) * axis.samples_per_px
    end = axis.start + (area.right() + 2) * axis.samples_per_px
    found: list[_Shown] = []
    next_start, covered = math.inf, math.inf
    audio: dict[str, ConformedMedia | None] = {}
    looks: dict[str, _Looks] = {}
    theme_colors = theme.colors()
    for clip in reversed(row.clips):
        if clip.start > end or clip.start + clip.length < begin:
            if clip.start > end:
                next_start = clip.start
            continue
        if clip.length < axis.samples_per_px and clip.id not in row.selected:
            if axis.pixel_of(clip.start) == covered:
                continue  # less than a pixel, below a clip that begins at the same one
            covered = axis.pixel_of(clip.start)
        rect = clip_rect(clip, axis, row.top, row.height_px)
        heard = row.audible and not clip.mute
        color = (clip.color or row.track.color) if heard else theme_colors.clip_muted
        if color not in looks:
            looks[color] = _colors(color, theme_colors)
        other = row.stand_in(row.media[clip.media]) if clip.media in row.making else None
        played = clip if other is None else standing_in(clip, row.media[clip.media], other)
        if played.media not in audio:
            audio[played.media] = store.get(played.media)
        name_right = min(rect.right(), axis.x_of(next_start))
        found.append(_Shown(clip, played, rect, audio[played.media], *looks[color], name_right))
        next_start = clip.start
    found.reverse()
    return found


@lru_cache
def _colors(color: str, colors: theme.Colors) -> _Looks:
    """The colours of a clip's name strip, body, waveform, outline and name."""
    own = QColor(color)
    return own, colors.clip_body(own), colors.clip_wave(own), colors.clip_edge(own), colors.clip_ink(own)


def _paint_outlines(painter: QPainter, shown: Sequence[_Shown]) -> None:
    """Paint a line of a pixel inside the borders of clips, so that adjacent ones can be told apart."""
    frames: dict[int, tuple[QColor, list[QRectF]]] = {}
    for item in shown:
        left, top, width, height = item.rect.left(), item.rect.top(), item.rect.width(), item.rect.height()
        if width >= _OUTLINED_PX:
            # Filled: of a rectangle drawn with a pen between pixels, corners depend on where it is clipped.
            frames.setdefault(id(item.edge), (item.edge, []))[1].extend(
                (
                    QRectF(left, top, 1.0, height),
                    QRectF(left + width - 1.0, top, 1.0, height),
                    QRectF(left, top, width, 1.0),
                    QRectF(left, top + height - 1.0, width, 1.0),
                )
            )
    painter.setPen(Qt.PenStyle.NoPen)
    for color, lines in frames.values():
        _fill(painter, lines, color)
    painter.setBrush(Qt.BrushStyle.NoBrush)


def _paint_waves(
    painter: QPainter,
    area: QRect,
    rows: Sequence[Row],
    items: Sequence[Sequence[tuple[_Shown, QRectF]]],
    within: Columns,
) -> None:
    """Paint the waveforms of the clips of each row within rectangles, with one column per device pixel.

    Rows of equal height are one image.
    """
    axis, left, right, ratio = within
    samples_per_column = axis.samples_per_px / ratio
    alike: dict[tuple[int, float], list[tuple[int, list[Piece]]]] = {}
    for row, clips in zip(rows, items, strict=True):
        pieces = []
        for item, rect in clips if area.bottom() >= row.top + MARGIN_PX + NAME_PX else ():
            end = rect.right()
            if item.heard is not item.clip:
                end = min(end, axis.x_of(item.heard.end) + BESIDE_HALF)
            first, last = math.floor(rect.left() * ratio + 0.5), math.floor(end * ratio + 0.5)
            if item.audio is None or last <= first or last <= left or first >= right:
                continue
            first = max(first, left)
            start = axis.start + first * samples_per_column - item.heard.start + item.heard.offset
            pieces.append(Piece(item.audio, first, min(last, right), start, item.clip.gain, item.wave))
        if pieces:
            alike.setdefault((row.height_px, row.zoom), []).append((row.top, pieces))
    for (height_px, zoom), waves in alike.items():
        height = int(wave_span(0, height_px)[1] * ratio)
        if height < 1:
            continue
        look = WaveLook(zoom, QColor(theme.colors().meter_clip))
        pieces_of_rows = [pieces for _, pieces in waves]
        image = rows_image(pieces_of_rows, samples_per_column, left, right, height, look, splits_stereo(height_px))
        image.setDevicePixelRatio(ratio)
        for number, (top, _) in enumerate(waves):
            part = QRectF(0, number * height, image.width(), height)
            painter.drawImage(QPointF(left / ratio, wave_span(top, height_px)[0]), image, part)


def _paint_details(painter: QPainter, within: Columns, item: _Shown, row: Row, font: str) -> None:
    """Paint over the waveform: fades, name, handles, and the frame of a selected clip."""
    clip, rect = item.clip, item.rect
    selected = clip.id in row.selected
    paint_fades(painter, within, rect, clip)
    if rect.width() >= HANDLED_PX:
        left = max(rect.left(), 0.0)
        label = label_of(clip, row.media, row.offline, row.loading, row.making, row.failures)
        paint_label(painter, left, item.name_right, rect.top(), label, font, item.ink)
        if selected:
            paint_handles(painter, rect, clip, within.axis)
    if selected:
        painter.setPen(QPen(QColor(theme.colors().outline), 2))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(rect.adjusted(1, 1, -1, -1))


def paint_handles(painter: QPainter, rect: QRectF, clip: Clip, axis: TimeAxis) -> None:
    """Paint the handles of the fades of a clip, if it is wide enough to have them."""
    for place in (fade_in_handle(clip, rect, axis), fade_out_handle(clip, rect, axis)):
        for radius, color in ((4.0, theme.colors().lane), (3.0, theme.colors().outline)):  # filled, as outlines are
            painter.fillRect(QRectF(place.x() - radius, place.y() - radius, 2 * radius, 2 * radius), QColor(color))


def paint_gain_line(painter: QPainter, rect: QRectF, clip: Clip, width_px: int, labelled: bool) -> None:
    """Paint the line that a clip's gain is dragged by, and the gain where it can be taken.

    It is dashed and thin, unlike envelopes, whose lines are whole and have points. The label would only hide the
    waveform while the pointer is elsewhere in the clip.
    """
    y = gain_y(clip.gain, rect)
    painter.setPen(QPen(QColor(theme.colors().outline), 1))
    painter.drawLines(_dashes(rect, y, width_px))
    if not labelled:
        return
    metrics, text = painter.fontMetrics(), f"gain {format_db(clip.gain)}"
    left, right = max(rect.left(), 0.0), min(rect.right(), width_px)
    box = QRectF(0, y - metrics.height() / 2, metrics.horizontalAdvance(text) + 8, metrics.height())
    box.moveLeft(round((left + right - box.width()) / 2))  # away from the handles of fades
    if box.width() <= right - left - 4 * HANDLE_PX:
        box.moveTop(min(max(box.top(), rect.top() + NAME_PX + 1), rect.bottom() - box.height()))
        painter.fillRect(box, QColor(theme.colors().panel))
        painter.setPen(QColor(theme.colors().text))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)


def _dashes(rect: QRectF, y: float, width_px: int) -> list[QLineF]:
    """A dashed line across the visible part of a clip, with dashes counted from its start so that they scroll with it.

    (Qt's own dashes restart at the border of the painted area.)
    """
    first = max(0, int(-rect.left() // _DASH_STEP_PX))
    last = int((min(rect.right(), width_px) - rect.left()) // _DASH_STEP_PX)
    starts = (rect.left() + number * _DASH_STEP_PX for number in range(first, last + 1))
    return [QLineF(x, y, min(x + _DASH_PX, rect.right()), y) for x in starts]
