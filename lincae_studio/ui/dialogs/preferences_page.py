"""A page of preferences, built from their table: each has a widget with its description below. Main thread."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from PySide6.QtGui import QRegularExpressionValidator
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QWidget,
)

from lincae_studio.paths import home
from lincae_studio.preference_table import PREFERENCES, Page, Preference
from lincae_studio.ui import theme
from lincae_studio.ui.dialogs.number_field import NumberField
from lincae_studio.ui.model.preference_store import PreferenceStore
from lincae_studio.ui.plain_text import from_menu

#: Choices determined when the dialog opens, by field: values with their texts.
Found = Mapping[str, Sequence[tuple[str, str]]]

_PATHS = ("cache_folder",)


class SettingsPage(QWidget):
    """Saves changes immediately; the table says when they take effect."""

    def __init__(self, page: Page, store: PreferenceStore, found: Found, parent: QWidget) -> None:
        super().__init__(parent)
        self._store = store
        #: The widget of each preference, by field.
        self.fields: dict[str, QWidget] = {}
        self._rows: dict[str, tuple[QWidget, ...]] = {}
        self._shows: list[Callable[[], None]] = []
        self._layout = QFormLayout(self)
        self._layout.setContentsMargins(16, 16, 16, 16)
        self._layout.setVerticalSpacing(4)
        for preference in PREFERENCES:
            if preference.page == page:
                self._add(preference, found.get(preference.field, preference.choices))
        store.changed.connect(self._show)
        self._show()

    def add_below(self, field: str, widget: QWidget) -> None:
        """Add a widget below the description of a preference, which it belongs to."""
        rows = self._rows[field]
        place = self._layout.getWidgetPosition(rows[-1])
        assert isinstance(place, tuple)
        self._layout.insertRow(place[0] + 1, "", widget)
        self._rows[field] = *rows, widget

    def filter(self, words: Sequence[str]) -> int:
        """Show only the preferences that contain all the words; returns their number."""
        shown = 0
        for preference in PREFERENCES:
            if preference.field in self._rows:
                texts = f"{preference.title.replace('&', '')} {preference.description} {preference.field}"
                texts += " ".join(text for _, text in preference.choices)
                matches = all(word in texts.casefold() for word in words)
                for widget in self._rows[preference.field]:
                    self._layout.setRowVisible(widget, matches)
                shown += matches
        return shown

    def _add(self, preference: Preference, choices: Sequence[tuple[str | int, str]]) -> None:
        widget: QWidget
        default = preference.default
        if choices or preference.field == "codec":
            widget = self._combo(preference, choices)
        elif isinstance(default, bool):
            widget = self._check(preference)
        elif isinstance(default, int | float):
            widget = self._number(preference)
        else:
            widget = self._text(preference)
        widget.setAccessibleName(from_menu(preference.title))
        self.fields[preference.field] = widget
        row = _with_browse(widget, self) if preference.field in _PATHS else widget
        later = preference.takes_effect != Preference.takes_effect
        takes_effect = f" Takes effect {preference.takes_effect}." if later else ""
        description = QLabel(f"{preference.description}{takes_effect}", self)
        description.setWordWrap(True)
        description.setContentsMargins(0, 0, 0, 8)
        theme.dim(description)
        if isinstance(widget, QCheckBox):
            self._layout.addRow("", row)
        else:
            label = QLabel(preference.title, self)
            label.setBuddy(widget)
            self._layout.addRow(label, row)
        self._layout.addRow("", description)
        self._rows[preference.field] = row, description

    def _combo(self, preference: Preference, choices: Sequence[tuple[str | int, str]]) -> QComboBox:
        box = QComboBox(self)
        for value, text in choices:
            box.addItem(text, value)

        def show() -> None:
            value = self._value(preference)
            if box.findData(value) < 0:
                box.addItem(f"{value} (not installed)", value)
            box.setCurrentIndex(box.findData(value))

        box.activated.connect(lambda: self._set(preference, box.currentData()))
        self._shows.append(show)
        return box

    def _check(self, preference: Preference) -> QCheckBox:
        box = QCheckBox(preference.title, self)
        box.clicked.connect(lambda checked: self._set(preference, checked))
        self._shows.append(lambda: box.setChecked(self._value(preference)))
        return box

    def _number(self, preference: Preference) -> NumberField:
        whole = isinstance(preference.default, int)
        bounds = preference.bounds
        assert bounds is not None, "numeric preferences have bounds"
        suffix = f" {preference.unit}" if preference.unit else ""
        box = NumberField(*bounds, self, decimals=0 if whole else 1, suffix=suffix)
        if preference.zero:
            box.setSpecialValueText(preference.zero)
        box.setKeyboardTracking(False)
        box.valueChanged.connect(lambda: self._set(preference, box.whole if whole else box.value()))
        self._shows.append(lambda: box.setValue(self._value(preference)))
        return box

    def _text(self, preference: Preference) -> QLineEdit:
        field = QLineEdit(self)
        field.setPlaceholderText(preference.empty.capitalize() or preference.default)
        if preference.field in _PATHS:
            field.editingFinished.connect(lambda: self._set_folder(preference, field.text().strip()))
        else:
            field.setMaxLength(preference.longest)
            field.setValidator(QRegularExpressionValidator(preference.pattern, field))
            field.editingFinished.connect(lambda: self._set_text(preference, field.text().strip()))
        self._shows.append(lambda: field.setText(self._value(preference)))
        return field

    def _set_text(self, preference: Preference, text: str) -> None:
        self._set(preference, text or preference.default)
        self._show()

    def _set_folder(self, preference: Preference, text: str) -> None:
        """Set a folder by its absolute path; relative paths start in the home folder."""
        self._set(preference, os.path.join(home(), os.path.expanduser(text)) if text else "")
        self._show()

    def _value(self, preference: Preference) -> Any:
        return getattr(self._store.value, preference.field)

    def _set(self, preference: Preference, value: object) -> None:
        if value != self._value(preference):
            self._store.set(**{preference.field: value})

    def _show(self) -> None:
        for field in self.fields.values():
            field.blockSignals(True)
        for show in self._shows:
            show()
        for field in self.fields.values():
            field.blockSignals(False)


def _with_browse(field: QWidget, parent: QWidget) -> QWidget:
    """A folder field with a Browse button."""
    row = QWidget(parent)
    button = QPushButton("&Browse…", row)
    button.setAutoDefault(False)
    layout = QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.addWidget(field, 1)
    layout.addWidget(button)

    def ask() -> None:
        assert isinstance(field, QLineEdit)
        folder = QFileDialog.getExistingDirectory(row, "Choose Folder", field.text())
        if folder:
            field.setText(folder)
            field.editingFinished.emit()

    button.clicked.connect(ask)
    return row
