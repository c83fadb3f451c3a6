"""The whole session in a strip below the tracks, with the visible part of it as a frame to drag. Main thread."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPixmap, QResizeEvent
from PySide6.QtWidgets import QWidget

from lincae_studio.ui import theme
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.model.time_axis import TimeAxis
from lincae_studio.ui.timeline.gesture_keys import GestureKeys

_HEIGHT_PX = 34

#: How close to a side of the frame a press takes it, and the narrowest frame that has sides to take.
_SIDE_PX = 5
_NARROWEST_PX = 16


@dataclass
class _Drag:
    """A drag from `x`: of the frame, or of its left (-1) or right (1) side; `start`, `end`: what was visible."""

    x: float
    side: int
    start: float
    end: float
    samples_per_px: float


class SessionOverview(QWidget):
    """Draws the clips of all tracks, as thin as they must be. They are painted again when clips change, not to scroll.

    Drag the frame to scroll, its sides to zoom; a press beside it goes there. Escape restores the view.
    """

    def __init__(self, axis: TimeAxis, document: Document, parent: QWidget) -> None:
        super().__init__(parent)
        self._axis = axis
        self._document = document
        self._content: QPixmap | None = None
        self._painted_for: tuple[object, ...] = ()
        self._drag: _Drag | None = None
        self._playhead = 0
        self._keys = GestureKeys(self, self.cancel)
        self.setFixedHeight(_HEIGHT_PX)
        self.setMouseTracking(True)
        self.setAccessibleName("Overview of the session")
        self.setToolTip("Drag the frame to scroll, its sides to zoom")
        axis.changed.connect(self._on_axis_changed)
        document.changed.connect(self._on_axis_changed)
        document.replaced.connect(self.cancel)

    @property
    def frame(self) -> QRectF:
        """The rectangle of the visible part."""
        left, right = self._x_of(self._axis.start), self._x_of(self._axis.start + self._axis.visible_samples)
        return QRectF(left, 0.5, max(2.0, right - left), self.height() - 1.0)

    def set_playhead(self, sample: int) -> None:
        before, self._playhead = self._playhead, sample
        for x in {round(self._x_of(before)), round(self._x_of(sample))}:
            self.update(QRect(x - 1, 0, 3, self.height()))

    def cancel(self) -> None:
        """Give back the view before the drag."""
        drag, self._drag = self._drag, None
        self._axis.held = False
        if drag is not None:
            self._axis.zoom(drag.samples_per_px / self._axis.samples_per_px, 0.0)
            self._axis.scroll_to(drag.start)

    @property
    def _samples(self) -> float:
        """The number of samples across the width."""
        return max(1.0, self._axis.length, self._axis.start + self._axis.visible_samples)

    def _x_of(self, sample: float) -> float:
        return sample / self._samples * self.width()

    def _side_at(self, x: float) -> int:
        """-1 or 1 at a side of the frame, else 0."""
        frame = self.frame
        if frame.width() < _NARROWEST_PX:
            return 0
        return -1 if abs(x - frame.left()) <= _SIDE_PX else 1 if abs(x - frame.right()) <= _SIDE_PX else 0

    def _move(self, drag: _Drag, x: float) -> None:
        by = (x - drag.x) * self._samples / max(1, self.width())
        if drag.side == 0:
            self._axis.scroll_to(drag.start + by)
            return
        least = 16.0 * self._axis.width_px / 1000.0
        start = min(max(0.0, drag.start + by), drag.end - least) if drag.side < 0 else drag.start
        end = max(drag.end + by, drag.start + least) if drag.side > 0 else drag.end
        self._axis.zoom((end - start) / self._axis.visible_samples, 0.0)
        self._axis.scroll_to(start)

    def _on_axis_changed(self) -> None:
        if self.isVisible():
            self._content = self._content if self._painted_for == self._looks() else None
            self.update()

    def _looks(self) -> tuple[object, ...]:
        """The values from which the content is painted."""
        tracks = self._document.session.tracks
        return self._samples, self.size(), tuple((id(track.clips), track.color) for track in tracks)

    def _paint_content(self) -> QPixmap:
        ratio = self.devicePixelRatioF()
        made = QPixmap(QSize(self.width(), self.height()) * ratio)
        made.setDevicePixelRatio(ratio)
        made.fill(QColor(theme.colors().lane))
        painter = QPainter(made)
        tracks = [track for track in self._document.session.tracks if track.clips]
        row = (self.height() - 4.0) / max(1, len(tracks))
        for number, track in enumerate(tracks):
            color, last = QColor(track.color), -1.0
            for clip in track.clips:
                left, right = self._x_of(clip.start), self._x_of(clip.end)
                if right - last < 0.5:
                    continue  # of many clips within a pixel, the first is seen
                painter.fillRect(QRectF(left, 2 + number * row, max(1.0, right - left), max(1.0, row - 0.5)), color)
                last = right
        painter.end()
        return made

    # Qt overrides

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._content is None or self._painted_for != self._looks():
            self._content, self._painted_for = self._paint_content(), self._looks()
        painter = QPainter(self)
        painter.drawPixmap(0, 0, self._content)
        frame, shade = self.frame, QColor(theme.colors().window)
        shade.setAlpha(150)
        painter.fillRect(QRectF(0.0, 0.0, frame.left(), self.height()), shade)
        painter.fillRect(QRectF(frame.right(), 0.0, self.width() - frame.right(), self.height()), shade)
        painter.setPen(QColor(theme.colors().accent))
        painter.drawRect(frame.adjusted(0.5, 0.0, -0.5, 0.0))
        x = round(self._x_of(self._playhead))
        painter.fillRect(QRect(x, 0, 1, self.height()), QColor(theme.colors().playhead))
        painter.end()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            return
        axis, x = self._axis, event.position().x()
        side = self._side_at(x)
        before = _Drag(x, side, axis.start, axis.start + axis.visible_samples, axis.samples_per_px)
        if not side and not self.frame.contains(QPointF(x, self.height() / 2)):
            axis.scroll_to(x / max(1, self.width()) * self._samples - axis.visible_samples / 2)
            before.x -= (axis.start - before.start) / self._samples * self.width()
        self._drag = before
        axis.held = True

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._drag is not None and event.buttons() & Qt.MouseButton.LeftButton:
            self._move(self._drag, event.position().x())
            return
        side = self._side_at(event.position().x())
        self.setCursor(Qt.CursorShape.SizeHorCursor if side else Qt.CursorShape.OpenHandCursor)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._drag = None
            self._axis.held = False

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._content = None
        super().resizeEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.StyleChange):  # the theme has changed
            self._content = None
            self.update()
        super().changeEvent(event)
