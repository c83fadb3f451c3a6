"""The noise a consistency decoder starts from, as a field over absolute STFT frames.

A value depends only on seed, step, frame and position. So both sides of an overlap, left and right, every batch size
and every device get the same noise, and decoding is reproducible. Frames are drawn with a counter-based generator
(Philox 4x64-10, Salmon et al. 2011) whose counter is the frame number, and made normal by Box and Muller's transform.
"""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

#: Cached frames: neighbouring chunks, both buses and repeated renders use the same ones.
_CACHED_FRAMES = 4096


def noise_field(seed: int, first_frame: int, frames: int, values: int, step: int = 0) -> npt.NDArray[np.float32]:
    """Unit-variance noise `(frames, values)` for STFT frames `[first_frame, first_frame + frames)`.

    Args:
        values: values per frame: channels times bins, with the channel as the slower index.
        seed: seed of the field, at least 0.
        first_frame: may be negative.
        step: number of the diffusion step; each has its own field.
    """
    return np.stack([_frame(seed, step, frame, values) for frame in range(first_frame, first_frame + frames)])


@functools.lru_cache(maxsize=_CACHED_FRAMES)
def _frame(seed: int, step: int, frame: int, count: int) -> npt.NDArray[np.float32]:
    pairs = -(-count // 2)
    # The lowest word of the counter runs within a frame.
    bits = np.random.Philox(
        key=np.array([seed, step], np.uint64), counter=np.array([0, frame % 2**64, 0, 0], np.uint64)
    )
    uniform = (bits.random_raw(2 * pairs).astype(np.uint64) >> np.uint64(11)).astype(np.float64) * 2.0**-53
    radius = np.sqrt(-2.0 * np.log1p(-uniform[:pairs]))
    angle = 2.0 * np.pi * uniform[pairs:]
    values = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[:count].astype(np.float32)
    values.setflags(write=False)
    return values
