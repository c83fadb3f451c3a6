"""The padlock on the headers of locked tracks: drawn, as many fonts have none. Main thread."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from lincae_studio.ui import theme


class LockBadge(QWidget):
    """In the colour of text."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    # Qt overrides

    def sizeHint(self) -> QSize:
        return QSize(12, 14)

    def paintEvent(self, event: QPaintEvent) -> None:
        color = QColor(theme.colors().text)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(color, 1.5))
        painter.drawArc(QRectF(3, 1.5, 6, 9), 0, 180 * 16)
        painter.fillRect(QRectF(1, 6, 10, 7), color)
        painter.end()
