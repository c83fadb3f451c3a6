"""Which keys belong to the control that has the focus, although the window has a shortcut on them. No state."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractButton, QAbstractSlider, QWidget

_SLIDER_KEYS = (
    Qt.Key.Key_Left,
    Qt.Key.Key_Right,
    Qt.Key.Key_Up,
    Qt.Key.Key_Down,
    Qt.Key.Key_PageUp,
    Qt.Key.Key_PageDown,
    Qt.Key.Key_Home,
    Qt.Key.Key_End,
)


def belongs_to_focus(event: QEvent, focus: QWidget | None) -> bool:
    """Whether an event offers a key that is for the focused control: arrows change a slider, Space presses a button.

    Without this the window's shortcuts (seek, play) would take them, and nothing could be set without a mouse. Controls
    get the focus by Tab only, so that after a click these keys are still the transport's.
    """
    if event.type() != QEvent.Type.ShortcutOverride or not isinstance(event, QKeyEvent):
        return False
    if event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier:
        return False
    if isinstance(focus, QAbstractSlider):
        return event.key() in _SLIDER_KEYS
    return isinstance(focus, QAbstractButton) and event.key() == Qt.Key.Key_Space
