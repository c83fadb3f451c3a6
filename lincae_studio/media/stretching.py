"""Time stretching, by Signalsmith Stretch (the package python-stretch), and with resampling pitch shifting. Any thread.

The library computes in one call, during which no other thread of the process runs, so it works in a process of its own
(`stretch_process`). Samples go there and back through pipes. Audio that is longer than `SECTION_S` is stretched in
sections, so that memory is bounded; they are joined where they are quietest.
"""

from __future__ import annotations

import contextlib
import itertools
import subprocess
import threading
from collections.abc import Iterator

import numpy as np

from lincae_studio import paths
from lincae_studio.errors import MediaError
from lincae_studio.jobs import CancelToken, Progress, ReportProgress
from lincae_studio.media.peaks import Audio
from lincae_studio.media.signals import Signal
from lincae_studio.media.stretch_process import HEADER
from lincae_studio.session.processes import Stretch

#: Length of a section; a section and its result take less than 1 GB of memory in the other process.
SECTION_S = 240

#: Audio before and after a section that is stretched with it, and is cut off afterwards.
_MARGIN_S = 2.0

#: Sections are joined by a crossfade of this length, at the quietest place within half the margin of the border.
_JOIN_S = 0.05

#: How often it is looked at whether the job was cancelled.
_WAIT_S = 0.05


def stretched(
    signal: Signal, stretch: Stretch, length: int, rate: int, progress: ReportProgress, cancel: CancelToken
) -> Iterator[Audio]:
    """Samples `(n, C)` of a signal at another length and pitch: `length` samples in all.

    Raises:
        MediaError: when the library is missing, or fails.
        Cancelled: when `cancel` was set; the process is ended.
    """
    factor = length / signal.length
    count = max(1, -(-signal.length // (SECTION_S * rate)))
    borders = [round(number * signal.length / count) for number in range(count + 1)]
    margin = round(_MARGIN_S * rate)
    done, tail = 0, np.zeros((0, signal.channels), np.float32)
    for number, (begin, end) in enumerate(itertools.pairwise(borders)):
        progress(Progress(number, count, "stretching"))
        first, last = max(0, begin - margin), min(signal.length, end + margin)
        origin = round(first * factor)
        final = length if last == signal.length else round(last * factor)
        audio = _in_process(signal.read(first, last), stretch, final - origin, rate, cancel)
        fresh = _joined(tail, audio[done - origin :])
        if number + 1 < count:
            cut = _quietest(fresh, round(end * factor) - done, round(margin * factor) // 2, rate)
            fresh, tail = fresh[:cut], fresh[cut : cut + round(_JOIN_S * rate)]
        done += len(fresh)
        yield fresh
    progress(Progress(count, count, "stretching"))


def _joined(before: Audio, after: Audio) -> Audio:
    """Audio that begins with a crossfade from what came before."""
    count = min(len(before), len(after))
    if not count:
        return after
    rise = ((np.arange(count) + 0.5) / count).astype(np.float32)[:, None]
    after[:count] = before[:count] * (1.0 - rise) + after[:count] * rise
    return after


def _quietest(audio: Audio, around: int, reach: int, rate: int) -> int:
    """Where a crossfade is heard least, at most `reach` samples from a place."""
    step = max(1, round(_JOIN_S * rate))
    starts = range(max(0, around - reach), max(1, min(around + reach, len(audio) - step)), step)
    return min(starts, key=lambda start: float(np.square(audio[start : start + step]).sum()), default=around)


def _in_process(audio: Audio, stretch: Stretch, length: int, rate: int, cancel: CancelToken) -> Audio:
    """Stretch samples `(n, C)` to `length` in a process of its own."""
    channels = audio.shape[1]
    data = HEADER.pack(channels, len(audio), length, rate, stretch.semitones)
    data += np.ascontiguousarray(audio.T, np.float32).tobytes()
    try:
        process = subprocess.Popen(
            paths.stretch_command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
    except OSError as error:
        raise MediaError(f"the process that stretches audio could not be started: {error}", "Try again") from error
    found: list[tuple[bytes, bytes]] = []

    def communicate() -> None:
        with contextlib.suppress(OSError, ValueError):  # it was ended
            found.append(process.communicate(data))

    thread = threading.Thread(target=communicate, name="job-stretch", daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            thread.join(_WAIT_S)
            cancel.check()
    except BaseException:
        process.kill()
        thread.join()
        raise
    output, errors = found[0] if found else (b"", b"")
    if process.returncode or len(output) != 4 * channels * length:
        lines = errors.decode(errors="replace").strip().splitlines() or [f"it ended with code {process.returncode}"]
        raise MediaError(f"the audio could not be stretched: {lines[-1]}", "Try again, or remove the stretch")
    result = np.frombuffer(output, np.float32).reshape(channels, length).T.copy()
    if not np.isfinite(result).all():
        raise MediaError("the audio could not be stretched: the result has samples that are not finite", "Stretch less")
    return result
