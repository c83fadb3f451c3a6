"""A file as a decoder should see it: pieces of it, with some bytes replaced. Any thread, one at a time."""

from __future__ import annotations

import bisect
import io
import itertools
import os
from collections.abc import Mapping, Sequence
from typing import BinaryIO

_FARTHEST = 1 << 62

#: A part of the file, or bytes in place of one.
Piece = range | bytes


class FileView(io.RawIOBase):
    """Pieces of an open file, one after the other; closing it leaves the file open."""

    def __init__(self, file: BinaryIO, pieces: Sequence[Piece]) -> None:
        self._file = file
        self._pieces = [piece for piece in pieces if len(piece)]
        self._starts = list(itertools.accumulate(map(len, self._pieces), initial=0))
        self._at = 0

    def descriptor(self) -> int | None:
        """A descriptor, to be closed, at the beginning of the file, if the view is the file as it is.

        Reading with it calls no Python, which costs half as much again as decoding PCM. The libraries of Windows do
        not share descriptors.
        """
        if os.name == "nt" or self._pieces != [range(os.fstat(self._file.fileno()).st_size)]:
            return None
        descriptor = os.dup(self._file.fileno())
        os.lseek(descriptor, 0, os.SEEK_SET)
        return descriptor

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._starts[-1]}[whence]
        self._at = min(max(0, base + offset), self._starts[-1])
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        wanted = memoryview(buffer).cast("B")
        done = 0
        while done < len(wanted) and self._at < self._starts[-1]:
            number = bisect.bisect_right(self._starts, self._at) - 1
            piece, offset = self._pieces[number], self._at - self._starts[number]
            count = min(len(wanted) - done, len(piece) - offset)
            if isinstance(piece, bytes):
                data = piece[offset : offset + count]
            else:
                self._file.seek(piece.start + offset)
                data = self._file.read(count)
                if not data:
                    break
            wanted[done : done + len(data)] = data
            done += len(data)
            self._at += len(data)
        return done


class BufferedView(io.BufferedReader):
    """A view that is read in larger steps than a decoder asks for, which may be bytes.

    Headers that lie make decoders seek to places that no file has: they get to the end instead.
    """

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return super().seek(max(-_FARTHEST, min(offset, _FARTHEST)), whence)


def patched(whole: range, patches: Mapping[int, bytes]) -> list[Piece]:
    """A part of a file with some bytes replaced.

    Args:
        whole: the part, as positions in the file.
        patches: other bytes by their positions in the file, all of them in the part, without overlaps.
    """
    pieces: list[Piece] = []
    at = whole.start
    for position in sorted(patches):
        pieces += [range(at, position), patches[position]]
        at = position + len(patches[position])
    return [*pieces, range(at, whole.stop)]
