"""Writing audio files block by block; the target appears only when it is complete.

Any thread. Memory does not depend on the length.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile as sf
import soxr
from msgspec import Struct

from lincae_studio import atomic
from lincae_studio.errors import ExportError, os_error_reason
from lincae_studio.export_settings import AudioFormat
from lincae_studio.media.finite import check_finite
from lincae_studio.media.formats import (
    BYTES_PER_SAMPLE,
    FORMATS,
    SUBTYPES,
    WAV_LIMIT_BYTES,
    ending_problem,
    format_problem,
    is_limited,
    is_lossy,
)
from lincae_studio.media.peaks import Audio

#: Dither noise is always the same, so that exporting twice gives equal files.
_DITHER_SEED = 1

#: Larger samples are clipped. Up to half a step of 16 bits beyond full scale is a codec's rounding, and inaudible.
_CLIPPED_ABOVE = 1.0 + 2.0**-16


class Tags(Struct, frozen=True):
    """Tags of a file; empty ones are left out."""

    title: str = ""
    artist: str = ""
    comment: str = ""


class Converter:
    """Converts blocks to the channels and the rate of a format, and refuses output that is NaN or infinite."""

    def __init__(self, audio_format: AudioFormat, channels: int, rate: int) -> None:
        """`channels`, `rate`: channels of the input blocks, 1 or 2, and their sample rate in Hz."""
        self.channels = channels_of(audio_format, channels)
        self._rate = audio_format.rate_of(rate)
        #: Output samples so far.
        self._done = 0
        self._resampler = (
            soxr.ResampleStream(rate, self._rate, self.channels, dtype="float32", quality="VHQ")
            if self._rate != rate
            else None
        )

    def mixed(self, block: Audio) -> Audio:
        """`(n, 1 or 2)` samples with the format's channels: mono copied to both sides, stereo averaged to mono."""
        if block.shape[1] == self.channels:
            return block
        return np.repeat(block, 2, axis=1) if self.channels == 2 else block.mean(axis=1, keepdims=True)

    def resampled(self, block: Audio) -> Audio:
        """The output samples at the format's rate that this block, with the format's channels, completes.

        Raises:
            ExportError: when one of them is NaN or infinite, with its time.
        """
        if self._resampler is None:
            return self._checked(block)
        return self._checked(self._resampler.resample_chunk(np.ascontiguousarray(block)))

    def remaining(self) -> Audio:
        """The remaining output samples of the rate conversion. Raises like `resampled`."""
        nothing = np.zeros((0, self.channels), np.float32)
        return nothing if self._resampler is None else self._checked(self._resampler.resample_chunk(nothing, last=True))

    def _checked(self, block: Audio) -> Audio:
        check_finite(block.T, self._done, "the audio to write", self._rate)
        self._done += len(block)
        return block


class AudioWriter:
    """Writes blocks to a file, and tracks the peak and the number of clipped samples. Created by `writing`."""

    def __init__(self, file: sf.SoundFile, audio_format: AudioFormat, channels: int, rate: int) -> None:
        """`channels`, `rate`: channels and sample rate of the blocks."""
        self._file = file
        self._format = audio_format
        self._converter = Converter(audio_format, channels, rate)
        self._dither = np.random.default_rng(_DITHER_SEED)
        self.peak = 0.0
        self.clipped_samples = 0
        self.written = 0

    def write(self, block: Audio) -> None:
        """Append `(n, 1 or 2)` samples.

        All formats except float are clipped to full scale, and clipped samples are counted. A sample at full scale is
        not clipped.

        Raises:
            ExportError: when a sample is NaN or infinite.
        """
        self._put(self._converter.resampled(self._converter.mixed(block)))

    def finish(self) -> None:
        """Append the remaining output of the rate conversion."""
        self._put(self._converter.remaining())

    def _put(self, block: Audio) -> None:
        if not len(block):
            return
        magnitude = np.abs(block)
        self.peak = max(self.peak, float(magnitude.max()))
        if is_limited(self._format):
            self.clipped_samples += int(np.count_nonzero(magnitude > _CLIPPED_ABOVE))
        if is_lossy(self._format):
            block = np.clip(block, -1.0, 1.0)
        elif self._format.sample_format == "16":
            self._file.write(self._rounded(block, 16, self._format.dither).astype(np.int16))
            self.written += len(block)
            return
        elif self._format.sample_format == "24":
            # libsndfile uses the upper 24 bits.
            self._file.write(self._rounded(block, 24, dither=False).astype(np.int32) << 8)
            self.written += len(block)
            return
        self._file.write(block)
        self.written += len(block)

    def _rounded(self, block: Audio, bits: int, dither: bool) -> npt.NDArray[np.float64]:
        """Samples rounded to integer steps, with TPDF dither from -1 to 1 step if `dither`."""
        full = 2.0 ** (bits - 1)
        steps = block.astype(np.float64) * full
        if dither:
            steps += self._dither.random(block.shape) - self._dither.random(block.shape)
        return np.clip(np.rint(steps), -full, full - 1.0)


