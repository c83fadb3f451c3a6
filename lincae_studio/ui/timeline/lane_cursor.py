"""Which pointer the lanes show: what a drag from there would do. Main thread."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QPointF, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QWidget

from lincae_studio.ui.timeline.hits import ClipZone
from lincae_studio.ui.timeline.lane_hits import LaneHits
from lincae_studio.ui.timeline.lane_mouse import LaneMouse

_OF_ZONES = {
    ClipZone.START: Qt.CursorShape.SizeHorCursor,
    ClipZone.END: Qt.CursorShape.SizeHorCursor,
    ClipZone.FADE_IN: Qt.CursorShape.PointingHandCursor,
    ClipZone.FADE_OUT: Qt.CursorShape.PointingHandCursor,
    ClipZone.GAIN: Qt.CursorShape.SizeVerCursor,
}

#: Over an empty area, by whether an end of the selected time is there; None: not on a track.
_OF_TIME = {None: Qt.CursorShape.ArrowCursor, False: Qt.CursorShape.IBeamCursor, True: Qt.CursorShape.SizeHorCursor}


class LaneCursor(QObject):
    """The pointer over the lanes; with Alt, which stretches a clip by its edge, also when only the key is pressed."""

    def __init__(self, widget: QWidget, hits: LaneHits, mouse: LaneMouse) -> None:
        super().__init__(widget)
        self._widget = widget
        self._hits = hits
        self._mouse = mouse
        #: Where the mouse was last, unless it has left.
        self._point: QPointF | None = None
        widget.installEventFilter(self)

    def follow(self, point: QPointF, modifiers: Qt.KeyboardModifier) -> None:
        """Show what a drag from a point would do while these modifier keys are held."""
        self._point = point
        clip = self._hits.clip_at(point)
        zone = self._hits.zone_at(point, clip, modifiers) if clip is not None else ClipZone.BODY
        shape = _OF_ZONES.get(zone, _OF_TIME[self._mouse.over_time(point)])
        stretches = zone in (ClipZone.START, ClipZone.END) and modifiers & Qt.KeyboardModifier.AltModifier
        self._widget.setCursor(Qt.CursorShape.SplitHCursor if stretches else shape)

    # Qt overrides

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Leave:
            self._point = None
        pressed = event.type() == QEvent.Type.KeyPress
        if self._point is not None and isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Alt:
            alt = Qt.KeyboardModifier.AltModifier  # whether the event's own modifiers have it depends on the platform
            self.follow(self._point, event.modifiers() | alt if pressed else event.modifiers() & ~alt)
        return super().eventFilter(watched, event)
