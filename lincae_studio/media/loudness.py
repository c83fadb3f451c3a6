"""Loudness by ITU-R BS.1770 and EBU R 128, as libebur128 measures it. No Qt.

A mono mix counts as it is heard: on both sides.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lincae_studio.errors import MediaError
from lincae_studio.session.model import SESSION_RATE

Samples = npt.NDArray[np.float32]

_CHANNELS = 2

#: What libebur128 gives for silence; shown as "-inf".
SILENT = -math.inf

try:
    import pyebur128
except ImportError:  # there is no wheel for every Python
    pyebur128 = None


@dataclass(frozen=True)
class Loudness:
    """Of what was measured so far.

    Attributes:
        momentary, short_term: of the last 400 ms and 3 s, in LUFS.
        integrated: of all, gated, in LUFS.
        range: loudness range, in LU.
        true_peak: in dBTP, of both sides.
    """

    momentary: float = SILENT
    short_term: float = SILENT
    integrated: float = SILENT
    range: float = 0.0
    true_peak: float = SILENT


class LoudnessMeter:
    """Takes samples at the session rate, one after the other."""

    def __init__(self) -> None:
        """Raises `MediaError` where libebur128 is missing."""
        if pyebur128 is None:
            raise MediaError("loudness cannot be measured: the package pyebur128 is missing", "Install it with pip")
        mode = pyebur128.MeasurementMode
        modes = mode.MODE_M | mode.MODE_S | mode.MODE_I | mode.MODE_LRA | mode.MODE_TRUE_PEAK
        self._state = pyebur128.R128State(_CHANNELS, SESSION_RATE, modes)

    def add(self, samples: Samples) -> None:
        """Take `(1 or 2, n)` samples."""
        count = samples.shape[1]
        if count:
            frames = np.broadcast_to(samples, (_CHANNELS, count)).T
            self._state.add_frames(np.ascontiguousarray(frames, np.float32).reshape(-1), count)

    def read(self) -> Loudness:
        """What was measured since the start."""
        peak = max(pyebur128.get_true_peak(self._state, channel) for channel in range(_CHANNELS))
        return Loudness(
            momentary=_finite(pyebur128.get_loudness_momentary(self._state)),
            short_term=_finite(pyebur128.get_loudness_shortterm(self._state)),
            integrated=_finite(pyebur128.get_loudness_global(self._state)),
            range=pyebur128.get_loudness_range(self._state),
            true_peak=20.0 * math.log10(peak) if peak > 0.0 else SILENT,
        )


def available() -> bool:
    """Whether loudness can be measured here."""
    return pyebur128 is not None


def blocks(length: int, size: int = SESSION_RATE) -> Iterator[tuple[int, int]]:
    """(start, count) of the parts of so many samples."""
    for start in range(0, length, size):
        yield start, min(size, length - start)


def _finite(loudness: float) -> float:
    """Of less than the absolute gate lets through, nothing is known."""
    return loudness if loudness > -200.0 else SILENT
