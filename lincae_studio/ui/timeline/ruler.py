"""The ruler: time along the top; a click or drag seeks."""

from __future__ import annotations

import math

from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPolygonF
from PySide6.QtWidgets import QWidget

from lincae_studio.session.model import SESSION_RATE
from lincae_studio.ui import theme
from lincae_studio.ui.timeline.axis import TimeAxis
from lincae_studio.ui.timeline.canvas import TimeCanvas

#: Distances between labels that read well, in seconds.
_STEPS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)

#: Labels are at least this far apart.
_LABEL_PX = 90


def format_time(seconds: float, decimals: int = 3) -> str:
    """`m:ss.mmm`, with hours only where there are any."""
    total = round(seconds * 10**decimals)
    whole, fraction = divmod(total, 10**decimals)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    text = f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"
    return f"{text}.{fraction:0{decimals}d}" if decimals else text


class Ruler(TimeCanvas):
    """Time in minutes and seconds.

    Signals:
        seek: the sample under the pointer.
    """

    seek = Signal(int)

    def __init__(self, axis: TimeAxis, parent: QWidget | None = None) -> None:
        super().__init__(axis, parent)
        self.setFixedHeight(26)
        self.setAccessibleName("Time ruler")
        self.setToolTip("Click or drag to move the playhead")

    def paint_content(self, painter: QPainter) -> None:
        painter.fillRect(self.rect(), QColor(theme.PANEL))
        step_s = next((s for s in _STEPS_S if s * SESSION_RATE / self.axis.samples_per_px >= _LABEL_PX), _STEPS_S[-1])
        step = step_s * SESSION_RATE
        decimals = max(0, -math.floor(math.log10(step_s))) if step_s < 1 else 0
        last = math.ceil((self.axis.start + self.axis.shown) / step)
        font = painter.font()
        font.setPointSizeF(8.5)
        painter.setFont(font)
        for number in range(math.floor(self.axis.start / step), last + 1):
            x = self.axis.x_of(number * step)
            painter.setPen(QColor(theme.LINE))
            for part in range(1, 5):
                minor = round(self.axis.x_of((number + part / 5) * step))
                painter.drawLine(minor, 21, minor, 26)
            painter.setPen(QColor(theme.TEXT_DIM))
            painter.drawLine(round(x), 15, round(x), 26)
            painter.drawText(QRectF(x + 4, 2, 120, 16), format_time(number * step_s, decimals))

    def paint_overlay(self, painter: QPainter) -> None:
        x = self.axis.x_of(self._playhead)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.PLAYHEAD))
        painter.drawPolygon(QPolygonF([QPointF(x - 5, 17), QPointF(x + 6, 17), QPointF(x + 0.5, 26)]))

    def set_playhead(self, sample: int) -> None:
        """As the base class, but the marker is wider than the line."""
        super().set_playhead(sample)
        self.update()

    # Qt overrides

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.seek.emit(self.axis.sample_at(event.position().x()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton:
            self.seek.emit(self.axis.sample_at(event.position().x()))
