"""The mouse on the lanes: selecting clips and time, gestures, the rubber band, and scrolling at a border.

Main thread. It draws nothing; the lanes show what it holds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QObject, QPointF, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QWidget

from lincae_studio.session import arrange
from lincae_studio.session.model import Session
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.model.selection import Selection
from lincae_studio.ui.model.time_axis import TimeAxis
from lincae_studio.ui.model.track_rows import TrackRows
from lincae_studio.ui.timeline.autoscroll import STEP_MS, STEP_PX, STEP_SHARE, direction
from lincae_studio.ui.timeline.gesture_keys import GestureKeys
from lincae_studio.ui.timeline.gestures import DRAG_PX, ClipGain, Drag, Gesture, MoveClips
from lincae_studio.ui.timeline.hits import ClipZone
from lincae_studio.ui.timeline.lane_hits import LaneHits
from lincae_studio.ui.timeline.snapping import SnapSettings
from lincae_studio.ui.timeline.time_drag import TimeDrag, end_at

_MARQUEE_PX = 5

_TOGGLES = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier


@dataclass
class _Press:
    """A press of the left button.

    Attributes:
        point: in the widget.
        sample, y_px: the same place on the timeline and below the top of the first track, since the view may scroll or
            zoom during a drag.
        clip: the clip under it, None on an envelope or an empty area.
        toggles: whether a click selects the clip besides the others, or deselects it.
        shift: whether Shift was held, so that it does not invert snapping of the time that is selected.
        begin: makes the gesture of a drag, given how far the mouse has moved.
        time: begins the selection of time, over an empty area of a track or with Ctrl and Shift over a clip; None for
            other drags.
    """

    point: QPointF
    sample: float
    y_px: float
    position: int
    clip: int | None = None
    toggles: bool = False
    shift: bool = False
    begin: Callable[[QPointF], Gesture] | None = None
    time: Callable[[], TimeDrag] | None = None


class LaneMouse(QObject):
    """Follows the left button on the lanes.

    Attributes:
        gesture: the drag in progress, if any; `preview`: the session that releasing the mouse would give.
        marquee: the rubber band, if any, in the widget; `time`: the drag that selects time.
        pointer: where the mouse is during a drag.
        hovered: the selected clip under the pointer, whose gain line is shown; None without one.
        on_gain_line: whether the pointer is on that line, so that a press takes it.

    Signals:
        changed: any of these has changed.
        seek: the sample of a click on an empty area.
        clip_clicked: the sample of a click that selects a clip, or the start of time that was selected.
    """

    changed = Signal()
    seek = Signal(object)
    clip_clicked = Signal(object)

    def __init__(
        self,
        widget: QWidget,
        axis: TimeAxis,
        rows: TrackRows,
        document: Document,
        selection: Selection,
        hits: LaneHits,
        snaps: SnapSettings,
    ) -> None:
        super().__init__(widget)
        self._widget = widget
        self._axis = axis
        self._rows = rows
        self._document = document
        self._selection = selection
        self._hits = hits
        self._snaps = snaps
        self._keys = GestureKeys(widget, self.cancel, self._on_modifiers)
        document.replaced.connect(self.cancel)  # its clips are of another document
        self._press: _Press | None = None
        self._modifiers = Qt.KeyboardModifier.NoModifier
        self.gesture: Gesture | None = None
        self.preview: Session | None = None
        self.marquee: QRectF | None = None
        self.time: TimeDrag | None = None
        self.pointer: QPointF | None = None
        self.hovered: int | None = None
        self.on_gain_line = False
        self._scrolling = QTimer(self)
        self._scrolling.setInterval(STEP_MS)
        self._scrolling.timeout.connect(self._on_scroll_due)

    @property
    def held(self) -> bool:
        """Whether the button is down."""
        return self._press is not None

    @property
    def gain_clip(self) -> int | None:
        """The clip whose gain line is shown."""
        if self.gesture is None:
            return self.hovered if self.hovered in self._selection.clips else None
        return self.gesture.clip_id if isinstance(self.gesture, ClipGain) else None

    def cancel(self) -> None:
        """Cancel a press, a drag or a rubber band, if there is one."""
        if self.time is not None:
            self.time.cancel()
        self._end()

    def _end(self) -> None:
        active = self.gesture is not None or self.marquee is not None or self.time is not None
        self._scrolling.stop()
        self._press = self.gesture = self.preview = self.marquee = self.pointer = self.time = None
        self._axis.held = False
        if active:
            self.changed.emit()

    def hover(self, point: QPointF | None) -> None:
        """The pointer has moved to a point without a button, or has left."""
        clip = self._hits.clip_at(point) if point is not None else None
        hovered, on_line = None, False
        under, self._hits.hovered = self._hits.hovered, clip.id if clip is not None else None
        if point is not None and clip is not None and self._hits.has_gain_line(clip):
            hovered = clip.id
            on_line = self._hits.zone_at(point, clip, Qt.KeyboardModifier.NoModifier) is ClipZone.GAIN
        if (hovered, on_line, under) != (self.hovered, self.on_gain_line, self._hits.hovered):
            self.hovered, self.on_gain_line = hovered, on_line
            self.changed.emit()

    def press(self, event: QMouseEvent) -> None:
        """Select what is under the pointer, and prepare the gesture that a drag would be."""
        point, modifiers = event.position(), event.modifiers()
        position = self._rows.position_at(point.y())
        sample = self._axis.start + point.x() * self._axis.samples_per_px
        press = self._press = _Press(point, sample, point.y() + self._rows.offset_px, position)
        clip = self._hits.clip_at(point)
        tracks = self._document.session.tracks
        if 0 <= position < len(tracks):
            self._selection.set_track(tracks[position].id)
        press.begin = self._hits.envelope_gesture(point)
        if press.begin is not None:
            return
        if clip is None:
            # With Alt, or below the tracks, it is a rubber band; also with Ctrl, since many desktops use Alt+drag.
            if 0 <= position < len(tracks) and not modifiers & Qt.KeyboardModifier.AltModifier:
                press.shift = bool(modifiers & Qt.KeyboardModifier.ShiftModifier)
                press.time = self._time_drag(press, modifiers)
            return
        press.clip = clip.id
        press.toggles = bool(modifiers & _TOGGLES)  # on release, since the press may start a drag
        if modifiers == _TOGGLES:
            press.shift, press.time = True, self._time_drag(press, Qt.KeyboardModifier.NoModifier)
            return
        zone = self._hits.zone_at(point, clip, modifiers)  # before selecting: invisible handles cannot be grabbed
        if not press.toggles:
            self._select_for_drag(clip.id)

        def begin(moved: QPointF) -> Gesture:
            self._select_for_drag(clip.id)
            return self._hits.clip_gesture(zone, clip, modifiers)(moved)

        press.begin = begin

    def move(self, point: QPointF, modifiers: Qt.KeyboardModifier) -> None:
        """Drag to a point."""
        press = self._press
        if press is None:
            return
        self._modifiers = modifiers
        start = QPointF(self._axis.x_of(press.sample), press.y_px - self._rows.offset_px)
        far = (point - press.point).manhattanLength()
        if press.begin is not None:
            if self.gesture is None and far >= DRAG_PX:
                self.gesture = press.begin(point - press.point)
            if self.gesture is not None:
                self._follow(self.gesture, press, point, point.y() - start.y())
        elif press.time is not None:
            if self.time is None and far >= _MARQUEE_PX:
                self.time = press.time()
            if self.time is not None:
                self._select_time(self.time, press, point)
        elif self.marquee is not None or far >= _MARQUEE_PX:
            self.marquee = QRectF(start, point).normalized()
        if self.gesture is None and self.marquee is None and self.time is None:
            return
        self.pointer = point
        self._axis.held = True
        if any(self._scroll_directions(point)) and not self._scrolling.isActive():
            self._scrolling.start()
        self.changed.emit()

    def release(self, point: QPointF, modifiers: Qt.KeyboardModifier) -> None:
        """Make the edit of the drag, or what a click does."""
        press, gesture, marquee, time = self._press, self.gesture, self.marquee, self.time
        self._end()
        if press is None:
            return
        if time is not None:
            selected = self._selection.time.value
            if selected is not None:
                self.clip_clicked.emit(selected.start)
        elif gesture is not None:
            self._apply(gesture)
        elif marquee is not None:
            touched = {clip.id for clip in self._hits.clips_in(marquee)}
            self._selection.set_clips(arrange.with_groups(self._document.session, touched))
        elif press.clip is not None:
            if press.toggles:
                chosen, together = self._selection.clips, self._together(press.clip)
                self._selection.set_clips(chosen - together if press.clip in chosen else chosen | together)
            elif not modifiers:
                self._selection.set_clips(self._together(press.clip))
                self.clip_clicked.emit(self._axis.sample_at(point.x()))
        elif press.begin is not None:
            # A click on an envelope line adds a point.
            started = press.begin(QPointF())
            started.move(Drag(0, 0, 0.0, 0.0))
            self._apply(started)
        elif press.time is not None and modifiers & Qt.KeyboardModifier.ShiftModifier:
            self._selection.extend_time(self._axis.sample_at(point.x()), self._snaps.playhead())
        else:
            self._selection.set_clips(())
            self._selection.time.clear()
            self.seek.emit(self._axis.sample_at(point.x()))

    def _time_drag(self, press: _Press, modifiers: Qt.KeyboardModifier) -> Callable[[], TimeDrag]:
        """Begins the selection of time from a press on an empty area, or the drag of an end of the selection."""
        time, session, position = self._selection.time, self._document.session, press.position
        fixed = end_at(time.value, press.point.x(), self._axis) if time.covers(position) else None
        if modifiers & Qt.KeyboardModifier.ShiftModifier and time.value is not None:
            fixed = max(time.value.start, time.value.end, key=lambda end: abs(end - press.sample))
        adds = bool(modifiers & Qt.KeyboardModifier.ControlModifier)
        within = self._snaps.within(self._axis.samples_per_px, False)
        at = max(0, round(press.sample))
        return lambda: TimeDrag(time, session, self._snaps, at, within, position, adds, fixed)

    def over_time(self, point: QPointF) -> bool | None:
        """Whether a point on an empty area of a track is at an end of the selected time; None if it is not on one."""
        position = self._rows.position_at(point.y())
        if not 0 <= position < len(self._document.session.tracks) or self._hits.clip_at(point) is not None:
            return None
        time = self._selection.time
        return time.covers(position) and end_at(time.value, point.x(), self._axis) is not None

    def _select_time(self, time: TimeDrag, press: _Press, point: QPointF) -> None:
        inverted = bool(self._modifiers & Qt.KeyboardModifier.ShiftModifier) and not press.shift
        inside = min(max(point.y(), 0.0), self._widget.height() - 1.0)
        within = self._snaps.within(self._axis.samples_per_px, inverted)
        time.move(self._axis.sample_at(point.x()), self._rows.position_at(inside), within)

    def _apply(self, gesture: Gesture) -> None:
        outcome = gesture.finish()
        if outcome is not None:
            self._document.apply(*outcome)

    def _select_for_drag(self, clip_id: int) -> None:
        """Select a clip alone, unless it is selected: then all selected ones are dragged."""
        if clip_id not in self._selection.clips:
            self._selection.set_clips(self._together(clip_id))

    def _together(self, clip_id: int) -> frozenset[int]:
        """A clip and its group, without clips that have been removed meanwhile."""
        return arrange.with_groups(self._document.session, {clip_id})

    def _follow(self, gesture: Gesture, press: _Press, point: QPointF, down_px: float) -> None:
        inverted = bool(self._modifiers & Qt.KeyboardModifier.ShiftModifier)
        sample = self._axis.start + point.x() * self._axis.samples_per_px
        inside = min(max(point.y(), 0.0), self._widget.height() - 1.0)  # tracks out of view are no targets
        self.preview = gesture.move(
            Drag(
                samples=round(sample - press.sample),
                tracks=self._rows.position_at(inside) - press.position,
                down_px=down_px,
                snap_samples=self._snaps.within(self._axis.samples_per_px, inverted),
                copy=bool(self._modifiers & Qt.KeyboardModifier.ControlModifier),
            )
        )

    def _on_modifiers(self, modifiers: Qt.KeyboardModifier) -> None:
        """Follow modifier keys without waiting for the mouse to move."""
        if self.pointer is not None:
            self.move(self.pointer, modifiers)

    def _scroll_directions(self, point: QPointF) -> tuple[int, int]:
        """-1 or 1 near the left or right border, and near the top or bottom one; else 0."""
        if self._press is None:
            return 0, 0
        across = direction(point.x(), self._press.point.x(), self._widget.width())
        if self.marquee is None and self.time is None and not isinstance(self.gesture, MoveClips):
            return across, 0
        return across, direction(point.y(), self._press.point.y(), self._widget.height())

    def _on_scroll_due(self) -> None:
        """Keep scrolling while a drag is held at a border."""
        across, down = self._scroll_directions(self.pointer) if self.pointer is not None else (0, 0)
        if self.pointer is None or not (across or down):
            self._scrolling.stop()
            return
        self._axis.scroll_to(self._axis.start + across * STEP_SHARE * self._axis.visible_samples)
        lowest = max(0, self._rows.total_px - self._widget.height())
        self._rows.set_offset(min(max(self._rows.offset_px + down * STEP_PX, 0), lowest))
        self.move(self.pointer, self._modifiers)
