"""`lincae-studio train`, from the command line."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from lincae_studio.cli import run
from lincae_studio.evaluation.figures import FIGURES
from lincae_studio.training import callbacks, data, export as export_module
from tests.helpers import files_below, noise, read_audio, write_audio
from tests.training.recipes import TINY

TRAIN_TINY = ["train", "--preset", "mini", "--workers", "0"]
TRAIN_TINY += [f"--set={name}={json.dumps(value)}" for name, value in TINY.items()]


@pytest.fixture
def _short_measurements(monkeypatch: pytest.MonkeyPatch) -> None:
    """An export is measured on one group of windows, in short chunks, and training writes no samples."""
    monkeypatch.setattr(export_module, "GROUPS", 1)
    monkeypatch.setattr("lincae_studio.codecs.lincae.folder._STEP_S", 0.3)
    monkeypatch.setattr(callbacks, "SAMPLE_AT", ())


@pytest.mark.slow
@pytest.mark.usefixtures("_short_measurements")
def test_from_data_to_a_codec_that_is_measured_and_mixed_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    settings = [
        f"--set={name}={json.dumps(value)}" for name, value in {**TINY, "steps": 4, "sample_rate": 44_100}.items()
    ]
    command = ["train", "--preset", "mini", "--data", "synth", *settings, "--out", str(out), "--workers", "0"]
    assert run([*command, "--max-steps", "2"]) == 0
    assert run(["train", "--resume", str(out), "--workers", "0"]) == 0
    captured = capsys.readouterr()
    assert "step 4 of 4" in captured.err
    assert captured.out.splitlines()[-1].startswith(f"{out / 'codec'}: SI-SDR ")
    assert run(["evaluate", str(out / "codec"), "synth", "--limit", "1", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures.keys() == {"codec", "about", "comparisons", "windows", "statistics", "seeds", "rows", *FIGURES}
    stems = [str(write_audio(tmp_path / f"{seed}.wav", noise(seed, 22_050))) for seed in (1, 2)]
    mixed = tmp_path / "mix.wav"
    assert run(["mix", *stems, "--codec", str(out / "codec"), "-o", str(mixed), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["length_samples"] == 22_050
    assert np.isfinite(read_audio(mixed)).all()


@pytest.fixture
def _usual_signals() -> Iterator[None]:
    """Ctrl+C interrupts, as in a terminal; a shell starts its background jobs so that they ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_usual_signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_keeps_its_last_step_and_says_how_to_resume(
    number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        signal.raise_signal(number)
        signal.raise_signal(number)  # as where both the terminal and a wrapper send it

    monkeypatch.setattr(callbacks.Samples, "write", interrupted)
    monkeypatch.setattr(callbacks, "SAMPLE_AT", (0.25,))
    handlers = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)]
    assert handlers == [signal.default_int_handler, signal.SIG_DFL]
    out = tmp_path / "run"
    assert run([*TRAIN_TINY, "--out", str(out)]) == 130
    assert capsys.readouterr().err.endswith(
        f"step 2 of 8 is saved: continue with lincae-studio train --resume {out}\ninterrupted\n"
    )
    assert torch.load(out / "last.ckpt", weights_only=False)["global_step"] == 2
    assert [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)] == handlers


def test_a_run_interrupted_before_its_first_step_can_be_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(data, "make_song", lambda *_: signal.raise_signal(signal.SIGTERM))
    out = tmp_path / "run"
    assert run([*TRAIN_TINY, "--out", str(out)]) == 130
    assert "no step has been completed yet: continue with lincae-studio train --resume" in capsys.readouterr().err
    assert [path.name for path in out.iterdir()] == ["recipe.json"]


@pytest.mark.parametrize("existed", [False, True])
def test_a_run_that_cannot_start_leaves_nothing_behind(
    existed: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_audio(tmp_path / "silent" / "a.wav", np.zeros(9_000, np.float32), 8_000)
    out = tmp_path / "deep" / "run"
    if existed:
        for name in ("notes.txt", "samples/kick.wav", "tensorboard/other"):
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            (out / name).write_text("mine")
    for folder in ("nowhere", "silent"):
        assert run([*TRAIN_TINY, "--data", str(tmp_path / folder), "--out", str(out)]) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert out.exists() == out.parent.exists() == existed
    if existed:
        assert [path.name for path in files_below(out)] == ["notes.txt", "kick.wav", "other"]


@pytest.mark.usefixtures("_short_measurements")
def test_an_export_is_measured_once_or_not_at_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    write_audio(tmp_path / "audio" / "a.wav", noise(1, 40_000), 8_000)
    start = [*TRAIN_TINY, "--data", str(tmp_path / "audio"), "--set=steps=2", "--out", str(out), "--no-evaluate"]
    assert run(start) == 0
    captured = capsys.readouterr()
    assert captured.out == f"{out / 'codec'}: step 2, not measured\n"
    assert "measuring" not in captured.err
    assert "Not measured." in (out / "codec" / "README.md").read_text()

    assert run(["train", "--resume", str(out), "--workers", "0"]) == 0
    captured = capsys.readouterr()
    assert f"measuring {out / 'codec'}, step 2 of 2, on 2 windows of the training data" in captured.err
    assert ": SI-SDR " in captured.out

    files = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    assert run(["train", "--resume", str(out), "--workers", "0"]) == 0
    captured = capsys.readouterr()
    assert "there is nothing to do" in captured.err
    assert ": SI-SDR " in captured.out
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == files


def test_speed_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    settings = [f"--set={name}={json.dumps(value)}" for name, value in TINY.items()]
    assert run(["bench", "training", *settings, "--seconds", "0", "--peak-tflops", "1", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["windows_per_s"] == pytest.approx(2 * figures["steps_per_s"], rel=0.01)
    assert figures["fraction_of_peak"] == pytest.approx(figures["tflops"], abs=1e-3)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["train"], "--preset"),
        (["train", "--preset", "mini"], "--out"),
        (["train", "--preset", "huge", "--out", "x"], "mini-44k"),
        (["train", "--preset", "mini", "--out", "x", "--set", "speed=3"], "speed"),
        (["train", "--preset", "mini", "--out", "x", "--data", "synth:0"], "fraction"),
        (["train", "--preset", "mini", "--out", "x", "--set", "lr=-1"], "lr must be a positive number"),
        (["train", "--preset", "mini", "--out", "x", "--validate", "nowhere"], "--validate nowhere"),
        (["train", "--preset", "mini", "--out", "x", "--validate", "1.5"], "between 0 and 1"),
        (["train", "--preset", "mini", "--out", "x", "--max-time", "nan"], "--max-time"),
        (["train", "--preset", "mini", "--out", "x", "--max-time", "inf"], "--max-time"),
        (["train", "--resume", "x", "--preset", "mini"], "--preset"),
        (["train", "--resume", "nowhere"], "nowhere"),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert said in error
    assert not (tmp_path / "x").exists()
