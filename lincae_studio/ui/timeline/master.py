"""The master lane: the waveform of the rendered mix over that of the dry mix, and the master's envelope on top."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from PySide6.QtCore import QPointF, QRect, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter
from PySide6.QtWidgets import QWidget

from lincae_studio.engine.rendering.render_store import ChunkState
from lincae_studio.media.peaks import BLOCK, Audio, sample_columns
from lincae_studio.ui import theme
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.model.selection import Selection
from lincae_studio.ui.model.time_axis import TimeAxis
from lincae_studio.ui.model.wave_zoom import WaveZoom
from lincae_studio.ui.rendering.mix_peaks import DryPeaks, MixPeaks
from lincae_studio.ui.rendering.rendering import Rendering
from lincae_studio.ui.rendering.spread import Spread
from lincae_studio.ui.timeline.canvas import TimeCanvas
from lincae_studio.ui.timeline.envelopes import Kind, ShownEnvelopes, envelope_marks
from lincae_studio.ui.timeline.master_envelope import MasterEnvelope
from lincae_studio.ui.timeline.scales import paint_scale, wave_marks
from lincae_studio.ui.timeline.waveform import WaveLook, wave_image

#: Opacity of the spread, through which the waveform is seen.
_GHOST = 0.7

#: Height of the line at the bottom that shows the state of chunks that are not rendered.
_STATE_PX = 3

#: Tolerance of borders, so that rounding does not decide which column a chunk ends in.
_NOISE_PX = 1e-6


class MasterLane(TimeCanvas):
    """Rendered chunks in colour over the dry mix, so that what the codec removes shows in grey behind it.

    Previews look the same, but are underlined. Other chunks show the dry mix only, as they are heard.

    Signals:
        seek: the sample that was clicked.
    """

    seek = Signal(object)

    def __init__(
        self,
        axis: TimeAxis,
        rendering: Rendering,
        document: Document,
        selection: Selection,
        envelopes: ShownEnvelopes,
        wave_zoom: WaveZoom,
        spread: Spread,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(axis, parent)
        self._envelope = MasterEnvelope(self, document, selection, envelopes)
        self._envelope.changed.connect(self.invalidate)
        self._wave_zoom = wave_zoom
        wave_zoom.changed.connect(self.invalidate)
        #: Whether the scale of the waveform is shown.
        self.shows_scale = True
        self._rendering = rendering
        self._spread = spread
        spread.changed.connect(self._invalidate_chunk)
        spread.turned.connect(self.invalidate)
        self.peaks = MixPeaks(rendering)
        self.dry = DryPeaks(rendering)
        self.setMinimumHeight(40)
        self.setAccessibleName("Waveform of the rendered mix, over that of the dry mix")
        rendering.plan_changed.connect(self._on_plan_changed)
        rendering.chunk_changed.connect(self._on_chunk_changed)
        self.dry.changed.connect(self._invalidate_chunk)
        axis.changed.connect(self._request_dry_peaks)
        self.resized.connect(self._request_dry_peaks)

    def paint_content(self, painter: QPainter, area: QRect) -> None:
        self._paint_mix(painter, area)
        self._envelope.paint(painter)

    def set_shows_scale(self, on: bool) -> None:
        """Show or hide the scale of the waveform."""
        self.shows_scale = on
        self.update()

    def paint_overlay(self, painter: QPainter) -> None:
        if self._envelope.shown:
            marks = envelope_marks(self._envelope.kind or Kind.GAIN, 0, self.height())
            paint_scale(painter, self.width(), 0, self.height(), marks)
        elif self.shows_scale and self._rendering.plan.length:
            marks = wave_marks(0, self.height(), self._wave_zoom.factor, stereo=False)
            paint_scale(painter, self.width(), 0, self.height(), marks)
        self._envelope.paint_overlay(painter)

    def scrolled(self, before: float) -> None:
        """Repaint the envelope, whose segments start at the left border."""
        if self._envelope.shown:
            self.invalidate()

    def _paint_mix(self, painter: QPainter, area: QRect) -> None:
        plan = self._rendering.plan
        if not plan.length:
            painter.setPen(QColor(theme.colors().text_dim))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, "The rendered mix appears here")
            return
        painter.fillRect(QRect(0, self.height() // 2, self.width(), 1), QColor(theme.colors().line))
        grey, color = QColor(theme.colors().mix_wave_stale), QColor(theme.colors().mix_wave)
        runs = self._runs(area)
        self._draw(painter, area, [run[:2] for run in runs if run[3]], self._dry_columns, grey)
        self._draw(painter, area, [run[:2] for run in runs if not run[2] and not run[3]], self._last_columns, grey)
        self._draw(painter, area, [run[:2] for run in runs if run[2]], self._columns, color)
        if self._spread.on:
            painter.setOpacity(_GHOST)
            known = self._spread.known(*self.axis.start_and_end(area.left(), area.right() + 1))
            ghost = QColor(theme.colors().state_rendering)
            self._draw(painter, area, [(index, index) for index in known], self._spread_columns, ghost)
            painter.setOpacity(1.0)
        self._draw_states(painter, area)

    def _draw(
        self,
        painter: QPainter,
        area: QRect,
        runs: Sequence[tuple[int, int]],
        columns: Callable[[float, float, int], Audio],
        color: QColor,
    ) -> None:
        """Draw the waveform of runs of chunks (first, last) within an area, as one image."""
        ratio, plan = self.paint_ratio, self._rendering.plan
        left, right = math.floor(area.left() * ratio), math.ceil((area.right() + 1) * ratio)
        samples_per_column = self.axis.samples_per_px / ratio
        pairs, colors = np.zeros((right - left, 2), np.float32), np.zeros(right - left, np.uint32)
        spans = []
        for first, last in runs:
            ends = first * plan.grid.step_samples, min((last + 1) * plan.grid.step_samples, plan.length)
            begin, end = (math.floor(self.axis.x_of(at) * ratio + _NOISE_PX) for at in ends)
            spans.append((max(left, begin) - left, min(right, end) - left))
        for begin, end in [(spans[0][0], spans[-1][1])] if spans and samples_per_column >= BLOCK else spans:
            if end > begin:  # from peaks, columns of all runs are faster than of each
                start = self.axis.start + (left + begin) * samples_per_column
                pairs[begin:end] = columns(start, samples_per_column, end - begin)
        for begin, end in spans:
            colors[begin : max(begin, end)] = color.rgba()
        if not colors.any():
            return
        pairs[colors == 0] = 0.0  # nothing clips between the runs
        look = WaveLook(self._wave_zoom.factor, QColor(theme.colors().meter_clip))
        image = wave_image(pairs, round(self.height() * ratio), colors, look)
        image.setDevicePixelRatio(ratio)
        painter.drawImage(QPointF(left / ratio, 0), image)

    def _draw_states(self, painter: QPainter, area: QRect) -> None:
        """Underline chunks that are not rendered, in the colours of the render bar."""
        colors, step = theme.colors(), self._rendering.plan.grid.step_samples
        of_state: dict[int, str] = {
            ChunkState.STALE: colors.state_stale,
            ChunkState.RENDERING: colors.state_rendering,
            ChunkState.PREVIEWED: colors.state_previewed,
            ChunkState.FAILED: colors.state_failed,
        }
        begin, end = self.axis.start_and_end(area.left(), area.right() + 1)
        for first, last, state in self._rendering.runs(begin, end, together=self._together):
            if state in of_state:
                left, right = (round(self.axis.x_of(chunk * step)) for chunk in (first, last + 1))
                line = QRect(left, self.height() - _STATE_PX, right - left, _STATE_PX)
                painter.fillRect(line, QColor(of_state[state]))

    def _runs(self, area: QRect) -> list[tuple[int, int, bool, bool]]:
        """Runs of chunks drawn alike, as (first, last, decoded, dry peaks known), so that each run is one image."""
        states = self._rendering.states.states
        looks = ((states == ChunkState.RENDERED) | (states == ChunkState.PREVIEWED)) + np.uint8(
            2
        ) * self.dry.peaks.current
        runs = self._rendering.runs(
            *self.axis.start_and_end(area.left(), area.right() + 1), together=self._together, looks=looks
        )
        return [(first, last, bool(look & 1), bool(look & 2)) for first, last, look in runs]

    @property
    def _together(self) -> int:
        """The number of chunks that a pixel shows, at least 1."""
        return max(1, int(self.axis.samples_per_px / self.paint_ratio / self._rendering.plan.grid.step_samples))

    def _columns(self, start: float, samples_per_column: float, count: int) -> Audio:
        """Peaks of the rendered mix."""
        if samples_per_column >= BLOCK:
            return self.peaks.pyramid.columns(start, samples_per_column, count)
        begin = max(0, int(start))
        end = min(self._rendering.plan.length, int(start + count * samples_per_column) + 2)
        audio = self._rendering.reader(previews=True).read(begin, end - begin)
        return sample_columns(audio.T, start - begin, samples_per_column, count)

    def _spread_columns(self, start: float, samples_per_column: float, count: int) -> Audio:
        """The standard deviation of decodes, as peaks below and above 0."""
        return self._spread.peaks.pyramid.columns(start, samples_per_column, count)

    def _last_columns(self, start: float, samples_per_column: float, count: int) -> Audio:
        """Peaks of the last render, even if outdated."""
        return self.peaks.pyramid.columns(start, samples_per_column, count)

    def _dry_columns(self, start: float, samples_per_column: float, count: int) -> Audio:
        """Peaks of the dry mix: of its samples if those of the whole view can be read, so that no part differs."""
        if samples_per_column < BLOCK and self.dry.readable(self.width() * self.axis.samples_per_px):
            begin = max(0, int(start))
            end = min(self._rendering.plan.length, int(start + count * samples_per_column) + 2)
            audio = self._rendering.dry.read(begin, end - begin)
            return sample_columns(audio.T, start - begin, samples_per_column, count)
        return self.dry.peaks.pyramid.columns(start, samples_per_column, count)

    def _request_dry_peaks(self) -> None:
        self.dry.set_visible(*self.axis.start_and_end(0, self.width()))
        self._spread.set_visible(*self.axis.start_and_end(0, self.width()))

    def _on_plan_changed(self) -> None:
        self.peaks.follow_plan()
        self.dry.follow_plan()
        if self._follow_some():
            self._rendering.spare_time.add(self._follow_some)

    def _follow_some(self) -> bool:
        """Add some of the peaks that are available. Whether there are more."""
        more = self.peaks.follow_some(), self.dry.follow_some()
        self.invalidate()
        return any(more)

    def _on_chunk_changed(self, index: int) -> None:
        self.peaks.follow_chunk(index)
        self._invalidate_chunk(index)

    def _invalidate_chunk(self, index: int) -> None:
        step = self._rendering.plan.grid.step_samples
        # The end of a chunk is crossfaded into the next chunk's step.
        left, right = self.axis.x_of(index * step), self.axis.x_of((index + 2) * step)
        if right > 0 and left < self.width():
            self.invalidate(QRect(math.floor(left) - 1, 0, math.ceil(right - left) + 3, self.height()) & self.rect())

    # Qt overrides

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and not self._envelope.press(event.position()):
            self.seek.emit(self.axis.sample_at(event.position().x()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._envelope.move(event.position())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._envelope.release()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._envelope.delete(event.position())
