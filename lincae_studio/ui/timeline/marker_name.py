"""The field over a marker's flag in which its name is typed. Main thread."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import QLineEdit, QWidget

_WIDTH_PX = 160

#: Losing the focus for these reasons does not end typing: another window, the field's own menu.
_PASSING = (Qt.FocusReason.ActiveWindowFocusReason, Qt.FocusReason.PopupFocusReason)


class MarkerName(QLineEdit):
    """Opens with the name selected. Return, or a click elsewhere, takes the text; Escape keeps the name as it was.

    Signals:
        named: the marker's id and what was typed for it; not emitted when that is the name it had.
        closed: after that, or after Escape.
    """

    named = Signal(int, str)
    closed = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._marker = 0
        self._came_from: QWidget | None = None
        self.setObjectName("marker_name")
        self.setAccessibleName("Name of the marker")
        self.setFixedWidth(_WIDTH_PX)
        self.setMaxLength(400)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.returnPressed.connect(self._take)
        self.hide()

    def open(self, marker: int, name: str, x: float) -> None:
        """Type a name for a marker whose flag begins at `x`."""
        if self.isVisible():
            self._take()
        self._marker = marker
        self.setText(name)
        self.place(x)
        self._came_from = self.window().focusWidget()
        self.show()
        self.setFocus(Qt.FocusReason.OtherFocusReason)
        self.selectAll()

    @property
    def marker(self) -> int | None:
        """The id of the marker whose name is being typed."""
        return self._marker if self.isVisible() else None

    def place(self, x: float) -> None:
        """Move with the flag, but stay in view."""
        ruler = self.parentWidget()
        assert ruler is not None
        self.move(round(min(max(x, 0.0), max(0, ruler.width() - _WIDTH_PX))), 0)

    def cancel(self) -> None:
        """Close without a name, if it is open."""
        if self.isVisible():
            self._close()
            self.closed.emit()

    def _take(self) -> None:
        text = self.text() if self.isModified() else None
        self._close()
        if text is not None:
            self.named.emit(self._marker, text)
        self.closed.emit()

    def _close(self) -> None:
        back, self._came_from = self._came_from, None
        had_focus = self.hasFocus()
        self.hide()  # before the focus moves, which would take the text
        if had_focus and back is not None:
            back.setFocus(Qt.FocusReason.OtherFocusReason)

    # Qt overrides

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        if self.isVisible() and event.reason() not in _PASSING:
            self._take()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.cancel()
        else:
            super().keyPressEvent(event)
