"""Rows of the File menu: projects, import, export. Data only."""

from __future__ import annotations

from lincae_studio.ui.actions.spec import ActionSpec, Standard

ROWS = (
    ActionSpec("new", "&New", "Start an empty session", "File", (Standard.New,)),
    ActionSpec("open", "&Open…", "Open a project (.lincae)", "File", (Standard.Open,)),
    ActionSpec("open_demo", "Open &Demo Song", "Open the demo song", "File"),
    ActionSpec("save", "&Save", "Save the project", "File", (Standard.Save,), opens_section=True),
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
        "import_audio",
        "&Import Audio…",
        "Import audio files, one track each",
        "File",
        ("Ctrl+Shift+I",),
        "import",
        opens_section=True,
        contexts=("lane",),
    ),
    ActionSpec(
        "export_mix",
        "&Export…",
        "Export the mix, stems or latents to files",
        "File",
        ("Ctrl+Shift+E",),
        "export",
        needs="clips",
        contexts=("mix", "section"),
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
    ActionSpec(
        "export_picture",
        "Export &Picture…",
        "Save a view as PNG or SVG",
        "File",
        ("Ctrl+Alt+P",),
        contexts=("mix", "view"),
    ),
    ActionSpec("quit", "&Quit", "Close the window", "File", ("Ctrl+Q",), opens_section=True),
)
