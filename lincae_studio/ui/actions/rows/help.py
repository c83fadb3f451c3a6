"""Rows of the Help menu. Data only."""

from __future__ import annotations

from lincae_studio.ui.actions.spec import ActionSpec

ROWS = (
    ActionSpec("manual", "&Manual", "Read the manual", "Help", ("F1",)),
    ActionSpec(
        "go_to_message",
        "&Go to Message",
        "Move the focus to the newest message; Tab reaches its buttons, Escape dismisses it",
        "Help",
        ("F8",),
        opens_section=True,
    ),
    ActionSpec("messages", "M&essages", "List all messages since the program was started", "Help", ("Shift+F8",)),
    ActionSpec("about", "&About LinCAE Studio", "Show the version and licence", "Help", opens_section=True),
)
