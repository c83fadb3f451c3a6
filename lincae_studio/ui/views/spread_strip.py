"""The margin of the heatmap: by how much decodes from other seeds differ, chunk by chunk. Main thread."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QRect
from PySide6.QtGui import QColor, QHelpEvent, QPainter
from PySide6.QtWidgets import QToolTip, QWidget

from lincae_studio.ui import theme
from lincae_studio.ui.model.time_axis import TimeAxis
from lincae_studio.ui.rendering.rendering import Rendering
from lincae_studio.ui.rendering.spread import DECODES, Spread
from lincae_studio.ui.timeline.canvas import TimeCanvas

#: The bottom of the strip, in dB; the top is 0 dB.
_FLOOR_DB = -60.0


class SpreadStrip(TimeCanvas):
    """One bar per chunk: empty at -60 dB, full at 0 dB. It is shown while the spread is on."""

    def __init__(self, axis: TimeAxis, rendering: Rendering, spread: Spread, parent: QWidget) -> None:
        super().__init__(axis, parent)
        self._rendering = rendering
        self._spread = spread
        self.setFixedHeight(16)
        self.setAccessibleName("Spread of decodes from other seeds, chunk by chunk")
        self.setVisible(spread.on)
        rendering.plan_changed.connect(self.invalidate)
        spread.changed.connect(lambda _: self.invalidate())
        spread.turned.connect(lambda: self.setVisible(spread.on))

    def paint_content(self, painter: QPainter, area: QRect) -> None:
        plan, colors = self._rendering.plan, theme.colors()
        painter.fillRect(area, QColor(colors.window))
        begin, end = self.axis.start_and_end(area.left(), area.right() + 1)
        for chunk in plan.chunks.between(plan.grid.owner(begin), plan.grid.owner(end)):
            value = self._spread.of(chunk.index)
            if value is None:
                continue
            left = round(self.axis.x_of(chunk.index * plan.grid.step_samples))
            right = round(self.axis.x_of(min((chunk.index + 1) * plan.grid.step_samples, plan.length)))
            share = min(max(1.0 - value / _FLOOR_DB, 0.05), 1.0)
            height = round((self.height() - 2) * share)
            painter.fillRect(
                left, self.height() - 1 - height, max(right - left - 1, 1), height, QColor(colors.state_rendering)
            )

    # Qt overrides

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent):
            index = self._rendering.plan.grid.owner(self.axis.sample_at(event.pos().x()))
            value = self._spread.of(index)
            text = ""
            if value is not None:
                level = f"{value:.1f} dB".replace("-", "−")
                text = f"Chunk {index}: spread of {DECODES} decodes {level} relative to their mean"
            QToolTip.showText(event.globalPos(), text, self)
            return True
        return super().event(event)
