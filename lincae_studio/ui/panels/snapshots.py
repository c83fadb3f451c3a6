"""The snapshots of the mixer as a list, and the morph between two of them. Main thread.

It shows the document and reports what was pressed; `ui.commands.snapshots` makes the edits.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, QPoint, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QDockWidget,
    QFormLayout,
    QGridLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from lincae_studio.session import snapshots
from lincae_studio.session.model import Session
from lincae_studio.ui import theme
from lincae_studio.ui.model.context import Place
from lincae_studio.ui.model.docking import PanelBody
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.plain_text import shown

_NAME, _KEY = range(2)

_ID = Qt.ItemDataRole.UserRole

_EMPTY = "Store the mixer as it is, change it, and store it again. Then recall either while you listen."
_MORPH = (
    "While it is on, you hear a crossfade of the two mixes, with one decode per chunk however many tracks there are; "
    "faders are not heard. Its line is drawn on the lane of the mix."
)


class SnapshotPanel(QDockWidget):
    """One row per snapshot; those that the mixer agrees with are marked.

    Signals:
        activated: a snapshot was double-clicked, or Return was pressed on it; its id.
        renamed: a name was typed: the id, and the name.
        morph_chosen: the two snapshots to morph between were chosen; their ids.
        morph_turned: the morph was turned on or off.
    """

    activated = Signal(int)
    renamed = Signal(int, str)
    morph_chosen = Signal(int, int)
    morph_turned = Signal(bool)

    def __init__(self, document: Document, key_of: Callable[[int], str], parent: QWidget) -> None:
        """`key_of`: the key that recalls the snapshot of a row, as text."""
        super().__init__("Snapshots", parent)
        self.setObjectName("snapshot_panel")
        self._document = document
        self._key_of = key_of
        self._chosen: int | None = None
        #: Whether the program, not the user, is filling in.
        self._following = False
        inside = QWidget(self)
        self.list = QTreeWidget(inside)
        self.list.setAccessibleName("Snapshots")
        self.list.setHeaderLabels(["Snapshot", "Key"])
        self.list.setRootIsDecorated(False)
        self.list.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.list.setMinimumHeight(90)
        header = self.list.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(_NAME, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(_KEY, QHeaderView.ResizeMode.ResizeToContents)
        self.list.installEventFilter(self)
        self.list.itemDoubleClicked.connect(self._on_double_clicked)
        self.list.currentItemChanged.connect(self._on_current_changed)
        self.list.itemChanged.connect(self._on_item_changed)
        self.buttons = {
            name: QPushButton(text, inside)
            for name, text in (
                ("store_snapshot", "&Store"),
                ("recall_snapshot", "&Recall"),
                ("update_snapshot", "&Update"),
                ("delete_snapshot", "&Delete"),
            )
        }
        self.empty = QLabel(_EMPTY, inside)
        self.first, self.second = QComboBox(inside), QComboBox(inside)
        for box, name in ((self.first, "Morph from"), (self.second, "Morph to")):
            box.setAccessibleName(name)
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            box.setMinimumContentsLength(8)
            box.activated.connect(self._on_ends_chosen)
        self.morph = QCheckBox("&Morph between", inside)
        self.morph.clicked.connect(self.morph_turned)
        self.line = QPushButton("Show &Line", inside)
        self.about = QLabel(_MORPH, inside)
        for label in (self.empty, self.about):
            label.setWordWrap(True)
            theme.dim(label)
        self._lay_out(inside)
        document.changed.connect(lambda _: self.follow())
        self.visibilityChanged.connect(lambda _: self.follow())

    @property
    def chosen(self) -> int | None:
        """The id of the current row's snapshot; of the first one without a current row; None without snapshots."""
        ids = [snapshot.id for snapshot in self._document.session.snapshots]
        return self._chosen if self._chosen in ids else next(iter(ids), None)

    def choose(self, snapshot_id: int) -> None:
        """Make a snapshot the current row."""
        self._chosen = snapshot_id
        self.follow()

    @property
    def ends(self) -> tuple[int, int] | None:
        """The snapshots that are chosen to morph between; without a choice, the first two."""
        session = self._document.session
        if session.morph is not None:
            return session.morph.first, session.morph.second
        first, second = self.first.currentData(), self.second.currentData()
        ids = [snapshot.id for snapshot in session.snapshots]
        if first in ids and second in ids and first != second:
            return first, second
        return (ids[0], ids[1]) if len(ids) > 1 else None

    def edit_name(self) -> None:
        """Let the name of the current row be typed."""
        self.list.setFocus(Qt.FocusReason.OtherFocusReason)
        item = self.list.currentItem()
        if item is not None:
            self.list.editItem(item, _NAME)

    def context_at(self, point: QPoint | None) -> Place:
        """The row under a point of the list, which becomes current; by key, the current row."""
        viewport = self.list.viewport()
        if point is None:
            current = self.list.visualRect(self.list.currentIndex())
            return Place("snapshot", viewport.mapTo(self.list, current.center()))
        item = self.list.itemAt(viewport.mapFrom(self.list, point))
        if item is not None:
            self.list.setCurrentItem(item)
        return Place("snapshot", point)

    def follow(self) -> None:
        """Show the document."""
        if self.isHidden():
            return
        session, self._following = self._document.session, True
        self._fill(session)
        self._fill_morph(session)
        self._following = False

    def _fill(self, session: Session) -> None:
        current = snapshots.current(session)
        while self.list.topLevelItemCount() > len(session.snapshots):
            self.list.takeTopLevelItem(self.list.topLevelItemCount() - 1)
        for row, snapshot in enumerate(session.snapshots):
            item = self.list.topLevelItem(row)
            if item is None:
                item = QTreeWidgetItem(self.list)
                item.setFlags(item.flags() | Qt.ItemFlag.ItemIsEditable)
            item.setData(_NAME, _ID, snapshot.id)
            item.setText(_NAME, snapshot.name)
            item.setText(_KEY, self._key_of(row))
            font = item.font(_NAME)
            font.setBold(snapshot.id in current)
            item.setFont(_NAME, font)
            heard = "The mixer is as in this snapshot" if snapshot.id in current else "Double-click to recall it"
            item.setToolTip(_NAME, heard)
            if snapshot.id == self.chosen:
                self.list.setCurrentItem(item)
        for name in ("recall_snapshot", "update_snapshot", "delete_snapshot"):
            self.buttons[name].setEnabled(bool(session.snapshots))
        self.empty.setVisible(len(session.snapshots) < 2)

    def _fill_morph(self, session: Session) -> None:
        ends = self.ends
        for box, chosen in zip((self.first, self.second), ends or (None, None), strict=True):
            box.clear()
            for snapshot in session.snapshots:
                box.addItem(shown(snapshot.name), snapshot.id)
            box.setCurrentIndex(max(box.findData(chosen), 0))
            box.setEnabled(ends is not None)
        self.morph.setEnabled(ends is not None)
        self.morph.setChecked(bool(session.morphed))
        self.line.setEnabled(session.morph is not None)

    def _lay_out(self, inside: QWidget) -> None:
        pressed = QGridLayout()
        for number, button in enumerate(self.buttons.values()):
            pressed.addWidget(button, number // 2, number % 2)
        ends = QFormLayout()
        ends.addRow(self.morph)
        ends.addRow("From", self.first)
        ends.addRow("To", self.second)
        ends.addRow(self.line)
        layout = QVBoxLayout(inside)
        layout.addWidget(self.list, 1)
        layout.addWidget(self.empty)
        layout.addLayout(pressed)
        layout.addSpacing(8)
        layout.addLayout(ends)
        layout.addWidget(self.about)
        self.setWidget(PanelBody(inside, self))

    def _on_double_clicked(self, item: QTreeWidgetItem) -> None:
        self.activated.emit(item.data(_NAME, _ID))

    def _on_current_changed(self, item: QTreeWidgetItem | None) -> None:
        if item is not None and not self._following:
            self._chosen = item.data(_NAME, _ID)

    def _on_item_changed(self, item: QTreeWidgetItem) -> None:
        if not self._following:
            self.renamed.emit(item.data(_NAME, _ID), item.text(_NAME))
            self.follow()  # a name that was refused

    def _on_ends_chosen(self) -> None:
        self.morph_chosen.emit(self.first.currentData(), self.second.currentData())
        self.follow()

    # Qt overrides

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Return on the list recalls; F2 and Delete are those of the list, not of tracks and clips."""
        if watched is not self.list or not isinstance(event, QKeyEvent) or self.chosen is None:
            return False
        key, kind = event.key(), event.type()
        if event.modifiers() or key not in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_F2, Qt.Key.Key_Delete):
            return False
        if kind == QEvent.Type.ShortcutOverride:
            event.accept()
            return True
        if kind != QEvent.Type.KeyPress:
            return False
        if key == Qt.Key.Key_F2:
            self.edit_name()
        elif key == Qt.Key.Key_Delete:
            self.buttons["delete_snapshot"].click()
        else:
            self.activated.emit(self.chosen)
        return True
