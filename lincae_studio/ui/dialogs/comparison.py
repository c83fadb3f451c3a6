"""What the dialogs that compare one track with all others have in common. Main thread; not modal."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from lincae_studio.engine.analysis.grams import plain
from lincae_studio.errors import EditError
from lincae_studio.jobs import CancelToken, ReportProgress
from lincae_studio.session.model import Session, Track
from lincae_studio.session.times import listed
from lincae_studio.ui import theme
from lincae_studio.ui.dialogs.growing_label import GrowingLabel
from lincae_studio.ui.jobs.document_jobs import DocumentJobs
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.model.selection import Selection
from lincae_studio.ui.model.window_state import resize_on_screen
from lincae_studio.ui.plain_text import shown
from lincae_studio.ui.rendering.rendering import Rendering

#: Words in the names of tracks that have a whole mix.
_WHOLE = ("master", "mix", "reference", "song", "full")


class ComparisonDialog(QDialog):
    """A track to choose, a button that starts a job, and a table of results."""

    def __init__(
        self,
        document: Document,
        selection: Selection,
        rendering: Rendering,
        jobs: DocumentJobs,
        parent: QWidget,
        *,
        title: str,
        about: str,
        track_label: str,
        run_label: str,
        columns: Sequence[str],
        table_name: str,
    ) -> None:
        super().__init__(parent)
        self._document = document
        self._selection = selection
        self._rendering = rendering
        self._jobs = jobs
        #: The tracks that were compared, the chosen one first, and their clips then.
        self._compared: tuple[int, ...] = ()
        self._heard: Session | None = None
        #: Tracks that were made of the result, and are no reason to drop it.
        self._made: set[int] = set()
        self._open = True
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(title)
        self.track = QComboBox(self)
        self.track.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.track.setMinimumContentsLength(24)
        self.run_button = QPushButton(run_label, self)
        self.run_button.setDefault(True)
        self.message = GrowingLabel("", self)
        self.table = QTableWidget(0, len(columns), self)
        self.table.setHorizontalHeaderLabels(list(columns))
        self.table.setAccessibleName(table_name)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setTabKeyNavigation(False)
        self.table.verticalHeader().hide()
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column in range(1, len(columns)):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        self.buttons = QDialogButtonBox(self)
        self.buttons.addButton("Close", QDialogButtonBox.ButtonRole.RejectRole)
        self.buttons.rejected.connect(self.close)
        text = GrowingLabel(about, self)
        theme.dim(text)
        label = QLabel(track_label, self)
        label.setBuddy(self.track)
        self.top = QHBoxLayout()
        self.top.addWidget(label)
        self.top.addWidget(self.track)
        self.top.addWidget(self.run_button)
        self.top.addStretch(1)
        self.rows = QVBoxLayout(self)
        self.rows.setSpacing(10)
        self.rows.addWidget(text)
        self.rows.addLayout(self.top)
        self.rows.addWidget(self.message)
        self.rows.addWidget(self.table, 1)
        self.rows.addWidget(self.buttons)
        resize_on_screen(self, 780, 560)
        self._fill_tracks()
        self.run_button.clicked.connect(self.run)
        self.track.currentIndexChanged.connect(self._on_chosen)
        document.changed.connect(self._on_document_changed)
        document.replaced.connect(self.close)
        self._follow_tracks()

    # For subclasses

    def work(self, chosen: int, others: Sequence[int]) -> Callable[[ReportProgress, CancelToken], Any]:
        """The job that compares a track with others, of values captured now."""
        raise NotImplementedError

    def show_result(self, result: Any) -> None:
        """Show a result, or with None that there is none (any more)."""
        raise NotImplementedError

    def run(self) -> None:
        """Start the comparison."""
        chosen = self.track.currentData()
        if chosen is None or self._jobs.busy:
            return
        others = [track.id for track in self._document.session.tracks if track.id != chosen and track.clips]
        self.show_result(None)
        self._heard = None
        self._rendering.update_plan()
        silent = [track.name for track in self._document.session.tracks if self._is_silent(track, {chosen, *others})]
        if silent:  # it would seem to be missing from the mix
            self.say(f"The audio of {listed(silent)} is missing, or is not processed yet. Find it, or wait for it.")
            return
        self.say("")
        self._compared = (chosen, *others)
        self._heard = self._as_compared()
        self.run_button.setEnabled(False)
        self._jobs.run(
            self.work(chosen, others),
            self.windowTitle(),
            self._on_done,
            cancelled=lambda: self.say("Cancelled."),
            ended=self._on_ended,
        )

    def _is_silent(self, track: Track, compared: Collection[int]) -> bool:
        """Whether a track that is compared has a clip whose audio cannot be read."""
        readable = self._rendering.readable
        return track.id in compared and not all(clip.mute or readable(clip.media) for clip in track.clips)

    def say(self, text: str) -> None:
        """Show a sentence above the table."""
        if self._open:
            self.message.setText(shown(text))

    def name_of(self, track_id: int) -> str:
        """The name of a track, also of one that has been removed since."""
        names = {track.id: track.name for track in self._document.session.tracks}
        return names.get(track_id, "a removed track")

    def add_button(self, text: str, tip: str) -> QPushButton:
        """A button at the bottom that acts on the result."""
        button = self.buttons.addButton(text, QDialogButtonBox.ButtonRole.ActionRole)
        button.setToolTip(tip)
        button.setAutoDefault(False)
        button.setEnabled(False)
        return button

    def fill(self, rows: Sequence[Sequence[str]]) -> None:
        """Show these rows."""
        self.table.setRowCount(len(rows))
        for number, cells in enumerate(rows):
            for column, text in enumerate(cells):
                item = QTableWidgetItem(text)
                item.setToolTip(shown(text))
                if column:  # times, levels and numbers
                    item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                self.table.setItem(number, column, item)

    def _fill_tracks(self) -> None:
        """List the tracks with clips, and choose the selected one, or one with the name of a mix."""
        tracks = [track for track in self._document.session.tracks if track.clips]
        chosen = self.track.currentData()
        self.track.blockSignals(True)
        self.track.clear()
        for track in tracks:
            self.track.addItem(shown(track.name), track.id)
        ids = [track.id for track in tracks]
        named = [track.id for track in tracks if any(word in track.name.lower() for word in _WHOLE)]
        for wanted in (chosen, *named[:1], self._selection.track):
            if wanted in ids:
                self.track.setCurrentIndex(ids.index(wanted))
                break
        self.track.blockSignals(False)

    def _follow_tracks(self) -> None:
        enough = self.track.count() >= 2
        self.run_button.setEnabled(enough and not self._jobs.busy)
        if not enough:
            self.say("Import the whole mix and its stems first, each on a track of its own.")

    def _on_chosen(self) -> None:
        """Do not show the result of one track as if it were that of another."""
        if self._heard is not None and not self._jobs.busy and self.track.currentData() != self._compared[0]:
            self._heard = None
            self.show_result(None)
            self.say("")
        self._follow_tracks()

    def _as_compared(self) -> Session | None:
        """What was, or would be, compared now; None if a track is gone."""
        try:
            return plain(self._document.session, self._compared[0], self._compared[1:])
        except EditError:
            return None

    def _on_done(self, result: object) -> None:
        if self._open:
            self.show_result(result)
            self._on_document_changed()
            self._on_chosen()

    def _on_ended(self) -> None:
        if self._open:
            self._follow_tracks()

    def _on_document_changed(self, *_: object) -> None:
        """Follow the names of tracks; say if what was compared has changed since."""
        in_list = [self.track.itemData(number) for number in range(self.track.count())]
        if in_list != [track.id for track in self._document.session.tracks if track.clips]:
            self._fill_tracks()
            self._follow_tracks()
        if self._heard is not None and not self._jobs.busy:
            now = self._as_compared()
            others = {track.id for track in self._document.session.tracks if track.clips} - {
                *self._compared,
                *self._made,
            }
            if now is None or others or [one.clips for one in now.tracks] != [one.clips for one in self._heard.tracks]:
                self._heard = None
                self.show_result(None)
                self.say("The session has changed: run it again.")

    # Qt overrides

    def done(self, result: int) -> None:
        self._open = False
        super().done(result)

    def closeEvent(self, event: Any) -> None:
        self._open = False
        super().closeEvent(event)
