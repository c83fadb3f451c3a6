"""The lanes: clips over time; selecting, moving and trimming them by mouse; dropping files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, Qt, QUrl, Signal
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
from lincae_studio.session.model import Clip, Session
from lincae_studio.ui import theme
from lincae_studio.ui.document import Document
from lincae_studio.ui.selection import Selection
from lincae_studio.ui.timeline.axis import TimeAxis
from lincae_studio.ui.timeline.canvas import TimeCanvas
from lincae_studio.ui.timeline.clip_painter import clip_rect, paint_clip
from lincae_studio.ui.timeline.gestures import DRAG_PX, SNAP_PX, Gesture, MoveClips, TrimClip
from lincae_studio.ui.timeline.rows import ROW_PX, Rows

#: Pixels on both sides of an edge that trim; clips narrower than `_TRIMMABLE_PX` are only moved.
_EDGE_PX = 5
_TRIMMABLE_PX = 24

_MARQUEE_PX = 5


class Lanes(TimeCanvas):
    """Draws only what is visible.

    Signals:
        files_dropped: paths, start sample, and the position of the track under the pointer (-1: below all tracks).
        seek: the sample of a click on an empty place.
    """

    files_dropped = Signal(list, int, int)
    seek = Signal(int)

    def __init__(
        self,
        axis: TimeAxis,
        rows: Rows,
        document: Document,
        selection: Selection,
        media: MediaStore,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(axis, parent)
        self._rows = rows
        self._document = document
        self._selection = selection
        self._media = media
        self._press: QPointF | None = None
        #: Where the press was on the timeline: the view may scroll or zoom under a drag.
        self._press_sample = 0.0
        self._press_position = 0
        self._press_clip: int | None = None
        self._click_deselects = False
        self._start_gesture: Callable[[], Gesture] | None = None
        self._gesture: Gesture | None = None
        self._preview: Session | None = None
        self._marquee: QRectF | None = None
        self._drop_at: tuple[int, int] | None = None
        self.setAcceptDrops(True)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumHeight(ROW_PX)
        self.setAccessibleName("Timeline")
        for signal in (document.changed, selection.changed, rows.changed):
            signal.connect(self.invalidate)

    def clip_at(self, point: QPointF) -> Clip | None:
        """The topmost clip under a point."""
        position = self._rows.position_at(point.y())
        tracks = self._document.session.tracks
        if not 0 <= position < len(tracks):
            return None
        top = self._rows.top(position)
        hits = [clip for clip in tracks[position].clips if clip_rect(clip, self.axis, top).contains(point)]
        return hits[-1] if hits else None

    @property
    def dragging(self) -> bool:
        """Whether a drag of clips is in progress."""
        return self._gesture is not None

    def cancel_gesture(self) -> bool:
        """Give up a drag or rubber band; False when there was none."""
        active = self._gesture is not None or self._marquee is not None
        self._press = self._gesture = self._preview = self._marquee = None
        self._start_gesture = None
        if active:
            self.invalidate()
        return active

    def paint_content(self, painter: QPainter) -> None:
        session = self._preview or self._document.session
        shown_from, shown_to = self.axis.start, self.axis.start + self.axis.shown
        for position, track in enumerate(session.tracks):
            top = self._rows.top(position)
            if top + ROW_PX < 0 or top > self.height():
                continue
            if track.id == self._selection.track:
                painter.fillRect(QRect(0, top, self.width(), ROW_PX), QColor(theme.LANE_SELECTED))
            audible = session.audible(track)
            for clip in track.clips:
                if clip.end < shown_from or clip.start > shown_to:
                    continue
                paint_clip(
                    painter,
                    clip_rect(clip, self.axis, top),
                    clip,
                    track,
                    session.media_of(clip.media),
                    self._media.get(clip.media),
                    self.axis,
                    self.devicePixelRatioF(),
                    audible=audible,
                    selected=clip.id in self._selection.clips,
                )
            painter.setPen(QColor(theme.LINE))
            painter.drawLine(0, top + ROW_PX - 1, self.width(), top + ROW_PX - 1)

    def paint_overlay(self, painter: QPainter) -> None:
        if self._marquee is not None:
            painter.setPen(QPen(QColor(theme.ACCENT), 1))
            fill = QColor(theme.ACCENT)
            fill.setAlpha(40)
            painter.setBrush(fill)
            painter.drawRect(self._marquee)
        if self._drop_at is not None:
            self._paint_drop_guide(painter, *self._drop_at)

    def _paint_drop_guide(self, painter: QPainter, start: int, position: int) -> None:
        x = round(self.axis.x_of(start))
        painter.setPen(QPen(QColor(theme.ACCENT), 2))
        painter.drawLine(x, 0, x, self.height())
        count = len(self._document.session.tracks)
        y = self._rows.top(position if position >= 0 else count)
        painter.setPen(QPen(QColor(theme.ACCENT), 2, Qt.PenStyle.DashLine))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(QRect(x, y + 2, self.width() - x + 4, ROW_PX - 4))

    # Pressing, dragging, letting go

    def _begin(self, event: QMouseEvent) -> None:
        self._press = event.position()
        self._press_sample = self.axis.start + event.position().x() * self.axis.samples_per_px
        self._press_position = self._rows.position_at(event.position().y())
        clip = self.clip_at(event.position())
        self._press_clip = clip.id if clip else None
        position = self._rows.position_at(event.position().y())
        tracks = self._document.session.tracks
        if 0 <= position < len(tracks):
            self._selection.set_track(tracks[position].id)
        if clip is None:
            return
        toggles = event.modifiers() & (Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
        # A selected clip leaves the selection when the button is let go: until then this may become a drag of it.
        self._click_deselects = bool(toggles) and clip.id in self._selection.clips
        if toggles and not self._click_deselects:
            self._selection.toggle_clip(clip.id)
        elif clip.id not in self._selection.clips:
            self._selection.set_clips([clip.id])
        session, playhead = self._document.session, self._playhead
        edge = self._edge_at(event.position(), clip)
        if edge is not None:
            left = edge
            self._start_gesture = lambda: TrimClip(session, clip.id, left, playhead)
        elif clip.id in self._selection.clips:
            selected = self._selection.clips
            self._start_gesture = lambda: MoveClips(session, selected, playhead)

    def _drag(self, event: QMouseEvent) -> None:
        assert self._press is not None
        moved = event.position() - self._press
        if self._start_gesture is not None:
            if self._gesture is None and moved.manhattanLength() >= DRAG_PX:
                self._gesture = self._start_gesture()
            if self._gesture is not None:
                snap_px = 0 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else SNAP_PX
                by_tracks = self._rows.position_at(event.position().y()) - self._press_position
                sample = self.axis.start + event.position().x() * self.axis.samples_per_px
                self._preview = self._gesture.move(
                    round(sample - self._press_sample), by_tracks, snap_px * self.axis.samples_per_px
                )
                self.invalidate()
        elif self._press_clip is None and (self._marquee is not None or moved.manhattanLength() >= _MARQUEE_PX):
            self._marquee = QRectF(self._press, event.position()).normalized()
            self.update()

    def _end(self, event: QMouseEvent) -> None:
        gesture, marquee = self._gesture, self._marquee
        clicked_clip = self._press_clip
        self.cancel_gesture()
        if gesture is not None:
            outcome = gesture.finish()
            if outcome is not None:
                self._document.apply(*outcome)
        elif marquee is not None:
            self._selection.set_clips(clip.id for clip in self._clips_in(marquee))
        elif clicked_clip is None:
            self._selection.set_clips(())
            self.seek.emit(self.axis.sample_at(event.position().x()))
        elif self._click_deselects:
            self._selection.toggle_clip(clicked_clip)
        elif not event.modifiers():
            self._selection.set_clips([clicked_clip])

    def _clips_in(self, area: QRectF) -> list[Clip]:
        return [
            clip
            for position, track in enumerate(self._document.session.tracks)
            for clip in track.clips
            if clip_rect(clip, self.axis, self._rows.top(position)).intersects(area)
        ]

    def _edge_at(self, point: QPointF, clip: Clip) -> bool | None:
        """True for the left edge, False for the right one, None for the body (which wins on narrow clips)."""
        left, right = self.axis.x_of(clip.start), self.axis.x_of(clip.end)
        if right - left < _TRIMMABLE_PX:
            return None
        if point.x() - left <= _EDGE_PX:
            return True
        return False if right - point.x() <= _EDGE_PX else None

    def _drop_target(self, point: QPointF) -> tuple[int, int]:
        """(start, track position): an empty session starts at 0, else where the pointer is, snapped to clip edges."""
        session = self._document.session
        position = self._rows.position_at(point.y())
        if not session.length:
            start = 0
        else:
            start = self.axis.sample_at(point.x())
            edges = [0, *(edge for clip in session.clips() for edge in (clip.start, clip.end))]
            nearest = min(edges, key=lambda edge: abs(edge - start))
            if abs(nearest - start) <= SNAP_PX * self.axis.samples_per_px:
                start = nearest
        return start, position if 0 <= position < len(session.tracks) else -1

    # Qt overrides

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.setFocus(Qt.FocusReason.MouseFocusReason)
            self._begin(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._press is not None and event.buttons() & Qt.MouseButton.LeftButton:
            self._drag(event)
            return
        clip = self.clip_at(event.position())
        on_edge = clip is not None and self._edge_at(event.position(), clip) is not None
        self.setCursor(Qt.CursorShape.SizeHorCursor if on_edge else Qt.CursorShape.ArrowCursor)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self._press is not None:
            self._end(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            if not self.cancel_gesture():
                self._selection.set_clips(())
            return
        super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        # While the button is down no shortcut may fire: the document must not change under the gesture.
        if event.type() == QEvent.Type.ShortcutOverride and self._press is not None:
            event.accept()
            return True
        return super().event(event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        self._on_drag(event)

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        self._on_drag(event)

    def _on_drag(self, event: QDragMoveEvent) -> None:
        if event.mimeData().hasUrls():
            self._drop_at = self._drop_target(event.position())
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()
            self.update()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._drop_at = None
        self.update()

    def dropEvent(self, event: QDropEvent) -> None:
        self._drop_at = None
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if QUrl.isLocalFile(url)]
        start, position = self._drop_target(event.position())
        event.setDropAction(Qt.DropAction.CopyAction)
        event.accept()
        self.update()
        self.files_dropped.emit(paths, start, position)
