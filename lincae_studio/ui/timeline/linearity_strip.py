"""The strip below the render bar: the residual between latent and dry mix per chunk. Main thread."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QRect, QRectF
from PySide6.QtGui import QColor, QHelpEvent, QPainter
from PySide6.QtWidgets import QToolTip, QWidget

from lincae_studio.ui import theme
from lincae_studio.ui.model.time_axis import TimeAxis
from lincae_studio.ui.rendering.rendering import Rendering
from lincae_studio.ui.rendering.residuals import Residuals
from lincae_studio.ui.timeline.canvas import TimeCanvas

#: The bottom of the strip, in dB; the top is 0 dB.
_FLOOR_DB = -80.0

#: Residuals from these levels up are coloured as noticeable and as large.
_NOTICEABLE_DB = -40.0
_LARGE_DB = -20.0


class LinearityStrip(TimeCanvas):
    """One bar per chunk, whose height shows the residual: empty at -80 dB, full at 0 dB."""

    def __init__(
        self, axis: TimeAxis, rendering: Rendering, residuals: Residuals, parent: QWidget | None = None
    ) -> None:
        super().__init__(axis, parent)
        self._rendering = rendering
        self._residuals = residuals
        self.setFixedHeight(22)
        self.setAccessibleName("Residual between latent mix and dry mix, chunk by chunk")
        rendering.plan_changed.connect(self.invalidate)
        residuals.changed.connect(lambda index: self.invalidate(self._cell(index, 1.0).toAlignedRect()))

    def paint_content(self, painter: QPainter, area: QRect) -> None:
        colors = theme.colors()
        painter.fillRect(area, QColor(colors.window))
        grid = self._rendering.plan.grid
        begin, end = self.axis.start_and_end(area.left(), area.right() + 1)
        for chunk in self._rendering.plan.chunks.between(grid.owner(begin), grid.owner(end)):
            index = chunk.index
            value = self._residuals.of(index)
            if value is None:
                continue
            share = min(max(1.0 - value / _FLOOR_DB, 0.0), 1.0)
            color = colors.state_rendered
            if value >= _NOTICEABLE_DB:
                color = colors.state_failed if value >= _LARGE_DB else colors.state_stale
            painter.fillRect(self._cell(index, max(share, 0.05)), QColor(color))

    def _cell(self, index: int, share: float) -> QRectF:
        plan = self._rendering.plan
        left = round(self.axis.x_of(index * plan.grid.step_samples), 3)
        right = round(self.axis.x_of(min((index + 1) * plan.grid.step_samples, plan.length)), 3)
        height = round((self.height() - 2) * share)
        return QRectF(left, self.height() - 1 - height, max(1.0, right - left - 1.0), height)

    # Qt overrides

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent):
            index = self._rendering.plan.grid.owner(self.axis.sample_at(event.pos().x()))
            value = self._residuals.of(index)
            chunk = self._rendering.plan.chunks.get(index)
            text = "" if value is None else f"Chunk {index}: residual between latent and dry mix {value:.1f} dB"
            if chunk is not None and chunk.edited:
                text = f"Chunk {index} has regions or inserts, and is not compared with the dry mix"
            QToolTip.showText(event.globalPos(), text, self)
            return True
        return super().event(event)
