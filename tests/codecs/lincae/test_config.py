"""Options of models: values out of range are refused by name, others build and run."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from lincae_studio.codecs.lincae.autoencoder import Autoencoder
from lincae_studio.codecs.lincae.config import DiffusionConfig, FrontendConfig, GeneratorConfig, parse_config
from lincae_studio.errors import CodecError
from tests.codecs.lincae.models import FRONTEND, NARROW, audio, small_model

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("hop_size", 0),
        ("hop_size", 10**9),
        ("n_fft_factor", 3),
        ("n_fft_factor", 8),
        ("alpha_rescale", 0.0),
        ("alpha_rescale", 1.5),
        ("alpha_rescale", NAN),
        ("beta_rescale", 0.0),
        ("beta_rescale", INF),
        ("sample_rate", 0),
    ],
)
def test_frontend_options_have_ranges(option: str, value: Any) -> None:
    with pytest.raises(CodecError, match=option):
        parse_config({**FRONTEND, option: value}, NARROW, {})


@pytest.mark.parametrize(
    ("option", "value", "named"),
    [
        ("bottleneck_layers", "dynamic", ""),
        ("no_such_option", 1, ""),
        ("base_channels", "many", ""),
        ("base_channels", -8, ""),
        ("base_channels", 10**15, ""),
        ("base_channels", 9, r"multipliers_list\[0\] is 9"),
        ("layers_list", [1, 1], ""),
        ("layers_list", [0, 1, 1, 1, 1], ""),
        ("layers_list_encoder", [10**6, 1, 1, 1, 1], ""),
        ("multipliers_list", [1] * 20, ""),
        ("multipliers_list", [], ""),
        ("multipliers_list", [1, 2, 4, 4, 0], ""),
        ("attention_list", [0, 0, 1, 1, 2], ""),
        ("freq_downsample_list", [1, 0, 0, 2], ""),
        ("freq_downsample_list", [1, 1, 1, 1, 1], ""),
        ("heads", 0, ""),
        ("heads", 3, r"attention_list\[2\].*3 heads"),
        ("bottleneck_base_channels", 2, ""),
        ("bottleneck_base_channels", 200, ""),
        ("bottleneck_channels", 0, ""),
        ("num_bottleneck_layers", -1, ""),
        ("data_channels", 1, ""),
        ("data_channels", 4, ""),
        ("cond_channels", 2, ""),
        ("cond_channels", 17, ""),
        ("fourier_scale", NAN, ""),
        ("dropout_rate", 5, ""),
        ("min_res_dropout", -1, ""),
        ("sigma_min", 0.0, ""),
        ("sigma_max", 0.001, ""),
        ("sigma_data", NAN, ""),
        ("padding_mode", "mirror", ""),
        ("hop", 256, ""),
    ],
)
def test_generator_options_have_ranges(option: str, value: Any, named: str) -> None:
    with pytest.raises(CodecError, match=named or option):
        parse_config(FRONTEND, {**NARROW, option: value}, {})


@pytest.mark.parametrize(
    ("option", "value"),
    [("sigma_min", 100.0), ("sigma_max", INF), ("rho", 0.0), ("rho", 1e-3), ("p_std", NAN), ("total_iters", 0)],
)
def test_diffusion_options_have_ranges(option: str, value: Any) -> None:
    with pytest.raises(CodecError, match=option):
        parse_config(FRONTEND, NARROW, {option: value})


def test_bins_that_cannot_be_divided_are_refused() -> None:
    with pytest.raises(CodecError, match="divisible by 32"):
        parse_config({"hop_size": 8}, {**NARROW, "hop": 8}, {})


def test_options_built_in_python_are_checked_too() -> None:
    with pytest.raises(CodecError, match="hop_size"):
        Autoencoder(FrontendConfig(hop_size=0), GeneratorConfig(), DiffusionConfig())


@pytest.mark.parametrize(
    ("frontend", "options"),
    [
        ({"alpha_rescale": 0.05, "beta_rescale": 100.0}, {}),
        ({"alpha_rescale": 1.0, "beta_rescale": 1e-3}, {}),
        ({}, {"cond_channels": 4}),
        ({}, {"num_bottleneck_layers": 0, "bottleneck_channels": 1, "bottleneck_base_channels": 4}),
        ({"hop_size": 16}, {"hop": 16}),
        ({}, {"sigma_min": 1e-6, "sigma_max": 1e6, "sigma_data": 1e-6}),
        (
            {},
            {
                "multipliers_list": [1],
                "layers_list": [1],
                "attention_list": [1],
                "layers_list_encoder": [1],
                "attention_list_encoder": [1],
                "freq_downsample_list": [],
                "hop": 64,
                "base_channels": 4,
                "normalization": False,
            },
        ),
    ],
)
def test_the_ends_of_the_ranges_work(frontend: dict[str, Any], options: dict[str, Any]) -> None:
    hop = options.get("hop", 512)
    model = small_model({**NARROW, **options}, frontend={"hop_size": hop, **frontend})
    latents = model.encode(audio(max(4 * hop, 800)))
    assert torch.isfinite(latents).all()
    assert torch.isfinite(model.frontend.to_waveform(model.frontend.to_representation(audio(4 * hop)))).all()
    if frontend.get("alpha_rescale", 1.0) > 0.1:  # the inverse of small exponents makes anything of random weights
        assert torch.isfinite(model.decode(latents)).all()
