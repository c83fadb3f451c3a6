"""All views that can be shown beside the tracks and the mix: one line here and one file each. Imports none of them."""

from __future__ import annotations

import importlib
from typing import Literal, Protocol, cast

from msgspec import Struct
from PySide6.QtWidgets import QWidget

from lincae_studio.preferences import ViewName
from lincae_studio.ui.views.context import ViewContext


class ViewSpec(Struct, frozen=True):
    """One view.

    Attributes:
        place: "time": below the tracks, on their time axis; "panel": a panel at the side.
        module, name: where to find its class; imported when the view is first shown.
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
        "Show the latents of the mix, a track, a clip or a difference, by channel and time",
        "Alt+1",
        "time",
        "heatmap",
        "HeatmapPanel",
    ),
    ViewSpec(
        "spectrogram",
        "Spectrogram",
        "Show the level of the decoded mix over time and frequency",
        "Alt+2",
        "time",
        "spectrogram",
        "SpectrogramPanel",
    ),
    ViewSpec(
        "linearity",
        "Linearity",
        "Show the residual of the latent mix in dB and the share of each track",
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
    """The interface of every view, which is a `QWidget` as well."""

    def set_playhead(self, sample: int) -> None: ...

    def follow_theme(self) -> None: ...

    def shutdown(self) -> None:
        """End the view's threads when it is closed."""


def make_view(spec: ViewSpec, context: ViewContext, parent: QWidget) -> QWidget:
    """Import a view's module and make the view."""
    module = importlib.import_module(f"{__package__}.{spec.module}")
    return cast(QWidget, getattr(module, spec.name)(context, parent))
