"""What everything drawn over time has in common: a cached picture, the playhead on top, wheel navigation."""

from __future__ import annotations

from PySide6.QtCore import QRect, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPixmap, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QWidget

from lincae_studio.ui import theme
from lincae_studio.ui.timeline.axis import TimeAxis

#: One notch of the wheel zooms by this.
_ZOOM_STEP = 2.0 ** (1 / 6)

#: One notch of the wheel scrolls by this share of the width.
_SCROLL_SHARE = 0.1

_NOTCH = 120


class TimeCanvas(QWidget):
    """Base class: paints `paint_content` into a pixmap only when it changed, and the playhead over it.

    Signals:
        scrolled_vertically: wheel notches without a modifier (a float; positive is down).
        grown: wheel notches with Alt (a float; positive is taller).
        resized: the widget has another size.
    """

    scrolled_vertically = Signal(float)
    grown = Signal(float)
    resized = Signal()

    def __init__(self, axis: TimeAxis, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.axis = axis
        self._content: QPixmap | None = None
        self._playhead_px: int | None = None
        self._playhead = 0
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        axis.changed.connect(self.invalidate)

    def invalidate(self) -> None:
        """Paint the content anew."""
        self._content = None
        self.update()

    def set_playhead(self, sample: int) -> None:
        """Move the playhead; only the two lines are repainted."""
        self._playhead = sample
        old, self._playhead_px = self._playhead_px, self._playhead_x()
        if old != self._playhead_px:
            for x in (old, self._playhead_px):
                if x is not None:
                    self.update(QRect(x - 1, 0, 3, self.height()))

    @staticmethod
    def navigate(axis: TimeAxis, event: QWheelEvent) -> bool:
        """Zoom at the pointer (Ctrl) or scroll in time (Shift, or a sideways wheel); False for a plain notch."""
        delta = event.angleDelta()
        notches = (delta.y() or delta.x()) / _NOTCH  # Alt and some desktops swap the axes
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            axis.zoom(_ZOOM_STEP**-notches, event.position().x())
        elif event.modifiers() & Qt.KeyboardModifier.ShiftModifier or not delta.y():
            axis.scroll_to(axis.start - notches * _SCROLL_SHARE * axis.shown)
        else:
            return False
        return True

    def paint_content(self, painter: QPainter) -> None:
        """Paint everything but the playhead and overlays."""
        raise NotImplementedError

    def paint_overlay(self, painter: QPainter) -> None:
        """Paint what changes during a gesture, over the cached content."""

    def _playhead_x(self) -> int | None:
        x = round(self.axis.x_of(self._playhead))
        return x if 0 <= x < self.width() else None

    # Qt overrides

    def paintEvent(self, event: QPaintEvent) -> None:
        ratio = self.devicePixelRatioF()
        if self._content is None:
            self._content = QPixmap(self.size() * ratio)
            self._content.setDevicePixelRatio(ratio)
            self._content.fill(QColor(theme.LANE))
            content_painter = QPainter(self._content)
            self.paint_content(content_painter)
            content_painter.end()
        painter = QPainter(self)
        area = event.rect()
        painter.setClipRect(area)
        painter.drawPixmap(0, 0, self._content)
        self.paint_overlay(painter)
        self._playhead_px = self._playhead_x()
        if self._playhead_px is not None:
            painter.fillRect(QRect(self._playhead_px, 0, 1, self.height()), QColor(theme.PLAYHEAD))
        painter.end()

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._content = None
        super().resizeEvent(event)
        self.resized.emit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        if event.modifiers() & Qt.KeyboardModifier.AltModifier:
            self.grown.emit((event.angleDelta().y() or event.angleDelta().x()) / _NOTCH)
        elif not self.navigate(self.axis, event):
            self.scrolled_vertically.emit(-event.angleDelta().y() / _NOTCH)
        event.accept()
