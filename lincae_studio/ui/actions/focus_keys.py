"""Keys that go to the focused control even though they are shortcuts of the window. No state."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QWidget,
)

_ARROWS = (Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Down)

_SLIDER_KEYS = (
    *_ARROWS,
    Qt.Key.Key_PageUp,
    Qt.Key.Key_PageDown,
    Qt.Key.Key_Home,
    Qt.Key.Key_End,
)

_RETURN = (Qt.Key.Key_Return, Qt.Key.Key_Enter)

_TEXTS = (QLineEdit, QAbstractSpinBox, QPlainTextEdit)

_LIST_KEYS = (
    Qt.Key.Key_Up,
    Qt.Key.Key_Down,
    Qt.Key.Key_PageUp,
    Qt.Key.Key_PageDown,
    Qt.Key.Key_Home,
    Qt.Key.Key_End,
)


def belongs_to_focus(event: QEvent, focus: QWidget | None) -> bool:
    """Whether a key acts on the focused control: arrows move a slider or along a list, Space presses a button.

    Return ends typing in a field, opens an entry of a list, and lets a number be typed for a fader.

    Otherwise the shortcuts of the window (seek, play) would take these keys, and controls could not be used without a
    mouse. Controls get the focus only by Tab, so these keys still control the transport after a click.
    """
    if event.type() != QEvent.Type.ShortcutOverride or not isinstance(event, QKeyEvent):
        return False
    modifiers = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
    if isinstance(focus, _TEXTS) and event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down):
        return not modifiers & ~Qt.KeyboardModifier.ShiftModifier
    if isinstance(focus, QAbstractItemView) and modifiers == Qt.KeyboardModifier.ShiftModifier:
        return event.key() in _LIST_KEYS  # which extend the selection
    if isinstance(focus, QAbstractSlider) and modifiers == Qt.KeyboardModifier.ShiftModifier:
        return event.key() in _ARROWS  # which make finer steps
    if modifiers:
        return False
    if event.key() in _RETURN:
        return isinstance(focus, (*_TEXTS, QAbstractItemView, QAbstractButton, QAbstractSlider, QComboBox))
    if isinstance(focus, (QAbstractItemView, QComboBox)):
        return event.key() in _LIST_KEYS
    if isinstance(focus, QAbstractSlider):
        return event.key() in _SLIDER_KEYS
    return isinstance(focus, QAbstractButton) and event.key() == Qt.Key.Key_Space
