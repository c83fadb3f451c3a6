"""How the levels of files are changed: the gains that normalise them, and a limiter for peaks that get too high.

Any thread. Files that share a gain share the limiter, too: at each moment all have the same gain, as if they were the
channels of one file, so that stems still add up to the mix.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from lincae_studio.engine.export.spool import Samples, Spool, read, write
from lincae_studio.export_settings import Level
from lincae_studio.jobs import CancelToken, Progress, ReportProgress, share_of
from lincae_studio.media import limiter
from lincae_studio.media.loudness import GATE_LUFS, SHORTEST_S, FileMeter, decibels

#: A target that is missed by less is reached.
TOLERANCE_DB = 0.1

#: Peaks below this are silence: what makes them audible is no 32-bit float.
_SILENT_PEAK = float(np.finfo(np.float32).tiny)

#: The loudness is looked for until it is this close, by measuring at most this often.
_CLOSE_LU = 0.03
_MOST_MEASUREMENTS = 12

#: If another decibel makes a limited file louder by less than this, more gain only does harm.
_LEAST_SLOPE = 0.1

#: The largest step from one measurement to the next, so that a gain beyond which nothing gets louder is not overshot.
_LARGEST_STEP_DB = 4.0

#: The most gain beyond that which would reach the target without a limiter.
MOST_DRIVE_DB = 24.0


class Change(Struct, frozen=True):
    """How the level of a file is changed.

    Attributes:
        gain: the factor of all samples.
        problem: why the level cannot be normalised, as "it is silent"; empty if it can.
        leads: whether this is a file that is to reach the target, and not one that has the same gain as another.
        held_by: the name of the file whose true peak allows no more gain; empty if more was not needed.
        curve: the limiter's factor of each sample, in a temporary file; None where nothing is limited.
        reduction_db: the most by which the limiter lowers a sample.
        loudness: that of the file after the change, in LUFS, where it is known beforehand.
    """

    gain: float = 1.0
    problem: str = ""
    leads: bool = True
    held_by: str = ""
    curve: Path | None = None
    reduction_db: float = 0.0
    loudness: float | None = None

    def applied(self, blocks: Iterator[Samples]) -> Iterator[Samples]:
        """Blocks of `limiter.BLOCK` samples with the changed level."""
        if self.curve is None:
            for block in blocks:
                yield block if self.gain == 1.0 else block * np.float32(self.gain)
        else:
            for block, factors in zip(blocks, read(self.curve, 1), strict=True):
                yield limiter.apply(block, factors[0] * float(self.gain))


def changes(
    spools: Sequence[Spool],
    level: Level,
    temporary: Callable[[], Path],
    progress: ReportProgress,
    cancel: CancelToken,
) -> list[Change]:
    """How the level of each file is changed. Audio that cannot be measured is not made louder.

    Args:
        temporary: makes the names of temporary files, next to the files to be written.

    Raises:
        OSError: when a temporary file cannot be written.
        Cancelled: when `cancel` was set.
    """
    ceiling = factor(level.true_peak_db)
    limits = [_limit(spool, level) for spool in spools]
    if not level.limiter:
        return _gains(spools, level, limits)
    wanted = _gains(spools, level, [math.inf] * len(spools))
    groups = [list(range(len(spools)))] if level.together else [[number] for number in range(len(spools))]
    found = list(wanted)
    envelope = temporary()
    loudnesses: dict[str, float] = {}
    for number, group in enumerate(groups):
        if all(wanted[one].gain <= limits[one] for one in group):
            continue  # nothing to limit: the gain alone is exact
        part = share_of(progress, number / len(groups), (number + 1) / len(groups), "Limiting", spools[group[0]].name)
        lead = next((spools[one] for one in group if wanted[one].leads and not wanted[one].problem), None)
        gain = wanted[group[0]].gain
        limiting = _Limiting([spools[one] for one in group], ceiling, gain, envelope, cancel)
        if lead is not None and level.normalize == "loudness":
            gain, loudness = limiting.gain_for(lead, level.target_db, gain, part)
            loudnesses[lead.name] = loudness
        curve = temporary()
        reduction_db = limiting.write_curve(gain, curve)
        for one in group:
            name = spools[one].name
            change = replace(wanted[one], gain=gain, curve=curve, reduction_db=reduction_db, held_by=name)
            found[one] = replace(change, loudness=loudnesses.get(name))
    progress(Progress(1, 1, spools[-1].name))
    return found


class _Limiting:
    """The limiter of files that share a gain."""

    def __init__(
        self, spools: Sequence[Spool], ceiling: float, gain: float, envelope: Path, cancel: CancelToken
    ) -> None:
        """Write the envelope of all files to a temporary file. `gain`: the least that will be asked for."""
        self._ceiling = ceiling
        self._rate = spools[0].rate
        self._envelope = envelope
        self._cancel = cancel
        floor = ceiling / (gain * factor(MOST_DRIVE_DB))
        each = [limiter.envelope(spool.blocks(), floor) for spool in spools]
        write(envelope, (np.max(blocks, axis=0) for blocks in zip(*each, strict=True)), cancel)

    def gain_for(self, spool: Spool, target: float, gain: float, progress: ReportProgress) -> tuple[float, float]:
        """The gain with which a limited file has this loudness, or comes as near as is sensible; and its loudness."""
        done = 0.0

        def measured(gain_db: float) -> float:
            nonlocal done
            part = share_of(progress, done, done + 0.5 * (1.0 - done))
            done += 0.5 * (1.0 - done)
            return self._loudness(spool, factor(gain_db), part)

        gain_db, loudness = gain_for(measured, target, decibels(gain))
        return factor(gain_db), loudness

    def write_curve(self, gain: float, path: Path) -> float:
        """Write the factor of each sample for a gain; returns the largest reduction in decibels."""
        lowest = 1.0

        def noted() -> Iterator[Samples]:
            nonlocal lowest
            for factors in self._curve(gain):
                lowest = min(lowest, float(factors.min()))
                yield factors.astype(np.float32)

        write(path, noted(), self._cancel)
        return -decibels(lowest)

    def _curve(self, gain: float) -> Iterator[limiter.Floats]:
        envelope = (block[0] * np.float32(gain) for block in read(self._envelope, 1))
        return limiter.gains(envelope, self._ceiling, self._rate)

    def _loudness(self, spool: Spool, gain: float, progress: ReportProgress) -> float:
        meter = FileMeter(spool.channels, spool.rate)
        done = 0
        for block, factors in zip(spool.blocks(), self._curve(gain), strict=True):
            self._cancel.check()
            meter.add(limiter.apply(block, factors * gain))
            done += block.shape[1]
            progress(Progress(done, spool.length))
        return meter.read()[0]


def gain_for(loudness_at: Callable[[float], float], target: float, least_db: float) -> tuple[float, float]:
    """The gain in decibels at which `loudness_at(gain)` is `target`, found by the secant method; and that loudness.

    Args:
        loudness_at: grows with the gain, by at most a decibel for each. What is too quiet to measure counts as
            `GATE_LUFS`.
        least_db: a gain with at most the target's loudness.

    Returns:
        Where the target cannot be reached, the gain from which on more would hardly change the loudness.
    """

    def measured(gain_db: float) -> float:
        return max(loudness_at(gain_db), GATE_LUFS)

    low = (least_db, measured(least_db))
    high: tuple[float, float] | None = None
    slope = 1.0
    for _ in range(_MOST_MEASUREMENTS - 1):
        if abs(target - low[1]) <= _CLOSE_LU:
            break
        if high is None:
            step = min((target - low[1]) / slope, _LARGEST_STEP_DB)
            gain = min(low[0] + step, least_db + MOST_DRIVE_DB)
        else:
            gain = low[0] + (high[0] - low[0]) * (target - low[1]) / (high[1] - low[1])
        if gain - low[0] < 1e-3:
            break
        found = measured(gain)
        if found > target + _CLOSE_LU:
            high = (gain, found)
            continue
        slope = (found - low[1]) / (gain - low[0])
        if high is None and slope < _LEAST_SLOPE and found < target - _CLOSE_LU:
            break
        low = (gain, found)
    return low


def shortfall(level: Level, change: Change, name: str, loudness: float, peak: float) -> tuple[float, str]:
    """By how many decibels a file misses its target, and a text that goes after "it is"; (0, "") if it reaches it.

    A file that is too quiet to measure misses it by at least the decibels from `GATE_LUFS` on.

    Args:
        name: of the file.
        loudness: of the file as written, in LUFS.
        peak: its highest sample, linear.
    """
    if level.normalize == "none" or change.problem or not change.leads or not change.held_by:
        return 0.0, ""
    reached = max(loudness, GATE_LUFS) if level.normalize == "loudness" else decibels(peak)
    missed = level.target_db - reached
    if missed <= TOLERANCE_DB:
        return 0.0, ""
    units = ("LU", "LUFS") if level.normalize == "loudness" else ("dB", "dBFS")
    least = "at least " if level.normalize == "loudness" and loudness < GATE_LUFS else ""
    text = f"{least}{missed:.1f} {units[0]} below the target of {level.target_db:g} {units[1]}: "
    if change.curve is None:
        whose = "its true peak" if change.held_by == name else f"the true peak of {change.held_by}"
        text += f"with more gain, {whose} would exceed {level.true_peak_db:g} dBTP"
    elif level.normalize == "loudness":
        text += f"limited to {level.true_peak_db:g} dBTP, it hardly gets louder with more gain"
    else:
        text += f"its true peak is limited to {level.true_peak_db:g} dBTP"
    return missed, text


def _gains(spools: Sequence[Spool], level: Level, limits: Sequence[float]) -> list[Change]:
    """The change of each file by a gain alone, not above its limit."""
    gains = [_gain(spool, level) for spool in spools]
    if not level.together:
        return [
            Change(min(1.0, limit), _problem(spool, level))
            if gain is None
            else Change(min(gain, limit), held_by=spool.name if limit < gain else "")
            for spool, gain, limit in zip(spools, gains, limits, strict=True)
        ]
    found = [gain for gain in gains if gain is not None]
    least = min(limits)
    if not found:
        return [Change(min(1.0, least), _problem(spool, level)) for spool in spools]
    # For loudness the gain of the first file, which is the mix if there is one; for peaks that of the highest.
    gain = found[0] if level.normalize == "loudness" else min(found)
    held_by = spools[limits.index(least)].name if least < gain else ""
    lead = gains.index(gain)
    return [Change(min(gain, least), leads=number == lead, held_by=held_by) for number in range(len(spools))]


def _gain(spool: Spool, level: Level) -> float | None:
    """The factor that gives a file the level asked for; None if its level cannot be measured."""
    if level.normalize == "none":
        return 1.0
    if level.normalize == "peak":
        return factor(level.target_db) / spool.peak if spool.peak > _SILENT_PEAK else None
    return factor(level.target_db - spool.loudness) if math.isfinite(spool.loudness) else None


def _problem(spool: Spool, level: Level) -> str:
    """Why the level of a file cannot be measured."""
    if spool.peak == 0.0 or level.normalize == "peak":
        return "it is silent"
    if spool.length_s < SHORTEST_S:
        return f"it is shorter than {SHORTEST_S:g} s, too short to measure its loudness"
    return f"all of it is below {GATE_LUFS:g} LUFS, too quiet to measure its loudness"


def _limit(spool: Spool, level: Level) -> float:
    """The largest factor that keeps the true peak within its limit."""
    if not math.isfinite(spool.true_peak_db):
        return math.inf
    return factor(level.true_peak_db - spool.true_peak_db)


def factor(db: float) -> float:
    """The linear factor of a gain in decibels."""
    return float(10.0 ** (db / 20.0))
