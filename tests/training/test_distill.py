"""Training previews: torch agrees with numpy, they learn, and runs are resumed bit for bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from lincae_studio.codecs import registry
from lincae_studio.codecs.lincae.pretrained import save_own
from lincae_studio.codecs.linear.preview import load_preview
from lincae_studio.errors import UsageError
from lincae_studio.training import callbacks, export as export_module
from lincae_studio.training.distill import DistillTraining
from lincae_studio.training.presets import DISTILL, distillation
from lincae_studio.training.recipe import DistillRecipe, Run
from lincae_studio.training.run import begin, read_run, train
from tests.codecs.lincae.models import tiny_model
from tests.helpers import noise

SMALL: tuple[str, ...] = (
    "frames=80",
    "width=16",
    "blocks=1",
    "pairs=8",
    "kernel=3",
    "level_frames=5",
    "batch=2",
    "steps=6",
)
SMALL += ("synth_minutes=0.3", "lr=3e-3", "warmup=2", "ema_decay=0.9", "ema_every=2")


@pytest.fixture
def codec(tmp_path: Path) -> str:
    """The path of a tiny Lin-CAE with random weights."""
    save_own(tiny_model(), tmp_path / "model", title="Tiny", linear=True)
    return str(tmp_path / "model")


def recipe_for(codec: str, *settings: str) -> DistillRecipe:
    recipe = distillation(codec, registry.info(codec), (*SMALL, *settings))
    assert isinstance(recipe, DistillRecipe)
    return recipe


def audio_of(recipe: DistillRecipe, count: int = 2) -> torch.Tensor:
    return torch.from_numpy(noise(3, count * recipe.window_samples)[:, 0]).reshape(count, -1)


def test_sizes_come_from_the_codec(codec: str) -> None:
    info = registry.info(codec)
    recipe = recipe_for(codec)
    assert (recipe.hop, recipe.dim, recipe.bins) == (info.hop, info.dim, 64)
    assert recipe.window_samples == info.window_samples(80)
    with pytest.raises(UsageError, match="not a key"):
        recipe_for(codec, "hop=32")
    with pytest.raises(UsageError, match="shorter than the longest STFT"):
        recipe_for(codec, "frames=2")
    with pytest.raises(UsageError, match="bins must be even and divide 64"):
        recipe_for(codec, "bins=24")


@pytest.mark.parametrize("bins", [16, 64])
def test_the_exported_preview_computes_what_was_trained(codec: str, tmp_path: Path, bins: int) -> None:
    recipe = recipe_for(codec, f"bins={bins}")
    module = DistillTraining(recipe)
    audio = audio_of(recipe)
    audio[1, 1000:2000] = 0.0
    module.training_step(audio, 0)
    torch.manual_seed(0)
    nn.init.normal_(module.ema.net.levels.weight, std=0.3)
    nn.init.normal_(module.ema.net.spread, std=0.01)
    saved = module.save(tmp_path / "preview", "", "", lambda _: audio.numpy())
    ours = saved.decode(saved.encode(audio.numpy()), first_frames=(0, 0), seed=0)
    theirs = module.reconstructed(audio.numpy())
    assert ours.shape == theirs.shape == audio.shape
    assert np.abs(theirs).max() > 0.0
    np.testing.assert_allclose(ours, theirs, atol=1e-4 * np.abs(theirs).max())


@pytest.mark.slow
@pytest.mark.parametrize("target", ["audio", "decoded"])
def test_the_loss_falls_when_windows_are_learnt_by_heart(codec: str, target: str) -> None:
    recipe = recipe_for(codec, f"target={target}", "waveform_weight=0")
    module = DistillTraining(recipe)
    audio = audio_of(recipe)
    optimiser = torch.optim.Adam(module.preview.parameters(), 3e-3)
    distances = []
    for _ in range(60):
        loss = module.training_step(audio, 0)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        distances.append(float(module.seen["mr_stft"]))
    assert distances[-1] < 0.8 * distances[0]


def test_a_run_is_resumed_bit_for_bit_and_exports_a_preview(
    codec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _quickly(monkeypatch)
    run = Run(preset=DISTILL, recipe=recipe_for(codec), data=["synth"])
    begin(tmp_path / "whole", run)
    whole, evaluation = train(tmp_path / "whole", run)
    begin(tmp_path / "parts", run)
    train(tmp_path / "parts", run, max_steps=3, measure=False)
    assert read_run(tmp_path / "parts") == run
    parts, _ = train(tmp_path / "parts", read_run(tmp_path / "parts"))
    for name, value in whole.state_dict().items():
        assert torch.equal(value, parts.state_dict()[name]), name
    assert evaluation is not None
    assert evaluation.figures["decoder_homogeneity_db"] > 60.0
    assert (tmp_path / "whole" / "codec" / "README.md").read_text().startswith(f"# A preview of the codec {codec}\n")
    load_preview(registry.load(codec), tmp_path / "whole" / "codec")


def test_a_codec_that_was_replaced_ends_a_run(codec: str) -> None:
    recipe = recipe_for(codec)
    save_own(tiny_model(seed=1), Path(codec).with_name("other"), title="Tiny", linear=True)
    other = str(Path(codec).with_name("other"))
    options: dict[str, Any] = {name: getattr(recipe, name) for name in recipe.__struct_fields__} | {"codec": other}
    with pytest.raises(UsageError, match="has other weights than when the run began"):
        DistillTraining(DistillRecipe(**options)).training_step(audio_of(recipe), 0)


def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_module, "GROUPS", 1)
    monkeypatch.setattr("lincae_studio.codecs.lincae.folder._STEP_S", 0.3)
    monkeypatch.setattr(callbacks, "SAMPLE_AT", (0.5,))
