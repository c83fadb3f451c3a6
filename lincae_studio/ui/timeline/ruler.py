"""The ruler along the top: time, the loop, and the markers and sections."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, field

from msgspec.structs import replace
from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPolygonF
from PySide6.QtWidgets import QWidget

from lincae_studio.session.model import Marker
from lincae_studio.session.time_edits import TimeRange
from lincae_studio.ui import theme
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.model.selection import Selection
from lincae_studio.ui.model.time_axis import TimeAxis
from lincae_studio.ui.timeline.autoscroll import STEP_MS, STEP_SHARE, direction
from lincae_studio.ui.timeline.canvas import TimeCanvas
from lincae_studio.ui.timeline.counting import Counting
from lincae_studio.ui.timeline.gesture_keys import GestureKeys
from lincae_studio.ui.timeline.gestures import DRAG_PX
from lincae_studio.ui.timeline.marker_flags import FLAG_HEIGHT_PX, MarkerFlags
from lincae_studio.ui.timeline.marker_name import MarkerName
from lincae_studio.ui.timeline.snapping import SnapSettings
from lincae_studio.ui.timeline.time_drag import TimeDrag, end_at, paint_time

_HEIGHT_PX = 42
#: Height of the strip with the marker flags and the loop bar.
_PLACES_PX = FLAG_HEIGHT_PX + 4
#: How close to an end of the loop one can grab it.
_END_PX = 5

#: Half the width and the height of the playhead's triangle, which a press takes instead of selecting time.
_TRIANGLE_PX, _TRIANGLE_HEIGHT_PX = 6, 9

_MARKER_KEYS = (Qt.Key.Key_F2, Qt.Key.Key_Delete)


class Ruler(TimeCanvas):
    """Time in the chosen unit; above it, the loop and the markers.

    A click moves the playhead, and so does a drag of it, or over the upper half; a drag over the lower half selects
    time on all tracks. With Shift, or from an end of the loop, a drag sets the loop; a marker is dragged, and renamed
    by a double click; a click on a section selects its time, and its ends can be dragged. Escape cancels a drag, also
    of the playhead. While the ruler has the focus and no other time is selected, F2 and Delete concern the section that
    was clicked, or the marker at the playhead.

    Signals:
        seek: the sample under the pointer.
        scrub_began, scrub_ended: dragging the playhead started or ended at a sample.
        loop_dragged: start and end of a new loop, in samples.
        marker_dragged: a marker's id and its new sample.
        section_dragged: the id of a section and its new start and end.
        marker_named: a marker's id and the name that was typed for it.
        naming_ended: the field for a name was closed; after `marker_named`, if that is emitted.
        rename_pressed, delete_pressed: F2 or Delete.
        time_dragged: the start of time that was selected.

    Samples are passed as objects, here and elsewhere: after 13.5 hours they exceed what `Signal(int)` can pass.
    """

    seek = Signal(object)
    scrub_began = Signal(object)
    scrub_ended = Signal(object)
    loop_dragged = Signal(object, object)
    marker_dragged = Signal(int, object)
    section_dragged = Signal(int, object, object)
    marker_named = Signal(int, str)
    naming_ended = Signal()
    rename_pressed = Signal()
    delete_pressed = Signal()
    time_dragged = Signal(object)

    def __init__(
        self,
        axis: TimeAxis,
        document: Document,
        selection: Selection,
        counting: Counting,
        snaps: SnapSettings,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(axis, parent)
        self._document = document
        self._selection = selection.time
        self._counting = counting
        self._snaps = snaps
        self._flags = MarkerFlags(axis, document, self)
        self._drag: _Drag | None = None
        self._keys = GestureKeys(self, self.cancel_gesture, self._on_modifiers)
        self._modifiers = Qt.KeyboardModifier.NoModifier
        self._scrolling = QTimer(self)
        self._scrolling.setInterval(STEP_MS)
        self._scrolling.timeout.connect(self._on_scroll_due)
        self.setFixedHeight(_HEIGHT_PX)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Time ruler")
        self.setToolTip(
            "Click to move the playhead; drag over the upper half to scrub, over the lower half to select time"
        )
        counting.changed.connect(self.invalidate)
        document.changed.connect(self.update)  # markers and the loop are in the overlay
        self._selection.changed.connect(self.update)
        document.changed.connect(self._follow_named_marker)
        document.replaced.connect(self._on_document_replaced)
        self._name = MarkerName(self)
        self._name.named.connect(self.marker_named)
        self._name.closed.connect(self.naming_ended)
        axis.changed.connect(self._follow_named_marker)

    def name_marker(self, marker: Marker) -> None:
        """Scroll to a marker and let its name be typed."""
        self.axis.reveal(marker.at)
        self._name.open(marker.id, marker.name, self.axis.x_of(marker.at))

    def _follow_named_marker(self) -> None:
        """Keep the field at its flag, or close it when the marker is gone."""
        named = self._name.marker
        if named is None:
            return
        marker = next((marker for marker in self._document.session.markers if marker.id == named), None)
        if marker is None:
            self._name.cancel()
        else:
            self._name.place(self.axis.x_of(marker.at))

    def _on_document_replaced(self) -> None:
        """End a drag and close the field for a name: ids mean something else in another document."""
        drag = self._end()
        if drag is not None and drag.scrubs:
            self.scrub_ended.emit(0)
        self._name.cancel()

    def marker_at(self, point: QPointF) -> Marker | None:
        """The marker whose flag is under a point."""
        return self._flags.at(point)

    @property
    def selected_section(self) -> Marker | None:
        """The section whose time is selected, on all tracks."""
        time = self._selection.value
        return next((one for one in self._document.session.markers if one.length and time == _time_of(one)), None)

    def select_section(self, section: Marker) -> None:
        """Select the time of a section, on all tracks."""
        self._selection.set(_time_of(section))

    def cancel_gesture(self) -> None:
        """Cancel a drag, if there is one; the playhead returns to where it was."""
        drag = self._end()
        if drag is not None and drag.time is not None:
            drag.time.cancel()
        elif drag is not None and drag.loop is None and drag.marker is None:
            if drag.scrubs:
                self.scrub_ended.emit(drag.origin)
            self.seek.emit(drag.origin)
        self.update()

    def paint_content(self, painter: QPainter, area: QRect) -> None:
        painter.fillRect(area, QColor(theme.colors().panel))
        ticks = self._counting.ticks(self.axis.samples_per_px)
        last = math.ceil((self.axis.start + self.axis.visible_samples - ticks.origin) / ticks.step)
        font = painter.font()
        font.setPointSizeF(8.5)
        painter.setFont(font)
        bottom = self.height()
        for number in range(math.floor((self.axis.start - ticks.origin) / ticks.step), last + 1):
            place = ticks.origin + number * ticks.step
            painter.setPen(QColor(theme.colors().line))
            for part in range(1, ticks.parts):
                minor = self.axis.pixel_of(place + part * ticks.step / ticks.parts)
                painter.drawLine(minor, bottom - 5, minor, bottom)
            painter.setPen(QColor(theme.colors().text_dim))
            line = self.axis.pixel_of(place)
            painter.drawLine(line, bottom - 11, line, bottom)
            painter.drawText(QRectF(line + 4, bottom - 24, 120, 16), ticks.text(number))

    def paint_overlay(self, painter: QPainter) -> None:
        loop = self._drag.loop if self._drag is not None else None
        shown = self._document.session.loop
        if loop is not None:
            self._paint_loop(painter, min(loop), max(loop), on=True)
        elif shown is not None:
            self._paint_loop(painter, shown.start, shown.end, on=shown.on)
        if self._selection.value is not None:
            below = QRect(0, _PLACES_PX, self.width(), self.height() - _PLACES_PX)
            paint_time(painter, self._selection.value, self.axis, [below])
        self._flags.paint(painter, self._drag.marker if self._drag is not None else None)
        x, bottom = self.axis.x_of(self._playhead), self.height()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.colors().playhead))
        painter.drawPolygon(
            QPolygonF([QPointF(x - 5, bottom - 9), QPointF(x + 6, bottom - 9), QPointF(x + 0.5, bottom)])
        )

    def set_playhead(self, sample: int) -> None:
        """Move the playhead; its triangle is wider than the line of the base class."""
        super().set_playhead(sample)
        self.update()

    def _paint_loop(self, painter: QPainter, start: int, end: int, on: bool) -> None:
        left, right = self.axis.x_of(start), self.axis.x_of(end)
        color = QColor(theme.colors().accent if on else theme.colors().text_dim)
        painter.fillRect(QRectF(left, _PLACES_PX - 4, right - left, 4), color)
        color.setAlpha(40)
        painter.fillRect(QRectF(left, _PLACES_PX, right - left, self.height() - _PLACES_PX), color)
        color.setAlpha(255)
        for x in (left, right):
            painter.fillRect(QRectF(x - 1, _PLACES_PX - 4, 2, self.height() - _PLACES_PX + 4), color)

    def tip_at(self, place: QPoint) -> str:
        """The name of the marker at a place if its flag is too short for it."""
        marker = self.marker_at(QPointF(place))
        return self._flags.tip(marker) if marker is not None else ""

    def _snapped(
        self, sample: int, modifiers: Qt.KeyboardModifier, moving: Collection[int] = (), length: int = 0
    ) -> int:
        """Snap a marker, either end of a section of this length, or an end of the loop.

        `moving`: where the ends of what is moved were, to which it does not snap.
        """
        inverted = bool(modifiers & Qt.KeyboardModifier.ShiftModifier)
        snapping = self._snaps.snapping(self._document.session)
        snapping = replace(snapping, targets=tuple(at for at in snapping.targets if at not in moving))
        within = self._snaps.within(self.axis.samples_per_px, inverted)
        return max(0, sample + snapping.correction([sample, sample + length][: 2 if length else 1], within))

    def _moved_marker(self, drag: _Drag, marker: Marker, by: float, modifiers: Qt.KeyboardModifier) -> Marker:
        """The marker as a drag by samples would make it: moved, or with another end."""
        ends = {drag.origin, drag.origin_end}
        if drag.fixed is None:
            length = drag.origin_end - drag.origin
            return replace(marker, at=self._snapped(max(0, round(drag.origin + by)), modifiers, ends, length))
        moved = drag.origin if drag.fixed == drag.origin_end else drag.origin_end
        start, end = sorted((drag.fixed, self._snapped(max(0, round(moved + by)), modifiers, {moved})))
        return replace(marker, at=start, length=end - start)

    def _loop_end_at(self, point: QPointF) -> int | None:
        """The opposite end of the loop if one end is under a point, else None."""
        loop = self._document.session.loop
        if loop is None or not _PLACES_PX - 6 <= point.y() <= _PLACES_PX + 6:
            return None
        for end, other in ((loop.start, loop.end), (loop.end, loop.start)):
            if abs(self.axis.x_of(end) - point.x()) <= _END_PX:
                return other
        return None

    def _on_modifiers(self, modifiers: Qt.KeyboardModifier) -> None:
        """Follow modifier keys without waiting for the mouse to move."""
        if self._drag is not None and self._drag.moved:
            self._move(self._drag, self._drag.pointer, modifiers)

    def _end(self) -> _Drag | None:
        """The drag that ends now, if there is one."""
        drag, self._drag = self._drag, None
        self._scrolling.stop()
        self.axis.held = False
        return drag

    def _on_scroll_due(self) -> None:
        """Keep scrolling while a drag is held at a side."""
        drag = self._drag
        across = direction(drag.pointer.x(), drag.press.x(), self.width()) if drag is not None else 0
        if drag is None or not across:
            self._scrolling.stop()
            return
        self.axis.scroll_to(self.axis.start + across * STEP_SHARE * self.axis.visible_samples)
        self._move(drag, drag.pointer, self._modifiers)

    def _move(self, drag: _Drag, point: QPointF, modifiers: Qt.KeyboardModifier) -> None:
        drag.pointer, self._modifiers = point, modifiers
        self.axis.held = True
        if direction(point.x(), drag.press.x(), self.width()) and not self._scrolling.isActive():
            self._scrolling.start()
        at = self.axis.sample_at(point.x())
        drag.moved = drag.moved or (point - drag.press).manhattanLength() >= DRAG_PX
        if drag.selects:
            if drag.moved:
                drag.time = drag.time or self._time_drag(drag)
                inverted = bool(modifiers & Qt.KeyboardModifier.ShiftModifier)
                drag.time.move(at, 0, self._snaps.within(self.axis.samples_per_px, inverted))
        elif drag.loop is not None:
            # Shift starts this drag, so it cannot invert snapping as well.
            drag.loop = (drag.loop[0], self._snapped(at, Qt.KeyboardModifier.NoModifier))
        elif drag.marker is not None:
            by = self.axis.start + point.x() * self.axis.samples_per_px - drag.press_sample
            if drag.moved:
                drag.marker = self._moved_marker(drag, drag.marker, by, modifiers)
        elif drag.moved:
            if not drag.scrubs:
                drag.scrubs = True
                self.scrub_began.emit(at)
            drag.at = at
            self.seek.emit(at)
        self.update()

    def _cursor_at(self, point: QPointF) -> Qt.CursorShape:
        """What a press would do: take an end of the loop or of selected time, select time, or move the playhead."""
        below = point.y() >= _PLACES_PX
        if self._loop_end_at(point) is not None:
            return Qt.CursorShape.SizeHorCursor
        marker = self.marker_at(point)
        if marker is not None and self._flags.fixed_end(marker, point) is not None:
            return Qt.CursorShape.SizeHorCursor
        if below and end_at(self._selection.value, point.x(), self.axis) is not None:
            return Qt.CursorShape.SizeHorCursor
        selects = below and not self._on_playhead(point)
        return Qt.CursorShape.IBeamCursor if selects else Qt.CursorShape.ArrowCursor

    def _on_playhead(self, point: QPointF) -> bool:
        """Whether the triangle of the playhead is under a point."""
        near = abs(self.axis.x_of(self._playhead) - point.x()) <= _TRIANGLE_PX
        return near and point.y() >= self.height() - _TRIANGLE_HEIGHT_PX

    def _drop(self, drag: _Drag, marker: Marker) -> None:
        """A marker was released: it has moved, one of its ends has, or it was clicked."""
        if not drag.moved:
            if marker.length:
                self.select_section(marker)
            self.seek.emit(marker.at)
        elif drag.fixed is None:
            self.marker_dragged.emit(marker.id, marker.at)
        else:
            self.section_dragged.emit(marker.id, marker.at, marker.end)

    # Qt overrides

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            return
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        at, marker = self.axis.sample_at(event.position().x()), self.marker_at(event.position())
        other = self._loop_end_at(event.position())
        sample = self.axis.start + event.position().x() * self.axis.samples_per_px  # the view may scroll during a drag
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            begin = self._snapped(at, Qt.KeyboardModifier.NoModifier)
            self._drag = _Drag(event.position(), sample, loop=(begin, begin))
        elif marker is not None:
            self._drag = _Drag(event.position(), sample, marker=marker, origin=marker.at, origin_end=marker.end)
            self._drag.fixed = self._flags.fixed_end(marker, event.position())
        elif other is not None:
            self._drag = _Drag(event.position(), sample, loop=(other, at))
        else:
            over = event.position().y() >= _PLACES_PX
            fixed = end_at(self._selection.value, event.position().x(), self.axis) if over else None
            selects = over and (fixed is not None or not self._on_playhead(event.position()))
            self._drag = _Drag(event.position(), sample, origin=self._playhead, at=at, selects=selects, fixed=fixed)
            self._drag.adds = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
            if not selects:
                self.seek.emit(at)

    def _time_drag(self, drag: _Drag) -> TimeDrag:
        within = self._snaps.within(self.axis.samples_per_px, False)
        session, at = self._document.session, max(0, round(drag.press_sample))
        return TimeDrag(self._selection, session, self._snaps, at, within, None, drag.adds, drag.fixed)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        drag = self._drag
        if drag is None or not event.buttons() & Qt.MouseButton.LeftButton:
            self.setCursor(self._cursor_at(event.position()))
            return
        self._move(drag, event.position(), event.modifiers())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        drag = self._end() if event.button() == Qt.MouseButton.LeftButton else None
        if drag is None:
            return
        if drag.selects:
            if not drag.moved:
                self._selection.clear()
                self.seek.emit(drag.at)
            elif self._selection.value is not None:
                self.time_dragged.emit(self._selection.value.start)
        elif drag.scrubs:
            self.scrub_ended.emit(drag.at)
        elif drag.loop is not None and drag.moved:
            self.loop_dragged.emit(*drag.loop)
        elif drag.marker is not None:
            self._drop(drag, drag.marker)
        self.update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        marker = self.marker_at(event.position())
        if marker is not None and event.button() == Qt.MouseButton.LeftButton:
            self._end()
            self.name_marker(marker)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.key() in _MARKER_KEYS and not event.modifiers():
            # After a drag over time, they concern what is in it.
            concerns = self._selection.value is None or self.selected_section is not None
            if event.type() == QEvent.Type.ShortcutOverride and self._document.session.markers and concerns:
                event.accept()
                return True
            if event.type() == QEvent.Type.KeyPress:
                (self.rename_pressed if event.key() == Qt.Key.Key_F2 else self.delete_pressed).emit()
                return True
        return super().event(event)


def _time_of(section: Marker) -> TimeRange:
    return TimeRange(((section.at, section.end),))


@dataclass
class _Drag:
    """A drag on the ruler: of the loop, of a marker, of the playhead from `origin` to `at`, or over time.

    Attributes:
        marker: as it would be dropped; it was from `origin` to `origin_end`, and `fixed` is the end that stays, if any.
        selects: whether it selects time once it has moved: `time`, from `fixed` if an end of it was taken, and with
            `adds` besides what is selected.
    """

    press: QPointF
    press_sample: float
    loop: tuple[int, int] | None = None
    marker: Marker | None = None
    origin: int = 0
    origin_end: int = 0
    at: int = 0
    pointer: QPointF = field(default_factory=QPointF)
    moved: bool = False
    scrubs: bool = False
    selects: bool = False
    adds: bool = False
    fixed: int | None = None
    time: TimeDrag | None = None
