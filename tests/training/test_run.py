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
from lincae_studio.training import callbacks, export as export_module, validation
from lincae_studio.training.audio_folder import AudioFolder
from lincae_studio.training.data import Mixed
from lincae_studio.training.lincae import LinCaeTraining
from lincae_studio.training.linearity import Gains, draw_combination, premixed
from lincae_studio.training.module import Training, learning_rate
from lincae_studio.training.recipe import Run
from lincae_studio.training.run import BEST_NAME, CHECKPOINT_NAME, begin, read_run, saved_step, train
from lincae_studio.training.run_data import Data
from tests.helpers import noise, write_audio
from tests.hostile.case import Touch
from tests.training.recipes import tiny_recipe


@pytest.fixture(autouse=True)
def _few_figures_and_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_module, "GROUPS", 1)
    monkeypatch.setattr("lincae_studio.codecs.lincae.folder._STEP_S", 0.3)
    monkeypatch.setattr(callbacks, "SAMPLE_AT", (0.5,))
    monkeypatch.setattr(callbacks, "SAMPLE_SECONDS", 0.3)
    monkeypatch.setattr(validation, "WINDOWS", 2)
    monkeypatch.setattr(validation, "SECONDS", 0.3)


def begun(folder: Path, data: str = "synth", **changes: Any) -> tuple[Path, Run]:
    run = Run(preset="mini", recipe=tiny_recipe(**changes), data=[data])
    begin(folder, run)
    return folder, run


def curves_of(folder: Path) -> EventAccumulator:
    curves = EventAccumulator(str(folder / "tensorboard"))
    curves.Reload()
    return curves


def state(module: Training) -> dict[str, torch.Tensor]:
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
    assert torch.equal(ours.decode(ours.encode(audio), seed=0), official.decode(official.encode(audio), seed=0))
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
    curves = curves_of(folder)
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
    assert "2 windows of the training data" in (folder / "codec" / "README.md").read_text()
    assert not (folder / "songs.npy").exists()


def test_the_best_step_on_files_that_are_held_out_is_kept(tmp_path: Path) -> None:
    for seed in (1, 2, 3):
        write_audio(tmp_path / "audio" / f"{seed}.wav", noise(seed, 9_000), 8_000)
    recipe = tiny_recipe(steps=2, warmup=1, validations=2, lr=1e3)  # it diverges
    run = Run(preset="mini", recipe=recipe, data=[str(tmp_path / "audio")], validate="0.3")
    folder = tmp_path / "run"
    begin(folder, run)
    train(folder, run)
    best, last = (torch.load(folder / name, weights_only=False) for name in (BEST_NAME, CHECKPOINT_NAME))
    assert (best["global_step"], last["global_step"]) == (1, 2)
    curves = curves_of(folder)
    distances = [event.value for event in curves.Scalars("validation/mr_stft")]
    assert distances[0] < distances[1]
    assert best["callbacks"]["Validation"]["best_mr_stft"] == pytest.approx(distances[0])
    for name, step in (("codec", 2), ("codec-best", 1)):
        assert json.loads((folder / name / "metrics.json").read_text())["steps"] == step
        card = (folder / name / "README.md").read_text()
        assert "| figure | best: step 1 | last: step 2 | meaning |" in card
        assert "2 windows of the validation data" in card
    for kind in ("best", "last"):
        assert (folder / "official" / f"autoencoder_inference_model_{kind}.pth").exists()
    wanted = {"gradient_norm", "gain_min", "gain_max", "gain_probability", "noise_level", "noise_level_teacher"}
    assert wanted | {"learning_rate"} <= set(curves.Tags()["scalars"])
    assert curves.SummaryMetadata("_hparams_/experiment").plugin_data.plugin_name == "hparams"


def test_files_for_validation_in_the_same_folder_are_not_trained_on(tmp_path: Path) -> None:
    for name in ("a.wav", "b.wav", "held/c.wav"):
        write_audio(tmp_path / name, noise(1, 9_000), 8_000)
    run = Run(preset="mini", recipe=tiny_recipe(), data=[str(tmp_path)], validate=str(tmp_path / "held"))
    data = Data(tmp_path, run, 0)
    training, validation = (source.sources[0] for source in (data.source, data.validation) if isinstance(source, Mixed))
    assert isinstance(training, AudioFolder)
    assert isinstance(validation, AudioFolder)
    assert [file.path.name for file in training.files] == ["a.wav", "b.wav"]
    assert [file.path.name for file in validation.files] == ["c.wav"]
    synth = Run(preset="mini", recipe=tiny_recipe(), data=["synth"], validate="0.1")
    with pytest.raises(UsageError, match="no files that can be held out"):
        _ = Data(tmp_path, synth, 0).validation


def test_fp16_scales_losses(tmp_path: Path) -> None:
    write_audio(tmp_path / "audio" / "a.wav", noise(1, 40_000), 8_000)
    folder, run = begun(tmp_path / "run", data=str(tmp_path / "audio"), steps=1, precision="fp16")
    train(folder, run, measure=False)
    saved = torch.load(folder / CHECKPOINT_NAME, weights_only=False)
    assert saved["MixedPrecision"]["scale"] > 1.0


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


def test_a_checkpoint_runs_no_code(tmp_path: Path) -> None:
    folder, run = begun(tmp_path / "run")
    torch.save({"global_step": Touch(tmp_path / "touched")}, folder / CHECKPOINT_NAME)
    with pytest.raises(UsageError, match="is damaged or not a checkpoint"):
        train(folder, run)
    assert not (tmp_path / "touched").exists()


def test_a_damaged_checkpoint_is_reported(tmp_path: Path) -> None:
    assert saved_step(tmp_path) == 0
    (tmp_path / CHECKPOINT_NAME).write_bytes(b"PK damaged")
    with pytest.raises(UsageError, match="is damaged or not a checkpoint"):
        saved_step(tmp_path)


def test_the_authors_baseline_premixes_and_changes_no_level() -> None:
    """Mixtures and premixed windows are encoded like other audio; peaks above 1 stay as they are."""
    module = LinCaeTraining(tiny_recipe(linearity="augmentation", premix=0.5, gain_probability=0.0, batch=8))
    audio = torch.from_numpy(noise(1, 8 * module.recipe.window_samples, level=1.0)).reshape(8, -1) * 3.0
    seen: list[torch.Tensor] = []

    def loss(*tensors: torch.Tensor) -> torch.Tensor:
        seen.extend(tensors)
        return torch.zeros(())

    module._network_loss = loss
    module.training_step(audio, 0)
    heard, _, gains, clean = seen[:4]
    generator = module.step_generator()
    mixed = premixed(audio, 0.5, generator)
    assert not torch.equal(mixed, audio)
    combination = draw_combination(mixed, Gains(probability=0.0), generator)
    assert torch.equal(gains, torch.ones(16))
    assert torch.equal(heard, clean)
    torch.testing.assert_close(clean, module.frontend.to_representation(combination(mixed)))


def test_the_rate_rises_then_falls_along_a_cosine() -> None:
    recipe = tiny_recipe(steps=110, warmup=10, lr=1e-3, final_lr=1e-5)
    assert learning_rate(recipe, 0) == 0.0
    assert learning_rate(recipe, 5) == pytest.approx(5e-4)
    assert learning_rate(recipe, 10) == pytest.approx(1e-3)
    assert learning_rate(recipe, 60) == pytest.approx((1e-3 + 1e-5) / 2)
    assert learning_rate(recipe, 110) == pytest.approx(1e-5)
    assert math.isclose(learning_rate(recipe, 200), 1e-5)
