"""The field for a number: every dialog uses this one. Main thread."""

from __future__ import annotations

import re

from PySide6.QtCore import QLocale
from PySide6.QtGui import QShowEvent, QValidator
from PySide6.QtWidgets import QDoubleSpinBox, QWidget

#: A number, or the beginning of one.
_NUMBER = re.compile(r"[+-]?\d*\.?\d*")


class NumberField(QDoubleSpinBox):
    """Takes both a point and a comma as the decimal separator, in every locale, and shows a point.

    Typed digits are never dropped, which would turn 2.5 into 25 and 120 into 12: a number with too many decimals is
    rounded, and a number out of range becomes the nearest one allowed.
    """

    def __init__(
        self, least: float, most: float, parent: QWidget, *, decimals: int = 0, suffix: str = "", name: str = ""
    ) -> None:
        """`name`: what screen readers call it, where no label does."""
        super().__init__(parent)
        self.setLocale(QLocale.c())  # as all numbers in the window are shown
        self.setDecimals(decimals)
        self.setRange(least, most)
        self.setSuffix(suffix)
        if name:
            self.setAccessibleName(name)
        self.editingFinished.connect(self._show_value)

    @property
    def whole(self) -> int:
        """The value of a field without decimals."""
        return round(self.value())

    def _typed(self, text: str) -> str:
        """The number in a text of the field, with a point and a plain minus sign."""
        if text and text == self.specialValueText():
            return repr(self.minimum())
        bare = text.removeprefix(self.prefix()).removesuffix(self.suffix()).strip()
        return bare.replace(",", ".").replace("−", "-")

    def _show_value(self) -> None:
        """Show the accepted number if it differs from the typed one."""
        special = self.specialValueText() if self.value() == self.minimum() else ""
        text = special or f"{self.prefix()}{self.textFromValue(self.value())}{self.suffix()}"
        if text != self.text():
            self.lineEdit().setText(text)

    # Qt overrides

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.selectAll()  # typing into the first field of a dialog replaces its number

    def setSuffix(self, suffix: str) -> None:
        # Qt rewrites the text even if the suffix is the same, and so overwrites typing in progress.
        if suffix != self.suffix():
            super().setSuffix(suffix)

    def validate(self, text: str, position: int) -> tuple[QValidator.State, str, int]:
        typed = self._typed(text)
        state = QValidator.State.Invalid
        if _NUMBER.fullmatch(typed):
            state = QValidator.State.Acceptable if any(map(str.isdigit, typed)) else QValidator.State.Intermediate
        return state, text, position

    def valueFromText(self, text: str) -> float:
        return round(float(self._typed(text)), self.decimals())
