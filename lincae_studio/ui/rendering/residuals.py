"""The residual between latent mix and dry mix, by chunk: worked out in a thread, shown as a strip, written as CSV."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from PySide6.QtCore import QEvent, QObject, QRect, QRectF, QTimer, Signal
from PySide6.QtGui import QColor, QHelpEvent, QPainter
from PySide6.QtWidgets import QToolTip, QWidget

from lincae_studio import atomic
from lincae_studio.engine.analysis.residual import own_samples, residual_db
from lincae_studio.engine.planning.plan import Plan
from lincae_studio.engine.rendering.dry_mix import DryMix
from lincae_studio.engine.rendering.renderer import Rendered
from lincae_studio.errors import ExportError, os_error_reason
from lincae_studio.session.model import SESSION_RATE, Session
from lincae_studio.ui import theme
from lincae_studio.ui.model.time_axis import TimeAxis
from lincae_studio.ui.rendering.chunk_worker import ChunkWork
from lincae_studio.ui.rendering.linearity_meter import Measuring
from lincae_studio.ui.rendering.rendering import Rendering
from lincae_studio.ui.timeline.canvas import TimeCanvas

#: The strip's height stands for this range, in dB.
_FLOOR_DB = -80.0

#: From here on a residual is drawn as noticeable, and as large.
_NOTICEABLE_DB = -40.0
_LARGE_DB = -20.0

#: Renders that come in a burst are looked at together.
_GATHER_MS = 30


class Residuals(QObject):
    """Residuals of the rendered chunks, worked out one after the other while somebody looks.

    A chunk's key stands for its dry mix as well: the same terms, the same sum.

    Signals:
        changed: the residual of the chunk with this index is known.
    """

    changed = Signal(int)

    def __init__(self, rendering: Rendering) -> None:
        super().__init__(rendering)
        self._rendering = rendering
        self._work = ChunkWork[tuple[Plan, DryMix, Rendered, int], float | None](
            "residuals", lambda task: residual_db(*task), self, rendering.pace
        )
        self._lookers: set[object] = set()
        self._gathering = QTimer(self)
        self._gathering.setSingleShot(True)
        self._gathering.timeout.connect(self.follow)
        self._work.found.connect(self._on_found)
        rendering.plan_changed.connect(self._follow_soon)
        rendering.chunk_changed.connect(self._follow_soon)

    def set_active(self, looker: object, active: bool) -> None:
        """Somebody looks, or does no more; while nobody does, nothing is worked out."""
        (self._lookers.add if active else self._lookers.discard)(looker)
        self.follow()

    def follow(self) -> None:
        """Want what is rendered and not known yet."""
        shown, dry = self._rendering.shown, self._rendering.dry
        tasks = (
            (chunk.key, (shown, dry, rendered, chunk.index))
            for chunk in shown.audible
            if not self._work.knows(chunk.key) and (rendered := self._rendering.rendered(chunk.index)) is not None
        )
        self._work.want(tasks if self._lookers else ())

    def _follow_soon(self) -> None:
        if self._lookers and not self._gathering.isActive():
            self._gathering.start(_GATHER_MS)

    def of(self, index: int) -> float | None:
        """The residual of a chunk in dB; None while it is not known, or where nothing can be said."""
        chunk = self._rendering.shown.chunks[index] if index < len(self._rendering.shown.chunks) else None
        return self._work.of(chunk.key) if chunk is not None else None

    def close(self) -> None:
        """End the thread."""
        self._work.close()

    def _on_found(self, key: str) -> None:
        for index in self._rendering.indices(key):
            self.changed.emit(index)


class LinearityStrip(TimeCanvas):
    """A bar for each chunk, as high as its residual: empty at -80 dB, full at 0 dB."""

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
        grid = self._rendering.shown.grid
        begin, end = self.axis.start_and_end(area.left(), area.right() + 1)
        last = min(grid.owner(end), len(self._rendering.shown.chunks) - 1)
        for index in range(grid.owner(begin), last + 1):
            value = self._residuals.of(index)
            if value is None:
                continue
            share = min(max(1.0 - value / _FLOOR_DB, 0.0), 1.0)
            color = colors.state_rendered
            if value >= _NOTICEABLE_DB:
                color = colors.state_failed if value >= _LARGE_DB else colors.state_stale
            painter.fillRect(self._cell(index, max(share, 0.05)), QColor(color))

    def _cell(self, index: int, share: float) -> QRectF:
        plan = self._rendering.shown
        left = round(self.axis.x_of(index * plan.grid.step_samples), 3)
        right = round(self.axis.x_of(min((index + 1) * plan.grid.step_samples, plan.length)), 3)
        height = round((self.height() - 2) * share)
        return QRectF(left, self.height() - 1 - height, max(1.0, right - left - 1.0), height)

    # Qt overrides

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent):
            index = self._rendering.shown.grid.owner(self.axis.sample_at(event.pos().x()))
            value = self._residuals.of(index)
            text = "" if value is None else f"Chunk {index}: latent mix {value:.1f} dB away from the dry mix"
            QToolTip.showText(event.globalPos(), text, self)
            return True
        return super().event(event)


def write_report(path: Path, session: Session, rendering: Rendering, measuring: Measuring) -> int:
    """Write what is known of every chunk of the mix as CSV; returns how many chunks are rendered.

    What was not measured is empty. Tracks are named by their numbers from 1 on, and by their names.

    Raises:
        ExportError: when the file cannot be written.
    """
    plan, dry = rendering.plan, rendering.dry
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    names = ["chunk", "start_s", "end_s", "media", "residual_db", "sum_of_decodes_db", "noise_floor_db"]
    for number, track in enumerate(session.tracks, 1):
        names += [f"{figure} of {number} {track.name}" for figure in ("level_db", "share", "loss_db")]
    table.writerow(names)
    count = 0
    for chunk in plan.audible:
        start, end = own_samples(plan, chunk.index)
        rendered, measured = rendering.rendered(chunk.index), measuring.of(chunk.index)
        count += rendered is not None
        row: list[float | None] = [residual_db(plan, dry, rendered, chunk.index) if rendered is not None else None]
        row += [measured.sum_db, measured.floor_db] if measured is not None else [None, None]
        for track in session.tracks:
            figures = measured.tracks.get(track.id) if measured is not None else None
            row += [figures.level_db, figures.share, figures.loss_db] if figures is not None else [None, None, None]
        media = len({term.source.media for term in chunk.terms})
        where = [chunk.index, f"{start / SESSION_RATE:.6f}", f"{end / SESSION_RATE:.6f}", media]
        table.writerow([*where, *("" if figure is None else f"{figure:.3f}" for figure in row)])
    try:
        atomic.write_bytes(path, out.getvalue().encode())
    except OSError as error:
        reason, remedy = os_error_reason(error, path)
        raise ExportError(f"cannot write {path}: {reason}", remedy) from error
    return count
