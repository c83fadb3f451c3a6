"""The sliders of a track header: the gain fader with its taper, and the pan. Double-click resets, the wheel steps."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QSlider, QWidget

from lincae_studio.session.levels import (
    FADER_TOP_DB,
    db_to_gain,
    fader_to_gain,
    format_db,
    gain_to_fader,
    stepped_gain,
)
from lincae_studio.ui.plain_text import shown
from lincae_studio.ui.timeline.gesture_keys import GestureKeys

_STEPS = 1000
_PAN_STEPS = 100

#: Step of one wheel notch.
_WHEEL_DB = 0.5
_WHEEL_PAN = 0.05


class _Control(QSlider):
    """A slider that only reports changes made by the user.

    Signals:
        edited: the new value, while the user changes it.
        edit_ended: the slider was released: the change is complete.
        edit_paused: a wheel notch or a key has changed it; more may follow.
        edit_cancelled: Escape was pressed while dragging: the change is to be undone.
    """

    edited = Signal(float)
    edit_ended = Signal()
    edit_paused = Signal()
    edit_cancelled = Signal()

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self._cancelled = False
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.valueChanged.connect(self._on_value_changed)
        self.sliderPressed.connect(self.edit_ended)  # a preceding change by wheel or key is a step of its own
        self.sliderReleased.connect(self.edit_ended)
        self._keys = GestureKeys(self, self._cancel)

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

    def _cancel(self) -> None:
        """Restore the value from before the press; the slider is not held any more."""
        self._cancelled = True
        self.edit_cancelled.emit()
        self.setSliderDown(False)

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

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.edited.emit(self._default())
        self.edit_ended.emit()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._cancelled = False
        super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if not self._cancelled:
            super().mouseMoveEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        self.step_by(event.angleDelta().y() / 120)
        event.accept()


class GainFader(_Control):
    """Linear gain from silence to +6 dB on Ardour's taper."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(name, parent)
        self._gain = 1.0
        self.setRange(0, _STEPS)
        self.setPageStep(_STEPS // 20)

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

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(name, parent)
        self._pan = 0.0
        self.setRange(-_PAN_STEPS, _PAN_STEPS)
        self.setPageStep(_PAN_STEPS // 10)

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


def format_pan(pan: float) -> str:
    """`C`, `L30`, `R100`."""
    percent = round(abs(pan) * 100)
    return "C" if percent == 0 else f"{'L' if pan < 0 else 'R'}{percent}"
