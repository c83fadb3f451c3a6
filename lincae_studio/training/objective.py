"""Consistency training (Song and Dhariwal, "Improved Techniques for Training Consistency Models", 2023).

A noise level is an index in [0, 1] on the schedule of Karras et al. 2022, eq. 5. The student denoises at an index drawn
from a log-normal density, the teacher, which is the same network without gradient, a step lower, with the same noise
and latents; the student learns to agree. Letters as in the codec: B batch, F bins, S STFT frames, D, T latents.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from lincae_studio.codecs.lincae.config import DiffusionConfig
from lincae_studio.codecs.lincae.unet import UNet

#: Points at which the density of noise levels is tabulated.
_TABLE = 10_000


def step_size(config: DiffusionConfig, progress: float) -> float:
    """Distance between teacher and student in index, at a share of the training: `base_step**exponent`."""
    exponent = config.start_exp + (config.end_exp - config.start_exp) * min(progress, 1.0)
    return float(config.base_step**exponent)


def sigma_at(config: DiffusionConfig, index: Tensor) -> Tensor:
    """Noise level of an index: sigma_min at 0, sigma_max at 1."""
    low, high = config.sigma_min ** (1.0 / config.rho), config.sigma_max ** (1.0 / config.rho)
    return (low + index * (high - low)) ** config.rho


def loss_weight(sigma: Tensor, sigma_step: Tensor) -> Tensor:
    """1 / (sigma - sigma_step), since smaller steps give smaller differences."""
    return 1.0 / (sigma - sigma_step).clamp_min(torch.finfo(sigma.dtype).eps)


def pseudo_huber(x: Tensor, y: Tensor) -> Tensor:
    """`(B,)`: `sqrt(|x - y|**2 + c**2) - c` with c = 0.00054 sqrt(n), n values per item (section 3.3)."""
    difference = (x.float() - y.float()).flatten(start_dim=1)
    c = 0.00054 * math.sqrt(difference.shape[1])
    return (difference.square().sum(dim=1) + c**2).sqrt() - c


class NoiseLevels(torch.nn.Module):
    """Draws indices whose log noise level has a normal density along the schedule (section 3.5, m2l's form).

    The table is a buffer that is not saved: it follows from the configuration.
    """

    cumulative: Tensor

    def __init__(self, config: DiffusionConfig) -> None:
        super().__init__()
        self.config = config
        index = torch.arange(_TABLE - 1, dtype=torch.float64) / (_TABLE - 1)
        log_sigma = torch.log(sigma_at(config, index))
        density = torch.exp(-0.5 * ((log_sigma - config.p_mean) / config.p_std) ** 2)
        cumulative = (density / density.sum()).cumsum(0).float()
        self.register_buffer("cumulative", cumulative, persistent=False)

    def draw(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """`(count,)` indices in [0, 1]: a cell of the table drawn by density, and a position in the cell."""
        device = self.cumulative.device
        cell = torch.searchsorted(self.cumulative, torch.rand(count, device=device, generator=generator))
        place = torch.rand(count, device=device, generator=generator)
        return (cell.clamp_max(_TABLE - 2) + place) / (_TABLE - 1)

    def pair(self, index: Tensor, step: float) -> tuple[Tensor, Tensor]:
        """Noise levels of student and teacher, `(B,)` each."""
        return sigma_at(self.config, index), sigma_at(self.config, (index - step).clamp_min(0.0))


def consistency_loss(
    unet: UNet, clean: Tensor, latents: Tensor, noise: Tensor, sigma: Tensor, sigma_step: Tensor
) -> Tensor:
    """The loss of one batch.

    Args:
        clean: representation `(B, 2, F, S)`.
        latents: `(B, D, T)` that represent it.
        noise: `(B, 2, F, S)` of unit variance, shared by teacher and student.
        sigma, sigma_step: `(B,)` noise levels of student and teacher.
    """
    pyramid = unet.decoder(latents)
    # Detached rather than run without gradients, so that the arithmetic is the same as the student's to the bit.
    target = unet.denoise(pyramid, clean + sigma_step[:, None, None, None] * noise, sigma_step).detach()
    estimate = unet.denoise(pyramid, clean + sigma[:, None, None, None] * noise, sigma)
    return (loss_weight(sigma, sigma_step) * pseudo_huber(estimate, target)).mean()
