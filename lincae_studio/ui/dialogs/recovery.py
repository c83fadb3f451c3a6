"""Recovering documents: sessions left behind by a crash, and earlier versions of the project. Main thread."""

from __future__ import annotations

import time
from collections.abc import Sequence

from msgspec import Struct
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QHeaderView,
    QLabel,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from lincae_studio.session import recovery
from lincae_studio.session.recovery import Leftover
from lincae_studio.session.versions import Version
from lincae_studio.ui import theme
from lincae_studio.ui.model.window_state import resize_on_screen
from lincae_studio.ui.plain_text import shown


class _Row(Struct, frozen=True):
    cells: tuple[str, ...]
    item: object


class _ListDialog(QDialog):
    """A table to choose one row from.

    Signals:
        opened: the chosen row's item, to be opened.
    """

    opened = Signal(object)

    def __init__(self, title: str, text: str, columns: Sequence[str], rows: Sequence[_Row], parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(title)
        self._rows = list(rows)
        label = QLabel(shown(text), self)
        label.setWordWrap(True)
        theme.dim(label)
        self.table = QTableWidget(len(rows), len(columns), self)
        self.table.setHorizontalHeaderLabels(list(columns))
        self.table.setAccessibleName(title)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.verticalHeader().hide()
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        for number, row in enumerate(rows):
            for column, cell in enumerate(row.cells):
                self.table.setItem(number, column, QTableWidgetItem(cell))
        self.buttons = QDialogButtonBox(self)
        self.buttons.accepted.connect(self.open_chosen)
        self.buttons.rejected.connect(self.reject)
        self.table.itemDoubleClicked.connect(lambda _: self.open_chosen())
        layout = QVBoxLayout(self)
        layout.addWidget(label)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.buttons)
        resize_on_screen(self, 640, 360)
        if rows:
            self.table.selectRow(0)

    @property
    def chosen(self) -> object | None:
        """The item of the selected row."""
        row = self.table.currentRow()
        return self._rows[row].item if 0 <= row < len(self._rows) else None

    def open_chosen(self) -> None:
        """Close the dialog and open the selected item."""
        chosen = self.chosen
        if chosen is not None:
            self.accept()
            self.opened.emit(chosen)

    def _add(self, text: str, role: QDialogButtonBox.ButtonRole) -> QPushButton:
        return self.buttons.addButton(text, role)


class RecoveryDialog(_ListDialog):
    """Sessions left behind by a crash, as `Leftover`s: recover one, discard it, or decide later."""

    def __init__(self, leftovers: Sequence[Leftover], parent: QWidget) -> None:
        rows = [_Row(_cells(leftover), leftover) for leftover in leftovers]
        super().__init__(
            "Recover",
            "LinCAE Studio ended unexpectedly while these sessions had unsaved changes. A recovered session is opened "
            "as a copy: the project file is not changed until you save over it.",
            ("Document", "Last changed", "Project file"),
            rows,
            parent,
        )
        recover = self._add("&Recover", QDialogButtonBox.ButtonRole.AcceptRole)
        self.discard = self._add("&Discard", QDialogButtonBox.ButtonRole.DestructiveRole)
        self._add("&Later", QDialogButtonBox.ButtonRole.RejectRole)
        recover.setDefault(True)
        self.discard.clicked.connect(self._on_discard)

    def _on_discard(self) -> None:
        row, chosen = self.table.currentRow(), self.chosen
        if isinstance(chosen, Leftover):
            recovery.remove(chosen.folder)
            del self._rows[row]
            self.table.removeRow(row)
        if not self._rows:
            self.accept()


class VersionsDialog(_ListDialog):
    """Earlier versions of the project, as `Version`s, to be opened as a copy."""

    def __init__(self, title: str, versions: Sequence[Version], parent: QWidget) -> None:
        rows = [_Row((_when(version.saved),), version) for version in versions]
        text = (
            f"Earlier versions of “{title}”. A version is opened as a copy."
            if rows
            else f"There are no earlier versions of “{title}” on this computer."
        )
        super().__init__("Earlier Versions", text, ("Saved",), rows, parent)
        button = self._add("&Open as Copy", QDialogButtonBox.ButtonRole.AcceptRole)
        button.setDefault(True)
        button.setEnabled(bool(rows))
        self._add("&Close", QDialogButtonBox.ButtonRole.RejectRole)


def _cells(leftover: Leftover) -> tuple[str, ...]:
    title = f"{leftover.info.title} (recovery was tried before)" if leftover.tried else leftover.info.title
    return title, _when(leftover.info.changed), leftover.info.project or "never saved"


def _when(seconds: float) -> str:
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
    except (OverflowError, ValueError, OSError):  # a disk can give any time to a file
        return "unknown"
