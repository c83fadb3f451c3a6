"""Rows of the submenu for regions of latents, in the Edit menu. Data only."""

from __future__ import annotations

from lincae_studio.ui.actions.spec import ActionSpec


def _row(name: str, text: str, tip: str, key: str, needs: str = "region", opens_section: bool = False) -> ActionSpec:
    return ActionSpec(
        name,
        text,
        tip,
        "Edit",
        (key,),
        needs=needs,
        submenu="Latent Region",
        opens_section=opens_section,
        contexts=("heatmap",),
    )


ROWS = (
    _row("region_mute", "Mute", "Mute the selected channels in the selected time", "Ctrl+Alt+U", opens_section=True),
    _row("region_down", "Turn Down by 3 dB", "Turn the selected region of latents down", "Ctrl+Alt+PgDown"),
    _row("region_up", "Turn Up by 3 dB", "Turn the selected region of latents up", "Ctrl+Alt+PgUp"),
    _row("region_keep", "Keep Only", "Mute all other channels in the selected time", "Ctrl+Alt+K"),
    _row("region_off", "Bypass", "Leave the selected region out, or apply it again", "Ctrl+Alt+Y"),
    _row("region_delete", "Delete", "Delete the selected region of latents", "Ctrl+Alt+X"),
    _row(
        "region_solo",
        "Solo Channel",
        "Hear only the selected channels, or the one last pointed at on the heatmap, in the whole session",
        "Ctrl+Alt+O",
        needs="channel",
    ),
)
