"""Keys of REAPER for Linux and Windows. Data only.

REAPER's source and key map are not public, so these come from published lists of its default keys. Named by one list
only: R, G and U, W, [ and ], ?, Ctrl+P, Ctrl+Delete. By several: the others. Not REAPER's:

- Ctrl+G types a position, since G alone groups.
- Alt+Shift+U solos tracks, since Shift+S splits at the ends of the selected time.
- Ctrl+Page Up and Ctrl+Page Down select clips, since [ and ] go to markers.

Left out: Alt+S (snap), which opens a menu; keys that mean one thing or another depending on what is selected there (M
and S on tracks, F2 on items); zooming to the project and to the selection, about which the lists disagree; what only
follows from their silence.
"""

from __future__ import annotations

KEYS: dict[str, tuple[str, ...]] = {
    "split_time": ("Shift+S",),
    "solo_track": ("Alt+Shift+U",),
    "group": ("G",),
    "ungroup": ("U",),
    "next_clip": ("Ctrl+PgDown",),
    "previous_clip": ("Ctrl+PgUp",),
    "process_normalise": ("Ctrl+Shift+N",),
    "preferences": ("Ctrl+P", "Ctrl+,"),
    "export_mix": ("Ctrl+Alt+R", "Ctrl+Shift+E"),
    "remove_track": ("Ctrl+Del", "Ctrl+Shift+Del"),
    "pause": ("Return", "P"),
    "go_start": ("Home", "W"),
    "go_to_time": ("Ctrl+G",),
    "loop": ("R", "L"),
    "previous_marker": ("[", "Alt+Left"),
    "next_marker": ("]", "Alt+Right"),
    "palette": ("?", "Ctrl+Shift+P"),
}
