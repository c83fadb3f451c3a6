"""Models trained here can be loaded by `linear-cae`, and are trained by its formulas."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from lincae_studio.codecs.lincae.config import DiffusionConfig
from lincae_studio.codecs.lincae.pretrained import save_official
from lincae_studio.codecs.lincae.public import official_names
from lincae_studio.training.lincae import LinCaeTraining
from lincae_studio.training.objective import loss_weight, sigma_at, step_size
from lincae_studio.training.recipe import LinCaeRecipe
from tests.codecs.lincae.models import randomise
from tests.parity.reference import load_reference
from tests.training.recipes import tiny_recipe

linear_cae = load_reference()
Diffusion = load_reference("linear_cae.components.diffusion").Diffusion


def test_an_official_export_decodes_identically(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = LinCaeTraining(tiny_recipe())
    randomise(module.ema.net)
    ours = module.autoencoder(scale_factor=7.0)
    ours.precision = "fp32"
    save_official(ours, tmp_path)
    weights, *tables = (tmp_path / name for name in official_names("last"))
    frontend, generator, diffusion = (yaml.safe_load(path.read_text()) for path in tables)
    theirs = linear_cae.Autoencoder(frontend, generator, diffusion, scale_factor=7.0)
    theirs.load_state_dict(torch.load(weights, weights_only=True))
    theirs.eval()

    audio = 0.2 * torch.randn(1, 4000, generator=torch.Generator().manual_seed(1))
    latents = ours.encode(audio)
    torch.testing.assert_close(latents, theirs.encode(audio), rtol=1e-4, atol=1e-5)
    noise = torch.randn(1, 2, 64, latents.shape[-1], generator=torch.Generator().manual_seed(2))
    monkeypatch.setattr(torch, "randn", lambda *_, **__: noise.clone())
    torch.testing.assert_close(ours.decode(latents, noise=noise), theirs.decode(latents), rtol=1e-3, atol=1e-5)


def test_schedule_and_weights_are_the_references() -> None:
    recipe = LinCaeRecipe()
    options = {name: getattr(recipe.diffusion, name) for name in DiffusionConfig.__struct_fields__}
    theirs = Diffusion(**options)
    index = torch.linspace(0.0, 1.0, 101, dtype=torch.float64)
    sigma = sigma_at(recipe.diffusion, index)
    torch.testing.assert_close(sigma, theirs.get_sigma_continuous(index))
    for done in (0, 123_456, 800_000):
        step = step_size(recipe.diffusion, done / recipe.steps)
        assert step == pytest.approx(theirs.get_step_schedule(done, recipe.steps))
        below = sigma_at(recipe.diffusion, theirs.get_step_continuous(index[20:], step))
        ours, expected = loss_weight(sigma[20:], below), theirs.get_loss_weight(sigma[20:], below)
        np.testing.assert_allclose(ours, expected)
