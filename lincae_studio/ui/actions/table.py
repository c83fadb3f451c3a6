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
        id: what `ui.commands` register a handler for.
        keys: shortcuts; the first is shown in menus.
        submenu: of `menu`, that it is in.
        exclusive: one of its submenu is chosen at a time.
        icon: file in resources/icons, without ending; empty for none.
        needs: what must hold for it to be enabled: "" always, "clips" any clip, "selection" selected clips,
            "track" a selected track, "markers" any marker, "undo", "redo".
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


#: A separator in a menu comes before these.
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
    ActionSpec("media_files", "Audio &Files…", "Which audio files the project uses; find missing ones", "File"),
    ActionSpec(
        "collect", "&Collect Audio and Save", "Copy all audio beside the project, and save it", "File", needs="clips"
    ),
    ActionSpec(
        "save_bundle",
        "Save &Latent Bundle…",
        "Save the latents of all clips, without audio, to open anywhere",
        "File",
        needs="clips",
    ),
    ActionSpec("versions", "Earlier &Versions…", "Open the project as it was before it was saved over", "File"),
    ActionSpec("recover", "Recover…", "Open what a window that ended unexpectedly left behind", "File"),
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
        "import_dawproject", "Import DA&Wproject…", "Open a project of Bitwig, Studio One, Cubase and others", "File"
    ),
    ActionSpec(
        "export_dawproject",
        "Export DAWproject…",
        "Write tracks, clips and audio for other audio workstations",
        "File",
        needs="clips",
    ),
    ActionSpec(
        "export_linearity",
        "Export Linearity &Report…",
        "Write the residual of every chunk as CSV",
        "File",
        needs="clips",
    ),
    ActionSpec("export_picture", "Export &Picture…", "Save any view as PNG or SVG", "File", ("Ctrl+Alt+E",)),
    ActionSpec("quit", "&Quit", "Close the window", "File", ("Ctrl+Q",)),
    ActionSpec("undo", "&Undo", "Take the last edit back", "Edit", (Standard.Undo,), "undo", needs="undo"),
    ActionSpec("redo", "&Redo", "Do it again", "Edit", ("Ctrl+Shift+Z", "Ctrl+Y"), "redo", needs="redo"),
    ActionSpec("cut", "Cu&t", "Cut the selected clips", "Edit", (Standard.Cut,), needs="selection"),
    ActionSpec("copy", "&Copy", "Copy the selected clips", "Edit", (Standard.Copy,), needs="selection"),
    ActionSpec("paste", "&Paste", "Paste clips, or files, at the playhead", "Edit", (Standard.Paste,)),
    ActionSpec(
        "duplicate", "Duplicate", "Copy the selected clips behind themselves", "Edit", ("Ctrl+D",), needs="selection"
    ),
    ActionSpec("delete", "&Delete Clips", "Delete the selected clips", "Edit", ("Del", "Backspace"), needs="selection"),
    ActionSpec(
        "delete_gap",
        "Delete and Close Gap",
        "Delete the selected clips and move what follows up",
        "Edit",
        ("Shift+Del",),
        needs="selection",
    ),
    ActionSpec("split", "&Split at Playhead", "Split clips at the playhead", "Edit", ("S",), needs="clips"),
    ActionSpec("join", "&Join Clips", "Make parts of one file one clip again", "Edit", ("Ctrl+J",), needs="selection"),
    ActionSpec(
        "trim_start", "Trim Start to Playhead", "Let clips begin at the playhead", "Edit", ("J",), needs="clips"
    ),
    ActionSpec("trim_end", "Trim End to Playhead", "Let clips end at the playhead", "Edit", ("K",), needs="clips"),
    ActionSpec(
        "mute_clips", "&Mute Clips", "Mute or unmute the selected clips", "Edit", ("Ctrl+M",), needs="selection"
    ),
    ActionSpec(
        "group", "Gr&oup", "Select and move the selected clips together", "Edit", ("Ctrl+G",), needs="selection"
    ),
    ActionSpec("ungroup", "Ungroup Clips", "Each clip by itself again", "Edit", ("Ctrl+Shift+G",), needs="selection"),
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
    ActionSpec("next_clip", "Select Next Clip", "Select the clip after this", "Edit", ("]",), needs="clips"),
    ActionSpec(
        "previous_clip",
        "Select Previous Clip",
        "Select the clip before the selected one",
        "Edit",
        ("[",),
        needs="clips",
    ),
    ActionSpec("select_all", "Select &All", "Select every clip", "Edit", (Standard.SelectAll,), needs="clips"),
    ActionSpec("select_none", "Select &None", "Select nothing", "Edit", ("Ctrl+Shift+A",), needs="selection"),
    ActionSpec(
        "preferences",
        "Preferences…",
        "Looks, codecs, caches, sound, shortcuts",
        "Edit",
        ("Ctrl+,",),
    ),
    ActionSpec("add_track", "&Add Track", "Add an empty track", "Track", ("Ctrl+T",), "add"),
    ActionSpec("duplicate_track", "Dup&licate Track", "Copy the selected track with its clips", "Track", needs="track"),
    ActionSpec("rename_track", "Re&name Track", "Rename the selected track", "Track", ("F2",), needs="track"),
    ActionSpec("color_track", "&Colour Track…", "Choose a colour for the selected track", "Track", needs="track"),
    ActionSpec("mute_track", "&Mute Track", "Mute or unmute the selected track", "Track", ("Shift+U",), needs="track"),
    ActionSpec(
        "solo_track", "&Solo Track", "Solo the selected track, or end its solo", "Track", ("Shift+S",), needs="track"
    ),
    ActionSpec(
        "subtract_track",
        "Su&btract Track",
        "Take the selected track away from the mix, or add it again",
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
        "Show the track's volume envelope, then its pan envelope, then none",
        "Track",
        ("A",),
        needs="track",
    ),
    ActionSpec(
        "envelope_point",
        "Add Envelope Point",
        "Add a point at the playhead to the shown envelope",
        "Track",
        ("Shift+A",),
        needs="track",
    ),
    ActionSpec(
        "envelope_up",
        "Raise Envelope Point",
        "Raise the last point up to the playhead",
        "Track",
        ("Ctrl+Alt+Up",),
        needs="track",
    ),
    ActionSpec(
        "envelope_down",
        "Lower Envelope Point",
        "Lower the last point up to the playhead",
        "Track",
        ("Ctrl+Alt+Down",),
        needs="track",
    ),
    ActionSpec("clear_envelopes", "Clear Envelopes", "Remove all points of the track", "Track", needs="track"),
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
        "Play from the playhead, or stop and go back to where playing began",
        "Transport",
        ("Space",),
        "play",
        checkable=True,
    ),
    ActionSpec("pause", "Pa&use / Go On", "Stop where the sound is, or go on from there", "Transport", ("P",)),
    ActionSpec("play_again", "Play A&gain", "Play from where playing last began", "Transport", ("Shift+Space",)),
    *(
        ActionSpec(f"monitor_{what}", text, tip, "Transport", keys, checkable=True, submenu="Monitor", exclusive=True)
        for what, text, tip, keys in (
            ("auto", "Automatic", "Hear the latent mix, and the dry mix until it is rendered", ("Shift+1",)),
            ("latent", "Latent Only", "Hear the latent mix; what is not rendered is silent", ("Shift+2",)),
            ("dry", "Dry Only", "Hear the dry mix, the plain sum of the stems", ("Shift+3",)),
            ("difference", "Difference", "Hear the latent mix less the dry mix", ("Shift+4",)),
        )
    ),
    ActionSpec("go_start", "Go to &Start", "Move the playhead to the start", "Transport", ("Home",), "start"),
    ActionSpec("go_end", "Go to &End", "Move the playhead to the end", "Transport", ("End",)),
    ActionSpec("seek_back", "&Back", "Move the playhead 1 second back", "Transport", ("Left",)),
    ActionSpec("seek_forward", "&Forward", "Move the playhead 1 second forward", "Transport", ("Right",)),
    ActionSpec("seek_back_far", "Back 5 s", "Move the playhead 5 seconds back", "Transport", ("Shift+Left",)),
    ActionSpec("seek_forward_far", "Forward 5 s", "Move the playhead 5 seconds forward", "Transport", ("Shift+Right",)),
    ActionSpec("loop", "&Loop", "Play the loop again and again, or go on", "Transport", ("L",), "loop", checkable=True),
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
        "previous_marker", "P&revious Marker", "Go to the marker before", "Transport", ("Alt+Left",), needs="markers"
    ),
    ActionSpec("next_marker", "Ne&xt Marker", "Go to the marker after", "Transport", ("Alt+Right",), needs="markers"),
    ActionSpec(
        "inspector",
        "&Clip Inspector",
        "Read and type the numbers of the selected clips",
        "View",
        ("Alt+Return",),
        checkable=True,
    ),
    ActionSpec("history", "&History", "List every step, and go to any", "View", ("Ctrl+H",), checkable=True),
    ActionSpec(
        "clip_table",
        "Clip Table",
        "List every clip, for the keyboard and screen readers",
        "View",
        ("Ctrl+Shift+L",),
        checkable=True,
    ),
    ActionSpec(
        "loudness",
        "Loudness",
        "Measure the loudness by EBU R 128",
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
    ActionSpec("follow", "Follow &Playhead", "Scroll along while playing", "View", (), checkable=True),
    ActionSpec("snap", "S&nap", "Let edges snap; Shift does the opposite", "View", ("N",), checkable=True),
    *(
        ActionSpec(f"snap_to_{what}", text, tip, "View", checkable=True, submenu="Snap To")
        for what, text, tip in (
            ("clips", "Clips", "Let edges snap to the edges of clips"),
            ("playhead", "Playhead", "Let edges snap to the playhead"),
            ("markers", "Markers and Loop", "Let edges snap to markers and to the loop's ends"),
            ("grid", "Grid", "Let edges snap to the lines of the ruler"),
            ("frames", "Latent Frames", "Let edges snap to the starts of latent frames"),
            ("steps", "Chunk Steps", "Let clips move by whole steps of the chunk grid, which keeps their latents"),
        )
    ),
    *(
        ActionSpec(
            f"count_in_{what}",
            text,
            f"Let the ruler count in {named}",
            "View",
            checkable=True,
            submenu="Count In",
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
    ActionSpec("lower", "&Lower Tracks", "Make all tracks lower", "View", ("Ctrl+Shift+-", "Ctrl+Shift+_")),
    ActionSpec("zoom_toggle", "Zoom &Back", "Show what was shown before", "View", ("Shift+Z",)),
    ActionSpec("render_settings", "Render Setti&ngs…", "The seed, and the length and overlap of chunks", "Session"),
    ActionSpec("tempo", "&Tempo…", "Set the tempo of the grid of bars and beats", "Session"),
    ActionSpec("retry", "&Retry Failed Chunks", "Render failed chunks again", "Session"),
    ActionSpec("manual", "&Manual", "Read the manual", "Help", ("F1",)),
    ActionSpec("about", "&About LinCAE Studio", "Version and licence", "Help"),
)

MENUS = ("File", "Edit", "Track", "Transport", "View", "Session", "Help")

#: Actions on the toolbar; None is a gap.
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
