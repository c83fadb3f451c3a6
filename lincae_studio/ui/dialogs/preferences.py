"""The preferences dialog: changes take effect and are saved immediately. Main thread."""

from __future__ import annotations

from typing import get_args

from PySide6.QtCore import QEvent, QKeyCombination, Qt
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QTabWidget,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from lincae_studio.codecs import registry
from lincae_studio.preference_table import PREFERENCES, Page
from lincae_studio.ui import theme
from lincae_studio.ui.actions import shortcuts
from lincae_studio.ui.actions.spec import ActionSpec
from lincae_studio.ui.actions.table import ACTIONS
from lincae_studio.ui.dialogs.connection_test import ConnectionTest
from lincae_studio.ui.dialogs.preferences_audio import AudioPage
from lincae_studio.ui.dialogs.preferences_page import SettingsPage
from lincae_studio.ui.model.preference_store import PreferenceStore
from lincae_studio.ui.model.window_state import resize_on_screen
from lincae_studio.ui.plain_text import from_menu
from lincae_studio.ui.playback.transport import Transport

#: Search words that find the audio page.
AUDIO_WORDS = "audio sound output device host api buffer latency level volume test tone rescan"

#: Search words that find the choice of a preset; their first letters are enough.
PRESET_WORDS = ("preset", "audacity", "reaper", "ardour")
_FIRST_LETTERS = 4

_MODIFIERS = (Qt.Key.Key_Shift, Qt.Key.Key_Control, Qt.Key.Key_Alt, Qt.Key.Key_Meta, Qt.Key.Key_AltGr)


