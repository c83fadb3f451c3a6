"""The command palette: type part of a command's name and press Return. Main thread."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QAction, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QDialog, QLineEdit, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from lincae_studio.ui.actions.table import ACTIONS
from lincae_studio.ui.model.window_state import resize_on_screen
from lincae_studio.ui.plain_text import from_menu

_MOVES = (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown)


class CommandPalette(QDialog):
    """Lists the enabled commands that contain all the words typed, in any order."""

    def __init__(self, actions: Mapping[str, QAction], parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Commands")
        self._actions = actions
        self.field = QLineEdit(self)
        self.field.setPlaceholderText("Type a command")
        self.field.setAccessibleName("Command")
        self.list = QListWidget(self)
        self.list.setAccessibleName("Commands that match")
        layout = QVBoxLayout(self)
        layout.addWidget(self.field)
        layout.addWidget(self.list)
        resize_on_screen(self, 520, 420)
        self.field.textChanged.connect(self._filter)
        self.field.installEventFilter(self)
        self.list.itemActivated.connect(lambda _: self.accept())
        self._filter("")
        self.field.setFocus()

    def _filter(self, text: str) -> None:
        words = text.casefold().split()
        self.list.clear()
        named = 0
        for spec in ACTIONS:
            action = self._actions[spec.id]
            name = from_menu(action.text()).rstrip("…")
            # By the fixed text: a search for "marker" should not find "Undo Add Marker".
            title = f"{spec.menu} {spec.submenu} {spec.text.replace('&', '')}".casefold()
            searched = f"{title} {spec.tip.casefold()}"
            if (
                action.isEnabled()
                and not spec.context_only
                and spec.id != "palette"
                and all(word in searched for word in words)
            ):
                keys = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
                path = ": ".join(part for part in (spec.menu, spec.submenu, name) if part)
                item = QListWidgetItem(path + (f"    {keys}" if keys else ""))
                item.setData(Qt.ItemDataRole.UserRole, spec.id)
                item.setToolTip(spec.tip)
                if all(word in title for word in words):  # before those that only mention the words
                    self.list.insertItem(named, item)
                    named += 1
                else:
                    self.list.addItem(item)
        self.list.setCurrentRow(0)

    # Qt overrides

    def accept(self) -> None:
        item = self.list.currentItem()
        super().accept()
        if item is not None:
            self._actions[item.data(Qt.ItemDataRole.UserRole)].trigger()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if event.key() in _MOVES:
                self.list.event(event)
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self.accept()
                return True
        return super().eventFilter(watched, event)
