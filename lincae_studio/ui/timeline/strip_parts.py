"""Shared by the strips of tracks and of the master: buttons, and sliders joined with the fields of their values."""

from __future__ import annotations

from collections.abc import Collection

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QToolButton, QWidget

from lincae_studio.errors import EditError
from lincae_studio.session.levels import parse_db, parse_pan
from lincae_studio.session.model import MAX_GAIN
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.timeline.envelopes import Kind
from lincae_studio.ui.timeline.strip import GainFader, PanSlider
from lincae_studio.ui.timeline.strip_fields import ValueField

#: Why the controls of a strip are disabled.
MORPH_TIP = "A morph controls this strip; these values apply when it is off"


def toggle(role: str, text: str, tip: str, parent: QWidget) -> QToolButton:
    """A button that stays pressed, named for the style sheet."""
    button = QToolButton(parent)
    button.setObjectName(role)
    button.setText(text)
    button.setCheckable(True)
    button.setToolTip(tip)
    button.setFixedSize(24, 22)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return button


def enable(widgets: Collection[QWidget], on: bool) -> None:
    """Enable the controls of a strip, or disable them while a morph decides about it."""
    for widget in widgets:
        if widget.isEnabled() != on:
            widget.setEnabled(on)


def show_envelopes(button: QToolButton, kinds: Collection[Kind], shown: Kind | None, tip: str) -> None:
    """Show on the button of a strip's envelopes whether one is shown, and which of these kinds are not."""
    button.setChecked(shown is not None)
    hidden = [kind.value for kind in kinds if kind is not shown]
    button.setToolTip(f"{tip}; {' and '.join(hidden)} changed by an envelope that is hidden" if hidden else tip)
    if button.property("points") != bool(hidden):
        button.setProperty("points", bool(hidden))
        button.style().polish(button)


def join(slider: GainFader | PanSlider, field: ValueField, document: Document) -> None:
    """Connect a slider with the field of its value, and let the document end or cancel the undo steps of its drags.

    Return on the slider edits the field; Up and Down in the field step the slider.
    """
    slider.number_requested.connect(field.edit)
    field.stepped.connect(slider.step_by)
    field.refused.connect(document.refused)
    slider.edit_ended.connect(document.end_merge)
    slider.edit_paused.connect(document.end_merge_soon)
    slider.edit_cancelled.connect(document.cancel_merge)


def read_gain(text: str) -> float:
    """The gain that was typed. Raises `EditError`."""
    try:
        return min(parse_db(text), MAX_GAIN)
    except ValueError as error:
        raise EditError(f"“{text}” is not a level in dB", "Enter a number, for example -4.5, or -inf") from error


def read_pan(text: str) -> float:
    """The pan that was typed. Raises `EditError`."""
    try:
        return parse_pan(text)
    except ValueError as error:
        raise EditError(f"“{text}” is not a pan", "Enter L45, C, R30, or a number from -100 to 100") from error
