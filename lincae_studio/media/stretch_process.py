"""The process that stretches audio: samples come through its standard input, and leave through its standard output.

Run as a file, it loads the library, numpy and soxr only, and nothing else of the program.
"""

from __future__ import annotations

import struct
import sys
from typing import Final

#: What precedes the samples: channels, samples before and after, sample rate in Hz, change of pitch in semitones.
HEADER: Final = struct.Struct("<IQQId")

#: Seed of the library's random phases: the same audio gives the same result.
_SEED = 1


def run() -> int:
    """Stretch what comes in. Returns the exit code."""
    try:
        import numpy as np
        import soxr
        from python_stretch import Signalsmith
    except ImportError as error:
        print(f"{error.name} is missing: install it with “pip install python-stretch”", file=sys.stderr)
        return 1
    with open(0, "rb", closefd=False) as file:
        channels, count, length, rate, semitones = HEADER.unpack(file.read(HEADER.size))
        audio = np.frombuffer(file.read(), np.float32).reshape(channels, count).copy()
    stretch = Signalsmith.Stretch(_SEED)
    stretch.preset(channels, rate)
    # The library's own transposition is off by up to 6 cents for low tones; resampling is exact.
    between = max(1, round(length * 2.0 ** (semitones / 12.0)))
    stretch.setTimeFactor(count / between)
    result = np.asarray(stretch.process(audio))
    if between != length:
        result = soxr.resample(np.ascontiguousarray(result.T), between, length, quality="VHQ").T
    exact = np.zeros((channels, length), np.float32)
    kept = min(length, result.shape[1])
    exact[:, :kept] = result[:, :kept]
    with open(1, "wb", closefd=False) as file:
        file.write(exact.tobytes())
    return 0


if __name__ == "__main__":
    sys.exit(run())
