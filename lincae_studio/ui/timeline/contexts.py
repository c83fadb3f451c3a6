"""What is under the pointer, or has the keyboard focus, when a context menu opens on the timeline. Main thread."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QPointF, QRectF
from PySide6.QtWidgets import QWidget

from lincae_studio.session import arrange, places
from lincae_studio.session.model import MASTER
from lincae_studio.ui.model.context import Context, Place
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.model.selection import Selection
from lincae_studio.ui.timeline.envelopes import deletion_at
from lincae_studio.ui.timeline.lane_hits import LaneHits
from lincae_studio.ui.timeline.panel import TimelinePanel

#: How far inside the focused object a menu opens that was requested by a key.
_INSET_PX = 12


class TimelineContexts:
    """Selects what is under the pointer, as a click would, and describes the place.

    A clip or track that is selected keeps the others selected, so that the menu acts on all of them.
    """

    def __init__(self, timeline: TimelinePanel, document: Document, selection: Selection) -> None:
        self._timeline = timeline
        self._document = document
        self._selection = selection
        self._hits = LaneHits(timeline.axis, timeline.rows, document, selection, timeline.envelopes, timeline.snaps)

    def on_lanes(self, point: QPoint | None) -> Place:
        """A clip or an empty spot. By key: the first selected clip in view, or else the selected track."""
        if point is None:
            return self._focused_on_lanes()
        sample, track = self._sample(self._timeline.lanes, point), self._track_at(point)
        self._select_track(track)
        envelope = self._hits.envelope_at(QPointF(point))
        if envelope is not None:
            of, kind, top, height = envelope
            axis, session = self._timeline.axis, self._document.session
            deletion = deletion_at(session, of.id, kind, QPointF(point), top, height, axis)
            if deletion is not None:
                return Place("point", point, sample, track, deletion=deletion)
        if sample is not None and self._selection.time.contains(sample, track):
            return Place("time", point, sample, track)
        clip = self._hits.clip_at(QPointF(point))
        if clip is None:
            return Place("lane", point, sample, track)
        if clip.id not in self._selection.clips:
            self._selection.set_clips(arrange.with_groups(self._document.session, {clip.id}))
        return Place("clip", point, sample, track)

    def on_headers(self, point: QPoint | None) -> Place:
        """A track, or the space below the last one. By key: the selected track."""
        if point is None:
            selected = self._selected_position()
            return Place("track", QPoint(_INSET_PX, self._timeline.rows.top(selected or 0) + _INSET_PX), None, selected)
        track = self._track_at(point)
        self._select_track(track)
        return Place("track" if track < len(self._document.session.tracks) else "lane", point, None, track)

    def on_ruler(self, point: QPoint | None) -> Place:
        """A marker, a section, whose time becomes selected, or the time axis. By key: what is at the playhead."""
        ruler, session = self._timeline.ruler, self._document.session
        if point is None:
            at = self._timeline.playhead
            marker = next((marker for marker in session.markers if marker.at == at), places.section_at(session, at))
            point, sample = self._at_playhead(ruler), None
        else:
            marker, sample = ruler.marker_at(QPointF(point)), self._sample(ruler, point)
        if marker is None:
            return Place("ruler", point, sample)
        if marker.length:
            ruler.select_section(marker)
        return Place("section" if marker.length else "marker", point, sample, marker=marker.id)

    def on_mix(self, point: QPoint | None) -> Place:
        """The lane of the mix, or a point of the master's envelope on it; the master becomes selected."""
        self._selection.set_master()
        lane, session = self._timeline.master, self._document.session
        kind = self._timeline.envelopes.of(MASTER)
        if point is not None and kind is not None:
            place = QPointF(point)
            deletion = deletion_at(session, MASTER, kind, place, 0, lane.height(), lane.axis)
            if deletion is not None:
                return Place("point", point, self._sample(lane, point), deletion=deletion)
        return self._on_axis("mix", self._timeline.master, point)

    def on_master(self, point: QPoint | None) -> Place:
        """The strip of the master."""
        self._selection.set_master()
        return Place("mix", point or QPoint(_INSET_PX, _INSET_PX))

    def on_view(self, view: QWidget, point: QPoint | None) -> Place:
        """A view, on the time axis or not."""
        if self._timeline.isAncestorOf(view):
            return self._on_axis("heatmap" if view.objectName() == "heatmap" else "view", view, point)
        return Place("view", point or QPoint(_INSET_PX, _INSET_PX))

    def _on_axis(self, context: Context, widget: QWidget, point: QPoint | None) -> Place:
        if point is None:
            return Place(context, self._at_playhead(widget))
        return Place(context, point, self._sample(widget, point))

    def _focused_on_lanes(self) -> Place:
        rows, lanes = self._timeline.rows, self._timeline.lanes
        for position, track in enumerate(self._document.session.tracks):
            for clip in track.clips:
                if clip.id in self._selection.clips:
                    seen = self._hits.rect(clip, position) & QRectF(lanes.rect())
                    if not seen.isEmpty():
                        inset = QPointF(min(_INSET_PX, seen.width() / 2), min(_INSET_PX, seen.height() / 2))
                        return Place("clip", (seen.topLeft() + inset).toPoint(), None, position)
        selected = self._selected_position()
        y = rows.top(selected or 0) + _INSET_PX
        return Place("lane", QPoint(self._at_playhead(lanes).x(), min(max(y, 0), lanes.height() - 1)), None, selected)

    def _at_playhead(self, widget: QWidget) -> QPoint:
        """The playhead on a widget along the time axis, or the border next to it."""
        x = self._timeline.axis.x_of(self._timeline.playhead)
        at = self._timeline.lanes.mapToGlobal(QPoint(round(min(max(x, 0), self._timeline.lanes.width() - 1)), 0))
        return QPoint(widget.mapFromGlobal(at).x(), min(_INSET_PX, widget.height() // 2))

    def _sample(self, widget: QWidget, point: QPoint) -> int | None:
        """The sample under a point; None beside the time axis, as over the scale of a view."""
        lanes = self._timeline.lanes
        x = lanes.mapFromGlobal(widget.mapToGlobal(point)).x()
        return self._timeline.axis.sample_at(x) if 0 <= x < lanes.width() else None

    def _track_at(self, point: QPoint) -> int:
        position = self._timeline.rows.position_at(point.y())
        return min(max(position, 0), len(self._document.session.tracks))

    def _select_track(self, position: int) -> None:
        tracks = self._document.session.tracks
        if position < len(tracks):
            self._selection.hold_track(tracks[position].id)

    def _selected_position(self) -> int | None:
        ids = [track.id for track in self._document.session.tracks]
        return ids.index(self._selection.track) if self._selection.track in ids else None
