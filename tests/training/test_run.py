"""A run: it learns, stops, resumes bit for bit, and exports a codec that loads."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from lincae_studio.codecs.lincae.autoencoder import Autoencoder
from lincae_studio.errors import StudioError, UsageError
from lincae_studio.training import callbacks
from lincae_studio.training import export as export_module
from lincae_studio.training.module import LinCaeTraining, learning_rate
from lincae_studio.training.recipe import Run
from lincae_studio.training.run import CHECKPOINT_NAME, begin, read_run, train
from tests.helpers import noise, write_audio
from tests.training.recipes import tiny_recipe


@pytest.fixture(autouse=True)
def _few_figures_and_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_module, "GROUPS", 1)
    monkeypatch.setattr("lincae_studio.codecs.lincae.folder._STEP_S", 0.3)
    monkeypatch.setattr(callbacks, "SAMPLE_AT", (0.5,))
    monkeypatch.setattr(callbacks, "SAMPLE_SECONDS", 0.3)


def begun(folder: Path, data: str = "synth", **changes: Any) -> tuple[Path, Run]:
    run = Run(preset="mini", recipe=tiny_recipe(**changes), data=[data])
    begin(folder, run)
    return folder, run


def state(module: LinCaeTraining) -> dict[str, torch.Tensor]:
    return module.state_dict()


@pytest.mark.slow
def test_the_loss_falls_when_two_windows_are_learnt_by_heart() -> None:
    """The same step again and again: same windows, gains and noise."""
    recipe = tiny_recipe(batch=2, lr=3e-3)
    module = LinCaeTraining(recipe)
    audio = torch.sin(torch.arange(recipe.window_samples) * torch.tensor([[0.2], [0.31]])) * 0.5
    optimiser = torch.optim.Adam(module.unet.parameters(), 3e-3)
    losses = []
    for _ in range(60):
        loss = module.training_step(audio, 0)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize("linearity", ["implicit", "augmentation"])
@pytest.mark.slow
def test_a_run_that_is_resumed_equals_one_that_was_not_bit_for_bit(tmp_path: Path, linearity: str) -> None:
    folder, run = begun(tmp_path / "whole", linearity=linearity)
    whole, _ = train(folder, run)
    folder, run = begun(tmp_path / "parts", linearity=linearity)
    train(folder, run, max_steps=3)
    parts, _ = train(folder, read_run(folder))
    assert state(whole).keys() == state(parts).keys()
    for name, value in state(whole).items():
        assert torch.equal(value, state(parts)[name]), name
    first, second = (
        torch.load(path / CHECKPOINT_NAME, weights_only=False) for path in (tmp_path / "whole", tmp_path / "parts")
    )
    assert first["global_step"] == second["global_step"] == 8
    for ours, theirs in zip(*(c["optimizer_states"][0]["state"].values() for c in (first, second)), strict=True):
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.slow
def test_the_export_is_the_average_and_has_a_card(tmp_path: Path) -> None:
    folder, run = begun(tmp_path / "run")
    module, evaluation = train(folder, run)
    ours = Autoencoder.from_pretrained(folder / "codec", precision="fp32")
    for name, value in module.ema.net.state_dict().items():
        assert torch.equal(ours.generator.state_dict()[name], value), name
    official = Autoencoder.from_pretrained(folder / "official", precision="fp32", scale_factor=ours.scale_factor)
    audio = torch.from_numpy(noise(1, 4000)[:, 0])[None]
    assert torch.equal(ours.decode(ours.encode(audio)), official.decode(official.encode(audio)))
    metrics = json.loads((folder / "codec" / "metrics.json").read_text())
    assert metrics["steps"] == 8
    assert evaluation is not None
    assert evaluation.figures["si_sdr_db"] == pytest.approx(metrics["si_sdr_db"])
    assert metrics["latent_std"] == pytest.approx(1.0, rel=1e-3)
    card = (folder / "codec" / "README.md").read_text()
    assert "8 of 8 steps" in card
    assert "synth" in card
    assert "SI-SDR" in card
    assert len(list((folder / "samples").glob("step-0000004-*.wav"))) == 4
    curves = EventAccumulator(str(folder / "tensorboard"))
    curves.Reload()
    assert {"loss", "learning_rate", "si_sdr_db", "windows_per_s"} <= set(curves.Tags()["scalars"])
    assert {"original/0", "decoded/3"} <= set(curves.Tags()["audio"])


@pytest.mark.slow
def test_a_budget_stops_a_run_that_can_be_resumed(tmp_path: Path) -> None:
    folder, run = begun(tmp_path / "run")
    train(folder, run, max_time_s=1e-3)
    stopped = torch.load(folder / CHECKPOINT_NAME, weights_only=False)["global_step"]
    assert stopped < 8
    train(folder, run, max_time_s=600.0)  # the time of the first piece does not count
    assert torch.load(folder / CHECKPOINT_NAME, weights_only=False)["global_step"] == 8


def test_it_learns_from_folders_too(tmp_path: Path) -> None:
    write_audio(tmp_path / "audio" / "a.wav", noise(1, 40_000), 8_000)
    folder, run = begun(tmp_path / "run", data=str(tmp_path / "audio"), steps=2)
    train(folder, run)
    assert "windows of the training data" in (folder / "codec" / "README.md").read_text()
    assert not (folder / "songs.npy").exists()


def test_a_nan_loss_ends_the_run(tmp_path: Path) -> None:
    folder, run = begun(tmp_path / "run", lr=1e30, steps=20)
    with pytest.raises(StudioError, match="NaN or infinite"):
        train(folder, run)


def test_a_folder_contains_one_run(tmp_path: Path) -> None:
    folder, run = begun(tmp_path / "run")
    with pytest.raises(UsageError, match="--resume"):
        begin(folder, run)
    assert read_run(folder) == run
    with pytest.raises(UsageError, match="not the folder of a training run"):
        read_run(tmp_path)


def test_the_rate_rises_then_falls_along_a_cosine() -> None:
    recipe = tiny_recipe(steps=110, warmup=10, lr=1e-3, final_lr=1e-5)
    assert learning_rate(recipe, 0) == 0.0
    assert learning_rate(recipe, 5) == pytest.approx(5e-4)
    assert learning_rate(recipe, 10) == pytest.approx(1e-3)
    assert learning_rate(recipe, 60) == pytest.approx((1e-3 + 1e-5) / 2)
    assert learning_rate(recipe, 110) == pytest.approx(1e-5)
    assert math.isclose(learning_rate(recipe, 200), 1e-5)
