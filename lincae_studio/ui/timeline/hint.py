"""The text beside the pointer during a drag: what changes, and its value. Main thread."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QWidget

from lincae_studio.ui import theme


def paint_hint(painter: QPainter, widget: QWidget, text: str, at: QPointF) -> None:
    """Paint a text above and right of a point of a widget, moved so that it can be seen."""
    metrics = widget.fontMetrics()
    box = QRectF(at.x() + 14, at.y() - 30, metrics.horizontalAdvance(text) + 14, metrics.height() + 6)
    box.moveLeft(min(max(box.left(), 2.0), widget.width() - box.width() - 2))
    box.moveTop(max(box.top(), 2.0))
    painter.fillRect(box, QColor(theme.colors().panel))
    painter.setPen(QColor(theme.colors().text))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRect(box)
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)
