"""Recovering what the journal wrote: the folders that crashed programs left, and the sessions in them. Any thread.

Recovery trusts nothing: folders of other users are skipped, no link is followed, the size of everything read is
limited, and one bad folder does not hide the others. Nothing is executed.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import math
import os
import re
import shutil
import stat
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import filelock
import msgspec
from msgspec import Struct

from lincae_studio import private
from lincae_studio.defaults import UNTITLED
from lincae_studio.errors import EditError, ProjectError, StudioError, os_error_reason
from lincae_studio.session import files
from lincae_studio.session.delta import Delta, apply
from lincae_studio.session.model import Session
from lincae_studio.session.rules import check
from lincae_studio.session.times import LAST_TIME_S

_log = logging.getLogger(__name__)

_FORMAT = "lincae-studio-journal"
#: Version 2 uses the field names of project files of version 5; 3 adds the session's rate, of project version 7.
_VERSION = 3
_OLDEST_WITH_LINES = 2

INFO, LOCK, TRIED = "info.json", "lock", "tried"

#: A journal of this size is replaced by a snapshot.
LONG_BYTES = 8 * 1024 * 1024

#: Longer lines are refused, and a journal is read up to this size.
MAX_LINE_BYTES = files.MAX_BYTES
_MAX_BYTES = LONG_BYTES + MAX_LINE_BYTES

#: Larger information about a folder is refused.
_MAX_INFO_BYTES = 1024 * 1024

#: Names of snapshots: the number of the generation.
_SNAPSHOT = re.compile(r"([0-9]{1,15})\.lincae")

#: An empty folder of this age was left by a program that ended before it wrote anything; before, one may be starting.
_EMPTY_S = 60.0


class Info(Struct, frozen=True, kw_only=True):
    """The document that a recovery folder belongs to.

    Attributes:
        title: the title of the document.
        project: its project file, or "" when it was never saved.
        changed: when the folder was last written, in seconds since 1970.
    """

    format: str = _FORMAT
    version: int = _VERSION
    title: str = UNTITLED
    project: str = ""
    changed: float = 0.0


class Line(Struct, frozen=True):
    """One edit, as recorded in the journal."""

    text: str
    change: Delta


class Recovered(Struct, frozen=True):
    """The recovered session, the number of edits since its snapshot, and whether the journal is damaged."""

    session: Session
    edits: int
    damaged: bool


class Leftover(Struct, frozen=True):
    """A folder left by a crash; `tried`: its recovery was attempted before, and the program crashed again."""

    folder: Path
    info: Info
    tried: bool


def leftovers(*roots: Path) -> list[Leftover]:
    """The folders left by crashed programs, newest first; those of running programs are not included.

    Folders that cannot be examined, and those of other users, are skipped.
    """
    found: list[Leftover] = []
    for root in roots:
        try:
            private.check(root)
            folders = sorted(root.iterdir()) if root.is_dir() else []
        except OSError as error:
            _log.warning("no session is recovered from %s: %s", root, error)
            continue
        for folder in folders:
            try:
                leftover = _leftover(folder)
            except OSError as error:
                _log.warning("the recovery folder %s is skipped: %s", folder, error)
                continue
            if leftover is not None:
                found.append(leftover)
    return sorted(found, key=lambda leftover: -leftover.info.changed)


def _leftover(folder: Path) -> Leftover | None:
    """What a folder has to recover; None for one in use, or for none. Raises `OSError`."""
    if folder.is_symlink() or not folder.is_dir():
        return None
    private.check(folder)
    with _locked(folder) as free:
        if not free:
            return None
        status = folder.stat()
        info = _info(folder)
        if info is None:
            if not any(path.suffix == files.SUFFIX for path in folder.iterdir()):
                if abs(time.time() - status.st_mtime) > _EMPTY_S:
                    remove(folder)  # the program ended before anything was written
                return None
            info = Info(changed=status.st_mtime)
    if not (math.isfinite(info.changed) and 0.0 <= info.changed <= LAST_TIME_S):
        info = msgspec.structs.replace(info, changed=min(max(0.0, status.st_mtime), LAST_TIME_S))
    return Leftover(folder, info, os.path.lexists(folder / TRIED))


def recover(folder: Path) -> Recovered:
    """Read the newest intact snapshot of a folder, and the edits since up to the first damaged line.

    Raises:
        ProjectError: when there is no intact snapshot.
    """
    problem = ProjectError(f"nothing can be recovered from {folder}", "Discard it")
    try:
        private.check(folder)
        names = os.listdir(folder)
        with contextlib.suppress(OSError):
            private.open_to_write(folder / TRIED).close()
    except OSError as error:
        raise ProjectError(f"nothing can be recovered from {folder}: {os_error_reason(error, folder)[0]}") from error
    generations = sorted((int(match[1]) for name in names if (match := _SNAPSHOT.fullmatch(name))), reverse=True)
    for generation in generations:
        path = folder / f"{generation}{files.SUFFIX}"
        try:
            session = files.parse(private.read(path, files.MAX_BYTES), path)
        except OSError as error:
            reason, remedy = os_error_reason(error, path)
            problem = ProjectError(f"cannot open {path}: {reason}", remedy)
            continue
        except ProjectError as error:
            problem = error
            continue
        version = (_info(folder) or Info()).version
        if version > _VERSION:
            raise ProjectError(f"{folder} was left by a newer version", "Update LinCAE Studio, or discard it")
        lines = folder / f"{generation}.journal"
        if version < _OLDEST_WITH_LINES:  # its lines use other field names
            return Recovered(session, 0, damaged=os.path.exists(lines) and os.path.getsize(lines) > 0)
        return _replay(session, lines)
    raise problem


def _info(folder: Path) -> Info | None:
    """The information in a folder; None where it is missing or damaged."""
    try:
        return msgspec.json.decode(private.read(folder / INFO, _MAX_INFO_BYTES), type=Info)
    except (OSError, msgspec.MsgspecError, ValueError, RecursionError):
        return None


def remove(folder: Path) -> None:
    """Delete a recovery folder, ignoring errors."""
    shutil.rmtree(folder, ignore_errors=True)


def _replay(session: Session, path: Path) -> Recovered:
    """Apply the edits of a journal to a session, up to the first one that is damaged or not valid."""
    reached, count, damaged = _read(session, path, validate=False)
    try:
        check(reached)
    except EditError:  # one of them breaks a rule
        reached, count, damaged = _read(session, path, validate=True)
    return Recovered(reached, count, damaged)


def _read(session: Session, path: Path, validate: bool) -> tuple[Session, int, bool]:
    count = 0
    try:
        with private.open_to_read(path) as file:
            while line := file.readline(MAX_LINE_BYTES):
                if file.tell() > _MAX_BYTES:
                    raise ValueError("it is too large")
                changed = applied(session, line)
                if validate:
                    check(changed)
                session, count = changed, count + 1
    except FileNotFoundError:
        return session, 0, False
    except (OSError, StudioError, msgspec.MsgspecError, ValueError, RecursionError) as error:
        _log.warning("the journal %s ends after %d edits: %s", path, count, error)
        return session, count, True
    return session, count, False


def applied(session: Session, line: bytes) -> Session:
    """The session after the edit in a line of the journal; the rules of the session are not checked.

    Raises:
        ValueError, StudioError, MsgspecError: when the line is damaged, or does not fit the session.
    """
    checksum, _, data = line.rstrip(b"\n").partition(b" ")
    if not line.endswith(b"\n") or int(checksum, 16) != zlib.crc32(data):
        raise ValueError("a line is incomplete or damaged")
    return apply(session, msgspec.json.decode(data, type=Line).change)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[bool]:
    """Lock a folder during the block; whether it was free. Raises `OSError` for a lock that is not a file."""
    path = folder / LOCK
    if os.path.lexists(path) and not stat.S_ISREG(os.lstat(path).st_mode):
        raise OSError(errno.EINVAL, "its lock is not a regular file", str(path))
    lock = filelock.FileLock(path, mode=0o600)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()
