"""Rows of the Edit menu: undo, clips, the selection, preferences. Data only."""

from __future__ import annotations

from lincae_studio.ui.actions.spec import ActionSpec, Standard

ROWS = (
    ActionSpec("undo", "&Undo", "Undo the last edit", "Edit", (Standard.Undo,), "undo", needs="undo"),
    ActionSpec("redo", "&Redo", "Redo the last undone edit", "Edit", ("Ctrl+Shift+Z", "Ctrl+Y"), "redo", needs="redo"),
    ActionSpec("cut", "Cu&t", "Cut the selected clips", "Edit", (Standard.Cut,), needs="selection", opens_section=True),
    ActionSpec("copy", "&Copy", "Copy the selected clips", "Edit", (Standard.Copy,), needs="selection"),
    ActionSpec("paste", "&Paste", "Paste clips or files at the playhead", "Edit", (Standard.Paste,)),
    ActionSpec(
        "duplicate",
        "Duplicate",
        "Duplicate the selected clips right after themselves",
        "Edit",
        ("Ctrl+D",),
        needs="selection",
    ),
    ActionSpec("delete", "&Delete Clips", "Delete the selected clips", "Edit", ("Del", "Backspace"), needs="selection"),
    ActionSpec(
        "delete_gap",
        "Delete and Close Gap",
        "Delete the selected clips and move later clips up to close the gap",
        "Edit",
        ("Shift+Del",),
        needs="selection",
    ),
    ActionSpec(
        "split", "&Split at Playhead", "Split clips at the playhead", "Edit", ("S",), needs="clips", opens_section=True
    ),
    ActionSpec("join", "&Join Clips", "Join adjacent clips of the same file", "Edit", ("Ctrl+J",), needs="selection"),
    ActionSpec(
        "trim_start", "Trim Start to Playhead", "Trim the start of clips to the playhead", "Edit", ("J",), needs="clips"
    ),
    ActionSpec(
        "trim_end", "Trim End to Playhead", "Trim the end of clips to the playhead", "Edit", ("K",), needs="clips"
    ),
    ActionSpec(
        "mute_clips", "&Mute Clips", "Mute or unmute the selected clips", "Edit", ("Ctrl+M",), needs="selection"
    ),
    ActionSpec(
        "group",
        "Gr&oup",
        "Group the selected clips, so that they are selected and moved together",
        "Edit",
        ("Ctrl+G",),
        needs="selection",
        opens_section=True,
    ),
    ActionSpec("ungroup", "Ungroup Clips", "Ungroup the selected clips", "Edit", ("Ctrl+Shift+G",), needs="selection"),
    ActionSpec(
        "nudge_left",
        "Nudge &Left",
        "Move the selected clips one chunk earlier",
        "Edit",
        ("Ctrl+Left",),
        needs="selection",
        opens_section=True,
    ),
    ActionSpec(
        "nudge_right",
        "Nudge Ri&ght",
        "Move the selected clips one chunk later",
        "Edit",
        ("Ctrl+Right",),
        needs="selection",
    ),
    ActionSpec(
        "move_up",
        "Move to Track A&bove",
        "Move the selected clips to the track above",
        "Edit",
        ("Ctrl+Up",),
        needs="selection",
    ),
    ActionSpec(
        "move_down",
        "Move to Track Belo&w",
        "Move the selected clips to the track below",
        "Edit",
        ("Ctrl+Down",),
        needs="selection",
    ),
    ActionSpec(
        "next_clip",
        "Select Next Clip",
        "Select the clip after the selected one",
        "Edit",
        ("]",),
        needs="clips",
        opens_section=True,
    ),
    ActionSpec(
        "previous_clip",
        "Select Previous Clip",
        "Select the clip before the selected one",
        "Edit",
        ("[",),
        needs="clips",
    ),
    ActionSpec("select_all", "Select &All", "Select every clip", "Edit", (Standard.SelectAll,), needs="clips"),
    ActionSpec("select_none", "Select &None", "Clear the selection", "Edit", ("Ctrl+Shift+A",), needs="selection"),
    ActionSpec(
        "preferences",
        "Preferences…",
        "Set the theme, codecs, cache, audio device and shortcuts",
        "Edit",
        ("Ctrl+,",),
        opens_section=True,
    ),
)
