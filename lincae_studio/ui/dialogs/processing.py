"""Small dialogs that ask how clips are to be normalised, and what counts as silence. Main thread."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QDialog, QDialogButtonBox, QFormLayout, QLabel, QWidget

from lincae_studio.media.measuring import Measure
from lincae_studio.session.silence import Stripping
from lincae_studio.ui import theme
from lincae_studio.ui.dialogs.number_field import NumberField

_MEASURES: dict[Measure, tuple[str, str, float]] = {
    "peak": ("Peak", " dBFS", -1.0),
    "loudness": ("Loudness", " LUFS", -23.0),
}

#: The least and the greatest value, and the unit, of thresholds and times.
_LEVELS = (-120.0, 0.0, " dBFS")
_TIMES = (0.0, 10_000.0, " ms")


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

    def number(self, text: str, value: float, least: float, most: float, suffix: str) -> NumberField:
        """A field for a number, with a label."""
        field = NumberField(least, most, self, decimals=1, suffix=suffix)
        field.setValue(value)
        self.row(text, field)
        return field

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
    """The kind of level to set for each clip, and its target."""

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
    """The threshold of silence, and how much of it stays."""

    def __init__(self, parent: QWidget) -> None:
        text = "Trims the start and the end of each selected clip to where it is louder than the threshold."
        super().__init__("Trim Silence", text, parent)
        self.threshold = self.number("&Threshold", -60.0, *_LEVELS)
        self.keep = self.number("&Keep at both ends", 10.0, *_TIMES)
        self.finish()

    @property
    def threshold_db(self) -> float:
        return self.threshold.value()

    @property
    def keep_s(self) -> float:
        return self.keep.value() / 1000.0


class StripSilenceDialog(_Ask):
    """The threshold of silence, and how much of it stays. Not modal, so that the preview on the tracks can be seen.

    Signals:
        changed: a field has changed.
    """

    changed = Signal()

    def __init__(self, stripping: Stripping, parent: QWidget) -> None:
        text = (
            "Removes the silence from the selected clips, or from the selected time. What would be removed is shaded "
            "on the tracks. Nothing moves."
        )
        super().__init__("Strip Silence", text, parent)
        self.threshold = self.number("&Threshold", stripping.threshold_db, *_LEVELS)
        self.silence = self.number("Shortest &silence", stripping.silence_s * 1000.0, *_TIMES)
        self.sound = self.number("Shortest so&und", stripping.sound_s * 1000.0, *_TIMES)
        self.before = self.number("Keep &before", stripping.before_s * 1000.0, *_TIMES)
        self.after = self.number("Keep &after", stripping.after_s * 1000.0, *_TIMES)
        self.summary = QLabel(self)
        self.summary.setWordWrap(True)
        self.form.addRow(self.summary)
        self.finish()
        for field in (self.threshold, self.silence, self.sound, self.before, self.after):
            field.valueChanged.connect(lambda _: self.changed.emit())

    @property
    def stripping(self) -> Stripping:
        times = (field.value() / 1000.0 for field in (self.silence, self.sound, self.before, self.after))
        return Stripping(self.threshold.value(), *times)
