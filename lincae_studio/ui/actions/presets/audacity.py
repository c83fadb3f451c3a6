"""Keys of Audacity 3 for Linux and Windows, and of Audacity 4 where they do not contradict. Data only.

Checked against both programs' sources (`src/menus` of version 3, `shortcuts.xml` of version 4). Not Audacity's:

- Shift+J and Shift+K trim here; there they select from the start of the track to the cursor, and from there to its
  end. J and K alone, which only move the cursor there, do nothing.
- Alt+Shift+X takes a track out of the mix, since Ctrl+Alt+I splits; [ and ] are the ends of the selection.
- Alt+M, since Ctrl+M adds a label.
- Ctrl+F1 to Ctrl+F5 recall snapshots, since Ctrl+1 and Ctrl+3 zoom.
"""

from __future__ import annotations

from lincae_studio.ui.actions.spec import with_french

KEYS: dict[str, tuple[str, ...]] = {
    "delete": ("Ctrl+K", "Del", "Backspace"),
    "split": ("Ctrl+I",),
    "split_time": ("Ctrl+Alt+I",),
    "minus_one": ("Alt+Shift+X",),
    "time_start_here": ("[",),
    "time_end_here": ("]",),
    "trim_start": ("Shift+J",),
    "trim_end": ("Shift+K",),
    "mute_clips": ("Alt+M",),
    "next_clip": ("Alt+.", "Ctrl+PgDown"),
    "previous_clip": ("Alt+,", "Ctrl+PgUp"),
    "preferences": ("Ctrl+P", "Ctrl+,"),
    "add_track": ("Ctrl+Shift+N",),
    "remove_track": ("Shift+C", "Ctrl+Shift+Del"),
    "select_all_tracks": ("Ctrl+Shift+K", "Ctrl+Alt+A"),
    "seek_back": ("Left", ","),
    "seek_forward": ("Right", "."),
    "seek_back_far": ("Alt+Home", "Shift+,"),
    "seek_forward_far": ("Alt+End", "Shift+."),
    "add_marker": ("Ctrl+B", "Ctrl+M", "M"),
    "zoom_in": (*with_french("Ctrl+1"), "Ctrl+=", "Ctrl++", "=", "+"),
    "zoom_out": (*with_french("Ctrl+3"), "Ctrl+-", "-"),
    **{f"recall_snapshot_{number}": (f"Ctrl+F{number}",) for number in range(1, 6)},
}
