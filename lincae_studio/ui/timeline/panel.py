"""The timeline panel: ruler, render bar, headers and lanes, master lane, heatmap, and the scroll bars. Wiring only."""

from __future__ import annotations

from itertools import pairwise

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QPushButton,
    QScrollBar,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from lincae_studio.media.store import MediaStore
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.model.header_width import HeaderWidth
from lincae_studio.ui.model.preference_store import PreferenceStore
from lincae_studio.ui.model.selection import Selection
from lincae_studio.ui.model.time_axis import TimeAxis
from lincae_studio.ui.model.track_rows import TrackRows
from lincae_studio.ui.model.wave_zoom import WaveZoom
from lincae_studio.ui.rendering.rendering import Rendering
from lincae_studio.ui.rendering.residuals import Residuals
from lincae_studio.ui.rendering.spread import Spread
from lincae_studio.ui.timeline.canvas import TimeCanvas
from lincae_studio.ui.timeline.counting import Counting
from lincae_studio.ui.timeline.empty_hint import EmptyHint
from lincae_studio.ui.timeline.envelopes import ShownEnvelopes
from lincae_studio.ui.timeline.header_column import HeaderColumn
from lincae_studio.ui.timeline.lanes import Lanes
from lincae_studio.ui.timeline.linearity_strip import LinearityStrip
from lincae_studio.ui.timeline.master import MasterLane
from lincae_studio.ui.timeline.master_strip import MasterStrip
from lincae_studio.ui.timeline.overview import SessionOverview
from lincae_studio.ui.timeline.pane_splitter import MIX, PaneSplitter
from lincae_studio.ui.timeline.render_bar import RenderBar
from lincae_studio.ui.timeline.ruler import Ruler
from lincae_studio.ui.timeline.snapping import SnapSettings
from lincae_studio.ui.timeline.speech import LaneSpeech

#: The horizontal scroll bar counts in units of this many samples, since Qt's integers end at 2**31.
_SCROLL_UNIT = 64

_NOTCH_PX = 40


