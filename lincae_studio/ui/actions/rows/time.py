"""Rows of the Edit menu on selected time, and the ripple modes. Data only."""

from __future__ import annotations

from lincae_studio.ui.actions.spec import ActionSpec

_TIME = "Time Selection"
_RIPPLE = "Ripple"

ROWS = (
    ActionSpec(
        "extend_time_left",
        "Extend Left",
        "Select time back to the previous line of the ruler, from the playhead or the end that was moved last",
        "Edit",
        ("Shift+Left",),
        submenu=_TIME,
        opens_section=True,
    ),
    ActionSpec(
        "extend_time_right",
        "Extend Right",
        "Select time up to the next line of the ruler, from the playhead or the end that was moved last",
        "Edit",
        ("Shift+Right",),
        submenu=_TIME,
    ),
    ActionSpec(
        "time_start_here",
        "Start at Playhead",
        "Start the selected time at the playhead",
        "Edit",
        submenu=_TIME,
        needs="clips",
    ),
    ActionSpec(
        "time_end_here",
        "End at Playhead",
        "End the selected time at the playhead",
        "Edit",
        submenu=_TIME,
        needs="clips",
    ),
    ActionSpec(
        "time_of_clips",
        "From Selected Clips",
        "Select the time of the selected clips, on their tracks",
        "Edit",
        ("Shift+T",),
        submenu=_TIME,
        needs="selection",
        contexts=("clip",),
    ),
    ActionSpec(
        "clips_in_time",
        "Select Overlapping Clips",
        "Select the clips that overlap the selected time",
        "Edit",
        ("Ctrl+Shift+T",),
        submenu=_TIME,
        needs="time",
        contexts=("time",),
    ),
    ActionSpec(
        "time_on_all_tracks",
        "On All Tracks",
        "Select the same time on all tracks that are not locked",
        "Edit",
        submenu=_TIME,
        needs="time",
        contexts=("time",),
    ),
    ActionSpec(
        "split_time",
        "Split at Ends",
        "Split clips at both ends of the selected time",
        "Edit",
        submenu=_TIME,
        needs="time",
        contexts=("time",),
    ),
    ActionSpec(
        "silence_time",
        "Silence",
        "Remove what is in the selected time, and move nothing",
        "Edit",
        ("Ctrl+L",),
        submenu=_TIME,
        needs="time",
        contexts=("time",),
    ),
    ActionSpec(
        "fade_time",
        "Fade to Selection",
        "Fade clips in up to the end of the selected time, or out from its start, where it covers one of their ends",
        "Edit",
        ("Shift+F",),
        submenu=_TIME,
        needs="time",
        contexts=("time",),
    ),
    ActionSpec(
        "insert_time",
        "Insert Silence",
        "Insert silence of the selected length, and move everything after it later",
        "Edit",
        submenu=_TIME,
        needs="time",
        contexts=("time",),
    ),
    *(
        ActionSpec(f"ripple_{mode}", text, tip, "Edit", checkable=True, submenu=_RIPPLE, exclusive=True)
        for mode, text, tip in (
            ("off", "Off", "Clips stay where they are when others are deleted, trimmed, moved or pasted"),
            ("track", "On the Track", "Everything later on the same track moves along, with the track’s envelopes"),
            (
                "all",
                "On All Tracks",
                "Everything later on all tracks moves along, with markers, the loop and envelopes",
            ),
        )
    ),
    ActionSpec(
        "cycle_ripple",
        "Next Mode",
        "Ripple off, on the track, or on all tracks",
        "Edit",
        ("Alt+P",),
        submenu=_RIPPLE,
    ),
)
