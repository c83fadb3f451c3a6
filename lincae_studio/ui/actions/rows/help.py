"""Rows of the Help menu. Data only."""

from __future__ import annotations

from lincae_studio.ui.actions.spec import ActionSpec

ROWS = (
    ActionSpec("manual", "&Manual", "Read the manual", "Help", ("F1",)),
    ActionSpec("about", "&About LinCAE Studio", "Show the version and licence", "Help", opens_section=True),
)