class TimelinePanel(QWidget):
    """Everything that is drawn over time, with the track headers.

    Signals:
        seek: a sample was clicked.
        clip_clicked: a clip was clicked at a sample, and the preferences say that this places the playhead.
        files_dropped: same as `Lanes.files_dropped`.
        import_clicked, demo_clicked: same as in `EmptyHint`.
    """

    seek = Signal(object)
    clip_clicked = Signal(object)
    files_dropped = Signal(list, object)
    import_clicked = Signal()
    demo_clicked = Signal()

    def __init__(
        self,
        document: Document,
        selection: Selection,
        rendering: Rendering,
        media: MediaStore,
        preferences: PreferenceStore,
        parent: QWidget,
    ) -> None:
        super().__init__(parent)
        self._document = document
        self._rendering = rendering
        self._preferences = preferences
        self.axis = TimeAxis(self)
        self.rows = TrackRows(document, self)
        self.header_width = HeaderWidth(self)
        self.counting = Counting(document, lambda: rendering.plan.grid.hop)
        self._playhead = 0
        self.snaps = SnapSettings(
            ticks=lambda: self.counting.ticks(self.axis.samples_per_px).lines,
            hop=lambda: rendering.plan.grid.hop,
            step=lambda: rendering.plan.grid.step_samples,
            playhead=lambda: self._playhead,
        )
        self.wave_zoom = WaveZoom(self)
        self.ruler = Ruler(self.axis, document, selection, self.counting, self.snaps, self)
        self.render_bar = RenderBar(self.axis, rendering, self)
        self.residuals = Residuals(rendering)
        self.spread = Spread(rendering)
        self.linearity = LinearityStrip(self.axis, rendering, self.residuals, self)
        self.envelopes = ShownEnvelopes(document)
        self.headers = HeaderColumn(
            self.rows, self.header_width, document, selection, self.envelopes, self.axis.scrolling, self
        )
        self.lanes = Lanes(
            self.axis,
            self.rows,
            document,
            selection,
            media,
            self.envelopes,
            self.snaps,
            self.counting,
            self.wave_zoom,
            lambda: rendering.offline,
            rendering.stand_in,
            self,
        )
        LaneSpeech(self.lanes, document, selection)
        self.master = MasterLane(
            self.axis, rendering, document, selection, self.envelopes, self.wave_zoom, self.spread, self
        )
        self.master_strip = MasterStrip(document, selection, self.envelopes, self)
        self.mix_meter = self.master_strip.meter
        self.overview = SessionOverview(self.axis, document, self)
        self.empty_hint = EmptyHint(self.lanes)
        self._hint_covered = False
        self._horizontal = QScrollBar(Qt.Orientation.Horizontal, self)
        self._vertical = QScrollBar(Qt.Orientation.Vertical, self)
        self._horizontal.setAccessibleName("Scroll in time")
        self._vertical.setAccessibleName("Scroll tracks")
        self.add_track_button = QPushButton("+ Track", self)
        self.add_track_button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.splitter = PaneSplitter(self)
        self._canvases: list[TimeCanvas] = [self.ruler, self.render_bar, self.linearity, self.lanes, self.master]
        self._lay_out()
        self._connect()
        document.at_close(self.residuals.close)
        document.at_close(self.spread.close)
        document.at_close(self.master.dry.close)
        self._follow_document()
        self._follow_plan()
        self._follow_preferences()

    @property
    def playhead(self) -> int:
        """The sample at which the playhead is drawn."""
        return self._playhead

    def set_playhead(self, sample: int) -> None:
        """Show the playhead at a sample."""
        self._playhead = sample
        for canvas in self._canvases:
            canvas.set_playhead(sample)
        self.overview.set_playhead(sample)

    def _follow_plan(self) -> None:
        self.headers.set_space(self._rendering.plan.codec.latent_space)

    def _follow_preferences(self) -> None:
        """Apply the preferences for the ruler, snapping, the linearity strip and the mouse wheel."""
        chosen = self._preferences.value
        self.snaps.on = chosen.snap
        self.snaps.kinds = chosen.snap_to
        self.lanes.hits.ripple = chosen.ripple
        self.counting.set_unit(chosen.ruler)
        for lane in (self.lanes, self.master):
            lane.set_shows_scale(chosen.wave_scale)
        self.header_width.set(chosen.header_px)
        self.linearity.setVisible(chosen.linearity_strip)
        self._overview_row.setVisible(chosen.overview)
        self.residuals.set_active(self.linearity, chosen.linearity_strip)
        for canvas in self._canvases:
            canvas.wheel_zooms = chosen.wheel == "zoom"

    def cover_hint(self, covered: bool) -> None:
        """Hide what an empty session shows while something else lies over the tracks."""
        self._hint_covered = covered
        self._show_hint()

    def _show_hint(self) -> None:
        self.empty_hint.setVisible(not self._document.session.tracks and not self._hint_covered)

    def add_view(self, name: str, view: QWidget, place: int) -> None:
        """Add a view over time below the mix, at an index among the views."""
        view.setContentsMargins(0, 0, self._vertical.sizeHint().width(), 0)  # as wide as the lanes
        self.splitter.add_pane(name, view, 1 + place)
        _chain(*_tab_stops(self.master_strip)[-1:], *_tab_stops(view))

    def _lay_out(self) -> None:
        corner = QWidget(self)
        self.header_width.fix(corner)
        corner_layout = QHBoxLayout(corner)
        corner_layout.setContentsMargins(8, 3, 8, 3)
        corner_layout.addWidget(self.add_track_button)
        corner_layout.addStretch(1)
        tracks = QWidget(self)
        grid = QGridLayout(tracks)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(0)
        grid.addWidget(corner, 0, 0, 3, 1)
        grid.addWidget(self.ruler, 0, 1)
        grid.addWidget(self.render_bar, 1, 1)
        grid.addWidget(self.linearity, 2, 1)
        grid.addWidget(self.headers, 3, 0)
        grid.addWidget(self.lanes, 3, 1)
        grid.addWidget(self._vertical, 3, 2)
        grid.setRowStretch(3, 1)
        grid.setColumnStretch(1, 1)
        master = QWidget(self)
        master_layout = QHBoxLayout(master)
        master_layout.setContentsMargins(0, 0, self._vertical.sizeHint().width(), 0)  # as wide as the lanes
        master_layout.setSpacing(0)
        self.header_width.fix(self.master_strip)
        master_layout.addWidget(self.master_strip)
        master_layout.addWidget(self.master, 1)
        self.splitter.set_tracks(tracks)
        self.splitter.add_pane(MIX, master, 0)
        bottom = QHBoxLayout()
        below = QWidget(self)
        self.header_width.fix(below)
        bottom.addWidget(below)
        bottom.addWidget(self._horizontal, 1)
        bottom.addSpacing(self._vertical.sizeHint().width())
        self._overview_row = QWidget(self)
        overview = QHBoxLayout(self._overview_row)
        overview.setContentsMargins(0, 0, self._vertical.sizeHint().width(), 0)
        overview.setSpacing(0)
        beside = QWidget(self)
        self.header_width.fix(beside)
        overview.addWidget(beside)
        overview.addWidget(self.overview, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.splitter, 1)
        layout.addWidget(self._overview_row)
        layout.addLayout(bottom)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def order_tabs(self, above: QWidget) -> None:
        """After the control above the timeline, Tab goes from top to bottom: ruler, headers, lanes, master."""
        self.headers.set_tab_neighbours(self.ruler, self.lanes)
        _chain(above, self.add_track_button, self.ruler, self.lanes, *_tab_stops(self.master_strip))

    def _connect(self) -> None:
        self._preferences.changed.connect(self._follow_preferences)
        self._document.changed.connect(self._follow_document)
        self.axis.changed.connect(self._follow_axis)
        for moved in (self.axis.changed, self.rows.changed, self.lanes.mouse.changed):
            moved.connect(self._rendering.idle_gate.note_interaction)
        for moved in (self.axis.changed, self.rows.changed):
            moved.connect(self._rendering.view_gate.note_interaction)
        self._horizontal.valueChanged.connect(lambda value: self.axis.scroll_to(value * _SCROLL_UNIT))
        self._vertical.valueChanged.connect(self.rows.set_offset)
        for canvas in self._canvases:
            canvas.scrolled_vertically.connect(self._on_scrolled_vertically)
            canvas.grown.connect(self.rows.grow)
            canvas.waves_zoomed.connect(self.wave_zoom.zoom)
        self.headers.scrolled_vertically.connect(self._on_scrolled_vertically)
        self.headers.grown.connect(self.rows.grow)
        self.headers.widened.connect(lambda px: self._preferences.set(header_px=px))
        self.rows.changed.connect(self._follow_rows)
        self.master.seek.connect(self.seek)
        self.ruler.seek.connect(self.seek)
        self.ruler.time_dragged.connect(self._on_clip_clicked)
        self.lanes.seek.connect(self.seek)
        self.lanes.clip_clicked.connect(self._on_clip_clicked)
        self.lanes.files_dropped.connect(self.files_dropped)
        self.empty_hint.import_clicked.connect(self.import_clicked)
        self.empty_hint.demo_clicked.connect(self.demo_clicked)
        self.lanes.resized.connect(self._fit_to_size)
        self._rendering.offline_changed.connect(self.lanes.invalidate)
        self._rendering.plan_changed.connect(self._follow_plan)

    def _follow_document(self) -> None:
        session = self._document.session
        self.axis.set_length(session.length, session.rate)
        focus = self.window().focusWidget()
        if session.tracks and focus is not None and self.empty_hint.isAncestorOf(focus):
            self.lanes.setFocus()  # else the next button would get it, and Space would press it
        self._show_hint()
        self._fit_to_size()

    def _follow_axis(self) -> None:
        self._horizontal.blockSignals(True)
        self._horizontal.setRange(0, round(self.axis.scroll_range / _SCROLL_UNIT))
        self._horizontal.setPageStep(max(1, round(self.axis.visible_samples / _SCROLL_UNIT)))
        self._horizontal.setSingleStep(max(1, self._horizontal.pageStep() // 20))
        self._horizontal.setValue(round(self.axis.start / _SCROLL_UNIT))
        self._horizontal.blockSignals(False)

    def _follow_rows(self) -> None:
        """Update the range before the offset, which may exceed the old range."""
        offset = self.rows.offset_px
        self._fit_to_size()
        self._vertical.setValue(offset)

    def _fit_to_size(self) -> None:
        self._vertical.setRange(0, max(0, self.rows.total_px - self.lanes.height()))
        self._vertical.setPageStep(self.lanes.height())
        self._vertical.setSingleStep(self.rows.common_px // 2)
        self.axis.set_width(self.lanes.width())

    def _on_clip_clicked(self, sample: int) -> None:
        if self._preferences.value.click_places_playhead:
            self.clip_clicked.emit(sample)

    def _on_scrolled_vertically(self, notches: float) -> None:
        self._vertical.setValue(round(self._vertical.value() + notches * _NOTCH_PX))


def _tab_stops(widget: QWidget) -> list[QWidget]:
    """The children that Tab reaches, in the order in which they were made."""
    found = [child for child in widget.findChildren(QWidget) if child.focusPolicy() & Qt.FocusPolicy.TabFocus]
    return [child for child in found if child.window() is widget.window()]  # not the lists that boxes drop down


def _chain(*widgets: QWidget) -> None:
    """Let Tab go from each to the next."""
    for before, after in pairwise(widgets):
        QWidget.setTabOrder(before, after)
