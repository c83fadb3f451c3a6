"""The latent heatmap: the latents of the mix, channel over time, following each render.

Drawn with pyqtgraph on the time axis of the lanes: one image per visible chunk, or, where chunks are narrow, one of all
from the overview. A stereo mix shows the mean of its two buses, which by linearity are the latents of its mono sum.
Created after the window is up: pyqtgraph takes half a second to import.
"""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QEvent, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSlider, QVBoxLayout, QWidget

from lincae_studio.codecs.base import Array
from lincae_studio.engine.store import ChunkState
from lincae_studio.ui import theme
from lincae_studio.ui.latent_overview import LatentOverview, pooled
from lincae_studio.ui.rendering import Rendering
from lincae_studio.ui.timeline.axis import TimeAxis
from lincae_studio.ui.timeline.canvas import TimeCanvas
from lincae_studio.ui.timeline.headers import HEADER_PX

#: Renders that come in a burst are drawn together.
_FRAME_MS = 16

#: Share of the values that fit the colour range when it is chosen automatically.
_AUTO_QUANTILE = 0.9

#: The range slider spans this many decades around the automatic range, in steps of a twentieth.
_RANGE_STEPS = 40
_STEPS_PER_DECADE = 20

_STALE_OPACITY = 0.35

#: Chunks narrower than this are drawn from the overview.
_NARROW_PX = 16


def mix_latents(latents: Array) -> Array:
    """`(buses, D, T)` to `(D, T)`: the latents of the mono sum."""
    return np.asarray(latents.mean(axis=0, dtype=np.float32))


