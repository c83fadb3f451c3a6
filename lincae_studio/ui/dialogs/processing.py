"""Small dialogs that ask how clips are to be normalised, and what counts as silence. Main thread."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QDialog, QDialogButtonBox, QFormLayout, QLabel, QWidget

from lincae_studio.media.measuring import Measure
from lincae_studio.ui import theme
from lincae_studio.ui.dialogs.number_field import NumberField

_MEASURES: dict[Measure, tuple[str, str, float]] = {
    "peak": ("Peak", " dBFS", -1.0),
    "loudness": ("Loudness", " LUFS", -23.0),
}


class _Ask(QDialog):
    """A form with OK and Cancel, and a sentence about what happens."""

    def __init__(self, title: str, text: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(title)
        self.form = QFormLayout(self)
        hint = QLabel(text, self)
        hint.setWordWrap(True)
        theme.dim(hint)
        self.form.addRow(hint)

    def finish(self) -> None:
        """Add the buttons below the fields."""
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel, self)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        self.form.addRow(buttons)

    def row(self, text: str, field: QWidget) -> None:
        """A field with a label whose letter moves the focus to it."""
        label = QLabel(text, self)
        label.setBuddy(field)
        self.form.addRow(label, field)


class NormaliseDialog(_Ask):
    """Which level of each clip is set, and to what."""

    def __init__(self, parent: QWidget) -> None:
        text = "Sets the gain of each selected clip. Its audio stays as it is, and nothing is encoded again."
        super().__init__("Normalise Clips", text, parent)
        self.box = QComboBox(self)
        for name, (title, _, _) in _MEASURES.items():
            self.box.addItem(title, name)
        self.target = NumberField(-70.0, 0.0, self, decimals=2)
        self.row("&Measure", self.box)
        self.row("&Target", self.target)
        self.finish()
        self.box.currentIndexChanged.connect(self._follow)
        self._follow()

    @property
    def measure(self) -> Measure:
        measure: Measure = self.box.currentData()
        return measure

    @property
    def target_db(self) -> float:
        return self.target.value()

    def _follow(self) -> None:
        _, suffix, usual = _MEASURES[self.measure]
        self.target.setSuffix(suffix)
        self.target.setValue(usual)


class TrimSilenceDialog(_Ask):
    """What counts as silence, and how much of it stays."""

    def __init__(self, parent: QWidget) -> None:
        text = "Trims the start and the end of each selected clip to where it is louder than the threshold."
        super().__init__("Trim Silence", text, parent)
        self.threshold = NumberField(-120.0, 0.0, self, decimals=1, suffix=" dBFS")
        self.threshold.setValue(-60.0)
        self.keep = NumberField(0.0, 10_000.0, self, decimals=1, suffix=" ms")
        self.keep.setValue(10.0)
        self.row("&Threshold", self.threshold)
        self.row("&Keep at both ends", self.keep)
        self.finish()

    @property
    def threshold_db(self) -> float:
        return self.threshold.value()

    @property
    def keep_s(self) -> float:
        return self.keep.value() / 1000.0
