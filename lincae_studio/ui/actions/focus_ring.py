"""A ring around what has the keyboard focus, the same on every kind of control. Main thread.

It appears when Tab or a letter with Alt moves the focus, and goes when the mouse does: those who only use the mouse do
not see it.
"""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QRegion
from PySide6.QtWidgets import QApplication, QMenu, QMenuBar, QWidget

from lincae_studio.ui import theme

_WIDTH_PX = 2


class FocusRing(QObject):
    """Follows the focus in a window and its dialogs."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._ring: _Ring | None = None
        #: Whether the keyboard moved the focus last; what the program does with it in between does not count.
        self._by_keys = False
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        application.focusChanged.connect(self._on_focus_changed)

    def _on_focus_changed(self, _old: QWidget | None, new: QWidget | None) -> None:
        self._remove()
        if new is None or not self._owns(new):
            return
        if new.window().testAttribute(Qt.WidgetAttribute.WA_KeyboardFocusChange):
            self._by_keys = True
        elif QApplication.mouseButtons():
            self._by_keys = False
        if self._by_keys and not isinstance(new, QMenu | QMenuBar):  # these show the chosen entry by themselves
            self._ring = _Ring(new)
            self._ring.destroyed.connect(self._forget)

    def _owns(self, widget: QWidget | None) -> bool:
        while widget is not None and widget is not self._window:
            widget = widget.parentWidget()
        return widget is not None

    def _remove(self) -> None:
        ring, self._ring = self._ring, None
        if ring is not None:
            ring.hide()
            ring.deleteLater()

    def _forget(self, ring: QObject) -> None:
        if self._ring is ring:
            self._ring = None


class _Ring(QWidget):
    """A child of the focused widget as large as that, so that it moves along and is cut where that is cut."""

    def __init__(self, around: QWidget) -> None:
        super().__init__(around)
        self.setObjectName("focus_ring")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        around.installEventFilter(self)
        self._fit(around)
        self.show()
        self.raise_()

    def _fit(self, around: QWidget) -> None:
        inner = around.rect().adjusted(_WIDTH_PX, _WIDTH_PX, -_WIDTH_PX, -_WIDTH_PX)
        self.setGeometry(around.rect())
        self.setMask(QRegion(around.rect()) - QRegion(inner))  # what is inside is repainted without the ring

    # Qt overrides

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize and isinstance(watched, QWidget):
            self._fit(watched)
        return super().eventFilter(watched, event)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(event.rect(), QColor(theme.colors().accent))
        painter.end()
