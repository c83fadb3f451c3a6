"""Rows of the View menu: panels, views, snapping, the ruler, zoom. Data only."""

from __future__ import annotations

from lincae_studio.ui.actions.spec import ActionSpec, with_french
from lincae_studio.ui.views.registry import VIEWS, view_action

#: Times that can be shown across the lanes, in seconds.
ZOOM_PRESETS_S = (1, 5, 30, 120, 600)

ROWS = (
    ActionSpec(
        "inspector",
        "&Clip Inspector",
        "View and edit the properties of the selected clips",
        "View",
        ("Alt+Return",),
        checkable=True,
        contexts=("clip", "panel"),
    ),
    ActionSpec(
        "history",
        "&History",
        "List all edits and go back or forward to any of them",
        "View",
        ("Ctrl+H",),
        checkable=True,
        contexts=("panel",),
    ),
    ActionSpec(
        "clip_table",
        "Clip Table",
        "List all clips in a table, for keyboards and screen readers",
        "View",
        ("Ctrl+Shift+L",),
        checkable=True,
        contexts=("panel",),
    ),
    ActionSpec(
        "region_table",
        "Latent Regions",
        "List the regions of latents, and edit their numbers",
        "View",
        ("Ctrl+Alt+N",),
        checkable=True,
        contexts=("heatmap", "panel"),
    ),
    ActionSpec(
        "marker_table",
        "Markers",
        "List markers and sections in a table, to go to, rename and edit",
        "View",
        ("Alt+Shift+M",),
        checkable=True,
        contexts=("marker", "section", "panel"),
    ),
    ActionSpec(
        "loudness",
        "Loudness",
        "Measure the loudness to EBU R 128",
        "View",
        ("Ctrl+Shift+M",),
        checkable=True,
        contexts=("mix", "panel"),
    ),
    ActionSpec(
        "snapshots",
        "Snapshots",
        "Store and recall states of the mixer, and morph between two of them",
        "View",
        ("Ctrl+Shift+B",),
        checkable=True,
        contexts=("mix", "panel"),
    ),
    *(
        ActionSpec(
            view_action(view.id),
            view.title,
            view.tip,
            "View",
            with_french(view.keys),
            checkable=True,
            contexts=("view", "panel"),
            opens_section=view is VIEWS[0],
        )
        for view in VIEWS
    ),
    ActionSpec(
        "linearity",
        "Linearity Strip",
        "Show how far the latent mix is from the dry mix, chunk by chunk",
        "View",
        ("Ctrl+Shift+Y",),
        checkable=True,
        contexts=("mix", "view"),
    ),
    ActionSpec(
        "confidence",
        "Confidence",
        "Show by how much decodes from other seeds differ, for codecs that decode from noise",
        "View",
        ("Ctrl+Shift+H",),
        checkable=True,
        contexts=("mix", "view"),
    ),
    ActionSpec(
        "overview",
        "Session Overview",
        "Show the whole session below the tracks, with the visible part of it as a frame to drag",
        "View",
        ("Ctrl+Shift+O",),
        checkable=True,
    ),
    ActionSpec("palette", "Co&mmands…", "Find a command by its name", "View", ("Ctrl+Shift+P",), opens_section=True),
    ActionSpec(
        "next_panel",
        "Next Panel",
        "Move the keyboard focus from the tracks to the mix, the views, the panels and the toolbar in turn",
        "View",
        ("F6",),
        submenu="Keyboard Focus",
    ),
    ActionSpec(
        "previous_panel",
        "Previous Panel",
        "Move the keyboard focus back to the panel before",
        "View",
        ("Shift+F6",),
        submenu="Keyboard Focus",
    ),
    ActionSpec(
        "context_menu",
        "Context Menu",
        "Open the context menu of what has the keyboard focus",
        "View",
        ("Shift+F10",),
        submenu="Keyboard Focus",
    ),
    ActionSpec(
        "follow",
        "Follow &Playhead",
        "Scroll page by page during playback",
        "View",
        (),
        checkable=True,
        opens_section=True,
    ),
    ActionSpec(
        "snap",
        "S&nap",
        "Snap edges while dragging; hold Shift to do the opposite",
        "View",
        ("N",),
        checkable=True,
        contexts=("ruler",),
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
            contexts=("ruler",),
        )
        for what, text, named in (
            ("time", "Minutes and Seconds", "minutes and seconds"),
            ("beats", "Bars and Beats", "bars and beats"),
            ("samples", "Samples", "samples"),
            ("frames", "Latent Frames", "latent frames"),
        )
    ),
    ActionSpec(
        "zoom_in",
        "Zoom &In",
        "Zoom in at the playhead",
        "View",
        ("Ctrl+=", "Ctrl++", "=", "+"),
        "zoom-in",
        submenu="Zoom",
        opens_section=True,
    ),
    ActionSpec(
        "zoom_out",
        "Zoom &Out",
        "Zoom out at the playhead",
        "View",
        ("Ctrl+-", "-"),
        "zoom-out",
        submenu="Zoom",
    ),
    ActionSpec(
        "zoom_fit",
        "&Fit",
        "Show the whole session",
        "View",
        ("Ctrl+F",),
        "fit",
        submenu="Zoom",
        contexts=("lane", "ruler"),
    ),
    ActionSpec(
        "zoom_selection",
        "Zoom to &Selection",
        "Show the selected clips or time",
        "View",
        ("Ctrl+E",),
        needs="selected",
        submenu="Zoom",
        contexts=("clip", "section"),
    ),
    ActionSpec(
        "zoom_toggle",
        "Zoom &Back",
        "Return to the previous zoom and position",
        "View",
        ("Shift+Z",),
        submenu="Zoom",
        contexts=("ruler",),
    ),
    *(
        ActionSpec(
            f"zoom_{seconds}s",
            f"{seconds} s" if seconds < 60 else f"{seconds // 60} min",
            f"Show {f'{seconds} s' if seconds < 60 else f'{seconds // 60} min'} around the playhead",
            "View",
            submenu="Zoom",
        )
        for seconds in ZOOM_PRESETS_S
    ),
    ActionSpec("taller", "&Taller Tracks", "Make all tracks taller", "View", ("PgUp",)),
    ActionSpec("lower", "Sho&rter Tracks", "Make all tracks shorter", "View", ("PgDown",)),
    ActionSpec(
        "wave_zoom_in", "Zoom &Waveforms In", "Draw the waveforms larger", "View", ("Alt+Up",), submenu="Waveforms"
    ),
    ActionSpec(
        "wave_zoom_out", "Zoom Waveforms Out", "Draw the waveforms smaller", "View", ("Alt+Down",), submenu="Waveforms"
    ),
    ActionSpec(
        "wave_zoom_reset",
        "Waveforms at Full Scale",
        "Reset the waveform zoom, so that full scale fills the height",
        "View",
        submenu="Waveforms",
    ),
    ActionSpec("wave_scale", "Waveform Scale", "Show a scale in dB beside the waveforms", "View", checkable=True),
)
