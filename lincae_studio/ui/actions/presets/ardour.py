"""Keys of Ardour, on a keyboard for a PC. Data only.

Checked against its `ardour.keys.in`. Ardour moves the playhead by the grid, and by a nudge with Alt; here both are
steps of a second. Not Ardour's:

- Ctrl+Shift+Up and Ctrl+Shift+Down move clips between tracks, since without Shift they move tracks.
- Ctrl+1 to Ctrl+5 show views, Ctrl+F1 to Ctrl+F5 recall snapshots, Alt+Page Up and Alt+Page Down zoom waveforms,
  Ctrl+Page Up and Ctrl+Page Down select clips: their default keys have other meanings.

Left out: Tab (adds a marker; Enter on the numeric keypad does, too), Alt+E (export; Ctrl+E, quick export, does) and
Alt+S (solo), which open menus.
"""

from __future__ import annotations

from lincae_studio.ui.actions.spec import with_french

KEYS: dict[str, tuple[str, ...]] = {
    "redo": ("Ctrl+Shift+Z", "Ctrl+R", "Ctrl+Y"),
    "time_start_here": (",",),
    "time_end_here": (".",),
    "clips_in_time": ("U", "Ctrl+Shift+T"),
    "fade_time": ("/", "Shift+F"),
    "mute_clips": (*with_french("Alt+1"), "Ctrl+M"),
    "move_up": ("Ctrl+Shift+Up",),
    "move_down": ("Ctrl+Shift+Down",),
    "next_clip": ("Ctrl+PgDown",),
    "previous_clip": ("Ctrl+PgUp",),
    "preferences": ("Alt+O", "Ctrl+,"),
    "import_audio": ("Ctrl+I", "Ctrl+Shift+I"),
    "export_mix": ("Ctrl+E", "Ctrl+Shift+E"),
    "add_track": ("Ctrl+Shift+N",),
    "select_above": ("Alt+Up", "Up"),
    "select_below": ("Alt+Down", "Down"),
    "select_all_tracks": ("Ctrl+T", "Ctrl+Alt+A"),
    "track_up": ("Ctrl+Up",),
    "track_down": ("Ctrl+Down",),
    "taller_track": ("Alt+=", "Shift+PgUp"),
    "shorter_track": ("Alt+-", "Shift+PgDown"),
    "go_start": ("Home", "Return"),
    "seek_back": ("Left", "Alt+Left"),
    "seek_forward": ("Right", "Alt+Right"),
    "loop_selection": ("]", "Shift+L"),
    "add_marker": ("M", "Enter"),
    "delete_marker": ("Ctrl+Enter", "Alt+Del"),
    "previous_marker": ("Q",),
    "next_marker": ("W",),
    "inspector": ("Shift+P", "Alt+Return"),
    "view_heatmap": with_french("Ctrl+1"),
    "view_spectrogram": with_french("Ctrl+2"),
    "view_linearity": with_french("Ctrl+3"),
    "view_trajectory": with_french("Ctrl+4"),
    "view_levels": with_french("Ctrl+5"),
    "follow": ("Ctrl+F",),
    "zoom_fit": ("Ctrl+Shift+-",),
    "zoom_selection": ("Z",),
    "wave_zoom_in": ("Alt+PgUp",),
    "wave_zoom_out": ("Alt+PgDown",),
    **{f"recall_snapshot_{number}": (f"Ctrl+F{number}",) for number in range(1, 6)},
}
