"""Loudness and true peak by ITU-R BS.1770-4, EBU R 128, Tech 3341 and Tech 3342, at the rates of sessions. numpy only.

The weighting filters are recursive, which numpy does not support. But the output of a block, and the filters' state
after it, are linear in the block's samples and the state before it: precomputed matrices filter all blocks at once, and
loops only pass on the state. Matrix products are kept small, since BLAS would spread large ones over threads, which is
slower while the engine is computing.

All measurements advance in steps of a tenth of a second, including the windows of 400 ms and 3 s.
"""

from __future__ import annotations

import math
from array import array
from functools import cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Samples = npt.NDArray[np.float32]

#: By sample rate in Hz, the samples of the blocks in which a tenth of a second is filtered: a divisor of it near 64.
_BLOCKS = {44_100: 63, 48_000: 64}

#: Windows, in tenths of a second.
MOMENTARY = 4
_SHORT_TERM = 30
_SECOND = 10

#: Gates: the absolute one in LUFS; the others in LU relative to the mean of what passes it.
ABSOLUTE_GATE = -70.0
_RELATIVE_GATE = -10.0
_RANGE_GATE = -20.0

#: True peak: points per sample, and samples from which each is interpolated.
_OVERSAMPLING = 4
_TAPS = 24

#: Samples per row in which points are interpolated, and rows per matrix product.
_PEAK_BLOCK = 21
_PEAK_ROWS = 64


class TruePeak:
    """Measures the true peak of consecutive blocks, at any sample rate (BS.1770-4, annex 2)."""

    def __init__(self, channels: int) -> None:
        #: The samples from which the next points are interpolated.
        self._before = np.zeros((channels, _TAPS - 1), np.float32)
        self._peak = 0.0

    def add(self, samples: Samples) -> None:
        """Add `(channels, n)` samples."""
        joined = np.concatenate([self._before, samples], axis=1)
        # Whole rows only: what follows a part of one is not known yet.
        known = (joined.shape[1] - _TAPS + 1) // _PEAK_BLOCK * _PEAK_BLOCK
        if known:
            self._peak = _highest(joined[:, : known + _TAPS - 1], self._peak)
            self._before = joined[:, known:].copy()
        else:
            self._before = joined

    def read(self, pending: Samples | None = None) -> float:
        """The true peak of all channels so far, linear; `pending` samples `(channels, n)` count without being added."""
        end = np.zeros((len(self._before), _TAPS - 1), np.float32)
        parts = [self._before, end] if pending is None else [self._before, pending, end]
        return _highest(np.concatenate(parts, axis=1), self._peak)


