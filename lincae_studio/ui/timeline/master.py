"""The master lane: the waveform of the rendered mix, following each render."""

from __future__ import annotations

import math

import numpy as np
from PySide6.QtCore import QPointF, QRect, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter
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
        self._grid = rendering.shown.grid
        self._shown: dict[int, str | None] = {}

    @property
    def pyramid(self) -> PeakPyramid:
        return self._pyramid

    def follow_plan(self) -> None:
        """The plan changed: fit the length, and take what is rendered already."""
        plan = self._rendering.shown
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
        plan = self._rendering.shown
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
    """Rendered chunks in full colour, stale ones in grey.

    Signals:
        seek: the sample that was clicked.
    """

    seek = Signal(int)

    def __init__(self, axis: TimeAxis, rendering: Rendering, parent: QWidget | None = None) -> None:
        super().__init__(axis, parent)
        self._rendering = rendering
        self.peaks = MixPeaks(rendering)
        self.setMinimumHeight(40)
        self.setAccessibleName("Waveform of the rendered mix")
        rendering.plan_changed.connect(self._on_plan_changed)
        rendering.chunk_changed.connect(self._on_chunk_changed)

    def paint_content(self, painter: QPainter, area: QRect) -> None:
        ratio = self.devicePixelRatioF()
        height = round(self.height() * ratio)
        plan = self._rendering.shown
        middle = self.height() // 2
        if plan.length:
            painter.fillRect(QRect(0, middle, self.width(), 1), QColor(theme.colors().line))
        for first, last, rendered in self._runs(area):
            begin = self.axis.x_of(first * plan.grid.step_samples)
            end = self.axis.x_of(min((last + 1) * plan.grid.step_samples, plan.length))
            left = max(math.floor(area.left() * ratio), math.floor(begin * ratio))
            right = min(math.ceil((area.right() + 1) * ratio), math.floor(end * ratio))
            if right <= left:
                continue
            color = QColor(theme.colors().mix_wave if rendered else theme.colors().mix_wave_stale)
            image = wave_image(self._columns(first, left, right - left, ratio), height, color)
            image.setDevicePixelRatio(ratio)
            painter.drawImage(QPointF(left / ratio, 0), image)
        if not plan.length:
            painter.setPen(QColor(theme.colors().text_dim))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, "The rendered mix appears here")

    def _runs(self, area: QRect) -> list[tuple[int, int, bool]]:
        """Neighbouring chunks of one look, as (first, last, rendered): an image each, not one per chunk."""
        begin, end = self.axis.start_and_end(area.left(), area.right() + 1)
        runs: list[tuple[int, int, bool]] = []
        for first, last, state in self._rendering.runs(begin, end):
            rendered = state is ChunkState.RENDERED
            if state is ChunkState.SILENT:
                continue
            if runs and runs[-1][1] == first - 1 and runs[-1][2] == rendered:
                runs[-1] = (runs[-1][0], last, rendered)
            else:
                runs.append((first, last, rendered))
        return runs

    def _columns(self, first: int, left: int, count: int, ratio: float) -> Audio:
        """Peaks for device pixel columns `left ...` of a run of chunks."""
        samples_per_column = self.axis.samples_per_px / ratio
        start = self.axis.start + left * samples_per_column
        if samples_per_column >= BLOCK or self._rendering.rendered(first) is None:
            return self.peaks.pyramid.columns(start, samples_per_column, count)
        begin = max(0, int(start))
        end = min(self._rendering.shown.length, int(start + count * samples_per_column) + 2)
        audio = self._rendering.reader().read(begin, end - begin)
        return sample_columns(audio.T, start - begin, samples_per_column, count)

    def _on_plan_changed(self) -> None:
        self.peaks.follow_plan()
        self.invalidate()

    def _on_chunk_changed(self, index: int) -> None:
        self.peaks.follow_chunk(index)
        step = self._rendering.shown.grid.step_samples
        # A chunk's end is crossfaded into the next one's step.
        left, right = self.axis.x_of(index * step), self.axis.x_of((index + 2) * step)
        if right > 0 and left < self.width():
            self.invalidate(QRect(math.floor(left) - 1, 0, math.ceil(right - left) + 3, self.height()) & self.rect())

    # Qt overrides

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.seek.emit(self.axis.sample_at(event.position().x()))
