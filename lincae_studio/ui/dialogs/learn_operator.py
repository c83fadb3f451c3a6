"""The window of *New Operator from Examples*: what a process does to latents, from clips before and after it.

Main thread; not modal. A learned operator is shown with its figures, and is added to the session only if it is
accepted.
"""

from __future__ import annotations

from msgspec.structs import replace
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QFormLayout, QHBoxLayout, QLineEdit

from lincae_studio.engine.analysis.learning import RIDGES, Learned, example, learn
from lincae_studio.engine.analysis.learning_words import band_texts, channels_text, notes, verdict
from lincae_studio.errors import EditError
from lincae_studio.session import operators
from lincae_studio.session.model import MAX_REACH_FRAMES, Clip
from lincae_studio.session.times import format_time
from lincae_studio.ui.dialogs.analysis import AnalysisDialog
from lincae_studio.ui.dialogs.number_field import NumberField
from lincae_studio.ui.plain_text import shown
from lincae_studio.ui.rendering.analyses import Analyses

_ABOUT = (
    "Learns what an equaliser, a room or another linear process does, from the same audio before and after it, as a "
    "linear map of latents over channels and a few frames. Part of the example is held out, and R² is measured on it. "
    "An operator works only with the codec that it was learned with."
)

_TOO_FEW = "Put the audio before the process on one track, and the audio after it on another."


class LearnDialog(AnalysisDialog):
    """Two clips or tracks to choose, the frames, a button that starts the job, and the result."""

    def __init__(self, analyses: Analyses) -> None:
        super().__init__(
            analyses,
            title="New Operator from Examples",
            about=_ABOUT,
            run_label="&Learn",
            columns=("Channels", "Held-out R²"),
            table_name="Held-out R² by channels",
            size=(620, 700),
        )
        self._codec = self._rendering.update_plan().codec
        self.before, self.after = QComboBox(self), QComboBox(self)
        for box in (self.before, self.after):
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            box.setMinimumContentsLength(30)
        self.past = NumberField(0, MAX_REACH_FRAMES, self)
        self.future = NumberField(0, MAX_REACH_FRAMES, self)
        self.past.setValue(4)
        self.future.setValue(2)
        self.past.setToolTip(
            "How many earlier frames each frame is computed from: as long as the process rings, for example a room"
        )
        self.future.setToolTip("How many later frames each frame is computed from: 1 or 2, since frames overlap")
        self.ridge = QComboBox(self)
        self.ridge.setToolTip(
            "How strongly large weights are penalised; automatic: the value that explains a separate part best"
        )
        self.ridge.addItem("Automatic", None)
        for ridge in RIDGES:
            self.ridge.addItem(f"{ridge:g}", ridge)
        self.name = QLineEdit(self)
        self.name.setMaxLength(400)
        self.name.setPlaceholderText("Equaliser")
        self.use_button = self.add_button(
            "&Add Operator", "Add it to the session, so that tracks can use it as an insert"
        )
        self.use_button.clicked.connect(self._on_add)
        self._lay_out()
        for box in (self.before, self.after):
            box.currentIndexChanged.connect(self._on_changed)
        for field in (self.past, self.future):
            field.valueChanged.connect(self._on_changed)
        self.ridge.currentIndexChanged.connect(self._on_changed)
        self._fill()
        self._choose_selected()
        self.show_result(None)

    def run(self) -> None:
        """Start learning."""
        if self._analyses.busy or self._problem():
            return
        self.show_result(None)
        self.say("")
        rendering = self._rendering
        codec = self._codec = rendering.update_plan().codec
        past, future, ridge = self.past.whole, self.future.whole, self.ridge.currentData()
        pair = example(self._document.session, self.before.currentData(), self.after.currentData())
        if not all(rendering.readable(media.digest) for media in pair.media):
            self.say("The audio of a clip is missing or still being processed. Find it, or wait for it.")
            return
        self.start(
            lambda provide, report, cancel: learn(
                pair, codec, rendering.audio, provide, past, future, ridge, report, cancel
            )
        )

    def _lay_out(self) -> None:
        form = QFormLayout()
        form.addRow("&Before the process", self.before)
        form.addRow("A&fter the process", self.after)
        each = f"{1000 * self._codec.hop / self._codec.sample_rate:.1f} ms each"
        form.addRow(f"Frames bac&k, {each}", self.past)
        form.addRow(f"Frames a&head, {each}", self.future)
        form.addRow("&Ridge weight", self.ridge)
        learn_row = QHBoxLayout()
        learn_row.addStretch(1)
        learn_row.addWidget(self.run_button)
        named = QFormLayout()
        named.addRow("&Name", self.name)
        self.rows.insertLayout(1, form)
        self.rows.insertLayout(2, learn_row)
        self.rows.insertLayout(self.rows.count() - 1, named)
        fields = self.before, self.after, self.past, self.future, self.ridge
        self.order_tabs(*fields, self.run_button, self.table, self.name)

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
        """Why nothing can be learned from the choice; empty if it can."""
        if self.before.count() < 2:
            return _TOO_FEW
        try:
            example(self._document.session, self.before.currentData(), self.after.currentData())
        except EditError as error:
            return f"{error.problem[:1].upper()}{error.problem[1:]}."
        return ""

    def follow(self) -> None:
        self.run_button.setEnabled(not self._analyses.busy and not self._problem())

    def show_result(self, result: Learned | None) -> None:
        self.found = result
        accepted = result is not None and result.accepted
        self.offer(self.use_button, accepted)
        self.follow()
        if result is None:
            self.fill(())
            self.say(self._problem())
            return
        self.fill(band_texts(result.operator))
        made = f"Each channel is computed from {channels_text(result.operator)}; ridge {result.ridge:g}."
        self.say(" ".join([verdict(result), *notes(result, self._codec), *([made] if accepted else [])]))
        if accepted:
            self.name.setFocus(Qt.FocusReason.OtherFocusReason)

    def _on_add(self) -> None:
        if self.found is None or not self.found.accepted:
            return
        name = self.name.text().strip() or self.name.placeholderText()
        made = replace(self.found.operator, name=name)
        if self._document.apply("New Operator", lambda session: operators.add(session, made)):
            self.show_result(None)
            self.say(f"Added. Choose it as the insert of a track, with its fx button or in Track > Insert: {name}.")

    def _on_changed(self, *_: object) -> None:
        """Another example, or other frames: the learned operator is not of these."""
        self.show_result(None)

    def _on_document_changed(self, *_: object) -> None:
        chosen = self.before.currentData(), self.after.currentData()
        self._fill()
        if (self.before.currentData(), self.after.currentData()) != chosen:
            self.show_result(None)
        self.follow()
