"""The headers of WAV and RF64 files that recorders never finished, or that libsndfile misreads.

Source: Multimedia Programming Interface and Data Specifications 1.0 (IBM and Microsoft, 1991); EBU Tech 3306 (RF64).
"""

from __future__ import annotations

import os
import struct
from typing import BinaryIO

from lincae_studio.media.reading.problems import CONVERT, UnreadableError, truncated_at
from lincae_studio.media.reading.sizes import PLACEHOLDERS
from lincae_studio.media.reading.view import Piece, patched

#: Chunks before the audio are small; a file with more of them is not worth the time.
_MOST_CHUNKS = 1000

_PCM, _MP3, _EXTENSIBLE = 0x0001, 0x0055, 0xFFFE

_LARGEST = 0xFFFF_FFFF

#: Fewer bytes behind the audio than these are padding or tags of other formats.
_MUCH = 1 << 16

#: Encodings in WAV files that libsndfile does not read, and reports as malformed.
_OTHER_ENCODINGS = {
    0x0050: "MPEG layer I or II",
    0x0092: "AC-3",
    0x00FF: "AAC",
    0x0160: "WMA",
    0x0161: "WMA",
    0x0162: "WMA",
    0x0163: "WMA lossless",
    0x0270: "ATRAC3",
    0x1600: "AAC",
    0x1610: "AAC",
    0x2000: "AC-3",
    0x2001: "DTS",
    0x674F: "Ogg Vorbis",
    0xF1AC: "FLAC",
}

_MAGIC = (b"RIFF", b"RF64", b"BW64")


def begins(file: BinaryIO) -> bool:
    """Whether a file is a WAV or RF64 file."""
    file.seek(0)
    return file.read(4) in _MAGIC


def mp3_inside(file: BinaryIO) -> range | None:
    """Where a WAV file has its MP3 frames; None if it has none."""
    size, at, tag = os.fstat(file.fileno()).st_size, 12, 0
    for _ in range(_MOST_CHUNKS):
        file.seek(at)
        name, length = struct.unpack("<4sI", file.read(8).ljust(8, b"\0"))
        if name == b"fmt ":
            tag = int.from_bytes(file.read(2), "little")
        if name == b"data" or not length:
            return range(at + 8, min(size, at + 8 + length)) if tag == _MP3 and length else None
        at += 8 + length + length % 2
    return None


def repaired(file: BinaryIO) -> tuple[list[Piece], str]:
    """The file with a corrected header, and a warning if it may contain more audio.

    Sizes that were never filled in extend to the end of the file. Samples of fewer bits than their bytes hold are read
    as samples of all these bits, since they fill the upper ones.

    Raises:
        UnreadableError: when audio is missing, or is in a form that would be misread.
    """
    size = os.fstat(file.fileno()).st_size
    whole = range(size)
    file.seek(0)
    magic, riff_size, _ = struct.unpack("<4sI4s", file.read(12).ljust(12, b"\0"))
    patches: dict[int, bytes] = {}
    warning = ""
    at, long_size, long_at = 12, None, None
    for _ in range(_MOST_CHUNKS):
        file.seek(at)
        header = file.read(8)
        if len(header) < 8:
            break
        name, promised = struct.unpack("<4sI", header)
        body = at + 8
        if name == b"ds64":
            riff_size, long_size = struct.unpack("<QQ", file.read(16).ljust(16, b"\0"))
            long_at = body
        elif name == b"fmt ":
            patches |= _container_bits(file.read(16), body)
        elif name == b"data":
            there = size - body
            if magic != b"RIFF" and long_size is not None and promised == _LARGEST:
                promised = long_size
            closed = riff_size + 8 >= size - 1  # some leave the padding byte out
            if _never_filled_in(promised, closed, there):
                patches[at + 4] = struct.pack("<I", min(there, _LARGEST))
                if long_at is not None:
                    patches[long_at] = struct.pack("<QQ", size - 8, there)
                    patches[at + 4] = struct.pack("<I", _LARGEST)
                patches[4] = struct.pack("<I", _LARGEST if long_at is not None else min(size - 8, _LARGEST))
            elif there == 0:
                raise UnreadableError("it contains no audio")
            elif _unknown_bytes(file, body + promised, size) > _MUCH:
                share = f"{100 * promised / there:.0f} % of the file"
                warning = f"its header says that its audio ends after {share}; what follows was not imported"
            elif promised > there:
                raise truncated_at(there / promised)
            break
        at = body + promised + promised % 2
    return patched(whole, patches), warning


def _unknown_bytes(file: BinaryIO, at: int, size: int) -> int:
    """Bytes behind the audio that are in no chunk, as where a recorder did not bring the header up to date."""
    at += at % 2
    while at + 8 <= size:
        file.seek(at)
        name, length = struct.unpack("<4sI", file.read(8))
        if not all(32 <= byte < 127 for byte in name) or at + 8 + length > size:
            break
        at += 8 + length + length % 2
    return size - at


def _never_filled_in(promised: int, closed: bool, there: int) -> bool:
    """Whether a size is a placeholder that programs write before they know the size."""
    if promised == 0:
        return there > 0 and not closed
    return promised > there and any(promised in sizes for sizes in PLACEHOLDERS)


def _container_bits(fields: bytes, at: int) -> dict[int, bytes]:
    if len(fields) < 16:
        return {}
    tag, channels, _, _, block, bits = struct.unpack("<HHIIHH", fields)
    if tag in _OTHER_ENCODINGS:
        problem = f"it is a WAV file with {_OTHER_ENCODINGS[tag]} inside, which is not supported"
        raise UnreadableError(problem, CONVERT)
    if tag not in (_PCM, _EXTENSIBLE) or not channels or not bits or block == channels * -(-bits // 8):
        return {}
    size = block // channels
    if block % channels or not -(-bits // 8) <= size <= 4:
        raise UnreadableError(
            f"its header says {bits} bits a sample in blocks of {block} bytes for {channels} channels"
        )
    return {at + 14: struct.pack("<H", 8 * size)}
