"""Audio in temporary files, as converted for the files of an export, with its levels. Any thread."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from lincae_studio.errors import ExportError
from lincae_studio.jobs import CancelToken, Progress, ReportProgress
from lincae_studio.media import limiter
from lincae_studio.media.finite import REMEDY
from lincae_studio.media.loudness import FileMeter
from lincae_studio.media.writer import Converter

Samples = npt.NDArray[np.float32]


class Spool(Struct, frozen=True):
    """The audio of one file to be written, with its channels and sample rate.

    Attributes:
        name: the name of the file to be written.
        length: in samples.
        rate: in Hz.
        peak: highest sample, linear.
        loudness: integrated, in LUFS.
        true_peak_db: in dBTP.
    """

    path: Path
    name: str
    channels: int
    length: int
    rate: int
    peak: float
    loudness: float
    true_peak_db: float

    @property
    def length_s(self) -> float:
        return self.length / self.rate

    def blocks(self) -> Iterator[Samples]:
        """The samples `(channels, n)` in blocks of `limiter.BLOCK`."""
        return read(self.path, self.channels)


def spooled(
    blocks: Iterable[Samples],
    converter: Converter,
    rate: int,
    path: Path,
    name: str,
    length: int,
    progress: ReportProgress,
    cancel: CancelToken,
) -> Spool:
    """Convert blocks to the channels and the rate of a format, write them to `path`, and measure them.

    Args:
        blocks: samples `(channels, n)` at the session rate, `length` in all.
        rate: of the format, in Hz.

    Raises:
        ExportError: when a sample is not finite, or the level is too high to be measured.
        OSError: when `path` cannot be written.
    """
    meter = FileMeter(converter.channels, rate)
    peak, done, written = 0.0, 0, 0
    with open(path, "wb") as file:

        def put(block: Samples) -> None:
            nonlocal peak, written
            meter.add(block.T)
            peak = max(peak, float(np.abs(block).max(initial=0.0)))
            file.write(np.ascontiguousarray(block, np.float32).tobytes())
            written += len(block)

        for block in blocks:
            cancel.check()
            put(converter.resampled(converter.mixed(block.T)))
            done += block.shape[1]
            progress(Progress(done, length, name))
        put(converter.remaining())
    assert done == length, "the stream returned another number of samples than requested"
    loudness, true_peak_db = meter.read()
    if true_peak_db == np.inf:
        raise ExportError(f"cannot export to {name}: its level is too high to be measured", REMEDY)
    return Spool(path, name, converter.channels, written, rate, peak, loudness, true_peak_db)


def read(path: Path, channels: int) -> Iterator[Samples]:
    """The samples `(channels, n)` of a temporary file, in blocks of `limiter.BLOCK`."""
    with open(path, "rb") as file:
        while data := file.read(4 * channels * limiter.BLOCK):
            yield np.frombuffer(data, np.float32).reshape(-1, channels).T


def write(path: Path, blocks: Iterable[npt.NDArray[np.floating]], cancel: CancelToken) -> None:
    """Write blocks of values `(n,)` to a temporary file. Raises `OSError`, or `Cancelled`."""
    with open(path, "wb") as file:
        for block in blocks:
            cancel.check()
            file.write(np.ascontiguousarray(block, np.float32).tobytes())
