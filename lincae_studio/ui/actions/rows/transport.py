"""Rows of the Transport menu: playback, the playhead, the loop, markers. Data only."""

from __future__ import annotations

from lincae_studio.ui.actions.spec import ActionSpec

ROWS = (
    ActionSpec(
        "play",
        "&Play / Stop",
        "Play from the playhead, or stop and return to where playback started",
        "Transport",
        ("Space",),
        "play",
        checkable=True,
    ),
    ActionSpec("pause", "Pa&use / Resume", "Pause at the playhead, or resume from there", "Transport", ("P",)),
    ActionSpec("play_again", "Play A&gain", "Play from where playback last started", "Transport", ("Shift+Space",)),
    *(
        ActionSpec(f"monitor_{what}", text, tip, "Transport", keys, checkable=True, submenu="Monitor", exclusive=True)
        for what, text, tip, keys in (
            ("auto", "Automatic", "Hear the latent mix, and the dry mix where it is not rendered yet", ("Shift+1",)),
            (
                "latent",
                "Latent Only",
                "Hear the latent mix only; chunks that are not rendered yet are silent",
                ("Shift+2",),
            ),
            ("dry", "Dry Only", "Hear the dry mix, the plain sum of the stems", ("Shift+3",)),
            ("difference", "Difference", "Hear the latent mix minus the dry mix", ("Shift+4",)),
        )
    ),
    ActionSpec("go_start", "Go to &Start", "Move the playhead to the start", "Transport", ("Home",), "start"),
    ActionSpec("go_end", "Go to &End", "Move the playhead to the end", "Transport", ("End",)),
    ActionSpec("seek_back", "&Back", "Move the playhead 1 second back", "Transport", ("Left",)),
    ActionSpec("seek_forward", "&Forward", "Move the playhead 1 second forward", "Transport", ("Right",)),
    ActionSpec("seek_back_far", "Back 5 s", "Move the playhead 5 seconds back", "Transport", ("Shift+Left",)),
    ActionSpec("seek_forward_far", "Forward 5 s", "Move the playhead 5 seconds forward", "Transport", ("Shift+Right",)),
    ActionSpec(
        "loop", "&Loop", "Turn looping on or off", "Transport", ("L",), "loop", checkable=True, opens_section=True
    ),
    ActionSpec(
        "loop_selection",
        "Loop Selectio&n",
        "Loop over the selected clips",
        "Transport",
        ("Shift+L",),
        needs="selection",
    ),
    ActionSpec("add_marker", "Add &Marker", "Add a marker at the playhead", "Transport", ("M",), opens_section=True),
    ActionSpec(
        "previous_marker", "P&revious Marker", "Go to the previous marker", "Transport", ("Alt+Left",), needs="markers"
    ),
    ActionSpec("next_marker", "Ne&xt Marker", "Go to the next marker", "Transport", ("Alt+Right",), needs="markers"),
)
