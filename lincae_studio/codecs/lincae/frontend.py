"""The frontend: a complex STFT, not centred, with compressed magnitudes, and its inverse.

The highest bin is dropped, and set to zero by the inverse. Without padding, the first and last `(factor - 1) * hop`
samples are covered by fewer windows than the rest and cannot be recovered; to keep them, extend the signal (as the
studio's chunk grid does).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from lincae_studio.codecs.lincae.config import FrontendConfig, parse_options
from lincae_studio.codecs.lincae.options import option

#: Magnitude below which a bin has no gradient: derivatives of its power would exceed float32. -360 dB of full scale.
_SILENT = 1e-18


class ScaledComplexStft(nn.Module):
    """`(B, N)` samples to `(B, 2, 2*hop, S)` and back.

    Args:
        config: the options, or pass them by name. They are attributes that cannot be set.

    Raises:
        CodecError: when an option is unknown or out of range.
    """

    window: Tensor
    inverse_window: Tensor

    hop_size = option("hop_size")
    fac = option("n_fft_factor")
    alpha_rescale = option("alpha_rescale")
    beta_rescale = option("beta_rescale")
    sample_rate = option("sample_rate")

    def __init__(self, config: FrontendConfig | None = None, **options: Any) -> None:
        super().__init__()
        config = config or parse_options("frontend", options, FrontendConfig)
        self.config = config
        self.hop = config.hop_size
        self.n_fft = config.hop_size * config.n_fft_factor
        #: Bins kept: the lowest 2 * hop of n_fft / 2 + 1.
        self.bins = 2 * config.hop_size
        window = torch.hann_window(self.n_fft)
        self.register_buffer("window", window)
        # Divided by the sum of the overlapping squared windows, so that interior samples are recovered exactly.
        power = (window**2).reshape(config.n_fft_factor, self.hop).sum(dim=0)
        self.register_buffer("inverse_window", window / power.repeat(config.n_fft_factor), persistent=False)

    def frames(self, samples: int) -> int:
        """Number of STFT frames of this many samples."""
        return (samples - self.n_fft) // self.hop + 1

    def samples(self, frames: int) -> int:
        """Number of samples of this many STFT frames."""
        return (frames - 1) * self.hop + self.n_fft

    def forward(self, x: Tensor, inverse: bool = False) -> Tensor:
        """`to_representation`, or with `inverse` `to_waveform`."""
        return self.to_waveform(x) if inverse else self.to_representation(x)

    def to_representation(self, audio: Tensor) -> Tensor:
        """`(B, N)` or `(N,)` to `(B, 2, F, S)`: real and imaginary part of `beta * |X|**alpha * exp(i*arg X)`.

        The derivative, infinite at `X = 0`, is taken as 0 there, so that silence has finite gradients.
        """
        framed = audio.reshape(-1, audio.shape[-1]).unfold(-1, self.n_fft, self.hop) * self.window
        spectrum = torch.fft.rfft(framed)[..., : self.bins]
        if spectrum.requires_grad:
            spectrum = torch.where(spectrum.abs() < _SILENT, spectrum.detach(), spectrum)
        magnitude = spectrum.abs()
        # X * |X|**(alpha-1) has the phase of X without computing it; at 0 the power is infinite, the product 0.
        scale = self.config.beta_rescale * magnitude.clamp_min(torch.finfo(magnitude.dtype).tiny) ** (
            self.config.alpha_rescale - 1.0
        )
        return (torch.view_as_real(spectrum) * scale.unsqueeze(-1)).permute(0, 3, 2, 1)

    def to_waveform(self, representation: Tensor) -> Tensor:
        """`(B, 2, F, S)` to `(B, N)`: the inverse, by overlap-add."""
        parts = representation.permute(0, 3, 2, 1).float()
        scaled = torch.view_as_complex(parts.contiguous()) / self.config.beta_rescale
        magnitude = scaled.abs()
        # Not 0, where the derivative of the power is infinite.
        power = magnitude.clamp_min(torch.finfo(magnitude.dtype).tiny) ** (1.0 / self.config.alpha_rescale - 1.0)
        spectrum = scaled * power
        framed = torch.fft.irfft(nn.functional.pad(spectrum, (0, 1)), n=self.n_fft) * self.inverse_window
        batch, frames, _ = framed.shape
        blocks = framed.reshape(batch, frames, -1, self.hop)
        factor = blocks.shape[2]
        out = framed.new_zeros(batch, frames + factor - 1, self.hop)
        for part in range(factor):
            out[:, part : part + frames] += blocks[:, :, part]
        return out.reshape(batch, -1)
