"""A table of all clips, for keyboards and screen readers. Main thread."""

from __future__ import annotations

from PySide6.QtCore import QItemSelectionModel, Qt
from PySide6.QtWidgets import QAbstractItemView, QDockWidget, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from lincae_studio.session.levels import format_db
from lincae_studio.session.model import SESSION_RATE, Clip, Session, Track
from lincae_studio.session.times import format_time
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.model.selection import Selection

_COLUMNS = ("Track", "Clip", "Start", "Length", "Gain", "Fades", "State")

_ROW_PX = 22


class ClipTable(QDockWidget):
    """One row per clip, track by track; shares the selection with the timeline."""

    def __init__(self, document: Document, selection: Selection, parent: QWidget) -> None:
        super().__init__("Clips", parent)
        self.setObjectName("clip_table")
        self._document = document
        self._selection = selection
        self._ids: list[int] = []
        self.table = QTableWidget(0, len(_COLUMNS), self)
        self.table.setHorizontalHeaderLabels(list(_COLUMNS))
        self.table.setAccessibleName("Clips")
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setTabKeyNavigation(False)
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(_ROW_PX)
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.table.itemSelectionChanged.connect(self._on_selected)
        self.setWidget(self.table)
        document.changed.connect(self._fill)
        selection.changed.connect(self._show_selection)
        self.visibilityChanged.connect(lambda _: self._fill())

    def _fill(self) -> None:
        if self.isHidden():
            return
        session = self._document.session
        rows = [(track, clip) for track in session.tracks for clip in track.clips]
        self._ids = [clip.id for _, clip in rows]
        self.table.blockSignals(True)
        self.table.setRowCount(len(rows))
        for number, (track, clip) in enumerate(rows):
            for column, text in enumerate(_texts(session, track, clip)):
                self.table.setItem(number, column, QTableWidgetItem(text))
        self.table.blockSignals(False)
        self._show_selection()

    def _show_selection(self) -> None:
        if self.isHidden():
            return
        model = self.table.selectionModel()
        self.table.blockSignals(True)
        model.clearSelection()
        flags = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows
        for number, clip_id in enumerate(self._ids):
            if clip_id in self._selection.clips:
                model.select(self.table.model().index(number, 0), flags)
        self.table.blockSignals(False)

    def _on_selected(self) -> None:
        rows = {index.row() for index in self.table.selectionModel().selectedRows()}
        chosen = frozenset(self._ids[row] for row in rows)
        current = self.table.currentRow()
        if 0 <= current < len(self._ids):
            self._selection.set_track(self._document.session.track_of(self._ids[current]).id)
        self._selection.set_clips(chosen)

    def edit(self) -> None:
        """Show the table and give it the keyboard focus."""
        self.show()
        self.raise_()
        self.table.setFocus(Qt.FocusReason.OtherFocusReason)


def _texts(session: Session, track: Track, clip: Clip) -> tuple[str, ...]:
    fades = " / ".join(format_time(length / SESSION_RATE) for length in (clip.fade_in, clip.fade_out))
    states = {"muted": clip.mute, "silent": not session.audible(track), "grouped": bool(clip.group)}
    return (
        track.name,
        clip.name,
        format_time(clip.start / SESSION_RATE),
        format_time(clip.length / SESSION_RATE),
        format_db(clip.gain),
        fades,
        ", ".join(name for name, is_on in states.items() if is_on),
    )
