"""The lanes: clips over time; selecting, moving and trimming clips with the mouse; dropping files."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, Qt, Signal
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
from lincae_studio.session.model import Clip, Media, Session, Track
from lincae_studio.ui import theme
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.model.selection import Selection
from lincae_studio.ui.model.time_axis import TimeAxis
from lincae_studio.ui.model.track_rows import ROW_PX, TrackRows
from lincae_studio.ui.model.wave_zoom import WaveZoom
from lincae_studio.ui.plain_text import shown
from lincae_studio.ui.timeline.canvas import PATTERN_PX, TimeCanvas
from lincae_studio.ui.timeline.clip_labels import fits, label_of, label_px
from lincae_studio.ui.timeline.clip_painter import (
    Row,
    paint_gain_line,
    paint_handles,
    paint_rows,
    splits_stereo,
    wave_span,
)
from lincae_studio.ui.timeline.counting import Counting
from lincae_studio.ui.timeline.drops import DropPreview, DropTarget, local_paths
from lincae_studio.ui.timeline.envelopes import (
    HIDDEN_SIGN_PX,
    ShownEnvelopes,
    deletion_at,
    envelope_marks,
    having_points,
    paint_envelope,
    paint_hidden_sign,
)
from lincae_studio.ui.timeline.folded_lane import folded_looks, paint_folded
from lincae_studio.ui.timeline.gestures import MoveClips
from lincae_studio.ui.timeline.hint import paint_hint
from lincae_studio.ui.timeline.lane_cursor import LaneCursor
from lincae_studio.ui.timeline.lane_hits import LaneHits
from lincae_studio.ui.timeline.lane_mouse import LaneMouse
from lincae_studio.ui.timeline.scales import SCALE_PX, paint_scale, wave_marks
from lincae_studio.ui.timeline.silence_preview import SilencePreview
from lincae_studio.ui.timeline.snapping import SnapSettings
from lincae_studio.ui.timeline.time_drag import paint_time


class Lanes(TimeCanvas):
    """Draws the visible clips and handles mouse gestures on them.

    Signals:
        files_dropped: the paths and the `DropTarget`.
        seek, clip_clicked: the same as in `LaneMouse`.
        clip_opened: the id of a clip that was double-clicked.
    """

    files_dropped = Signal(list, object)
    seek = Signal(object)
    clip_clicked = Signal(object)
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
        wave_zoom: WaveZoom,
        offline: Callable[[], frozenset[str]],
        stand_in: Callable[[Media], Media | None],
        parent: QWidget | None = None,
    ) -> None:
        """`offline`: returns the digests of media that cannot be played; `stand_in`: what is heard of one instead."""
        super().__init__(axis, parent)
        self._offline = offline
        self._stand_in = stand_in
        self._loading = False
        #: Digests of media that are being made, with how much of each is made, in per cent.
        self._making: dict[str, int] = {}
        self._snaps = snaps
        self._counting = counting
        counting.changed.connect(self.invalidate)
        self._wave_zoom = wave_zoom
        wave_zoom.changed.connect(self.invalidate)
        #: Whether the scales of the waveforms are shown.
        self.shows_scale = True
        self._rows = rows
        self._document = document
        self._selection = selection
        self._media = media
        self.hits = LaneHits(axis, rows, document, selection, envelopes, snaps)
        self._envelopes = envelopes
        self.mouse = LaneMouse(self, axis, rows, document, selection, self.hits, snaps)
        self._cursor = LaneCursor(self, self.hits, self.mouse)
        self.mouse.changed.connect(self._on_mouse_changed)
        self.mouse.seek.connect(self.seek)
        self.mouse.clip_clicked.connect(self.clip_clicked)
        self.drop = DropPreview(lambda: document.session.rate, self)
        self.drop.changed.connect(self.update)
        self.silence = SilencePreview(self)
        self.silence.changed.connect(self.update)
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
        selection.time.changed.connect(self.update)

    def set_loading(self, loading: bool) -> None:
        """Whether audio of the session is still being read: what is offline is then shown as loading."""
        if loading != self._loading:
            self._loading = loading
            self.invalidate()

    def set_making(self, percents: dict[str, int]) -> None:
        """Which derived media are being made, and how much of each is: clips that play them say so."""
        self._making = percents
        self.invalidate()

    @property
    def _session(self) -> Session:
        """What is drawn: the document, or what the drag would make of it."""
        return self.mouse.preview or self._document.session

    def paint_content(self, painter: QPainter, area: QRect) -> None:
        session = self._session
        media = {item.digest: item for item in session.media}
        offline, selected, zoom = self._offline(), self._selection.clips, self._wave_zoom.factor
        layers: dict[int, list[Row]] = {}
        visible = self._visible(area)
        for position in visible:
            track, top, height = session.tracks[position], self._rows.top(position), self._rows.height(position)
            if track.id in self._selection.tracks:
                painter.fillRect(QRect(0, top, self.width(), height), QColor(theme.colors().lane_selected))
            audible = session.audible(track)
            for number, layer in enumerate(self._layers(track)):
                look = audible, selected, media, offline, self._loading, layer, zoom, self._making, self._media.failures
                row = Row(track, top, height, *look, self._stand_in)
                layers.setdefault(number, []).append(row)
        if visible:
            bottom = self._rows.top(visible[-1]) + self._rows.height(visible[-1])
            self._paint_grid(painter, area, self._rows.top(visible[0]), bottom)
        for _, rows in sorted(layers.items()):
            paint_rows(painter, area, rows, self._media, self.axis, self.paint_ratio)
        for position in visible:
            track, top, height = session.tracks[position], self._rows.top(position), self._rows.height(position)
            if track.folded:
                paint_folded(painter, area, session, track, top, height, self.axis)
            kind = self._envelopes.of(track.id)
            if kind is not None:
                paint_envelope(painter, track, kind, top, height, self.axis)
            painter.setPen(QColor(theme.colors().line))
            painter.drawLine(0, top + height - 1, self.width(), top + height - 1)

    def _layers(self, track: Track) -> list[tuple[Clip, ...]]:
        """The clips of a track from the bottom up: those that are being moved are above the others."""
        if not isinstance(self.mouse.gesture, MoveClips):
            return [track.clips]
        lifts = self.mouse.gesture.lifts
        lifted = tuple(clip for clip in track.clips if lifts(clip.id))
        return [tuple(clip for clip in track.clips if not lifts(clip.id)), lifted] if lifted else [track.clips]

    def _paint_grid(self, painter: QPainter, area: QRect, top: int, bottom: int) -> None:
        """Paint a line below the clips at every label of the ruler."""
        ticks = self._counting.ticks(self.axis.samples_per_px)
        begin, end = self.axis.start_and_end(area.left() - 1, area.right() + 2)
        first = math.floor((begin - ticks.origin) / ticks.step)
        for number in range(first, math.ceil((end - ticks.origin) / ticks.step) + 1):
            x = self.axis.pixel_of(ticks.origin + number * ticks.step)
            painter.fillRect(QRect(x, top, 1, bottom - top), QColor(theme.colors().grid))

    def pattern_origin(self) -> QPoint:
        return super().pattern_origin() - QPoint(0, round(self._rows.offset_px * self.paint_ratio) % PATTERN_PX)

    def scrolled(self, before: float) -> None:
        """Repaint clip names, which stay in view, and envelopes, whose segments start at the left border."""
        session, media = self._session, {item.digest: item for item in self._session.media}
        begin, latest = self.axis.start, max(before, self.axis.start)
        moved_px = max(0.0, (before - begin) / self.axis.samples_per_px)
        for position in self._visible(self.rect()):
            track, top = session.tracks[position], self._rows.top(position)
            if self._envelopes.of(track.id) is not None:
                self._invalidate_row(position)
                continue
            for clip in track.clips:
                if clip.start >= latest:
                    break
                if clip.end > begin:  # its name was or is away from its start; whole rows are painted as one area
                    name_px = moved_px + label_px(self._label(clip, media), self.font())
                    right = round(min(self.axis.x_of(clip.end), name_px, self.width() - 2)) + 2
                    self.invalidate(QRect(0, top, right, self._rows.height(position)))

    def _label(self, clip: Clip, media: Mapping[str, Media]) -> str:
        return label_of(clip, media, self._offline(), self._loading, self._making, self._media.failures)

    def _visible(self, area: QRect) -> Sequence[int]:
        """Positions of the tracks whose lanes touch an area."""
        count = len(self._session.tracks)
        return [position for position in self._rows.shown_between(area.top(), area.bottom()) if position < count]

    def _follow(self) -> None:
        """Repaint the lanes whose content has changed."""
        session = self._session
        before, self._painted = self._painted, {}
        for position in self._visible(self.rect()):
            track, selected = session.tracks[position], self._selection.clips
            looks = (
                track.clips,
                track.color,
                session.audible(track),
                track.id in self._selection.tracks,
                self._envelopes.of(track.id),
                (track.gain_points, track.pan_points),
                frozenset(clip.id for clip in track.clips if clip.id in selected) if selected else selected,
                len(self._layers(track)),
                folded_looks(session, track) if track.folded else (),
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
        if self.mouse.marquee is not None:
            painter.setPen(QPen(QColor(theme.colors().accent), 1))
            fill = QColor(theme.colors().accent)
            fill.setAlpha(40)
            painter.setBrush(fill)
            painter.drawRect(self.mouse.marquee)
        if self.silence.spans and not self.mouse.held:
            self.silence.paint(painter, self._placed(), self.axis, self.width())
        time = self._selection.time.value
        if time is not None:
            paint_time(painter, time, self.axis, self._time_rows(painter.clipBoundingRect().toAlignedRect()))
        self.drop.paint(painter, self.axis, self._rows, len(self._document.session.tracks))
        self._paint_gain_line(painter)
        self._paint_signs(painter)
        drag = self.mouse.gesture or self.mouse.time
        if drag is not None and self.mouse.pointer is not None:
            paint_hint(painter, self, drag.hint, self.mouse.pointer)

    def _placed(self) -> Iterator[tuple[Clip, QRectF]]:
        """The clips of the visible lanes, with their rectangles."""
        for position in self._visible(self.rect()):
            for clip in self._session.tracks[position].clips:
                yield clip, self.hits.rect(clip, position)

    def _time_rows(self, area: QRect) -> list[QRect]:
        """The rows in an area on which time is selected."""
        return [
            QRect(area.left(), self._rows.top(position), area.width(), self._rows.height(position) - 1)
            for position in self._visible(area)
            if self._selection.time.covers(position)
        ]

    def _paint_signs(self, painter: QPainter) -> None:
        """Paint what stays in place while the lanes scroll: scales, and the signs of hidden envelopes."""
        right = self.width()
        clip = painter.clipBoundingRect()
        if clip.left() >= HIDDEN_SIGN_PX and clip.right() < right - SCALE_PX:
            return  # as for most moves of the playhead
        for position in self._visible(clip.toAlignedRect()):
            track, top, height = self._session.tracks[position], self._rows.top(position), self._rows.height(position)
            kind = self._envelopes.of(track.id)
            if clip.left() < HIDDEN_SIGN_PX:
                paint_hidden_sign(painter, having_points(track), kind, top, height)
            if clip.right() < right - SCALE_PX:
                continue
            if kind is not None:
                paint_scale(painter, right, top + 1, height - 2, envelope_marks(kind, top, height))
            elif self.shows_scale and track.clips and height >= ROW_PX:
                start, span = wave_span(top, height)
                stereo = splits_stereo(height) and self._ends_stereo(track)
                paint_scale(painter, right, start, span, wave_marks(start, span, self._wave_zoom.factor, stereo))

    def _ends_stereo(self, track: Track) -> bool:
        """Whether the clip nearest to the right border is stereo."""
        end = self.axis.sample_at(self.width())
        nearest = next((clip for clip in reversed(track.clips) if clip.start < end), track.clips[0])
        return self._session.media_of(nearest.media).channels == 2

    def set_shows_scale(self, on: bool) -> None:
        """Show or hide the scales of the waveforms."""
        self.shows_scale = on
        self.update()

    def _paint_gain_line(self, painter: QPainter) -> None:
        """Paint the gain line and the fade handles of the clip under the pointer."""
        line, hovered = self.mouse.gain_clip, self.hits.hovered if not self.mouse.held else None
        for position in self._visible(self.rect()) if (line, hovered) != (None, None) else ():
            for clip in self._session.tracks[position].clips:
                if clip.id == line:
                    labelled = self.mouse.gesture is not None or self.mouse.on_gain_line
                    paint_gain_line(painter, self.hits.rect(clip, position), clip, self.width(), labelled)
                if clip.id == hovered and clip.id not in self._selection.clips:
                    painter.save()
                    paint_handles(painter, self.hits.rect(clip, position), clip, self.axis)
                    painter.restore()

    def _on_mouse_changed(self) -> None:
        self._follow()
        self.update()

    def tip_at(self, place: QPoint) -> str:
        """The name of the clip at a place if it does not fit; else empty."""
        clip = self.hits.clip_at(QPointF(place))
        if clip is None:
            return ""
        session, position = self._document.session, self._rows.position_at(place.y())
        rect = self.hits.rect(clip, position)
        later = (self.axis.x_of(other.start) for other in session.tracks[position].clips if other.start > clip.start)
        right = min(rect.right(), next(later, rect.right()), self.width())
        media = {item.digest: item for item in session.media}
        label = self._label(clip, media)
        return "" if fits(label, max(rect.left(), 0.0), right, self.font()) else shown(label)

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
            self.mouse.press(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self.mouse.held:
            self.mouse.move(event.position(), event.modifiers())
            return
        self.mouse.hover(event.position())
        self._cursor.follow(event.position(), event.modifiers())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.mouse.release(event.position(), event.modifiers())
            self.mouse.hover(event.position())

    def leaveEvent(self, event: QEvent) -> None:
        self.mouse.hover(None)
        super().leaveEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            return
        clip, envelope = self.hits.clip_at(event.position()), self.hits.envelope_at(event.position())
        self.mouse.cancel()
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
            self._selection.time.clear()
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
