"""Earlier versions of project files: the last ten of each are kept in the user's data folder. Any thread."""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from pathlib import Path

from msgspec import Struct

from lincae_studio import atomic, bounded, private
from lincae_studio.errors import ProjectError, os_error_reason
from lincae_studio.session import files
from lincae_studio.session.model import Session
from lincae_studio.session.times import CLOCK_AHEAD_S, LAST_TIME_S

#: How many versions of a project are kept.
KEPT = 10


class Version(Struct, frozen=True):
    """An earlier version of a project file; `saved`: when it was saved, in seconds since 1970."""

    path: Path
    saved: float


def keep(root: Path, project: Path) -> None:
    """Copy a project file that is about to be replaced; does nothing where there is no file.

    Raises:
        OSError: when it cannot be copied.
    """
    try:
        saved = min(max(0.0, atomic.check_ordinary(project).st_mtime), LAST_TIME_S)
        content = bounded.read(project, files.MAX_BYTES)
    except FileNotFoundError:
        return
    folder = _folder(root, project)
    private.make(root)
    private.make(folder)
    atomic.sweep(folder)
    known = versions(root, project)
    if known and _read(known[0]) == content:
        return
    name = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(saved))}-{time.time_ns() % 10**9:09d}{files.SUFFIX}"
    atomic.write_bytes(folder / name, content, private=True)
    os.utime(folder / name, (saved, saved))
    others = [version for version in versions(root, project) if version.path.name != name]
    for old in others[KEPT - 1 :]:  # this one stays, regardless of its time
        with contextlib.suppress(OSError):
            old.path.unlink()


def versions(root: Path, project: Path) -> list[Version]:
    """The kept versions of a project, newest first; those from the future last, as the clock was wrong."""
    folder = _folder(root, project)
    found = []
    for path in folder.glob(f"*{files.SUFFIX}") if folder.is_dir() else ():
        with contextlib.suppress(OSError):  # a link that leads nowhere, or just deleted by another window
            found.append(Version(path, path.stat().st_mtime))
    limit = time.time() + CLOCK_AHEAD_S
    return sorted(found, key=lambda one: (one.saved > limit, -one.saved, one.path.name))


def load(version: Version, project: Path) -> Session:
    """Read a version; its relative media paths start at the project's folder.

    Raises:
        ProjectError: as `files.load`.
    """
    try:
        return files.parse(_read(version), project)
    except OSError as error:
        reason, remedy = os_error_reason(error, version.path)
        raise ProjectError(f"cannot open {version.path}: {reason}", remedy) from error


def _read(version: Version) -> bytes:
    return private.read(version.path, files.MAX_BYTES)


def _folder(root: Path, project: Path) -> Path:
    name = os.fsencode(os.path.realpath(project))
    return root / hashlib.sha256(name).hexdigest()[:32]
