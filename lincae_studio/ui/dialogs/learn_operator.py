"""The window of *New Operator from Examples*: what a process does to latents, from clips before and after it.

Main thread; not modal. What was learned is shown with its figures, and is added to the session only if it is accepted.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from lincae_studio.codecs.base import CodecInfo
from lincae_studio.engine.analysis.learning import RIDGES, Learned, example, learn
from lincae_studio.engine.analysis.learning_words import band_texts, channels_text, notes, verdict
from lincae_studio.errors import EditError
from lincae_studio.jobs import CancelToken, ReportProgress
from lincae_studio.session import operators
from lincae_studio.session.model import MAX_REACH_FRAMES, Clip
from lincae_studio.session.times import format_time
from lincae_studio.ui import theme
from lincae_studio.ui.dialogs.growing_label import GrowingLabel
from lincae_studio.ui.dialogs.number_field import NumberField
from lincae_studio.ui.jobs.document_jobs import DocumentJobs
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.model.selection import Selection
from lincae_studio.ui.model.window_state import resize_on_screen
from lincae_studio.ui.plain_text import shown
from lincae_studio.ui.rendering.rendering import Rendering

_ABOUT = (
    "Learns what an equaliser, a room or another linear process does, from the same audio before and after it: a "
    "linear map of latents over channels and a few frames. A part of the example is held out, and the figure is of "
    "that part. "
    "An operator belongs to the codec that it was learned with."
)

_TOO_FEW = "Put the audio before the process on one track, and the audio after it on another."


class LearnDialog(QDialog):
    """Two clips or tracks to choose, the frames, a button that starts the job, and what was found."""

    def __init__(
        self,
        document: Document,
        selection: Selection,
        rendering: Rendering,
        jobs: DocumentJobs,
        parent: QWidget,
    ) -> None:
        super().__init__(parent)
        self._document = document
        self._selection = selection
        self._rendering = rendering
        self._jobs = jobs
        self._open = True
        self.found: Learned | None = None
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("New Operator from Examples")
        self.before, self.after = QComboBox(self), QComboBox(self)
        for box in (self.before, self.after):
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            box.setMinimumContentsLength(30)
        self.past = NumberField(0, MAX_REACH_FRAMES, self)
        self.future = NumberField(0, MAX_REACH_FRAMES, self)
        self.past.setValue(4)
        self.future.setValue(2)
        self.past.setToolTip("How many frames back a frame is made of: as long as the process rings, such as a room")
        self.future.setToolTip("How many frames ahead a frame is made of: 1 or 2, as frames overlap")
        self.ridge = QComboBox(self)
        self.ridge.setToolTip("How strongly large weights are avoided; automatic: what explains most of another part")
        self.ridge.addItem("Automatic", None)
        for ridge in RIDGES:
            self.ridge.addItem(f"{ridge:g}", ridge)
        self.learn_button = QPushButton("&Learn", self)
        self.learn_button.setDefault(True)
        self.message = GrowingLabel("", self)
        self.table = QTableWidget(0, 2, self)
        self.table.setHorizontalHeaderLabels(["Channels", "Held-out R²"])
        self.table.setAccessibleName("Held-out R² by channels")
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setTabKeyNavigation(False)
        self.table.verticalHeader().hide()
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.name = QLineEdit(self)
        self.name.setMaxLength(400)
        self.name.setPlaceholderText("Equaliser")
        self.buttons = QDialogButtonBox(self)
        self.add_button = self.buttons.addButton("&Add Operator", QDialogButtonBox.ButtonRole.ActionRole)
        self.add_button.setAutoDefault(False)
        self.add_button.setToolTip("Add it to the session, as a choice for the inserts of tracks")
        self.buttons.addButton("Close", QDialogButtonBox.ButtonRole.RejectRole)
        self.buttons.rejected.connect(self.close)
        self._lay_out()
        resize_on_screen(self, 620, 700)
        self.learn_button.clicked.connect(self.run)
        self.add_button.clicked.connect(self._on_add)
        for box in (self.before, self.after):
            box.currentIndexChanged.connect(self._on_changed)
        for field in (self.past, self.future):
            field.valueChanged.connect(self._on_changed)
        self.ridge.currentIndexChanged.connect(self._on_changed)
        document.changed.connect(self._on_document_changed)
        document.replaced.connect(self.close)
        self._fill()
        self._choose_selected()
        self._show(None)

    def run(self) -> None:
        """Start learning."""
        if self._jobs.busy or self._problem():
            return
        self._show(None)
        self.say("")
        rendering, owner = self._rendering, self._jobs
        session, codec = rendering.playable(self._document.session), rendering.update_plan().codec
        past, future, ridge = self.past.whole, self.future.whole, self.ridge.currentData()
        pair = example(session, self.before.currentData(), self.after.currentData())
        if not all(rendering.readable(media.digest) for media in pair.media):
            self.say("The audio of a clip is missing, or is not processed yet. Find it, or wait for it.")
            return

        def work(report: ReportProgress, cancel: CancelToken) -> tuple[Learned, CodecInfo]:
            try:
                return learn(
                    pair,
                    codec,
                    rendering.audio,
                    lambda chunks: rendering.requests.wait_for_probes(owner, chunks, cancel),
                    past,
                    future,
                    ridge,
                    report,
                    cancel,
                ), codec
            finally:
                rendering.requests.analyse(owner, ())

        self.learn_button.setEnabled(False)
        self._jobs.run(
            work,
            self.windowTitle(),
            self._on_learned,
            cancelled=lambda: self.say("Cancelled."),
            ended=self._follow,
        )

    def say(self, text: str) -> None:
        """Show sentences above the table."""
        if self._open:
            self.message.setText(shown(text))

    def _lay_out(self) -> None:
        text = GrowingLabel(_ABOUT, self)
        theme.dim(text)
        form = QFormLayout()
        form.addRow("&Before the process", self.before)
        form.addRow("A&fter the process", self.after)
        codec = self._rendering.update_plan().codec
        each = f"{1000 * codec.hop / codec.sample_rate:.1f} ms each"
        form.addRow(f"Frames bac&k, {each}", self.past)
        form.addRow(f"Frames a&head, {each}", self.future)
        form.addRow("&Ridge weight", self.ridge)
        learn_row = QHBoxLayout()
        learn_row.addStretch(1)
        learn_row.addWidget(self.learn_button)
        named = QFormLayout()
        named.addRow("&Name", self.name)
        rows = QVBoxLayout(self)
        rows.setSpacing(10)
        rows.addWidget(text)
        rows.addLayout(form)
        rows.addLayout(learn_row)
        rows.addWidget(self.message)
        rows.addWidget(self.table, 1)
        rows.addLayout(named)
        rows.addWidget(self.buttons)

    def _fill(self) -> None:
        """List the selected clips, if they are two, and the tracks with clips."""
        session = self._document.session
        chosen = sorted(self._selection.clips)
        items: list[tuple[str, tuple[int, ...]]] = []
        if len(chosen) == 2:
            items += [(self._clip_text(clip), (clip.id,)) for _, clip in session.clips_of(chosen)]
        for track in session.tracks:
            if track.clips:
                items.append((track.name, tuple(clip.id for clip in track.clips)))
        for box in (self.before, self.after):
            kept = box.currentData()
            box.blockSignals(True)
            box.clear()
            for text, clips in items:
                box.addItem(shown(text), clips)
            index = next((number for number, (_, clips) in enumerate(items) if clips == kept), -1)
            box.setCurrentIndex(index if index >= 0 else min(0, len(items) - 1))
            box.blockSignals(False)

    def _clip_text(self, clip: Clip) -> str:
        return f"Clip {clip.name} at {format_time(clip.start / self._document.session.rate)}"

    def _choose_selected(self) -> None:
        """Choose the two selected clips, in the order of their tracks, or the selected track and the one below it."""
        if len(self._selection.clips) == 2:
            self.before.setCurrentIndex(0)
            self.after.setCurrentIndex(1)
            return
        tracks = [track.id for track in self._document.session.tracks if track.clips]
        first = tracks.index(self._selection.track) if self._selection.track in tracks else 0
        first = max(0, min(first, len(tracks) - 2))
        self.before.setCurrentIndex(first)
        self.after.setCurrentIndex(min(first + 1, len(tracks) - 1))

    def _problem(self) -> str:
        """Why nothing can be learned from what is chosen; empty if it can."""
        if self.before.count() < 2:
            return _TOO_FEW
        try:
            example(self._document.session, self.before.currentData(), self.after.currentData())
        except EditError as error:
            return f"{error.problem[:1].upper()}{error.problem[1:]}."
        return ""

    def _follow(self) -> None:
        if self._open:
            self.learn_button.setEnabled(not self._jobs.busy and not self._problem())

    def _show(self, found: Learned | None) -> None:
        """Show what was learned, or that there is nothing (any more)."""
        self.found = found
        accepted = found is not None and found.accepted
        self.add_button.setEnabled(accepted)
        self.add_button.setDefault(accepted)
        self.learn_button.setDefault(not accepted)
        rows = band_texts(found.operator) if found is not None else []
        self.table.setRowCount(len(rows))
        for row, texts in enumerate(rows):
            for column, text in enumerate(texts):
                self.table.setItem(row, column, QTableWidgetItem(text))
        self._follow()
        if found is None:
            self.say(self._problem())

    def _on_learned(self, result: object) -> None:
        if not self._open:
            return
        found, codec = _result(result)
        self._show(found)
        made = f"Each channel is made of {channels_text(found.operator)}; ridge {found.ridge:g}."
        self.say(" ".join([verdict(found), *notes(found, codec), *([made] if found.accepted else [])]))
        if found.accepted:
            self.name.setFocus(Qt.FocusReason.OtherFocusReason)

    def _on_add(self) -> None:
        if self.found is None or not self.found.accepted:
            return
        name = self.name.text().strip() or self.name.placeholderText()
        made = replace(self.found.operator, name=name)
        if self._document.apply("New Operator", lambda session: operators.add(session, made)):
            self._show(None)
            self.say(f"Added. Choose it as the insert of a track, with its fx button or in Track > Insert: {name}.")

    def _on_changed(self, *_: object) -> None:
        """Another example, or other frames: what was learned is not of these."""
        self._show(None)

    def _on_document_changed(self, *_: object) -> None:
        chosen = self.before.currentData(), self.after.currentData()
        self._fill()
        if (self.before.currentData(), self.after.currentData()) != chosen:
            self._show(None)
        self._follow()

    # Qt overrides

    def done(self, result: int) -> None:
        self._open = False
        super().done(result)

    def closeEvent(self, event: Any) -> None:
        self._open = False
        super().closeEvent(event)


def _result(result: Any) -> tuple[Learned, CodecInfo]:
    found, codec = result
    return found, codec
