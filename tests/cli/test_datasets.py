"""`lincae-studio dataset`: from files to latents, mixtures, audio and figures; errors in one line, exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import lincae_studio as ls
from lincae_studio.cli import run
from tests.datasets.cases import write_files


def test_from_files_to_mixtures_and_their_audio(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write_files(tmp_path / "in", 4, 3 * 44_100)
    z, mixtures, audio = (str(tmp_path / name) for name in ("z", "mixtures", "audio"))
    assert run(["dataset", "encode", str(tmp_path / "in"), "-o", z, "--codec", "mdct-4x"]) == 0
    options = ["--count", "5", "--seed", "3", "--seconds", "2", "--stems", "2:2", "--gains", "-6:0"]
    assert run(["dataset", "mix", z, "-o", mixtures, *options, "--format", "webdataset"]) == 0
    assert run(["dataset", "decode", mixtures, "-o", audio, "--json"]) == 0
    lines, _, figures = capfd.readouterr().out.partition("{")
    assert "z: 4 items made; 4 records in 1 shard" in lines
    found = json.loads("{" + figures)
    assert (found["made"], found["present"], found["failures"]) == (5, 0, [])
    mixed, heard = ls.open_dataset(mixtures), ls.open_dataset(audio)
    for record in mixed:
        [same] = [one for one in heard if one.name == record.name]
        np.testing.assert_array_equal(heard.audio(same).samples, mixed.latents(record).decode().samples)
        assert heard.audio(same).rate == 44_100


def test_a_file_that_fails_makes_the_exit_code_2(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write_files(tmp_path / "in", 2)
    (tmp_path / "in" / "bad.wav").write_bytes(b"RIFF")
    for _ in range(2):
        assert run(["dataset", "encode", str(tmp_path / "in"), "-o", str(tmp_path / "z"), "--codec", "mdct-4x"]) == 2
    out, error = capfd.readouterr()
    assert error.count("error: bad.wav: it is not a readable audio file") == 2
    assert "2 items made, 1 failed" in out
    assert "0 items made, 2 already present, 1 failed" in out


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["encode", "{in}", "-o", "{out}", "--codec", "nothing"], "there is no codec “nothing”"),
        (["encode", "{in}/gone", "-o", "{out}"], "cannot read"),
        (["encode", "{in}", "-o", "{out}", "--format", "zip"], "--format zip is not a valid choice"),
        (["encode", "{in}", "-o", "{in}"], "has other files"),
        (["mix", "{in}", "-o", "{out}"], "is not a data set"),
        (["mix", "{z}", "-o", "{out}", "--stems", "x"], "--stems x is not LOW:HIGH"),
        (["mix", "{z}", "-o", "{out}", "--stems", "3:2"], "--stems 3:2 is not a range"),
        (["mix", "{z}", "-o", "{out}", "--gains", "0:99"], "--gains 0:99 is not a range"),
        (["mix", "{z}", "-o", "{out}", "--seconds", "100"], "there are not 2 files of 100 s"),
        (["decode", "{in}", "-o", "{out}"], "is not a data set"),
        (["decode", "{z}", "-o", "{z}"], "was made with other settings"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    tmp_path: Path, arguments: list[str], problem: str, capfd: pytest.CaptureFixture[str]
) -> None:
    write_files(tmp_path / "in", 2)
    places = {name: str(tmp_path / name) for name in ("in", "out", "z")}
    if any("{z}" in one for one in arguments):
        assert run(["dataset", "encode", places["in"], "-o", places["z"], "--codec", "mdct-4x"]) == 0
    capfd.readouterr()
    assert run(["dataset", *(one.format(**places) for one in arguments)]) == 2
    error = capfd.readouterr().err
    assert problem in error
    assert error.count("\n") == 1


def test_decoded_audio_has_no_latents_to_mix(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write_files(tmp_path / "in", 2)
    z, audio = str(tmp_path / "z"), str(tmp_path / "audio")
    assert run(["dataset", "encode", str(tmp_path / "in"), "-o", z, "--codec", "mdct-4x"]) == 0
    assert run(["dataset", "decode", z, "-o", audio]) == 0
    assert run(["dataset", "mix", audio, "-o", str(tmp_path / "out")]) == 2
    assert "has no latents" in capfd.readouterr().err
