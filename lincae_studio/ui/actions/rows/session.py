"""Rows of the Session menu: settings of the whole session. Data only."""

from __future__ import annotations

from lincae_studio.session.model import RATES
from lincae_studio.session.rates import in_khz
from lincae_studio.ui.actions.spec import ActionSpec

ROWS = (
    ActionSpec("render_settings", "Render Setti&ngs…", "Set the seed and the length and overlap of chunks", "Session"),
    ActionSpec("tempo", "&Tempo…", "Set the tempo and the beats per bar of the grid", "Session", contexts=("ruler",)),
    ActionSpec("tap_tempo", "T&ap Tempo…", "Find the tempo by pressing T with the beat", "Session", ("T",)),
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
    ActionSpec("retry", "&Retry Failed Chunks", "Retry rendering the failed chunks", "Session", opens_section=True),
)
