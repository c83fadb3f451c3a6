"""`bench engine`: what an edit must cost, counted; times are measured, not judged."""

from __future__ import annotations

import json

import pytest

from lincae_studio.cli import run


@pytest.fixture(scope="module")
def figures() -> dict[str, object]:
    from lincae_studio.bench.engine import EngineBench, measure_engine

    return measure_engine(EngineBench("mdct-2x", (1, 3), 0.2, (0.1,), (64,), edits=1))


def test_edits_cost_as_few_encodes_and_decodes_as_they_can(figures: dict[str, object]) -> None:
    edits = figures["edits"]
    assert isinstance(edits, dict)
    chunks = edits["open"]["decodes"]
    assert edits["open"]["encodes"] == 4 * chunks
    for name in ("gain", "mute"):
        assert edits[name] == {"encodes": 0, "decodes": chunks}
    assert edits["pan"] == {"encodes": 0, "decodes": 2 * chunks}
    assert edits["move by a step"]["encodes"] <= 2  # the ends of the clip alone
    assert edits["move by a sample"]["encodes"] <= chunks
    assert edits["trim"]["encodes"] <= 2
    assert edits["split"]["encodes"] <= 4
    assert edits["undo"] == {"encodes": 0, "decodes": 0}
    assert edits["reopen"]["encodes"] == 0
    assert edits["reopen"]["decodes"] <= chunks  # fewer on a busy machine: what takes long is kept on disk


def test_every_figure_is_there_and_was_measured(figures: dict[str, object]) -> None:
    for name in ("edit_to_audio_ms", "plain_script_ms", "every_track_ms"):
        times = figures[name]
        assert isinstance(times, dict)
        assert list(times) == ["1", "3"]
        assert all(value > 0.0 for value in times.values())
    assert isinstance(figures["export"], list)
    (export,) = figures["export"]
    assert export["minutes"] == 0.1
    assert export["x_realtime"] > 0.0
    assert export["peak_mib"] > 10.0
    assert isinstance(figures["plan_ms"], dict)
    assert list(figures["plan_ms"]) == ["64"]
    times, ratio = figures["long_timeline"], figures["long_timeline_ratio"]
    assert isinstance(times, dict)
    assert isinstance(ratio, float)
    assert ratio == max(times[f"long_{edit}_ms"] / times[f"short_{edit}_ms"] for edit in ("move", "fader"))
    assert ratio < 20.0, "silence costs time again: it was some 400 then"


@pytest.mark.slow
def test_the_command_prints_json(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--tracks", "1", "--minutes", "0.1", "--export-minutes", "0.1", "--codec", "mdct-1x"]
    assert run(["bench", "engine", "--json", *options]) == 0
    assert json.loads(capsys.readouterr().out)["codec"] == "mdct-1x"
    assert run(["bench", "engine", "--tracks", "one"]) == 2
    assert "--tracks" in capsys.readouterr().err
