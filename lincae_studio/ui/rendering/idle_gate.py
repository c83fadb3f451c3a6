"""When background work may run: not while a person moves something, as Python runs one thread at a time. Any thread."""

from __future__ import annotations

import time

#: How long nothing begins after the last movement.
_QUIET_S = 0.15

#: How long a task waits at most.
_LONGEST_S = 1.0


class IdleGate:
    """The main thread notes interactions; worker threads ask how long to wait."""

    def __init__(self) -> None:
        self._moved_at = 0.0

    def note_interaction(self) -> None:
        """Something is being moved, zoomed or scrolled now."""
        self._moved_at = time.monotonic()

    def delay(self, since: float) -> float:
        """Seconds that a task which has waited since then (`time.monotonic`) must still wait; 0 for none."""
        now = time.monotonic()
        return max(0.0, min(self._moved_at + _QUIET_S, since + _LONGEST_S) - now)
