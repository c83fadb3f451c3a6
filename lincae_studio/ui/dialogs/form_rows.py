"""Labels and rows of the forms in dialogs. Main thread."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QLabel, QWidget


def label(text: str, field: QWidget) -> QLabel:
    """A label whose letter moves the focus to the field."""
    made = QLabel(text, field.parentWidget())
    made.setBuddy(field)
    return made


def in_row(*widgets: QWidget) -> QHBoxLayout:
    """Widgets side by side, at the left."""
    row = QHBoxLayout()
    for widget in widgets:
        row.addWidget(widget)
    row.addStretch(1)
    return row
