"""`lincae-studio check` and `match`: figures, words, reports, projects, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soxr

from lincae_studio.cli import run
from lincae_studio.engine.planning.factors import gain_envelope
from lincae_studio.session import files
from tests.cli.test_report import Page
from tests.engine.analysis.test_matching import music
from tests.helpers import noise, write_audio

R = 44_100


@pytest.fixture
def stems(tmp_path: Path) -> dict[str, Path]:
    """A master of three stems; one of these is 12 samples late, one 2 dB too loud from 3 to 6 s."""
    audio = {name: noise(seed, 9 * R, level=0.1) for seed, name in enumerate(("bass", "drums", "<b>vox</b>"))}
    master = sum(audio.values(), np.zeros((9 * R, 1), np.float32))
    audio["drums"] = np.concatenate([np.zeros((12, 1), np.float32), audio["drums"][:-12]])
    audio["<b>vox</b>"][3 * R : 6 * R] *= 10.0 ** (2.0 / 20.0)
    names = {"master": master, **audio}
    return {name: write_audio(tmp_path / f"{name.replace('/', '∕')}.wav", samples) for name, samples in names.items()}


def test_check_prints_exactly_the_findings_and_the_residual(
    stems: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["check", *map(str, stems.values()), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert set(figures) == {"findings", "residual_db"}
    assert all(set(one) == {"stem", "kind", "start_s", "end_s", "amount"} for one in figures["findings"])
    delay, gain = figures["findings"]
    assert delay == {"stem": "drums", "kind": "delay", "start_s": 0.0, "end_s": 9.0, "amount": 12.0}
    assert (gain["stem"], gain["kind"]) == ("<b>vox<∕b>", "gain")
    assert (gain["start_s"], gain["end_s"], gain["amount"]) == pytest.approx((3.0, 6.0, 2.0), abs=0.11)
    assert len(figures["residual_db"]) == 5
    assert figures["residual_db"][0] < -40.0 < figures["residual_db"][2]


def test_check_says_it_in_words_and_writes_reports(
    stems: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, page = tmp_path / "report.csv", tmp_path / "report.html"
    assert run(["check", *map(str, stems.values()), "--csv", str(table), "--html", str(page)]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "2 differences between the master and its 3 stems."
    assert "drums late by 12 samples" in out
    assert "<b>vox<∕b> 2.0 dB too high from 0:03 to 0:06" in out
    assert table.read_text().startswith("stem,kind,start_s,end_s,amount,unit,words\ndrums,delay,0.000,9.000,12.000,")
    read = Page(page)
    assert "drums late by 12 samples" in read.text
    assert "<b>vox<∕b>" in read.text, "a name, not markup"
    assert not read.attributes("script")
    assert len(read.attributes("svg")) == len(read.attributes("img")) == 1


def test_match_writes_a_project_that_mixes_like_the_reference(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, other = noise(1, 6 * R, level=0.1), noise(2, 6 * R, level=0.1)
    paths = {
        name: write_audio(tmp_path / f"{name}.wav", audio)
        for name, audio in (("reference", 0.5 * one + 2.0 * other), ("one", one), ("other", other))
    }
    project = tmp_path / "song.lincae"
    assert run(["match", *map(str, paths.values()), "-o", str(project), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["output"] == str(project)
    assert [stem["stem"] for stem in figures["stems"]] == ["one", "other"]
    assert [stem["gain_db"] for stem in figures["stems"]] == pytest.approx([-6.02, 6.02], abs=0.05)
    assert figures["inseparable"] == []
    assert figures["residual_db"] < -50.0
    session = files.load(project)
    assert [track.mute for track in session.tracks] == [True, False, False]
    assert [track.gain for track in session.tracks[1:]] == pytest.approx([0.5, 2.0], rel=0.01)
    assert run(["match", *map(str, paths.values()), "-o", str(project)]) == 0
    assert "one: −6.0 dB, pan C" in capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_files_of_another_rate_are_compared_at_that_of_the_session(
    rate: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    audio = {name: 0.3 * music(seed, 9 * R) for seed, name in enumerate(("bass", "drums", "vox"))}
    whole = soxr.resample(sum(audio.values(), np.zeros(9 * R, np.float32)), R, 48_000)
    audio["vox"][3 * R : 6 * R] *= 10.0 ** (2.0 / 20.0)
    audio["drums"] = np.concatenate([np.zeros(441, np.float32), audio["drums"][:-441]])
    master = str(write_audio(tmp_path / "master.wav", whole[:, None], rate=48_000))
    stems = [str(write_audio(tmp_path / f"{name}.wav", samples[:, None])) for name, samples in audio.items()]
    assert run(["check", master, *stems, "--session-rate", str(rate), "--json"]) == 0
    delay, gain = json.loads(capsys.readouterr().out)["findings"]
    assert (delay["stem"], delay["kind"], delay["amount"]) == ("drums", "delay", 0.01 * rate)
    assert (gain["stem"], gain["kind"]) == ("vox", "gain")
    assert (gain["start_s"], gain["end_s"], gain["amount"]) == pytest.approx((3.0, 6.0, 2.0), abs=0.11)
    project = tmp_path / "song.lincae"
    assert run(["match", master, *stems, "-o", str(project), "--session-rate", str(rate), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["residual_db"] < -30.0
    session = files.load(project)
    assert session.rate == rate
    bass, drums, vox = session.tracks[1:]
    assert (bass.gain, drums.gain) == pytest.approx((1.0, 1.0), rel=0.01)
    assert drums.clips[0].start == 0
    inside = gain_envelope(vox.gain_points, np.array([4.5 * rate])) * vox.gain
    assert 20 * np.log10(inside) == pytest.approx(-2.0, abs=0.1)


@pytest.mark.parametrize("command", ["check", "match"])
def test_what_cannot_be_compared_is_refused(
    command: str, stems: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = ["-o", str(tmp_path / "song.lincae")] if command == "match" else []
    assert run([command, str(stems["master"]), str(tmp_path / "nowhere.wav"), *output]) == 2
    assert capsys.readouterr().err.startswith("error: ")
    assert run([command, str(stems["master"]), *output]) == 2, "no stem"
    silent = write_audio(tmp_path / "silent.wav", np.zeros((R, 1), np.float32))
    assert run([command, str(silent), str(stems["bass"]), *output]) == 2
    assert "is silent" in capsys.readouterr().err
    if command == "match":
        wrong = tmp_path / "song.wav"
        assert run(["match", str(stems["master"]), str(stems["bass"]), "-o", str(wrong)]) == 2
    else:
        assert run(["check", str(stems["master"]), str(stems["bass"]), "--csv", str(stems["bass"])]) == 2
    assert not (tmp_path / "song.lincae").exists()
