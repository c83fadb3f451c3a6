"""Reads documents in a job; of several, only the one chosen last is shown. Main thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from PySide6.QtWidgets import QWidget

from lincae_studio.errors import StudioError
from lincae_studio.jobs import CancelToken, ReportProgress
from lincae_studio.ui.jobs.document_jobs import DocumentJobs
from lincae_studio.ui.model.document import Document

_Read = TypeVar("_Read")

#: Projects that are read within this time are shown at once, without a dialog.
PATIENCE_S = 0.05


class Reading:
    """Replaces the document only when what replaces it has been read, and asks again if it was edited meanwhile."""

    def __init__(
        self,
        document: Document,
        window: QWidget,
        failed: Callable[[StudioError], None],
        may_leave: Callable[[], bool],
    ) -> None:
        """`may_leave`: asks whether the document may be replaced."""
        self._document = document
        self._may_leave = may_leave
        self._jobs = DocumentJobs(document, window, failed)

    @property
    def busy(self) -> bool:
        return self._jobs.busy

    def start(
        self,
        title: str,
        read: Callable[[], _Read],
        done: Callable[[_Read], None],
        ended: Callable[[], None] = lambda: None,
    ) -> None:
        """Call `done` with what `read` returns, instead of what is being read. `ended` is called in any case."""
        before = self._document.session
        self._jobs.abandon()

        def work(_report: ReportProgress, cancel: CancelToken) -> tuple[_Read, CancelToken]:
            return read(), cancel

        def finish(result: tuple[_Read, CancelToken]) -> None:
            found, cancel = result
            if not cancel.cancelled and (self._document.session is before or self._may_leave()):
                done(found)

        self._jobs.run(work, title, finish, ended=ended, patience_s=PATIENCE_S)
