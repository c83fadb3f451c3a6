"""The sliders of a strip: the gain fader with its taper, and the pan. The wheel steps; Return asks for the number."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent, QWheelEvent
from PySide6.QtWidgets import QWidget

from lincae_studio.session.levels import (
    FADER_TOP_DB,
    db_to_gain,
    fader_to_gain,
    format_db,
    format_pan,
    gain_to_fader,
    stepped_gain,
)
from lincae_studio.ui.model.wheel import Scrolling
from lincae_studio.ui.plain_text import shown
from lincae_studio.ui.timeline.following_slider import FollowingSlider

_STEPS = 1000
_PAN_STEPS = 100

#: Step of one wheel notch.
_WHEEL_DB = 0.5
_WHEEL_PAN = 0.05

#: With Shift, notches are this much smaller.
_FINE_WHEEL = 0.2

#: Keys that change the value of the focused slider, in notches. (Qt's own steps are of equal length on the slider: far
#: too small to be heard, and of no round value.)
_KEY_NOTCHES = {
    Qt.Key.Key_Up: 1,
    Qt.Key.Key_Right: 1,
    Qt.Key.Key_Down: -1,
    Qt.Key.Key_Left: -1,
    Qt.Key.Key_PageUp: 6,
    Qt.Key.Key_PageDown: -6,
}


class _Control(FollowingSlider):
    """A slider that only reports changes made by the user.

    Signals:
        edit_began: the slider was pressed.
        edited: the new value, while the user changes it.
        edit_ended: the slider was released: the change is complete.
        edit_paused: a wheel notch, a key or a click has changed it; more may follow.
        edit_cancelled: Escape was pressed while dragging: the change is to be undone.
        reset: a double click, which asks for this value.
        number_requested: Return was pressed.
    """

    edit_began = Signal()
    edited = Signal(float)
    edit_ended = Signal()
    edit_paused = Signal()
    edit_cancelled = Signal()
    reset = Signal(float)
    number_requested = Signal()

    def __init__(self, name: str, parent: QWidget | None = None, scrolling: Scrolling | None = None) -> None:
        """`scrolling`: of the list that the slider is in."""
        super().__init__(parent)
        self._scrolling = scrolling or Scrolling()
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.valueChanged.connect(self._on_value_changed)

    def show_value(self, value: float) -> None:
        """Show the document's value without reporting it back."""
        self.blockSignals(True)
        self.setValue(self._position(value))
        self.blockSignals(False)
        self.setToolTip(shown(f"{self.accessibleName()}: {self._text(value)} (double-click to reset)"))

    def step_by(self, notches: float) -> None:
        """Change by wheel notches."""
        self.edited.emit(self._stepped(notches))
        self.edit_paused.emit()

    def begin_drag(self) -> None:
        self.edit_ended.emit()  # a preceding change by wheel or key is a step of its own
        self.edit_began.emit()

    def end_drag(self) -> None:
        self.edit_paused.emit()  # a double click that follows belongs to this step

    def cancel_drag(self) -> None:
        self.edit_cancelled.emit()

    def reset_value(self) -> None:
        self.reset.emit(self._default())
        self.edit_ended.emit()

    def _on_value_changed(self, position: int) -> None:
        self.edited.emit(self._value(position))
        if not self.isSliderDown():
            self.edit_paused.emit()

    def _value(self, position: int) -> float:
        raise NotImplementedError

    def _position(self, value: float) -> int:
        raise NotImplementedError

    def _text(self, value: float) -> str:
        raise NotImplementedError

    def _stepped(self, notches: float) -> float:
        raise NotImplementedError

    def _default(self) -> float:
        raise NotImplementedError

    # Qt overrides

    def keyPressEvent(self, event: QKeyEvent) -> None:
        fine = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.number_requested.emit()
        elif event.key() in _KEY_NOTCHES:
            self.step_by(_KEY_NOTCHES[Qt.Key(event.key())] * (_FINE_WHEEL if fine else 1.0))
        else:
            super().keyPressEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        fine = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        delta = event.angleDelta().y() or (event.angleDelta().x() if fine else 0)  # some desktops swap the axes
        if event.modifiers() & Qt.KeyboardModifier.AltModifier or not delta or self._scrolling.goes_on(event):
            event.ignore()  # for what scrolls
            return
        self.step_by(delta / 120 * (_FINE_WHEEL if fine else 1.0))
        event.accept()


class GainFader(_Control):
    """Linear gain from silence to +6 dB on Ardour's taper."""

    def __init__(self, name: str, parent: QWidget | None = None, scrolling: Scrolling | None = None) -> None:
        super().__init__(name, parent, scrolling)
        self._gain = 1.0
        self.setRange(0, _STEPS)

    def show_value(self, value: float) -> None:
        self._gain = value
        super().show_value(value)

    def _value(self, position: int) -> float:
        return fader_to_gain(position / _STEPS)

    def _position(self, value: float) -> int:
        return round(gain_to_fader(value) * _STEPS)

    def _text(self, value: float) -> str:
        return format_db(value)

    def _stepped(self, notches: float) -> float:
        return stepped_gain(self._gain, notches * _WHEEL_DB, db_to_gain(FADER_TOP_DB))

    def _default(self) -> float:
        return 1.0


class PanSlider(_Control):
    """Pan from -1 (left) to 1 (right)."""

    def __init__(self, name: str, parent: QWidget | None = None, scrolling: Scrolling | None = None) -> None:
        super().__init__(name, parent, scrolling)
        self._pan = 0.0
        self.setRange(-_PAN_STEPS, _PAN_STEPS)

    def show_value(self, value: float) -> None:
        self._pan = value
        super().show_value(value)

    def _value(self, position: int) -> float:
        return position / _PAN_STEPS

    def _position(self, value: float) -> int:
        return round(value * _PAN_STEPS)

    def _text(self, value: float) -> str:
        return format_pan(value)

    def _stepped(self, notches: float) -> float:
        return min(max(round(self._pan + notches * _WHEEL_PAN, 6), -1.0), 1.0)

    def _default(self) -> float:
        return 0.0
