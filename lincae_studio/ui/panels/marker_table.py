"""A table of all markers and sections: to go to, rename, place by number and delete. Main thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QEvent, QObject, QPoint, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QWidget

from lincae_studio.session import places
from lincae_studio.session.model import Marker, Session
from lincae_studio.session.times import format_time, parse_time
from lincae_studio.ui.model.context import Place
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.panels.rows import Index, Rows, RowsPanel
from lincae_studio.ui.timeline.ruler import Ruler

_COLUMNS = ("Name", "Start", "End", "Length")

_EMPTY = "No markers. M adds one at the playhead; select time and press Shift+R to name it as a section."


class _Markers(Rows[Marker]):
    """The markers of a session."""

    def __init__(self, change: Callable[[str, Callable[[Session], Session]], bool], parent: QWidget) -> None:
        """`change`: makes an edit, from its text and its function."""
        super().__init__(_COLUMNS, parent)
        self._change = change
        self.rate = Session().rate

    # Qt overrides

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role not in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return None
        marker, column = self.rows[index.row()], _COLUMNS[index.column()]
        if column == "Name":
            return marker.name
        if column != "Start" and not marker.length:
            return ""
        at = {"Start": marker.at, "End": marker.end, "Length": marker.length}[column]
        return format_time(at / self.rate)

    def flags(self, index: Index) -> Qt.ItemFlag:
        return super().flags(index) | Qt.ItemFlag.ItemIsEditable

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        marker, column = self.rows[index.row()], _COLUMNS[index.column()]
        if str(value) == self.data(index):
            return True  # what is shown is rounded
        if column == "Name":
            return self._change("Rename Marker", lambda session: places.rename_marker(session, marker.id, str(value)))
        try:
            at = round(parse_time(str(value)) * self.rate)
        except ValueError:
            return False  # the field shows what it was
        if column == "Start":
            return self._change("Move Marker", lambda session: places.move_marker(session, marker.id, at))
        end = marker.at + at if column == "Length" else at
        return self._change("Resize Section", lambda session: places.set_section(session, marker.id, marker.at, end))


class MarkerTable(RowsPanel):
    """One row per marker; choosing a section selects its time. An end or a length makes a marker a section."""

    def __init__(self, document: Document, ruler: Ruler, parent: QWidget) -> None:
        super().__init__("Markers", "marker_table", _EMPTY, parent)
        self._document = document
        self._ruler = ruler
        #: Whether the program, not the user, is changing the table's selection.
        self._following = False
        self._markers = _Markers(document.apply, self.table)
        self.table.setModel(self._markers)
        self.table.selectionModel().selectionChanged.connect(self._on_selected)
        self.table.installEventFilter(self)
        document.changed.connect(self._fill)
        self.visibilityChanged.connect(self._fill)

    def context_at(self, point: QPoint | None) -> Place:
        """The place of a menu at a point of the table, or at the current row: on its marker."""
        place = self.table.place_at(point, "marker")
        marker = self._chosen
        if marker is None:
            return place
        return Place("section" if marker.length else "marker", place.point, marker.at, marker=marker.id)

    @property
    def _chosen(self) -> Marker | None:
        rows = self.table.selectionModel().selectedRows()
        return self._markers.rows[rows[0].row()] if rows else None

    def _fill(self, *_: object) -> None:
        if self.isHidden():
            return
        session, chosen, self._following = self._document.session, self._chosen, True
        self.show_rows(bool(session.markers))
        self._markers.rate = session.rate
        self._markers.replace(list(session.markers))
        ids = [marker.id for marker in session.markers]
        if chosen is not None and chosen.id in ids and self._chosen != session.markers[ids.index(chosen.id)]:
            self.table.setCurrentIndex(self._markers.index(ids.index(chosen.id), self.table.currentIndex().column()))
        self._following = False

    def _on_selected(self) -> None:
        marker = self._chosen
        if marker is not None and not self._following:
            self._ruler.axis.reveal(marker.at)
            if marker.length:
                self._ruler.select_section(marker)

    # Qt overrides

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Delete and F2 on the table concern its row, not tracks and clips."""
        if not isinstance(event, QKeyEvent) or event.modifiers() or self._chosen is None:
            return False
        if event.key() not in (Qt.Key.Key_Delete, Qt.Key.Key_F2):
            return False
        if event.type() == QEvent.Type.ShortcutOverride:
            event.accept()
            return True
        if event.type() != QEvent.Type.KeyPress:
            return False
        marker = self._chosen
        if event.key() == Qt.Key.Key_F2:
            self.table.edit(self.table.currentIndex().siblingAtColumn(0))
        else:
            self._document.apply("Delete Marker", lambda session: places.remove_marker(session, marker.id))
        return True