def channels_of(audio_format: AudioFormat, channels: int) -> int:
    """The channels of the file for audio with this many channels."""
    return {"mix": channels, "mono": 1, "stereo": 2}[audio_format.channels]


@contextlib.contextmanager
def writing(
    path: Path,
    channels: int,
    length: int,
    audio_format: AudioFormat | None = None,
    tags: Tags | None = None,
    *,
    rate: int,
) -> Iterator[AudioWriter]:
    """Open `path` to write about `length` samples at `rate` Hz; on an error or cancel it stays as it was.

    Raises:
        ExportError: when the file cannot be written, with the reason (full disk, permissions, wrong extension), or a
            sample is NaN or infinite.
    """
    audio_format = audio_format or AudioFormat()
    problem = ending_problem(path, audio_format.container)
    if problem:
        remedy = f"Try {path.name}{FORMATS[audio_format.container].endings[0]}"
        raise ExportError(f"cannot export to {path.name}: {problem}", remedy)
    problem = format_problem(audio_format)
    if problem:
        raise ExportError(f"cannot export to {path.name}: {problem}", "Choose another format")
    try:
        with atomic.replacing(path) as temporary, open(temporary, "wb+", buffering=0) as handle:
            guarded = _GuardedFile(handle)
            try:
                with sf.SoundFile(
                    guarded, "w", **_options(audio_format, channels_of(audio_format, channels), length, rate)
                ) as file:
                    _set_tags(file, tags or Tags())
                    writer = AudioWriter(file, audio_format, channels, rate)
                    yield writer
                    writer.finish()
            finally:
                if guarded.error is not None:
                    raise guarded.error
    except OSError as error:
        reason, remedy = os_error_reason(error, path)
        raise ExportError(f"cannot export to {path}: {reason}", remedy) from error
    except sf.LibsndfileError as error:
        raise ExportError(f"cannot export to {path}: {error}", "Check the disk, or choose another folder") from error


def _options(audio_format: AudioFormat, channels: int, length: int, rate: int) -> dict[str, Any]:
    """The arguments for `soundfile.SoundFile`."""
    one = FORMATS[audio_format.container]
    file_rate = audio_format.rate_of(rate)
    options: dict[str, Any] = {"samplerate": file_rate, "channels": channels, **one.options}
    if one.lossy:
        compression = min(1.0 - audio_format.quality, one.most_compression)
        return options | {"format": one.library_name, "compression_level": compression}
    frames = length * file_rate / rate
    large = frames * channels * BYTES_PER_SAMPLE[audio_format.sample_format] > WAV_LIMIT_BYTES
    name = one.large_name if large and one.large_name else one.library_name
    return options | {"format": name, "subtype": SUBTYPES[audio_format.sample_format]}


def _set_tags(file: sf.SoundFile, tags: Tags) -> None:
    for name, text in (("title", tags.title), ("artist", tags.artist), ("comment", tags.comment)):
        # libsndfile takes C strings, without NUL characters.
        clean = "".join(c for c in text if c.isprintable()).encode(errors="replace").decode()
        if clean:
            setattr(file, name, clean)


class _GuardedFile:
    """A file for libsndfile's callbacks that keeps the first error, since libsndfile would lose the reason.

    Unbuffered, so that a full disk is noticed in `write` and nowhere else.
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
