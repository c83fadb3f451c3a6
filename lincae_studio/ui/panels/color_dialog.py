"""Asks for the colour of tracks and clips. Main thread."""

from __future__ import annotations

from PySide6.QtGui import QColor
from PySide6.QtWidgets import QColorDialog, QWidget

from lincae_studio.session.model import TRACK_COLORS

#: A custom colour that has not been chosen yet.
_UNUSED = QColor("white")


def choose_color(before: QColor, parent: QWidget, title: str) -> QColor:
    """Ask for a colour; invalid if the dialog was cancelled.

    The colours that new tracks get are among the custom ones, so that a track can have that of another again; those
    that the user has chosen stay.
    """
    for index, color in enumerate(TRACK_COLORS):
        if QColorDialog.customColor(index) == _UNUSED:
            QColorDialog.setCustomColor(index, QColor(color))
    return QColorDialog.getColor(before, parent, title)
