"""The base class of widgets drawn over time: a cached pixmap, the playhead on top, and wheel navigation."""

from __future__ import annotations

from itertools import pairwise

from PySide6.QtCore import QEvent, QPoint, QRect, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QHelpEvent,
    QNativeGestureEvent,
    QPainter,
    QPaintEvent,
    QPixmap,
    QRegion,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QToolTip, QWidget

from lincae_studio.ui import theme
from lincae_studio.ui.model.time_axis import TimeAxis

#: Zoom factor of one wheel notch.
_ZOOM_STEP = 2.0 ** (1 / 6)

#: Share of the width that one wheel notch scrolls.
_SCROLL_SHARE = 0.1

#: Period of Qt's brush patterns, which it draws in device pixels at any scale.
PATTERN_PX = 8

_NOTCH = 120

#: How far what could be at half a device pixel is moved: Qt rounds those by where it clips.
BESIDE_HALF = 1e-4


class TimeCanvas(QWidget):
    """Base class: caches what `paint_content` paints, repaints only what is out of date, and draws the playhead on top.

    Scrolling shifts the cached pixmap and repaints only the exposed part, so the result of `paint_content` at a pixel
    must not depend on the area that it is asked to paint.

    Signals:
        scrolled_vertically: wheel notches without a modifier (a float; positive is down).
        grown: wheel notches with Alt (a float; positive is taller).
        waves_zoomed: wheel notches with Ctrl and Alt (a float; positive is larger).
        resized: the size of the widget has changed.
    """

    scrolled_vertically = Signal(float)
    grown = Signal(float)
    waves_zoomed = Signal(float)
    resized = Signal()

    def __init__(self, axis: TimeAxis, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.axis = axis
        self._content: QPixmap | None = None
        #: Pixels per point while painting to a file, which bypasses the cache made for the screen; else None.
        self.file_ratio: float | None = None
        #: The outdated region of the cache, and the start and samples per pixel that the cache was painted with.
        self._dirty = QRegion()
        self._drawn = (axis.start, axis.samples_per_px)
        self._playhead_px: int | None = None
        self._playhead = 0
        self.wheel_zooms = False
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        axis.changed.connect(self._on_axis_changed)

    @property
    def paint_ratio(self) -> float:
        """Pixels per point of the paint device."""
        return self.file_ratio or self.devicePixelRatioF()

    def invalidate(self, area: QRect | None = None) -> None:
        """Mark the content, or an area of it, for repainting."""
        if area is None:
            area = self.rect()
        self._dirty += area
        self.update(area)

    def set_playhead(self, sample: int) -> None:
        """Move the playhead; only the two lines are repainted."""
        self._playhead = sample
        old, self._playhead_px = self._playhead_px, self._playhead_x()
        if old != self._playhead_px:
            for x in (old, self._playhead_px):
                if x is not None:
                    self.update(QRect(x - 1, 0, 3, self.height()))

    @staticmethod
    def navigate(axis: TimeAxis, event: QWheelEvent, wheel_zooms: bool = False) -> bool:
        """Zoom at the pointer (Ctrl) or scroll in time (Shift or horizontal wheel); False if it scrolls the tracks.

        With `wheel_zooms`, a plain notch zooms and Ctrl scrolls the tracks.
        """
        delta = event.angleDelta()
        notches = (delta.y() or delta.x()) / _NOTCH  # Alt and some desktops swap the axes
        control = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        if control != wheel_zooms and not shift and delta.y():
            axis.zoom(_ZOOM_STEP**-notches, event.position().x())
        elif shift or not delta.y():
            axis.scroll_to(axis.start - notches * _SCROLL_SHARE * axis.visible_samples)
        else:
            return False
        return True

    def paint_content(self, painter: QPainter, area: QRect) -> None:
        """Paint everything but the playhead and overlays in an area already filled with the background."""
        raise NotImplementedError

    def paint_overlay(self, painter: QPainter) -> None:
        """Paint over the cached content what changes during a gesture."""

    def tip_at(self, place: QPoint) -> str:
        """The tooltip at a place; empty for that of the whole widget."""
        return ""

    def pattern_origin(self) -> QPoint:
        """Origin of the brush patterns, in device pixels, so that they scroll with the content."""
        return QPoint(self.axis.pixel_of(0, self.paint_ratio) % PATTERN_PX, 0)

    def scrolled(self, before: float) -> None:
        """Called after shifting the cache from a view starting at `before`: `invalidate` what does not scroll along."""

    def shift_content(self, dx: float, dy: float) -> bool:
        """Shift the cache, marking the exposed part for repainting. False unless by whole device pixels."""
        ratio = self.devicePixelRatioF()
        by_x, by_y = dx * ratio, dy * ratio
        whole = abs(by_x - round(by_x)) < 1e-6 and abs(by_y - round(by_y)) < 1e-6
        if not whole or self._content is None or abs(dx) >= self.width() or abs(dy) >= self.height():
            return False
        exposed = QRegion()
        self._content.scroll(round(by_x), round(by_y), self._content.rect(), exposed)
        self._dirty.translate(round(dx), round(dy))  # at ratios other than 1 a pixel off at most, within the margin
        for rect in _rects(exposed):
            left, top = int(rect.left() / ratio) - 1, int(rect.top() / ratio) - 1
            right, bottom = int(rect.right() / ratio) + 2, int(rect.bottom() / ratio) + 2
            self._dirty += QRect(left, top, right - left, bottom - top)
        if ratio != 1.0:
            self._dirty = _grown(self._dirty)
        self.update()
        return True

    def _on_axis_changed(self) -> None:
        start, samples_per_px = self._drawn
        self._drawn = (self.axis.start, self.axis.samples_per_px)
        shift = (start - self.axis.start) / samples_per_px
        if samples_per_px == self.axis.samples_per_px and self.shift_content(shift, 0.0):
            self.scrolled(start)
        else:
            self.invalidate()

    def _playhead_x(self) -> int | None:
        x = round(self.axis.x_of(self._playhead))
        return x if 0 <= x < self.width() else None

    def _refresh(self, content: QPixmap) -> None:
        """Repaint the outdated region."""
        dirty, self._dirty = self._dirty & self.rect(), QRegion()
        painter = QPainter(content)
        for area in _in_columns(dirty):
            painter.save()
            painter.setClipRect(area)
            painter.fillRect(area, QColor(theme.colors().lane))
            painter.setBrushOrigin(self.pattern_origin())
            if not self.devicePixelRatioF().is_integer():  # else whole points are at whole pixels
                painter.translate(BESIDE_HALF, BESIDE_HALF)
            self.paint_content(painter, area)
            painter.restore()
        painter.end()

    # Qt overrides

    def paintEvent(self, event: QPaintEvent) -> None:
        if self.file_ratio is not None:
            self._paint_uncached()
            return
        ratio = self.devicePixelRatioF()
        size = self.size() * ratio
        if self._content is None or self._content.size() != size or self._content.devicePixelRatio() != ratio:
            self._content = QPixmap(size)
            self._content.setDevicePixelRatio(ratio)
            self._dirty = QRegion(self.rect())
        self._refresh(self._content)
        painter = QPainter(self)
        area = event.rect()
        painter.setClipRect(area)
        painter.drawPixmap(0, 0, self._content)
        self.paint_overlay(painter)
        self._playhead_px = self._playhead_x()
        if self._playhead_px is not None:
            painter.fillRect(QRect(self._playhead_px, 0, 1, self.height()), QColor(theme.colors().playhead))
        painter.end()

    def _paint_uncached(self) -> None:
        painter = QPainter(self)
        painter.setClipRect(self.rect())
        painter.fillRect(self.rect(), QColor(theme.colors().lane))
        painter.setBrushOrigin(self.pattern_origin())
        self.paint_content(painter, self.rect())
        self.paint_overlay(painter)
        x = self._playhead_x()
        if x is not None:
            painter.fillRect(QRect(x, 0, 1, self.height()), QColor(theme.colors().playhead))
        painter.end()

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._content = None
        super().resizeEvent(event)
        self.resized.emit()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.StyleChange):  # the theme has changed
            self.invalidate()
        super().changeEvent(event)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QNativeGestureEvent) and event.gestureType() == Qt.NativeGestureType.ZoomNativeGesture:
            self.axis.zoom(1.0 / max(0.1, 1.0 + event.value()), event.position().x())
            return True
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent) and (tip := self.tip_at(event.pos())):
            QToolTip.showText(event.globalPos(), tip, self)
            return True
        return super().event(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        self.axis.scrolling.note(event)
        both = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier
        if event.modifiers() & both == both:
            self.waves_zoomed.emit((event.angleDelta().y() or event.angleDelta().x()) / _NOTCH)
        elif event.modifiers() & Qt.KeyboardModifier.AltModifier:
            self.grown.emit((event.angleDelta().y() or event.angleDelta().x()) / _NOTCH)
        elif not self.navigate(self.axis, event, self.wheel_zooms):
            self.scrolled_vertically.emit(-event.angleDelta().y() / _NOTCH)
        event.accept()


def _rects(region: QRegion) -> list[QRect]:
    return list(region)  # type: ignore[call-overload, no-any-return]  # iterable, though not in the stubs


def _in_columns(region: QRegion) -> list[QRect]:
    """The rectangles of a region, joined below each other where Qt's own bands are more.

    Scrolling exposes one column, which bands of what is repainted beside it would cut into a dozen.
    """
    bands = _rects(region)
    columns: list[QRect] = []
    for left, right in pairwise(sorted({x for rect in bands for x in (rect.left(), rect.right() + 1)})):
        below = -1
        for rect in bands:  # from the top down
            if rect.left() <= left and right <= rect.right() + 1:
                if rect.top() == below:
                    columns[-1].setBottom(rect.bottom())
                else:
                    columns.append(QRect(left, rect.top(), right - left, rect.height()))
                below = rect.bottom() + 1
    return min(bands, columns, key=len)


def _grown(region: QRegion) -> QRegion:
    """The region enlarged by a pixel on all sides."""
    grown = QRegion()
    for rect in _rects(region):
        grown += rect.adjusted(-1, -1, 1, 1)
    return grown
