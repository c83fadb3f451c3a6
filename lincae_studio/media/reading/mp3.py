"""The frames of an MPEG audio file, counted: headers that estimate, lie or are missing are replaced by the count.

Source: ISO/IEC 11172-3, 2.4.1.3 and 2.4.2.3 (frame headers), ISO/IEC 13818-3 (lower rates); the Xing header and LAME's
extension of it as players read them.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from typing import BinaryIO

from msgspec import Struct

from lincae_studio.media.reading.problems import CONVERT, UnreadableError, truncated_at
from lincae_studio.media.reading.view import Piece, patched

_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
_KBPS_1 = {
    3: (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    2: (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    1: (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
}
_KBPS_2 = {
    3: (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    2: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}

_READ_BYTES = 1 << 20

#: What of a frame is read to find a Xing header: four bytes, side information, and the start of that header.
_HEAD_BYTES = 4 + 32 + 12


class Frame(Struct, frozen=True):
    """The header of a frame: MPEG version and layer as coded, bytes, and samples per channel."""

    version: int
    layer: int
    rate: int
    mono: bool
    size: int
    samples: int

    def __str__(self) -> str:
        return f"{self.rate} Hz {'mono' if self.mono else 'stereo'}"

    @property
    def side_bytes(self) -> int:
        """Side information of layer III, behind which a Xing header is."""
        return (17 if self.mono else 32) if self.version == 3 else (9 if self.mono else 17)


def frame_of(header: bytes) -> Frame | None:
    """The frame that four bytes begin; None if they begin none."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return None
    version, layer = header[1] >> 3 & 3, header[1] >> 1 & 3
    kbps, rate, padding = header[2] >> 4, header[2] >> 2 & 3, header[2] >> 1 & 1
    if version == 1 or layer == 0 or kbps in (0, 15) or rate == 3:
        return None
    hz = _RATES[version][rate]
    bits = 1000 * (_KBPS_1[layer] if version == 3 else _KBPS_2[3 if layer == 3 else 2])[kbps - 1]
    samples = 384 if layer == 3 else 1152 if layer == 2 or version == 3 else 576
    size = (12 * bits // hz + padding) * 4 if layer == 3 else samples // 8 * bits // hz + padding
    return Frame(version, layer, hz, header[3] >> 6 == 3, size, samples)


@dataclass
class _Stream:
    """Frames that follow each other, from a Xing header to the next one.

    Attributes:
        header: the position of the frame with the Xing header; None without one.
        promised: frames that it says there are, not counting itself; 0 if it does not say.
    """

    start: int
    first: Frame
    header: int | None
    promised: int
    count: int = 0
    end: int = 0


def begins(file: BinaryIO) -> bool:
    """Whether a file begins with two MPEG audio frames, behind ID3v2 tags."""
    at = behind_tag(file, 0)
    file.seek(at)
    first = frame_of(file.read(4))
    if first is None:
        return False
    file.seek(at + first.size)
    second = frame_of(file.read(4))
    return second is not None and _alike(first, second)


def streams(file: BinaryIO, whole: range) -> list[list[Piece]]:
    """The parts of a file, or of a part of it, that were encoded by themselves.

    Each gets a header that says how many frames it has.

    Raises:
        UnreadableError: when frames are missing.
    """
    found = _walk(file, whole)
    if not found:
        raise UnreadableError("no two MPEG frames follow each other in it")
    parts: list[list[Piece]] = []
    for stream in found:
        if stream.count < stream.promised:
            raise truncated_at(stream.count / stream.promised)
        if stream.count == 0:
            continue
        part = range(stream.start, stream.end)
        if stream.first.layer != 1:
            raise UnreadableError("it is MPEG audio of layer I or II, which is not supported", CONVERT)
        if stream.header is None:
            parts.append([_header_for(file, stream), part])
        elif stream.count == stream.promised:
            parts.append([part])
        else:
            parts.append(_with_count(file, stream, part))
    return parts


def _walk(file: BinaryIO, whole: range) -> list[_Stream]:
    size = whole.stop
    buffered = io.BufferedReader(_Borrowed(file), _READ_BYTES)
    found: list[_Stream] = []
    at = behind_tag(buffered, whole.start)
    synced = False
    while at + 4 <= size:
        buffered.seek(at)
        head = buffered.read(4)
        if head[:3] == b"ID3":
            at = max(at + 1, behind_tag(buffered, at))
            continue
        frame = frame_of(head)
        last = found[-1] if found else None
        fits = frame is not None
        if frame is not None and not synced:  # what looks like a frame must be followed by another one
            buffered.seek(at + frame.size)
            after = frame_of(buffered.read(4))
            fits = after is not None and _alike(after, frame)
        if frame is None or not fits:
            synced, at = False, _next_sync(buffered, at + 1, size)
            continue
        if at + frame.size > size:
            break  # a recording that was cut: this frame cannot be decoded
        buffered.seek(at)
        promised = _promised(buffered.read(_HEAD_BYTES), frame)
        if last is not None and not _alike(frame, last.first):
            raise UnreadableError(
                f"its format changes in the middle, from {last.first} to {frame}", "Split it, and import the parts"
            )
        if last is None or promised is not None:
            found.append(_Stream(at, frame, None if promised is None else at, promised or 0))
        found[-1].count += promised is None
        at += frame.size
        found[-1].end = at
        synced = True
    return found


class _Borrowed(io.RawIOBase):
    """A file that is not closed with the buffer before it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def _alike(one: Frame, other: Frame) -> bool:
    return (one.version, one.layer, one.rate, one.mono) == (other.version, other.layer, other.rate, other.mono)


def behind_tag(file: BinaryIO, at: int) -> int:
    """The end of the ID3v2 tags that begin at a place."""
    while True:
        file.seek(at)
        head = file.read(10)
        if head[:3] != b"ID3" or len(head) < 10:
            return at
        at += 10 + sum((byte & 0x7F) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True))


def _next_sync(file: BinaryIO, at: int, size: int) -> int:
    """The next place where a frame or an ID3v2 tag may begin; the end of the file if there is none."""
    while at < size:
        file.seek(at)
        data = file.read(_READ_BYTES)
        places = [place for place in (data.find(b"\xff"), data.find(b"ID3")) if place >= 0]
        if places:
            return at + min(places)
        at += max(1, len(data) - 2)
    return size


def _promised(data: bytes, frame: Frame) -> int | None:
    """The number of frames in a Xing header, 0 if it does not say; None if the frame has no such header."""
    at = 4 + frame.side_bytes
    if frame.layer != 1 or data[at : at + 4] not in (b"Xing", b"Info"):
        return None
    flags, frames = struct.unpack(">II", data[at + 4 : at + 12].ljust(8, b"\0"))
    return frames if flags & 1 else 0


def _header_for(file: BinaryIO, stream: _Stream) -> bytes:
    """A silent frame with a Xing header, to put before frames that have none."""
    file.seek(stream.start)
    head = bytearray(file.read(4))
    head[1] |= 1  # no checksum
    first = stream.first
    for kbps in range(1, 15):  # the smallest frame that the header fits in
        head[2] = kbps << 4 | head[2] & 0x0D & ~2
        frame = frame_of(bytes(head))
        if frame is not None and frame.size >= 4 + first.side_bytes + 16:
            break
    body = b"Xing" + struct.pack(">III", 3, stream.count, stream.end - stream.start + frame_size(bytes(head)))
    return (bytes(head) + bytes(first.side_bytes) + body).ljust(frame_size(bytes(head)), b"\0")


def frame_size(header: bytes) -> int:
    """Bytes of the frame that four bytes begin; 0 if they begin none."""
    frame = frame_of(header)
    return 0 if frame is None else frame.size


def _with_count(file: BinaryIO, stream: _Stream, part: range) -> list[Piece]:
    """The stream with the right number of frames and bytes in its header."""
    assert stream.header is not None
    at = stream.header + 4 + stream.first.side_bytes
    file.seek(at + 4)
    flags = struct.unpack(">I", file.read(4))[0]
    if not flags & 1:
        raise UnreadableError("its Xing header does not say how many frames it has")
    patches = {at + 8: struct.pack(">I", stream.count)}
    if flags & 2:
        patches[at + 12] = struct.pack(">I", stream.end - stream.header)
    return patched(part, patches)
