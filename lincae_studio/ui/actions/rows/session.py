"""Rows of the Session menu: settings of the whole session. Data only."""

from __future__ import annotations

from lincae_studio.session.model import RATES
from lincae_studio.session.rates import in_khz
from lincae_studio.ui.actions.spec import ActionSpec, with_french

#: Numbers of the snapshots, in their order, that are recalled by a key.
RECALLED_BY_KEY = range(1, 6)

ROWS = (
    *(
        ActionSpec(
            f"sample_rate_{rate}",
            in_khz(rate),
            f"Convert the session and its audio to a sample rate of {in_khz(rate)}",
            "Session",
            checkable=True,
            submenu="Sample Rate",
            exclusive=True,
        )
        for rate in RATES
    ),
    ActionSpec("render_settings", "Render Setti&ngs…", "Set the seed and the length and overlap of chunks", "Session"),
    ActionSpec("retry", "&Retry Failed Chunks", "Retry rendering the failed chunks", "Session"),
    ActionSpec(
        "tempo",
        "&Tempo…",
        "Set the tempo and the beats per bar of the grid",
        "Session",
        contexts=("ruler",),
        opens_section=True,
    ),
    ActionSpec("tap_tempo", "T&ap Tempo…", "Find the tempo by pressing T with the beat", "Session", ("T",)),
    ActionSpec(
        "store_snapshot",
        "&Store Snapshot",
        "Store the faders, pans and buttons of all tracks and of the master as a snapshot",
        "Session",
        ("Shift+B",),
        needs="clips",
        contexts=("mix", "snapshot"),
        opens_section=True,
    ),
    *(
        ActionSpec(
            f"recall_snapshot_{number}",
            f"Snapshot &{number}",
            f"Set the mixer to snapshot {number}",
            "Session",
            with_french(f"Ctrl+{number}"),
            needs="snapshots",
            submenu="Recall Snapshot",
        )
        for number in RECALLED_BY_KEY
    ),
    ActionSpec(
        "compare_snapshots",
        "Compare A/&B",
        "Recall the previous snapshot; press again to go back",
        "Session",
        ("B",),
        needs="two snapshots",
        contexts=("mix", "snapshot"),
    ),
    ActionSpec(
        "recall_snapshot",
        "R&ecall Selected Snapshot",
        "Set the mixer to the selected snapshot",
        "Session",
        needs="snapshots",
        contexts=("snapshot",),
    ),
    ActionSpec(
        "update_snapshot",
        "&Update Snapshot",
        "Store the mixer in the selected snapshot",
        "Session",
        needs="snapshots",
        contexts=("snapshot",),
    ),
    ActionSpec(
        "rename_snapshot",
        "Rename Snapshot",
        "Rename the selected snapshot",
        "Session",
        needs="snapshots",
        contexts=("snapshot",),
    ),
    ActionSpec(
        "delete_snapshot",
        "&Delete Snapshot",
        "Delete the selected snapshot",
        "Session",
        needs="snapshots",
        contexts=("snapshot",),
    ),
    ActionSpec(
        "morph",
        "&Morph",
        "Crossfade between the mixes of two snapshots, along the line on the lane of the mix",
        "Session",
        ("Ctrl+Alt+B",),
        checkable=True,
        needs="two snapshots",
        contexts=("mix", "snapshot"),
        opens_section=True,
    ),
    ActionSpec(
        "clear_morph",
        "Delete Mor&ph",
        "Delete the morph with its line; the snapshots stay",
        "Session",
        needs="morph",
        contexts=("mix", "snapshot"),
    ),
    ActionSpec(
        "check_master",
        "C&heck Against Master…",
        "Find which stems differ from the master, and when",
        "Session",
        ("Ctrl+Alt+C",),
        needs="clips",
        opens_section=True,
    ),
    ActionSpec(
        "match_reference",
        "Match Re&ference Mix…",
        "Set faders, pans and envelopes of the tracks to match a reference mix",
        "Session",
        ("Ctrl+Alt+J",),
        needs="clips",
    ),
)