class HeatmapPlot(pg.PlotWidget):  # type: ignore[misc]
    """The picture: rows are channels (0 at the bottom), columns latent frames.

    Signals:
        auto_level_changed: the automatic half range of the colours.
        hovered: what lies under the pointer, as text; empty when nothing does.
        seek: the sample that was clicked.
    """

    auto_level_changed = Signal(float)
    hovered = Signal(str)
    seek = Signal(int)

    def __init__(self, axis: TimeAxis, rendering: Rendering, parent: QWidget | None = None) -> None:
        super().__init__(parent, background=theme.colors().lane)
        self._axis = axis
        self._rendering = rendering
        self._items: dict[int, pg.ImageItem] = {}
        self._keys: dict[int, str] = {}
        self._latents: dict[int, Array] = {}
        self._pooling = 1
        self._codec = rendering.shown.codec
        self._auto_level = 0.0
        self._scale = 1.0
        self._colors = _color_table()
        self.hideAxis("left")
        self.hideAxis("bottom")
        self.hideButtons()
        self.setMenuEnabled(False)
        box = self.getViewBox()
        box.setMouseEnabled(False, False)
        box.setDefaultPadding(0.0)
        self.getPlotItem().layout.setContentsMargins(0, 0, 0, 0)
        self.getPlotItem().layout.setSpacing(0)
        box.border = None
        self.setFrameShape(self.Shape.NoFrame)
        self.setAccessibleName("Latents of the mix, channel over time")
        self._overview = LatentOverview(self._codec.dim, 0)
        self._known: dict[int, str] = {}
        self._whole = pg.ImageItem(axisOrder="row-major")
        self._whole.hide()
        self.addItem(self._whole, ignoreBounds=True)
        self._drawing = QTimer(self)
        self._drawing.setSingleShot(True)
        self._drawing.timeout.connect(self._draw_whole)
        self._line = pg.InfiniteLine(0, pen=pg.mkPen(theme.colors().playhead, width=1), movable=False)
        self._line.setZValue(10)
        self.addItem(self._line, ignoreBounds=True)
        self.setMouseTracking(True)
        axis.changed.connect(self._follow_axis)
        rendering.session_replaced.connect(self._start_anew)
        rendering.plan_changed.connect(self._follow_plan)
        rendering.chunk_changed.connect(self._on_chunk_changed)
        self._follow_plan()

    @property
    def level(self) -> float:
        """Half range of the colours."""
        return (self._auto_level or 1.0) * self._scale

    def set_scale(self, scale: float) -> None:
        """Widen or narrow the colour range about the automatic one."""
        self._scale = scale
        for item in (*self._items.values(), self._whole):
            if item.image is not None:
                item.setLevels((-self.level, self.level))

    def follow_theme(self) -> None:
        """Take the colours of the theme."""
        self.setBackground(theme.colors().lane)
        self._line.setPen(pg.mkPen(theme.colors().playhead, width=1))
        self._colors = _color_table()
        for index in self._items:
            self._draw(index)
        self._draw_whole()

    def set_playhead(self, sample: int) -> None:
        self._line.setValue(sample)

    def shown_latents(self, index: int) -> Array | None:
        """`(D, step)` latents that the image of a chunk shows, or None."""
        if self._narrow and index in self._known and self._rendering.rendered(index) is not None:
            return self._latents_of(index)
        return self._latents.get(index)

    def shown_image(self, index: int) -> Array | None:
        """`(D, columns)` values of the image itself: the latents, pooled when zoomed out."""
        item = self._items.get(index)
        return None if item is None else np.asarray(item.image)

    def value_at(self, sample: int, channel: int) -> float | None:
        """The latent value drawn at a place, or None."""
        grid = self._rendering.shown.grid
        index = grid.owner(sample)
        image = self.shown_latents(index)
        frame = (sample - index * grid.step_samples) // grid.hop
        if image is None or not (0 <= channel < image.shape[0] and 0 <= frame < image.shape[1]):
            return None
        return float(image[channel, frame])

    def _start_anew(self) -> None:
        """Another session or another codec: neither its images nor their level fit."""
        for index in list(self._items):
            self._remove(index)
        self._overview = LatentOverview(self._rendering.shown.codec.dim, len(self._rendering.shown.chunks))
        self._known.clear()
        self._auto_level = 0.0

    def _follow_plan(self) -> None:
        if self._rendering.shown.codec != self._codec:
            self._codec = self._rendering.shown.codec
            self._start_anew()
        plan = self._rendering.shown
        if self._overview.chunks != len(plan.chunks):
            self._overview.resize(len(plan.chunks))
            self._known = {index: key for index, key in self._known.items() if index < len(plan.chunks)}
        for index, chunk in enumerate(plan.chunks):
            if (chunk.key if chunk is not None else None) != self._known.get(index):
                self._survey(index)
        self.getViewBox().setYRange(0, plan.codec.dim, padding=0)
        self._follow_axis()

    def _follow_axis(self) -> None:
        """Show the axis' range, and keep images for the visible chunks only."""
        self.getViewBox().setXRange(self._axis.start, self._axis.start + self._axis.shown, padding=0)
        plan = self._rendering.shown
        first = plan.grid.owner(int(self._axis.start))
        last = min(len(plan.chunks) - 1, plan.grid.owner(int(self._axis.start + self._axis.shown)))
        if self._narrow:
            for index in list(self._items):
                self._remove(index)
            self._draw_whole()
            return
        self._whole.hide()
        for index in set(self._items) - set(range(first, last + 1)):
            self._remove(index)
        pooling = self._wanted_pooling()
        if pooling != self._pooling:
            self._pooling = pooling
            for index in self._items:
                self._draw(index)
        for index in range(first, last + 1):
            self._follow_chunk(index)

    def _on_chunk_changed(self, index: int) -> None:
        grid = self._rendering.shown.grid
        start, step = index * grid.step_samples, grid.step_samples
        self._survey(index)
        if self._narrow:
            if not self._drawing.isActive():
                self._drawing.start(_FRAME_MS)
        elif start + step > self._axis.start and start < self._axis.start + self._axis.shown:
            self._follow_chunk(index)

    def _follow_chunk(self, index: int) -> None:
        """Show a chunk's latents: new ones when rendered, the last ones faded while stale, none when silent."""
        plan = self._rendering.shown
        if index >= len(plan.chunks):
            return
        state = self._rendering.state(index)
        rendered = self._rendering.rendered(index)
        if state is ChunkState.SILENT:
            self._remove(index)
            return
        if rendered is None:
            if index in self._items:
                self._items[index].setOpacity(_STALE_OPACITY)
            return
        if index not in self._items:
            self._items[index] = pg.ImageItem(axisOrder="row-major")
            self.addItem(self._items[index], ignoreBounds=True)
        self._items[index].setOpacity(1.0)
        if self._keys.get(index) == rendered.key:
            return
        self._keys[index] = rendered.key
        latents = self._latents[index] = self._latents_of(index)
        self._adapt_level(latents)
        self._draw(index)

    @property
    def _narrow(self) -> bool:
        """Whether chunks are drawn from the overview."""
        return self._rendering.shown.grid.step_samples / self._axis.samples_per_px < _NARROW_PX

    def _latents_of(self, index: int) -> Array:
        """The frames that begin inside a rendered chunk's own step; neighbours show the rest of the overlap."""
        rendered, grid = self._rendering.rendered(index), self._rendering.shown.grid
        assert rendered is not None
        part = mix_latents(rendered.latents)[:, grid.lead_frames : grid.lead_frames + grid.step]
        return np.ascontiguousarray(part)

    def _survey(self, index: int) -> None:
        """Take a chunk into the overview, if it is rendered or silent; else what was there stays."""
        plan = self._rendering.shown
        chunk, rendered = plan.chunks[index], self._rendering.rendered(index)
        if chunk is None:
            self._overview.clear(index)
            self._known.pop(index, None)
        elif rendered is not None and self._known.get(index) != rendered.key:
            latents = self._latents_of(index)
            self._overview.put(index, latents)
            self._known[index] = rendered.key
            self._adapt_level(latents)

    def _draw_whole(self) -> None:
        """The visible part of the overview as one image; chunks that wait are faded."""
        plan = self._rendering.shown
        if not self._narrow or not plan.chunks:
            self._whole.hide()
            return
        first = plan.grid.owner(int(self._axis.start))
        last = min(len(plan.chunks), plan.grid.owner(int(self._axis.start + self._axis.shown)) + 1)
        columns = max(1, round((last - first) * plan.grid.step_samples / self._axis.samples_per_px))
        image, chunks_per_column = self._overview.picture(first, last, round(columns * self.devicePixelRatioF()))
        place = (np.arange(image.shape[1]) * chunks_per_column).astype(np.int64)
        waits = np.ones(last - first, np.float32)
        begin, end = first * plan.grid.step_samples, last * plan.grid.step_samples
        for one, other, state in self._rendering.runs(begin, end):
            if state is not ChunkState.RENDERED:
                waits[one - first : other + 1 - first] = _STALE_OPACITY
        image = image * waits[np.minimum(place, len(waits) - 1)]
        self._whole.setImage(image, levels=(-self.level, self.level), lut=self._colors, autoLevels=False)
        samples = image.shape[1] * chunks_per_column * plan.grid.step_samples
        self._whole.setRect(QRectF(begin, 0, samples, plan.codec.dim))
        self._whole.show()

    def _draw(self, index: int) -> None:
        plan = self._rendering.shown
        latents = self._latents[index]
        image = np.ascontiguousarray(pooled(latents, self._pooling))
        self._items[index].setImage(image, levels=(-self.level, self.level), lut=self._colors, autoLevels=False)
        samples = image.shape[1] * self._pooling * plan.grid.hop
        self._items[index].setRect(QRectF(index * plan.grid.step_samples, 0, samples, plan.codec.dim))

    def _remove(self, index: int) -> None:
        if index in self._items:
            self.removeItem(self._items.pop(index))
            self._keys.pop(index, None)
            self._latents.pop(index, None)

    def _wanted_pooling(self) -> int:
        """Frames per image column: the largest power of two that leaves a column for every pixel."""
        frames_per_px = self._axis.samples_per_px / self._rendering.shown.grid.hop / self.devicePixelRatioF()
        return 1 << max(0, int(np.log2(max(frames_per_px, 1.0))))

    def _adapt_level(self, latents: Array) -> None:
        """Widen the automatic range to the loudest chunk seen."""
        level = float(np.quantile(np.abs(latents), _AUTO_QUANTILE))
        if level > self._auto_level * 1.01:
            self._auto_level = level
            for item in (*self._items.values(), self._whole):
                if item.image is not None:
                    item.setLevels((-self.level, self.level))
            self.auto_level_changed.emit(self.level)

    # Qt overrides

    def mouseMoveEvent(self, event: QEvent) -> None:
        x, y = event.position().x(), event.position().y()  # type: ignore[attr-defined]
        sample = self._axis.sample_at(x)
        plan = self._rendering.shown
        channel = int((1.0 - y / max(1, self.height())) * plan.codec.dim)
        value = self.value_at(sample, channel)
        frame = sample // plan.grid.hop
        self.hovered.emit("" if value is None else f"frame {frame}, channel {channel}: {value:+.4f}")

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.seek.emit(self._axis.sample_at(event.position().x()))

    def leaveEvent(self, event: QEvent) -> None:
        self.hovered.emit("")
        super().leaveEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        TimeCanvas.navigate(self._axis, event)
        event.accept()


