"""The tempo of the grid: a small dialog, in which it can be tapped, and one undoable edit. Main thread."""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from lincae_studio.session import places
from lincae_studio.session.model import Tempo
from lincae_studio.session.times import count_of
from lincae_studio.ui import theme
from lincae_studio.ui.dialogs.form_rows import in_row, label
from lincae_studio.ui.dialogs.number_field import NumberField
from lincae_studio.ui.model.document import Document

_DEFAULT = Tempo(bpm=120.0)

#: After a longer pause, taps are counted from one again.
_PAUSE_S = 3.0

#: The number of taps that the tempo is taken from, so that it can follow a change.
_MOST_TAPS = 16


class Taps:
    """The times at which the beat was tapped."""

    def __init__(self) -> None:
        self._times_s: list[float] = []

    def __len__(self) -> int:
        return len(self._times_s)

    def add(self, now_s: float) -> None:
        """One more tap, or the first after a pause."""
        if self._times_s and not 0.0 < now_s - self._times_s[-1] <= _PAUSE_S:
            self._times_s = []
        self._times_s = [*self._times_s, now_s][-_MOST_TAPS:]

    @property
    def per_minute(self) -> float | None:
        """Taps per minute, by the line of least squares through all of them; None until there are two."""
        count = len(self._times_s)
        if count < 2:
            return None
        middle, mean_s = (count - 1) / 2, sum(self._times_s) / count
        over = sum((number - middle) * (at_s - mean_s) for number, at_s in enumerate(self._times_s))
        return 60.0 * sum((number - middle) ** 2 for number in range(count)) / over


class TempoDialog(QDialog):
    """Quarter notes per minute, the time signature, and the start of bar 1."""

    def __init__(
        self, document: Document, playhead: int, parent: QWidget, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`clock`: returns the time of a tap, in seconds."""
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._document = document
        self._clock = clock
        self._taps = Taps()
        tempo = document.session.tempo or _DEFAULT
        self.setWindowTitle("Tempo")
        self.bpm = NumberField(20.0, 400.0, self, decimals=3)
        self.bpm.setValue(tempo.bpm)
        self.meaning = QLabel(self)
        theme.dim(self.meaning)
        self.beats = NumberField(1, 32, self)
        self.beats.setValue(tempo.beats)
        self.unit = QComboBox(self)
        self.unit.setAccessibleName("Note that is a beat")
        self.unit.addItem("4", 4)
        self.unit.addItem("8", 8)
        self.unit.setCurrentIndex(self.unit.findData(tempo.unit))
        self.start = NumberField(0.0, 24 * 3600.0, self, decimals=6, suffix=" s")
        self.start.setValue(tempo.start / document.session.rate)
        here = QPushButton("At &Playhead", self)
        here.clicked.connect(lambda: self.start.setValue(playhead / document.session.rate))
        self.tapping = QPushButton("&Tap", self)
        self.tapping.pressed.connect(self.tap)
        self.tapped = QLabel(self)
        theme.dim(self.tapped)
        hint = QLabel("The tempo is used by the ruler, for snapping, and by clips that follow it.", self)
        hint.setWordWrap(True)
        theme.dim(hint)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel, self)
        self.none = buttons.addButton("&No Tempo", QDialogButtonBox.ButtonRole.ResetRole)
        self.none.setEnabled(document.session.tempo is not None)
        self.none.clicked.connect(lambda: self._set(None))
        buttons.accepted.connect(self._on_accepted)
        buttons.rejected.connect(self.reject)
        form = QFormLayout()
        form.addRow(label("&Quarter notes per minute", self.bpm), in_row(self.bpm, self.meaning))
        form.addRow("", in_row(self.tapping, self.tapped))
        form.addRow(label("Time si&gnature", self.beats), in_row(self.beats, QLabel("/", self), self.unit))
        form.addRow(label("Bar 1 &starts at", self.start), in_row(self.start, here))
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(hint)
        layout.addWidget(buttons)
        self.bpm.valueChanged.connect(self._follow)
        self.beats.valueChanged.connect(self._follow)
        self.unit.currentIndexChanged.connect(self._follow)
        for child in self.findChildren(QWidget):
            child.installEventFilter(self)
        self._follow()

    def tap(self) -> None:
        """Count a tap; from the second on, they set the tempo."""
        self._taps.add(self._clock())
        per_minute = self._taps.per_minute
        if per_minute is not None:
            self.bpm.setValue(round(per_minute * self._quarters, 1))
        self._follow()

    @property
    def _note(self) -> tuple[str, float]:
        """The note that is felt as the beat, and the number of quarter notes in it."""
        if self.unit.currentData() == 4:
            return "quarter note", 1.0
        return ("dotted quarter note", 1.5) if self.beats.whole % 3 == 0 else ("eighth note", 0.5)

    @property
    def _quarters(self) -> float:
        return self._note[1]

    def _follow(self) -> None:
        """Say what the tempo is in the notes that are tapped."""
        note, quarters = self._note
        felt = f"= {self.bpm.value() / quarters:.5g} {note}s per minute"
        self.meaning.setText(felt if quarters != 1.0 else "")
        counted = count_of(len(self._taps), "tap")
        self.tapped.setText(f"{counted}, one for each {note}" if self._taps else f"or press T for each {note}")

    def _on_accepted(self) -> None:
        start = round(self.start.value() * self._document.session.rate)
        unit = self.unit.currentData()
        self._set(Tempo(bpm=self.bpm.value(), beats=self.beats.whole, start=start, unit=unit))

    def _set(self, tempo: Tempo | None) -> None:
        text = f"Set Tempo {tempo.bpm:.6g}, {tempo.beats}/{tempo.unit}" if tempo is not None else "Remove Tempo"
        self._document.apply(text, lambda session: places.set_tempo(session, tempo))
        self.accept()

    # Qt overrides

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent) and _is_tap(event):
            if not event.isAutoRepeat():
                self.tap()
            return True  # number fields take no letters
        return super().eventFilter(watched, event)


def _is_tap(event: QKeyEvent) -> bool:
    return event.key() == Qt.Key.Key_T and event.modifiers() == Qt.KeyboardModifier.NoModifier
