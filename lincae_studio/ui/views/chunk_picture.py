"""A picture over time of the values of chunks: one image per chunk, or a single image where chunks are narrow.

Drawn with pyqtgraph on the time axis of the lanes. A chunk keeps its last values, faded, until new ones arrive. Rows
are drawn from the bottom up.
"""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QEvent, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QWidget

from lincae_studio.codecs.base import Array
from lincae_studio.engine.planning.grid import Grid
from lincae_studio.ui import theme
from lincae_studio.ui.model.time_axis import TimeAxis
from lincae_studio.ui.rendering.rendering import Rendering
from lincae_studio.ui.timeline.canvas import TimeCanvas
from lincae_studio.ui.views.overview import Overview, pooled
from lincae_studio.ui.views.sources import ChunkSource

#: Values that arrive in quick succession are drawn together.
_TOGETHER_MS = 40

_STALE_OPACITY = 0.35

#: Values of chunks are looked up this many at a time, about a millisecond of work.
_SURVEYED = 4

#: Chunks narrower than this are drawn from the overview.
_NARROW_PX = 16


class ChunkPicture(pg.PlotWidget):  # type: ignore[misc]
    """Base class: subclasses define the colours of values and the text at a position.

    Signals:
        hovered: the text for the value under the pointer; empty if there is none.
        seek: the sample that was clicked.
    """

    hovered = Signal(str)
    seek = Signal(object)

    def __init__(
        self, axis: TimeAxis, rendering: Rendering, source: ChunkSource, name: str, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent, background=theme.colors().lane)
        self._axis = axis
        self._rendering = rendering
        self._source = source
        self._items: dict[int, pg.ImageItem] = {}
        self._keys: dict[int, str] = {}
        self._values: dict[int, Array] = {}
        #: The key of the values in the overview, by chunk.
        self._known: dict[int, str] = {}
        #: Whether the overview has the current values of each chunk, and whether they are still to be looked up: the
        #: source reports those that arrive later.
        self._current = np.zeros(0, np.bool_)
        self._unseen = np.zeros(0, np.bool_)
        #: Whether values have arrived, or are outdated, that the image does not show yet.
        self._outdated = False
        self._pooling = 1
        self._geometry: tuple[Grid, int] = (rendering.plan.grid, source.rows)
        self._colors = self.color_table()
        for side in ("left", "right", "top", "bottom"):
            self.hideAxis(side)
            self.getAxis(side).unlinkFromView()  # hidden ones would still follow the range, with new labels
        self.hideButtons()
        self.setMenuEnabled(False)
        box = self.getViewBox()
        box.setMouseEnabled(False, False)
        box.setDefaultPadding(0.0)
        self.getPlotItem().layout.setContentsMargins(0, 0, 0, 0)
        self.getPlotItem().layout.setSpacing(0)
        box.border = None
        self.setFrameShape(self.Shape.NoFrame)
        self.setAccessibleName(name)
        self.setMinimumHeight(40)
        self._overview = Overview(source.rows)
        self._whole = pg.ImageItem(axisOrder="row-major")
        self._whole.hide()
        self.addItem(self._whole, ignoreBounds=True)
        self._drawing = QTimer(self)
        self._drawing.setSingleShot(True)
        self._drawing.timeout.connect(self._on_drawing_due)
        self._line = pg.InfiniteLine(0, pen=pg.mkPen(theme.colors().playhead, width=1), movable=False)
        self._line.setZValue(10)
        self.addItem(self._line, ignoreBounds=True)
        self.setMouseTracking(True)
        axis.changed.connect(self._follow_axis)
        self._connect(source)

    # For subclasses to define

    def color_table(self) -> Array:
        """The colours of 256 values, from the lowest to the highest, as `(256, 3 or 4)` bytes."""
        raise NotImplementedError

    def levels(self) -> tuple[float, float]:
        """The values that the first and the last colour stand for."""
        raise NotImplementedError

    def arranged(self, values: Array) -> Array:
        """Values `(rows, columns)` in the order in which rows are drawn."""
        return values

    def observe(self, values: Array) -> None:
        """Called with new values."""

    def text_at(self, sample: int, height: float) -> str:
        """The text at a position; `height` from 0 at the bottom to 1 at the top. Empty for no value."""
        raise NotImplementedError

    # For the window

    @property
    def source(self) -> ChunkSource:
        """The source of the values."""
        return self._source

    def set_source(self, source: ChunkSource) -> None:
        """Show another source and close the old one."""
        old, self._source = self._source, source
        old.restarted.disconnect(self._restart)
        old.changed.disconnect(self._follow_source)
        old.chunk_changed.disconnect(self._on_chunk_changed)
        old.close()
        self._restart()
        self._connect(source)

    def follow_theme(self) -> None:
        """Apply the colours of the theme."""
        self.setBackground(theme.colors().lane)
        self._line.setPen(pg.mkPen(theme.colors().playhead, width=1))
        self._colors = self.color_table()
        self.redraw()

    def redraw(self) -> None:
        """Redraw all known values after a change of levels, colours or row order."""
        for index in self._items:
            self._draw(index)
        self._draw_whole()

    def follow_levels(self) -> None:
        """Apply changed levels to the same values."""
        for item in (*self._items.values(), self._whole):
            if item.image is not None:
                item.setLevels(self.levels())

    def set_playhead(self, sample: int) -> None:
        self._line.setValue(sample)

    def shown_values(self, index: int) -> Array | None:
        """The values `(rows, columns)` shown for a chunk, rows in their original order, or None."""
        if self._narrow and index in self._known and self._known[index] == self._source.key(index):
            return self._source.values(index)
        return self._values.get(index)

    def shown_image(self, index: int) -> Array | None:
        """The values of the image as drawn: pooled when zoomed out."""
        item = self._items.get(index)
        return None if item is None else np.asarray(item.image)

    def value_at(self, sample: int, row: int) -> float | None:
        """The value shown at a sample and row (in the original order), or None."""
        grid = self._rendering.plan.grid
        index = grid.owner(sample)
        values = self.shown_values(index) if index < len(self._rendering.plan.chunks) else None
        if values is None or not 0 <= row < len(values):
            return None
        column = (sample - index * grid.step_samples) * values.shape[1] // grid.step_samples
        return float(values[row, column])

    # Following

    def _connect(self, source: ChunkSource) -> None:
        source.restarted.connect(self._restart)
        source.changed.connect(self._follow_source)
        source.chunk_changed.connect(self._on_chunk_changed)
        self._follow_source()

    def _restart(self) -> None:
        """Drop all images, for another session, codec or source."""
        for index in list(self._items):
            self._remove(index)
        self._overview = Overview(self._source.rows)
        self._known.clear()
        self._whole.hide()

    def _follow_source(self) -> None:
        plan = self._rendering.plan
        if self._geometry != (plan.grid, self._source.rows):
            self._geometry = (plan.grid, self._source.rows)
            self._restart()
        keys = self._source.keys(len(plan.chunks))
        for index in [index for index in self._known if index not in keys]:
            self._overview.clear(index)
            del self._known[index]
        self._current = np.ones(len(plan.chunks), np.bool_)
        self._current[[index for index, key in keys.items() if self._known.get(index) != key]] = False
        self._unseen = np.zeros_like(self._current)
        self._unseen[self._source.stored(len(plan.chunks))] = True
        self._unseen &= ~self._current
        self._survey_soon()
        self.getViewBox().setYRange(0, self._source.rows, padding=0)
        if self._narrow:
            self._source.set_visible_chunks(*self._in_view())
            self._draw_soon()
        else:
            self._follow_axis()

    def _follow_axis(self) -> None:
        """Show the range of the axis, keeping images of the visible chunks only."""
        self.getViewBox().setXRange(self._axis.start, self._axis.start + self._axis.visible_samples, padding=0)
        first, last = self._in_view()
        self._source.set_visible_chunks(first, last)
        if self._narrow:
            for index in list(self._items):
                self._remove(index)
            self._draw_whole()
            return
        self._whole.hide()
        for index in set(self._items) - set(range(first, last + 1)):
            self._remove(index)
        pooling = self._pooling_factor()
        if pooling != self._pooling:
            self._pooling = pooling
            for index in self._items:
                self._draw(index)
        for index in range(first, last + 1):
            self._follow_chunk(index)

    def _in_view(self) -> tuple[int, int]:
        plan = self._rendering.plan
        first = plan.grid.owner(int(self._axis.start))
        return first, min(len(plan.chunks) - 1, plan.grid.owner(int(self._axis.start + self._axis.visible_samples)))

    def _on_chunk_changed(self, index: int) -> None:
        if index >= len(self._rendering.plan.chunks):
            return
        self._unseen[index : index + 1] = True
        self._survey_soon()
        step = self._rendering.plan.grid.step_samples
        start = index * step
        in_view = start + step > self._axis.start and start < self._axis.start + self._axis.visible_samples
        if in_view and not self._narrow:
            self._follow_chunk(index)

    def _follow_chunk(self, index: int) -> None:
        """Show a chunk's values: the current ones if available, else the last ones faded; none if it is silent."""
        key = self._source.key(index)
        if key is None:
            self._remove(index)
            return
        if self._keys.get(index) == key:
            self._items[index].setOpacity(1.0)
            return
        values = self._source.values(index)
        if values is None:
            if index in self._items:
                self._items[index].setOpacity(_STALE_OPACITY)
            return
        if index not in self._items:
            self._items[index] = pg.ImageItem(axisOrder="row-major")
            self.addItem(self._items[index], ignoreBounds=True)
        self._items[index].setOpacity(1.0)
        self._keys[index] = key
        self._values[index] = values
        self.observe(values)
        self._draw(index)

    @property
    def _narrow(self) -> bool:
        """Whether chunks are drawn from the overview."""
        return self._rendering.plan.grid.step_samples / self._axis.samples_per_px < _NARROW_PX

    def _survey(self, index: int) -> bool:
        """Update a chunk in the overview if its values are available. False if nothing has changed."""
        key = self._source.key(index)
        if key is None or self._known.get(index) == key or (values := self._source.values(index)) is None:
            return False
        self._overview.put(index, values)
        self._known[index] = key
        self._current[index : index + 1] = True
        self.observe(values)
        return True

    def _survey_some(self) -> bool:
        """Look up some chunks whose values may have arrived, those in view first. Whether there are more."""
        first, last = self._in_view()
        unseen = np.flatnonzero(self._unseen)
        some = unseen[np.argsort((unseen < first) | (unseen > last), kind="stable")][:_SURVEYED]
        self._unseen[some] = False
        for index in some.tolist():
            if self._survey(index):
                self._draw_soon()
        return len(unseen) > len(some)

    def _survey_soon(self) -> None:
        self._rendering.spare_time.add(self._survey_some)

    def _draw_soon(self) -> None:
        self._outdated = True
        if not self._drawing.isActive():
            self._drawing.start(_TOGETHER_MS)

    def _on_drawing_due(self) -> None:
        self._rendering.spare_time.add(self._draw_if_outdated)

    def _draw_if_outdated(self) -> bool:
        if self._outdated:
            self._draw_whole()
        return False

    # Drawing

    def _draw_whole(self) -> None:
        """Draw the visible part of the overview as one image, fading outdated chunks."""
        plan, self._outdated = self._rendering.plan, False
        if not self._narrow or not plan.chunks:
            self._whole.hide()
            return
        first, last = self._in_view()
        count = last + 1 - first
        if count <= 0:
            self._whole.hide()
            return
        width = max(1, round(count * plan.grid.step_samples / self._axis.samples_per_px))
        waits = np.ones(count, np.float32)
        waits[np.flatnonzero(~self._current[first : last + 1])] = _STALE_OPACITY
        image, chunks_per_column = self._overview.picture(first, last + 1, round(width * self.devicePixelRatioF()))
        place = (np.arange(image.shape[1]) * chunks_per_column).astype(np.int64)
        lowest = min(max(0.0, self.levels()[0]), self.levels()[1])  # the background, where there are no values
        image = lowest + (self.arranged(image) - lowest) * waits[np.minimum(place, count - 1)]
        self._whole.setImage(image, levels=self.levels(), lut=self._colors, autoLevels=False)
        samples = image.shape[1] * chunks_per_column * plan.grid.step_samples
        self._whole.setRect(QRectF(first * plan.grid.step_samples, 0, samples, self._source.rows))
        self._whole.show()

    def _draw(self, index: int) -> None:
        step = self._rendering.plan.grid.step_samples
        values = self._values[index]
        image = np.ascontiguousarray(self.arranged(pooled(values, self._pooling)))
        self._items[index].setImage(image, levels=self.levels(), lut=self._colors, autoLevels=False)
        samples = image.shape[1] * self._pooling * step / values.shape[1]
        self._items[index].setRect(QRectF(index * step, 0, samples, self._source.rows))

    def _remove(self, index: int) -> None:
        if index in self._items:
            self.removeItem(self._items.pop(index))
            self._keys.pop(index, None)
            self._values.pop(index, None)

    @property
    def samples_per_column(self) -> float:
        """Samples of the timeline per column of values."""
        raise NotImplementedError

    def _pooling_factor(self) -> int:
        """Columns per image column: the largest power of two with at least one image column per pixel."""
        columns_per_px = self._axis.samples_per_px / self.samples_per_column / self.devicePixelRatioF()
        return 1 << max(0, int(np.log2(max(columns_per_px, 1.0))))

    # Qt overrides

    def mouseMoveEvent(self, event: QEvent) -> None:
        x, y = event.position().x(), event.position().y()  # type: ignore[attr-defined]
        self.hovered.emit(self.text_at(self._axis.sample_at(x), 1.0 - y / max(1, self.height())))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.seek.emit(self._axis.sample_at(event.position().x()))

    def leaveEvent(self, event: QEvent) -> None:
        self.hovered.emit("")
        super().leaveEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        TimeCanvas.navigate(self._axis, event)
        event.accept()


def color_table_of(stops: tuple[tuple[float, str], ...]) -> Array:
    """A table of 256 colours, interpolated between stops `(position, colour)`."""
    positions, colors = zip(*stops, strict=True)
    table = pg.ColorMap(np.array(positions), [QColor(color) for color in colors]).getLookupTable(nPts=256)
    return np.asarray(table)
