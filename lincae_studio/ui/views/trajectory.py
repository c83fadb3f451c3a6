"""The path of the mix through latent space, projected on its first two principal components. Main thread."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyqtgraph as pg
from msgspec import Struct
from PySide6.QtCore import QTimer
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from lincae_studio.ui import theme
from lincae_studio.ui.rendering.chunk_worker import ChunkWorker
from lincae_studio.ui.timeline.gesture_keys import GestureKeys
from lincae_studio.ui.views.context import ViewContext
from lincae_studio.ui.views.sources import Deferred, MixSource
from lincae_studio.ui.views.statistics import LatentStatistics, Statistics

#: Length of the bright trail up to the playhead, in frames.
TRAIL = 48

#: Largest number of points of the path, and of chunks used for it, evenly spread.
_POINTS = 2000
_CHUNKS = 300

#: Size limit of the cached points, in bytes.
_CACHED_BYTES = 16 * 1024 * 1024

#: Translucent, so that the density of overlapping lines is visible.
_PATH_ALPHA = 90

#: Changes in quick succession are drawn together.
_GATHER_MS = 60

#: Points `(T, 2)` of a chunk's frames.
Places = npt.NDArray[np.float32]


class _Task(Struct, frozen=True):
    values: Deferred
    statistics: LatentStatistics


def project(task: _Task) -> Places:
    """Project frames `(D, T)` on the two components, giving `(T, 2)`."""
    deviation = task.values() - task.statistics.mean[:, None]
    return np.asarray((task.statistics.components @ deviation).T, np.float32)


class TrajectoryPanel(QWidget):
    """The visible part of the session as a path, with a brighter trail up to the playhead."""

    def __init__(self, context: ViewContext, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self._rendering = context.rendering
        self._source = MixSource(context.rendering, self)
        self.statistics = Statistics(self._source, self._rendering, self)
        self._work = ChunkWorker[_Task, Places](
            "trajectory", project, self, context.rendering.idle_gate, cached_bytes=_CACHED_BYTES
        )
        self._playhead = 0
        #: Counts updates of the statistics, which invalidate cached points.
        self._serial = 0
        self.plot = pg.PlotWidget(self)
        self.plot.setAccessibleName("Path of the mix in its first two principal components")
        self.plot.hideButtons()
        self.plot.setMenuEnabled(False)
        half = self.fontMetrics().height() // 2  # of the labels of ticks at the ends of the axes
        self.plot.getPlotItem().layout.setContentsMargins(0, half, 2 * half, 0)
        self.plot.getViewBox().setAspectLocked(True)
        GestureKeys(self.plot.viewport())  # the plot is dragged to move it
        self._path = pg.PlotCurveItem()
        self._path.setCacheMode(
            pg.PlotCurveItem.CacheMode.DeviceCoordinateCache
        )  # otherwise repainted at every playhead move
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
        self.setMinimumWidth(260)
        self.plot.setMinimumHeight(170)
        self._gathering = QTimer(self)
        self._gathering.setSingleShot(True)
        self._gathering.timeout.connect(lambda: self._rendering.spare_time.add(self._draw))
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
        """Apply the colours of the theme."""
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
        """End the threads of the view."""
        self.statistics.close()
        self._work.close()

    def places(self, index: int) -> Places | None:
        """The points `(T, 2)` of a chunk's frames, or None while unknown."""
        return self._work.of((self._source.key(index), self._serial))

    def path(self) -> tuple[Places, Places]:
        """The path of the visible part and its trail as drawn, as points `(n, 2)`."""
        return _points(self._path), _points(self._trail)

    @property
    def point(self) -> tuple[float, float] | None:
        """The point at the playhead."""
        x, y = self._point.getData()
        return (float(x[0]), float(y[0])) if len(x) else None

    def _on_statistics_changed(self) -> None:
        self._serial += 1

    def _draw_soon(self) -> None:
        if not self._gathering.isActive():
            self._gathering.start(_GATHER_MS)

    def _indices(self) -> list[int]:
        """The rendered chunks in view: all of them, or a selection spread evenly."""
        plan, axis = self._rendering.plan, self._context.axis
        first = plan.grid.owner(int(axis.start))
        last = plan.grid.owner(int(axis.start + axis.visible_samples))
        get = self._rendering.store.get
        known = [chunk.index for chunk in plan.chunks.between(first, last) if get(chunk.key) is not None]
        return known[:: max(1, -(-len(known) // _CHUNKS))]

    def _near_playhead(self) -> list[int]:
        """The chunks that the trail runs through."""
        plan = self._rendering.plan
        owner, hop = plan.grid.owner, plan.grid.hop
        first, last = owner(max(0, self._playhead - (TRAIL - 1) * hop)), owner(self._playhead)
        return list(range(first, min(last + 1, len(plan.chunks))))

    def _draw(self) -> bool:
        """Draw the visible part. As a step of spare time: there is no more to do."""
        statistics = self.statistics.latest
        if statistics is None:
            for item in (self._path, self._trail, self._point):
                item.setData([], [])
            self._info.setText("Nothing is rendered yet")
            return False
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
            f"Shows the visible part of the session, with the last {TRAIL} frames highlighted."
        )
        self._draw_playhead()
        return False

    def _draw_playhead(self) -> None:
        """Draw the frame at the playhead and the trail before it."""
        grid = self._rendering.plan.grid
        trail: list[Places] = []
        for index in self._near_playhead():
            found = self.places(index) if self.statistics.latest is not None else None
            if found is None:
                trail.clear()  # the trail does not cross gaps
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