def _color_table() -> Array:
    """The colours of 256 values, from negative to positive."""
    positions, colors = zip(*theme.colors().heat, strict=True)
    table = pg.ColorMap(np.array(positions), [QColor(color) for color in colors]).getLookupTable(nPts=256)
    return np.asarray(table)


class HeatmapPanel(QWidget):
    """The picture with its header: what it shows, the colour range, the value under the pointer."""

    def __init__(self, axis: TimeAxis, rendering: Rendering, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rendering = rendering
        self.plot = HeatmapPlot(axis, rendering, self)
        self._facts = QLabel(self)
        self._facts.setWordWrap(True)
        theme.dim(self._facts)
        self._range = QLabel(self)
        theme.dim(self._range)
        self._hover = QLabel(self)
        self.range_slider = QSlider(Qt.Orientation.Horizontal, self)
        self.range_slider.setRange(-_RANGE_STEPS, _RANGE_STEPS)
        self.range_slider.setAccessibleName("Colour range of the heatmap")
        self.range_slider.setToolTip("Colour range of the heatmap")
        self.range_slider.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.range_slider.valueChanged.connect(self._on_range_changed)
        self.plot.auto_level_changed.connect(self._show_range)
        self.plot.hovered.connect(self._hover.setText)
        rendering.plan_changed.connect(self._show_facts)
        self._lay_out()
        self._show_facts()
        self._show_range()

    def _lay_out(self) -> None:
        title = QLabel("Latents of the mix", self)
        title.setStyleSheet("font-weight: 600;")
        column = QWidget(self)
        column.setFixedWidth(HEADER_PX)
        inside = QVBoxLayout(column)
        inside.setContentsMargins(12, 6, 8, 6)
        inside.setSpacing(4)
        for widget in (title, self._facts, self._range, self.range_slider, self._hover):
            inside.addWidget(widget)
        inside.addStretch(1)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(column)
        layout.addWidget(self.plot, 1)

    def _show_facts(self) -> None:
        codec = self._rendering.shown.codec
        self._facts.setText(f"{codec.dim} channels, a frame is {codec.hop} samples ({codec.title})")

    def _show_range(self) -> None:
        self._range.setText(f"Colours: −{self.plot.level:.3g} to +{self.plot.level:.3g}")

    def _on_range_changed(self, position: int) -> None:
        self.plot.set_scale(10.0 ** (position / _STEPS_PER_DECADE))
        self._show_range()
