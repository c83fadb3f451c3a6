"""Every command of the window as data: text, keys, menu, handler. Menus, toolbar and tests read this table."""

from __future__ import annotations

from lincae_studio.ui.actions.rows import edit, file, help, session, track, transport, view

ACTIONS = (*file.ROWS, *edit.ROWS, *track.ROWS, *transport.ROWS, *view.ROWS, *session.ROWS, *help.ROWS)

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
