"""Documents that can be had back: what a crash left behind, and earlier versions of the project. Main thread."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

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

from lincae_studio.session import journal
from lincae_studio.session.journal import Leftover
from lincae_studio.session.versions import Version
from lincae_studio.ui import theme


@dataclass(frozen=True)
class _Row:
    cells: tuple[str, ...]
    what: object


class _ListDialog(QDialog):
    """A table, of which one row is chosen.

    Signals:
        opened: what the row stands for; it is to be opened.
    """

    opened = Signal(object)

    def __init__(self, title: str, text: str, columns: Sequence[str], rows: Sequence[_Row], parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(title)
        self._rows = list(rows)
        label = QLabel(text, self)
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
        self.resize(640, 360)
        if rows:
            self.table.selectRow(0)

    @property
    def chosen(self) -> object | None:
        """What the selected row stands for."""
        row = self.table.currentRow()
        return self._rows[row].what if 0 <= row < len(self._rows) else None

    def open_chosen(self) -> None:
        """The row was chosen."""
        chosen = self.chosen
        if chosen is not None:
            self.accept()
            self.opened.emit(chosen)

    def _add(self, text: str, role: QDialogButtonBox.ButtonRole) -> QPushButton:
        return self.buttons.addButton(text, role)


class RecoveryDialog(_ListDialog):
    """What a program that ended unexpectedly left behind, as `Leftover`s: recover one, discard it, or decide later."""

    def __init__(self, leftovers: Sequence[Leftover], parent: QWidget) -> None:
        rows = [_Row(_cells(leftover), leftover) for leftover in leftovers]
        super().__init__(
            "Recover",
            "LinCAE Studio ended unexpectedly while these had changes that were not saved. A recovered document is a "
            "copy: the project file stays as it is until you save over it.",
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
            journal.remove(chosen.folder)
            del self._rows[row]
            self.table.removeRow(row)
        if not self._rows:
            self.accept()


class VersionsDialog(_ListDialog):
    """Earlier versions of the project, as `Version`s; one is opened as a copy."""

    def __init__(self, title: str, versions: Sequence[Version], parent: QWidget) -> None:
        rows = [_Row((_when(version.saved),), version) for version in versions]
        text = (
            f"“{title}” as it was before it was saved over. A version is opened as a copy."
            if rows
            else f"There are no earlier versions of “{title}”: it was saved once, or elsewhere."
        )
        super().__init__("Earlier Versions", text, ("Saved",), rows, parent)
        button = self._add("&Open as Copy", QDialogButtonBox.ButtonRole.AcceptRole)
        button.setDefault(True)
        button.setEnabled(bool(rows))
        self._add("&Close", QDialogButtonBox.ButtonRole.RejectRole)


def _cells(leftover: Leftover) -> tuple[str, ...]:
    title = f"{leftover.info.title} (was opened before)" if leftover.tried else leftover.info.title
    return title, _when(leftover.info.changed), leftover.info.project or "never saved"


def _when(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
