"""Work of the main thread that can wait: done between events, in slices that leave room for frames.

All such work shares one of these, so that a frame waits for one slice, not for one of each kind.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer
from shiboken6 import isValid

from lincae_studio.ui.rendering.idle_gate import IdleGate

#: No step begins in a slice after this much of the main thread's CPU time, which does not depend on the machine's load.
_SLICE_S = 0.002

#: During interaction, slices take up this share of the time, and patient work waits this long at most.
_SHARE = 0.33
_PATIENCE_S = 0.5

#: Does a step of a millisecond or so, and returns whether there is more to do.
Step = Callable[[], bool]


class SpareTime(QObject):
    """Does the steps of several owners in turn. An owner that is a deleted `QObject` is left out."""

    def __init__(self, parent: QObject, idle_gate: IdleGate) -> None:
        """`idle_gate`: tells whether the user is moving something."""
        super().__init__(parent)
        self._idle_gate = idle_gate
        self._urgent: deque[Step] = deque()
        self._patient: deque[Step] = deque()
        #: The time (`time.monotonic`) since when there has been something patient.
        self._since = 0.0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._on_due)

    def add(self, step: Step, patient: bool = True) -> None:
        """Call `step`, a bound method, until it returns False; what waits already is not added again.

        Args:
            patient: it is only shown, and waits while the user moves something; else it is heard, and comes first.
        """
        if step in self._urgent or (patient and step in self._patient):
            return
        if patient and not self._patient:
            self._since = time.monotonic()
        (self._patient if patient else self._urgent).append(step)
        if not self._timer.isActive() or not patient:
            self._timer.start(0)

    def _on_due(self) -> None:
        """Do a slice. The next one begins with the steps of another owner, and later if this one took long."""
        began, spent = time.thread_time(), 0.0
        patience_s = self._idle_gate.delay(self._since, _PATIENCE_S)
        try:
            while waiting := self._urgent or (not patience_s and self._patient):
                step = waiting.popleft()
                if isValid(step.__self__) and step() and step not in waiting:  # type: ignore[attr-defined]
                    waiting.appendleft(step)
                spent = time.thread_time() - began
                if spent >= _SLICE_S:
                    break
            self._urgent.rotate(-1)
            self._patient.rotate(-1)
        finally:
            self._wait(spent)

    def _wait(self, spent_s: float) -> None:
        """Wait for the next slice, after one that took `spent_s`."""
        if not self._urgent and not self._patient:
            return
        now = time.monotonic()
        pause_s = spent_s / _SHARE if self._idle_gate.delay(now, _PATIENCE_S) else 0.0
        if not self._urgent:
            pause_s = max(pause_s, self._idle_gate.delay(self._since, _PATIENCE_S))
        self._timer.start(round(pause_s * 1e3))
