"""Reading files that others wrote: regular files only, opened without blocking, up to a size. Any process and thread.

Opening a named pipe would block, a device may never end, and files of the kernel (`/proc`) can be far longer
than they say.
"""

from __future__ import annotations

import errno
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from lincae_studio.atomic import check_ordinary

_BLOCK_BYTES = 1 << 22

#: Largest directory of a zip archive: that of 50,000 files. Listing it takes 15 times as much memory.
_MAX_DIRECTORY_BYTES = 1 << 22

#: Without waiting for the other end of a pipe, or for a terminal; on Windows as bytes.
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)


def open_regular(path: Path, *, buffered: bool = True, follow: bool = True) -> BinaryIO:
    """Open a file for reading; with `follow` off, no link to one.

    The open file itself is checked as well, so that a pipe which takes its place at that moment is noticed.

    Raises:
        OSError: when it is missing, cannot be opened, or is not a regular file.
    """
    check_ordinary(path)  # opening some devices has an effect
    descriptor = os.open(path, _FLAGS | getattr(os, "O_CLOEXEC", 0) | (0 if follow else getattr(os, "O_NOFOLLOW", 0)))
    try:
        check_ordinary(descriptor)
        return os.fdopen(descriptor, "rb", -1 if buffered else 0)
    except BaseException:
        os.close(descriptor)
        raise


def read(path: Path, limit_bytes: int, *, follow: bool = True) -> bytes:
    """The content of a file; with `follow` off, of no link to one.

    Raises:
        OSError: as `open_regular`, and when it has more than `limit_bytes`.
    """
    with open_regular(path, follow=follow) as file:
        data = file.read(limit_bytes + 1)
    if len(data) > limit_bytes:
        raise OSError(errno.EFBIG, f"it has more than {limit_bytes:,} bytes", str(path))
    return data


def blocks(path: Path) -> Iterator[bytes]:
    """The content of a file in blocks of up to 4 MiB.

    Raises:
        OSError: as `open_regular`, and when it is longer than it was when it was opened.
    """
    with open_regular(path) as file:
        yield from blocks_of(file)
        if file.read(1):
            raise OSError(errno.EFBIG, "it is longer than its size says", str(path))


def blocks_of(file: BinaryIO) -> Iterator[bytes]:
    """The content of an open file from its start, in blocks of up to 4 MiB, and no more than its size when it begins.

    Raises:
        OSError: when it cannot be read.
    """
    file.seek(0)
    left = os.fstat(file.fileno()).st_size
    while block := file.read(min(_BLOCK_BYTES, left)):
        left -= len(block)
        yield block


def open_archive(file: BinaryIO) -> zipfile.ZipFile:
    """The zip archive in an open file, which must stay open.

    Raises:
        BadZipFile: when it is none, or its directory is too large.
    """
    limited: Any = _Directory(file)
    archive = zipfile.ZipFile(limited)
    limited.limit_bytes = None
    return archive


class _Directory:
    """A file of which no more than a limit is read at once, which is how `zipfile` reads a directory."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.limit_bytes: int | None = _MAX_DIRECTORY_BYTES

    def read(self, size: int = -1) -> bytes:
        if self.limit_bytes is not None and size > self.limit_bytes:
            raise zipfile.BadZipFile("its directory is too large")
        return self._file.read(size)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)
