"""Where the keyboard focus goes when the control that had it gives it up. Main thread."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt, QTimer
from PySide6.QtWidgets import QApplication, QWidget


class FocusHome(QObject):
    """Gives the focus to `home` when the window has none left, as after Return in a field, or its panel was closed.

    Without a focus, Tab would begin at the first control of the window, and screen readers would fall silent. When a
    panel with the focus is closed, Qt gives it to the first button of the toolbar, which Space would press.
    """

    def __init__(self, home: QWidget) -> None:
        super().__init__(home)
        self._home = home
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        application.focusChanged.connect(self._on_focus_changed)

    def _on_focus_changed(self, old: QWidget | None, new: QWidget | None) -> None:
        if new is None:
            QTimer.singleShot(0, self, self._go_home)  # not in between two that have it
        elif old is not None and not old.isHidden() and self._closed_around(old):
            self._home.setFocus(Qt.FocusReason.OtherFocusReason)

    def _closed_around(self, widget: QWidget) -> bool:
        """Whether a part of the window that contains a widget has been hidden."""
        window, around = self._home.window(), widget.parentWidget()
        while around is not None and around is not window:
            if around.isHidden():
                return widget.window() is window
            around = around.parentWidget()
        return False

    def _go_home(self) -> None:
        window = self._home.window()
        if window.isActiveWindow() and window.focusWidget() is None:
            self._home.setFocus(Qt.FocusReason.OtherFocusReason)
