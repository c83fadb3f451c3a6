"""A look-ahead limiter for true peaks, in blocks. Any thread; memory does not depend on the length.

The gain that a true peak needs is known before the peak arrives: it is held over the look-ahead on both sides, released
exponentially, and smoothed by two moving averages that together are shorter than the time it is held. So the smoothed
gain is in place where the peak is, and hardly changes over the samples that the points between are interpolated from.
Gains are in nepers of attenuation until they are applied, since smoothing them is smoothing decibels.

Results do not depend on how the audio is divided: everything is computed in blocks of one size, counted from the start.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from lincae_studio.media import bs1770

Floats = npt.NDArray[np.float64]
Samples = npt.NDArray[np.float32]

#: Samples computed at a time.
BLOCK = 1 << 16

#: How long before a peak the gain begins to fall, and the time in which a gain recovers to 1/e, in decibels.
LOOK_AHEAD_S = 0.005
RELEASE_S = 0.1

#: Smaller attenuations are none, so that audio is unchanged some time after the last peak; in nepers (0.00001 dB).
_NOTHING = 1e-6


def envelope(blocks: Iterable[Samples], floor: float) -> Iterator[Samples]:
    """The largest magnitude of all channels at each sample and up to its neighbours, in blocks of `BLOCK`.

    With both neighbours, since audio that begins at full level may peak before its first sample.

    Args:
        blocks: consecutive samples `(channels, n)`.
        floor: lower true peaks between samples may be left out.
    """
    for window, count in _windows(blocks, bs1770.BEFORE + 1, bs1770.AFTER):
        levels = bs1770.envelope(window, floor)
        yield np.maximum(levels[:-1], levels[1:])[:count]


def gains(envelopes: Iterable[Samples], ceiling: float, rate: int) -> Iterator[Floats]:
    """The factor of each sample that keeps true peaks at or below `ceiling`, in blocks of `BLOCK`.

    Args:
        envelopes: consecutive values of `envelope`, in blocks of any size.
        ceiling: linear.
        rate: in Hz.
    """
    # The two averages together reach this far on each side; the gain is held as long, and around a peak.
    reach = round(LOOK_AHEAD_S * rate - bs1770.AFTER) // 2
    hold = reach + bs1770.AFTER
    decay = 1.0 / (RELEASE_S * rate)
    before = 0.0
    for window, count in _windows(envelopes, reach + hold, reach + hold):
        needed = np.log(np.maximum(window.astype(np.float64) / ceiling, 1.0))
        if before < _NOTHING and not needed.any():
            before = 0.0
            yield np.ones(count)
            continue
        held = _sliding_maximum(needed, 2 * hold + 1)
        released = _released(held, before, decay)
        before = released[BLOCK - 1]
        yield np.exp(-_averaged(_averaged(released, reach + 1), reach + 1))[:count]


def limited(blocks: Iterable[Samples], ceiling: float, rate: int) -> Iterator[Samples]:
    """The samples `(channels, n)`, all channels with the same gain; as many as come in, in blocks of `BLOCK`."""
    audio, ahead = itertools.tee(blocks)
    gained = gains(envelope(ahead, ceiling), ceiling, rate)
    for (window, count), gain in zip(_windows(audio, 0, 0), gained, strict=True):
        yield apply(window[:, :count], gain)


def apply(samples: Samples, gain: Floats) -> Samples:
    """Samples times gains, rounded once; unchanged where the gain is 1."""
    return np.multiply(samples, gain, dtype=np.float64).astype(np.float32)


def _windows(blocks: Iterable[Samples], before: int, after: int) -> Iterator[tuple[Samples, int]]:
    """Blocks of `BLOCK` values with their neighbours, and how many of them there are; zeros beyond both ends.

    The last axis is time; those before it are kept.
    """
    parts: list[Samples] = []
    size = 0
    for block in blocks:
        if not parts:
            parts, size = [np.zeros((*block.shape[:-1], before), block.dtype)], before
        parts.append(block)
        size += block.shape[-1]
        if size >= before + BLOCK + after:
            joined = np.concatenate(parts, axis=-1)
            while joined.shape[-1] >= before + BLOCK + after:
                yield joined[..., : before + BLOCK + after], BLOCK
                joined = joined[..., BLOCK:]
            parts, size = [joined], joined.shape[-1]
    remaining = size - before
    if remaining <= 0:
        return
    joined = np.concatenate(parts, axis=-1)
    while remaining > 0:
        short = max(0, before + BLOCK + after - joined.shape[-1])
        padded = np.concatenate([joined, np.zeros((*joined.shape[:-1], short), joined.dtype)], axis=-1)
        yield padded[..., : before + BLOCK + after], min(BLOCK, remaining)
        joined = joined[..., BLOCK:]
        remaining -= BLOCK


def _sliding_maximum(values: Floats, count: int) -> Floats:
    """The maximum of each `count` consecutive values, from those of half as many."""
    width = 1
    while 2 * width <= count:
        values = np.maximum(values[:-width], values[width:])
        width *= 2
    rest = count - width
    return np.maximum(values[: len(values) - rest], values[rest:]) if rest else values


def _released(held: Floats, before: float, decay: float) -> Floats:
    """The recursion `r[n] = max(held[n], r[n - 1] * exp(-decay))`, where `before` is the first `r[n - 1]`.

    In logarithms, and relative to the decay, it is a cumulative maximum.
    """
    decays = decay * np.arange(1, len(held) + 1)
    with np.errstate(divide="ignore"):
        start = np.log(before)
        logs = np.maximum(np.maximum.accumulate(np.log(held) + decays), start) - decays
    released: Floats = np.maximum(held, np.exp(logs))
    released[released < _NOTHING] = 0.0
    return released


def _averaged(values: Floats, count: int) -> Floats:
    """The mean of each `count` consecutive values."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    means: Floats = np.maximum(sums[count:] - sums[:-count], 0.0) / count
    return means
