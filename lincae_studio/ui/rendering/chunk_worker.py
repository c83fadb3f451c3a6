"""Slow computations of views for each chunk: in a thread, results kept by key, the newest request first."""

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

#: How long a failed task is not tried again.
_FAILED_S = 5.0

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")


class ChunkWorker(QObject, Generic[_Task, _Result]):
    """Results by key; equal keys must mean equal results.

    Signals:
        found: the result of this key is known.
    """

    found = Signal(object)

    _from_thread = Signal(object)

    def __init__(
        self,
        name: str,
        compute: Callable[[_Task], _Result],
        parent: QObject,
        idle_gate: IdleGate,
        remembered: int = 20_000,
        share: float = 1.0,
    ) -> None:
        """Start the thread.

        Args:
            idle_gate: says how long to wait, as drawing comes first.
            remembered: results that are kept; the oldest go first.
            share: of the time, that is spent working while there is work: drawing comes before it.
        """
        super().__init__(parent)
        self._compute = compute
        self._idle_gate = idle_gate
        self._remembered = remembered
        self._rest = 1.0 / share - 1.0
        self._known: OrderedDict[Hashable, _Result] = OrderedDict()
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
        """How many results are requested and not known yet."""
        with self._changed:
            return len(self._requested) + (self._current is not None)

    def request(self, tasks: Iterable[tuple[Hashable, _Task]]) -> None:
        """Replace the requests, the most urgent first; what is known already is not computed again."""
        with self._changed:
            failed = {key for key, until in self._failed.items() if time.monotonic() < until}
            self._requested = {
                key: task
                for key, task in tasks
                if key not in self._known and key != self._current and key not in failed
            }
            self._changed.notify()

    def knows(self, key: Hashable) -> bool:
        """Whether the result of a key is known."""
        return key in self._known

    def of(self, key: Hashable) -> _Result | None:
        """The result of a key, if it is known."""
        return self._known.get(key)

    def forget(self) -> None:
        """Equal keys mean something else from now on; what is being worked out counts as new."""
        with self._changed:
            self._known.clear()

    def close(self) -> None:
        """End the thread, after what it is at."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    def _on_found(self, key: Any) -> None:
        self.found.emit(key)

    def _wait_for_quiet(self) -> None:
        began = time.monotonic()
        while not self._closing and (delay := self._idle_gate.delay(began)):
            self._changed.wait(delay)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._requested or self._closing)
                self._wait_for_quiet()
                if self._closing:
                    return
                if not self._requested:
                    continue
                key = next(iter(self._requested))
                self._current, task = key, self._requested.pop(key)
            started = time.monotonic()
            try:
                result = self._compute(task)
            except Exception:  # the boundary of the thread; what is shown stays as it was
                _log.exception("%s failed", self._thread.name)
                with self._changed:
                    self._failed[key] = time.monotonic() + _FAILED_S
                    self._current = None
                continue
            finally:
                del task  # it may hold audio
            with self._changed:
                self._known[key] = result
                self._failed.pop(key, None)
                self._current = None
                while len(self._known) > self._remembered:
                    self._known.popitem(last=False)
            self._from_thread.emit(key)
            if self._rest:
                with self._changed:
                    self._changed.wait_for(lambda: self._closing, (time.monotonic() - started) * self._rest)
