"""Every command of the window as data: text, keys, menu, handler. Menus, toolbar and tests read this table."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtGui import QKeySequence

from lincae_studio.ui.views.registry import VIEWS, view_action

Standard = QKeySequence.StandardKey


@dataclass(frozen=True)
class ActionSpec:
    """One command.

    Attributes:
        id: the key under which `ui.commands` registers its handler.
        keys: shortcuts; the first is shown in menus.
        submenu: title of the submenu of `menu` that it belongs to; empty for none.
        exclusive: whether only one action of its submenu is checked at a time.
        icon: name of a file in resources/icons, without its extension; empty for none.
        needs: what must exist for it to be enabled: "clips" any clip, "selection" selected clips, "track" a selected
            track, "markers" any marker, "undo" or "redo" an edit to undo or redo; "" for always.
    """

    id: str
    text: str
    tip: str
    menu: str
    keys: tuple[str | Standard, ...] = ()
    icon: str = ""
    checkable: bool = False
    needs: str = ""
    submenu: str = ""
    exclusive: bool = False


#: Actions with a separator above them in their menu.
SEPARATED = (
    "save",
    "import_audio",
    "quit",
    "cut",
    "split",
    "group",
    "nudge_left",
    "next_clip",
    "preferences",
    "zoom_in",
    "gain_up",
    "envelope",
    "track_up",
    "remove_track",
    "loop",
    "add_marker",
    "follow",
    "retry",
    "about",
)

ACTIONS = (
    ActionSpec("new", "&New", "Start an empty session", "File", (Standard.New,)),
    ActionSpec("open", "&Open…", "Open a project (.lincae)", "File", (Standard.Open,)),
    ActionSpec("open_demo", "Open &Demo Song", "Open the demo song", "File"),
    ActionSpec("save", "&Save", "Save the project", "File", (Standard.Save,)),
    ActionSpec("save_as", "Save &As…", "Save the project under another name", "File", ("Ctrl+Shift+S",)),
    ActionSpec("media_files", "Audio &Files…", "Show the audio files of the project and find missing ones", "File"),
    ActionSpec(
        "collect",
        "&Collect Audio and Save",
        "Copy all audio files next to the project and save it",
        "File",
        needs="clips",
    ),
    ActionSpec(
        "save_bundle",
        "Save &Latent Bundle…",
        "Save the latents of all clips to one file that opens without their audio",
        "File",
        needs="clips",
    ),
    ActionSpec("versions", "Earlier &Versions…", "Open an earlier version of the project", "File"),
    ActionSpec("recover", "Recover…", "Open sessions recovered after a crash", "File"),
    ActionSpec(
        "import_audio", "&Import Audio…", "Import audio files, one track each", "File", ("Ctrl+Shift+I",), "import"
    ),
    ActionSpec(
        "export_mix",
        "&Export…",
        "Export the mix, stems or latents to files",
        "File",
        ("Ctrl+Shift+E",),
        "export",
        needs="clips",
    ),
    ActionSpec(
        "import_dawproject", "Import DA&Wproject…", "Open a project from Bitwig, Studio One, Cubase and others", "File"
    ),
    ActionSpec(
        "export_dawproject",
        "Export DAWproject…",
        "Export tracks, clips and audio for other DAWs",
        "File",
        needs="clips",
    ),
    ActionSpec(
        "export_linearity",
        "Export Linearity &Report…",
        "Save the residual of every chunk as a CSV file",
        "File",
        needs="clips",
    ),
    ActionSpec("export_picture", "Export &Picture…", "Save a view as PNG or SVG", "File", ("Ctrl+Alt+E",)),
    ActionSpec("quit", "&Quit", "Close the window", "File", ("Ctrl+Q",)),
    ActionSpec("undo", "&Undo", "Undo the last edit", "Edit", (Standard.Undo,), "undo", needs="undo"),
    ActionSpec("redo", "&Redo", "Redo the last undone edit", "Edit", ("Ctrl+Shift+Z", "Ctrl+Y"), "redo", needs="redo"),
    ActionSpec("cut", "Cu&t", "Cut the selected clips", "Edit", (Standard.Cut,), needs="selection"),
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
    ActionSpec("split", "&Split at Playhead", "Split clips at the playhead", "Edit", ("S",), needs="clips"),
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
    ),
    ActionSpec("ungroup", "Ungroup Clips", "Ungroup the selected clips", "Edit", ("Ctrl+Shift+G",), needs="selection"),
    ActionSpec(
        "nudge_left",
        "Nudge &Left",
        "Move the selected clips one chunk earlier",
        "Edit",
        ("Ctrl+Left",),
        needs="selection",
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
        "next_clip", "Select Next Clip", "Select the clip after the selected one", "Edit", ("]",), needs="clips"
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
    ),
    ActionSpec("add_track", "&Add Track", "Add an empty track", "Track", ("Ctrl+T",), "add"),
    ActionSpec(
        "duplicate_track", "Dup&licate Track", "Duplicate the selected track with its clips", "Track", needs="track"
    ),
    ActionSpec("rename_track", "Re&name Track", "Rename the selected track", "Track", ("F2",), needs="track"),
    ActionSpec("color_track", "&Colour Track…", "Choose a colour for the selected track", "Track", needs="track"),
    ActionSpec("mute_track", "&Mute Track", "Mute or unmute the selected track", "Track", ("Shift+U",), needs="track"),
    ActionSpec("solo_track", "&Solo Track", "Solo or unsolo the selected track", "Track", ("Shift+S",), needs="track"),
    ActionSpec(
        "subtract_track",
        "Su&btract Track",
        "Subtract the selected track from the mix, or add it back",
        "Track",
        ("Shift+I",),
        needs="track",
    ),
    ActionSpec(
        "minus_one",
        "Take Out of Mi&x…",
        "Find the selected track in the mix of the others, align it, match its gain, and subtract it",
        "Track",
        ("Ctrl+Alt+I",),
        needs="track",
    ),
    ActionSpec("gain_up", "Gain &Up", "Raise the selected track by 0.5 dB", "Track", ("Alt+Shift+Up",), needs="track"),
    ActionSpec(
        "gain_down", "Gain &Down", "Lower the selected track by 0.5 dB", "Track", ("Alt+Shift+Down",), needs="track"
    ),
    ActionSpec(
        "pan_left", "Pan Le&ft", "Pan the selected track to the left", "Track", ("Alt+Shift+Left",), needs="track"
    ),
    ActionSpec(
        "pan_right", "Pan &Right", "Pan the selected track to the right", "Track", ("Alt+Shift+Right",), needs="track"
    ),
    ActionSpec(
        "envelope",
        "Show &Envelope",
        "Show the track's volume envelope, its pan envelope, or none",
        "Track",
        ("A",),
        needs="track",
    ),
    ActionSpec(
        "envelope_point",
        "Add Envelope Point",
        "Add a point to the visible envelope at the playhead",
        "Track",
        ("Shift+A",),
        needs="track",
    ),
    ActionSpec(
        "envelope_up",
        "Raise Envelope Point",
        "Raise the envelope point at or before the playhead",
        "Track",
        ("Ctrl+Alt+Up",),
        needs="track",
    ),
    ActionSpec(
        "envelope_down",
        "Lower Envelope Point",
        "Lower the envelope point at or before the playhead",
        "Track",
        ("Ctrl+Alt+Down",),
        needs="track",
    ),
    ActionSpec("clear_envelopes", "Clear Envelopes", "Remove all envelope points of the track", "Track", needs="track"),
    ActionSpec("track_up", "Move Track U&p", "Move the selected track up", "Track", ("Ctrl+Shift+Up",), needs="track"),
    ActionSpec(
        "track_down", "Move Track D&own", "Move the selected track down", "Track", ("Ctrl+Shift+Down",), needs="track"
    ),
    ActionSpec(
        "remove_track",
        "Remo&ve Track",
        "Remove the selected track with its clips",
        "Track",
        ("Ctrl+Shift+Del",),
        needs="track",
    ),
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
    ActionSpec("loop", "&Loop", "Turn looping on or off", "Transport", ("L",), "loop", checkable=True),
    ActionSpec(
        "loop_selection",
        "Loop Selectio&n",
        "Loop over the selected clips",
        "Transport",
        ("Shift+L",),
        needs="selection",
    ),
    ActionSpec("add_marker", "Add &Marker", "Add a marker at the playhead", "Transport", ("M",)),
    ActionSpec(
        "previous_marker", "P&revious Marker", "Go to the previous marker", "Transport", ("Alt+Left",), needs="markers"
    ),
    ActionSpec("next_marker", "Ne&xt Marker", "Go to the next marker", "Transport", ("Alt+Right",), needs="markers"),
    ActionSpec(
        "inspector",
        "&Clip Inspector",
        "View and edit the properties of the selected clips",
        "View",
        ("Alt+Return",),
        checkable=True,
    ),
    ActionSpec(
        "history",
        "&History",
        "List all edits and go back or forward to any of them",
        "View",
        ("Ctrl+H",),
        checkable=True,
    ),
    ActionSpec(
        "clip_table",
        "Clip Table",
        "List all clips in a table, for keyboards and screen readers",
        "View",
        ("Ctrl+Shift+L",),
        checkable=True,
    ),
    ActionSpec(
        "loudness",
        "Loudness",
        "Measure the loudness to EBU R 128",
        "View",
        ("Ctrl+Shift+M",),
        checkable=True,
    ),
    *(ActionSpec(view_action(view.id), view.title, view.tip, "View", (view.keys,), checkable=True) for view in VIEWS),
    ActionSpec(
        "linearity",
        "Linearity Strip",
        "Show how far the latent mix is from the dry mix, chunk by chunk",
        "View",
        ("Ctrl+Shift+Y",),
        checkable=True,
    ),
    ActionSpec("palette", "Co&mmands…", "Find a command by its name", "View", ("Ctrl+Shift+P",)),
    ActionSpec("follow", "Follow &Playhead", "Scroll page by page during playback", "View", (), checkable=True),
    ActionSpec(
        "snap", "S&nap", "Snap edges while dragging; hold Shift to do the opposite", "View", ("N",), checkable=True
    ),
    *(
        ActionSpec(f"snap_to_{what}", text, tip, "View", checkable=True, submenu="Snap To")
        for what, text, tip in (
            ("clips", "Clips", "Snap to the edges of other clips"),
            ("playhead", "Playhead", "Snap to the playhead"),
            ("markers", "Markers and Loop", "Snap to markers and to the ends of the loop"),
            ("grid", "Grid", "Snap to the grid lines of the ruler"),
            ("frames", "Latent Frames", "Snap to the start of latent frames"),
            ("steps", "Chunk Steps", "Move clips in whole steps of the chunk grid, which keeps their latents"),
        )
    ),
    *(
        ActionSpec(
            f"count_in_{what}",
            text,
            f"Show {named} on the ruler",
            "View",
            checkable=True,
            submenu="Ruler Units",
            exclusive=True,
        )
        for what, text, named in (
            ("time", "Minutes and Seconds", "minutes and seconds"),
            ("beats", "Bars and Beats", "bars and beats"),
            ("samples", "Samples", "samples"),
            ("frames", "Latent Frames", "latent frames"),
        )
    ),
    ActionSpec("zoom_in", "Zoom &In", "Zoom in at the playhead", "View", ("Ctrl+=", "Ctrl++", "="), "zoom-in"),
    ActionSpec("zoom_out", "Zoom &Out", "Zoom out at the playhead", "View", ("Ctrl+-", "-"), "zoom-out"),
    ActionSpec("zoom_fit", "&Fit", "Show the whole session", "View", ("Ctrl+F",), "fit"),
    ActionSpec(
        "zoom_selection", "Zoom to &Selection", "Show the selected clips", "View", ("Ctrl+E",), needs="selection"
    ),
    ActionSpec("taller", "&Taller Tracks", "Make all tracks taller", "View", ("Ctrl+Shift+=", "Ctrl+Shift++")),
    ActionSpec("lower", "Sho&rter Tracks", "Make all tracks shorter", "View", ("Ctrl+Shift+-", "Ctrl+Shift+_")),
    ActionSpec("zoom_toggle", "Zoom &Back", "Return to the previous zoom and position", "View", ("Shift+Z",)),
    ActionSpec("render_settings", "Render Setti&ngs…", "Set the seed and the length and overlap of chunks", "Session"),
    ActionSpec("tempo", "&Tempo…", "Set the tempo and the beats per bar of the grid", "Session"),
    ActionSpec("retry", "&Retry Failed Chunks", "Retry rendering the failed chunks", "Session"),
    ActionSpec("manual", "&Manual", "Read the manual", "Help", ("F1",)),
    ActionSpec("about", "&About LinCAE Studio", "Show the version and licence", "Help"),
)

MENUS = ("File", "Edit", "Track", "Transport", "View", "Session", "Help")

#: Actions on the toolbar; None is a separator.
TOOLBAR = (
    "import_audio",
    "export_mix",
    None,
    "undo",
    "redo",
    None,
    "go_start",
    "play",
    "loop",
    None,
    "zoom_in",
    "zoom_out",
    "zoom_fit",
)
