"""`lincae-studio codecs ...` and `bench codec`, as commands."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import torch

from lincae_studio import paths
from lincae_studio.cli import run
from lincae_studio.cli.progress import progress_bars
from lincae_studio.codecs import library, registry
from lincae_studio.codecs.library import CONFIG_NAME
from lincae_studio.codecs.lincae import pretrained
from lincae_studio.codecs.lincae.public import official_names
from lincae_studio.jobs import Progress
from tests.codecs.hub import import_folder
from tests.codecs.lincae.models import small_model
from tests.helpers import noise, read_audio, write_audio
from tests.parity.reference import load_reference


@pytest.fixture(scope="module")
def official(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "My Model"
    pretrained.save_official(small_model(), folder)
    return folder


def attempt(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = run([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def good(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    code, out, err = attempt(capsys, *arguments)
    assert code == 0, err
    return out


def test_a_model_is_imported_listed_shown_mixed_with_and_removed(
    official: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = attempt(capsys, "codecs", "import", official)
    assert code != 0
    assert "--scale-factor" in err
    good(capsys, "codecs", "import", official, "--scale-factor", 33, "--linear", "--title", "Mine")
    assert library.installed() == ("my-model",)
    listed = {row["id"]: row for row in json.loads(good(capsys, "codecs", "list", "--json"))}
    assert listed["my-model"]["linearity"] == "trained"
    assert listed["my-model"]["bytes"] > 1_000_000
    assert not listed["lin-cae"]["installed"]
    table = good(capsys, "codecs", "list")
    assert "64x" in next(line for line in table.splitlines() if line.startswith("my-model"))
    shown = json.loads(good(capsys, "codecs", "show", "my-model", "--json"))
    assert (shown["scale_factor"], shown["hop"], shown["dim"]) == (33.0, 4096, 64)
    text = good(capsys, "codecs", "show", "my-model")
    assert "scale factor: 33.0" in text
    assert f"arithmetic: {shown['arithmetic']}" in text
    assert re.fullmatch(r"(fp32|tf32|bf16) on (cpu|cuda|mps)( by (compiled )?tiles)?, version \d+", shown["arithmetic"])
    stem = write_audio(tmp_path / "stem.wav", noise(1, 50_000))
    good(capsys, "mix", stem, "-o", tmp_path / "mix.wav", "--codec", "my-model")
    mix = read_audio(tmp_path / "mix.wav")
    assert mix.shape == (1, 50_000)
    assert np.abs(mix).max() > 0.0
    with sf.SoundFile(tmp_path / "mix.wav") as file:
        assert f"{shown['arithmetic']}), seed 0" in file.comment
    good(capsys, "codecs", "remove", "my-model")
    assert library.installed() == ()


def test_a_folder_is_mixed_with_by_its_path(official: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good(capsys, "codecs", "convert", official, tmp_path / "ours", "--scale-factor", 33)
    stem = write_audio(tmp_path / "stem.wav", noise(1, 50_000))
    for name in ("one", "two"):
        good(capsys, "mix", stem, "-o", tmp_path / f"{name}.wav", "--codec", tmp_path / "ours")
    assert np.array_equal(read_audio(tmp_path / "one.wav"), read_audio(tmp_path / "two.wav"))
    code, _, err = attempt(capsys, "mix", stem, "-o", tmp_path / "three.wav", "--codec", official)
    assert code != 0
    assert "codecs import" in err


def test_conversion_there_and_back(official: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "safetensors" in good(capsys, "codecs", "convert", official, tmp_path / "ours", "--scale-factor", 33)
    assert "official" in good(capsys, "codecs", "convert", tmp_path / "ours", tmp_path / "back")
    weights = [torch.load(folder / official_names()[0], weights_only=True) for folder in (official, tmp_path / "back")]
    assert weights[0].keys() == weights[1].keys()
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])
    code, _, err = attempt(capsys, "codecs", "convert", official, tmp_path / "other", "--to", "onnx")
    assert code != 0
    assert "safetensors, official" in err


def test_a_folder_with_damaged_weights_is_not_imported(
    official: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "broken"
    folder.mkdir()
    for name in official_names():
        data = (official / name).read_bytes()
        (folder / name).write_bytes(data if name.endswith(".yaml") else data[:1000])
    code, _, err = attempt(capsys, "codecs", "import", folder, "--scale-factor", 1)
    assert code != 0
    assert "damaged" in err
    assert library.installed() == ()


@pytest.mark.parametrize("number", ["inf", "nan", "0", "-3"])
def test_an_invalid_scale_factor_leaves_nothing_behind(
    number: str, official: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in (("import", official), ("convert", official, tmp_path / "ours")):
        code, _, err = attempt(capsys, "codecs", *command, f"--scale-factor={number}")
        assert code == 2
        assert "not a positive number" in err
        assert len(err.splitlines()) == 1
    assert not (tmp_path / "ours").exists()
    assert not paths.codecs_dir().exists()


def test_a_broken_codec_is_listed_with_what_is_wrong_and_can_be_removed(
    official: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = import_folder(official, "m2l")
    (place / CONFIG_NAME).write_text("{")
    rows = [row for row in json.loads(good(capsys, "codecs", "list", "--json")) if row["id"] == "m2l"]
    assert len(rows) == 1
    assert not rows[0]["installed"]
    assert "cannot be read" in rows[0]["error"]
    lines = good(capsys, "codecs", "list").splitlines()
    assert sum("broken" in line and line.startswith("m2l") for line in lines) == 1
    good(capsys, "codecs", "remove", "m2l")
    assert library.installed() == ()


def test_untrusted_text_does_not_control_the_terminal(official: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = import_folder(official, "odd", scale_factor=1.0)
    config = json.loads((place / CONFIG_NAME).read_text())
    text = "[red]a[/] [/b] \x1b[2J\u202e\nb"
    (place / CONFIG_NAME).write_text(json.dumps({**config, "title": text, "description": text}))
    for command in (["list"], ["show", "odd"]):
        out = good(capsys, "codecs", *command)
        assert "[red]a[/] [/b] " in out
        assert "\x1b" not in out
        assert "\u202e" not in out
        assert "\\u202e" in out


def test_labels_of_progress_bars_are_not_markup(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress_bars() as report:
        report("a [/b] file")(Progress(1, 2))
    assert "a [/b] file" in capsys.readouterr().err


def test_the_current_folder_is_not_a_codec_without_a_name(
    official: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(official)
    code, _, err = attempt(capsys, "codecs", "show", "")
    assert code == 2
    assert "there is no codec “”" in err


@pytest.mark.parametrize("arguments", [("show", "nothing"), ("download", "nothing"), ("remove", "nothing")])
def test_unknown_ids_are_reported(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = attempt(capsys, "codecs", *arguments)
    assert code != 0
    assert out == ""
    assert "nothing" in err
    assert len(err.splitlines()) <= 2


@pytest.mark.parity
@pytest.mark.slow
def test_the_bench_compares_with_the_reference(capsys: pytest.CaptureFixture[str]) -> None:
    load_reference()
    options = ("--seconds", 0.5, "--repeats", 1, "--base-channels", 8, "--device", "cpu", "--batch-sizes", "1,2")
    figures = json.loads(good(capsys, "bench", "codec", "--against", "linear-cae", "--json", *options))
    for part in ("encode", "decode"):
        for precision in ("fp32", "auto"):
            ratio = figures[f"{part}_reference_s"] / figures[f"{part}_{precision}_s"]
            assert figures[f"{part}_ratio_{precision}"] == pytest.approx(ratio)
            assert figures[f"{part}_{precision}_gflops"] > 0.0
    assert 0.0 < figures["parity_error"] < 1e-4
    assert figures["auto_error_db"] < -28.0
    assert [row["batch"] for row in figures["batches"]] == [1, 2]


@pytest.mark.slow
def test_the_bench_runs_alone_and_refuses_other_packages(capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--seconds", 0.5, "--repeats", 1, "--base-channels", 8, "--device", "cpu")
    text = good(capsys, "bench", "codec", *options)
    assert "decode_fp32_x_realtime" in text
    assert "ratio" not in text
    code, _, err = attempt(capsys, "bench", "codec", "--against", "encodec", *options)
    assert code != 0
    assert "linear-cae" in err


@pytest.mark.parametrize(
    "options",
    [
        *(("codec", "--device", device) for device in ("foo", "meta", "cuda:99", "mps:x")),
        *(("codec", "--batch-sizes", sizes) for sizes in ("0", "1,-1", "nan", "1.5", "inf", "x")),
        *(("codec", "--base-channels", width) for width in ("0", "4", "12", "-8")),
        *(("codec", "--seconds", seconds) for seconds in ("0", "inf", "nan", "1e9")),
        *(("engine", "--tracks", tracks) for tracks in ("0", "-1", "1.5", "nan")),
        *(("engine", "--minutes", minutes) for minutes in ("0", "inf", "nan")),
        ("engine", "--export-minutes", "inf"),
        ("start", "--runs", "0"),
    ],
)
def test_invalid_benchmark_options_are_reported_in_one_line(
    options: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = attempt(capsys, "bench", *options)
    assert code == 2
    assert out == ""
    assert err.startswith("error: ")
    assert len(err.splitlines()) == 1


def test_ids_in_the_registry_are_what_is_listed(official: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import_folder(official, "one", scale_factor=1.0)
    rows = json.loads(good(capsys, "codecs", "list", "--json"))
    assert [row["id"] for row in rows if row["installed"]] == list(registry.ids())


def test_a_repository_is_no_public_model_and_the_message_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    for name, imported in (("someone/some-model", True), ("some-model", False)):
        assert run(["codecs", "download", name])
        message = " ".join(capsys.readouterr().err.split())
        assert f"there is no public model “{name}”" in message
        assert ("download it yourself, then import its folder" in message) is imported
