"""Training a linear codec: torch agrees with numpy, it learns, and its export is a codec."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from lincae_studio.codecs.computation import AUTO
from lincae_studio.codecs.linear.codec import load_codec
from lincae_studio.codecs.linear.folder import save_folder
from lincae_studio.evaluation.metrics import mr_stft as exact_mr_stft
from lincae_studio.training import callbacks, export as export_module
from lincae_studio.training.linear import LinearTraining, mixing_loss
from lincae_studio.training.linear_net import LinearNet
from lincae_studio.training.recipe import LinearRecipe, Run
from lincae_studio.training.run import begin, read_run, train
from lincae_studio.training.spectral import mr_stft
from tests.helpers import noise

TINY: dict[str, Any] = {
    "sample_rate": 8_000,
    "hop": 64,
    "exact": 6,
    "sketched": 4,
    "width": 16,
    "blocks": 2,
    "kernel": 3,
    "pairs": 8,
    "level_frames": 5,
    "frames": 40,
    "level_min": 0.1,
    "steps": 6,
    "batch": 2,
    "lr": 3e-3,
    "warmup": 2,
    "ema_decay": 0.9,
    "ema_every": 2,
    "synth_minutes": 0.3,
}


def tiny(**changes: Any) -> LinearRecipe:
    return LinearRecipe(**{**TINY, **changes})


def audio_of(recipe: LinearRecipe, count: int = 2) -> torch.Tensor:
    return torch.from_numpy(noise(3, count * recipe.window_samples)[:, 0]).reshape(count, -1)


@pytest.mark.parametrize("blocks", [0, 2])
def test_the_exported_codec_computes_what_was_trained(tmp_path: Path, blocks: int) -> None:
    torch.manual_seed(0)
    recipe = tiny(blocks=blocks)
    net = LinearNet(recipe.config)
    if blocks:
        nn.init.normal_(net.levels.weight, std=0.3)
        nn.init.normal_(net.levels.bias)
    audio = audio_of(recipe)
    audio[1, 1000:2000] = 0.0  # frames without a level
    folder = save_folder(tmp_path, recipe.config, net.weights(), title="tiny")
    codec = load_codec(folder, "tiny", AUTO)
    with torch.no_grad():
        latents = net.encode(audio)
        decoded = net.decode(latents).numpy()
    ours = codec.encode(audio.numpy())
    np.testing.assert_allclose(ours, latents.numpy().transpose(0, 2, 1), atol=1e-6)
    np.testing.assert_allclose(codec.decode(ours), decoded, atol=1e-5 * np.abs(decoded).max())


def test_the_distance_is_that_of_evaluations() -> None:
    ours, theirs = noise(1, 6000)[:, 0], noise(2, 6000)[:, 0] * 0.5
    distance = mr_stft(torch.from_numpy(ours)[None], torch.from_numpy(theirs)[None])
    assert float(distance) == pytest.approx(exact_mr_stft(ours, theirs), rel=1e-4)


def test_silence_has_gradients_that_are_numbers() -> None:
    recipe = tiny()
    module = LinearTraining(recipe)
    nn.init.normal_(module.linear.levels.weight, std=0.3)
    audio = audio_of(recipe)
    audio[:, : recipe.window_samples // 2] = 0.0
    module.training_step(audio, 0).backward()
    for name, value in module.linear.named_parameters():
        assert value.grad is not None, name
        assert bool(value.grad.isfinite().all()), name


@pytest.mark.slow
def test_the_loss_falls_when_windows_are_learnt_by_heart() -> None:
    recipe = tiny()
    module = LinearTraining(recipe)
    audio = audio_of(recipe)
    optimiser = torch.optim.Adam(module.linear.parameters(), 3e-3)
    distances = []
    for _ in range(80):
        loss = module.training_step(audio, 0)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        distances.append(float(module.seen["mr_stft"]))
    assert distances[-1] < 0.8 * distances[0]


def test_the_error_of_additivity_is_pressed_below_its_limit() -> None:
    """A network that has been disturbed becomes more additive, if that is asked for, and not otherwise."""
    ratios = {}
    for weight in (0.0, 1.0):
        recipe = tiny(additivity_weight=weight, additivity_db=60.0, waveform_weight=0.0)
        module = LinearTraining(recipe)
        torch.manual_seed(0)
        nn.init.normal_(module.linear.levels.weight, std=0.3)
        audio = audio_of(recipe)
        optimiser = torch.optim.Adam(module.linear.parameters(), 3e-3)
        for _ in range(25):
            loss = module.training_step(audio, 0)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        ratios[weight] = float(module.seen["additivity_db"])
    assert ratios[1.0] > ratios[0.0] + 3.0


def test_each_sum_has_to_be_additive_not_only_the_mean() -> None:
    recipe = tiny(batch=2, additivity_weight=1.0, additivity_db=28.0)
    module = LinearTraining(recipe)
    audio, gains = audio_of(recipe), torch.ones(2, 1)
    truth = torch.cat([audio, audio + audio.roll(1, 0)])
    decoded = truth.clone()
    decoded[2] *= 1.1
    loss = mixing_loss(module, decoded, truth, gains, recipe.margin)
    unlimited = mixing_loss(LinearTraining(tiny(additivity_weight=0.0)), decoded, truth, gains, recipe.margin)
    assert float(module.seen["additivity_db"]) > 28.0
    assert float(loss - unlimited) == pytest.approx((28.0 - 20.0 * np.log10(11.0)) / 2.0, abs=0.01)


def test_a_run_is_resumed_bit_for_bit_and_exports_a_codec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_module, "GROUPS", 1)
    monkeypatch.setattr("lincae_studio.codecs.linear.folder._STEP_S", 0.5)
    monkeypatch.setattr(callbacks, "SAMPLE_AT", (0.5,))
    monkeypatch.setattr(callbacks, "SAMPLE_SECONDS", 0.5)
    run = Run(preset="linear-15x", recipe=tiny(), data=["synth"])
    begin(tmp_path / "whole", run)
    whole, evaluation = train(tmp_path / "whole", run)
    begin(tmp_path / "parts", run)
    train(tmp_path / "parts", run, max_steps=3, measure=False)
    assert read_run(tmp_path / "parts") == run
    parts, _ = train(tmp_path / "parts", read_run(tmp_path / "parts"))
    for name, value in whole.state_dict().items():
        assert torch.equal(value, parts.state_dict()[name]), name
    assert evaluation is not None
    assert evaluation.figures["encoder_additivity"] < 1e-6
    assert evaluation.figures["decoder_homogeneity_db"] > 110.0
    card = (tmp_path / "whole" / "codec" / "README.md").read_text()
    assert "6.4 samples per latent value" in card
    assert "Scale factor" not in card
    assert not (tmp_path / "whole" / "official").exists()
