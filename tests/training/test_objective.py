"""The mathematics of consistency training, against its definitions."""

from __future__ import annotations

import math

import pytest
import torch

from lincae_studio.codecs.lincae.config import DiffusionConfig
from lincae_studio.codecs.lincae.unet import UNet
from lincae_studio.training.objective import (
    NoiseLevels,
    consistency_loss,
    loss_weight,
    pseudo_huber,
    sigma_at,
    step_size,
)
from tests.codecs.lincae.models import randomise
from tests.training.recipes import tiny_recipe

PAPER = DiffusionConfig(start_exp=1.0, end_exp=2.0)


def tiny_unet() -> UNet:
    torch.manual_seed(0)
    unet = UNet(tiny_recipe().generator)
    randomise(unet)
    return unet


def test_at_the_lowest_noise_level_the_model_is_the_identity() -> None:
    unet = tiny_unet()
    x = torch.randn(2, 2, 64, 8)
    pyramid = unet.decoder(torch.randn(2, 16, 8))
    lowest = torch.full((2,), unet.config.sigma_min)
    assert torch.equal(unet.denoise(pyramid, x, lowest), x)
    assert not torch.allclose(unet.denoise(pyramid, x, lowest * 100), x, atol=1e-2)


def test_noise_levels_run_from_lowest_to_highest() -> None:
    levels = sigma_at(PAPER, torch.linspace(0, 1, 50, dtype=torch.float64))
    assert float(levels[0]) == pytest.approx(0.002)
    assert float(levels[-1]) == pytest.approx(80.0)
    assert (levels.diff() > 0).all()
    # The 7th roots are equally spaced (Karras et al. 2022, eq. 5).
    roots = levels ** (1 / 7)
    assert roots.diff().std() < 1e-12


@pytest.mark.parametrize(("progress", "step"), [(0.0, 0.1), (0.5, 0.1**1.5), (1.0, 0.01), (1.2, 0.01)])
def test_the_step_shrinks_as_its_exponent_grows(progress: float, step: float) -> None:
    assert step_size(PAPER, progress) == pytest.approx(step)


def test_teacher_is_a_step_lower_and_never_below_the_lowest_level() -> None:
    levels = NoiseLevels(PAPER)
    sigma, sigma_step = levels.pair(torch.tensor([0.05, 0.5, 1.0]), 0.1)
    assert sigma_step.tolist() == pytest.approx(sigma_at(PAPER, torch.tensor([0.0, 0.4, 0.9])).tolist())
    assert (sigma > sigma_step).all()


def test_levels_are_drawn_by_a_normal_density_of_their_logarithm() -> None:
    levels = NoiseLevels(PAPER)
    index = levels.draw(200_000, torch.Generator().manual_seed(0)).double()
    assert 0.0 <= float(index.min()) <= float(index.max()) <= 1.0
    # The density over the index is N(log sigma; p_mean, p_std), normalised: its mean, integrated here.
    grid = torch.linspace(0, 1, 100_001, dtype=torch.float64)
    density = torch.exp(-0.5 * ((sigma_at(PAPER, grid).log() - PAPER.p_mean) / PAPER.p_std) ** 2)
    density /= density.sum()
    mean = float((density * grid).sum())
    deviation = math.sqrt(float((density * (grid - mean) ** 2).sum()))
    assert float(index.mean()) == pytest.approx(mean, abs=4 * deviation / math.sqrt(200_000))
    assert float(index.std()) == pytest.approx(deviation, rel=0.01)


def test_weights_are_the_inverse_of_the_step() -> None:
    weights = loss_weight(torch.tensor([3.0, 0.5]), torch.tensor([1.0, 0.25]))
    assert weights.tolist() == pytest.approx([0.5, 4.0])
    assert torch.isfinite(loss_weight(torch.tensor([0.002]), torch.tensor([0.002]))).all()


def test_pseudo_huber_is_a_root_of_squares_per_item() -> None:
    x, y = torch.zeros(2, 2, 3, 4), torch.zeros(2, 2, 3, 4)
    y[1] += 2.0
    c = 0.00054 * math.sqrt(24)
    assert pseudo_huber(x, y).tolist() == pytest.approx([0.0, math.sqrt(24 * 4 + c**2) - c], abs=1e-6)


def test_teacher_and_student_of_one_level_agree() -> None:
    unet = tiny_unet()
    clean, noise, latents = torch.randn(2, 2, 64, 8), torch.randn(2, 2, 64, 8), torch.randn(2, 16, 8)
    sigma = torch.tensor([0.5, 5.0])
    assert consistency_loss(unet, clean, latents, noise, sigma, sigma).item() == 0.0


def test_no_gradient_flows_through_the_teacher() -> None:
    """With the teacher at the lowest level its output is its input: the loss is a regression to that."""
    unet = tiny_unet()
    clean, noise, latents = torch.randn(2, 2, 64, 8), torch.randn(2, 2, 64, 8), torch.randn(2, 16, 8)
    sigma, lowest = torch.tensor([0.5, 5.0]), torch.full((2,), unet.config.sigma_min)
    consistency_loss(unet, clean, latents, noise, sigma, lowest).backward()
    found = [None if p.grad is None else p.grad.clone() for p in unet.parameters()]
    unet.zero_grad()
    estimate = unet.denoise(unet.decoder(latents), clean + sigma[:, None, None, None] * noise, sigma)
    target = clean + unet.config.sigma_min * noise
    (loss_weight(sigma, lowest) * pseudo_huber(estimate, target)).mean().backward()
    for gradient, parameter in zip(found, unet.parameters(), strict=True):
        if parameter.grad is not None:
            torch.testing.assert_close(gradient, parameter.grad)
