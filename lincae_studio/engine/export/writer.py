"""Exports streams to files, each entirely or not at all, optionally normalized or limited, after measuring them.

Any thread. Memory does not depend on the length: audio to be measured first is kept in a temporary file.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from msgspec import Struct, field
from msgspec.structs import replace

from lincae_studio import atomic
from lincae_studio.codecs.base import Array
from lincae_studio.engine.export.levels import Change, changes, shortfall
from lincae_studio.engine.export.spool import Spool, spooled
from lincae_studio.engine.rendering.streams import Stream
from lincae_studio.errors import ExportError, os_error_reason
from lincae_studio.export_settings import AudioFormat, Level
from lincae_studio.jobs import CancelToken, Progress, ReportProgress, no_progress, part_of, share_of
from lincae_studio.media.finite import check_finite
from lincae_studio.media.loudness import GATE_LUFS, FileMeter, decibels
from lincae_studio.media.writer import Converter, Tags, channels_of, writing

#: The shares of an export that are done once files are measured, and once it is known how to limit them, if they are.
_MEASURED = 0.5
_LIMITED = 0.8


class ExportItem(Struct, frozen=True):
    """One file to write: its path, audio and tags."""

    path: Path
    stream: Stream
    tags: Tags = field(default_factory=Tags)


class ExportResult(Struct, frozen=True):
    """A written file.

    Attributes:
        length: in samples at the sample rate of the file.
        peak: highest sample (linear) before clipping.
        clipped_samples: always 0 for formats that can exceed full scale.
        gain_db: the gain applied to normalize the level.
        not_normalized: why the level could not be normalized and was not raised, as "it is silent"; empty if it could.
        loudness: integrated, in LUFS, before rounding or lossy compression; None if it was not measured.
        true_peak_db: in dBTP, likewise.
        reduction_db: the most by which the limiter lowered a sample.
        missed_db: by how much the file falls short of the target, if so; 0 for files whose gain is that of another.
        shortfall: that in words, and why, to follow "the file is"; empty if the target was reached.
        limiter_helps: whether the limiter, which was not used, would bring the file closer to its target.
    """

    path: Path
    length: int
    channels: int
    sample_rate: int
    peak: float
    clipped_samples: int
    gain_db: float = 0.0
    not_normalized: str = ""
    loudness: float | None = None
    true_peak_db: float | None = None
    reduction_db: float = 0.0
    missed_db: float = 0.0
    shortfall: str = ""
    limiter_helps: bool = False


def refuse_overwriting(inputs: Sequence[Path], output: Path) -> None:
    """Make sure that an export does not overwrite one of its inputs, even under another name or through a link.

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
    if level.normalize == "none" and not level.limiter:
        return [
            _write(item, _finite_blocks(item, start, end), end - start, audio_format, report, cancel)
            for item, report in zip(items, _callbacks(progress, items), strict=True)
        ]
    known = _LIMITED if level.limiter else _MEASURED
    with contextlib.ExitStack() as stack:

        def temporary() -> Path:
            return stack.enter_context(atomic.temporary(items[0].path.parent))

        spools = []
        try:
            for item, report in zip(items, _callbacks(share_of(progress, 0.0, _MEASURED), items), strict=True):
                rate = audio_format.rate_of(item.stream.rate)
                converter = Converter(audio_format, item.stream.channels, item.stream.rate)
                blocks, length = _finite_blocks(item, start, end), end - start
                place, name = temporary(), item.path.name
                spools.append(spooled(blocks, converter, rate, place, name, length, report, cancel))
            found = changes(spools, level, temporary, share_of(progress, _MEASURED, known), cancel)
        except OSError as error:
            path = items[min(len(spools), len(items) - 1)].path
            reason, remedy = os_error_reason(error, path)
            raise ExportError(f"cannot export to {path}: {reason}", remedy) from error
        reports = _callbacks(share_of(progress, known, 1.0), items)
        return [
            _write_changed(item, spool, change, audio_format, level, report, cancel)
            for item, spool, change, report in zip(items, spools, found, reports, strict=True)
        ]


def _finite_blocks(item: ExportItem, start: int, end: int) -> Iterator[Array]:
    """The blocks of an item. Raises `ExportError` at the first sample that is NaN or infinite."""
    done = start
    for block in item.stream.blocks(start, end):
        check_finite(block, done, f"cannot export to {item.path.name}: the audio", item.stream.rate)
        done += block.shape[1]
        yield block


def _write(
    item: ExportItem,
    blocks: Iterator[Array],
    length: int,
    audio_format: AudioFormat,
    progress: ReportProgress,
    cancel: CancelToken,
    converted: Spool | None = None,
) -> ExportResult:
    """Write blocks at the session rate, or as they are in a spool; its levels are those of the file."""
    channels, rate = item.stream.channels, item.stream.rate
    if converted is not None:
        channels, rate = converted.channels, converted.rate
    done = 0
    with writing(item.path, channels, length, audio_format, item.tags, rate=rate) as writer:
        for block in blocks:
            cancel.check()
            writer.write(block.T)
            done += block.shape[1]
            progress(Progress(done, length, item.path.name))
        assert done == length, "the stream returned another number of samples than requested"
    return ExportResult(
        item.path,
        writer.written,
        channels_of(audio_format, item.stream.channels),
        audio_format.rate_of(item.stream.rate),
        writer.peak,
        writer.clipped_samples,
    )


def _write_changed(
    item: ExportItem,
    spool: Spool,
    change: Change,
    audio_format: AudioFormat,
    level: Level,
    progress: ReportProgress,
    cancel: CancelToken,
) -> ExportResult:
    """Write a measured file with its level changed, and measure what is written."""
    meter = FileMeter(spool.channels, spool.rate)

    def metered() -> Iterator[Array]:
        for block in change.applied(spool.blocks()):
            meter.add(block)
            yield block

    comment = ", ".join(filter(None, (item.tags.comment, _description(spool, change, level))))
    tagged = replace(item, tags=replace(item.tags, comment=comment))
    written = _write(tagged, metered(), spool.length, audio_format, progress, cancel, spool)
    loudness, true_peak_db = meter.read()
    missed_db, text = shortfall(level, change, item.path.name, loudness, written.peak)
    return replace(
        written,
        gain_db=decibels(change.gain),
        not_normalized=change.problem,
        loudness=loudness,
        true_peak_db=true_peak_db,
        reduction_db=change.reduction_db,
        missed_db=missed_db,
        shortfall=text,
        limiter_helps=bool(text) and level.normalize == "loudness" and not level.limiter,
    )


def _description(spool: Spool, change: Change, level: Level) -> str:
    """How the level is changed, for the comment of the file, which is written before its audio."""
    parts = [f"level changed by {decibels(change.gain):+.1f} dB"] if change.gain != 1.0 else []
    loudness = change.loudness if change.curve is not None else spool.loudness + decibels(change.gain)
    if level.normalize == "loudness" and loudness is not None and loudness > GATE_LUFS:
        parts.append(f"{loudness:.1f} LUFS")
    if change.curve is not None:
        parts.append(f"true peak limited to {level.true_peak_db:g} dBTP")
    return ", ".join(parts)


def _callbacks(progress: ReportProgress, items: Sequence[ExportItem]) -> list[ReportProgress]:
    """Progress callbacks for each file."""
    return [part_of(progress, number, len(items), "Exporting") for number in range(len(items))]
