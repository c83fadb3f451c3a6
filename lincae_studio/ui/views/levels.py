"""Meters of the latent channels, showing the frame of the mix at the playhead. Main thread."""

from __future__ import annotations

import time

import numpy as np
from PySide6.QtCore import QEvent, QRectF, Qt
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from lincae_studio.codecs.base import Array
from lincae_studio.ui import theme
from lincae_studio.ui.views.context import ViewContext
from lincae_studio.ui.views.sources import own_frames

#: Hold time of the peak marks, and the time in which they then fall to a tenth.
_HOLD_S = 1.5
_FALL_S = 1.5

#: Share of the values of the loudest chunk seen so far that fit the height.
_QUANTILE = 0.995


class ChannelMeters(QWidget):
    """A bar per channel, up for positive and down for negative values, with marks holding the peaks."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.values: Array | None = None
        self.level = 0.0
        self.held: Array = np.zeros(0, np.float32)
        self._held_at: np.ndarray[tuple[int], np.dtype[np.float64]] = np.zeros(0)
        self._seen_at = 0.0
        self.setMouseTracking(True)
        self.setMinimumHeight(110)
        self.setAccessibleName("Levels of the latent channels")

    def show_values(self, values: Array | None, level: float) -> None:
        """Show values `(D,)`, or nothing for None; `level`: the value at full height."""
        now = time.monotonic()
        self.values, self.level = values, level
        if values is None or len(values) != len(self.held):
            self.held = np.zeros(0 if values is None else len(values), np.float32)
            self._held_at = np.zeros(len(self.held))
        if values is not None:
            falling = now - self._held_at > _HOLD_S
            self.held[falling] *= np.float32(10.0 ** (-(now - self._seen_at) / _FALL_S))
            higher = np.abs(values) >= self.held
            self.held[higher] = np.abs(values[higher])
            self._held_at[higher] = now
        self._seen_at = now
        self.update()

    def channel_at(self, x: float) -> int | None:
        """The channel at an x position, or None."""
        if self.values is None or not 0 <= x < self.width():
            return None
        return int(x * len(self.values) / self.width())

    # Qt overrides

    def paintEvent(self, event: QPaintEvent) -> None:
        colors = theme.colors()
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(colors.lane))
        middle = self.height() / 2.0
        painter.fillRect(QRectF(0, middle - 0.5, self.width(), 1), QColor(colors.line))
        if self.values is not None and self.level > 0.0:
            each = self.width() / len(self.values)
            gap = 1.0 if each >= 4.0 else 0.0
            heights = np.clip(self.values / self.level, -1.0, 1.0) * middle
            marks = np.clip(self.held / self.level, 0.0, 1.0) * middle
            negative, positive = QColor(colors.heat[1][1]), QColor(colors.heat[3][1])
            mark = QColor(colors.text_dim)
            for channel, (height, held) in enumerate(zip(heights.tolist(), marks.tolist(), strict=True)):
                left, wide = channel * each, max(1.0, each - gap)
                top = middle - max(height, 0.0)
                painter.fillRect(QRectF(left, top, wide, abs(height)), positive if height > 0.0 else negative)
                if held > 1.0:
                    painter.fillRect(QRectF(left, middle - held, wide, 1.0), mark)
                    painter.fillRect(QRectF(left, middle + held - 1.0, wide, 1.0), mark)
        painter.end()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        channel = self.channel_at(event.position().x())
        parent = self.parentWidget()
        if isinstance(parent, LevelsPanel):
            parent.show_channel(channel)

    def leaveEvent(self, event: QEvent) -> None:
        parent = self.parentWidget()
        if isinstance(parent, LevelsPanel):
            parent.show_channel(None)
        super().leaveEvent(event)


class LevelsPanel(QWidget):
    """The meters, following the playhead, with the value of the channel under the pointer below them."""

    def __init__(self, context: ViewContext, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rendering = context.rendering
        self._playhead = 0
        self._channel: int | None = None
        self._level = 0.0
        #: Key of the last chunk taken into account by the level.
        self._measured = ""
        self.meters = ChannelMeters(self)
        self._text = QLabel(self)
        self._text.setAlignment(Qt.AlignmentFlag.AlignLeft)
        theme.dim(self._text)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.addWidget(self.meters, 1)
        layout.addWidget(self._text)
        self.setMinimumWidth(260)
        context.rendering.session_replaced.connect(self._restart)
        context.rendering.plan_changed.connect(self._follow)
        context.rendering.chunk_changed.connect(self._on_chunk_changed)
        self._codec = context.rendering.plan.codec
        self._follow()

    def set_playhead(self, sample: int) -> None:
        self._playhead = sample
        self._show()

    def follow_theme(self) -> None:
        self.meters.update()

    def shutdown(self) -> None:
        """Nothing to do: this view has no threads."""

    def show_channel(self, channel: int | None) -> None:
        """Show the value of a channel, or for None a summary of the frame."""
        self._channel = channel
        self._show_text()

    def _restart(self) -> None:
        self._level = 0.0
        self._measured = ""

    def _follow(self) -> None:
        if self._rendering.plan.codec != self._codec:
            self._codec = self._rendering.plan.codec
            self._restart()
        self._show()

    def _on_chunk_changed(self, index: int) -> None:
        if index == self._rendering.plan.grid.owner(self._playhead):
            self._show()

    def _show(self) -> None:
        grid, chunks = self._rendering.plan.grid, self._rendering.plan.chunks
        index = grid.owner(self._playhead)
        rendered = self._rendering.rendered(index) if index < len(chunks) else None
        values = None
        if rendered is not None:
            if rendered.key != self._measured:
                self._measured = rendered.key
                own = own_frames(rendered.latents, grid)
                self._level = max(self._level, float(np.quantile(np.abs(own), _QUANTILE)))
            frame = grid.lead_frames + (self._playhead - index * grid.step_samples) // grid.hop
            values = np.asarray(rendered.latents[:, :, frame].mean(axis=0, dtype=np.float32))
        self.meters.show_values(values, self._level)
        self._show_text()

    def _show_text(self) -> None:
        values, frame = self.meters.values, self._playhead // self._rendering.plan.grid.hop
        if values is None:
            self._text.setText("Not rendered yet")
        elif self._channel is not None and self._channel < len(values):
            self._text.setText(f"Frame {frame}, channel {self._channel}: {values[self._channel]:+.4f}")
        else:
            self._text.setText(f"Frame {frame}, {len(values)} channels, height ±{self._level:.3g}")
