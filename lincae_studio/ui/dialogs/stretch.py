"""The dialog for the length and the pitch of clips: any field that is typed into sets the others. Main thread."""

from __future__ import annotations

from collections.abc import Collection

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QLayout,
    QVBoxLayout,
    QWidget,
)

from lincae_studio.errors import EditError
from lincae_studio.session import processing
from lincae_studio.session.model import MAX_LENGTH, Clip, Session
from lincae_studio.session.processes import MAX_FACTOR, MAX_SEMITONES, MIN_FACTOR, stretch_of
from lincae_studio.session.times import count_of
from lincae_studio.ui import theme
from lincae_studio.ui.dialogs.form_rows import in_row, label
from lincae_studio.ui.dialogs.number_field import NumberField
from lincae_studio.ui.model.document import Document

#: Slowest and fastest tempo of audio, in bpm.
_SLOWEST, _FASTEST = 10.0, 1000.0

_USUAL_BPM = 120.0


class StretchDialog(QDialog):
    """Length, per cent, tempo, semitones and cents of the selected clips; one undoable edit."""

    def __init__(self, document: Document, clip_ids: Collection[int], parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Stretch and Pitch")
        self._document = document
        session = document.session
        self._clips = [clip for _, clip in session.clips_of(clip_ids)]
        clip, rate = self._clips[0], session.rate
        stretch = stretch_of(session.media_of(clip.media).chain)
        self._unstretched_s = clip.length / stretch.factor / rate
        #: The typed length in samples, unless another field was typed in later.
        self._typed_length: int | None = None
        least, most = self._unstretched_s * MIN_FACTOR, min(self._unstretched_s * MAX_FACTOR, MAX_LENGTH / rate)
        self.length = NumberField(least, most, self, decimals=6, suffix=" s")
        self.percent = NumberField(MIN_FACTOR * 100, MAX_FACTOR * 100, self, decimals=4, suffix=" %")
        self.before = NumberField(_SLOWEST, _FASTEST, self, decimals=3, suffix=" bpm", name="Tempo before")
        self.after = NumberField(_SLOWEST / 8, _FASTEST * 8, self, decimals=3, suffix=" bpm", name="Tempo after")
        self.follows = QCheckBox("&Follow the session’s tempo", self)
        self.semitones = NumberField(-MAX_SEMITONES, MAX_SEMITONES, self, suffix=" semitones")
        self.cents = NumberField(-100.0, 100.0, self, decimals=1, suffix=" cents", name="Cents")
        factor = stretch.factor
        self.length.setValue(self._unstretched_s * factor)
        self.percent.setValue(factor * 100)
        tempo = session.tempo.bpm if session.tempo is not None else _USUAL_BPM
        self.before.setValue(clip.tempo or min(max(tempo * factor, _SLOWEST), _FASTEST))
        self.after.setValue(self.before.value() / factor)
        self.follows.setChecked(bool(clip.tempo))
        self.follows.setEnabled(session.tempo is not None)
        if session.tempo is None:
            self.follows.setToolTip("The session has no tempo (Session > Tempo)")
        whole = round(stretch.semitones)
        self.semitones.setValue(whole)
        self.cents.setValue((stretch.semitones - whole) * 100)
        if len(self._clips) > 1:
            self.length.setEnabled(False)
        hint = QLabel(
            "The start of each clip stays where it is. Clips are silent while their audio is being stretched.",
            self,
        )
        hint.setWordWrap(True)
        theme.dim(hint)
        self.which = QLabel("" if len(self._clips) == 1 else f"{count_of(len(self._clips), 'clip')}", self)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel, self)
        self.reset = buttons.addButton("&Unchanged", QDialogButtonBox.ButtonRole.ResetRole)
        self.reset.clicked.connect(self._on_reset)
        buttons.accepted.connect(self._on_accepted)
        buttons.rejected.connect(self.reject)
        form = QFormLayout()
        if len(self._clips) > 1:
            form.addRow(self.which)
        form.addRow(label("&Length", self.length), self.length)
        form.addRow(label("&Per cent", self.percent), self.percent)
        form.addRow(label("&Tempo from", self.before), in_row(self.before, QLabel("to", self), self.after))
        form.addRow("", self.follows)
        form.addRow(label("P&itch", self.semitones), in_row(self.semitones, self.cents))
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(hint)
        layout.addWidget(buttons)
        layout.setSizeConstraint(QLayout.SizeConstraint.SetMinimumSize)
        self.length.valueChanged.connect(self._on_length)
        self.percent.valueChanged.connect(lambda percent: self._set_factor(percent / 100, self.percent))
        self.before.valueChanged.connect(self._on_tempo)
        self.after.valueChanged.connect(self._on_tempo)
        self.follows.toggled.connect(self._on_tempo)
        self._exact = factor
        self._on_follows()

    @property
    def factor(self) -> float:
        """The length divided by that before stretching; not rounded as the fields are."""
        return self._exact

    @property
    def pitch(self) -> float:
        """In semitones."""
        return self.semitones.value() + self.cents.value() / 100.0

    def _on_length(self, seconds: float) -> None:
        self._set_factor(seconds / self._unstretched_s, self.length)
        self._typed_length = round(seconds * self._document.session.rate)

    def _on_tempo(self) -> None:
        self._on_follows()
        tempo = self._document.session.tempo
        if self.follows.isChecked() and tempo is not None:
            self.after.blockSignals(True)
            self.after.setValue(tempo.bpm)
            self.after.blockSignals(False)
        self._set_factor(self.before.value() / self.after.value(), self.after)

    def _on_follows(self) -> None:
        follows = self.follows.isChecked()
        for field in (self.percent, self.after):
            field.setEnabled(not follows)
        self.length.setEnabled(not follows and len(self._clips) == 1)

    def _on_reset(self) -> None:
        self.follows.setChecked(False)
        self.semitones.setValue(0)
        self.cents.setValue(0.0)
        self.percent.setValue(100.0)

    def _set_factor(self, factor: float, typed: QWidget) -> None:
        self._exact, self._typed_length = factor, None
        values = (
            (self.length, factor * self._unstretched_s),
            (self.percent, factor * 100),
            (self.after, self.before.value() / factor),
        )
        for field, value in values:
            if field is not typed:
                field.blockSignals(True)
                field.setValue(value)
                field.blockSignals(False)

    def _on_accepted(self) -> None:
        if self._document.apply("Stretch Clips", self._edit) or self._edit_changes_nothing():
            self.accept()

    def _edit_changes_nothing(self) -> bool:
        try:
            return self._edit(self._document.session) == self._document.session
        except EditError:
            return False

    def _edit(self, session: Session) -> Session:
        ids = [clip.id for clip in self._clips]
        session = processing.set_stretch(session, ids, semitones=self.pitch)
        if self.follows.isChecked():
            return processing.set_clip_tempo(session, ids, self.before.value())
        session = processing.set_clip_tempo(session, ids, 0.0)
        if self._typed_length is not None:
            clip: Clip = session.clip(ids[0])
            return processing.stretch_clips(session, {clip.id: (clip.start, clip.start + self._typed_length)})
        return processing.set_stretch(session, ids, factor=self.factor)