class PreferencesDialog(QDialog):
    """Pages of preferences, without an OK button, since changes are saved as they are made."""

    def __init__(self, store: PreferenceStore, transport: Transport, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Preferences")
        self.search = QLineEdit(self)
        self.search.setPlaceholderText("Search preferences, commands and shortcuts")
        self.search.setAccessibleName("Find a preference, a command, or its keys")
        self.search.setClearButtonEnabled(True)
        self.pages = QTabWidget(self)
        found = {"codec": _codecs()}
        self.settings = {page: SettingsPage(page, store, found, self) for page in get_args(Page)}
        self.connection = ConnectionTest(store, self)
        self.settings["Engine"].add_below("ssh_command", self.connection)
        self.audio = AudioPage(store, transport, self)
        self.shortcuts = ShortcutsPage(store, self)
        for page, widget in self.settings.items():
            self.pages.addTab(widget, page)
        self.pages.addTab(self.audio, "Audio")
        self.pages.addTab(self.shortcuts, "Shortcuts")
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        self.defaults = buttons.addButton("Restore Defa&ults", QDialogButtonBox.ButtonRole.ResetRole)
        self.defaults.setToolTip("Restore the defaults of this page")
        self.defaults.setAutoDefault(False)
        self.defaults.clicked.connect(self._on_defaults)
        buttons.rejected.connect(self.close)
        self.search.textChanged.connect(self._filter)
        self.pages.currentChanged.connect(self._follow_page)
        layout = QVBoxLayout(self)
        layout.addWidget(self.search)
        layout.addWidget(self.pages)
        layout.addWidget(buttons)
        resize_on_screen(self, 680, 600)
        self._store = store

    def field(self, name: str) -> QWidget:
        """The widget of a preference, by field name."""
        return next(page.fields[name] for page in self.settings.values() if name in page.fields)

    def _filter(self, text: str) -> None:
        """Show only the pages and preferences that contain all the words."""
        words = text.casefold().split()
        matches: dict[QWidget, bool] = {page: page.filter(words) > 0 for page in self.settings.values()}
        matches[self.audio] = all(word in AUDIO_WORDS for word in words)
        matches[self.shortcuts] = self.shortcuts.search_for(text)
        for widget, found in matches.items():
            self.pages.setTabVisible(self.pages.indexOf(widget), found)
        if not matches[self.pages.currentWidget()]:
            first = next((widget for widget, found in matches.items() if found), None)
            if first is not None:
                self.pages.setCurrentWidget(first)

    def _follow_page(self) -> None:
        self.defaults.setEnabled(self.pages.currentWidget() in self.settings.values())

    def _on_defaults(self) -> None:
        page = self.pages.currentWidget()
        if isinstance(page, SettingsPage):
            self._store.set(**{one.field: one.default for one in PREFERENCES if one.field in page.fields})


def _codecs() -> list[tuple[str, str]]:
    """The installed codecs: ids and titles."""
    return [(info.id, info.title) for info in registry.info_and_errors()[0]]


class ShortcutsPage(QWidget):
    """All commands with their shortcuts; press keys to assign them to the selected command."""

    def __init__(self, store: PreferenceStore, parent: QWidget) -> None:
        super().__init__(parent)
        self._store = store
        self.preset = QComboBox(self)
        for preset, title in shortcuts.TITLES.items():
            self.preset.addItem(title, preset)
        self.preset.setAccessibleName("Preset of shortcuts")
        self.preset.activated.connect(lambda: store.set(shortcut_preset=self.preset.currentData()))
        label = QLabel("&Preset", self)
        label.setBuddy(self.preset)
        about = QLabel("The keys of a program that you know. Your own keys, in bold, override them.", self)
        about.setWordWrap(True)
        theme.dim(about)
        self.search = QLineEdit(self)
        self.search.setPlaceholderText("Search commands and shortcuts")
        self.search.setAccessibleName("Find a command, or its keys")
        self.table = QTreeWidget(self)
        self.table.setHeaderLabels(["Command", "Shortcut"])
        self.table.setRootIsDecorated(False)
        self.table.setUniformRowHeights(True)
        self.table.setColumnWidth(0, 360)
        self.table.setAccessibleName("Commands and their keys")
        self.key = KeyField(self)
        self.message = QLabel(self)
        self.message.setWordWrap(True)
        theme.dim(self.message)
        self.assign = QPushButton("&Assign", self)
        self.clear = QPushButton("&Clear", self)
        self.default = QPushButton("&Default", self)
        self.reset = QPushButton("&Reset All", self)
        for button in (self.assign, self.clear, self.default, self.reset):
            button.setAutoDefault(False)  # Return in a field must not press a button
        keys = QHBoxLayout()
        keys.addWidget(self.key, 1)
        for button in (self.assign, self.clear, self.default):
            keys.addWidget(button)
        below = QHBoxLayout()
        below.addWidget(self.message, 1)
        below.addWidget(self.reset)
        presets = QHBoxLayout()
        presets.addWidget(label)
        presets.addWidget(self.preset)
        presets.addWidget(about, 1)
        layout = QVBoxLayout(self)
        layout.addLayout(presets)
        layout.addWidget(self.search)
        layout.addWidget(self.table, 1)
        layout.addLayout(keys)
        layout.addLayout(below)
        self.default.setToolTip("Give the command the keys of the preset again")
        self.reset.setToolTip("Give all commands the keys of the preset again")
        self._items: dict[str, QTreeWidgetItem] = {}
        for spec in (spec for spec in ACTIONS if not spec.context_only):
            item = QTreeWidgetItem([f"{spec.menu}: {_name(spec)}", ""])
            item.setData(0, Qt.ItemDataRole.UserRole, spec.id)
            item.setToolTip(0, spec.tip)
            self.table.addTopLevelItem(item)
            self._items[spec.id] = item
        self.search.textChanged.connect(self._filter)
        self.table.currentItemChanged.connect(lambda *_: self._follow())
        self.key.changed.connect(self._follow)
        self.assign.clicked.connect(self._on_assign)
        self.clear.clicked.connect(lambda: self._set(None))
        self.default.clicked.connect(self._on_default)
        self.reset.clicked.connect(lambda: store.set(shortcuts={}))
        store.changed.connect(self._show)
        self._show()
        self.select(ACTIONS[0].id)

    @property
    def command(self) -> ActionSpec | None:
        """The selected command."""
        item = self.table.currentItem()
        chosen = item.data(0, Qt.ItemDataRole.UserRole) if item is not None and not item.isHidden() else None
        return next((spec for spec in ACTIONS if spec.id == chosen), None)

    def select(self, command: str) -> None:
        """Select a command by its id."""
        self.table.setCurrentItem(self._items[command])

    def _show(self) -> None:
        chosen, preset = self._store.value.shortcuts, self._store.value.shortcut_preset
        keys = shortcuts.keys_of(chosen, preset)
        self.preset.setCurrentIndex(self.preset.findData(preset))
        for name, item in self._items.items():
            item.setText(1, ", ".join(key.toString(QKeySequence.SequenceFormat.NativeText) for key in keys[name]))
            font = item.font(1)
            font.setBold(name in chosen)
            item.setFont(1, font)
        self._follow()

    def search_for(self, text: str) -> bool:
        """Show the commands that contain all the words, or all for the name of a preset; False if there are none."""
        words = text.casefold().split()
        named = all(
            any(name.startswith(word) for name in PRESET_WORDS) and len(word) >= _FIRST_LETTERS for word in words
        )
        self.search.setText("" if named else text)
        return any(not item.isHidden() for item in self._items.values())

    def _filter(self, text: str) -> None:
        words = text.casefold().split()
        for item in self._items.values():
            searched = f"{item.text(0)} {item.text(1)} {item.toolTip(0)}".casefold()
            item.setHidden(not all(word in searched for word in words))
        first = next((name for name, item in self._items.items() if not item.isHidden()), None)
        if first is not None:
            self.select(first)
        self._follow()

    def _follow(self) -> None:
        spec, key = self.command, self.key.value
        for button in (self.clear, self.default):
            button.setEnabled(spec is not None)
        self.assign.setEnabled(spec is not None and key is not None)
        self.message.setText("")
        if spec is not None and key is not None:
            owner = shortcuts.owner_of(key, self._store.value.shortcuts, self._store.value.shortcut_preset)
            if owner is not None and owner.id != spec.id:
                self.message.setText(f"{self.key.text()} is assigned to “{_name(owner)}”, which would lose it.")

    def _on_assign(self) -> None:
        if self.key.value is not None:
            self._set(self.key.value)
            self.key.forget()

    def _set(self, key: QKeySequence | None) -> None:
        spec = self.command
        if spec is not None:
            self._store.set(shortcuts=shortcuts.with_key(self._store.value.shortcuts, spec.id, key))

    def _on_default(self) -> None:
        spec = self.command
        if spec is not None:
            chosen = {name: keys for name, keys in self._store.value.shortcuts.items() if name != spec.id}
            self._store.set(shortcuts=chosen)


class KeyField(QLineEdit):
    """Shows the key combination pressed in it. Tab and Escape keep their meaning, so that one can leave the field."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.value: QKeySequence | None = None
        self.setReadOnly(True)
        self.setPlaceholderText("Click here and press the new keys")
        self.setAccessibleName("New keys")
        self.changed = self.textChanged

    def forget(self) -> None:
        """Clear the field."""
        self.value = None
        self.clear()

    # Qt overrides

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride:
            event.accept()  # keys pressed here must not trigger commands
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = Qt.Key(event.key())
        if key in (Qt.Key.Key_Escape, Qt.Key.Key_Tab, Qt.Key.Key_Backtab):
            super().keyPressEvent(event)
        elif key not in (*_MODIFIERS, Qt.Key.Key_unknown):
            modifiers = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
            self.value = QKeySequence(QKeyCombination(modifiers, key))
            self.setText(self.value.toString(QKeySequence.SequenceFormat.NativeText))


def _name(spec: ActionSpec) -> str:
    return from_menu(spec.text).rstrip("…")
