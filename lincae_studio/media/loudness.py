"""Loudness by ITU-R BS.1770 and EBU R 128, for playback and exports. No Qt.

A mono mix is measured as it is heard, on both channels.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import soxr
from msgspec import Struct

from lincae_studio.media import bs1770
from lincae_studio.session.model import DEFAULT_RATE, RATES

Samples = npt.NDArray[np.float32]

_CHANNELS = 2

#: The loudness of silence; shown as "-inf".
SILENT = -math.inf

#: The integrated loudness of audio that is shorter than this, or never louder than the gate, is that of silence.
SHORTEST_S = bs1770.MOMENTARY / 10
GATE_LUFS = bs1770.ABSOLUTE_GATE


class Loudness(Struct, frozen=True):
    """A loudness measurement.

    Attributes:
        momentary, short_term: loudness of the last 400 ms and 3 s, in LUFS.
        integrated: gated loudness since the start, in LUFS.
        range: loudness range, in LU.
        true_peak: true peak of both channels, in dBTP.
    """

    momentary: float = SILENT
    short_term: float = SILENT
    integrated: float = SILENT
    range: float = 0.0
    true_peak: float = SILENT


class LoudnessMeter:
    """Measures consecutive blocks of samples at the session rate."""

    def __init__(self, rate: int) -> None:
        """`rate`: the session's, in Hz."""
        self._meter = bs1770.Meter(_CHANNELS, rate)

    def add(self, samples: Samples) -> None:
        """Add `(1 or 2, n)` samples."""
        self._meter.add(np.broadcast_to(samples, (_CHANNELS, samples.shape[1])))

    def read(self) -> Loudness:
        """The measurement since the start."""
        return Loudness(
            momentary=self._meter.momentary(),
            short_term=self._meter.short_term(),
            integrated=self._meter.integrated(),
            range=self._meter.range(),
            true_peak=decibels(self._meter.true_peak()),
        )


class FileMeter:
    """Measures the loudness and the true peak of audio at any sample rate, as in a file."""

    def __init__(self, channels: int, rate: int) -> None:
        """`channels`: 1 or 2. `rate`: in Hz."""
        native = rate in RATES
        self._meter = LoudnessMeter(rate if native else DEFAULT_RATE)
        self._channels = channels
        self._resampler = None if native else soxr.ResampleStream(rate, DEFAULT_RATE, channels)
        self._peak = None if native else bs1770.TruePeak(channels)

    def add(self, samples: Samples) -> None:
        """Add `(channels, n)` samples."""
        if self._resampler is None or self._peak is None:
            self._meter.add(samples)
            return
        self._peak.add(samples)
        self._meter.add(self._resampler.resample_chunk(np.ascontiguousarray(samples.T)).T)

    def read(self) -> tuple[float, float]:
        """The integrated loudness in LUFS, and the true peak in dBTP; call it once, at the end."""
        if self._resampler is None or self._peak is None:
            found = self._meter.read()
            return found.integrated, found.true_peak
        nothing = np.zeros((0, self._channels), np.float32)
        self._meter.add(self._resampler.resample_chunk(nothing, last=True).T)
        return self._meter.read().integrated, decibels(self._peak.read())


def decibels(level: float) -> float:
    """A linear level in decibels; `SILENT` for 0."""
    return 20.0 * math.log10(level) if level > 0.0 else SILENT


def blocks(length: int, size: int = 1 << 16) -> Iterator[tuple[int, int]]:
    """(start, count) of consecutive blocks of `size` samples that make up `length`."""
    for start in range(0, length, size):
        yield start, min(size, length - start)
