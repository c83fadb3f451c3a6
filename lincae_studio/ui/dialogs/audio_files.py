"""The audio files of a project: which are present, missing or changed, and how to find them again. Main thread."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QHeaderView,
    QLabel,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from lincae_studio.media.probe import AUDIO_FILTER
from lincae_studio.media.search import name_of
from lincae_studio.session.model import Media
from lincae_studio.ui import theme
from lincae_studio.ui.jobs.project_files import ProjectFiles
from lincae_studio.ui.model.window_state import resize_on_screen
from lincae_studio.ui.plain_text import in_title, shown


class _Row(Struct, frozen=True):
    media: Media
    clips: int


class AudioFilesDialog(QDialog):
    """One row per file that clips use, with buttons to repair it. Not modal: editing can continue."""

    def __init__(self, files: ProjectFiles, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Audio Files")
        self._files = files
        self._rows: list[_Row] = []
        #: The description of each row's state.
        self._states: list[tuple[str, bool]] = []
        self.summary = QLabel(self)
        self.summary.setWordWrap(True)
        theme.dim(self.summary)
        self.table = QTableWidget(0, 4, self)
        self.table.setHorizontalHeaderLabels(["File", "State", "Clips", "Folder"])
        self.table.setAccessibleName("Audio files of the project")
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.verticalHeader().hide()
        header = self.table.horizontalHeader()
        for column in range(3):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(3, QHeaderView.ResizeMode.Stretch)
        self.buttons = QDialogButtonBox(self)
        self.search_button = self._add("&Search Folder…", "Search a folder and its subfolders for all missing files")
        self.locate_button = self._add("&Locate…", "Choose the file that the selected row refers to")
        self.changed_button = self._add("Use &Changed", "Make clips play the current content of the selected files")
        self.collect_button = self._add("Collect and Sa&ve…", "Copy all audio files next to the project and save it")
        self.buttons.addButton("Close", QDialogButtonBox.ButtonRole.RejectRole)
        self.search_button.clicked.connect(self._on_search)
        self.locate_button.clicked.connect(self._on_locate)
        self.changed_button.clicked.connect(self._on_use_changed)
        self.collect_button.clicked.connect(files.collect_requested)
        self.buttons.rejected.connect(self.close)
        self.table.itemSelectionChanged.connect(self._follow_selection)
        layout = QVBoxLayout(self)
        layout.addWidget(self.summary)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.buttons)
        resize_on_screen(self, 860, 420)
        files.states_changed.connect(self.fill)
        self.fill()

    @property
    def chosen(self) -> list[Media]:
        """The media of the selected rows."""
        rows = sorted({index.row() for index in self.table.selectedIndexes()})
        return [self._rows[row].media for row in rows]

    def fill(self) -> None:
        """Show the files and their states."""
        counts: dict[str, int] = {}
        session = self._files.session
        for clip in session.clips():
            counts[clip.media] = counts.get(clip.media, 0) + 1
        rows = [_Row(media, counts[media.digest]) for media in session.media if media.digest in counts]
        states = [self._files.describe(row.media) for row in rows]
        if (rows, states) == (self._rows, self._states) and rows:
            return  # this is called for every edit, even while a fader is dragged
        selected = {media.digest for media in self.chosen}
        self._rows, self._states = rows, states
        self.table.setRowCount(len(self._rows))
        self.table.clearSelection()
        for number, row in enumerate(self._rows):
            state, good = states[number]
            for column, cell in enumerate((name_of(row.media), state, str(row.clips), _folder(row.media))):
                item = QTableWidgetItem(cell)
                item.setToolTip(shown(row.media.path))
                if column == 1 and not good:
                    item.setForeground(QColor(theme.colors().error))
                self.table.setItem(number, column, item)
            if row.media.digest in selected:
                self.table.selectRow(number)
        self.summary.setText(shown(self._files.summary()))
        self._follow_selection()

    def _add(self, text: str, tip: str) -> QPushButton:
        button = self.buttons.addButton(text, QDialogButtonBox.ButtonRole.ActionRole)
        button.setToolTip(tip)
        button.setAutoDefault(False)
        return button

    def _follow_selection(self) -> None:
        chosen = self.chosen
        self.search_button.setEnabled(bool(self._files.unresolved))
        self.locate_button.setEnabled(len(chosen) == 1)
        self.changed_button.setEnabled(any(self._files.state(media) == "changed" for media in chosen))
        self.collect_button.setEnabled(bool(self._rows))

    def _on_search(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Search Folder", str(self._files.folder))
        if folder:
            self._files.search(Path(folder))

    def _on_locate(self) -> None:
        [media] = self.chosen
        title = f"Locate {in_title(name_of(media))}"
        name, _ = QFileDialog.getOpenFileName(self, title, str(self._files.folder), AUDIO_FILTER)
        if name:
            self._files.locate(media, Path(name))

    def _on_use_changed(self) -> None:
        self._files.use_changed([media for media in self.chosen if self._files.state(media) == "changed"])


def _folder(media: Media) -> str:
    return str(Path(media.path).parent)
