"""Measures linearity in the background, chunk by chunk, decoding each term on its own; the figures are cached."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt, Signal

from lincae_studio.engine.analysis.linearity import ChunkFigures, measure, needed, solo_mixes
from lincae_studio.engine.planning.plan import Chunk
from lincae_studio.jobs import CancelToken, Progress, ReportProgress
from lincae_studio.ui.jobs.background_job import BackgroundJob, Work
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.rendering.rendering import Rendering

#: Most chunk keys whose figures are cached; the oldest are dropped first.
_MOST_KNOWN = 20_000


class LinearityMeter(QObject):
    """Caches figures while the window is open, so that they are available again after an undo.

    They are identified by chunk key and by the contribution of each track, since they are shown track by track.

    Signals:
        found: the figures for this chunk key are available.
        state_changed: measuring has started, progressed (`progress`) or ended.
        problem: a `StudioError` to show.
    """

    found = Signal(str)
    state_changed = Signal()
    problem = Signal(object)

    _measured = Signal(object, object)

    def __init__(self, document: Document, rendering: Rendering) -> None:
        super().__init__(document)
        self._document = document
        self._rendering = rendering
        #: By chunk key, then by fingerprint.
        self._known: dict[str, dict[frozenset[tuple[int, bytes]], ChunkFigures]] = {}
        #: The last chunk with figures at each index: its fingerprint takes long to compute.
        self._found: dict[int, tuple[Chunk, ChunkFigures]] = {}
        self._job: BackgroundJob | None = None
        self.progress = Progress(0, 0)
        document.at_close(self.close)
        self._measured.connect(self._on_measured, Qt.ConnectionType.QueuedConnection)

    @property
    def busy(self) -> bool:
        return self._job is not None

    def of(self, index: int) -> ChunkFigures | None:
        """The figures of a chunk of the current plan, or None."""
        chunk = self._rendering.plan.chunks.get(index)
        return self._figures_of(chunk) if chunk is not None else None

    def measure(self, start: int, end: int) -> None:
        """Measure those chunks of the current mix in samples `[start, end)` that have no figures yet."""
        if self._job is not None:
            return
        plan = self._rendering.update_plan()
        first, last = plan.grid.owner(start), plan.grid.owner(max(start, end - 1))
        todo = [chunk for chunk in plan.chunks.between(first, last) if self._figures_of(chunk) is None]
        self.progress = Progress(0, len(todo), "chunks")
        work = self._work(todo)
        job = self._job = BackgroundJob(work, self)
        job.progressed.connect(self._on_progress)
        job.failed.connect(self.problem)
        job.ended.connect(self._on_ended)
        job.start()
        self.state_changed.emit()

    def stop(self) -> None:
        """Cancel measuring; the figures so far are kept."""
        if self._job is not None:
            self._job.cancel()

    def close(self) -> None:
        """Stop measuring: the window is closing."""
        if self._job is not None:
            self._job.cancel()
            self._job.wait()

    def _figures_of(self, chunk: Chunk) -> ChunkFigures | None:
        found = self._found.get(chunk.index)
        if found is not None and found[0] is chunk:
            return found[1]
        known = self._known.get(chunk.key)
        figures = known.get(chunk.fingerprint) if known is not None else None
        if figures is not None:
            self._found[chunk.index] = chunk, figures
        return figures

    def _work(self, todo: list[Chunk]) -> Work:
        rendering, plan, dry = self._rendering, self._rendering.plan, self._rendering.dry
        session = rendering.playable(self._document.session)

        def work(report: ReportProgress, cancel: CancelToken) -> None:
            tracks = solo_mixes(session, plan, rendering.audio) if todo else []
            try:
                for number, chunk in enumerate(todo):
                    renders = rendering.requests.wait_for_probes(self, needed(plan, chunk), cancel)
                    figures = measure(plan, dry, tracks, chunk, {rendered.key: rendered for rendered in renders})
                    self._measured.emit(chunk, figures)
                    report(Progress(number + 1, len(todo), "chunks"))
            finally:
                rendering.requests.analyse(self, ())

        return work

    def _on_measured(self, chunk: Chunk, figures: ChunkFigures) -> None:
        self._known.setdefault(chunk.key, {})[chunk.fingerprint] = figures
        if len(self._known) > _MOST_KNOWN:
            del self._known[next(iter(self._known))]
        self.found.emit(chunk.key)

    def _on_progress(self, progress: Progress) -> None:
        self.progress = progress
        self.state_changed.emit()

    def _on_ended(self) -> None:
        self._job = None
        self.state_changed.emit()