class Meter:
    """Measures audio in consecutive blocks; all channels have weight 1."""

    def __init__(self, channels: int, rate: int) -> None:
        """`rate`: one that a session can have, in Hz."""
        self._rate = rate
        #: Samples in a tenth of a second.
        self._step = rate // 10
        self._state = np.zeros((channels, _STATES))
        self._pending = np.zeros((channels, 0), np.float32)
        self._peak = TruePeak(channels)
        #: Mean square of each tenth of a second, summed over channels.
        self._powers = array("d")

    def add(self, samples: Samples) -> None:
        """Add `(channels, n)` samples."""
        self._pending = np.concatenate([self._pending, samples], axis=1)
        steps = self._pending.shape[1] // self._step
        if steps:
            whole = self._pending[:, : steps * self._step]
            self._pending = self._pending[:, steps * self._step :].copy()
            self._powers.extend(self._filtered_powers(whole, steps).tolist())
            self._peak.add(whole)

    def momentary(self) -> float:
        """Loudness of the last 400 ms, in LUFS."""
        return self._last(MOMENTARY)

    def short_term(self) -> float:
        """Loudness of the last 3 s, in LUFS."""
        return self._last(_SHORT_TERM)

    def integrated(self) -> float:
        """Gated loudness of all samples, in LUFS (BS.1770-4, equations 4 to 7)."""
        return _lufs(_mean(_gated(_sums(np.frombuffer(self._powers), MOMENTARY) / MOMENTARY, _RELATIVE_GATE)))

    def range(self) -> float:
        """Loudness range, in LU (Tech 3342): from the 10th to the 95th percentile of 3 s windows, one per second."""
        powers = np.frombuffer(self._powers)
        seconds = powers[: len(powers) // _SECOND * _SECOND].reshape(-1, _SECOND).sum(axis=1)
        windows = np.sort(_gated(_sums(seconds, _SHORT_TERM // _SECOND) / _SHORT_TERM, _RANGE_GATE))
        if not len(windows):
            return 0.0
        low, high = (windows[math.floor((len(windows) - 1) * share + 0.5)] for share in (0.1, 0.95))
        return _lufs(high) - _lufs(low)

    def true_peak(self) -> float:
        """The true peak of all channels, interpolated between samples, linear (BS.1770-4, annex 2)."""
        return self._peak.read(self._pending)

    def _last(self, steps: int) -> float:
        return _lufs(sum(self._powers[-steps:]) / steps)

    def _filtered_powers(self, samples: Samples, steps: int) -> Floats:
        blocks, onwards = _matrices(self._rate)
        size = _BLOCKS[self._rate]
        count = self._step // size
        of_state = onwards[1]
        x = samples.astype(np.float64).reshape(len(samples), steps, count, size)
        added = x @ blocks[size:, :size].T
        # Filter all steps at once as if each began in silence, then add the effect of the state before each.
        states = np.zeros((len(samples), steps, count + 1, _STATES))
        for block in range(count):
            states[:, :, block + 1] = states[:, :, block] @ of_state.T + added[:, :, block]
        for step in range(steps):
            states[:, step] += np.moveaxis(onwards @ self._state.T, 2, 0)
            self._state = states[:, step, -1].copy()
        y = x @ blocks[:size, :size].T + states[:, :, :-1] @ blocks[:size, size:].T
        powers: Floats = np.einsum("csbn,csbn->s", y, y) / self._step
        return powers


def weighted(x: Floats, state: Floats, rate: int) -> tuple[Floats, Floats]:
    """Apply the two filters of the K-weighting, sample by sample.

    Args:
        x: `(n, columns)`, each column a signal.
        state: `(4, columns)`, the state of the filters before.
        rate: in Hz.

    Returns:
        The filtered signals, and the state after them.
    """
    y, state = x.copy(), state.copy()
    for index, (b, a) in enumerate(_filters(rate)):
        first, second = state[2 * index], state[2 * index + 1]
        for n, value in enumerate(y.copy()):
            y[n] = b[0] * value + first
            first = b[1] * value - a[1] * y[n] + second
            second = b[2] * value - a[2] * y[n]
        state[2 * index], state[2 * index + 1] = first, second
    return y, state


#: State variables: two second-order filters.
_STATES = 4


def _filters(rate: int) -> list[tuple[tuple[float, float, float], tuple[float, float, float]]]:
    """Coefficients (b, a) at a sample rate.

    BS.1770 tabulates them for 48 kHz; these are from the analogue filters behind its tables, by bilinear transform.
    """
    k, q = math.tan(math.pi * 1681.974450955533 / rate), 0.7071752369554196
    high = 10.0 ** (3.999843853973347 / 20.0)
    band = high**0.4996667741545416
    unit = 1.0 + k / q + k * k
    shelf_b = ((high + band * k / q + k * k) / unit, 2.0 * (k * k - high) / unit, (high - band * k / q + k * k) / unit)
    shelf_a = (1.0, 2.0 * (k * k - 1.0) / unit, (1.0 - k / q + k * k) / unit)
    k, q = math.tan(math.pi * 38.13547087602444 / rate), 0.5003270373238773
    unit = 1.0 + k / q + k * k
    high_pass_a = (1.0, 2.0 * (k * k - 1.0) / unit, (1.0 - k / q + k * k) / unit)
    return [(shelf_b, shelf_a), ((1.0, -2.0, 1.0), high_pass_a)]


@cache
def _matrices(rate: int) -> tuple[Floats, Floats]:
    """The matrix from a block and the state before it to the filtered block and the state after it.

    Also the powers, from 0 to the number of blocks in a step, of the matrix from a state to that after a silent block.
    """
    size = _BLOCKS[rate]
    x = np.eye(size, size + _STATES)
    state = np.eye(_STATES, size + _STATES, size)
    blocks = np.concatenate(weighted(x, state, rate))
    onwards = [np.eye(_STATES)]
    for _ in range(rate // 10 // size):
        onwards.append(blocks[size:, size:] @ onwards[-1])
    return blocks, np.stack(onwards)


@cache
def _interpolation() -> tuple[Samples, float]:
    """A matrix from a block of samples and those before it to the points between them, and its largest amplification.

    The kernel is a sinc with a Kaiser window, `_TAPS` samples long.
    """
    times = np.arange(1, _OVERSAMPLING)[:, None] / _OVERSAMPLING + np.arange(-_TAPS // 2, _TAPS // 2)
    window = np.i0(6.0 * np.sqrt(np.clip(1.0 - (2.0 * times / _TAPS) ** 2, 0.0, None))) / np.i0(6.0)
    kernels = np.sinc(times) * window
    kernels /= kernels.sum(axis=1, keepdims=True)
    matrix = np.zeros((_PEAK_BLOCK + _TAPS - 1, _PEAK_BLOCK, _OVERSAMPLING - 1), np.float32)
    for n in range(_PEAK_BLOCK):
        matrix[n : n + _TAPS, n] = kernels.T
    return matrix.reshape(len(matrix), -1), float(np.abs(kernels).sum(axis=1).max()) * 1.001


def _highest(samples: Samples, peak: float) -> float:
    """The maximum of `peak` and the magnitudes at and between samples; the first `_TAPS - 1` samples are history."""
    matrix, most = _interpolation()
    peak = max(peak, float(np.abs(samples).max(initial=0.0)))
    blocks = -(-(samples.shape[1] - _TAPS + 1) // _PEAK_BLOCK)
    padded = np.zeros((len(samples), blocks * _PEAK_BLOCK + _TAPS - 1), np.float32)
    padded[:, : samples.shape[1]] = samples
    windows = np.lib.stride_tricks.sliding_window_view(padded, _PEAK_BLOCK + _TAPS - 1, axis=1)[:, ::_PEAK_BLOCK]
    # Where samples are low, the points between them cannot exceed the peak.
    chosen = windows[np.abs(windows).max(axis=2) * most > peak]
    for first in range(0, len(chosen), _PEAK_ROWS):
        peak = max(peak, float(np.abs(chosen[first : first + _PEAK_ROWS] @ matrix).max()))
    return peak


#: Samples before and after one that the points between it and the next are interpolated from.
BEFORE, AFTER = _TAPS // 2 - 1, _TAPS // 2


def envelope(samples: Samples, floor: float) -> Samples:
    """The largest magnitude of all channels at each sample, and at the points between it and the next.

    Args:
        samples: `(channels, n + BEFORE + AFTER)`, of which the first and the last are neighbours only.
        floor: points are left out where it is certain that none is above this level.

    Returns:
        `(n,)`.
    """
    matrix, most = _interpolation()
    count = samples.shape[1] - _TAPS + 1
    rows = -(-count // _PEAK_BLOCK)
    padded = np.zeros((len(samples), rows * _PEAK_BLOCK + _TAPS - 1), np.float32)
    padded[:, : samples.shape[1]] = samples
    found = np.abs(padded[:, BEFORE : BEFORE + rows * _PEAK_BLOCK]).max(axis=0).reshape(rows, _PEAK_BLOCK)
    windows = np.lib.stride_tricks.sliding_window_view(padded, _PEAK_BLOCK + _TAPS - 1, axis=1)[:, ::_PEAK_BLOCK]
    loud = np.flatnonzero(np.abs(windows).max(axis=(0, 2)) * most > floor)
    for first in range(0, len(loud), _PEAK_ROWS):
        chosen = loud[first : first + _PEAK_ROWS]
        for channel in windows:
            points = np.abs(channel[chosen] @ matrix).reshape(len(chosen), _PEAK_BLOCK, -1).max(axis=2)
            found[chosen] = np.maximum(found[chosen], points)
    levels: Samples = found.reshape(-1)[:count]
    return levels


def _sums(values: Floats, count: int) -> Floats:
    """Sliding sums of `count` values."""
    if len(values) < count:
        return np.zeros(0)
    sums: Floats = np.lib.stride_tricks.sliding_window_view(values, count).sum(axis=1)
    return sums


def _gated(powers: Floats, relative: float) -> Floats:
    """The powers above both the absolute gate and the relative gate."""
    loud = powers[powers > _power(ABSOLUTE_GATE)]
    gated: Floats = loud[loud > _mean(loud) * 10.0 ** (relative / 10.0)]
    return gated


def _mean(powers: Floats) -> float:
    return float(powers.mean()) if len(powers) else 0.0


def _power(lufs: float) -> float:
    return float(10.0 ** ((lufs + 0.691) / 10.0))


def _lufs(power: float) -> float:
    """BS.1770-4, equation 2; `-inf` for silence."""
    return 10.0 * math.log10(power) - 0.691 if power > 1e-20 else -math.inf
