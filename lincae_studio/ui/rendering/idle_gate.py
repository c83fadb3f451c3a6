"""Delays work while the user interacts, also that of other threads: Python runs one at a time. Any thread."""

from __future__ import annotations

import threading
import time

#: No task starts for this long after the last interaction.
_QUIET_S = 0.15

#: Longest time that a task waits.
_LONGEST_S = 1.0


class IdleGate:
    """The main thread reports interactions; what can wait asks for how long.

    Attributes:
        turn: held by the thread that computes, so that frames never wait for several.
    """

    def __init__(self) -> None:
        self.turn = threading.Lock()
        self._moved_at = 0.0

    def note_interaction(self) -> None:
        """Record that something is being moved, zoomed or scrolled."""
        self._moved_at = time.monotonic()

    def delay(self, since: float, longest_s: float = _LONGEST_S) -> float:
        """Seconds that a task must still wait, having waited since `since` (`time.monotonic`); `longest_s` in all."""
        now = time.monotonic()
        return max(0.0, min(self._moved_at + _QUIET_S, since + longest_s) - now)
