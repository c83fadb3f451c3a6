"""The lanes: clips over time; selecting, moving and trimming clips with the mouse; dropping files."""

from __future__ import annotations

import math
from collections.abc import Callable

from PySide6.QtCore import QPoint, QPointF, QRect, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPen,
)
from PySide6.QtWidgets import QWidget

from lincae_studio.media.store import MediaStore
from lincae_studio.session import arrange
from lincae_studio.session.model import Session
from lincae_studio.ui import theme
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.model.selection import Selection
from lincae_studio.ui.model.time_axis import TimeAxis
from lincae_studio.ui.model.track_rows import ROW_PX, TrackRows
from lincae_studio.ui.timeline.canvas import PATTERN_PX, TimeCanvas
from lincae_studio.ui.timeline.clip_painter import MARGIN_PX, Row, paint_row
from lincae_studio.ui.timeline.counting import Counting
from lincae_studio.ui.timeline.drops import DropPreview, DropTarget, local_paths
from lincae_studio.ui.timeline.envelopes import (
    ShownEnvelopes,
    deletion_at,
    paint_envelope,
)
from lincae_studio.ui.timeline.gesture_keys import GestureKeys
from lincae_studio.ui.timeline.gestures import (
    DRAG_PX,
    Drag,
    Gesture,
)
from lincae_studio.ui.timeline.hint import paint_hint
from lincae_studio.ui.timeline.hits import NAME_PX, ClipZone
from lincae_studio.ui.timeline.lane_hits import LaneHits
from lincae_studio.ui.timeline.snapping import SnapSettings

_MARQUEE_PX = 5

#: A drag this close to a side scrolls, by this share of the width, at this interval.
_SCROLL_PX = 20
_SCROLL_SHARE = 0.02
_SCROLL_MS = 30

_CURSORS = {
    ClipZone.START: Qt.CursorShape.SizeHorCursor,
    ClipZone.END: Qt.CursorShape.SizeHorCursor,
    ClipZone.FADE_IN: Qt.CursorShape.PointingHandCursor,
    ClipZone.FADE_OUT: Qt.CursorShape.PointingHandCursor,
    ClipZone.GAIN: Qt.CursorShape.SizeVerCursor,
}


