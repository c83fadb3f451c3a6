"""Jobs that compute with latents of a document: checks, matches, operators. Main thread; the work runs in a job."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtWidgets import QWidget

from lincae_studio.jobs import CancelToken, ReportProgress
from lincae_studio.ui.jobs.document_jobs import DocumentJobs
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.model.selection import Selection
from lincae_studio.ui.notify import MessageBar
from lincae_studio.ui.rendering.rendering import Rendering

if TYPE_CHECKING:
    from lincae_studio.engine.analysis.grams import Provide


class Analyses(DocumentJobs):
    """The jobs of one group of dialogs, one at a time, and what its dialogs work with.

    Attributes:
        folder: returns the folder in which file dialogs start.
        window: the parent of the dialogs.
    """

    def __init__(
        self,
        document: Document,
        selection: Selection,
        rendering: Rendering,
        messages: MessageBar,
        folder: Callable[[], Path],
        window: QWidget,
    ) -> None:
        super().__init__(document, window, messages.error)
        self.document = document
        self.selection = selection
        self.rendering = rendering
        self.messages = messages
        self.folder = folder
        self.window = window

    def analyse(
        self,
        compute: Callable[[Provide, ReportProgress, CancelToken], Any],
        title: str,
        done: Callable[[Any], None],
        cancelled: Callable[[], None] = lambda: None,
        ended: Callable[[], None] = lambda: None,
    ) -> None:
        """Run `compute`, which gets chunks of any kind from the engine, as a job; see `run`."""
        requests = self.rendering.requests

        def work(report: ReportProgress, cancel: CancelToken) -> Any:
            try:
                return compute(lambda chunks: requests.wait_for_probes(self, chunks, cancel), report, cancel)
            finally:
                requests.analyse(self, ())

        self.run(work, title, done, cancelled, ended)
