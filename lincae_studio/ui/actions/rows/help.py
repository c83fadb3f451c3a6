"""Rows of the Help menu. Data only."""

from __future__ import annotations

from lincae_studio.ui.actions.spec import ActionSpec

ROWS = (
    ActionSpec(
        "welcome",
        "We&lcome",
        "Open the demo song, import audio, get a neural codec, or choose the keys of a program that you know",
        "Help",
    ),
    ActionSpec("manual", "&Manual", "Show the manual", "Help", ("F1",)),
    ActionSpec(
        "go_to_message",
        "&Go to Message",
        "Move the focus to the newest message; Tab reaches its buttons, Escape dismisses it",
        "Help",
        ("F8",),
        opens_section=True,
    ),
    ActionSpec("messages", "M&essages", "List all messages since the program was started", "Help", ("Shift+F8",)),
    ActionSpec("keyboard_map", "&Keyboard Map", "List the keys of all commands", "Help", ("Shift+F1",)),
    ActionSpec("whats_new", "&What’s New", "List what has changed in this version", "Help"),
    ActionSpec(
        "report_problem",
        "&Report a Problem…",
        "Save the log, versions and preferences to a file that you can send",
        "Help",
        opens_section=True,
    ),
    ActionSpec("about", "&About LinCAE Studio", "Show the version and licence", "Help"),
)
