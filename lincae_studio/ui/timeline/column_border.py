"""The right border of the track headers, dragged to make the column of headers wider. Main thread."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QWidget

from lincae_studio.ui.model.header_width import DEFAULT_PX, HeaderWidth
from lincae_studio.ui.timeline.gesture_keys import GestureKeys

_GRIP_PX = 4

#: The share of the window's width that must remain.
_MOST_SHARE = 0.6


class ColumnBorder(QWidget):
    """An invisible strip along the border. A double click gives the column its initial width again.

    Signals:
        chosen: the border was released or reset: the new width in pixels.
    """

    chosen = Signal(int)

    def __init__(self, width: HeaderWidth, column: QWidget) -> None:
        super().__init__(column)
        self._column_width = width
        self._column = column
        self._press: tuple[float, int] | None = None
        self._keys = GestureKeys(self, self._cancel)
        self.setCursor(Qt.CursorShape.SplitHCursor)
        self.setToolTip("Drag to make the track headers wider or narrower; double-click to reset")

    def follow(self) -> None:
        """Follow the size of the column."""
        self.setGeometry(self._column.width() - _GRIP_PX, 0, _GRIP_PX, self._column.height())
        self.raise_()

    def _cancel(self) -> None:
        if self._press is not None:
            self._column_width.set(self._press[1])
            self._press = None

    # Qt overrides

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._press = event.globalPosition().x(), self._column_width.px

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._press is not None:
            x, before = self._press
            most = round(_MOST_SHARE * self.window().width())
            self._column_width.set(min(before + round(event.globalPosition().x() - x), most))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._press is not None and event.button() == Qt.MouseButton.LeftButton:
            self._press = None
            self.chosen.emit(self._column_width.px)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._press = None
            self._column_width.set(DEFAULT_PX)
            self.chosen.emit(DEFAULT_PX)
