"""Earlier versions of project files: the last ten of each are kept in the user's data folder. Any thread."""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from dataclasses import dataclass
from pathlib import Path

from lincae_studio import atomic
from lincae_studio.errors import ProjectError, os_error_reason
from lincae_studio.session import files
from lincae_studio.session.model import Session

#: How many versions of a project are kept.
KEPT = 10


@dataclass(frozen=True)
class Version:
    """An earlier version of a project file; `saved`: when it was saved, in seconds since 1970."""

    path: Path
    saved: float


def keep(root: Path, project: Path) -> None:
    """Copy a project file that is about to be replaced; does nothing where there is no file.

    Raises:
        OSError: when it cannot be copied.
    """
    try:
        saved = atomic.check_ordinary(project).st_mtime
        content = project.read_bytes()
    except FileNotFoundError:
        return
    folder = _folder(root, project)
    folder.mkdir(parents=True, exist_ok=True)
    known = versions(root, project)
    if known and known[0].path.read_bytes() == content:
        return
    name = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(saved))}-{time.time_ns() % 10**9:09d}{files.SUFFIX}"
    atomic.write_bytes(folder / name, content)
    os.utime(folder / name, (saved, saved))
    for old in versions(root, project)[KEPT:]:
        with contextlib.suppress(OSError):
            old.path.unlink()


def versions(root: Path, project: Path) -> list[Version]:
    """The kept versions of a project, newest first."""
    folder = _folder(root, project)
    paths = folder.glob(f"*{files.SUFFIX}") if folder.is_dir() else ()
    return sorted((Version(path, path.stat().st_mtime) for path in paths), key=lambda one: (-one.saved, one.path.name))


def load(version: Version, project: Path) -> Session:
    """Read a version; its relative media paths start at the project's folder.

    Raises:
        ProjectError: as `files.load`.
    """
    try:
        return files.parse(version.path.read_bytes(), project)
    except OSError as error:
        reason, remedy = os_error_reason(error, version.path)
        raise ProjectError(f"cannot open {version.path}: {reason}", remedy) from error


def _folder(root: Path, project: Path) -> Path:
    name = os.fsencode(os.path.realpath(project))
    return root / hashlib.sha256(name).hexdigest()[:32]
