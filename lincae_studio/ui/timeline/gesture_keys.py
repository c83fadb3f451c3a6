"""Keys while the mouse holds something: they belong to the gesture. Main thread.

Everything that is dragged (clips, the ruler, faders, headers, plots) has a `GestureKeys`. It owns no gesture itself.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QCoreApplication, QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QApplication, QWidget

#: Events that end a press; a double click is no gesture, and the editor that it opens may keep the release.
_ENDS = (QEvent.Type.MouseButtonRelease, QEvent.Type.MouseButtonDblClick)

#: Key events, and the context menu, which a key or another button opens.
_INPUT = (QEvent.Type.ShortcutOverride, QEvent.Type.KeyPress, QEvent.Type.KeyRelease, QEvent.Type.ContextMenu)

_MODIFIERS = {
    Qt.Key.Key_Shift: Qt.KeyboardModifier.ShiftModifier,
    Qt.Key.Key_Control: Qt.KeyboardModifier.ControlModifier,
    Qt.Key.Key_Alt: Qt.KeyboardModifier.AltModifier,
    Qt.Key.Key_Meta: Qt.KeyboardModifier.MetaModifier,
}


class GestureKeys(QObject):
    """From a press of the left button on a widget to its release, wherever the keyboard focus is.

    Escape cancels the gesture, modifier keys change it at once, and all other keys do nothing, so that no command can
    change the document under the pointer.
    """

    def __init__(
        self,
        widget: QWidget,
        cancel: Callable[[], object] = lambda: None,
        modify: Callable[[Qt.KeyboardModifier], object] = lambda _: None,
    ) -> None:
        """`cancel`: ends the gesture without a trace. `modify`: is called with the modifiers that are now held."""
        super().__init__(widget)
        self._widget = widget
        self._cancel = cancel
        self._modify = modify
        self.held = False
        widget.installEventFilter(self)

    def let_go(self) -> None:
        """The gesture has ended: keys are shortcuts again."""
        if self.held:
            self.held = False
            _application().removeEventFilter(self)

    def _hold(self) -> None:
        if not self.held:
            self.held = True
            _application().installEventFilter(self)

    def _end(self) -> None:
        """End a gesture that was cancelled, or whose release went elsewhere."""
        self.let_go()
        self._cancel()

    def _follow(self, kind: QEvent.Type, event: QMouseEvent) -> None:
        left = Qt.MouseButton.LeftButton
        if kind == QEvent.Type.MouseButtonPress and event.button() == left:
            self._hold()
        elif kind in _ENDS and event.button() == left:
            self.let_go()
        elif kind == QEvent.Type.MouseMove and self.held and not event.buttons() & left:
            self._end()

    def _take(self, event: QKeyEvent, pressed: bool) -> None:
        key = Qt.Key(event.key())
        if key == Qt.Key.Key_Escape and pressed:
            self._end()
        elif key in _MODIFIERS and not event.isAutoRepeat():
            # Whether the event's own modifiers include the key depends on the platform.
            changed = _MODIFIERS[key]
            self._modify(event.modifiers() | changed if pressed else event.modifiers() & ~changed)

    # Qt overrides

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        kind = event.type()
        if watched is self._widget and kind == QEvent.Type.Hide and self.held:
            self._end()
        elif watched is self._widget and isinstance(event, QMouseEvent):
            self._follow(kind, event)
        if not self.held or kind not in _INPUT:
            return False
        modal = QApplication.activeModalWidget()
        if modal is not None and not modal.isAncestorOf(self._widget):
            self._end()  # a dialog has opened meanwhile, and its keys are its own
            return False
        if isinstance(event, QKeyEvent) and kind != QEvent.Type.ShortcutOverride:
            self._take(event, pressed=kind == QEvent.Type.KeyPress)
        event.accept()
        return True


def _application() -> QCoreApplication:
    found = QCoreApplication.instance()
    assert found is not None, "widgets exist only with an application"
    return found
