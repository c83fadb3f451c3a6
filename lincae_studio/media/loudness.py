"""Loudness by ITU-R BS.1770 and EBU R 128, for playback and exports. No Qt.

A mono mix is measured as it is heard, on both channels.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lincae_studio.media import bs1770
from lincae_studio.session.model import SESSION_RATE

Samples = npt.NDArray[np.float32]

_CHANNELS = 2

#: The loudness of silence; shown as "-inf".
SILENT = -math.inf

#: The integrated loudness of audio that is shorter than this, or never louder than the gate, is that of silence.
SHORTEST_S = bs1770.MOMENTARY / 10
GATE_LUFS = bs1770.ABSOLUTE_GATE


@dataclass(frozen=True)
class Loudness:
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

    def __init__(self) -> None:
        self._meter = bs1770.Meter(_CHANNELS)

    def add(self, samples: Samples) -> None:
        """Add `(1 or 2, n)` samples."""
        self._meter.add(np.broadcast_to(samples, (_CHANNELS, samples.shape[1])))

    def read(self) -> Loudness:
        """The measurement since the start."""
        peak = self._meter.true_peak()
        return Loudness(
            momentary=self._meter.momentary(),
            short_term=self._meter.short_term(),
            integrated=self._meter.integrated(),
            range=self._meter.range(),
            true_peak=20.0 * math.log10(peak) if peak > 0.0 else SILENT,
        )


def blocks(length: int, size: int = SESSION_RATE) -> Iterator[tuple[int, int]]:
    """(start, count) of consecutive blocks of `size` samples that make up `length`."""
    for start in range(0, length, size):
        yield start, min(size, length - start)
