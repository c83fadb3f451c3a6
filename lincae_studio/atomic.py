"""Replacing files atomically, so that no reader sees an incomplete file: temporary file, fsync, replace.

The temporary file is in the folder of the target (a rename across disks is not atomic), and locked while it is written:
those of programs that were killed can be told from others, and are deleted. Devices and named pipes are refused:
replacing would destroy them, and reading them might never end.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import re
import shutil
import stat
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

#: Windows has no such locks, and needs none: it does not delete files that are open.
_HAS_LOCKS = os.name != "nt"

if _HAS_LOCKS:
    import fcntl

#: Names of temporary files and folders.
_TEMPORARY = re.compile(r"\.([0-9a-f]{32}|[0-9a-f]{16}\.[0-9a-f]{8})\.part")

#: A temporary file is left alone for this time after it was last written, as programs of older versions lock nothing.
_ABANDONED_S = 3600.0

#: At most this number of files of a folder are looked at.
_MOST_ENTRIES = 10_000


@contextlib.contextmanager
def replacing(target: Path, private: bool = False, sweeping: bool = True) -> Iterator[Path]:
    """Yield a temporary path; when the block ends without an error, its file replaces `target`, else it is deleted.

    The new file has the permissions of the one it replaces; until it is complete, only the user may read it then.

    Args:
        private: only the user may read the new file.
        sweeping: delete the temporary files of programs that were killed, in the same folder.

    Raises:
        OSError: from the block, or when the folder or an existing target cannot be written. `target` is then unchanged.
    """
    target = Path(os.path.realpath(target))  # a symbolic link stays, the file it points to is replaced
    exists = _check_replaceable(target)
    # Without the target's name, which may already have the maximum length.
    temporary = target.with_name(f".{uuid.uuid4().hex}.part")
    if sweeping:
        sweep(target.parent)
    try:
        with _new_file(temporary, 0o600 if private or exists else 0o666):
            yield temporary
            with open(temporary, "rb+") as file:
                os.fsync(file.fileno())
            if exists and not private:
                with contextlib.suppress(OSError):  # some file systems have no permissions
                    shutil.copymode(target, temporary)
            os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


@contextlib.contextmanager
def temporary(folder: Path) -> Iterator[Path]:
    """Yield a path in a folder for a temporary file, which is deleted when the block ends, if it still exists."""
    path = folder / f".{uuid.uuid4().hex}.part"
    sweep(folder)
    try:
        with _new_file(path, 0o666):
            yield path
    finally:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def write_bytes(target: Path, data: bytes, private: bool = False) -> None:
    """Write `data` to `target`, completely or not at all."""
    with replacing(target, private, sweeping=False) as temporary:
        temporary.write_bytes(data)


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """Lock a temporary file or folder during the block, so that `sweep` leaves it alone. Raises `OSError`."""
    if not _HAS_LOCKS:
        yield
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _lock(descriptor)
        yield
    finally:
        os.close(descriptor)


def sweep(folder: Path) -> None:
    """Delete the temporary files and folders that programs of this user left behind when they were killed."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in itertools.islice(entries, _MOST_ENTRIES):
            if _TEMPORARY.fullmatch(entry.name):
                with contextlib.suppress(OSError):
                    _delete_abandoned(Path(entry.path))


def _delete_abandoned(path: Path) -> None:
    status = os.lstat(path)
    # A time in the future is as old as any: the clock was wrong.
    if abs(time.time() - status.st_mtime) < _ABANDONED_S or (hasattr(os, "geteuid") and status.st_uid != os.geteuid()):
        return
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        return
    descriptor = None
    try:
        if _HAS_LOCKS:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            if not _lock(descriptor):
                return
        if stat.S_ISDIR(status.st_mode):
            shutil.rmtree(path)
        else:
            path.unlink()
    finally:
        if descriptor is not None:
            os.close(descriptor)


@contextlib.contextmanager
def _new_file(path: Path, mode: int) -> Iterator[None]:
    """Create an empty file, and lock it during the block."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), mode)
    try:
        if not _HAS_LOCKS:
            os.close(descriptor)  # Windows does not rename open files
            descriptor = -1
        else:
            _lock(descriptor)
        yield
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def _lock(descriptor: int) -> bool:
    """Lock an open file or folder until it is closed; False when it is locked, or there are no locks on this disk."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def check_ordinary(path: Path | int) -> os.stat_result:
    """The status of a regular file, by its path or descriptor.

    Raises:
        OSError: when it is missing, a folder, or a device or pipe that reading might block on.
    """
    status = os.stat(path)
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    return status


def _check_replaceable(target: Path) -> bool:
    """Whether there is a file at `target`. Raises `OSError` when it must not be replaced."""
    try:
        mode = os.stat(target).st_mode
    except FileNotFoundError:
        return False
    if not stat.S_ISREG(mode):
        # Renaming over a device such as /dev/null would destroy it.
        raise OSError(errno.EINVAL, "it is not a regular file", str(target))
    # A rename needs only the permission of the folder, and root has every permission, so check the file itself.
    if not mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH) or not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(target))
    return True


def _sync_folder(folder: Path) -> None:
    """Make the rename survive a power cut, where the platform supports it (Windows cannot open folders)."""
    if os.name == "nt":
        return
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
