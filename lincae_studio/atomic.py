"""Replacing files so that a reader never sees half of one: temporary file, fsync, replace.

The temporary file lies in the target's folder (a rename across disks is not atomic). Devices and named pipes are
refused, for writing because they would be gone, for reading because it may never end.
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
    """Yield a temporary path; when the block ends without an error, it replaces `target`, else it is deleted.

    The new file has the permissions of the one it replaces.

    Raises:
        OSError: from the block, or when the folder or an existing target cannot be written. `target` is then as before.
    """
    target = Path(os.path.realpath(target))  # a link stays a link, what it points to is replaced
    exists = _check_replaceable(target)
    # Without the target's name, which may be as long as names can be.
    temporary = target.with_name(f".{uuid.uuid4().hex}.part")
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        if exists:
            with contextlib.suppress(OSError):  # some disks know no permissions
                shutil.copymode(target, temporary)
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


@contextlib.contextmanager
def temporary(folder: Path) -> Iterator[Path]:
    """Yield a path in a folder for a file that is deleted, if it is still there, when the block ends."""
    path = folder / f".{uuid.uuid4().hex}.part"
    try:
        yield path
    finally:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def write_bytes(target: Path, data: bytes) -> None:
    """Write `data` to `target`, entirely or not at all."""
    with replacing(target) as temporary:
        temporary.write_bytes(data)


def check_ordinary(path: Path) -> os.stat_result:
    """The status of an ordinary file.

    Raises:
        OSError: when it is missing, a folder, or something that reading might wait on for ever.
    """
    status = os.stat(path)
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "it is not an ordinary file", str(path))
    return status


def _check_replaceable(target: Path) -> bool:
    """Whether there is a file at `target`. Raises `OSError` when what is there must not be replaced."""
    try:
        mode = os.stat(target).st_mode
    except FileNotFoundError:
        return False
    if not stat.S_ISREG(mode):
        # Renaming over a device such as /dev/null would destroy it.
        raise OSError(errno.EINVAL, "it is not an ordinary file", str(target))
    # A rename needs the folder's permission only, and root has every permission: ask the file itself.
    if not mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH) or not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(target))
    return True


def _sync_folder(folder: Path) -> None:
    """Make the rename itself survive a power cut, where the platform can (Windows cannot open folders)."""
    if os.name == "nt":
        return
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