class Lanes(TimeCanvas):
    """Draws the visible clips and handles mouse gestures on them.

    Signals:
        files_dropped: the paths and the `DropTarget`.
        seek: the sample of a click on an empty spot.
        clip_opened: the id of a clip that was double-clicked.
    """

    files_dropped = Signal(list, object)
    seek = Signal(object)
    clip_opened = Signal(int)

    def __init__(
        self,
        axis: TimeAxis,
        rows: TrackRows,
        document: Document,
        selection: Selection,
        media: MediaStore,
        envelopes: ShownEnvelopes,
        snaps: SnapSettings,
        counting: Counting,
        offline: Callable[[], frozenset[str]],
        parent: QWidget | None = None,
    ) -> None:
        """`offline`: returns the digests of media that cannot be played."""
        super().__init__(axis, parent)
        self._offline = offline
        self._snaps = snaps
        self._counting = counting
        counting.changed.connect(self.invalidate)
        #: Position and modifiers of the last mouse move of a drag.
        self._pointer: tuple[QPointF, Qt.KeyboardModifier] | None = None
        self._scrolling = QTimer(self)
        self._scrolling.setInterval(_SCROLL_MS)
        self._scrolling.timeout.connect(self._on_scroll_due)
        self._rows = rows
        self._document = document
        self._selection = selection
        self._media = media
        self._hits = LaneHits(axis, rows, document, selection, envelopes, snaps)
        self._envelopes = envelopes
        self._press: QPointF | None = None
        #: Sample and track position of the press: the view may scroll or zoom during a drag.
        self._press_sample = 0.0
        self._press_position = 0
        self._press_clip: int | None = None
        self._click_deselects = False
        self._start_gesture: Callable[[], Gesture] | None = None
        self._gesture: Gesture | None = None
        self._preview: Session | None = None
        self._marquee: QRectF | None = None
        self._keys = GestureKeys(self, self.cancel_gesture, self._on_modifiers)
        self.drop = DropPreview(self)
        self.drop.changed.connect(self.update)
        self.setAcceptDrops(True)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumHeight(ROW_PX)
        self.setAccessibleName("Timeline")
        #: What each visible lane was last painted from, by track position.
        self._painted: dict[int, tuple[object, ...]] = {}
        self._painted_rows = rows.offset_px, rows.tops
        for signal in (document.changed, selection.changed, envelopes.changed):
            signal.connect(self._follow)
        rows.changed.connect(self._on_rows_changed)

    def cancel_gesture(self) -> None:
        """Cancel a press, a drag or a rubber band, if there is one."""
        active = self._gesture is not None or self._marquee is not None
        self._scrolling.stop()
        self._pointer = None
        self._press = self._gesture = self._preview = self._marquee = None
        self.axis.held = False
        self._start_gesture = None
        if active:
            self._follow()
            self.update()

    def paint_content(self, painter: QPainter, area: QRect) -> None:
        session = self._preview or self._document.session
        media = {item.digest: item for item in session.media}
        for position in self._visible(area):
            track, top, height = session.tracks[position], self._rows.top(position), self._rows.height(position)
            if track.id == self._selection.track:
                painter.fillRect(QRect(0, top, self.width(), height), QColor(theme.colors().lane_selected))
            self._paint_grid(painter, area, top, height)
            row = Row(track, top, height, session.audible(track), self._selection.clips, media, self._offline())
            paint_row(painter, area, row, self._media, self.axis, self.paint_ratio)
            kind = self._envelopes.of(track.id)
            if kind is not None:
                paint_envelope(painter, track, kind, top, height, self.axis)
            painter.setPen(QColor(theme.colors().line))
            painter.drawLine(0, top + height - 1, self.width(), top + height - 1)

    def _paint_grid(self, painter: QPainter, area: QRect, top: int, height: int) -> None:
        """Paint a line below the clips at every label of the ruler."""
        ticks = self._counting.ticks(self.axis.samples_per_px)
        begin, end = self.axis.start_and_end(area.left() - 1, area.right() + 2)
        first = math.floor((begin - ticks.origin) / ticks.step)
        for number in range(first, math.ceil((end - ticks.origin) / ticks.step) + 1):
            x = self.axis.pixel_of(ticks.origin + number * ticks.step)
            painter.fillRect(QRect(x, top, 1, height - 1), QColor(theme.colors().grid))

    def pattern_origin(self) -> QPoint:
        return super().pattern_origin() - QPoint(0, self._rows.offset_px % PATTERN_PX)

    def scrolled(self, before: float) -> None:
        """Repaint clip names, which stay in view, and envelopes, whose segments start at the left border."""
        session = self._preview or self._document.session
        for position in self._visible(self.rect()):
            track, top = session.tracks[position], self._rows.top(position)
            if self._envelopes.of(track.id) is not None:
                self._invalidate_row(position)
                continue
            # Names that were or are away from the start of their clip.
            begin, latest = self.axis.start, max(before, self.axis.start)
            ends = [self.axis.x_of(clip.end) for clip in track.clips if clip.start < latest and clip.end > begin]
            for clip in track.clips:
                # A curve clipped at another position may cover different pixels.
                if (
                    (clip.fade_in or clip.fade_out)
                    and clip.start < begin + self.axis.visible_samples
                    and clip.end > begin
                ):
                    faded = self._hits.rect(clip, position).toAlignedRect().adjusted(-1, 0, 1, 0)
                    if self.outdated(faded):
                        self.invalidate(faded)
            if ends:
                right = min(round(max(ends)) + 2, self.width())
                self.invalidate(QRect(0, top, right, MARGIN_PX + NAME_PX))

    def _visible(self, area: QRect) -> range:
        """Positions of the tracks whose lanes touch an area."""
        count = len((self._preview or self._document.session).tracks)
        first = max(0, self._rows.position_at(area.top()))
        return range(first, min(count, self._rows.position_at(area.bottom()) + 1))

    def _follow(self) -> None:
        """Repaint the lanes whose content has changed."""
        session = self._preview or self._document.session
        before, self._painted = self._painted, {}
        for position in self._visible(self.rect()):
            track, selected = session.tracks[position], self._selection.clips
            looks = (
                track.clips,
                track.color,
                session.audible(track),
                track.id == self._selection.track,
                self._envelopes.of(track.id),
                (track.gain_points, track.pan_points),
                frozenset(clip.id for clip in track.clips if clip.id in selected) if selected else selected,
            )
            self._painted[position] = looks
            if before.get(position) != looks:
                self._invalidate_row(position)
        for position in before.keys() - self._painted.keys():
            self._invalidate_row(position)

    def _invalidate_row(self, position: int) -> None:
        self.invalidate(QRect(0, self._rows.top(position), self.width(), self._rows.height(position)))

    def _on_rows_changed(self) -> None:
        (offset, tops), self._painted_rows = self._painted_rows, (self._rows.offset_px, self._rows.tops)
        if tops is not self._rows.tops or not self.shift_content(0.0, offset - self._rows.offset_px):
            self.invalidate()
        self._follow()

    def paint_overlay(self, painter: QPainter) -> None:
        if self._marquee is not None:
            painter.setPen(QPen(QColor(theme.colors().accent), 1))
            fill = QColor(theme.colors().accent)
            fill.setAlpha(40)
            painter.setBrush(fill)
            painter.drawRect(self._marquee)
        self.drop.paint(painter, self.axis, self._rows, len(self._document.session.tracks))
        if self._gesture is not None and self._pointer is not None:
            paint_hint(painter, self, self._gesture.hint, self._pointer[0])

    # Press, drag, release

    def _begin(self, event: QMouseEvent) -> None:
        self._press = event.position()
        self._press_sample = self.axis.start + event.position().x() * self.axis.samples_per_px
        self._press_position = self._rows.position_at(event.position().y())
        clip = self._hits.clip_at(event.position())
        self._press_clip = clip.id if clip else None
        position = self._rows.position_at(event.position().y())
        tracks = self._document.session.tracks
        if 0 <= position < len(tracks):
            self._selection.set_track(tracks[position].id)
        self._start_gesture = self._hits.envelope_gesture(event.position())
        if self._start_gesture is not None:
            self._press_clip = None
            return
        if clip is None:
            return
        toggles = event.modifiers() & (Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
        # A selected clip is deselected on release only, since the press may start a drag.
        self._click_deselects = bool(toggles) and clip.id in self._selection.clips
        zone = self._hits.zone_at(event.position(), clip)  # before selecting: invisible handles cannot be grabbed
        session = self._document.session
        together = arrange.with_groups(session, {clip.id})
        if toggles and not self._click_deselects:
            self._selection.set_clips(self._selection.clips | together)
        elif clip.id not in self._selection.clips:
            self._selection.set_clips(together)
        self._start_gesture = self._hits.clip_gesture(zone, clip, event.modifiers())

    def _drag(self, point: QPointF, modifiers: Qt.KeyboardModifier) -> None:
        assert self._press is not None
        moved = point - self._press
        if self._start_gesture is not None:
            if self._gesture is None and moved.manhattanLength() >= DRAG_PX:
                self._gesture = self._start_gesture()
                self.axis.held = True
            if self._gesture is not None:
                self._pointer = point, modifiers
                inverted = bool(modifiers & Qt.KeyboardModifier.ShiftModifier)
                sample = self.axis.start + point.x() * self.axis.samples_per_px
                self._preview = self._gesture.move(
                    Drag(
                        samples=round(sample - self._press_sample),
                        tracks=self._rows.position_at(point.y()) - self._press_position,
                        down_px=moved.y(),
                        snap_samples=self._snaps.within(self.axis.samples_per_px, inverted),
                        copy=bool(modifiers & Qt.KeyboardModifier.ControlModifier),
                    )
                )
                self._follow()
                self.update()
                if self._scroll_direction(point):
                    self._scrolling.start()
        elif self._press_clip is None and (self._marquee is not None or moved.manhattanLength() >= _MARQUEE_PX):
            self._marquee = QRectF(self._press, point).normalized()
            self.update()

    def _on_modifiers(self, modifiers: Qt.KeyboardModifier) -> None:
        """Follow modifier keys without waiting for the mouse to move."""
        if self._pointer is not None:
            self._drag(self._pointer[0], modifiers)

    def _end(self, event: QMouseEvent) -> None:
        gesture, marquee, start_gesture = self._gesture, self._marquee, self._start_gesture
        clicked_clip = self._press_clip
        self.cancel_gesture()
        if gesture is not None:
            outcome = gesture.finish()
            if outcome is not None:
                self._document.apply(*outcome)
        elif marquee is not None:
            touched = {clip.id for clip in self._hits.clips_in(marquee)}
            self._selection.set_clips(arrange.with_groups(self._document.session, touched))
        elif start_gesture is not None and clicked_clip is None:
            # A click on an envelope line adds a point.
            started = start_gesture()
            started.move(Drag(0, 0, 0.0, 0.0))
            outcome = started.finish()
            if outcome is not None:
                self._document.apply(*outcome)
        elif clicked_clip is None:
            self._selection.set_clips(())
            self.seek.emit(self.axis.sample_at(event.position().x()))
        elif self._click_deselects:
            self._selection.set_clips(self._selection.clips - self._together(clicked_clip))
        elif not event.modifiers():
            self._selection.set_clips(self._together(clicked_clip))

    def _together(self, clip_id: int) -> frozenset[int]:
        """A clip and its group, without clips that have been removed meanwhile."""
        return arrange.with_groups(self._document.session, {clip_id})

    def _scroll_direction(self, point: QPointF) -> int:
        """-1 or 1 near the left or right border, else 0."""
        return int(point.x() > self.width() - _SCROLL_PX) - int(point.x() < _SCROLL_PX)

    def _on_scroll_due(self) -> None:
        """Keep scrolling while a drag is held at a border."""
        direction = self._scroll_direction(self._pointer[0]) if self._pointer is not None else 0
        if self._pointer is None or not direction:
            self._scrolling.stop()
            return
        self.axis.scroll_to(self.axis.start + direction * _SCROLL_SHARE * self.axis.visible_samples)
        self._drag(*self._pointer)

    def _drop_target(self, point: QPointF, modifiers: Qt.KeyboardModifier) -> DropTarget:
        """Where files would go: at 0 in an empty session, else at the pointer, snapped; with Ctrl in sequence."""
        session = self._document.session
        position = self._rows.position_at(point.y())
        start = 0
        if session.length:
            start = self.axis.sample_at(point.x())
            inverted = bool(modifiers & Qt.KeyboardModifier.ShiftModifier)
            near = self._snaps.within(self.axis.samples_per_px, inverted)
            start += self._snaps.snapping(session).correction([start], near)
        track = position if 0 <= position < len(session.tracks) else -1
        return DropTarget(start, track, bool(modifiers & Qt.KeyboardModifier.ControlModifier))

    # Qt overrides

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.setFocus(Qt.FocusReason.MouseFocusReason)
            self._begin(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._press is not None and event.buttons() & Qt.MouseButton.LeftButton:
            self._drag(event.position(), event.modifiers())
            return
        clip = self._hits.clip_at(event.position())
        zone = self._hits.zone_at(event.position(), clip) if clip is not None else ClipZone.BODY
        self.setCursor(_CURSORS.get(zone, Qt.CursorShape.ArrowCursor))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self._press is not None:
            self._end(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            return
        clip, envelope = self._hits.clip_at(event.position()), self._hits.envelope_at(event.position())
        self.cancel_gesture()
        if envelope is not None:
            track, kind, top, height = envelope
            session = self._document.session
            deletion = deletion_at(session, track.id, kind, event.position(), top, height, self.axis)
            if deletion is not None:
                self._document.apply(*deletion)
                return
        if clip is not None:
            self.clip_opened.emit(clip.id)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self._selection.set_clips(())
            return
        super().keyPressEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasUrls():
            self.drop.enter(event.mimeData())
        self._on_drag(event)

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        self._on_drag(event)

    def _on_drag(self, event: QDragMoveEvent) -> None:
        if event.mimeData().hasUrls():
            self.drop.move(self._drop_target(event.position(), event.modifiers()))
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self.drop.leave()

    def dropEvent(self, event: QDropEvent) -> None:
        target, paths = self._drop_target(event.position(), event.modifiers()), local_paths(event.mimeData())
        self.drop.end()
        event.setDropAction(Qt.DropAction.CopyAction)
        event.accept()
        self.files_dropped.emit(paths, target)
