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

#: Units that the parts of a job are counted in, whatever units each part counts in itself.
_UNITS = 100_000


def share_of(progress: ReportProgress, begin: float, end: float, verb: str = "", label: str = "") -> ReportProgress:
    """Report one part of a larger job, the part that fills `begin` to `end` (both 0 to 1) of the whole.

    Args:
        verb: put before the part's label.
        label: shown instead of the part's own label.
    """

    def report(part: Progress) -> None:
        done = round((begin + part.fraction * (end - begin)) * _UNITS)
        progress(Progress(done, _UNITS, f"{verb} {label or part.label}".strip()))

    return report


def part_of(progress: ReportProgress, number: int, count: int, verb: str = "") -> ReportProgress:
    """Report part `number` (from 0) of `count` equal parts of a job."""
    return share_of(progress, number / count, (number + 1) / count, verb)


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
