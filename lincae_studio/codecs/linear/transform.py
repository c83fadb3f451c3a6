"""The lapped transform: an orthonormal MDCT (TDAC, Princen and Bradley 1986) with the window of Vorbis I.

M bins, windows of 2 M samples. The frames of a window of N = (T + 1) M samples begin at its first sample.
"""

from __future__ import annotations

import numpy as np

from lincae_studio.codecs.base import Array


def basis(hop: int) -> Array:
    """`(2 M, M)`: the windowed cosines, a bin in each column. Analysis and synthesis are products with it."""
    n, k = np.arange(2 * hop) + 0.5, np.arange(hop) + 0.5
    window = np.sin(np.pi / 2 * np.sin(np.pi * n / (2 * hop)) ** 2)
    cosines = np.cos(np.pi / hop * (n[:, None] + hop / 2) * k)
    return (np.sqrt(2.0 / hop) * window[:, None] * cosines).astype(np.float32)


def frames_of(audio: Array, hop: int) -> Array:
    """`(B, N)` samples to `(B, T, 2 M)` overlapping frames."""
    blocks = audio.reshape(len(audio), -1, hop)
    return np.concatenate([blocks[:, :-1], blocks[:, 1:]], axis=2)


def overlapped(frames: Array) -> Array:
    """`(B, T, 2 M)` frames, added where they overlap, to `(B, N)` samples."""
    batch, count, length = frames.shape
    hop = length // 2
    blocks = np.zeros((batch, count + 1, hop), np.float32)
    blocks[:, :-1] = frames[..., :hop]
    blocks[:, 1:] += frames[..., hop:]
    return blocks.reshape(batch, -1)
