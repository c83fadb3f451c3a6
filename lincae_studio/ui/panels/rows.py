"""What the tables of panels have in common: a model whose rows change in place, its view, and places of menus.

Main thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QPoint, Qt
from PySide6.QtWidgets import QAbstractItemView, QDockWidget, QHeaderView, QLabel, QStackedWidget, QTableView, QWidget

from lincae_studio.ui.model.context import Context, Place

#: Cells of a model, as Qt passes them.
Index = QModelIndex | QPersistentModelIndex

Row = TypeVar("Row")

_ROW_PX = 22


class Rows(QAbstractTableModel, Generic[Row]):
    """Rows under fixed columns. A subclass makes the texts of cells in `data`, for those in view only."""

    def __init__(self, columns: Sequence[str], parent: QWidget) -> None:
        super().__init__(parent)
        self._columns = columns
        self.rows: list[Row] = []

    def replace(self, rows: list[Row]) -> None:
        """Show other rows, keeping the current cell where there is one."""
        before, common = len(self.rows), min(len(rows), len(self.rows))
        if len(rows) > before:
            self.beginInsertRows(QModelIndex(), before, len(rows) - 1)
            self.rows = rows
            self.endInsertRows()
        elif len(rows) < before:
            self.beginRemoveRows(QModelIndex(), len(rows), before - 1)
            self.rows = rows
            self.endRemoveRows()
        self.rows = rows
        if common:
            self.dataChanged.emit(self.index(0, 0), self.index(common - 1, len(self._columns) - 1))

    # Qt overrides

    def rowCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self._columns)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role != Qt.ItemDataRole.DisplayRole or orientation is not Qt.Orientation.Horizontal:
            return None
        return self._columns[section]


class RowsView(QTableView):
    """A table of whole rows, without numbers, whose columns are as wide as their texts."""

    def __init__(self, name: str, parent: QWidget) -> None:
        """`name`: for screen readers."""
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setTabKeyNavigation(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(_ROW_PX)
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)

    def place_at(self, point: QPoint | None, kind: Context) -> Place:
        """The place of a menu: the row under a point, which becomes selected unless it is; by key, the current row."""
        if point is None:
            return Place(kind, self.viewport().mapTo(self, self.visualRect(self.currentIndex()).center()))
        index = self.indexAt(self.viewport().mapFrom(self, point))
        if index.isValid() and not self.selectionModel().isRowSelected(index.row(), QModelIndex()):
            self.selectRow(index.row())
        return Place(kind, point)


class RowsPanel(QDockWidget):
    """A panel with a table whose cells Return or a double click edits, or with words while there are no rows."""

    def __init__(self, title: str, name: str, empty: str, parent: QWidget) -> None:
        """`name`: by which the panel is saved; `empty`: what it says without rows."""
        super().__init__(title, parent)
        self.setObjectName(name)
        self.table = RowsView(title, self)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        triggers = QAbstractItemView.EditTrigger
        self.table.setEditTriggers(triggers.DoubleClicked | triggers.EditKeyPressed)
        self.table.activated.connect(self._edit_by_key)
        words = QLabel(empty, self)
        words.setWordWrap(True)
        words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._pages = QStackedWidget(self)
        self._pages.addWidget(words)
        self._pages.addWidget(self.table)
        self.setWidget(self._pages)

    def edit(self) -> None:
        """Give the table the keyboard focus."""
        self.show()
        self.raise_()
        self.table.setFocus(Qt.FocusReason.OtherFocusReason)

    def show_rows(self, there_are: bool) -> None:
        """Show the table, or the words."""
        self._pages.setCurrentIndex(1 if there_are else 0)

    def _edit_by_key(self, index: QModelIndex) -> None:
        if self.table.state() != QAbstractItemView.State.EditingState:
            self.table.edit(index)
