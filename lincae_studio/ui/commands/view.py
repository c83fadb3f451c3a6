"""Commands on the view: zoom, track heights, waveforms, ruler units, snapping. Main thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

from PySide6.QtCore import QObject

from lincae_studio.preferences import RulerUnit, SnapTarget
from lincae_studio.ui.actions.handlers import Handlers
from lincae_studio.ui.actions.rows.view import ZOOM_PRESETS_S
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.model.preference_store import PreferenceStore
from lincae_studio.ui.model.selection import Selection
from lincae_studio.ui.model.time_axis import TimeAxis
from lincae_studio.ui.model.track_rows import TrackRows
from lincae_studio.ui.model.wave_zoom import WaveZoom
from lincae_studio.ui.playback.transport import Transport


class ViewCommands(QObject):
    """Changes the time axis and the track rows; choices are stored in the preferences."""

    def __init__(
        self,
        document: Document,
        selection: Selection,
        axis: TimeAxis,
        rows: TrackRows,
        wave_zoom: WaveZoom,
        preferences: PreferenceStore,
        transport: Transport,
    ) -> None:
        super().__init__(document)
        self._document = document
        self._selection = selection
        self._axis = axis
        self._rows = rows
        self._wave_zoom = wave_zoom
        self._preferences = preferences
        self._transport = transport

    @property
    def handlers(self) -> Handlers:
        return {
            "zoom_in": self.on_zoom_in,
            "zoom_out": self.on_zoom_out,
            "zoom_fit": self.on_zoom_fit,
            "zoom_selection": self.on_zoom_selection,
            **{f"zoom_{seconds}s": self._showing(seconds) for seconds in ZOOM_PRESETS_S},
            "zoom_toggle": self.on_zoom_toggle,
            "taller": self.on_taller,
            "lower": self.on_lower,
            "follow": self.on_follow,
            "wave_zoom_in": self.on_wave_zoom_in,
            "wave_zoom_out": self.on_wave_zoom_out,
            "wave_zoom_reset": self._wave_zoom.reset,
            "wave_scale": self.on_wave_scale,
            "linearity": self.on_linearity,
            "overview": self.on_overview,
            "snap": self.on_snap,
            **{f"snap_to_{target}": self._snapping_to(target) for target in get_args(SnapTarget)},
            **{f"count_in_{unit}": self._counting_in(unit) for unit in get_args(RulerUnit)},
        }

    def on_zoom_in(self) -> None:
        self._zoom(0.5)

    def on_zoom_out(self) -> None:
        self._zoom(2.0)

    def on_zoom_fit(self) -> None:
        self._axis.fit()

    def on_zoom_selection(self) -> None:
        span = self._selection.span
        if span is not None:
            self._axis.show(*span)

    def on_zoom_toggle(self) -> None:
        self._axis.back()

    def on_taller(self) -> None:
        self._rows.grow(1.0)

    def on_lower(self) -> None:
        self._rows.grow(-1.0)

    def on_wave_zoom_in(self) -> None:
        self._wave_zoom.zoom(1.0)

    def on_wave_zoom_out(self) -> None:
        self._wave_zoom.zoom(-1.0)

    def on_wave_scale(self, on: bool) -> None:
        self._preferences.set(wave_scale=on)

    def on_follow(self, on: bool) -> None:
        self._preferences.set(follow_playhead=on)

    def on_linearity(self, on: bool) -> None:
        self._preferences.set(linearity_strip=on)

    def on_overview(self, on: bool) -> None:
        self._preferences.set(overview=on)

    def on_snap(self, on: bool) -> None:
        self._preferences.set(snap=on)

    def _zoom(self, factor: float) -> None:
        x = self._axis.x_of(self._transport.position)
        self._axis.zoom(factor, x if 0 <= x <= self._axis.width_px else self._axis.width_px / 2)

    def _showing(self, seconds: int) -> Callable[[], None]:
        """Shows this much time around the playhead."""

        def show() -> None:
            half = round(seconds * self._document.session.rate / 2)
            middle = max(half, self._transport.position)
            self._axis.show(middle - half, middle + half)

        return show

    def _snapping_to(self, target: SnapTarget) -> Callable[[bool], None]:
        def snap(on: bool) -> None:
            others = tuple(other for other in self._preferences.value.snap_to if other != target)
            self._preferences.set(snap_to=(*others, target) if on else others)

        return snap

    def _counting_in(self, unit: RulerUnit) -> Callable[[], None]:
        return lambda: self._preferences.set(ruler=unit)
