"""A peak meter: its ballistics and its painting. Main thread."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from itertools import pairwise

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QColor, QFont, QMouseEvent, QPaintEngine, QPainter, QPaintEvent, QPixmap
from PySide6.QtWidgets import QWidget

from lincae_studio.ui import theme

#: Fall-back rate, and hold time of the peak (Ardour's defaults).
FALL_DB_PER_S = 13.3
HOLD_S = 1.5

#: The lowest level shown.
FLOOR_DB = -70.0

#: (dBFS, deflection): the IEC 60268-18 scale ending at 0 dBFS, as in Ardour.
_SCALE = ((-70.0, 0.0), (-60.0, 0.025), (-50.0, 0.075), (-40.0, 0.15), (-30.0, 0.3), (-20.0, 0.5), (0.0, 1.0))

#: Levels from here on are coloured as high.
_HIGH_DB = -6.0

#: Widths of a bar, of the gaps beside it, and of the scale; height of the figure above them.
_BAR_PX = 7
_GAP_PX = 1
_SCALE_PX = 25
_FIGURE_PX = 14

#: Meters lower than this have no figure, only a clip indicator of the height below.
_FIGURE_FROM_PX = 44
_CLIP_PX = 4

#: Levels that are labelled where there is room, and the smallest distance of two labels.
_LABELS_DB = (0, -6, -12, -20, -30, -40, -50, -60)
_LABEL_PX = 10

_LABEL_PT = 7.0
_FIGURE_PT = 8.0


def deflection(db: float) -> float:
    """The share of the meter that a level fills, from 0 to 1."""
    if db <= _SCALE[0][0]:
        return 0.0
    for (low, start), (high, end) in pairwise(_SCALE):
        if db <= high:
            return start + (end - start) * (db - low) / (high - low)
    return 1.0


def to_db(peak: float) -> float:
    """The level of an amplitude in dBFS, at least `FLOOR_DB`."""
    return max(20.0 * math.log10(peak), FLOOR_DB) if peak > 0.0 else FLOOR_DB


class Ballistics:
    """One channel of a meter.

    Attributes:
        level_db: rises at once, falls by `FALL_DB_PER_S`.
        held_db: the highest level of the last `HOLD_S`; falls as well afterwards.
        highest_db: the highest level since `reset` or `forget`.
        clipped: whether a peak has reached full scale since `reset`.
    """

    def __init__(self) -> None:
        self.level_db = self.held_db = self.highest_db = FLOOR_DB
        self.clipped = False
        self._held_at = 0.0
        self._now: float | None = None

    def update(self, peak: float, now: float) -> None:
        """Update with the peak amplitude heard since the last call; `now`: in seconds, of any monotonic clock."""
        passed = now - self._now if self._now is not None else 0.0
        self._now = now
        fallen = passed * FALL_DB_PER_S
        db = to_db(peak)
        self.level_db = max(db, self.level_db - fallen, FLOOR_DB)
        if db >= self.held_db:
            self.held_db, self._held_at = db, now
        elif now - self._held_at > HOLD_S:
            self.held_db = max(db, self.held_db - fallen, FLOOR_DB)
        self.highest_db = max(self.highest_db, db)
        self.clipped = self.clipped or peak >= 1.0

    @property
    def resting(self) -> bool:
        """Whether all levels have fallen to the bottom."""
        return self.held_db <= FLOOR_DB

    def forget(self) -> None:
        """Forget the highest level: playback starts again."""
        self.highest_db = FLOOR_DB

    def reset(self) -> None:
        """Reset the clip indicator and the highest level."""
        self.clipped = False
        self.forget()


#: Left and right.
Channels = tuple[Ballistics, Ballistics]


def update_channels(channels: Channels, peaks: Sequence[float], now: float) -> None:
    """Update with the peaks of left and right; a single mono peak counts for both."""
    for channel, peak in zip(channels, (peaks[0], peaks[-1]), strict=True):
        channel.update(peak, now)


class Meter(QWidget):
    """Vertical bars, one per channel, with a scale and the held peak as a line, below the highest level as a figure.

    The figure is on a red ground once a peak has reached full scale.

    Signals:
        reset: the meter was clicked, which resets the figure and the clip indicator.
    """

    reset = Signal()

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.channels: Channels = (Ballistics(), Ballistics())
        self.setFixedWidth(2 * _BAR_PX + 3 * _GAP_PX + _SCALE_PX)
        self.setAccessibleName(name)
        self._shown: tuple[object, ...] = ()
        self._label_font, self._figure_font = QFont(self.font()), QFont(self.font())
        self._label_font.setPointSizeF(_LABEL_PT)
        self._figure_font.setPointSizeF(_FIGURE_PT)
        #: The scale as it was last painted, and what for.
        self._scale: tuple[QPixmap, object] | None = None

    def show_channels(self, channels: Channels) -> None:
        """Show the levels of another track from now on."""
        if channels is not self.channels:
            self.channels = channels
            self.show_levels()

    def update_levels(self, peaks: Sequence[float], now: float | None = None) -> None:
        """Update with the peaks of left and right; a single mono peak counts for both."""
        update_channels(self.channels, peaks, time.monotonic() if now is None else now)
        self.show_levels()

    def show_levels(self) -> None:
        """Repaint if a level has changed."""
        bars = tuple((self._y(channel.level_db), self._y(channel.held_db)) for channel in self.channels)
        figure = self.figure, tuple(channel.clipped for channel in self.channels)
        before, self._shown = self._shown, (bars, figure)
        if before == self._shown:
            return
        self.update(0, self._top, self.width() - _SCALE_PX, self.height() - self._top)
        if not before or before[1] != figure:
            self.update(0, 0, self.width(), self._top)
        held = max(channel.held_db for channel in self.channels)
        text = f"{held:.1f} dBFS" if held > FLOOR_DB else "silent"
        self.setAccessibleDescription(text + (", clipped" if any(c.clipped for c in self.channels) else ""))

    @property
    def resting(self) -> bool:
        return all(channel.resting for channel in self.channels)

    @property
    def figure(self) -> str:
        """The highest level as it is shown, in dBFS; empty for silence."""
        highest = max(channel.highest_db for channel in self.channels)
        if highest <= FLOOR_DB:
            return ""
        text = f"{highest:+.1f}".replace("-", "−")
        return "0.0" if text in ("+0.0", "−0.0") else text

    @property
    def _top(self) -> int:
        """The y of the top of the bars."""
        return (_FIGURE_PX if self.height() >= _FIGURE_FROM_PX else _CLIP_PX) + 1

    def _y(self, db: float) -> int:
        """The y of a level, in pixels from the top."""
        return round(self._top + (self.height() - self._top) * (1.0 - deflection(db)))

    def _scale_for_screen(self) -> QPixmap:
        """The scale as a picture, painted again only for another size or theme."""
        ratio = self.devicePixelRatioF()
        made_for = (self.size().toTuple(), ratio, theme.colors().text_dim)
        if self._scale is not None and self._scale[1] == made_for:
            return self._scale[0]
        pixmap = QPixmap(round(_SCALE_PX * ratio), round(self.height() * ratio))
        pixmap.setDevicePixelRatio(ratio)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        self._paint_scale(painter)
        painter.end()
        self._scale = pixmap, made_for
        return pixmap

    def _paint_scale(self, painter: QPainter) -> None:
        """Paint ticks and labels, from x = 0 on."""
        painter.setFont(self._label_font)
        painter.setPen(QColor(theme.colors().text_dim))
        last = -float(_LABEL_PX)
        for db in _LABELS_DB:
            y = min(max(self._y(db), self._top), self.height() - 1)
            painter.fillRect(QRectF(0, y, 2, 1), QColor(theme.colors().text_dim))
            middle = min(max(y, self._top + _LABEL_PX / 2), self.height() - _LABEL_PX / 2)
            if middle - last >= _LABEL_PX:
                box = QRectF(4, middle - _LABEL_PX, _SCALE_PX - 4, 2 * _LABEL_PX)
                painter.drawText(box, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, f"{-db}")
                last = middle

    # Qt overrides

    def mousePressEvent(self, event: QMouseEvent) -> None:
        for channel in self.channels:
            channel.reset()
        self._shown = ()
        self.update()
        self.reset.emit()

    def paintEvent(self, event: QPaintEvent) -> None:
        colors, top, height = theme.colors(), self._top, self.height()
        painter = QPainter(self)
        high = self._y(_HIGH_DB)
        for number, channel in enumerate(self.channels):
            x = _GAP_PX + number * (_BAR_PX + _GAP_PX)
            painter.fillRect(QRectF(x, top, _BAR_PX, height - top), QColor(colors.meter_ground))
            level = self._y(channel.level_db)
            painter.fillRect(QRectF(x, max(level, high), _BAR_PX, height - max(level, high)), QColor(colors.meter))
            if level < high:
                painter.fillRect(QRectF(x, level, _BAR_PX, high - level), QColor(colors.meter_high))
            if channel.held_db > FLOOR_DB:
                painter.fillRect(QRectF(x, self._y(channel.held_db), _BAR_PX, 1), QColor(colors.text))
            if top <= _FIGURE_PX:
                clip = colors.meter_clip if channel.clipped else colors.meter_ground
                painter.fillRect(QRectF(x, 0, _BAR_PX, _CLIP_PX), QColor(clip))
        painter.translate(self.width() - _SCALE_PX, 0)
        raster = painter.paintEngine().type() == QPaintEngine.Type.Raster
        if raster and painter.deviceTransform().m11() == self.devicePixelRatioF():
            painter.drawPixmap(0, 0, self._scale_for_screen())
        else:
            self._paint_scale(painter)  # for a file, which may have more pixels, or none
        painter.translate(_SCALE_PX - self.width(), 0)
        if top > _FIGURE_PX:
            self._paint_figure(painter)
        painter.end()

    def _paint_figure(self, painter: QPainter) -> None:
        colors, clipped = theme.colors(), any(channel.clipped for channel in self.channels)
        box = QRectF(_GAP_PX, 1, self.width() - 2 * _GAP_PX, _FIGURE_PX - 2)
        painter.fillRect(box, QColor(colors.meter_clip if clipped else colors.meter_ground))
        painter.setFont(self._figure_font)
        painter.setPen(QColor(colors.meter_clip_text if clipped else colors.text))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, self.figure)
