"""Where the keyboard focus goes when the control that had it gives it up. Main thread."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt, QTimer
from PySide6.QtWidgets import QApplication, QWidget


class FocusHome(QObject):
    """Gives the focus to `home` when the window has none left, as after Return in a field.

    Without a focus, Tab would begin at the first control of the window, and screen readers would fall silent.
    """

    def __init__(self, home: QWidget) -> None:
        super().__init__(home)
        self._home = home
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        application.focusChanged.connect(self._on_focus_changed)

    def _on_focus_changed(self, _old: QWidget | None, new: QWidget | None) -> None:
        if new is None:
            QTimer.singleShot(0, self, self._go_home)  # not in between two that have it

    def _go_home(self) -> None:
        window = self._home.window()
        if window.isActiveWindow() and window.focusWidget() is None:
            self._home.setFocus(Qt.FocusReason.OtherFocusReason)
