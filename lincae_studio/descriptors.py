"""File descriptors: every open audio file takes one, and some systems allow a program only 256 or 1024.

Any process; does nothing on systems without such a limit.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

#: Enough for any session. Where the hard limit is higher or unlimited, systems may refuse to go as far as that.
_WANTED = (65_536, 10_240)

#: Files that are open at once while a project is saved: the project, its folder, its lock and an earlier version.
_RESERVED = 8


def raise_limit() -> None:
    """Raise this process's limit of open files as far as it is allowed to."""
    try:
        import resource
    except ImportError:  # Windows
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in _WANTED:
        target = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        if soft == resource.RLIM_INFINITY or soft >= target:
            return
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (target, hard))
            return


class Reserve:
    """Descriptors kept aside, so that a project can be saved when all others are in use."""

    def __init__(self) -> None:
        self._held: list[int] = []
        self._fill()

    @contextlib.contextmanager
    def lent(self) -> Iterator[None]:
        """Free the reserve during the block."""
        self.close()
        try:
            yield
        finally:
            self._fill()

    def close(self) -> None:
        while self._held:
            os.close(self._held.pop())

    def _fill(self) -> None:
        with contextlib.suppress(OSError):  # the limit is met
            while len(self._held) < _RESERVED:
                self._held.append(os.open(os.devnull, os.O_RDONLY))
