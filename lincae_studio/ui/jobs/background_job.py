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
        #: The last signal and its arguments, once known.
        self._outcome: tuple[Any, tuple[object, ...]] | None = None
        #: Whether `start` waits for the outcome, and emits the signals itself.
        self._awaited = False
        self._changed = threading.Condition()

    def start(self, patience_s: float = 0.0) -> None:
        """Start the thread, and wait up to `patience_s` for it. If it ends in time, its signals have been emitted."""
        self._awaited = patience_s > 0.0
        self._thread.start()
        if patience_s:
            with self._changed:
                in_time = self._changed.wait_for(lambda: self._outcome is not None, patience_s)
                self._awaited = False
            if in_time:
                self._end()

    def cancel(self) -> None:
        self._token.cancel()

    def wait(self, limit_s: float | None = None) -> None:
        """Block until the function has returned, or for `limit_s` at most; for closing the window."""
        if self._thread.is_alive():
            self._thread.join(limit_s)

    def _run(self) -> None:
        outcome: tuple[Any, tuple[object, ...]]
        try:
            outcome = self.succeeded, (self._work(self._report, self._token),)
        except Cancelled:
            outcome = self.cancelled, ()
        except StudioError as error:
            outcome = self.failed, (error,)
        except Exception as error:  # the boundary of the thread
            _log.exception("a background job failed")
            problem = StudioError(f"internal error: {type(error).__name__}: {error}", "See the log")
            outcome = self.failed, (problem,)
        with self._changed:
            self._outcome = outcome
            self._changed.notify()
            if self._awaited:
                return
        self._end()

    def _end(self) -> None:
        assert self._outcome is not None
        signal, arguments = self._outcome
        self._emit(signal, *arguments)
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
