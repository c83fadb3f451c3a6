"""Progress and cancellation of long-running jobs.

For any thread; independent of Qt.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from typing import TypeVar

from msgspec import Struct

from lincae_studio.errors import Cancelled


class Progress(Struct, frozen=True):
    """`done` of `total` units of `label` (bytes, chunks, files) are finished; `total`: 0 if it is not known."""

    done: int
    total: int
    label: str = ""

    @property
    def fraction(self) -> float:
        """Between 0 and 1; an empty job is finished."""
        return self.done / self.total if self.total else 1.0

    @property
    def percent(self) -> int:
        """For bars and texts alike: from 0 to 100, which is reached only at the end."""
        return int(100.0 * min(max(self.fraction, 0.0), 1.0))


ReportProgress = Callable[[Progress], None]

#: Units in which the combined progress of a job is counted, independent of the units of its subtasks.
_UNITS = 100_000


def share_of(progress: ReportProgress, begin: float, end: float, verb: str = "", label: str = "") -> ReportProgress:
    """A progress callback for one part of a larger job, which takes up `begin` to `end` (both 0 to 1) of the whole.

    Args:
        verb: shown before the part's label.
        label: shown instead of the part's own label.
    """

    def report(part: Progress) -> None:
        done = round((begin + part.fraction * (end - begin)) * _UNITS)
        progress(Progress(done, _UNITS, f"{verb} {label or part.label}".strip()))

    return report


def part_of(progress: ReportProgress, number: int, count: int, verb: str = "") -> ReportProgress:
    """A progress callback for part `number` (from 0) of `count` equal parts of a job."""
    return share_of(progress, number / count, (number + 1) / count, verb)


class CancelToken:
    """Set by the thread that waits for a job, checked by the job."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def cancel(self) -> None:
        self._event.set()

    @property
    def cancelled(self) -> bool:
        return self._event.is_set()

    def check(self) -> None:
        """Raise `Cancelled` if `cancel` was called."""
        if self.cancelled:
            raise Cancelled


class EitherToken(CancelToken):
    """Set when one of several others is."""

    def __init__(self, *tokens: CancelToken) -> None:
        super().__init__()
        self._tokens = tokens

    @property
    def cancelled(self) -> bool:
        return any(token.cancelled for token in self._tokens)


_Result = TypeVar("_Result")

#: Work in steps of a few milliseconds, for a thread that has other things to do between them. Its result is returned.
Steps = Generator[None, None, _Result]


def finished(steps: Steps[_Result]) -> _Result:
    """Do all steps at once, and return the result."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: _Result = end.value
            return result


def no_progress(_progress: Progress) -> None:
    """A progress callback that does nothing."""


#: Makes the progress callback of a part of a job, from its label.
Report = Callable[[str], ReportProgress]


def no_report(_label: str) -> ReportProgress:
    """Reports nothing."""
    return no_progress
