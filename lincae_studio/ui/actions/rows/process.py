"""Rows of the submenu for processing the audio of clips, in the Edit menu. Data only."""

from __future__ import annotations

from lincae_studio.ui.actions.spec import ActionSpec
from lincae_studio.ui.model.context import Context


def _row(
    name: str, text: str, tip: str, needs: str = "selection", contexts: tuple[Context, ...] = ("clip",)
) -> ActionSpec:
    return ActionSpec(f"process_{name}", text, tip, "Edit", needs=needs, submenu="Process Clips", contexts=contexts)


ROWS = (
    _row("stretch", "Stretch and Pitch…", "Make clips longer or shorter, higher or lower"),
    _row("reverse", "Reverse", "Play the selected clips backwards, or forwards again"),
    _row("normalise", "Normalise…", "Set the gain of each selected clip so that its peak or loudness is as chosen"),
    _row("invert", "Invert Polarity", "Invert the polarity of the selected clips"),
    _row("remove_dc", "Remove DC Offset", "Remove the DC offset of the files of the selected clips"),
    _row("trim_silence", "Trim Silence…", "Trim the selected clips to where they are louder than a threshold"),
    _row(
        "strip_silence",
        "Strip Silence…",
        "Remove the silence from the selected clips, or from the selected time",
        "selected",
        ("clip", "time"),
    ),
    _row("swap", "Swap Left and Right", "Swap the channels of the selected stereo clips"),
    _row("left", "Left Channel Only", "Use the left channel of the selected stereo clips"),
    _row("right", "Right Channel Only", "Use the right channel of the selected stereo clips"),
    _row("mono", "Mono (Mid)", "Use the mean of the left and the right channel of the selected stereo clips"),
    _row("side", "Side", "Use half the difference of the left and the right channel of the selected stereo clips"),
    _row("none", "Remove All Processing", "Play the files of the selected clips as they are"),
)
