"""Rows of the Track menu: the selected track and its envelopes. Data only."""

from __future__ import annotations

from lincae_studio.ui.actions.spec import ActionSpec

ROWS = (
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
    ActionSpec(
        "gain_up",
        "Gain &Up",
        "Raise the selected track by 0.5 dB",
        "Track",
        ("Alt+Shift+Up",),
        needs="track",
        opens_section=True,
    ),
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
        opens_section=True,
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
    ActionSpec(
        "track_up",
        "Move Track U&p",
        "Move the selected track up",
        "Track",
        ("Ctrl+Shift+Up",),
        needs="track",
        opens_section=True,
    ),
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
        opens_section=True,
    ),
)
