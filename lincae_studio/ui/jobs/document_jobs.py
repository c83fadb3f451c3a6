"""Jobs that belong to a document: results for a document that was closed are dropped. Main thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtWidgets import QWidget

from lincae_studio.errors import StudioError
from lincae_studio.jobs import Progress
from lincae_studio.ui.jobs.background_job import BackgroundJob, Work
from lincae_studio.ui.jobs.progress_dialog import ProgressDialog
from lincae_studio.ui.model.document import Document


class DocumentJobs:
    """Runs jobs, each in a thread of its own, until another document is opened or the window closes."""

    def __init__(
        self, document: Document, window: QWidget, failed: Callable[[StudioError], None], lasting: bool = False
    ) -> None:
        """Start with no jobs.

        Args:
            window: the parent of progress dialogs.
            failed: called with an error that ended a job.
            lasting: whether jobs continue when another document is opened.
        """
        self._window = window
        self._failed = failed
        self._jobs: list[BackgroundJob] = []
        #: Number of documents opened so far.
        self._generation = 0
        document.at_close(self.close)
        if not lasting:
            document.replaced.connect(self.abandon)

    @property
    def busy(self) -> bool:
        return bool(self._jobs)

    def run(
        self,
        work: Work,
        title: str,
        done: Callable[[Any], None],
        cancelled: Callable[[], None] = lambda: None,
        ended: Callable[[], None] = lambda: None,
        patience_s: float = 0.0,
        progressed: Callable[[Progress], None] | None = None,
    ) -> None:
        """Start a job; with a `title` it has a progress dialog with Cancel. `ended` is called in any case.

        Waits up to `patience_s` for the job; if it ends in time, all of these have been called on return.
        """
        generation = self._generation

        def if_current(call: Callable[..., None]) -> Callable[..., None]:
            return lambda *results: call(*results) if generation == self._generation else None

        job = BackgroundJob(work, self._window)
        self._jobs.append(job)
        if title:
            ProgressDialog(title, job, self._window)
        if progressed is not None:
            job.progressed.connect(if_current(progressed))
        job.succeeded.connect(if_current(done))
        job.failed.connect(if_current(self._failed))
        job.cancelled.connect(if_current(cancelled))
        job.ended.connect(lambda: self._end(job, ended))
        job.start(patience_s)

    def _end(self, job: BackgroundJob, ended: Callable[[], None]) -> None:
        self._jobs.remove(job)
        job.deleteLater()
        ended()

    def abandon(self) -> None:
        """Cancel all jobs and drop their results: another document is being opened."""
        self._generation += 1
        for job in self._jobs:
            job.cancel()

    def close(self) -> None:
        """Cancel all jobs and wait for them: the window is closing."""
        for job in self._jobs:
            job.cancel()
        for job in list(self._jobs):
            job.wait()
