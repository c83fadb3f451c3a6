"""Commands on what is shown: zoom, heights, what the ruler counts in, what edges snap to."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject

from lincae_studio.preferences import RulerUnit, SnapTarget
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.model.preference_store import PreferenceStore
from lincae_studio.ui.model.selection import Selection
from lincae_studio.ui.model.time_axis import TimeAxis
from lincae_studio.ui.model.track_rows import TrackRows


class ViewCommands(QObject):
    """Acts on the axis and the rows; choices are preferences."""

    def __init__(
        self,
        document: Document,
        selection: Selection,
        axis: TimeAxis,
        rows: TrackRows,
        preferences: PreferenceStore,
        playhead: Callable[[], int],
    ) -> None:
        super().__init__(document)
        self._document = document
        self._selection = selection
        self._axis = axis
        self._rows = rows
        self._preferences = preferences
        self._playhead = playhead

    def on_zoom_in(self) -> None:
        self._zoom(0.5)

    def on_zoom_out(self) -> None:
        self._zoom(2.0)

    def on_zoom_fit(self) -> None:
        self._axis.fit()

    def on_zoom_selection(self) -> None:
        clips = [clip for clip in self._document.session.clips() if clip.id in self._selection.clips]
        if clips:
            self._axis.show(min(clip.start for clip in clips), max(clip.end for clip in clips))

    def on_zoom_toggle(self) -> None:
        self._axis.back()

    def on_taller(self) -> None:
        self._rows.grow(1.0)

    def on_lower(self) -> None:
        self._rows.grow(-1.0)

    def on_follow(self, on: bool) -> None:
        self._preferences.set(follow_playhead=on)

    def on_linearity(self, on: bool) -> None:
        self._preferences.set(linearity_strip=on)

    def on_snap(self, on: bool) -> None:
        self._preferences.set(snap=on)

    def on_snap_to_clips(self, on: bool) -> None:
        self._snap_to("clips", on)

    def on_snap_to_playhead(self, on: bool) -> None:
        self._snap_to("playhead", on)

    def on_snap_to_markers(self, on: bool) -> None:
        self._snap_to("markers", on)

    def on_snap_to_grid(self, on: bool) -> None:
        self._snap_to("grid", on)

    def on_snap_to_frames(self, on: bool) -> None:
        self._snap_to("frames", on)

    def on_snap_to_steps(self, on: bool) -> None:
        self._snap_to("steps", on)

    def on_count_in_time(self) -> None:
        self._count_in("time")

    def on_count_in_beats(self) -> None:
        self._count_in("beats")

    def on_count_in_samples(self) -> None:
        self._count_in("samples")

    def on_count_in_frames(self) -> None:
        self._count_in("frames")

    def _zoom(self, factor: float) -> None:
        x = self._axis.x_of(self._playhead())
        self._axis.zoom(factor, x if 0 <= x <= self._axis.width_px else self._axis.width_px / 2)

    def _snap_to(self, target: SnapTarget, on: bool) -> None:
        others = tuple(other for other in self._preferences.value.snap_to if other != target)
        self._preferences.set(snap_to=(*others, target) if on else others)

    def _count_in(self, unit: RulerUnit) -> None:
        self._preferences.set(ruler=unit)
