"""Exports streams to files, each entirely or not at all, optionally normalized, which requires measuring first.

Any thread. Memory does not depend on the length: audio to be measured first is kept in a temporary file.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lincae_studio import atomic
from lincae_studio.codecs.base import Array
from lincae_studio.engine.rendering.streams import Stream
from lincae_studio.errors import ExportError, os_error_reason
from lincae_studio.export_settings import AudioFormat, Level
from lincae_studio.jobs import CancelToken, Progress, ReportProgress, no_progress, part_of
from lincae_studio.media.loudness import LoudnessMeter
from lincae_studio.media.writer import Converter, Tags, channels_of, writing

#: Samples read back at a time.
_BLOCK = 1 << 16


@dataclass(frozen=True)
class ExportItem:
    """One file to write: its path, audio and tags."""

    path: Path
    stream: Stream
    tags: Tags = field(default_factory=Tags)


@dataclass(frozen=True)
class ExportResult:
    """What was written.

    Attributes:
        length: in samples at the sample rate of the file.
        peak: highest sample (linear) before clipping.
        clipped_samples: always 0 for formats that can exceed full scale.
        gain_db: the gain applied to normalize the level.
    """

    path: Path
    length: int
    channels: int
    sample_rate: int
    peak: float
    clipped_samples: int
    gain_db: float = 0.0


@dataclass(frozen=True)
class _Measured:
    """Levels of a stream: highest sample (linear), integrated loudness (LUFS), true peak (dBTP)."""

    peak: float
    loudness: float
    true_peak_db: float


def refuse_overwriting(inputs: Sequence[Path], output: Path) -> None:
    """Make sure that an export does not overwrite one of its inputs, under whatever name or link.

    Raises:
        ExportError: when `output` is one of `inputs`.
    """
    for path in inputs:
        try:
            same = os.path.samefile(path, output)
        except OSError:
            continue  # one of them does not exist: nothing would be lost
        if same:
            raise ExportError(f"{output} is one of the inputs", "Choose another name for the output")


def export(
    items: Sequence[ExportItem],
    start: int,
    end: int,
    audio_format: AudioFormat,
    level: Level,
    progress: ReportProgress = no_progress,
    cancel: CancelToken | None = None,
) -> list[ExportResult]:
    """Write samples `[start, end)` of the timeline of each item.

    Raises:
        ExportError: when there is nothing to write or a file cannot be written; an older file is kept, and so are
            the files that are already complete.
        EngineError: when a chunk cannot be rendered.
        Cancelled: when `cancel` was set; no incomplete file is left behind.
    """
    cancel = cancel or CancelToken()
    if end <= start or not items:
        raise ExportError("there is nothing to export", "Add at least one clip")
    if level.normalize == "none":
        return [
            _write(item, item.stream.blocks(start, end), end - start, 1.0, audio_format, report, cancel)
            for item, report in zip(items, _callbacks(progress, items, 1), strict=True)
        ]
    reports = _callbacks(progress, items, 2)
    with contextlib.ExitStack() as stack:
        spools, measured = [], []
        for item, report in zip(items, reports, strict=False):
            spool = stack.enter_context(atomic.temporary(item.path.parent))
            try:
                measured.append(_spool(item, start, end, spool, audio_format, report, cancel))
            except OSError as error:
                reason, remedy = os_error_reason(error, item.path)
                raise ExportError(f"cannot export to {item.path}: {reason}", remedy) from error
            spools.append(spool)
        results = []
        gains = _gains(measured, level)
        for item, spool, gain, report in zip(items, spools, gains, reports[len(items) :], strict=True):
            blocks = _spooled(spool, item.stream.channels)
            results.append(_write(item, blocks, end - start, gain, audio_format, report, cancel))
        return results


def _write(
    item: ExportItem,
    blocks: Iterator[Array],
    length: int,
    gain: float,
    audio_format: AudioFormat,
    progress: ReportProgress,
    cancel: CancelToken,
) -> ExportResult:
    done = 0
    with writing(item.path, item.stream.channels, length, audio_format, item.tags) as writer:
        for block in blocks:
            cancel.check()
            writer.write(block.T if gain == 1.0 else block.T * np.float32(gain))
            done += block.shape[1]
            progress(Progress(done, length, item.path.name))
        assert done == length, "the stream returned another number of samples than requested"
    return ExportResult(
        item.path,
        writer.written,
        channels_of(audio_format, item.stream.channels),
        audio_format.sample_rate,
        writer.peak,
        writer.clipped_samples,
        20.0 * math.log10(gain),
    )


def _spool(
    item: ExportItem,
    start: int,
    end: int,
    spool: Path,
    audio_format: AudioFormat,
    progress: ReportProgress,
    cancel: CancelToken,
) -> _Measured:
    """Write a stream to a temporary file, and measure it as converted to the format."""
    meter = LoudnessMeter()
    converter = Converter(audio_format, item.stream.channels)
    peak, done = 0.0, 0
    with open(spool, "wb") as file:
        for block in item.stream.blocks(start, end):
            cancel.check()
            mixed = converter.mixed(block.T)
            meter.add(mixed.T)
            peak = max(peak, float(np.abs(converter.resampled(mixed)).max(initial=0.0)))
            file.write(np.ascontiguousarray(block.T, np.float32).tobytes())
            done += block.shape[1]
            progress(Progress(done, end - start, item.path.name))
    peak = max(peak, float(np.abs(converter.remaining()).max(initial=0.0)))
    read = meter.read()
    return _Measured(peak, read.integrated, read.true_peak)


def _spooled(spool: Path, channels: int) -> Iterator[Array]:
    with open(spool, "rb") as file:
        while data := file.read(4 * channels * _BLOCK):
            yield np.frombuffer(data, np.float32).reshape(-1, channels).T


def _gains(measured: Sequence[_Measured], level: Level) -> list[float]:
    """The gain factor of each file; silence is left as it is."""
    gains = [_gain(one, level) for one in measured]
    if not level.together:
        return [1.0 if gain is None else gain for gain in gains]
    if level.normalize == "loudness":
        # The gain of the first file, which is the mix if there is one, unless it makes another file too loud.
        shared = next((gain for gain in gains if gain is not None), 1.0)
        limits = [_limit(one, level) for one in measured]
        return [min([shared, *limits])] * len(gains)
    return [min((gain for gain in gains if gain is not None), default=1.0)] * len(gains)


def _gain(measured: _Measured, level: Level) -> float | None:
    if level.normalize == "peak":
        gain = _factor(level.target_db) / measured.peak if measured.peak > 0.0 else math.inf
    else:
        gain = _factor(level.target_db - measured.loudness) if math.isfinite(measured.loudness) else math.inf
    gain = min(gain, _limit(measured, level))
    return gain if math.isfinite(gain) else None


def _limit(measured: _Measured, level: Level) -> float:
    """The largest factor that keeps the true peak within its limit."""
    if not math.isfinite(measured.true_peak_db):
        return math.inf
    return _factor(level.true_peak_db - measured.true_peak_db)


def _factor(db: float) -> float:
    return float(10.0 ** (db / 20.0))


def _callbacks(progress: ReportProgress, items: Sequence[ExportItem], passes: int) -> list[ReportProgress]:
    """Progress callbacks for each file in each pass."""
    count = passes * len(items)
    return [part_of(progress, number, count, "Exporting") for number in range(count)]
