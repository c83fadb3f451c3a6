"""The audio of a file as it is conformed: its selected channels, at the session's rate. Any thread."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import soxr

from lincae_studio.errors import MediaError
from lincae_studio.jobs import CancelToken, ReportProgress
from lincae_studio.media.peaks import Audio
from lincae_studio.media.reading.reader import AudioFile, FileInfo
from lincae_studio.session.model import Rate
from lincae_studio.session.times import count_of

_RESTORE = "Restore the file, or import the new one"

#: The channels of a file to keep, counted from 0; None for the mean of all.
Channels = list[int] | None


def channels_of(selection: str, info: FileInfo) -> Channels:
    """The channels of a selection, counted from 0; None for the mean of all.

    Raises:
        MediaError: when the file has no such channel.
    """
    if selection == "mix":
        return None
    channels = [int(number) - 1 for number in selection.split(",")] if selection else list(range(info.channels))
    if max(channels) >= info.channels:
        count = count_of(info.channels, "channel")
        problem = f"cannot import channel {max(channels) + 1} of {info.path.name}: the file has {count}"
        raise MediaError(problem, _RESTORE)
    return channels


def _selected(file: AudioFile, channels: Channels, progress: ReportProgress, cancel: CancelToken) -> Iterator[Audio]:
    """The selected channels, `(n, 1 or 2)`, at the file's own rate."""
    everything = channels == list(range(file.info.channels))
    for block in file.blocks(progress, cancel):
        if channels is None:
            yield block.mean(axis=1, keepdims=True)
        else:
            yield block if everything else np.ascontiguousarray(block[:, channels])


def resampled(
    file: AudioFile, channels: Channels, rate: Rate, progress: ReportProgress, cancel: CancelToken
) -> Iterator[Audio]:
    """The samples at `rate`, streamed through soxr at very high quality if the rates differ."""
    if file.info.sample_rate == rate:
        yield from _selected(file, channels, progress, cancel)
        return
    count = 1 if channels is None else len(channels)
    stream = soxr.ResampleStream(file.info.sample_rate, rate, count, dtype="float32", quality="VHQ")
    for block in _selected(file, channels, progress, cancel):
        yield stream.resample_chunk(block)
    yield stream.resample_chunk(np.zeros((0, count), np.float32), last=True)
