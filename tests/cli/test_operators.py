"""`lincae-studio operator` and `mix --insert`: learning from two files, and hearing it on a third."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lincae_studio.cli import run
from lincae_studio.cli.inputs import parse_insert
from lincae_studio.engine.bundles.operator_files import load_operator
from lincae_studio.errors import UsageError
from lincae_studio.session import edits, files, operators
from lincae_studio.session.model import Session
from tests.cli.test_mix import lincae
from tests.engine.analysis.test_learning import EQ, dry, filtered, snr_db
from tests.helpers import files_below, read_audio, write_audio


@pytest.fixture
def example(tmp_path: Path) -> list[Path]:
    before = write_audio(tmp_path / "dry.wav", dry(1, 8.0))
    return [before, write_audio(tmp_path / "comb.wav", filtered(dry(1, 8.0), EQ))]


def fit(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(lincae(capsys, "operator", "fit", *arguments, "--json"))
    return found


def test_learning_and_using_an_operator(
    capsys: pytest.CaptureFixture[str], example: list[Path], tmp_path: Path
) -> None:
    output = tmp_path / "comb.safetensors"
    found = fit(capsys, *example, "-o", output, "--codec", "mdct-1x", "--context", 1, 2)
    assert found["accepted"]
    assert found["r2"] > 0.99 > found["plain_gain_r2"]
    assert (found["past_frames"], found["future_frames"], found["lag_samples"]) == (1, 2, 0)
    operator = load_operator(output)
    assert (operator.name, operator.codec, operator.past, operator.future) == ("comb", "mdct-1x", 1, 2)
    shown = json.loads(lincae(capsys, "operator", "info", output, "--json"))
    assert (shown["digest"], shown["r2"]) == (found["digest"], found["r2"])
    assert "comb: held-out R² 0.99" in lincae(capsys, "operator", "info", output)
    other = write_audio(tmp_path / "other.wav", dry(2, 4.0))
    mixed = tmp_path / "mix.wav"
    lincae(capsys, "mix", other, example[0], "-o", mixed, "--codec", "mdct-1x", "--bits", "32f")
    plain = read_audio(mixed)[0]
    lincae(
        capsys, "mix", other, example[0], "--insert", f"{output}=1", "-o", mixed, "--codec", "mdct-1x", "--bits", "32f"
    )
    wet = read_audio(mixed)[0] - plain
    expected = filtered(dry(2, 4.0), EQ) - dry(2, 4.0)
    assert snr_db(wet[: len(expected)], expected) > 20.0
    assert np.abs(wet[len(expected) + 2000 :]).max() < 1e-4


def test_a_project_with_an_insert_is_rendered_with_it(
    capsys: pytest.CaptureFixture[str], example: list[Path], tmp_path: Path
) -> None:
    output, project = tmp_path / "comb.safetensors", tmp_path / "song.lincae"
    lincae(capsys, "operator", "fit", *example, "-o", output, "--name", "My comb")
    from lincae_studio.studio.engine import Engine

    with Engine() as engine:
        media = engine.import_files(example[:1])
    session = edits.add_stems(Session(), media, 0)
    session = operators.add(session, load_operator(output))
    files.save(operators.set_insert(session, [session.tracks[0].id], session.operators[0].id), project)
    assert files.load(project).operators[0].name == "My comb"
    lincae(capsys, "render", project, "-o", tmp_path / "out.wav", "--bits", "32f")
    assert snr_db(read_audio(tmp_path / "out.wav")[0], filtered(dry(1, 8.0), EQ)) > 15.0
    assert run(["render", str(project), "-o", str(tmp_path / "out.wav"), "--codec", "mdct-4x"]) == 0
    assert "1 insert learned from latents of mdct-2x cannot be applied" in capsys.readouterr().err
    assert run(["render", str(project), "-o", str(tmp_path / "out.wav"), "--write", "mix,dry"]) == 0
    assert "The dry mix does not include inserts" in capsys.readouterr().err


def test_too_little_is_refused_with_the_figure_and_nothing_is_written(
    capsys: pytest.CaptureFixture[str], example: list[Path], tmp_path: Path
) -> None:
    unrelated = write_audio(tmp_path / "other.wav", dry(7, 8.0))
    before = files_below(tmp_path)
    output = tmp_path / "none.safetensors"
    assert run(["operator", "fit", str(example[0]), str(unrelated), "-o", str(output)]) == 2
    said = capsys.readouterr().out
    assert "Refused: held-out R² is" in said
    assert "less than 0.50" in said
    assert run(["operator", "fit", str(example[0]), str(unrelated), "-o", str(output), "--json"]) == 2
    found = json.loads(capsys.readouterr().out)
    assert not found["accepted"]
    assert found["output"] is None
    assert found["r2"] < found["threshold"] == 0.5
    assert [path for path in files_below(tmp_path) if path not in before and "user" not in path.parts] == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["operator", "fit", "{0}", "{1}", "-o", "x.bin"], "not a name for an operator"),
        (["operator", "fit", "{0}", "{1}", "-o", "x.safetensors", "--context", "65", "0"], "less than or equal to 64"),
        (["operator", "fit", "{0}", "{1}", "-o", "x.safetensors", "--codec", "nothing"], "nothing"),
        (["operator", "info", "{0}"], "is not an operator"),
        (["mix", "{0}", "--insert", "{1}", "-o", "x.wav"], "is not an operator"),
        (["mix", "{0}", "--insert", "y.safetensors=2", "-o", "x.wav"], "there is no input 2"),
    ],
)
def test_what_cannot_be_done_is_said(
    capsys: pytest.CaptureFixture[str],
    example: list[Path],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run([argument.format(*example) for argument in arguments]) == 2
    assert message in capsys.readouterr().err


def test_inputs_of_inserts(tmp_path: Path) -> None:
    assert parse_insert("room.safetensors", 3).inputs == (0, 1, 2)
    assert parse_insert("a=b.safetensors=1,3", 3) == parse_insert("a=b.safetensors=1,3", 4)
    assert parse_insert("a=b.safetensors=1,3", 3).inputs == (0, 2)
    assert parse_insert("a=b.safetensors=1,3", 3).path == Path("a=b.safetensors")
    with pytest.raises(UsageError, match="no input 4"):
        parse_insert("room.safetensors=4", 3)
