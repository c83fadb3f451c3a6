"""FLAC headers that promise fewer samples than there are (RFC 9639, sections 8.2 and 9.1). Decoders believe them."""

from __future__ import annotations

import os
from typing import BinaryIO

from lincae_studio.media.reading.mp3 import behind_tag
from lincae_studio.media.reading.view import Piece, patched

#: From the marker to the five bytes that end with the 36 bits of the number of samples.
_COUNT_AT = 4 + 4 + 13

#: The last frame begins in these bytes at the end.
_TAIL_BYTES = 1 << 18

#: The longest frame header: 4 bytes, a number of 7, a block size and a rate of 2 each, and the checksum.
_HEADER_BYTES = 16


def begins(file: BinaryIO) -> bool:
    """Whether a file is a FLAC file, behind ID3v2 tags."""
    file.seek(behind_tag(file, 0))
    return file.read(4) == b"fLaC"


def whole(file: BinaryIO) -> list[Piece]:
    """The file, with an unknown number of samples if its last frame lies behind the number in its header."""
    size = os.fstat(file.fileno()).st_size
    start = behind_tag(file, 0)
    file.seek(start + 8)
    info = file.read(18)
    promised = int.from_bytes(info[13:18], "big") & ((1 << 36) - 1)
    if not promised or _end_of_last_frame(file, size, int.from_bytes(info[2:4], "big")) <= promised:
        return [range(size)]
    return patched(range(size), {start + _COUNT_AT: bytes([info[13] & 0xF0, 0, 0, 0, 0])})


def _end_of_last_frame(file: BinaryIO, size: int, block: int) -> int:
    """The samples before the end of the last frame; 0 if none is found. `block`: samples of a block of fixed size."""
    file.seek(max(0, size - _TAIL_BYTES))
    tail = file.read(_TAIL_BYTES)
    at = len(tail)
    while (at := tail.rfind(b"\xff", 0, at)) >= 0:
        end = _end_of_frame(tail[at : at + _HEADER_BYTES], block)
        if end:
            return end
    return 0


def _end_of_frame(head: bytes, block: int) -> int:
    """The samples before the end of the frame that begins here; 0 if none does."""
    if len(head) < 6 or head[1] not in (0xF8, 0xF9) or head[3] & 1 or head[3] >> 4 > 10:
        return 0
    size_code, rate_code = head[2] >> 4, head[2] & 15
    if size_code == 0 or rate_code == 15:
        return 0
    number, at = _coded_number(head, 4)
    if size_code in (6, 7):
        length = size_code - 5
        samples = int.from_bytes(head[at : at + length], "big") + 1
        at += length
    else:
        samples = 192 if size_code == 1 else 576 << size_code - 2 if size_code < 6 else 256 << size_code - 8
    at += {12: 1, 13: 2, 14: 2}.get(rate_code, 0)
    if at >= len(head) or _crc8(head[:at]) != head[at]:
        return 0
    return (number if head[1] == 0xF9 else number * block) + samples


def _coded_number(head: bytes, at: int) -> tuple[int, int]:
    """A number coded like a character of UTF-8, of up to 36 bits, and the place behind it."""
    ones = next((bit for bit in range(8) if not head[at] >> 7 - bit & 1), 8)
    number = head[at] & (1 << max(0, 7 - ones)) - 1
    for byte in head[at + 1 : at + ones]:
        number = number << 6 | byte & 0x3F
    return number, at + max(1, ones)


def _crc8(data: bytes) -> int:
    """The checksum of frame headers: x^8 + x^2 + x + 1."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ 0x07 if crc & 0x80 else crc << 1) & 0xFF
    return crc
