"""Consistency sampling: from noise to a representation in one step or a few (Song et al. 2023, algorithm 1)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from lincae_studio.codecs.lincae.config import DiffusionConfig
from lincae_studio.codecs.lincae.unet import UNet


def noise_level(config: DiffusionConfig, index: int, count: int) -> float:
    """Level `index` of `count` (1 is sigma_min, `count` is sigma_max) on the schedule of Karras et al. 2022, eq. 5."""
    low, high = config.sigma_min ** (1.0 / config.rho), config.sigma_max ** (1.0 / config.rho)
    return float((low + (index - 1) / (count - 1) * (high - low)) ** config.rho)


def sample(
    unet: UNet, config: DiffusionConfig, latents: Tensor, noise: Callable[[int], Tensor], steps: int = 1
) -> Tensor:
    """Decode latents.

    Args:
        latents: `(B, D, T)`, without the scale factor.
        noise: returns unit-variance noise `(B, 2, F, S)` for a step number.
        steps: number of model evaluations; after each but the last, noise of the next lower level is added.

    Returns:
        The representation `(B, 2, F, S)`.
    """
    pyramid = unet.decoder(latents)
    noisy = noise(0) * unet.config.sigma_max
    clean = noisy
    for step in range(steps):
        sigma = noise_level(config, steps + 1 - step, steps + 1)
        clean = unet.denoise(pyramid, noisy, torch.full((len(noisy),), sigma, device=noisy.device))
        if step + 1 < steps:
            following = noise_level(config, steps - step, steps + 1)
            noisy = clean + (following**2 - config.sigma_min**2) ** 0.5 * noise(step + 1)
    return clean
