"""The names of clips, shortened with an ellipsis where they do not fit. No state but a cache of laid-out text."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QStaticText, QTextOption

from lincae_studio.session.digests import rate_of
from lincae_studio.session.levels import format_db
from lincae_studio.session.model import Clip, Media
from lincae_studio.session.processes import words
from lincae_studio.ui.plain_text import reads_right_to_left, shown
from lincae_studio.ui.timeline.hits import NAME_PX

#: Font size of clip names, and the smallest width in which a name is drawn.
_NAME_PT = 8.5
_SHORTEST_NAME_PX = 14

#: Space beside a name.
_LEFT_PX, _RIGHT_PX = 5, 3

#: Size of the cache of laid-out names: enough for several screens.
_NAMES = 4096


def name_font(base: QFont) -> QFont:
    font = QFont(base)
    font.setPointSizeF(_NAME_PT)
    return font


def label_of(
    clip: Clip,
    media: Mapping[str, Media],
    offline: frozenset[str],
    loading: bool,
    making: Mapping[str, int] = MappingProxyType({}),
    failures: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """A clip's name and badges.

    Args:
        making: how much of derived media is made, in per cent.
        failures: why derived media could not be made.
    """
    badges, file = [], media[clip.media]
    if clip.mute:
        badges.append("muted")
    if clip.gain != 1.0:
        badges.append(format_db(clip.gain))
    if clip.media in making:
        badges.append(f"processing {making[clip.media]} %" if making[clip.media] else "processing…")
    elif clip.media in offline and clip.media in failures:
        badges.append(f"processing failed: {failures[clip.media]}")
    elif clip.media in offline:
        badges.append("loading…" if loading else "file missing")
    if file.chain:
        badges += [words(process) for process in file.chain]
    if clip.tempo:
        badges.append("follows tempo")
    if file.original is not None:
        badges.append("from latents")
    rate = rate_of(clip.media)
    if file.sample_rate != rate:
        badges.append(f"{file.sample_rate / 1000:g} k → {rate / 1000:g} k")
    return " · ".join([clip.name, *badges]) if badges else clip.name


def fits(label: str, left: float, right: float, base: QFont) -> bool:
    """Whether a label is drawn in full between two x positions."""
    return _width(label, name_font(base).toString()) <= _room(left, right)


def label_px(label: str, base: QFont) -> int:
    """The distance from a clip's left border to the end of a label that is drawn in full."""
    return _LEFT_PX + _width(label, name_font(base).toString())


def paint_label(painter: QPainter, left: float, right: float, top: float, label: str, font: str, ink: QColor) -> None:
    """Paint a label in the name strip of a clip, in `ink`; `font`: the description of `name_font`."""
    room = _room(left, right)
    if room < _SHORTEST_NAME_PX:
        return
    painter.setPen(ink)
    text = _laid_out(label, min(room, _width(label, font)), font)
    painter.drawStaticText(QPointF(round(left) + _LEFT_PX, top + (NAME_PX - text.size().height()) / 2), text)


def _room(left: float, right: float) -> int:
    return int(right - left - _LEFT_PX - _RIGHT_PX)


@lru_cache(_NAMES)
def _width(name: str, description: str) -> int:
    """The room that a whole name needs: with any more, as while zooming, it is laid out alike."""
    font = QFont()
    font.fromString(description)
    return math.ceil(QFontMetricsF(font).horizontalAdvance(shown(name)))


@lru_cache(_NAMES)
def _laid_out(name: str, room: int, description: str) -> QStaticText:
    font = QFont()
    font.fromString(description)
    plain = shown(name)
    text = QStaticText(QFontMetricsF(font).elidedText(plain, Qt.TextElideMode.ElideRight, room))
    if reads_right_to_left(plain):
        option = QTextOption(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignAbsolute)
        option.setTextDirection(Qt.LayoutDirection.RightToLeft)
        text.setTextOption(option)
    text.setTextFormat(Qt.TextFormat.PlainText)
    text.setPerformanceHint(QStaticText.PerformanceHint.AggressiveCaching)
    text.prepare(font=font)
    return text
