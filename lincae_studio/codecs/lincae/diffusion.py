"""Noise levels, and consistency sampling: from noise to a representation in one step or a few.

Song et al. 2023, algorithm 1; the levels are those of Karras et al. 2022, equation 5.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from lincae_studio.codecs.lincae.config import DiffusionConfig, parse_options
from lincae_studio.codecs.lincae.options import option
from lincae_studio.codecs.lincae.unet import UNet


class Diffusion(nn.Module):
    """The noise schedule, without weights. Its options are attributes; only `enable_grad_denoise` can be set.

    Args:
        config: the options, or pass them by name.

    Attributes:
        enable_grad_denoise: whether decoding has gradients, where torch's grad mode is on.

    Raises:
        CodecError: when an option is unknown or out of range.
    """

    schedule = option("schedule")
    start_exp = option("start_exp")
    end_exp = option("end_exp")
    base_step = option("base_step")
    sigma_min = option("sigma_min")
    sigma_max = option("sigma_max")
    rho = option("rho")
    p_mean = option("p_mean")
    p_std = option("p_std")
    sigma_data = option("sigma_data")
    use_lognormal = option("use_lognormal")
    total_iters = option("total_iters")

    def __init__(self, config: DiffusionConfig | None = None, **options: Any) -> None:
        super().__init__()
        self.config = config or parse_options("diffusion", options, DiffusionConfig)
        self.enable_grad_denoise = self.config.enable_grad_denoise

    def get_sigma(self, i: int, k: int) -> float:
        """Noise level `i` of `k >= 2`: 1 is sigma_min, `k` is sigma_max."""
        low, high = self._ends()
        return float((low + (i - 1) / (k - 1) * (high - low)) ** self.config.rho)

    def get_sigma_continuous(self, i: Tensor) -> Tensor:
        """Noise levels for indices in [0, 1]: 0 is sigma_min, 1 is sigma_max. Any shape."""
        low, high = self._ends()
        return (low + i * (high - low)) ** self.config.rho

    def get_step_schedule(self, iteration: int, total_iters: int | None = None) -> float:
        """Distance of the two indices that training compares, after `iteration` of `total_iters` steps."""
        config = self.config
        total = total_iters or config.total_iters
        if config.schedule == "constant" or total is None:
            return float(config.base_step**config.end_exp)
        exponent = config.start_exp + (config.end_exp - config.start_exp) * iteration / total
        return float(config.base_step**exponent)

    def get_step_continuous(self, inds: Tensor, step: float) -> Tensor:
        """Indices in [0, 1], lowered by `step` but not below 0. Any shape."""
        return (inds - step).clamp_min(0.0)

    def get_loss_weight(self, sigma_plus_one: Tensor, sigma: Tensor) -> Tensor:
        """Weights of the loss for pairs of noise levels: the inverse of their difference. Any shape."""
        return 1.0 / (sigma_plus_one - sigma)

    def get_sampling_weights(self, k: int, device: str | torch.device = "cpu") -> Tensor:
        """Densities `(k - 1,)` of the first `k - 1` of `k` levels, lognormal, by which training draws them."""
        levels = self.get_sigma_continuous(torch.arange(k - 1, device=device) / (k - 1))
        config = self.config
        deviation = (levels.log() - config.p_mean) / config.p_std
        return torch.exp(-0.5 * deviation**2) / (config.p_std * math.sqrt(2.0 * math.pi))

    def add_noise(self, x: Tensor, noise: Tensor, sigma: Tensor) -> Tensor:
        """A representation `(B, 2, F, S)` plus unit-variance noise scaled to the noise levels `sigma`, `(B,)`."""
        return x + sigma.reshape(-1, 1, 1, 1) * noise

    def reverse_step(self, x: Tensor, noise: Tensor, sigma: float) -> Tensor:
        """The input `(B, 2, F, S)` of the next sampling step: a clean representation plus noise of level `sigma`."""
        return x + (sigma**2 - self.config.sigma_min**2) ** 0.5 * noise

    def reverse_diffusion(self, denoiser: UNet, initial_noise: Tensor, diffusion_steps: int, latents: Tensor) -> Tensor:
        """`sample` with the arguments of the reference package.

        Args:
            initial_noise: `(B, 2, F, S)`, of standard deviation sigma_max; torch's generator draws the rest.
            diffusion_steps: number of model evaluations.
            latents: `(B, D, T)`, without the scale factor.

        Returns:
            The representation `(B, 2, F, S)`, with gradients as for `Autoencoder.decode`.
        """
        first = initial_noise / denoiser.config.sigma_max
        # As in the reference, one more is drawn than is used.
        noises = [first, *(torch.randn_like(first) for _ in range(diffusion_steps))][:diffusion_steps]
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.enable_grad_denoise):
            return sample(denoiser, self, latents, noises)

    def _ends(self) -> tuple[float, float]:
        return self.config.sigma_min ** (1.0 / self.config.rho), self.config.sigma_max ** (1.0 / self.config.rho)


def sample(unet: UNet, diffusion: Diffusion, latents: Tensor, noises: Sequence[Tensor]) -> Tensor:
    """Decode latents.

    Args:
        latents: `(B, D, T)`, without the scale factor.
        noises: unit-variance noise `(B, 2, F, S)` for each model evaluation; after each but the last, noise of the next
            lower level is added.

    Returns:
        The representation `(B, 2, F, S)`.
    """
    steps = len(noises)
    pyramid = unet.decoder(latents)
    noisy = noises[0] * unet.config.sigma_max
    clean = noisy
    for step in range(steps):
        sigma = diffusion.get_sigma(steps + 1 - step, steps + 1)
        clean = unet.denoise(pyramid, noisy, torch.full((len(noisy),), sigma, device=noisy.device))
        if step + 1 < steps:
            noisy = diffusion.reverse_step(clean, noises[step + 1], diffusion.get_sigma(steps - step, steps + 1))
    return clean
