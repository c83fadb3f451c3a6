"""Slow computations of views for each chunk: run in a thread, newest request first, with results cached by key."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from typing import Any, Generic, TypeVar

from PySide6.QtCore import QObject, Qt, Signal

from lincae_studio.ui.rendering.idle_gate import IdleGate

_log = logging.getLogger(__name__)

#: Default size limit of a worker's results, in bytes.
_CACHED_BYTES = 64 * 1024 * 1024

#: What a result takes besides its arrays: its key and its place in the cache.
_ENTRY_BYTES = 300

#: Seconds before a failed task is tried again.
_FAILED_S = 5.0

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")


class ChunkWorker(QObject, Generic[_Task, _Result]):
    """Results by key; equal keys must mean equal results.

    Signals:
        found: the result of this key is available.
    """

    found = Signal(object)

    _from_thread = Signal(object)

    def __init__(
        self,
        name: str,
        compute: Callable[[_Task], _Result],
        parent: QObject,
        idle_gate: IdleGate,
        cached_bytes: int = _CACHED_BYTES,
        share: float = 1.0,
    ) -> None:
        """Start the thread.

        Args:
            idle_gate: tells how long to wait while the user interacts.
            cached_bytes: size limit of the cached results; the oldest are dropped first, but never the last one.
            share: largest share of the time spent computing, since drawing takes priority.
        """
        super().__init__(parent)
        self._compute = compute
        self._idle_gate = idle_gate
        self._max_bytes = cached_bytes
        self._bytes = 0
        self._pause_ratio = 1.0 / share - 1.0
        self._results: OrderedDict[Hashable, _Result] = OrderedDict()
        self._requested: dict[Hashable, _Task] = {}
        self._current: Hashable = None
        self._failed: dict[Hashable, float] = {}
        self._changed = threading.Condition()
        self._closing = False
        self._from_thread.connect(self._on_found, Qt.ConnectionType.QueuedConnection)
        self._thread = threading.Thread(target=self._run, name=f"job-{name}", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Number of requested results that are not available yet."""
        with self._changed:
            return len(self._requested) + (self._current is not None)

    def request(self, tasks: Iterable[tuple[Hashable, _Task]]) -> None:
        """Replace the requests, most urgent first; available results are not computed again."""
        with self._changed:
            failed = {key for key, until in self._failed.items() if time.monotonic() < until}
            self._requested = {
                key: task
                for key, task in tasks
                if key not in self._results and key != self._current and key not in failed
            }
            self._changed.notify()

    def has(self, key: Hashable) -> bool:
        """Whether the result of a key is available."""
        return key in self._results

    def of(self, key: Hashable) -> _Result | None:
        """The result of a key, or None."""
        return self._results.get(key)

    def forget(self) -> None:
        """Drop all results, as keys now mean something else; a computation in progress counts as new."""
        with self._changed:
            self._results.clear()
            self._bytes = 0

    def close(self) -> None:
        """End the thread after its current task."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    @property
    def nbytes(self) -> int:
        """Size of the cached results, in bytes."""
        return self._bytes

    def _keep(self, key: Hashable, result: _Result) -> None:
        """Cache a result, and make room for it."""
        self._results[key] = result
        self._bytes += _nbytes(result)
        while self._bytes > self._max_bytes and len(self._results) > 1:
            self._bytes -= _nbytes(self._results.popitem(last=False)[1])

    def _on_found(self, key: Any) -> None:
        self.found.emit(key)

    def _wait_while_interacting(self) -> None:
        began = time.monotonic()
        while not self._closing and (delay := self._idle_gate.delay(began)):
            self._changed.wait(delay)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._requested or self._closing)
                self._wait_while_interacting()
                if self._closing:
                    return
                if not self._requested:
                    continue
                key = next(iter(self._requested))
                self._current, task = key, self._requested.pop(key)
            try:
                with self._idle_gate.turn:
                    started = time.monotonic()
                    result = self._compute(task)
            except Exception:  # the boundary of the thread; the view keeps its last content
                _log.exception("%s failed", self._thread.name)
                with self._changed:
                    self._failed[key] = time.monotonic() + _FAILED_S
                    self._current = None
                continue
            finally:
                del task  # it may contain audio
            with self._changed:
                self._keep(key, result)
                self._failed.pop(key, None)
                self._current = None
            self._from_thread.emit(key)
            if self._pause_ratio:
                with self._changed:
                    self._changed.wait_for(lambda: self._closing, (time.monotonic() - started) * self._pause_ratio)


def _nbytes(result: object) -> int:
    """Size of a result: an array, a number, or a struct with arrays."""
    parts = (result, *(getattr(result, name) for name in getattr(result, "__struct_fields__", ())))
    return _ENTRY_BYTES + sum(getattr(part, "nbytes", 0) for part in parts)
