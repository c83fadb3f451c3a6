"""Jobs in worker threads whose results are delivered in the main thread.

A job is a function of a progress reporter and a cancel token. Its signals are queued to the receiver's thread; once the
job's owner is destroyed they are not delivered.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, Signal

from lincae_studio.errors import Cancelled, StudioError
from lincae_studio.jobs import CancelToken, Progress, ReportProgress

_log = logging.getLogger(__name__)

#: Shortest interval between two progress signals.
_PROGRESS_INTERVAL_S = 0.05

Work = Callable[[ReportProgress, CancelToken], Any]


class BackgroundJob(QObject):
    """One run of a function in a thread.

    Signals:
        progressed: a `Progress`, at most 20 times a second; the last one is always sent.
        succeeded: the function's return value.
        failed: the `StudioError`; other exceptions are logged and wrapped.
        cancelled: the job stopped because `cancel` was called.
        ended: after any of these three.
    """

    progressed = Signal(object)
    succeeded = Signal(object)
    failed = Signal(object)
    cancelled = Signal()
    ended = Signal()

    def __init__(self, work: Work, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._work = work
        self._token = CancelToken()
        self._last_report = 0.0
        self._thread = threading.Thread(target=self._run, name="job", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def cancel(self) -> None:
        self._token.cancel()

    def wait(self, limit_s: float | None = None) -> None:
        """Block until the function has returned, or for `limit_s` at most; for closing the window."""
        if self._thread.is_alive():
            self._thread.join(limit_s)

    def _run(self) -> None:
        try:
            result = self._work(self._report, self._token)
        except Cancelled:
            self._emit(self.cancelled)
        except StudioError as error:
            self._emit(self.failed, error)
        except Exception as error:  # the boundary of the thread
            _log.exception("a background job failed")
            self._emit(self.failed, StudioError(f"internal error: {type(error).__name__}: {error}", "See the log"))
        else:
            self._emit(self.succeeded, result)
        self._emit(self.ended)

    def _report(self, progress: Progress) -> None:
        now = time.monotonic()
        if now - self._last_report >= _PROGRESS_INTERVAL_S or progress.done >= progress.total:
            self._last_report = now
            self._emit(self.progressed, progress)

    def _emit(self, signal: Any, *arguments: object) -> None:
        try:
            signal.emit(*arguments)
        except RuntimeError:
            _log.debug("a job ended after its window was closed")
