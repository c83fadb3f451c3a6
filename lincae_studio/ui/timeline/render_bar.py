"""The render bar below the ruler: the state of each chunk, by colour and pattern."""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtCore import QEvent, QRect, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QHelpEvent, QPainter
from PySide6.QtWidgets import QToolTip, QWidget

from lincae_studio.engine.rendering.render_store import ChunkState, Monitor
from lincae_studio.ui import theme
from lincae_studio.ui.model.time_axis import TimeAxis
from lincae_studio.ui.plain_text import in_tip
from lincae_studio.ui.rendering.rendering import Rendering
from lincae_studio.ui.timeline.canvas import TimeCanvas

_PATTERNS = {
    ChunkState.RENDERED: Qt.BrushStyle.SolidPattern,
    ChunkState.STALE: Qt.BrushStyle.BDiagPattern,
    ChunkState.RENDERING: Qt.BrushStyle.Dense3Pattern,
    ChunkState.FAILED: Qt.BrushStyle.DiagCrossPattern,
    ChunkState.PREVIEWED: Qt.BrushStyle.VerPattern,
}

#: Cells narrower than this are drawn without a gap between them.
_GAP_PX = 4

_TEXT = {
    ChunkState.SILENT: "silent: nothing to decode",
    ChunkState.RENDERED: "rendered",
    ChunkState.STALE: "waiting to be rendered",
    ChunkState.RENDERING: "rendering",
    ChunkState.FAILED: "failed",
    ChunkState.PREVIEWED: "preview, waiting to be rendered",
}

_LATENT, _DRY, _DIFFERENCE, _NOTHING = (
    f"{what} is heard" for what in ("the latent mix", "the dry mix", "the difference", "nothing")
)
_PREVIEW = "a quick decoding of the latent mix is heard"

#: What is heard of rendered chunks, of previews, and of other chunks, by monitor mode.
_HEARD: dict[Monitor, tuple[str, str, str]] = {
    "auto": (_LATENT, _PREVIEW, _DRY),
    "latent": (_LATENT, _PREVIEW, _NOTHING),
    "dry": (_DRY, _DRY, _DRY),
    "difference": (_DIFFERENCE, _NOTHING, _NOTHING),
}


@lru_cache
def _brushes(state: ChunkState, colors: theme.Colors) -> tuple[QBrush, QBrush]:
    """The ground of cells in a state, and the pattern over it."""
    shown = {
        ChunkState.RENDERED: colors.state_rendered,
        ChunkState.STALE: colors.state_stale,
        ChunkState.RENDERING: colors.state_rendering,
        ChunkState.FAILED: colors.state_failed,
        ChunkState.PREVIEWED: colors.state_previewed,
    }
    color = QColor(shown[state])
    ground = QColor(colors.window) if color.lightness() < 128 else color.darker(260)
    return QBrush(ground), QBrush(color, _PATTERNS[state])


class RenderBar(TimeCanvas):
    """One cell per chunk; silent chunks are empty."""

    def __init__(self, axis: TimeAxis, rendering: Rendering, parent: QWidget | None = None) -> None:
        super().__init__(axis, parent)
        self._rendering = rendering
        self._monitor: Monitor = "auto"
        self.setFixedHeight(9)
        self.setAccessibleName("Render state of the mix, chunk by chunk")
        rendering.plan_changed.connect(self.invalidate)
        rendering.chunk_changed.connect(self._on_chunk_changed)

    def paint_content(self, painter: QPainter, area: QRect) -> None:
        painter.fillRect(area, QColor(theme.colors().window))
        step_px = self._rendering.plan.grid.step_samples / self.axis.samples_per_px
        gaps = step_px >= _GAP_PX
        begin, end = self.axis.start_and_end(area.left(), area.right() + 1)
        together = max(1, int(1.0 / step_px))
        cells: dict[int, list[QRectF]] = {}
        for first, last, state in self._rendering.runs(begin, end, merged=not gaps, together=together):
            cells.setdefault(state, []).append(self._cell(first, last, gaps))
        painter.setPen(Qt.PenStyle.NoPen)
        for state, alike in sorted(cells.items()):
            for brush in _brushes(ChunkState(state), theme.colors()):
                painter.setBrush(brush)
                painter.drawRects(alike)

    def _cell(self, first: int, last: int, gap: bool) -> QRectF:
        plan = self._rendering.plan
        left = self.axis.x_of(first * plan.grid.step_samples)
        right = self.axis.x_of(min((last + 1) * plan.grid.step_samples, plan.length))
        return QRectF(left, 1, max(1.0, right - left - (1.0 if gap else 0.0)), 7)

    def _on_chunk_changed(self, index: int) -> None:
        self.invalidate(self._cell(index, index, gap=False).toAlignedRect().adjusted(-1, -1, 1, 1))

    def describe(self, x_px: float) -> str:
        """The tooltip of the chunk at a place; "" behind the last one."""
        plan = self._rendering.plan
        index = plan.grid.owner(self.axis.sample_at(x_px))
        if index >= len(plan.chunks):
            return ""
        state = self._rendering.state(index)
        chunk = plan.chunks[index]
        rendered, previewed, other = _HEARD[self._monitor]
        heard = {ChunkState.RENDERED: rendered, ChunkState.PREVIEWED: previewed}.get(state, other)
        words = _TEXT[state] if state is ChunkState.SILENT else f"{_TEXT[state]}: {heard}"
        reason = self._rendering.store.failure(chunk.key) if chunk else None
        return f"Chunk {index}: {words}" + (f"\n{in_tip(reason)}" if reason else "")

    def set_monitor(self, monitor: Monitor) -> None:
        """Set the monitor mode, which the tooltips mention."""
        self._monitor = monitor

    # Qt overrides

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent):
            QToolTip.showText(event.globalPos(), self.describe(event.pos().x()), self)
            return True
        return super().event(event)
