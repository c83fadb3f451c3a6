"""A recipe that trains in milliseconds: real architecture, tiny in every direction."""

from __future__ import annotations

from typing import Any

from lincae_studio.training.recipe import LinCaeRecipe

TINY: dict[str, Any] = {
    "sample_rate": 8_000,
    "hop": 32,
    "beta": 1.0,
    "frames": 8,
    "base_channels": 8,
    "multipliers": (1, 1, 2),
    "blocks": 1,
    "attention": (0, 0, 1),
    "freq_downsample": (1, 1),
    "bottleneck_channels": 16,
    "bottleneck_blocks": 1,
    "latent_channels": 16,
    "cond_channels": 16,
    "sigma_max": 10.0,
    "p_mean": 3.0,
    "p_std": 1.0,
    "start_exp": 0.0,
    "end_exp": 0.2,
    "level_min": 0.1,
    "steps": 8,
    "batch": 2,
    "lr": 2e-3,
    "final_lr": 1e-5,
    "warmup": 2,
    "ema_decay": 0.9,
    "ema_every": 2,
    "synth_minutes": 0.3,
}


def tiny_recipe(**changes: Any) -> LinCaeRecipe:
    return LinCaeRecipe(**{**TINY, **changes})
