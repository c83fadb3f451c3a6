"""One conformed audio file: samples at the session rate, memory-mapped, with peaks and checksums. Any thread.

The folder of an entry has `audio.f32`, the samples `(N, C)`; `peaks.npy`, the pairs of level 0; if it is stereo
`channel_peaks.npy`, those of each channel, which entries of older versions lack; `info.json`, without which the entry
does not exist; and `checksums.crc32`, little-endian 32-bit: that of the peaks, then one for each `CHECKED_BYTES` of
samples. A disk may damage a file without changing its size, so each block is compared with its
checksum before its first use. Entries of older versions have no checksums: their samples
are compared with their peaks instead, which finds all damage that is louder than the audio.
"""

from __future__ import annotations

import errno
import io
import json
import math
import mmap
import os
import sys
import zlib
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from lincae_studio import bounded
from lincae_studio.atomic import write_bytes
from lincae_studio.errors import MediaError, os_error_reason
from lincae_studio.jobs import CancelToken
from lincae_studio.media.peaks import BLOCK, Audio, PeakPyramid, block_peaks, together
from lincae_studio.session.model import MAX_LENGTH

AUDIO, PEAKS, INFO, CHECKSUMS = "audio.f32", "peaks.npy", "info.json", "checksums.crc32"
CHANNEL_PEAKS = "channel_peaks.npy"

#: Bytes of samples per checksum; a multiple of what mapping a page maps with it (Linux rounds to 64 KiB), and of the
#: samples of a pair of peaks.
CHECKED_BYTES = 1 << 18

#: Arguments with which a mapping keeps no descriptor of its file.
_NO_DESCRIPTOR: dict[str, Any] = {"trackfd": False} if sys.version_info >= (3, 13) and os.name != "nt" else {}

_INFO_BYTES = 1 << 12

Checksums = npt.NDArray[np.uint32]


class DamagedMediaError(MediaError):
    """Conformed audio that was damaged on the disk."""


