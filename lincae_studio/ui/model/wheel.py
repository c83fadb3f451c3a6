"""The widget that the mouse wheel acts on: a turn that begins as scrolling stays scrolling. Main thread."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QAbstractSlider, QAbstractSpinBox, QComboBox, QScrollBar, QWidget

#: A turn of the wheel goes on until it has rested for this long.
_REST_MS = 600


class Scrolling:
    """Whether something is being scrolled by the wheel at the moment, so that it moves under the pointer."""

    def __init__(self) -> None:
        self._last_ms: int | None = None

    def note(self, event: QWheelEvent) -> None:
        """The event scrolls or zooms."""
        self._last_ms = event.timestamp()

    def goes_on(self, event: QWheelEvent) -> bool:
        """Whether the event continues a turn that scrolls: what is under the pointer now must not take it."""
        return self._last_ms is not None and 0 <= event.timestamp() - self._last_ms < _REST_MS


class WheelNeedsFocus(QObject):
    """Keeps the wheel from changing controls that only pass under the pointer: combo boxes, numbers and sliders need
    the focus first.

    Without it, the wheel scrolls what they are in.
    """

    def __init__(self, root: QWidget) -> None:
        """Applies to all such controls in `root`, as it is now."""
        super().__init__(root)
        kinds = (QComboBox, QAbstractSpinBox, QAbstractSlider)
        for control in root.findChildren(QWidget):
            if isinstance(control, kinds) and not isinstance(control, QScrollBar):
                if control.focusPolicy() == Qt.FocusPolicy.WheelFocus:
                    control.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
                control.installEventFilter(self)

    # Qt overrides

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Wheel and isinstance(watched, QWidget) and not watched.hasFocus():
            event.ignore()
            return True
        return super().eventFilter(watched, event)
