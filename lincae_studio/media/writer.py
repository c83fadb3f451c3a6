"""Writing audio files block by block; the target appears only when it is complete.

Any thread. Memory does not depend on the length.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import soundfile as sf

from lincae_studio import atomic
from lincae_studio.errors import ExportError, os_error_reason
from lincae_studio.media.peaks import Audio
from lincae_studio.session.model import SESSION_RATE

SampleFormat = Literal["16", "24", "32f"]

#: libsndfile's names of the sample formats offered.
SUBTYPES: dict[SampleFormat, str] = {"16": "PCM_16", "24": "PCM_24", "32f": "FLOAT"}

SAMPLE_FORMAT_TITLES: dict[SampleFormat, str] = {
    "32f": "32-bit float (nothing is lost, no clipping)",
    "24": "24-bit integer",
    "16": "16-bit integer",
}

#: WAV sizes are 32-bit; beyond this the file is written as RF64, which editors read as WAV.
WAV_LIMIT_BYTES = 4_000_000_000

_BYTES_PER_SAMPLE: dict[SampleFormat, int] = {"16": 2, "24": 3, "32f": 4}


class AudioWriter:
    """What `writing` yields: takes blocks, keeps the peak and the number of clipped samples."""

    def __init__(self, file: sf.SoundFile, integer: bool) -> None:
        self._file = file
        self._integer = integer
        self.peak = 0.0
        self.clipped_samples = 0
        self.written = 0

    def write(self, block: Audio) -> None:
        """Append `(n, C)` samples. Integer formats are limited to full scale, and what was limited is counted."""
        if not len(block):
            return
        magnitude = np.abs(block)
        self.peak = max(self.peak, float(magnitude.max()))
        if self._integer:
            self.clipped_samples += int(np.count_nonzero(magnitude > 1.0))
            block = np.clip(block, -1.0, 1.0)
        self._file.write(block)
        self.written += len(block)


@contextlib.contextmanager
def writing(path: Path, channels: int, length: int, sample_format: SampleFormat = "32f") -> Iterator[AudioWriter]:
    """Open `path` for writing a WAV of about `length` samples; on any error or cancel it is as it was before.

    Raises:
        ExportError: when the file cannot be written, naming the reason (full disk, permission, not a WAV name).
    """
    if path.suffix.lower() not in (".wav", ".wave"):
        raise ExportError(f"cannot export to {path.name}: the name must end in .wav", f"Try {path.name}.wav")
    too_large = length * channels * _BYTES_PER_SAMPLE[sample_format] > WAV_LIMIT_BYTES
    try:
        with atomic.replacing(path) as temporary, open(temporary, "wb+", buffering=0) as handle:
            guarded = _GuardedFile(handle)
            try:
                with sf.SoundFile(
                    guarded,
                    "w",
                    samplerate=SESSION_RATE,
                    channels=channels,
                    format="RF64" if too_large else "WAV",
                    subtype=SUBTYPES[sample_format],
                ) as file:
                    yield AudioWriter(file, integer=sample_format != "32f")
            finally:
                if guarded.error is not None:
                    raise guarded.error
    except OSError as error:
        reason, remedy = os_error_reason(error, path)
        raise ExportError(f"cannot export to {path}: {reason}", remedy) from error
    except sf.LibsndfileError as error:
        raise ExportError(f"cannot export to {path}: {error}", "Check the disk, or choose another folder") from error


class _GuardedFile:
    """A file for libsndfile's callbacks that keeps the first error: libsndfile would lose its reason.

    Unbuffered, so that only `write` can meet a full disk.
    """

    def __init__(self, file: io.FileIO) -> None:
        self._file = file
        self.error: OSError | None = None
        self.seek = file.seek
        self.tell = file.tell
        self.read = file.read

    def write(self, data: bytes) -> int:
        try:
            rest = memoryview(data)
            while len(rest):
                rest = rest[self._file.write(rest) :]
            return len(data)
        except OSError as error:
            self.error = self.error or error
            return 0
