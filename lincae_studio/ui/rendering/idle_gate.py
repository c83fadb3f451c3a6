"""When background work may run: not while a person moves something, as Python runs one thread at a time. Any thread."""

from __future__ import annotations

import time

#: After the last movement, so long nothing begins.
_QUIET_S = 0.15

#: But a piece of work that has waited so long does.
_LONGEST_S = 1.0


class IdleGate:
    """The main thread says that something moves, working threads ask how long to wait."""

    def __init__(self) -> None:
        self._moved_at = 0.0

    def note_interaction(self) -> None:
        """Something is being moved, zoomed or scrolled now."""
        self._moved_at = time.monotonic()

    def delay(self, since: float) -> float:
        """Seconds that a piece of work which has waited since then (`time.monotonic`) is still to wait; 0 for none."""
        now = time.monotonic()
        return max(0.0, min(self._moved_at + _QUIET_S, since + _LONGEST_S) - now)