class ConformedMedia(Struct, frozen=True, dict=True):
    """Audio at the session rate.

    Attributes:
        samples: a read-only memory map `(N, C)` of float32. Not verified: use `frames` or `read`.
        checksums: one for each block of `samples`; None for entries of older versions.
        file: identifies the mapped file: device, inode, and time of the last change in nanoseconds.
        on_damage: called in any thread when damage is found, before the error is raised.
    """

    digest: str
    samples: Audio
    peaks: PeakPyramid
    mapping: mmap.mmap
    checksums: Checksums | None
    file: tuple[int, ...]
    on_damage: Callable[[ConformedMedia], None]
    folder: Path
    #: 1 for each block that was verified.
    _verified: bytearray

    @property
    def length(self) -> int:
        return len(self.samples)

    @property
    def channels(self) -> int:
        return int(self.samples.shape[1])

    @cached_property
    def waves(self) -> tuple[PeakPyramid, ...]:
        """The peaks of each channel, or those of all together where there are no others. Read when first used."""
        level_0 = self.peaks.level_0
        if self.channels == 2 and (pairs := _channel_peaks(self.folder / CHANNEL_PEAKS, level_0)) is not None:
            return tuple(PeakPyramid(channel) for channel in pairs)
        return (self.peaks,)

    def complete(self, cancel: CancelToken) -> bool:
        """Make the peaks of each channel if the entry has none, being of an older version. False if it has them.

        Raises:
            DamagedMediaError, Cancelled, OSError: and nothing is written.
        """
        path = self.folder / CHANNEL_PEAKS
        if self.channels == 1 or path.exists():
            return False
        frames = CHECKED_BYTES // (4 * self.channels)
        found = []
        for first in range(0, self.length, frames):
            cancel.check()
            block = self.frames(first, first + frames)
            found.append(np.stack([block_peaks(channel) for channel in np.ascontiguousarray(block.T)]))
            self._unmap(first, min(first + frames, self.length))
        file = io.BytesIO()
        np.save(file, np.concatenate(found, axis=1))
        write_bytes(path, file.getvalue(), private=True)
        self.__dict__.pop("waves", None)
        return True

    def read(self, channel: int, start: int, count: int) -> Audio:
        """A copy of `count` samples of one channel; samples outside the media are 0. Raises `DamagedMediaError`."""
        lo, hi = max(0, start), min(self.length, start + count)
        out = np.zeros(count, np.float32) if hi - lo < count else np.empty(count, np.float32)
        if hi > lo:
            out[lo - start : hi - start] = self.frames(lo, hi)[:, channel]
            self._unmap(lo, hi)
        return out

    def frames(self, first: int, last: int) -> Audio:
        """Samples `[first, last)` of all channels `(n, C)`, a view of the map. Raises `DamagedMediaError`."""
        frame_bytes = 4 * self.channels
        last = min(last, self.length)
        for block in range(first * frame_bytes // CHECKED_BYTES, -(-last * frame_bytes // CHECKED_BYTES)):
            if not self._verified[block]:
                self._verify(block)
        return self.samples[first:last]

    def verify(self, cancel: CancelToken) -> None:
        """Verify all samples. Raises `DamagedMediaError`, `Cancelled`."""
        frames = CHECKED_BYTES // (4 * self.channels)
        for first in range(0, self.length, frames):
            cancel.check()
            self.frames(first, first + frames)
            self._unmap(first, min(first + frames, self.length))

    def _verify(self, block: int) -> None:
        """Compare a block with its checksum, or with its peaks if there is none."""
        first, last = block * CHECKED_BYTES, min((block + 1) * CHECKED_BYTES, len(self.mapping))
        if self.checksums is not None:
            with memoryview(self.mapping) as view, view[first:last] as data:
                fine = zlib.crc32(data) == int(self.checksums[block])
        else:
            frames = CHECKED_BYTES // (4 * self.channels)
            found = block_peaks(self.samples[block * frames : (block + 1) * frames])
            pair = block * frames // BLOCK
            fine = bool((found == self.peaks.level_0[pair : pair + len(found)]).all())
        if not fine:
            self.on_damage(self)
            raise DamagedMediaError("the cached audio is damaged on the disk", "Import the file again")
        self._verified[block] = 1

    def _unmap(self, lo: int, hi: int) -> None:
        """Unmap the pages that were read, so that a long session does not gradually fill this process's memory.

        The operating system keeps them in its file cache, from where reading them again is just as fast.
        """
        if not hasattr(self.mapping, "madvise"):  # Windows
            return
        frame_bytes = 4 * self.channels
        first = lo * frame_bytes // CHECKED_BYTES * CHECKED_BYTES
        end = min(-(-hi * frame_bytes // CHECKED_BYTES) * CHECKED_BYTES, len(self.mapping))
        self.mapping.madvise(mmap.MADV_DONTNEED, first, end - first)


def open_folder(digest: str, folder: Path, on_damage: Callable[[ConformedMedia], None]) -> ConformedMedia | None:
    """Map a stored entry; None when it is absent, incomplete or inconsistent, or its peaks are damaged.

    Raises:
        MediaError: when too many files are open. Before Python 3.13, each mapping keeps a descriptor of its file.
    """
    try:
        info = json.loads(bounded.read(folder / INFO, _INFO_BYTES))
        length, channels = info["length"], info["channels"]
        if type(length) is not int or type(channels) is not int:
            return None
        if not 0 < length <= MAX_LENGTH or channels not in (1, 2):
            return None
        size = length * channels * 4
        peaks, level_0 = _peaks(folder / PEAKS, -(-length // BLOCK))
        checksums = _checksums(folder / CHECKSUMS, -(-size // CHECKED_BYTES))
        if checksums is None:
            fine = math.isfinite(float(level_0.sum(dtype=np.float64)))
        else:
            fine = zlib.crc32(peaks) == int(checksums[0])
        if not fine:
            return None
        with bounded.open_regular(folder / AUDIO) as file:
            status = os.fstat(file.fileno())
            if status.st_size != size:
                return None
            mapping = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ, **_NO_DESCRIPTOR)
    except OSError as error:
        if error.errno in (errno.EMFILE, errno.ENFILE):
            reason, remedy = os_error_reason(error, folder)
            raise MediaError(f"cannot open {folder}: {reason}", remedy) from error
        return None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return ConformedMedia(
        digest,
        np.frombuffer(mapping, np.float32).reshape(length, channels),
        PeakPyramid(level_0),
        mapping,
        None if checksums is None else checksums[1:],
        (status.st_dev, status.st_ino, status.st_mtime_ns),
        on_damage,
        folder,
        bytearray(-(-size // CHECKED_BYTES)),
    )


class FolderWriter:
    """Writes the files of an entry to a folder, block by block; `finish` makes it complete."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._audio = open(folder / AUDIO, "wb")  # noqa: SIM115  (closed by the context)
        #: Level-0 pairs `(C, n, 2)` of each block.
        self._peaks: list[Audio] = []
        self._checksums: list[int] = []
        #: Room for a block channel by channel.
        self._turned: Audio = np.empty(0, np.float32)
        #: Checksum of the last block so far, and its bytes.
        self._last, self._filled = 0, 0
        self.length, self._channels = 0, 1

    def __enter__(self) -> FolderWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._audio.close()

    def write(self, block: Audio) -> None:
        """Add samples `(n, C)`; n is a multiple of `BLOCK`, except for the last."""
        if self._turned.size < block.size:
            self._turned = np.empty(block.size, np.float32)
        turned = self._turned[: block.shape[1] * len(block)].reshape(block.shape[1], len(block))
        turned[...] = block.T
        peaks = np.stack([block_peaks(channel) for channel in turned])
        if peaks.any():
            data = np.ascontiguousarray(block).data.cast("B")
            self._audio.write(data)
        else:
            data = memoryview(bytes(block.nbytes))  # zeros may be negative
            self._audio.seek(len(data), os.SEEK_CUR)  # a hole, which takes no space on most file systems
        for part in _parts(data, CHECKED_BYTES - self._filled):
            self._last = zlib.crc32(part, self._last)
            self._filled += len(part)
            if self._filled == CHECKED_BYTES:
                self._end_block()
        self._peaks.append(peaks)
        self.length, self._channels = self.length + len(block), block.shape[1]

    def finish(self) -> None:
        """Complete the entry: write peaks, checksums and information. Raises `OSError`.

        The system writes the samples to the disk later: what a power failure loses does not fit its checksum, and is
        conformed again. Waiting for a disk takes longer than decoding.
        """
        self._audio.truncate()
        self._audio.close()  # network drives may say only now that they are full
        if self._filled:
            self._end_block()
        peaks = np.concatenate(self._peaks, axis=1)
        if len(peaks) > 1:
            np.save(self._folder / CHANNEL_PEAKS, peaks)
        np.save(self._folder / PEAKS, together(peaks))
        checksums = [zlib.crc32((self._folder / PEAKS).read_bytes()), *self._checksums]
        (self._folder / CHECKSUMS).write_bytes(np.array(checksums, "<u4").tobytes())
        (self._folder / INFO).write_text(json.dumps({"length": self.length, "channels": self._channels}))

    def _end_block(self) -> None:
        self._checksums.append(self._last)
        self._last = self._filled = 0


def _parts(data: memoryview, first: int) -> Iterator[memoryview]:
    """The data in parts: `first` bytes, then whole blocks; the last may be shorter."""
    yield data[:first]
    for start in range(first, len(data), CHECKED_BYTES):
        yield data[start : start + CHECKED_BYTES]


def _channel_peaks(path: Path, level_0: Audio) -> Audio | None:
    """The pairs `(2, pairs, 2)` of two channels; None where they are missing or disagree with those of both."""
    try:
        data = bounded.read(path, 16 * len(level_0) + _INFO_BYTES)
    except OSError:
        return None
    if not data.startswith(b"\x93NUMPY") or len(data) < 16 * len(level_0):
        return None
    pairs = np.frombuffer(data, np.float32, offset=len(data) - 16 * len(level_0)).reshape(2, -1, 2)
    return pairs if bool((together(pairs) == level_0).all()) else None


def _peaks(path: Path, pairs: int) -> tuple[bytes, Audio]:
    """The peaks file, and its pairs `(pairs, 2)`. Raises `OSError`, or `ValueError` when it is damaged."""
    data = bounded.read(path, 8 * pairs + _INFO_BYTES)
    if not data.startswith(b"\x93NUMPY") or len(data) < 8 * pairs:
        raise ValueError(path)
    return data, np.frombuffer(data, np.float32, offset=len(data) - 8 * pairs).reshape(pairs, 2)


def _checksums(path: Path, blocks: int) -> Checksums | None:
    """The checksum of the peaks and those of the blocks; None for an entry of an older version.

    Raises:
        ValueError: when there are more or fewer.
    """
    try:
        data = bounded.read(path, 4 + 4 * blocks)
    except FileNotFoundError:
        return None
    if len(data) != 4 + 4 * blocks:
        raise ValueError(path)
    return np.frombuffer(data, "<u4").astype(np.uint32)
