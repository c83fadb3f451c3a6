"""The MR-STFT distance of `evaluation.metrics`, with gradients."""

from __future__ import annotations

import torch
from torch import Tensor

from lincae_studio.evaluation.metrics import MAGNITUDE_FLOOR, STFT_SIZES


def mr_stft(estimate: Tensor, reference: Tensor) -> Tensor:
    """The mean distance of `(B, N)` signals, a scalar; no reference may be silent."""
    distances = []
    for size in STFT_SIZES:
        ours, theirs = (_magnitudes(signal, size) for signal in (estimate, reference))
        convergence = _norm(theirs - ours) / _norm(theirs)
        distances.append(convergence.mean() + (ours / theirs).log().abs().mean())
    return torch.stack(distances).mean()


def _magnitudes(signal: Tensor, size: int) -> Tensor:
    window = torch.hann_window(size, device=signal.device)
    spectrum = torch.stft(signal, size, size // 4, window=window, center=False, return_complex=True)
    return spectrum.abs().clamp_min(MAGNITUDE_FLOOR)


def _norm(values: Tensor) -> Tensor:
    """`(B,)` Frobenius norms."""
    return values.square().sum((1, 2)).sqrt()
