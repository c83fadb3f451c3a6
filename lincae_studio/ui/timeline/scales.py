"""Scales at the right border of lanes: the levels of waveforms, and the values of envelopes. No state."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import lru_cache

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPixmap

from lincae_studio.session.levels import db_to_gain
from lincae_studio.ui import theme

#: Width of a scale, and the length of its marks.
SCALE_PX = 30
_MARK_PX = 4

_FONT_PX = 9

#: Labels are at least this far apart, and marks at least this far from the middle of a wave.
_APART_PX = 10
_INNERMOST_PX = 6

#: The levels that may be marked, in dB, the most useful ones first.
_LEVELS = (-6, -12, 0, -18, -24, -30, -36, -42, -48, -54, -3, -9)

Mark = tuple[float, str]


def spread(candidates: Iterable[Mark], top: float, height_px: float) -> tuple[Mark, ...]:
    """Those of the marks (y, text) of a scale with this top and height that have room, the first ones first."""
    kept: list[tuple[float, Mark]] = []
    for y, text in candidates:
        label = _label_y(y, top, height_px)
        if all(abs(label - other) >= _APART_PX for other, _ in kept):
            kept.append((label, (y, text)))
    return tuple(mark for _, mark in kept)


@lru_cache(256)
def wave_marks(top: float, height_px: float, zoom: float, stereo: bool) -> tuple[Mark, ...]:
    """The levels in dB of a waveform of this height, on both sides of its middle, and the unit if there is room for it.

    `stereo`: of two waveforms.
    """
    half = height_px / 2 - 1
    bands = ((top, half), (top + height_px - half, half)) if stereo else ((top, height_px),)
    found: list[Mark] = []
    units: list[Mark] = []
    for start, height in bands:
        middle, radius = start + height / 2, height / 2
        marks = [(radius * db_to_gain(level) * zoom, f"{level:d}".replace("-", "−")) for level in _LEVELS]
        shown = [(away, text) for away, text in marks if _INNERMOST_PX <= away <= radius + 0.5]
        found += [(middle + sign * away, text) for sign in (-1, 1) for away, text in shown]
        units.append((middle, "dB"))
    return spread([*found, *units], top, height_px)


def _label_y(y: float, top: float, height_px: float) -> float:
    """The middle of the label of a mark, inside the scale."""
    return min(max(y, top + _FONT_PX / 2 + 1), top + height_px - _FONT_PX / 2 - 1)


def paint_scale(painter: QPainter, right: float, top: float, height_px: float, marks: Iterable[Mark]) -> None:
    """Paint a scale left of `right`."""
    font = QFont(painter.font())
    font.setPixelSize(_FONT_PX)
    below = tuple((y - top, text) for y, text in marks)
    ratio = painter.device().devicePixelRatio()
    picture = _picture(math.ceil(height_px), below, font.toString(), theme.colors(), ratio)
    painter.drawPixmap(QPointF(right - SCALE_PX, top), picture)


@lru_cache(128)
def _picture(height_px: int, marks: tuple[Mark, ...], font: str, colors: theme.Colors, ratio: float) -> QPixmap:
    """A scale: painted once, as it is the same for many lanes and in every frame. `marks`: from its top."""
    ground, dim = QColor(colors.panel), QColor(colors.text_dim)
    ground.setAlpha(215)
    picture = QPixmap(math.ceil(SCALE_PX * ratio), math.ceil(height_px * ratio))
    picture.setDevicePixelRatio(ratio)
    picture.fill(ground)
    used = QFont()
    used.fromString(font)
    painter = QPainter(picture)
    painter.setFont(used)
    painter.setPen(dim)
    metrics = QFontMetricsF(used)
    for y, text in marks:
        painter.fillRect(QRectF(0, round(y), _MARK_PX, 1), dim)
        size = metrics.size(0, text)
        top = round(_label_y(y, 0.0, height_px) - size.height() / 2)
        painter.drawText(QPointF(SCALE_PX - 3 - size.width(), top + metrics.ascent()), text)
    painter.end()
    return picture
