"""Where a press on the lanes lands, and which gesture it starts. Main thread."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QPointF, QRectF, Qt

from lincae_studio.session.model import Clip, Track
from lincae_studio.session.ripple import Ripple
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.model.selection import Selection
from lincae_studio.ui.model.time_axis import TimeAxis
from lincae_studio.ui.model.track_rows import TrackRows
from lincae_studio.ui.timeline.clip_painter import clip_rect
from lincae_studio.ui.timeline.envelopes import Kind, ShownEnvelopes, drag_at
from lincae_studio.ui.timeline.gestures import (
    ClipGain,
    FadeClip,
    Gesture,
    MoveClips,
    SlipClip,
    TrimClip,
)
from lincae_studio.ui.timeline.hits import ClipZone, zone_at
from lincae_studio.ui.timeline.snapping import SnapSettings
from lincae_studio.ui.timeline.stretch_gesture import StretchClip


class LaneHits:
    """Maps positions on the lanes to clips, their parts, envelopes, and the gestures that a press starts."""

    def __init__(
        self,
        axis: TimeAxis,
        rows: TrackRows,
        document: Document,
        selection: Selection,
        envelopes: ShownEnvelopes,
        snaps: SnapSettings,
    ) -> None:
        self._axis = axis
        self._rows = rows
        self._document = document
        self._selection = selection
        self._envelopes = envelopes
        self._snaps = snaps
        #: The clip under the pointer, which shows its fade handles and, if it is selected, its gain line.
        self.hovered: int | None = None
        #: What follows clips that are moved or trimmed.
        self.ripple: Ripple = "off"

    def clip_at(self, point: QPointF) -> Clip | None:
        """The topmost clip under a point."""
        position = self._rows.position_at(point.y())
        tracks = self._document.session.tracks
        if not 0 <= position < len(tracks):
            return None
        hits = [clip for clip in tracks[position].clips if self.rect(clip, position).contains(point)]
        return hits[-1] if hits else None

    def clips_in(self, area: QRectF) -> list[Clip]:
        """The clips that intersect an area; those in folded groups are not shown."""
        session = self._document.session
        return [
            clip
            for position, track in enumerate(session.tracks)
            if track.id not in session.hidden
            for clip in track.clips
            if self.rect(clip, position).intersects(area)
        ]

    def rect(self, clip: Clip, position: int) -> QRectF:
        """The rectangle of a clip in the lane at a position."""
        return clip_rect(clip, self._axis, self._rows.top(position), self._rows.height(position))

    def has_gain_line(self, clip: Clip) -> bool:
        """Whether a clip shows its gain line under the pointer: where an envelope is shown, lines would be confused."""
        if clip.id not in self._selection.clips:
            return False
        return self._envelopes.of(self._document.session.track_of(clip.id).id) is None

    def zone_at(self, point: QPointF, clip: Clip, modifiers: Qt.KeyboardModifier) -> ClipZone:
        """The zone of a clip under a point; with a modifier key, the gain line is not grabbed."""
        rect = self.rect(clip, self._rows.position_at(point.y()))
        handles = clip.id in self._selection.clips or clip.id == self.hovered
        line = not modifiers and clip.id == self.hovered and self.has_gain_line(clip)
        return zone_at(clip, rect, point, self._axis, handles, line)

    def envelope_at(self, place: QPointF) -> tuple[Track, Kind, int, int] | None:
        """The track at a point, its visible envelope, and the top and height of its lane."""
        position = self._rows.position_at(place.y())
        tracks = self._document.session.tracks
        if not 0 <= position < len(tracks):
            return None
        kind = self._envelopes.of(tracks[position].id)
        if kind is None:
            return None
        return tracks[position], kind, self._rows.top(position), self._rows.height(position)

    def envelope_gesture(self, place: QPointF) -> Callable[[QPointF], Gesture] | None:
        """The gesture for the envelope point, or for a new point on the line, at a position."""
        found = self.envelope_at(place)
        if found is None:
            return None
        track, kind, top, height = found
        begin = drag_at(self._document.session, track.id, kind, place, top, height, self._axis)
        return None if begin is None else lambda _: begin()

    def clip_gesture(self, zone: ClipZone, clip: Clip, modifiers: Qt.KeyboardModifier) -> Callable[[QPointF], Gesture]:
        """Makes the gesture for a press on a zone of a selected clip, given the first movement of the mouse."""
        session, selected = self._document.session, self._selection.clips
        edge = zone in (ClipZone.START, ClipZone.END)
        if modifiers & Qt.KeyboardModifier.AltModifier and edge:
            left = zone is ClipZone.START
            return lambda _: StretchClip(session, clip.id, left, self._snaps.snapping(session, {clip.id}))
        if modifiers & Qt.KeyboardModifier.AltModifier:  # also with Ctrl, since many desktops use Alt+drag themselves
            return lambda _: SlipClip(session, clip.id)
        if edge:
            left = zone is ClipZone.START
            return lambda _: TrimClip(session, clip.id, left, self._snaps.snapping(session, {clip.id}), self.ripple)
        if zone in (ClipZone.FADE_IN, ClipZone.FADE_OUT):
            return lambda _: FadeClip(session, clip.id, zone is ClipZone.FADE_IN)
        step = self._snaps.step()

        def move_clips() -> Gesture:
            return MoveClips(session, selected, self._snaps.snapping(session, selected, True), step, self.ripple)

        if zone is ClipZone.GAIN:
            position = session.tracks.index(session.track_of(clip.id))
            height = self.rect(clip, position).height()
            # A drag that begins sideways moves the clip.
            return lambda moved: (
                ClipGain(session, clip.id, height, selected) if abs(moved.y()) > abs(moved.x()) else move_clips()
            )
        return lambda _: move_clips()
