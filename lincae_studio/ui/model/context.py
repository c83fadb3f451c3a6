"""The object on which a context menu was opened. Main thread; not part of the document."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from msgspec import Struct
from PySide6.QtCore import QPoint

from lincae_studio.session.model import Session

#: What can have a context menu: a clip, a point of an envelope, an empty spot of a lane, selected time, a track's
#: header, the ruler, a marker or a section on it, the mix, a view, the latent heatmap, a row of the history or of the
#: snapshots; and the toolbar or the title of a panel, where panels can be shown and hidden.
Context = Literal[
    "clip",
    "point",
    "lane",
    "time",
    "track",
    "ruler",
    "marker",
    "section",
    "mix",
    "view",
    "heatmap",
    "history",
    "snapshot",
    "panel",
]


class Place(Struct, frozen=True):
    """Where a context menu was opened.

    Attributes:
        point: in the coordinates of the widget.
        sample: on the time axis; None away from it, and for a menu opened by a key, whose commands use the playhead.
        track: position of the track, from 0; the number of tracks for a spot below the last one. None away from them.
        marker: id of the marker or section.
        deletion: the edit that deletes the point of an envelope, and its name.
    """

    context: Context
    point: QPoint
    sample: int | None = None
    track: int | None = None
    marker: int | None = None
    deletion: tuple[str, Callable[[Session], Session]] | None = None


class ContextPlace:
    """The place of the context menu that is open, or whose command is running; commands that act there read it."""

    def __init__(self) -> None:
        self.now: Place | None = None

    @property
    def sample(self) -> int | None:
        return self.now.sample if self.now is not None else None

    @property
    def track(self) -> int | None:
        return self.now.track if self.now is not None else None

    @property
    def marker(self) -> int | None:
        return self.now.marker if self.now is not None else None
