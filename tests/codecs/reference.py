"""The built-in codecs written a second time from CODEC.md, in float64 and without regard to speed."""

from __future__ import annotations

import itertools
import math

import numpy as np
import numpy.typing as npt

from lincae_studio.codecs.mdct import _SIGN_BITS  # the signs are a constant of the format, nothing to derive

Matrix = npt.NDArray[np.float64]

HOP = 256
BIN_HZ = 44_100 / 512

#: Bins kept, values per frame, lowest gain: the table of CODEC.md.
VARIANTS = {"mdct-1x": (256, 256, 1.0), "mdct-2x": (112, 128, 0.5), "mdct-4x": (52, 64, 0.3)}

EDGES_4X = [52, 60, 69, 79, 90, 103, 118, 134, 153, 174, 198, 225, 256]


def mel_edges(exact: int, bands: int) -> list[int]:
    def mel(bin_: float) -> float:
        return 2595.0 * math.log10(1.0 + bin_ * BIN_HZ / 700.0)

    def inverse(value: float) -> float:
        return 700.0 * (10.0 ** (value / 2595.0) - 1.0) / BIN_HZ

    low, high = mel(exact), mel(HOP)
    return [round(inverse(low + (high - low) * band / bands)) for band in range(bands + 1)]


def band_gain(first: int, last: int, exact: int, g0: float) -> float:
    """gain = max(1, g * sqrt(n)), g = 1 - (1 - g0) * exp(-(f - f_c) / f_w)."""
    centre_hz, first_hz = (first + last) / 2 * BIN_HZ, exact * BIN_HZ
    g = 1.0 - (1.0 - g0) * math.exp(-(centre_hz - first_hz) / 3000.0)
    return max(1.0, g * math.sqrt(last - first))


class ReferenceMdct:
    """Analysis `(K, 512)` and synthesis `(512, K)`, frame by frame."""

    def __init__(self, codec_id: str) -> None:
        exact, values, g0 = VARIANTS[codec_id]
        basis = np.zeros((HOP, 512))
        for k in range(HOP):
            for n in range(512):
                window = math.sin(math.pi / 2 * math.sin(math.pi * (n + 0.5) / 512) ** 2)
                angle = math.pi / HOP * (n + 0.5 + HOP / 2) * (k + 0.5)
                basis[k, n] = math.sqrt(2 / HOP) * window * math.cos(angle)
        self.analysis = np.zeros((values, 512))
        self.synthesis = np.zeros((512, values))
        self.analysis[:exact] = basis[:exact]
        self.synthesis[:, :exact] = basis[:exact].T
        edges = mel_edges(exact, values - exact) if values > exact else []
        for band, (first, last) in enumerate(itertools.pairwise(edges)):
            gain = band_gain(first, last, exact, g0)
            for k in range(first, last):
                sign = -1.0 if (_SIGN_BITS >> k) & 1 else 1.0
                self.analysis[exact + band] += sign * basis[k] / math.sqrt(last - first)
                self.synthesis[:, exact + band] += sign * gain * basis[k] / math.sqrt(last - first)

    def encode(self, window: Matrix) -> Matrix:
        """`(T*256 + 256,)` to `(K, T)`."""
        frames = len(window) // HOP - 1
        return np.stack([self.analysis @ window[t * HOP : t * HOP + 512] for t in range(frames)], axis=1)

    def decode(self, latents: Matrix) -> Matrix:
        """`(K, T)` to `(T*256 + 256,)`."""
        frames = latents.shape[1]
        out = np.zeros((frames + 1) * HOP)
        for t in range(frames):
            out[t * HOP : t * HOP + 512] += self.synthesis @ latents[:, t]
        return out
