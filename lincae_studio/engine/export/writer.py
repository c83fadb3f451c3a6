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
from lincae_studio.media.finite import REMEDY, check_finite
from lincae_studio.media.loudness import GATE_LUFS, SHORTEST_S, LoudnessMeter
from lincae_studio.media.writer import Converter, Tags, channels_of, writing
from lincae_studio.session.model import SESSION_RATE

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
        not_normalized: why the level could not be normalized and was not raised, as "it is silent"; empty if it could.
    """

    path: Path
    length: int
    channels: int
    sample_rate: int
    peak: float
    clipped_samples: int
    gain_db: float = 0.0
    not_normalized: str = ""


@dataclass(frozen=True)
class _Measured:
    """Levels of a stream: highest sample (linear), integrated loudness (LUFS), true peak (dBTP); and its length."""

    peak: float
    loudness: float
    true_peak_db: float
    length_s: float


@dataclass(frozen=True)
class _Change:
    """The factor by which the level of a file is changed, and why that is not what was asked for, if so."""

    gain: float = 1.0
    problem: str = ""


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
        ExportError: when there is nothing to write, a file cannot be written, or a sample is NaN or infinite; an older
            file is kept, and so are the files that are already complete.
        EngineError: when a chunk cannot be rendered.
        Cancelled: when `cancel` was set; no incomplete file is left behind.
    """
    cancel = cancel or CancelToken()
    if end <= start or not items:
        raise ExportError("there is nothing to export", "Add at least one clip")
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is refused
        return _export(items, start, end, audio_format, level, progress, cancel)


def _export(
    items: Sequence[ExportItem],
    start: int,
    end: int,
    audio_format: AudioFormat,
    level: Level,
    progress: ReportProgress,
    cancel: CancelToken,
) -> list[ExportResult]:
    if level.normalize == "none":
        return [
            _write(item, _finite_blocks(item, start, end), end - start, _Change(), audio_format, report, cancel)
            for item, report in zip(items, _callbacks(progress, items, 1), strict=True)
        ]
    reports = _callbacks(progress, items, 2)
    with contextlib.ExitStack() as stack:
        spools, measured = [], []
        for item, report in zip(items, reports, strict=False):
            try:
                spool = stack.enter_context(atomic.temporary(item.path.parent))
                measured.append(_spool(item, start, end, spool, audio_format, report, cancel))
            except OSError as error:
                reason, remedy = os_error_reason(error, item.path)
                raise ExportError(f"cannot export to {item.path}: {reason}", remedy) from error
            spools.append(spool)
        results = []
        changes = _changes(measured, level)
        for item, spool, change, report in zip(items, spools, changes, reports[len(items) :], strict=True):
            blocks = _spooled(spool, item.stream.channels)
            results.append(_write(item, blocks, end - start, change, audio_format, report, cancel))
        return results


def _finite_blocks(item: ExportItem, start: int, end: int) -> Iterator[Array]:
    """The blocks of an item. Raises `ExportError` at the first sample that is NaN or infinite."""
    done = start
    for block in item.stream.blocks(start, end):
        check_finite(block, done, f"cannot export to {item.path.name}: the audio")
        done += block.shape[1]
        yield block


def _write(
    item: ExportItem,
    blocks: Iterator[Array],
    length: int,
    change: _Change,
    audio_format: AudioFormat,
    progress: ReportProgress,
    cancel: CancelToken,
) -> ExportResult:
    done = 0
    with writing(item.path, item.stream.channels, length, audio_format, item.tags) as writer:
        for block in blocks:
            cancel.check()
            writer.write(block.T if change.gain == 1.0 else block.T * np.float32(change.gain))
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
        20.0 * math.log10(change.gain),
        change.problem,
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
        for block in _finite_blocks(item, start, end):
            cancel.check()
            mixed = converter.mixed(block.T)
            meter.add(mixed.T)
            peak = max(peak, float(np.abs(converter.resampled(mixed)).max(initial=0.0)))
            file.write(np.ascontiguousarray(block.T, np.float32).tobytes())
            done += block.shape[1]
            progress(Progress(done, end - start, item.path.name))
    peak = max(peak, float(np.abs(converter.remaining()).max(initial=0.0)))
    read = meter.read()
    if read.true_peak == math.inf:
        raise ExportError(f"cannot export to {item.path.name}: its level is too high to be measured", REMEDY)
    return _Measured(peak, read.integrated, read.true_peak, (end - start) / SESSION_RATE)


def _spooled(spool: Path, channels: int) -> Iterator[Array]:
    with open(spool, "rb") as file:
        while data := file.read(4 * channels * _BLOCK):
            yield np.frombuffer(data, np.float32).reshape(-1, channels).T


def _changes(measured: Sequence[_Measured], level: Level) -> list[_Change]:
    """How the level of each file is changed. What cannot be measured is not made louder."""
    gains = [_gain(one, level) for one in measured]
    limits = [_limit(one, level) for one in measured]
    if not level.together:
        return [
            _Change(min(1.0, limit), _problem(one, level)) if gain is None else _Change(min(gain, limit))
            for one, gain, limit in zip(measured, gains, limits, strict=True)
        ]
    found = [min(gain, limit) for gain, limit in zip(gains, limits, strict=True) if gain is not None]
    if not found:
        return [_Change(min([1.0, *limits]), _problem(one, level)) for one in measured]
    # For loudness the gain of the first file, which is the mix if there is one, unless it makes another file too loud.
    shared = min([found[0], *limits]) if level.normalize == "loudness" else min(found)
    return [_Change(shared)] * len(measured)


def _gain(measured: _Measured, level: Level) -> float | None:
    """The factor that gives a file the level asked for; None if its level cannot be measured."""
    if level.normalize == "peak":
        return _factor(level.target_db) / measured.peak if measured.peak > 0.0 else None
    return _factor(level.target_db - measured.loudness) if math.isfinite(measured.loudness) else None


def _problem(measured: _Measured, level: Level) -> str:
    """Why the level of a file cannot be measured."""
    if measured.peak == 0.0 or level.normalize == "peak":
        return "it is silent"
    if measured.length_s < SHORTEST_S:
        return f"it is shorter than {SHORTEST_S:g} s, too short to measure its loudness"
    return f"all of it is below {GATE_LUFS:g} LUFS, too quiet to measure its loudness"


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
