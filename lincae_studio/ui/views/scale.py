"""A vertical scale beside a plot: ticks with labels. Main thread."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from lincae_studio.ui import theme

_WIDTH_PX = 40
_TICK_PX = 4


class Scale(QWidget):
    """Ticks at heights from 0 (bottom) to 1 (top); labels that would overlap the one below are left out."""

    def __init__(self, ticks: Sequence[tuple[float, str]], parent: QWidget) -> None:
        super().__init__(parent)
        self._ticks = sorted(ticks)
        self.setFixedWidth(_WIDTH_PX)

    def set_ticks(self, ticks: Sequence[tuple[float, str]]) -> None:
        """Show other ticks."""
        self._ticks = sorted(ticks)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        font = painter.font()
        font.setPointSizeF(font.pointSizeF() * 0.8)
        painter.setFont(font)
        painter.setPen(QColor(theme.colors().text_dim))
        high = painter.fontMetrics().height()
        free_from = float(self.height() + high)
        for place, text in self._ticks:
            y = round((self.height() - 1) * (1.0 - place))
            painter.drawLine(self.width() - _TICK_PX, y, self.width(), y)
            middle = min(max(y, high // 2), self.height() - high // 2)
            if free_from - middle >= high:
                flags = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
                painter.drawText(0, middle - high // 2, self.width() - _TICK_PX - 3, high, flags, text)
                free_from = middle
        painter.end()
