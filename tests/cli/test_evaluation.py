"""`lincae-studio evaluate`, from the command line."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from lincae_studio.cli import run
from lincae_studio.cli.evaluation import codecs_and_audio
from lincae_studio.evaluation.figures import FIGURES, against
from tests.codecs.packaged import install, on_path
from tests.helpers import DEMO, noise, write_audio


def test_figures_as_csv_and_plots(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stems = [str(DEMO / "bass.ogg"), str(DEMO / "drums.ogg")]
    plots = tmp_path / "plots"
    command = ["evaluate", "mdct-4x", *stems, "--stems", "--limit", "1", "--csv", "--plots", str(plots)]
    assert run(command) == 0
    header, *lines = csv.reader(io.StringIO(capsys.readouterr().out))
    assert header == ["codec", "row", "seed", "group", "source", *FIGURES]
    assert header[5] == "snr_db", "comparisons with the true signals come first"
    assert {line[0] for line in lines} == {"mdct-4x"}
    windows = [line[3:5] for line in lines if line[1] == "window"]
    assert windows == [["0", "0"], ["0", "1"], ["0", "mix"]]
    cells = {line[1]: dict(zip(header, line, strict=True)) for line in lines if line[2] == ""}
    assert 100.0 < float(cells["mean"]["decoder_homogeneity_db"]) < 160.0  # two of four gains are exact
    assert (cells["limited"]["decoder_homogeneity_db"], cells["values"]["decoder_homogeneity_db"]) == ("4", "8")
    assert float(cells["low"]["mr_stft"]) < float(cells["mean"]["mr_stft"]) < float(cells["high"]["mr_stft"])
    pictures = sorted(plots.glob("*.png"))
    assert len(pictures) == 4
    assert all(picture.read_bytes().startswith(b"\x89PNG") for picture in pictures)


def test_several_seeds_are_columns_of_one_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    audio = [str(write_audio(tmp_path / f"{seed}.wav", noise(seed, 44_100)[:, 0])) for seed in (1, 2)]
    command = ["evaluate", "mdct-4x", *audio, "--limit", "1", "--seeds", "2"]
    assert run([*command]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[1].split()[:8] == ["figure", "mean", "±", "95", "%", "seed", "0", "seed"]
    assert run([*command, "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert [one["seed"] for one in figures["seeds"]] == [0, 1]
    assert figures["statistics"]["mr_stft"].keys() >= {"mean", "deviation", "low", "high", "windows"}
    assert [(row["seed"], row["source"]) for row in figures["rows"]] == [(s, k) for s in (0, 1) for k in (0, 1, None)]


def test_a_table_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evaluate", "mdct-1x", str(DEMO / "bass.ogg"), "--limit", "1"]) == 0
    out = capsys.readouterr().out
    places = [out.index(text) for text in ("mixed: SI-SDR", "encoder additivity", "decoder additivity")]
    assert places == sorted(places)
    assert "Decoded audio against the true signals" in out
    assert "decoder homogeneity, dB: 4 of 8 values limited to 160 dB" in out
    assert "decoder homogeneity, dB without z0: 4 of 8" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["evaluate", "no-codec", "synth"], "mdct-1x"),
        (["evaluate", "mdct-1x", "nowhere.wav"], "neither a codec nor a file: nowhere.wav"),
        (["evaluate", "mdct-1x", "mdct-3x", "mdct-2x", "nowhere.wav", "synth"], "mdct-3x, nowhere.wav"),
        (["evaluate", "mdct-1x"], "synth"),
        (["evaluate", "synth"], "no codec to measure"),
        (["evaluate", "lin-cae", "synth"], "codecs download lin-cae"),
        (["evaluate", "mdct-1x", "synth", "synth"], "cannot be combined"),
        (["evaluate", "mdct-1x", "synth", "--excerpt", "0"], "--excerpt"),
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


def test_an_id_is_a_codec_and_a_path_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("mdct-1x", "song"):
        write_audio(tmp_path / "a.wav", noise(1, 100)).rename(tmp_path / name)
    (tmp_path / "model").mkdir()
    inputs = ["mdct-1x", "song", "./mdct-1x", "model", "mdct-1x"]
    assert codecs_and_audio(inputs) == (["mdct-1x", "model"], ["song", "./mdct-1x"])


def test_several_codecs_are_columns_and_one_that_fails_is_a_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stems = [str(write_audio(tmp_path / f"{seed}.wav", noise(seed, 60_000))) for seed in (1, 2)]
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    (damaged / "config.json").write_text("{")
    command = ["evaluate", "mdct-2x", str(damaged), "mdct-4x", *stems, "--stems", "--limit", "1"]
    assert run(command) == 2
    captured = capsys.readouterr()
    head = next(line for line in captured.out.splitlines() if line.startswith("figure"))
    assert head.split() == ["figure", "mdct-2x", "mdct-4x", "better", "meaning"]
    (error,) = [line for line in captured.err.splitlines() if line.startswith("error: ")]
    assert error.startswith(f"error: {damaged}: {damaged}")

    assert run([*command, "--json"]) == 2
    first, second, third = json.loads(capsys.readouterr().out)["codecs"]
    assert first["codec"] == "mdct-2x"
    assert second["codec"] == str(damaged)
    assert "config.json" in second["error"]
    assert third["about"]["compression"] == 4.0
    assert first["comparisons"]["truth"] == against("truth")
    assert first["mix_si_sdr_db"] > third["mix_si_sdr_db"]

    assert run([*command, "--csv"]) == 2
    lines = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert [line[0] for line in lines if line[1:3] == ["mean", ""]] == ["mdct-2x", "mdct-4x"]


@pytest.mark.parametrize("broken", ["", "at_load", "at_encode", "at_decode", "at_import"])
def test_a_codec_of_a_package_is_measured_or_named(
    broken: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stems = [str(write_audio(tmp_path / f"{seed}.wav", noise(seed, 100_000))) for seed in (1, 2)]
    site = tmp_path / "site"
    install(site, **({broken: "raise KeyError('weights')"} if broken else {}))
    page = tmp_path / "report.html"
    command = ["evaluate", "raw", "mdct-4x", *stems, "--stems", "--limit", "1", "--excerpt", "1", "--html", str(page)]
    with on_path(site):
        assert run(command) == (2 if broken else 0)
    captured = capsys.readouterr()
    if broken:
        (error,) = [line for line in captured.err.splitlines() if line.startswith("error: ")]
        assert "raw-codec 1.0" in error
        assert "KeyError" in error
    assert page.exists() == (broken != "at_import"), "an unknown name stops the command before it starts"
    assert ("mixed: SI-SDR" in captured.out) == (broken != "at_import")
