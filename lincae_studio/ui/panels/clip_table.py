"""A table of all clips, for keyboards and screen readers. Main thread."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from PySide6.QtCore import QItemSelection, QItemSelectionModel, QPoint, Qt
from PySide6.QtWidgets import QAbstractItemView, QDockWidget, QWidget

from lincae_studio.session.digests import rate_of
from lincae_studio.session.levels import format_db
from lincae_studio.session.model import Clip, Session, Track
from lincae_studio.session.times import format_time
from lincae_studio.ui.model.context import Place
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.model.selection import Selection
from lincae_studio.ui.panels.rows import Index, Rows, RowsView

_COLUMNS = ("Track", "Clip", "Start", "Length", "Gain", "Fades", "State")

#: Rows that determine the widths of the columns, besides those in view.
_MEASURED = 100


class _Clips(Rows[tuple[Track, Clip]]):
    """The clips of a session."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(_COLUMNS, parent)
        self._audible: dict[int, bool] = {}

    def show(self, session: Session) -> None:
        """Show another session."""
        self._audible = {track.id: session.audible(track) for track in session.tracks}
        self.replace([(track, clip) for track in session.tracks for clip in track.clips])

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        track, clip = self.rows[index.row()]
        return _text(index.column(), track, clip, self._audible.get(track.id, True))


class ClipTable(QDockWidget):
    """One row per clip, track by track; shares the selection with the timeline."""

    def __init__(self, document: Document, selection: Selection, parent: QWidget) -> None:
        super().__init__("Clips", parent)
        self.setObjectName("clip_table")
        self._document = document
        self._selection = selection
        #: Whether the program, not the user, is changing the table's selection.
        self._following = False
        self.table = RowsView("Clips", self)
        self._clips = _Clips(self.table)
        self.table.setModel(self._clips)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.horizontalHeader().setResizeContentsPrecision(_MEASURED)
        self.table.selectionModel().selectionChanged.connect(self._on_selected)
        self.setWidget(self.table)
        document.changed.connect(self._fill)
        selection.changed.connect(self._show_selection)
        self.visibilityChanged.connect(lambda _: self._fill())

    def _fill(self) -> None:
        if self.isHidden():
            return
        self._following = True
        self._clips.show(self._document.session)
        self._following = False
        self._show_selection()

    def _show_selection(self) -> None:
        if self.isHidden():
            return
        selected = [number for number, (_, clip) in enumerate(self._clips.rows) if clip.id in self._selection.clips]
        chosen = QItemSelection()
        for _, run in groupby(enumerate(selected), lambda item: item[1] - item[0]):
            rows = [row for _, row in run]
            chosen.select(self._clips.index(rows[0], 0), self._clips.index(rows[-1], len(_COLUMNS) - 1))
        self._following = True
        self.table.selectionModel().select(chosen, QItemSelectionModel.SelectionFlag.ClearAndSelect)
        self._following = False

    def _on_selected(self) -> None:
        if self._following:
            return
        rows = self._clips.rows
        chosen = frozenset(rows[index.row()][1].id for index in self.table.selectionModel().selectedRows())
        current = self.table.currentIndex().row()
        if 0 <= current < len(rows):
            self._selection.set_track(rows[current][0].id)
        self._selection.set_clips(chosen)

    def context_at(self, point: QPoint | None) -> Place:
        """The place of a menu at a point of the table, or at the current row."""
        return self.table.place_at(point, "clip")

    def edit(self) -> None:
        """Show the table and give it the keyboard focus."""
        self.show()
        self.raise_()
        self.table.setFocus(Qt.FocusReason.OtherFocusReason)


def _text(column: int, track: Track, clip: Clip, audible: bool) -> str:
    rate = rate_of(clip.media)
    match _COLUMNS[column]:
        case "Track":
            return track.name
        case "Clip":
            return clip.name
        case "Start":
            return format_time(clip.start / rate)
        case "Length":
            return format_time(clip.length / rate)
        case "Gain":
            return format_db(clip.gain)
        case "Fades":
            return " / ".join(format_time(length / rate) for length in (clip.fade_in, clip.fade_out))
        case _:
            states = {"muted": clip.mute, "silent": not audible, "grouped": bool(clip.group)}
            return ", ".join(name for name, is_on in states.items() if is_on)
