"""The render bar: the state of each chunk under the ruler, by colour and pattern."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QHelpEvent, QPainter
from PySide6.QtWidgets import QToolTip, QWidget

from lincae_studio.engine.store import ChunkState
from lincae_studio.ui import theme
from lincae_studio.ui.rendering import Rendering
from lincae_studio.ui.timeline.axis import TimeAxis
from lincae_studio.ui.timeline.canvas import TimeCanvas

_LOOK = {
    ChunkState.RENDERED: (theme.STATE_RENDERED, Qt.BrushStyle.SolidPattern),
    ChunkState.STALE: (theme.STATE_STALE, Qt.BrushStyle.BDiagPattern),
    ChunkState.RENDERING: (theme.STATE_RENDERING, Qt.BrushStyle.Dense3Pattern),
    ChunkState.FAILED: (theme.STATE_FAILED, Qt.BrushStyle.DiagCrossPattern),
}

_TEXT = {
    ChunkState.SILENT: "silent: nothing to decode",
    ChunkState.RENDERED: "rendered: the latent mix is heard",
    ChunkState.STALE: "waiting to be rendered: the dry mix is heard",
    ChunkState.RENDERING: "being rendered: the dry mix is heard",
    ChunkState.FAILED: "failed: the dry mix is heard",
}


class RenderBar(TimeCanvas):
    """One cell per chunk; silent chunks are empty."""

    def __init__(self, axis: TimeAxis, rendering: Rendering, parent: QWidget | None = None) -> None:
        super().__init__(axis, parent)
        self._rendering = rendering
        self.setFixedHeight(9)
        self.setAccessibleName("Render state of the mix, chunk by chunk")
        rendering.plan_changed.connect(self.invalidate)
        rendering.chunk_changed.connect(self.invalidate)

    def paint_content(self, painter: QPainter) -> None:
        plan = self._rendering.plan
        painter.fillRect(self.rect(), QColor(theme.WINDOW))
        first = plan.grid.owner(int(self.axis.start))
        last = min(len(plan.chunks) - 1, plan.grid.owner(int(self.axis.start + self.axis.shown)))
        for index in range(first, last + 1):
            look = _LOOK.get(self._rendering.state(index))
            if look is None:
                continue
            left = self.axis.x_of(index * plan.grid.step_samples)
            right = self.axis.x_of(min((index + 1) * plan.grid.step_samples, plan.length))
            cell = QRectF(left, 1, max(1.0, right - left - 1.0), 7)
            painter.fillRect(cell, QColor(look[0]).darker(260))
            painter.fillRect(cell, QBrush(QColor(look[0]), look[1]))

    def _describe(self, x_px: float) -> str:
        plan = self._rendering.plan
        index = plan.grid.owner(self.axis.sample_at(x_px))
        if index >= len(plan.chunks):
            return ""
        state = self._rendering.state(index)
        chunk = plan.chunks[index]
        reason = self._rendering.store.failure(chunk.key) if chunk else None
        return f"Chunk {index}: {_TEXT[state]}" + (f"\n{reason}" if reason else "")

    # Qt overrides

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent):
            QToolTip.showText(event.globalPos(), self._describe(event.pos().x()), self)
            return True
        return super().event(event)
