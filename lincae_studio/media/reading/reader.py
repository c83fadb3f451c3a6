"""An open audio file: what it is, its digest, and its samples, all read through one handle. Any thread.

The digest is that of the decoded bytes: a file that is replaced during the import stays the same behind the handle, and
a file that is modified is refused. Decoders read forwards only, since a seek in an MP3 loses the bits that a frame
borrows from earlier ones. Where headers only estimate the length, frames are counted.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import numpy as np
import soundfile as sf
from msgspec import Struct

from lincae_studio import bounded
from lincae_studio.errors import MediaError, os_error_reason
from lincae_studio.jobs import CancelToken, Progress, ReportProgress, no_progress
from lincae_studio.media.peaks import BLOCK, Audio
from lincae_studio.media.reading import flac, mp3, ogg, riff
from lincae_studio.media.reading.problems import CONVERT, UnreadableError, truncated_at
from lincae_studio.media.reading.sizes import check_sizes
from lincae_studio.media.reading.view import BufferedView, FileView, Piece

#: Frames read at a time: about 1.5 s, a multiple of the peaks block.
BLOCK_FRAMES = BLOCK * 256


#: Decoders that look for the next frame read byte by byte.
_BUFFER_BYTES = 1 << 16

#: The rates of audio, in Hz: from the slowest that speech is recorded with to twice the highest of converters.
_RATES = range(1000, 1_536_001)

#: 600 dB over full scale: means of channels, filters and sums of many tracks are still finite.
_LARGEST_SAMPLE = 1e30

#: libsndfile's length of a stream that does not say how long it is.
_UNKNOWN = 1 << 62


class FileInfo(Struct, frozen=True):
    """Properties of an audio file: length in samples at its own rate, rate in Hz.

    `warning` says why the file may be incomplete; empty if it seems complete.
    """

    path: Path
    sample_rate: int
    channels: int
    length: int
    format_name: str
    warning: str = ""


class _Forwards(sf.SoundFile):  # type: ignore[misc]
    """The library seeks after each read in a file that can be seeked, to where it is."""

    def seekable(self) -> bool:
        return False


class AudioFile:
    """An open file with its `info`. A context manager."""

    def __init__(self, path: Path) -> None:
        """Open a file and read its headers.

        Raises:
            MediaError: when it is missing, not a regular file, unreadable, not audio, empty or truncated, when its
                header contradicts itself, or when its path is not valid Unicode.
        """
        self.path = path
        try:
            str(path).encode()  # it must be possible to write the path to a project file, which is UTF-8
        except UnicodeEncodeError as error:
            name = path.name.encode(errors="backslashreplace").decode()
            raise MediaError(
                f"cannot import {name}: its path is not valid Unicode", "Rename the file or its folder, and try again"
            ) from error
        try:
            self._file = bounded.open_regular(path, buffered=False)
        except OSError as error:
            raise self._failed(error) from error
        try:
            #: The file when it was opened: size, time of the last change, and which file it is.
            self.status = os.fstat(self._file.fileno())
            self._parts, self.info = self._read_headers()
        except UnreadableError as error:
            self._file.close()
            raise self._error(error) from error
        except OSError as error:
            self._file.close()
            raise self._failed(error) from error
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> AudioFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def digest(self, cancel: CancelToken) -> str:
        """SHA-256 of the file's bytes, in hexadecimal. Raises `MediaError`, `Cancelled`."""
        return hash_of(self._file, self.path, cancel)

    def blocks(self, progress: ReportProgress = no_progress, cancel: CancelToken | None = None) -> Iterator[Audio]:
        """The samples `(n, C)` at the file's own rate, all of them. A block is valid until the next one is read.

        Raises:
            MediaError: when audio is missing, a sample is not finite or far out of range, or the file was changed since
                it was opened.
            Cancelled: when `cancel` was set.
        """
        cancel = cancel or CancelToken()
        done = 0
        try:
            for pieces in self._parts:
                for block in self._blocks_of(pieces):
                    cancel.check()
                    self._check(block, done)
                    done += len(block)
                    progress(Progress(min(done, self.info.length), self.info.length, self.path.name))
                    yield block
        except UnreadableError as error:
            self.check_unchanged()
            raise self._error(error) from error
        except (sf.LibsndfileError, RuntimeError) as error:
            self.check_unchanged()
            raise self._error(truncated_at(done / self.info.length)) from error
        self.check_unchanged()

    def check_unchanged(self) -> None:
        """Raise `MediaError` if the file was written to, or replaced by another, since it was opened."""
        now = os.fstat(self._file.fileno())
        try:
            there: os.stat_result | None = os.stat(self.path)
        except OSError:
            there = None
        same = there is not None and os.path.samestat(there, self.status)
        if not same or any(
            getattr(now, field) != getattr(self.status, field) for field in ("st_size", "st_mtime_ns", "st_ctime_ns")
        ):
            problem = f"cannot import {self.path.name}: it was changed by another program while it was being read"
            raise MediaError(problem, "Import it again when it is complete")

    def _blocks_of(self, pieces: list[Piece]) -> Iterator[Audio]:
        with _open(FileView(self._file, pieces)) as file:
            promised, done = file.frames, 0
            # One buffer for all blocks: the system would clear the memory of each.
            buffer = np.empty((min(BLOCK_FRAMES, promised), file.channels), np.float32)
            # No more than is promised: what lies behind may be tags, about which decoders complain.
            while count := min(BLOCK_FRAMES, promised - done):
                block = file.read(out=buffer[:count])
                if not len(block):
                    break
                done += len(block)
                yield block
        if done < promised < _UNKNOWN:
            raise truncated_at(done / promised)

    def _check(self, block: Audio, at: int) -> None:
        if not (block.min() >= -_LARGEST_SAMPLE and block.max() <= _LARGEST_SAMPLE):  # false for NaN, too
            fine = np.abs(block) <= _LARGEST_SAMPLE
            frame, channel = divmod(int(np.argmin(fine)), block.shape[1])
            value = block[frame, channel]
            what = "samples over +600 dBFS" if np.isfinite(value) else "NaN or infinite samples"
            raise UnreadableError(f"it contains {what} (first at {(at + frame) / self.info.sample_rate:.3f} s)")

    def _read_headers(self) -> tuple[list[list[Piece]], FileInfo]:
        if self.status.st_size == 0:
            raise UnreadableError("the file is empty")
        warning = ""
        whole = range(self.status.st_size)
        if mp3.begins(self._file):
            parts = mp3.streams(self._file, whole)
        elif ogg.begins(self._file):
            parts, ended = ogg.links(self._file)
            if not ended:
                warning = "its Ogg stream has no end; it may have been cut, and was imported up to there"
        elif riff.begins(self._file):
            inside = riff.mp3_inside(self._file)
            if inside is not None:
                parts = mp3.streams(self._file, inside)
            else:
                pieces, warning = riff.repaired(self._file)
                parts = [pieces]
        else:
            parts = [flac.whole(self._file) if flac.begins(self._file) else [whole]]
        rate = channels = length = 0
        kind = ""
        for number, pieces in enumerate(parts):
            with self._opened(pieces) as file:
                if number and (file.samplerate, file.channels) != (rate, channels):
                    raise UnreadableError(
                        f"its parts differ: {rate} Hz with {channels} channels, then {file.samplerate} Hz with "
                        f"{file.channels}",
                        "Split it, and import the parts",
                    )
                check_sizes(file.extra_info)
                rate, channels, kind = file.samplerate, file.channels, file.format
                length += file.frames if file.frames < _UNKNOWN else _count(file)
        if rate not in _RATES:
            raise UnreadableError(
                f"its sample rate is {rate:,} Hz", "Correct the rate in its header, or export it again"
            )
        if length == 0:
            raise UnreadableError("it contains no audio")
        return parts, FileInfo(self.path, rate, channels, length, kind, warning)

    def _opened(self, pieces: list[Piece]) -> sf.SoundFile:
        try:
            return _open(FileView(self._file, pieces))
        except (sf.LibsndfileError, RuntimeError, TypeError) as error:
            reason = str(getattr(error, "error_string", error)).strip(" .") or "unknown format"
            if "SF_INFO struct incomplete" in reason:
                reason = "the sample rate, channel count or length in its header is not valid"
            elif "internal error" in reason:
                reason = "it is damaged"
            raise UnreadableError(f"it is not a readable audio file ({reason})", CONVERT) from error

    def _error(self, error: UnreadableError) -> MediaError:
        return MediaError(f"cannot import {self.path.name}: {error.problem}", error.remedy)

    def _failed(self, error: OSError) -> MediaError:
        reason, remedy = os_error_reason(error, self.path)
        return MediaError(f"cannot import {self.path.name}: {reason}", remedy)


