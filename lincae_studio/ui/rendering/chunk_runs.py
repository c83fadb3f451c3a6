"""Runs of chunks that look alike, for painting. No Qt."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

_Look = TypeVar("_Look")


def merged(runs: Iterable[tuple[int, int, _Look]], together: int = 1) -> Iterator[tuple[int, int, _Look]]:
    """Merge runs (first chunk, last chunk, look) with the following ones if they look alike.

    Gaps of less than `together` chunks, which no pixel shows, are closed.
    """
    before: tuple[int, int, _Look] | None = None
    for first, last, look in runs:
        if before is not None and first - before[1] <= together and before[2] == look:
            before = before[0], last, look
        else:
            if before is not None:
                yield before
            before = first, last, look
    if before is not None:
        yield before
