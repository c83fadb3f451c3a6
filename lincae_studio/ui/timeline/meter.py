"""A peak meter: its ballistics and its painting. Main thread."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from itertools import pairwise

from PySide6.QtCore import QRectF, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent
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

_BAR_PX = 4
_GAP_PX = 1
_CLIP_PX = 4


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
        clipped: whether a peak has reached full scale since `reset`.
    """

    def __init__(self) -> None:
        self.level_db = self.held_db = FLOOR_DB
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
        self.clipped = self.clipped or peak >= 1.0

    @property
    def resting(self) -> bool:
        """Whether all levels have fallen to the bottom."""
        return self.held_db <= FLOOR_DB

    def reset(self) -> None:
        """Reset the clip indicator."""
        self.clipped = False


#: Left and right.
Channels = tuple[Ballistics, Ballistics]


def update_channels(channels: Channels, peaks: Sequence[float], now: float) -> None:
    """Update with the peaks of left and right; a single mono peak counts for both."""
    for channel, peak in zip(channels, (peaks[0], peaks[-1]), strict=True):
        channel.update(peak, now)


class Meter(QWidget):
    """Vertical bars, one per channel, with the held peak as a line and a clip indicator on top.

    Signals:
        reset: the meter was clicked, which resets the clip indicator.
    """

    reset = Signal()

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.channels: Channels = (Ballistics(), Ballistics())
        self.setFixedWidth(2 * _BAR_PX + 3 * _GAP_PX)
        self.setAccessibleName(name)
        self._shown: tuple[object, ...] = ()

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
        shown = tuple(
            (self._y(channel.level_db), self._y(channel.held_db), channel.clipped) for channel in self.channels
        )
        if shown != self._shown:
            self._shown = shown
            self.update()
            held = max(channel.held_db for channel in self.channels)
            text = f"{held:.1f} dBFS" if held > FLOOR_DB else "silent"
            self.setAccessibleDescription(text + (", clipped" if any(c.clipped for c in self.channels) else ""))

    @property
    def resting(self) -> bool:
        return all(channel.resting for channel in self.channels)

    def _y(self, db: float) -> int:
        """The y of a level, in pixels from the top."""
        height = self.height() - _CLIP_PX - 1
        return round(_CLIP_PX + 1 + height * (1.0 - deflection(db)))

    # Qt overrides

    def mousePressEvent(self, event: QMouseEvent) -> None:
        for channel in self.channels:
            channel.reset()
        self._shown = ()
        self.update()
        self.reset.emit()

    def paintEvent(self, event: QPaintEvent) -> None:
        colors = theme.colors()
        painter = QPainter(self)
        for number, channel in enumerate(self.channels):
            x = _GAP_PX + number * (_BAR_PX + _GAP_PX)
            painter.fillRect(
                QRectF(x, _CLIP_PX + 1, _BAR_PX, self.height() - _CLIP_PX - 1), QColor(colors.meter_ground)
            )
            painter.fillRect(
                QRectF(x, 0, _BAR_PX, _CLIP_PX), QColor(colors.meter_clip if channel.clipped else colors.meter_ground)
            )
            top, high = self._y(channel.level_db), self._y(_HIGH_DB)
            painter.fillRect(QRectF(x, max(top, high), _BAR_PX, self.height() - max(top, high)), QColor(colors.meter))
            if top < high:
                painter.fillRect(QRectF(x, top, _BAR_PX, high - top), QColor(colors.meter_high))
            if channel.held_db > FLOOR_DB:
                painter.fillRect(QRectF(x, self._y(channel.held_db), _BAR_PX, 1), QColor(colors.text))
        painter.end()
