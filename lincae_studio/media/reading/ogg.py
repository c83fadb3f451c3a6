"""The pages of an Ogg file (RFC 3533): streams one behind the other, each of which libsndfile reads by itself."""

from __future__ import annotations

import os
import struct
from typing import BinaryIO

from lincae_studio.media.reading.problems import truncated_at
from lincae_studio.media.reading.view import Piece

_CAPTURE = b"OggS\0"
_HEADER = 27
_FIRST, _LAST = 2, 4

#: Bytes between pages that are skipped: padding, tags of other formats.
_SEARCH_BYTES = 1 << 16


def begins(file: BinaryIO) -> bool:
    """Whether a file is an Ogg file."""
    file.seek(0)
    return file.read(len(_CAPTURE)) == _CAPTURE


def links(file: BinaryIO) -> tuple[list[list[Piece]], bool]:
    """The parts of the file that hold one stream each, or several at the same time, and whether each of them is ended.

    A stream that is not ended may have been cut at a page, or recorded by a program that never ends streams.

    Raises:
        UnreadableError: when a part of a page is missing.
    """
    size = os.fstat(file.fileno()).st_size
    starts, end, at, open_streams, was_first, ended = [0], 0, 0, set[int](), True, True
    while True:
        file.seek(at)
        header = file.read(_HEADER)
        if len(header) < _HEADER or header[:5] != _CAPTURE:
            at = _next_page(file, at + 1)
            if at < 0:
                break
            continue
        flags, serial, segments = header[5], struct.unpack("<I", header[14:18])[0], header[26]
        lengths = file.read(segments)
        stop = at + _HEADER + segments + sum(lengths)
        if len(lengths) < segments or stop > size:
            raise truncated_at()
        first = bool(flags & _FIRST)
        if first and not was_first:
            ended = ended and not open_streams
            open_streams.clear()
            starts.append(at)
        if first:
            open_streams.add(serial)
        if flags & _LAST:
            open_streams.discard(serial)
        was_first, at, end = first, stop, stop
    parts: list[list[Piece]] = [[range(start, stop)] for start, stop in zip(starts, [*starts[1:], end], strict=True)]
    return parts, ended and not open_streams


def _next_page(file: BinaryIO, at: int) -> int:
    """Where the next page from a place on begins; -1 if none does."""
    while True:
        file.seek(at)
        data = file.read(_SEARCH_BYTES)
        found = data.find(_CAPTURE)
        if found >= 0:
            return at + found
        if len(data) < _SEARCH_BYTES:
            return -1
        at += len(data) - len(_CAPTURE)
