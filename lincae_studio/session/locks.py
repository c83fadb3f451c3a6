"""Locks on project files, so that two windows do not work on one without knowing. The system lets go of a lock whose
program has ended, however it ended. They hold between programs of one user on one computer.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import filelock


class ProjectLock:
    """The lock of one project file after the other."""

    def __init__(self, root: Path) -> None:
        """`root`: where locks lie; a project's own folder may not be writable."""
        self._root = root
        self._lock: filelock.BaseFileLock | None = None
        self._project: Path | None = None

    def take(self, project: Path) -> bool:
        """Lock a project instead of the last one; False when another window has it, and nothing changes then.

        Where locks cannot be made at all, everything may be opened.
        """
        project = Path(os.path.realpath(project))
        if project == self._project:
            return True
        lock = filelock.FileLock(self._root / f"{hashlib.sha256(os.fsencode(project)).hexdigest()[:32]}.lock")
        try:
            self._root.mkdir(parents=True, exist_ok=True)
            lock.acquire(timeout=0)
        except filelock.Timeout:
            return False
        except OSError:
            return True
        self.let_go()
        self._lock, self._project = lock, project
        return True

    def let_go(self) -> None:
        """The project is closed."""
        if self._lock is not None:
            self._lock.release()
        self._lock = self._project = None
