"""Every view that can be shown beside tracks and mix: a line here and a file of its own. Imports none of them."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Literal, Protocol, cast

from PySide6.QtWidgets import QWidget

from lincae_studio.preferences import ViewName
from lincae_studio.ui.views.context import ViewContext


@dataclass(frozen=True)
class ViewSpec:
    """One view.

    Attributes:
        place: "time": below the tracks, on their time axis; "panel": a panel at the side.
        module, name: where its class is; it is imported when it is first shown.
    """

    id: ViewName
    title: str
    tip: str
    keys: str
    place: Literal["time", "panel"]
    module: str
    name: str


VIEWS = (
    ViewSpec(
        "heatmap",
        "Latent Heatmap",
        "Show latents, channel over time: of the mix, of a track or clip, or of a difference",
        "Alt+1",
        "time",
        "heatmap",
        "HeatmapPanel",
    ),
    ViewSpec(
        "spectrogram",
        "Spectrogram",
        "Show the mix as it was decoded, level over time and frequency",
        "Alt+2",
        "time",
        "spectrogram",
        "SpectrogramPanel",
    ),
    ViewSpec(
        "linearity",
        "Linearity",
        "Show residuals of the latent mix in dB, and the shares of the tracks",
        "Alt+3",
        "time",
        "linearity",
        "LinearityPanel",
    ),
    ViewSpec(
        "trajectory",
        "Latent Trajectory",
        "Show the path of the mix through its first two principal components",
        "Alt+4",
        "panel",
        "trajectory",
        "TrajectoryPanel",
    ),
    ViewSpec(
        "levels",
        "Channel Levels",
        "Show the level of each latent channel under the playhead",
        "Alt+5",
        "panel",
        "levels",
        "LevelsPanel",
    ),
)


def view_action(name: str) -> str:
    """The id of the action that shows and closes a view."""
    return f"view_{name}"


class View(Protocol):
    """What every view can be told; it is a `QWidget`, too."""

    def set_playhead(self, sample: int) -> None: ...

    def follow_theme(self) -> None: ...

    def shutdown(self) -> None:
        """It is closed: its threads end."""


def make_view(spec: ViewSpec, context: ViewContext, parent: QWidget) -> QWidget:
    """Import a view's module, and make the view."""
    module = importlib.import_module(f"{__package__}.{spec.module}")
    return cast(QWidget, getattr(module, spec.name)(context, parent))
