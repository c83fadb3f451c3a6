"""Replacing files atomically, so that no reader sees an incomplete file: temporary file, fsync, replace.

The temporary file is in the folder of the target (a rename across disks is not atomic). Devices and named pipes are
refused: replacing would destroy them, and reading them might never end.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import uuid
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Yield a temporary path; when the block ends without an error, its file replaces `target`, else it is deleted.

    The new file has the permissions of the one it replaces.

    Raises:
        OSError: from the block, or when the folder or an existing target cannot be written. `target` is then unchanged.
    """
    target = Path(os.path.realpath(target))  # a symbolic link stays, the file it points to is replaced
    exists = _check_replaceable(target)
    # Without the target's name, which may already have the maximum length.
    temporary = target.with_name(f".{uuid.uuid4().hex}.part")
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        if exists:
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
    try:
        yield path
    finally:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def write_bytes(target: Path, data: bytes) -> None:
    """Write `data` to `target`, completely or not at all."""
    with replacing(target) as temporary:
        temporary.write_bytes(data)


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
