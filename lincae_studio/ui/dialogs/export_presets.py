"""The presets of the export dialog: built in and saved by the user. Main thread."""

from __future__ import annotations

import msgspec
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QInputDialog, QLineEdit, QMessageBox, QPushButton, QWidget

from lincae_studio.export_settings import PRESETS, ExportSettings
from lincae_studio.ui.model.preference_store import PreferenceStore
from lincae_studio.ui.notify import confirm_replacing
from lincae_studio.ui.plain_text import shown

_CUSTOM = "(custom)"


class PresetRow(QWidget):
    """A box with the presets, and buttons to save and delete one.

    Signals:
        chosen: the `ExportSettings` of the preset chosen by the user.
    """

    chosen = Signal(object)

    def __init__(self, preferences: PreferenceStore, parent: QWidget) -> None:
        super().__init__(parent)
        self._preferences = preferences
        self._settings = ExportSettings()
        self.box = QComboBox(self)
        self.box.setAccessibleName("Preset")
        self.save_button = QPushButton("Sa&ve As…", self)
        self.save_button.setToolTip("Save these settings as a preset")
        self.delete_button = QPushButton("&Delete", self)
        self.delete_button.setToolTip("Delete this preset")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.box, 1)
        for button in (self.save_button, self.delete_button):
            button.setAutoDefault(False)
            layout.addWidget(button)
        self.box.activated.connect(self._on_activated)
        self.save_button.clicked.connect(self._on_save)
        self.delete_button.clicked.connect(self._on_delete)
        self._list()

    def show_settings(self, settings: ExportSettings) -> None:
        """Show the preset that matches the settings, ignoring the artist."""
        self._settings = settings
        found = ""
        for name, preset in self._presets().items():
            if msgspec.structs.replace(preset, artist=settings.artist) == settings:
                found = name
        index = self.box.findData(found) if found else self.box.count() - 1
        self.box.setCurrentIndex(index)
        self.delete_button.setEnabled(found in self._preferences.value.export_presets)

    def _presets(self) -> dict[str, ExportSettings]:
        return PRESETS | self._preferences.value.export_presets

    def _list(self) -> None:
        self.box.clear()
        for name in self._presets():
            self.box.addItem(name, name)
        self.box.addItem(_CUSTOM, "")

    def _on_activated(self) -> None:
        preset = self._presets().get(self.box.currentData())
        if preset is not None:
            self.chosen.emit(msgspec.structs.replace(preset, artist=preset.artist or self._settings.artist))

    def _on_save(self) -> None:
        name, given = QInputDialog.getText(self, "Save Preset", "Name", QLineEdit.EchoMode.Normal, "")
        name = name.strip()[:100]
        if not given or not name:
            return
        if name in PRESETS:
            QMessageBox.information(self, "Save Preset", f"“{shown(name)}” is a built-in preset. Choose another name.")
            return
        known = name in self._preferences.value.export_presets
        if not known or confirm_replacing(self, f"A preset named “{name}” already exists."):
            self._keep(self._preferences.value.export_presets | {name: self._settings})

    def _on_delete(self) -> None:
        name = self.box.currentData()
        self._keep({other: one for other, one in self._preferences.value.export_presets.items() if other != name})

    def _keep(self, presets: dict[str, ExportSettings]) -> None:
        self._preferences.set(export_presets=presets)
        self._list()
        self.show_settings(self._settings)
