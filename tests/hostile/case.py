"""What the hostile corpus consists of: files that a stranger might send, or a shared machine might hold.

Each case is made by a function of its own, in a folder of its own, and is well formed, damaged or hostile. Beside that
folder lies `SECRET`, which no program has a reason to open. The other files of this folder register the cases by kind;
`corpus` has them all.
"""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

#: A file outside of every case's folder.
SECRET = "secret.wav"

#: Deeper than any parser's stack.
DEEP = 200_000

#: Size of what swells when it is unpacked, in bytes.
SWOLLEN = 1_500 << 20


@dataclass(frozen=True)
class Case:
    """One of the corpus: `make` writes it into an empty folder and returns the path to open."""

    kind: str
    make: Callable[[Path], Path]

    def __str__(self) -> str:
        return f"{self.kind}: {self.make.__name__.replace('_', ' ')}"


CASES: list[Case] = []


def case(kind: str) -> Callable[[Callable[[Path], Path]], Callable[[Path], Path]]:
    """Register a function that makes a case."""

    def add(make: Callable[[Path], Path]) -> Callable[[Path], Path]:
        CASES.append(Case(kind, make))
        return make

    return add


def swell(archive: zipfile.ZipFile, name: str, head: bytes = b"") -> None:
    """Add `head` and zeros, some `SWOLLEN` bytes that take a few kilobytes. The checksum is wrong."""
    deflater = zlib.compressobj(9, wbits=-15)
    start = deflater.compress(head) + deflater.flush(zlib.Z_FULL_FLUSH)
    block = deflater.compress(bytes(1 << 24)) + deflater.flush(zlib.Z_FULL_FLUSH)
    archive.writestr(zipfile.ZipInfo(name), start + block * (SWOLLEN >> 24))
    entry = archive.filelist[-1]  # its directory entry is written when the archive is closed
    entry.compress_type, entry.file_size = zipfile.ZIP_DEFLATED, SWOLLEN


class Touch:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.path),)
