"""Rows of the Session menu: settings of the whole session. Data only."""

from __future__ import annotations

from lincae_studio.ui.actions.spec import ActionSpec

ROWS = (
    ActionSpec("render_settings", "Render Setti&ngs…", "Set the seed and the length and overlap of chunks", "Session"),
    ActionSpec("tempo", "&Tempo…", "Set the tempo and the beats per bar of the grid", "Session", contexts=("ruler",)),
    ActionSpec("tap_tempo", "T&ap Tempo…", "Find the tempo by pressing T with the beat", "Session", ("T",)),
    ActionSpec("retry", "&Retry Failed Chunks", "Retry rendering the failed chunks", "Session", opens_section=True),
)
