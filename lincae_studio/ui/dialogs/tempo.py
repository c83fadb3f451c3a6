"""The tempo of the grid: a small dialog and one undoable edit. Main thread."""

from __future__ import annotations

from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from lincae_studio.session import places
from lincae_studio.session.model import SESSION_RATE, Tempo
from lincae_studio.ui import theme
from lincae_studio.ui.dialogs.number_field import NumberField
from lincae_studio.ui.model.document import Document

_DEFAULT = Tempo(bpm=120.0)


class TempoDialog(QDialog):
    """Beats per minute, beats per bar, and the start of bar 1."""

    def __init__(self, document: Document, playhead: int, parent: QWidget) -> None:
        super().__init__(parent)
        self._document = document
        tempo = document.session.tempo or _DEFAULT
        self.setWindowTitle("Tempo")
        self.bpm = NumberField(20.0, 400.0, self, decimals=3)
        self.bpm.setValue(tempo.bpm)
        self.beats = NumberField(1, 32, self)
        self.beats.setValue(tempo.beats)
        self.start = NumberField(0.0, 24 * 3600.0, self, decimals=6, suffix=" s")
        self.start.setValue(tempo.start / SESSION_RATE)
        here = QPushButton("At &Playhead", self)
        here.clicked.connect(lambda: self.start.setValue(playhead / SESSION_RATE))
        hint = QLabel("The tempo is only used by the ruler and for snapping; it does not affect the audio.", self)
        hint.setWordWrap(True)
        theme.dim(hint)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel, self)
        self.none = buttons.addButton("&No Tempo", QDialogButtonBox.ButtonRole.ResetRole)
        self.none.setEnabled(document.session.tempo is not None)
        self.none.clicked.connect(lambda: self._set(None))
        buttons.accepted.connect(self._on_accepted)
        buttons.rejected.connect(self.reject)
        form = QFormLayout()
        form.addRow("&Beats per minute", self.bpm)
        form.addRow("Beats per ba&r", self.beats)
        form.addRow("Bar 1 &starts at", self.start)
        form.addRow("", here)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(hint)
        layout.addWidget(buttons)

    def _on_accepted(self) -> None:
        start = round(self.start.value() * SESSION_RATE)
        self._set(Tempo(bpm=self.bpm.value(), beats=self.beats.whole, start=start))

    def _set(self, tempo: Tempo | None) -> None:
        text = "Set Tempo" if tempo is not None else "Remove Tempo"
        self._document.apply(text, lambda session: places.set_tempo(session, tempo))
        self.accept()
