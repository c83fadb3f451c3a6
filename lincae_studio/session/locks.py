"""Locks on project files, so that the same project is not edited in two windows by accident.

The operating system releases the lock of a program that has ended, even after a crash. Locks work between programs of
one user on one computer.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import filelock

from lincae_studio import private


class ProjectLock:
    """The lock on the open project file; one at a time."""

    def __init__(self, root: Path) -> None:
        """`root`: the folder of the lock files, since a project's own folder may not be writable."""
        self._root = root
        self._lock: filelock.BaseFileLock | None = None
        self._project: Path | None = None

    def acquire(self, project: Path) -> bool:
        """Lock a project and release the previous one. False, and no change, when another window has it open.

        Where lock files cannot be created at all, every project may be opened.
        """
        project = Path(os.path.realpath(project))
        if project == self._project:
            return True
        lock = filelock.FileLock(
            self._root / f"{hashlib.sha256(os.fsencode(project)).hexdigest()[:32]}.lock", mode=0o600
        )
        try:
            private.make(self._root)
            lock.acquire(timeout=0)
        except filelock.Timeout:
            return False
        except OSError:
            return True
        self.release()
        self._lock, self._project = lock, project
        return True

    def release(self) -> None:
        """Release the lock: the project was closed."""
        if self._lock is not None:
            self._lock.release()
        self._lock = self._project = None
