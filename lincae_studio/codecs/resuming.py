"""Downloading over connections that break: each attempt continues where the one before ended. No Qt; any thread."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

#: Attempts in a row without receiving data before a download fails.
_TRIES = 4

#: Seconds without a response after which a server counts as unreachable; also the longest wait when cancelling.
TIMEOUT_S = 10.0


def receive(
    partial: Path,
    size: int,
    append: Callable[[int], None],
    network_errors: tuple[type[Exception], ...],
    incomplete: Exception,
    report: Callable[[int], None],
) -> None:
    """Call `append` until a file has `size` bytes, and give up after several attempts that received nothing.

    Args:
        partial: the file; what an earlier download has left there is kept.
        append: called with the size of the file in bytes; adds what follows, or starts over if the server cannot
            resume.
        network_errors: what `append` raises when the connection breaks.
        incomplete: what is raised if it ends too early, without such an error.
        report: called with the size of the file in bytes before each attempt.

    Raises:
        OSError: when the file cannot be written.
        Exception: the last of the network's errors, or `incomplete`; and what `append` and `report` raise besides.
    """
    partial.touch()
    failures_in_a_row = 0
    while (start := partial.stat().st_size) < size:
        report(start)
        failure = incomplete
        try:
            append(start)
        except network_errors as error:
            failure = error
        failures_in_a_row = 0 if partial.stat().st_size > start else failures_in_a_row + 1
        if failures_in_a_row == _TRIES:
            raise failure
