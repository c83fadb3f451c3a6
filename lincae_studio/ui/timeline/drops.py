"""Files being dragged over the lanes: where they would go, and ghosts of their length. Main thread.

The files are probed once, in a thread, when the drag enters: they may be on a slow disk.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import Struct
from PySide6.QtCore import QMimeData, QObject, QRectF, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QColor, QPainter, QPen

from lincae_studio.errors import MediaError
from lincae_studio.jobs import CancelToken, ReportProgress
from lincae_studio.media.importing import natural_order, with_folders
from lincae_studio.media.probe import probe
from lincae_studio.session.times import format_time
from lincae_studio.ui import theme
from lincae_studio.ui.jobs.background_job import BackgroundJob
from lincae_studio.ui.model.time_axis import TimeAxis
from lincae_studio.ui.model.track_rows import TrackRows
from lincae_studio.ui.plain_text import shown
from lincae_studio.ui.timeline.clip_painter import MARGIN_PX
from lincae_studio.ui.timeline.hits import NAME_PX

#: Delay before a leaving drag ends: some desktops send leave and enter between two moves.
_LEAVE_MS = 100

#: Width of the ghost of a file whose length is not known yet.
_UNKNOWN_PX = 160

#: At most this many files are probed before they are dropped.
_LOOKED_AT = 200


class DropTarget(Struct, frozen=True):
    """Where dropped files go.

    Attributes:
        start: their first sample.
        track: position of the first track; -1 for new tracks below all others.
        in_sequence: one after the other on a single track instead of one track each.
    """

    start: int
    track: int
    in_sequence: bool = False


class Ghost(Struct, frozen=True):
    """A dragged file: `length` in samples at the session rate, None while unknown; `problem`: it cannot be read."""

    name: str
    length: int | None = None
    problem: bool = False


class DropPreview(QObject):
    """The drag over the lanes, if any.

    Signals:
        changed: the ghosts need repainting.
    """

    changed = Signal()

    def __init__(self, rate: Callable[[], int], parent: QObject) -> None:
        """`rate`: returns the session's sample rate, in Hz."""
        super().__init__(parent)
        self._rate = rate
        self.target: DropTarget | None = None
        self.ghosts: tuple[Ghost, ...] = ()
        self._paths: tuple[Path, ...] = ()
        self._job: BackgroundJob | None = None
        self._leaving = QTimer(self)
        self._leaving.setSingleShot(True)
        self._leaving.setInterval(_LEAVE_MS)
        self._leaving.timeout.connect(self.end)

    def enter(self, data: QMimeData) -> None:
        """Start a drag, or continue the one that has just left."""
        self._leaving.stop()
        paths = tuple(natural_order(local_paths(data)))
        if paths == self._paths:
            return
        self._paths = paths
        self.ghosts = tuple(Ghost(path.name) for path in paths)
        self._probe(paths[:_LOOKED_AT])

    def move(self, target: DropTarget) -> None:
        """Set where the files would be dropped."""
        self._leaving.stop()
        if target != self.target:
            self.target = target
            self.changed.emit()

    def leave(self) -> None:
        """End the drag soon, unless it comes back."""
        self._leaving.start()

    def end(self) -> None:
        """End the drag, because it has left or was dropped."""
        self._leaving.stop()
        if self._job is not None:
            self._job.cancel()
        self._job, self._paths, self.ghosts, self.target = None, (), (), None
        self.changed.emit()

    def paint(self, painter: QPainter, axis: TimeAxis, rows: TrackRows, tracks: int) -> None:
        """Paint a line at the start and a ghost of each file."""
        if self.target is None:
            return
        color = QColor(theme.colors().ghost)
        x = axis.pixel_of(self.target.start)
        painter.fillRect(QRectF(x, 0, 2, painter.viewport().height()), color)
        for ghost, rect in zip(self.ghosts, self.rects(axis, rows, tracks), strict=True):
            shade = QColor(theme.colors().error if ghost.problem else color)
            painter.setPen(QPen(shade, 1, Qt.PenStyle.DashLine))
            shade.setAlpha(50)
            painter.setBrush(shade)
            painter.drawRect(rect)
            painter.setPen(QColor(theme.colors().text))
            text = rect.adjusted(6, 0, -4, 0)
            painter.drawText(
                text.intersected(QRectF(0, text.top(), axis.width_px, NAME_PX + 4)), _label(ghost, self._rate())
            )
        painter.setBrush(Qt.BrushStyle.NoBrush)

    def rects(self, axis: TimeAxis, rows: TrackRows, tracks: int) -> list[QRectF]:
        """The rectangle of each ghost; `tracks`: the number of tracks of the session."""
        assert self.target is not None
        first = self.target.track if self.target.track >= 0 else tracks
        start, found = float(self.target.start), []
        for number, ghost in enumerate(self.ghosts):
            row = first if self.target.in_sequence else first + number
            length = ghost.length if ghost.length is not None else _UNKNOWN_PX * axis.samples_per_px
            top, height = rows.top(row) + MARGIN_PX, rows.height(row) - 2 * MARGIN_PX
            found.append(QRectF(axis.x_of(start), top, max(2.0, length / axis.samples_per_px), height))
            if self.target.in_sequence and not ghost.problem:
                start += length
        return found

    def _probe(self, paths: Sequence[Path]) -> None:
        if self._job is not None:
            self._job.cancel()
        rate = self._rate()

        def work(_report: ReportProgress, cancel: CancelToken) -> tuple[Ghost, ...]:
            found = []
            for path in paths:
                cancel.check()
                found.append(_ghost_of(path, rate))
            return tuple(found)

        def done(found: tuple[Ghost, ...]) -> None:
            if self._job is job:
                self.ghosts = found + self.ghosts[len(found) :]
                self.changed.emit()

        job = self._job = BackgroundJob(work, self)
        job.succeeded.connect(done)
        job.start()


def local_paths(data: QMimeData) -> list[Path]:
    """The local files in a drag, with the audio files in a folder in place of it."""
    return with_folders(Path(url.toLocalFile()) for url in data.urls() if QUrl.isLocalFile(url))


def _ghost_of(path: Path, rate: int) -> Ghost:
    try:
        info = probe(path, wide=True)
    except MediaError:
        return Ghost(path.name, problem=True)
    return Ghost(path.name, max(1, round(info.length * rate / info.sample_rate)))


def _label(ghost: Ghost, rate: int) -> str:
    if ghost.problem:
        return shown(f"{ghost.name}: cannot be read")
    name = shown(ghost.name)
    return name if ghost.length is None else f"{name}  {format_time(ghost.length / rate, 1)}"
