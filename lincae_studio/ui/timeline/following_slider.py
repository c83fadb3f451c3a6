"""A slider that follows the pointer wherever it is pressed. Main thread."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QSlider, QStyle, QStyleOptionSlider, QWidget

from lincae_studio.ui.timeline.gesture_keys import GestureKeys

#: With Shift, the handle moves by this share of what the pointer moves.
_FINE = 0.1


class FollowingSlider(QSlider):
    """A press takes the handle where it is, or makes it jump to the pointer, and a drag always follows.

    With Shift it moves finely; Escape returns to the value from before the press, a double click to the default.
    """

    def __init__(self, parent: QWidget | None = None, default: int | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self._default_position = default
        #: While the slider is held: the pointer's x when last seen, and the position that it asks for, unrounded.
        self._held: tuple[float, float] | None = None
        self._before = 0
        self._keys = GestureKeys(self, self._cancel)

    def begin_drag(self) -> None:
        """The slider was pressed, and has not moved yet."""
        self._before = self.value()

    def end_drag(self) -> None:
        """The slider was released."""

    def cancel_drag(self) -> None:
        """Escape was pressed."""
        self.setValue(self._before)

    def reset_value(self) -> None:
        """The slider was double-clicked."""
        if self._default_position is not None:
            self.setValue(self._default_position)

    def _cancel(self) -> None:
        if self._held is not None:
            self._held = None
            self.cancel_drag()
            self.setSliderDown(False)

    def _handle(self) -> tuple[float, float, float]:
        """The handle's left border, its width, and how far it can travel, in pixels."""
        option = QStyleOptionSlider()
        self.initStyleOption(option)
        found = []
        for position in (self.sliderPosition(), self.minimum(), self.maximum()):
            option.sliderPosition = option.sliderValue = position
            part = QStyle.SubControl.SC_SliderHandle
            found.append(self.style().subControlRect(QStyle.ComplexControl.CC_Slider, option, part, self))
        handle, first, last = found
        return handle.x(), handle.width(), max(1, last.x() - first.x())

    def _move_to(self, position: float, x: float) -> None:
        self._held = x, position
        self.setSliderPosition(round(min(max(position, float(self.minimum())), float(self.maximum()))))

    # Qt overrides

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            event.ignore()
            return
        self.begin_drag()
        self.setSliderDown(True)
        x, (left, width, travel) = event.position().x(), self._handle()
        position = float(self.sliderPosition())
        if not left <= x <= left + width:
            position += (x - left - width / 2) * (self.maximum() - self.minimum()) / travel
        self._move_to(position, x)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._held is None:
            return
        before, position = self._held
        x, travel = event.position().x(), self._handle()[2]
        fine = _FINE if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1.0
        self._move_to(position + fine * (x - before) * (self.maximum() - self.minimum()) / travel, x)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._held is not None and event.button() == Qt.MouseButton.LeftButton:
            self._held = None
            self.setSliderDown(False)
            self.end_drag()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.reset_value()
