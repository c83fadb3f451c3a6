"""The master lane: the waveform of the rendered mix, following each render."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QWidget

from lincae_studio.engine.stitch import window_part
from lincae_studio.engine.store import ChunkState
from lincae_studio.media.peaks import BLOCK, Audio, PeakPyramid, block_peaks, sample_columns
from lincae_studio.ui import theme
from lincae_studio.ui.rendering import Rendering
from lincae_studio.ui.timeline.axis import TimeAxis
from lincae_studio.ui.timeline.canvas import TimeCanvas
from lincae_studio.ui.timeline.waveform import wave_image


class MixPeaks:
    """Peaks of the rendered mix. Each chunk writes the blocks it owns; stale ones keep their last peaks until then."""

    def __init__(self, rendering: Rendering) -> None:
        self._rendering = rendering
        self._pyramid = PeakPyramid(np.zeros((0, 2), np.float32))
        self._grid = rendering.plan.grid
        self._shown: dict[int, str | None] = {}

    @property
    def pyramid(self) -> PeakPyramid:
        return self._pyramid

    def follow_plan(self) -> None:
        """The plan changed: fit the length, and take what is rendered already."""
        plan = self._rendering.plan
        blocks = -(-plan.length // BLOCK)
        if blocks != self._pyramid.blocks or plan.grid != self._grid:
            pairs = np.zeros((blocks, 2), np.float32)
            kept = self._pyramid.level_0[:blocks]
            pairs[: len(kept)] = kept
            self._pyramid = PeakPyramid(pairs)
            self._shown.clear()
            self._grid = plan.grid
        for index in range(len(plan.chunks)):
            self.follow_chunk(index)

    def follow_chunk(self, index: int) -> None:
        """Take a chunk's peaks, if there are new ones."""
        plan = self._rendering.plan
        if index >= len(plan.chunks):
            return
        chunk, rendered = plan.chunks[index], self._rendering.rendered(index)
        key = chunk.key if chunk else None
        if self._shown.get(index, "") == key or (chunk is not None and rendered is None):
            return
        start = index * plan.grid.step_samples
        end = min(start + plan.grid.step_samples, plan.length)
        if rendered is None:
            pairs = np.zeros((-(-(end - start) // BLOCK), 2), np.float32)
        else:
            pairs = block_peaks(window_part(plan, rendered.audio, index, start, end).T)
        self._pyramid.update(start // BLOCK, pairs)
        self._shown[index] = key


class MasterLane(TimeCanvas):
    """Rendered chunks in full colour, stale ones in grey."""

    def __init__(self, axis: TimeAxis, rendering: Rendering, parent: QWidget | None = None) -> None:
        super().__init__(axis, parent)
        self._rendering = rendering
        self.peaks = MixPeaks(rendering)
        self.setMinimumHeight(40)
        self.setAccessibleName("Waveform of the rendered mix")
        rendering.plan_changed.connect(self._on_plan_changed)
        rendering.chunk_changed.connect(self._on_chunk_changed)

    def paint_content(self, painter: QPainter) -> None:
        ratio = self.devicePixelRatioF()
        height = round(self.height() * ratio)
        plan = self._rendering.plan
        middle = self.height() // 2
        painter.setPen(QColor(theme.LINE))
        painter.drawLine(0, middle, self.width(), middle)
        first = plan.grid.owner(int(self.axis.start))
        last = min(len(plan.chunks) - 1, plan.grid.owner(int(self.axis.start + self.axis.shown)))
        for index in range(first, last + 1):
            state = self._rendering.state(index)
            left = max(0, int(self.axis.x_of(index * plan.grid.step_samples) * ratio))
            right = min(
                round(self.width() * ratio),
                int(self.axis.x_of(min((index + 1) * plan.grid.step_samples, plan.length)) * ratio),
            )
            if state is ChunkState.SILENT or right <= left:
                continue
            color = QColor(theme.MIX_WAVE if state is ChunkState.RENDERED else theme.MIX_WAVE_STALE)
            image = wave_image(self._columns(index, left, right - left, ratio), height, color)
            image.setDevicePixelRatio(ratio)
            painter.drawImage(QPointF(left / ratio, 0), image)
        if not plan.length:
            painter.setPen(QColor(theme.TEXT_DIM))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, "The rendered mix appears here")

    def _columns(self, index: int, left: int, count: int, ratio: float) -> Audio:
        """Peaks for device pixel columns `left ...` of one chunk."""
        samples_per_column = self.axis.samples_per_px / ratio
        start = self.axis.start + left * samples_per_column
        plan, rendered = self._rendering.plan, self._rendering.rendered(index)
        if samples_per_column >= BLOCK or rendered is None:
            return self.peaks.pyramid.columns(start, samples_per_column, count)
        valid_start, valid_end = plan.grid.valid(index)
        first = max(valid_start, int(start))
        last = min(valid_end, int(start + count * samples_per_column) + 2)
        audio = window_part(plan, rendered.audio, index, first, last)
        return sample_columns(audio.T, start - first, samples_per_column, count)

    def _on_plan_changed(self) -> None:
        self.peaks.follow_plan()
        self.invalidate()

    def _on_chunk_changed(self, index: int) -> None:
        self.peaks.follow_chunk(index)
        self.invalidate()
