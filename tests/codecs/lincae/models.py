"""Small autoencoders with random weights: real architecture, a second to build and run."""

from __future__ import annotations

from typing import Any

import torch

from lincae_studio.codecs.lincae.autoencoder import Autoencoder

FRONTEND: dict[str, Any] = {"hop_size": 512, "n_fft_factor": 4, "alpha_rescale": 0.65, "beta_rescale": 0.34}

#: The public layout with narrow channels, and one with other widths, levels, embedding and frequency layout.
NARROW: dict[str, Any] = {"hop": 512, "base_channels": 8, "bottleneck_base_channels": 32, "cond_channels": 16}
OTHER: dict[str, Any] = {
    "hop": 512,
    "base_channels": 8,
    "multipliers_list": [1, 2, 3],
    "layers_list": [1, 2, 1],
    "attention_list": [0, 0, 1],
    "layers_list_encoder": [1, 1, 2],
    "attention_list_encoder": [0, 0, 1],
    "freq_downsample_list": [0, 1],
    "bottleneck_base_channels": 48,
    "bottleneck_channels": 24,
    "num_bottleneck_layers": 2,
    "cond_channels": 32,
    "heads": 2,
    "use_fourier": True,
    "pre_normalize_2d_to_1d": False,
}

#: A few thousand weights at a hop of 32 samples, for what depends on no size.
TINY_FRONTEND: dict[str, Any] = {**FRONTEND, "hop_size": 32}
TINY: dict[str, Any] = {
    "hop": 32,
    "base_channels": 4,
    "multipliers_list": [1, 2],
    "layers_list": [1, 1],
    "attention_list": [0, 1],
    "layers_list_encoder": [1, 1],
    "attention_list_encoder": [0, 1],
    "freq_downsample_list": [0],
    "bottleneck_base_channels": 16,
    "bottleneck_channels": 8,
    "num_bottleneck_layers": 1,
    "cond_channels": 16,
}


def randomise(model: torch.nn.Module, seed: int = 0) -> None:
    """Weights that let every branch be heard: nothing is left at its zero initialisation."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                scale = parameter[0].numel() ** -0.5
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * scale)
            elif parameter.requires_grad:
                parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.1)


def small_model(
    options: dict[str, Any] | None = None, seed: int = 0, frontend: dict[str, Any] | None = None, **keywords: Any
) -> Autoencoder:
    """A randomised model in fp32; `frontend` has options besides the public ones."""
    torch.manual_seed(seed)
    model = Autoencoder(
        {**FRONTEND, **(frontend or {})},
        dict(options or NARROW),
        {},
        **{"precision": "fp32", "scale_factor": 33.0, **keywords},
    )
    randomise(model.generator, seed)
    return model


def tiny_model(seed: int = 0, **keywords: Any) -> Autoencoder:
    """A randomised model with the options `TINY`, at a hop of 32 samples."""
    torch.manual_seed(seed)
    model = Autoencoder(TINY_FRONTEND, TINY, {}, **{"scale_factor": 33.0, **keywords})
    randomise(model.generator, seed)
    return model


def audio(samples: int, batch: int = 1, seed: int = 1) -> torch.Tensor:
    """Noise `(batch, samples)` with a silent stretch at its start."""
    x = torch.randn(batch, samples, generator=torch.Generator().manual_seed(seed)) * 0.2
    x[:, :700] = 0.0
    return x