def hash_of(file: BinaryIO, path: Path, cancel: CancelToken) -> str:
    """SHA-256 of an open file, in hexadecimal; `path` for errors. Raises `MediaError`, `Cancelled`.

    Reads no more than the file's size when it begins: some files of the system have no end.
    """
    digest = hashlib.sha256()
    try:
        for data in bounded.blocks_of(file):
            cancel.check()
            digest.update(data)
    except OSError as error:
        reason, remedy = os_error_reason(error, path)
        raise MediaError(f"cannot import {path.name}: {reason}", remedy) from error
    return digest.hexdigest()


def _open(view: FileView) -> sf.SoundFile:
    """Raises `sf.LibsndfileError`, `RuntimeError` or `TypeError` for what is not audio."""
    descriptor = view.descriptor()
    if descriptor is not None:
        # A header that lies can make the library seek to where no file has bytes, which is an error only here.
        with contextlib.suppress(sf.LibsndfileError):
            return _Forwards(descriptor, mode="r")
    return _Forwards(BufferedView(view, _BUFFER_BYTES))


def _count(file: sf.SoundFile) -> int:
    """Samples of a stream that does not say how many there are."""
    count = 0
    try:
        while read := len(file.read(BLOCK_FRAMES, dtype="float32", always_2d=True)):
            count += read
    except (sf.LibsndfileError, RuntimeError) as error:
        raise truncated_at() from error
    return count
