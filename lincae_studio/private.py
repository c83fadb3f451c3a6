"""Folders and files that only the user may read: recovery data, earlier versions, locks, caches, the log.

Folders are made with mode 0700, files with 0600. Below a folder in which everybody may write, such as `/tmp`, another
user may already have taken a name: there, folders must belong to the user, and none may be a link. Files are opened
without following links and without waiting for pipes. Windows keeps its own permissions. Any thread.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from lincae_studio import bounded

#: Permissions of the group and of others.
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH

_NO_LINK = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_NO_WAIT = getattr(os, "O_NONBLOCK", 0)


def make(folder: Path, *, tighten: bool = True, checked: bool = True) -> Path:
    """Create a private folder with its missing parents, and return it.

    Args:
        tighten: revoke the permissions of others on an existing folder too. False for a folder that the user has
            chosen, which may have other purposes.
        checked: check the folder. False in a place that the user has chosen and may share with others.

    Raises:
        OSError: when it cannot be created, or does not pass the check (see `check`).
    """
    if checked:
        check(folder)
    for part in reversed([folder, *folder.parents]):
        with contextlib.suppress(FileExistsError):
            if not os.path.lexists(part):
                os.mkdir(part, 0o700)
    if not os.path.isdir(folder):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    if checked:
        check(folder)
    if tighten:
        _revoke(folder, _OTHERS)
    return folder


def check(folder: Path) -> None:
    """Check a folder before it is used; one that does not exist is all right.

    Raises:
        PermissionError: when it is in a place where everybody may write, and it or a folder above it belongs to another
            user, is a link, or can be written by others.
        OSError: when it cannot be examined.
    """
    if os.name == "nt":
        return
    for part in _in_shared_place(Path(os.path.abspath(folder))):
        try:
            status = os.lstat(part)
        except FileNotFoundError:
            return
        if not stat.S_ISDIR(status.st_mode):
            raise PermissionError(errno.EACCES, "it is a link or not a folder", str(part))
        if status.st_uid != os.geteuid():
            raise PermissionError(errno.EACCES, "it belongs to another user", str(part))
        if status.st_mode & _OTHERS_WRITE:
            _revoke(part, _OTHERS_WRITE)
            if os.lstat(part).st_mode & _OTHERS_WRITE:
                raise PermissionError(errno.EACCES, "other users may write to it", str(part))


def open_to_read(path: Path) -> BinaryIO:
    """Open a regular file, without following links. Raises `OSError`."""
    return bounded.open_regular(path, follow=False)


def open_to_write(path: Path) -> BinaryIO:
    """Create a file or empty an existing one, without following links. Raises `OSError`."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | _NO_LINK | _NO_WAIT, 0o600)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    os.truncate(descriptor, 0)
    return os.fdopen(descriptor, "wb")


def read(path: Path, limit_bytes: int) -> bytes:
    """The content of a regular file. Raises `OSError`, also for one of more than `limit_bytes`, or a link."""
    return bounded.read(path, limit_bytes, follow=False)


def keep_from_others(path: Path) -> None:
    """Create an empty file with mode 0600; revoke the permissions of others on an existing one. Raises `OSError`."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | _NO_LINK | _NO_WAIT, 0o600))
    if os.lstat(path).st_nlink == 1:  # another name of the file may be meant for others
        _revoke(path, _OTHERS)


def _in_shared_place(folder: Path) -> Iterator[Path]:
    """Of `folder` and the folders above it, those below one in which everybody may write, from the top down."""
    parts = [*reversed(folder.parents), folder]
    for number, (parent, part) in enumerate(itertools.pairwise(parts)):
        mode = os.stat(parent).st_mode
        if mode & stat.S_ISVTX and mode & stat.S_IWOTH:
            yield from parts[number + 1 :]
            return
        if not os.path.lexists(part):
            return


def _revoke(path: Path, permissions: int) -> None:
    """Revoke permissions on a file or folder of the user; does nothing where the file system has none."""
    with contextlib.suppress(OSError):
        status = os.lstat(path)
        if status.st_mode & permissions and not stat.S_ISLNK(status.st_mode) and os.name != "nt":
            os.chmod(path, stat.S_IMODE(status.st_mode) & ~permissions)
