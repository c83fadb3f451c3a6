"""The window with the operators of the session: to rename, export, import and delete them. Main thread; not modal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QHeaderView,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
)

from lincae_studio.engine.analysis.learning_words import channels_text, figure
from lincae_studio.engine.bundles.operator_files import SUFFIX, load_operator, save_operator
from lincae_studio.errors import StudioError
from lincae_studio.session import operators
from lincae_studio.session.model import Operator, Session
from lincae_studio.session.times import count_of, listed
from lincae_studio.ui import theme
from lincae_studio.ui.dialogs.growing_label import GrowingLabel
from lincae_studio.ui.dialogs.save_file import file_to_write
from lincae_studio.ui.model.window_state import resize_on_screen
from lincae_studio.ui.plain_text import shown
from lincae_studio.ui.rendering.analyses import Analyses

_COLUMNS = ("Name", "Codec", "Held-out R²", "Frames", "Channels", "Insert of")

_ABOUT = (
    "Operators are learned from examples and used as inserts of tracks: they are applied to the latents of a track’s "
    "clips, before its fader. The dry mix does not include them. With another codec they are kept but not applied."
)

_FILTER = f"Operators (*{SUFFIX})"


class OperatorsDialog(QDialog):
    """A table of operators, with buttons for the current one. Return or F2 renames it."""

    def __init__(self, analyses: Analyses, new: Callable[[], None]) -> None:
        """Show the operators of the document. `new`: opens the window that learns one."""
        super().__init__(analyses.window)
        self._document = analyses.document
        self._folder = analyses.folder
        self._messages = analyses.messages
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Operators")
        self.table = QTableWidget(0, len(_COLUMNS), self)
        self.table.setHorizontalHeaderLabels(list(_COLUMNS))
        self.table.setAccessibleName("Operators")
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setTabKeyNavigation(False)
        self.table.verticalHeader().hide()
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.table.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.message = GrowingLabel("", self)
        self.buttons = QDialogButtonBox(self)
        self.new_button = self._button("&New from Examples…", "Learn an operator from clips before and after a process")
        self.import_button = self._button("&Import…", "Add an operator from a file")
        self.export_button = self._button("&Export…", "Write the selected operator to a file")
        self.rename_button = self._button("&Rename", "Rename the selected operator")
        self.delete_button = self._button("&Delete", "Delete the selected operator and remove it from all tracks")
        self.buttons.addButton("Close", QDialogButtonBox.ButtonRole.RejectRole)
        text = GrowingLabel(_ABOUT, self)
        theme.dim(text)
        rows = QVBoxLayout(self)
        rows.setSpacing(10)
        rows.addWidget(text)
        rows.addWidget(self.table, 1)
        rows.addWidget(self.message)
        rows.addWidget(self.buttons)
        resize_on_screen(self, 760, 420)
        self.buttons.rejected.connect(self.close)
        self.new_button.clicked.connect(new)
        self.import_button.clicked.connect(self._on_import)
        self.export_button.clicked.connect(self._on_export)
        self.rename_button.clicked.connect(self._on_rename)
        self.delete_button.clicked.connect(self._on_delete)
        self.table.itemChanged.connect(self._on_edited)
        self.table.itemSelectionChanged.connect(self._follow)
        self._document.changed.connect(self._show)
        self._document.replaced.connect(self.close)
        self._shown: Session | None = None
        self._show()

    @property
    def chosen(self) -> Operator | None:
        """The operator of the current row."""
        row = self.table.currentRow()
        known = self._document.session.operators
        return known[row] if 0 <= row < len(known) else None

    def _button(self, text: str, tip: str) -> QPushButton:
        button = self.buttons.addButton(text, QDialogButtonBox.ButtonRole.ActionRole)
        button.setToolTip(tip)
        button.setAutoDefault(False)
        return button

    def _show(self, *_: object) -> None:
        session = self._document.session
        before = self._shown
        if before is not None and (before.operators, before.tracks, before.codec) == (
            session.operators,
            session.tracks,
            session.codec,
        ):
            return
        self._shown = session
        row = self.table.currentRow()
        self.table.blockSignals(True)
        self.table.setRowCount(len(session.operators))
        for number, operator in enumerate(session.operators):
            for column, text in enumerate(_texts(operator, session)):
                item = QTableWidgetItem(text)
                item.setToolTip(shown(text))
                if column:
                    item.setFlags(item.flags() & ~Qt.ItemFlag.ItemIsEditable)
                self.table.setItem(number, column, item)
        if session.operators:
            self.table.setCurrentCell(min(max(row, 0), len(session.operators) - 1), 0)
        self.table.blockSignals(False)
        self.message.setText("" if session.operators else "There are no operators yet. Learn one, or import a file.")
        self._follow()

    def _follow(self) -> None:
        for button in (self.export_button, self.rename_button, self.delete_button):
            button.setEnabled(self.chosen is not None)

    def _on_edited(self, item: QTableWidgetItem) -> None:
        known = self._document.session.operators
        if item.column() or item.row() >= len(known):
            return
        operator_id, name = known[item.row()].id, item.text()
        self._document.apply("Rename Operator", lambda session: operators.rename(session, operator_id, name))
        self._shown = None  # a name that was refused is shown as it was
        self._show()

    def _on_rename(self) -> None:
        item = self.table.item(self.table.currentRow(), 0)
        if item is not None:
            self.table.editItem(item)

    def _on_delete(self) -> None:
        chosen = self.chosen
        if chosen is not None:
            self._document.apply("Delete Operator", lambda session: operators.remove(session, chosen.id))

    def _on_import(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Import Operator", str(self._folder()), _FILTER)
        if not name:
            return
        try:
            operator = load_operator(Path(name))
        except StudioError as error:
            self._messages.error(error)
            return
        self._document.apply("Import Operator", lambda session: operators.add(session, operator))

    def _on_export(self) -> None:
        chosen = self.chosen
        if chosen is None:
            return
        suggested = self._folder() / f"{chosen.name.replace('/', '-')}{SUFFIX}"
        path = file_to_write(
            self, "Export Operator", suggested, _FILTER, lambda path, _: "" if path.suffix.lower() == SUFFIX else SUFFIX
        )
        if path is None:
            return
        try:
            save_operator(chosen, path)
        except StudioError as error:
            self._messages.error(error)
        else:
            self.message.setText(shown(f"Saved {path}"))


def _texts(operator: Operator, session: Session) -> tuple[str, ...]:
    users = [track.name for track in session.tracks if track.insert == operator.id]
    state = "" if operator.codec == session.codec else " (not the session’s)"
    return (
        operator.name,
        f"{operator.codec}{state}",
        figure(operator.r2),
        f"{operator.past} back, {count_of(operator.future, 'frame').split()[0]} ahead",
        channels_text(operator),
        listed(users, 3) if users else "no track",
    )
