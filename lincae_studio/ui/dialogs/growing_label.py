"""Text of several lines in a dialog that grows with it. Main thread."""

from __future__ import annotations

from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QLabel, QWidget


class GrowingLabel(QLabel):
    """A label that asks for the height of all its lines.

    Qt's layouts ask wrapped text for the height of one line only when they set the least size of a dialog: a text that
    appears later would cut the other rows.
    """

    def __init__(self, text: str, parent: QWidget) -> None:
        super().__init__(parent)
        self._placed = False
        self.setWordWrap(True)
        self.setText(text)

    def setText(self, text: str) -> None:
        super().setText(text)
        self._make_room()

    def _make_room(self) -> None:
        if self._placed:  # else its width means nothing yet, and a dialog that has grown stays so
            self.setMinimumHeight(self.heightForWidth(self.width()) if self.text() else 0)

    # Qt overrides

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._placed = True
        self._make_room()
