"""The path of the mix through latent space, seen from its first two principal components; the playhead is a point."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyqtgraph as pg
from PySide6.QtCore import QTimer
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from lincae_studio.ui import theme
from lincae_studio.ui.rendering.chunk_worker import ChunkWorker
from lincae_studio.ui.views.context import ViewContext
from lincae_studio.ui.views.sources import Deferred, MixSource
from lincae_studio.ui.views.statistics import LatentStatistics, Statistics

#: The bright part of the path: so many frames up to the playhead.
TRAIL = 48

#: Points that are drawn of the whole, and chunks that are looked at for it, spread evenly.
_POINTS = 6000
_CHUNKS = 300

#: Chunks whose places are remembered.
_REMEMBERED = 4000

#: Many lines over each other: where they lie densely is seen.
_PATH_ALPHA = 90

#: Changes that come in a burst are drawn together.
_GATHER_MS = 60

#: Places `(T, 2)` of a chunk's frames.
Places = npt.NDArray[np.float32]


@dataclass(frozen=True)
class _Task:
    values: Deferred
    statistics: LatentStatistics


def project(task: _Task) -> Places:
    """Frames `(D, T)` on the two components: `(T, 2)`."""
    deviation = task.values() - task.statistics.mean[:, None]
    return np.asarray((task.statistics.components @ deviation).T, np.float32)


class TrajectoryPanel(QWidget):
    """The visible part of the session as a path, its last seconds brighter."""

    def __init__(self, context: ViewContext, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self._rendering = context.rendering
        self._source = MixSource(context.rendering, self)
        self.statistics = Statistics(self._source, self._rendering, self)
        self._work = ChunkWorker[_Task, Places](
            "trajectory", project, self, context.rendering.idle_gate, remembered=_REMEMBERED
        )
        self._playhead = 0
        #: Counts statistics: places are those of one of them.
        self._serial = 0
        self.plot = pg.PlotWidget(self)
        self.plot.setAccessibleName("Path of the mix in its first two principal components")
        self.plot.hideButtons()
        self.plot.setMenuEnabled(False)
        self.plot.getViewBox().setAspectLocked(True)
        self._path = pg.PlotCurveItem()
        self._path.setCacheMode(pg.PlotCurveItem.CacheMode.DeviceCoordinateCache)  # else drawn at each playhead move
        self._trail = pg.PlotCurveItem()
        self._point = pg.ScatterPlotItem(size=11, pxMode=True)
        for item in (self._path, self._trail, self._point):
            self.plot.addItem(item)
        self._info = QLabel(self)
        self._info.setWordWrap(True)
        theme.dim(self._info)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.addWidget(self.plot, 1)
        layout.addWidget(self._info)
        self.setMinimumSize(260, 240)
        self._gathering = QTimer(self)
        self._gathering.setSingleShot(True)
        self._gathering.timeout.connect(self._draw)
        self.statistics.changed.connect(self._on_statistics_changed)
        for signal in (
            self._source.changed,
            self._source.chunk_changed,
            self._work.found,
            self.statistics.changed,
            context.axis.changed,
        ):
            signal.connect(self._draw_soon)
        self.follow_theme()
        self.statistics.set_active(True)

    def set_playhead(self, sample: int) -> None:
        self._playhead = sample
        self._draw_playhead()

    def follow_theme(self) -> None:
        """Take the colours of the theme."""
        colors = theme.colors()
        self.plot.setBackground(colors.lane)
        pale = QColor(colors.mix_wave_stale)
        pale.setAlpha(_PATH_ALPHA)
        self._path.setPen(pg.mkPen(pale, width=1))
        self._trail.setPen(pg.mkPen(colors.accent, width=2))
        self._point.setPen(pg.mkPen(colors.lane))
        self._point.setBrush(pg.mkBrush(colors.playhead))
        for name in ("left", "bottom"):
            axis = self.plot.getAxis(name)
            axis.setPen(pg.mkPen(colors.line))
            axis.setTextPen(pg.mkPen(colors.text_dim))

    def shutdown(self) -> None:
        """It is closed."""
        self.statistics.close()
        self._work.close()

    def places(self, index: int) -> Places | None:
        """Where a chunk's frames are, `(T, 2)`; None while that is not known."""
        return self._work.of((self._source.key(index), self._serial))

    def path(self) -> tuple[Places, Places]:
        """What is drawn: the path of the visible part, and its trail, as points `(n, 2)`."""
        return _points(self._path), _points(self._trail)

    @property
    def point(self) -> tuple[float, float] | None:
        """Where the playhead is."""
        x, y = self._point.getData()
        return (float(x[0]), float(y[0])) if len(x) else None

    def _on_statistics_changed(self) -> None:
        self._serial += 1

    def _draw_soon(self) -> None:
        if not self._gathering.isActive():
            self._gathering.start(_GATHER_MS)

    def _indices(self) -> list[int]:
        """Chunks in view that are rendered: all, or some spread over them."""
        plan, axis = self._rendering.plan, self._context.axis
        first = plan.grid.owner(int(axis.start))
        last = min(len(plan.chunks) - 1, plan.grid.owner(int(axis.start + axis.shown)))
        known = [index for index in range(first, last + 1) if self._rendering.rendered(index) is not None]
        return known[:: max(1, -(-len(known) // _CHUNKS))]

    def _near_playhead(self) -> list[int]:
        """Chunks that the trail goes through."""
        plan = self._rendering.plan
        owner, hop = plan.grid.owner, plan.grid.hop
        first, last = owner(max(0, self._playhead - (TRAIL - 1) * hop)), owner(self._playhead)
        return list(range(first, min(last + 1, len(plan.chunks))))

    def _draw(self) -> None:
        statistics = self.statistics.latest
        if statistics is None:
            for item in (self._path, self._trail, self._point):
                item.setData([], [])
            self._info.setText("Nothing is rendered yet")
            return
        indices = self._indices()
        near = [index for index in self._near_playhead() if self._rendering.rendered(index) is not None]
        tasks = {
            (self._source.key(index), self._serial): _Task(values, statistics)
            for index in dict.fromkeys([*near, *indices])
            if (values := self._source.deferred(index)) is not None
        }
        self._work.request(tasks.items())
        known = [found for index in indices if (found := self.places(index)) is not None]
        points = np.concatenate(known) if known else np.zeros((0, 2), np.float32)
        points = points[:: max(1, -(-len(points) // _POINTS))]
        self._path.setData(points[:, 0], points[:, 1])
        explained = statistics.explained * 100.0
        for number, name in enumerate(("bottom", "left")):
            self.plot.setLabel(name, f"PC {number + 1} ({explained[number]:.0f} %)")
        self._info.setText(
            f"Principal components of {statistics.frames} latent frames of the mix, with their shares of the variance. "
            f"The part in view; in colour the last {TRAIL} frames."
        )
        self._draw_playhead()

    def _draw_playhead(self) -> None:
        """The frame under the playhead, and those before it."""
        grid = self._rendering.plan.grid
        trail: list[Places] = []
        for index in self._near_playhead():
            found = self.places(index) if self.statistics.latest is not None else None
            if found is None:
                trail.clear()  # what comes before a gap is not the way here
                continue
            first = index * grid.step
            here = self._playhead // grid.hop - first
            trail.append(found[max(0, here + 1 - TRAIL) : max(0, here + 1)])
        points = np.concatenate(trail) if trail else np.zeros((0, 2), np.float32)
        self._trail.setData(points[:, 0], points[:, 1])
        self._point.setData(points[-1:, 0], points[-1:, 1])


def _points(curve: pg.PlotCurveItem) -> Places:
    x, y = curve.getData()
    if x is None:
        return np.zeros((0, 2), np.float32)
    return np.stack([x, y], axis=1)
