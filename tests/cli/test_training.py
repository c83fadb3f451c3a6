"""`lincae-studio train` and `evaluate`, from the command line."""

from __future__ import annotations

import csv
import io
import json
import signal
from pathlib import Path

import numpy as np
import pytest

from lincae_studio.cli import run
from lincae_studio.training import callbacks
from lincae_studio.training import export as export_module
from lincae_studio.training.evaluation import FIGURES
from tests.helpers import DEMO, noise, read_audio, write_audio
from tests.training.recipes import TINY


@pytest.mark.slow
def test_from_data_to_a_codec_that_is_measured_and_mixed_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(export_module, "GROUPS", 1)
    monkeypatch.setattr("lincae_studio.codecs.lincae.folder._STEP_S", 0.3)
    monkeypatch.setattr(callbacks, "SAMPLE_AT", ())
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
    assert figures.keys() == {"codec", "windows", *FIGURES}
    stems = [str(write_audio(tmp_path / f"{seed}.wav", noise(seed, 22_050))) for seed in (1, 2)]
    mixed = tmp_path / "mix.wav"
    assert run(["mix", *stems, "--codec", str(out / "codec"), "-o", str(mixed), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["length_samples"] == 22_050
    assert np.isfinite(read_audio(mixed)).all()


def test_ctrl_c_ends_training_as_it_ends_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(callbacks.Samples, "write", interrupted)
    monkeypatch.setattr(callbacks, "SAMPLE_AT", (0.5,))
    handler = signal.getsignal(signal.SIGINT)
    settings = [f"--set={name}={json.dumps(value)}" for name, value in TINY.items()]
    assert run(["train", "--preset", "mini", *settings, "--out", str(tmp_path / "run"), "--workers", "0"]) == 130
    assert capsys.readouterr().err.endswith("interrupted\n")
    assert signal.getsignal(signal.SIGINT) is handler


def test_speed_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    settings = [f"--set={name}={json.dumps(value)}" for name, value in TINY.items()]
    assert run(["bench", "training", *settings, "--seconds", "0", "--peak-tflops", "1", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["windows_per_s"] == pytest.approx(2 * figures["steps_per_s"], rel=0.01)
    assert figures["fraction_of_peak"] == pytest.approx(figures["tflops"], abs=1e-3)


def test_figures_as_csv_and_plots(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stems = [str(DEMO / "bass.ogg"), str(DEMO / "drums.ogg")]
    plots = tmp_path / "plots"
    command = ["evaluate", "mdct-4x", *stems, "--stems", "--limit", "1", "--csv", "--plots", str(plots)]
    assert run(command) == 0
    header, row = csv.reader(io.StringIO(capsys.readouterr().out))
    assert header == ["codec", "windows", *FIGURES]
    assert row[0] == "mdct-4x"
    pictures = sorted(plots.glob("*.png"))
    assert len(pictures) == 4
    assert all(picture.read_bytes().startswith(b"\x89PNG") for picture in pictures)


def test_a_table_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evaluate", "mdct-1x", str(DEMO / "bass.ogg"), "--limit", "1"]) == 0
    out = capsys.readouterr().out
    assert "encoder additivity" in out
    assert "exact" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["train"], "--preset"),
        (["train", "--preset", "mini"], "--out"),
        (["train", "--preset", "huge", "--out", "x"], "mini-44k"),
        (["train", "--preset", "mini", "--out", "x", "--set", "speed=3"], "speed"),
        (["train", "--preset", "mini", "--out", "x", "--data", "synth:0"], "fraction"),
        (["train", "--resume", "x", "--preset", "mini"], "--preset"),
        (["train", "--resume", "nowhere"], "nowhere"),
        (["evaluate", "no-codec", "synth"], "mdct-1x"),
        (["evaluate", "mdct-1x", "nowhere.wav"], "nowhere.wav"),
        (["evaluate", "mdct-1x", "synth", "--json", "--csv"], "--csv"),
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
