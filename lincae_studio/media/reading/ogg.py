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


def links(file: BinaryIO) -> list[list[Piece]]:
    """The parts of the file that hold one stream each, or several at the same time.

    Raises:
        UnreadableError: when a page or the end of a stream is missing.
    """
    size = os.fstat(file.fileno()).st_size
    starts, end, at, open_streams, was_first = [0], 0, 0, set[int](), True
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
            if open_streams:
                raise truncated_at()
            starts.append(at)
        if first:
            open_streams.add(serial)
        if flags & _LAST:
            open_streams.discard(serial)
        was_first, at, end = first, stop, stop
    if open_streams:
        raise truncated_at()
    return [[range(start, stop)] for start, stop in zip(starts, [*starts[1:], end], strict=True)]


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
