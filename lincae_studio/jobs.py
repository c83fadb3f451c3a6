"""What a long piece of work shares with whoever waits for it: real progress, and a way to stop it.

Runs in any thread; knows nothing of Qt.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from lincae_studio.errors import Cancelled


@dataclass(frozen=True)
class Progress:
    """`done` of `total` units of `label` (bytes, chunks, files) are finished."""

    done: int
    total: int
    label: str = ""

    @property
    def fraction(self) -> float:
        """Between 0 and 1; an empty job is finished."""
        return self.done / self.total if self.total else 1.0


ReportProgress = Callable[[Progress], None]


class CancelToken:
    """Set by the one who waits, checked by the one who works."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def cancel(self) -> None:
        self._event.set()

    @property
    def cancelled(self) -> bool:
        return self._event.is_set()

    def check(self) -> None:
        """Raise `Cancelled` once `cancel` was called."""
        if self._event.is_set():
            raise Cancelled


def no_progress(_progress: Progress) -> None:
    """For callers that show nothing."""
