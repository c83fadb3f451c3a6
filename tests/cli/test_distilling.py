"""`lincae-studio distill`, from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lincae_studio.cli import run
from lincae_studio.codecs import registry
from lincae_studio.codecs.lincae.pretrained import save_own
from lincae_studio.codecs.linear.preview import folder_of
from lincae_studio.training import callbacks, export as export_module
from tests.codecs.lincae.models import tiny_model
from tests.helpers import noise, write_audio
from tests.training.test_distill import SMALL

SETTINGS = [f"--set={setting}" for setting in SMALL]


@pytest.fixture(autouse=True)
def _short_measurements(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_module, "GROUPS", 1)
    monkeypatch.setattr("lincae_studio.codecs.lincae.folder._STEP_S", 0.3)
    monkeypatch.setattr(callbacks, "SAMPLE_AT", ())


@pytest.fixture
def model(tmp_path: Path) -> Path:
    save_own(tiny_model(), tmp_path / "model", title="Tiny", linear=True)
    return tmp_path / "model"


def test_from_data_to_a_preview_that_is_installed(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["codecs", "import", str(model), "--id", "tiny"]) == 0
    write_audio(tmp_path / "audio" / "a.wav", noise(1, 60_000))
    out = tmp_path / "run"
    start = ["distill", "tiny", "--data", str(tmp_path / "audio"), *SETTINGS, "--out", str(out), "--workers", "0"]
    assert run([*start, "--max-steps", "2", "--no-evaluate"]) == 0
    codec = registry.load("tiny")
    first = registry.preview_of(codec)
    assert first is not None
    capsys.readouterr()

    assert run(["distill", "--resume", str(out), "--workers", "0"]) == 0
    captured = capsys.readouterr()
    assert captured.out.splitlines()[0].startswith(f"{out / 'codec'}: SI-SDR ")
    assert captured.out.splitlines()[1] == f"installed in {folder_of(codec.info)}"
    second = registry.preview_of(codec)
    assert second is not None
    latents = codec.encode(noise(2, codec.info.window_samples(40))[:, 0][None])
    heard = [one.decode(latents, first_frames=(0,), seed=0) for one in (first, second)]
    assert heard[1].any()
    assert not np.array_equal(heard[0], heard[1])

    # The folder has the same weights, so that the preview is one of it, too; other weights have none.
    assert registry.has_preview(registry.info(str(model)))
    save_own(tiny_model(seed=1), tmp_path / "other", title="Tiny", linear=True)
    assert not registry.has_preview(registry.info(str(tmp_path / "other")))


def test_a_run_is_resumed_by_its_own_command(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    start = ["distill", str(model), *SETTINGS, "--out", str(out), "--workers", "0", "--no-evaluate"]
    assert run([*start, "--max-steps", "1"]) == 0
    assert json.loads((out / "recipe.json").read_text())["recipe"]["codec"] == str(model)
    capsys.readouterr()
    assert run(["train", "--resume", str(out)]) == 2
    assert f"Use lincae-studio distill --resume {out}" in capsys.readouterr().err


def test_the_best_weights_are_installed_where_they_are_known(model: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    start = ["distill", str(model), *SETTINGS, "--validate", "synth", "--out", str(out), "--workers", "0"]
    assert run([*start, "--set=validations=2", "--no-evaluate"]) == 0
    installed = folder_of(registry.info(str(model)))
    for name in ("config.json", "model.safetensors"):
        assert (installed / name).read_bytes() == (out / "codec-best" / name).read_bytes()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["distill"], "CODEC"),
        (["distill", "mdct-2x", "--out", "x"], "needs no preview"),
        (["distill", "nothing", "--out", "x"], "there is no codec"),
        (["distill", "--resume", "x", "mdct-2x"], "Omit CODEC"),
        (["distill", "--resume", "nowhere"], "nowhere"),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(arguments) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert said in error
    assert not (tmp_path / "x").exists()
