"""`bench engine`: what an edit must cost, counted; times are measured, not judged."""

from __future__ import annotations

import contextlib
import io
import json
from typing import Any

import pytest

from lincae_studio.cli import run

SMALL = ["--codec=mdct-2x", "--tracks=1,3", "--minutes=0.1", "--export-minutes=0.1", "--clips=64", "--repeats=1"]


@pytest.fixture(scope="module")
def figures() -> dict[str, Any]:
    """What the command prints as JSON."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert run(["bench", "engine", "--json", *SMALL]) == 0
    return dict(json.loads(out.getvalue()))


def test_edits_cost_as_few_encodes_and_decodes_as_they_can(figures: dict[str, Any]) -> None:
    edits = figures["edits"]
    chunks = edits["open"]["decodes"]
    assert edits["open"]["encodes"] == 4 * chunks
    for name in ("gain", "mute"):
        assert edits[name] == {"encodes": 0, "decodes": chunks}
    assert edits["pan"] == {"encodes": 0, "decodes": 2 * chunks}
    assert edits["move by a step"]["encodes"] <= 2  # the ends of the clip alone
    assert edits["move by a sample"]["encodes"] <= chunks
    assert edits["trim"]["encodes"] <= 2
    assert edits["split"]["encodes"] <= 4
    assert edits["reverse"]["encodes"] <= chunks
    assert edits["invert"]["encodes"] == 0
    assert edits["stretch"]["encodes"] <= chunks + 1
    assert edits["reverse again"] == {"encodes": 0, "decodes": 0}
    assert edits["undo"] == {"encodes": 0, "decodes": 0}
    assert edits["reopen"]["encodes"] <= 4 * chunks  # latents of a built-in codec are not kept on disk, some chunks are
    assert edits["reopen"]["decodes"] <= chunks  # fewer on a busy machine: what takes long is kept on disk


def test_a_ripple_delete_over_all_tracks_costs_what_it_touches(figures: dict[str, Any]) -> None:
    ripple = figures["ripple"]
    assert ripple["tracks"] == 64
    assert ripple["encodes"] == 64 * ripple["chunks"]
    # Moved by whole steps, what follows keeps its latents and its chunks. At the cut, an end and a start of each track
    # are in two overlapping windows.
    assert ripple["steps_encodes"] <= 4 * 64
    assert ripple["steps_decodes"] <= 2
    assert ripple["other_encodes"] <= 64 * (ripple["chunks"] - 2)  # what was before the cut is as it was
    assert ripple["other_decodes"] <= ripple["chunks"] - 2
    assert ripple["edit_ms"] > 0.0
    assert ripple["plan_ms"] > 0.0


def test_every_figure_is_there_and_was_measured(figures: dict[str, Any]) -> None:
    for name in ("edit_to_audio_ms", "plain_script_ms", "every_track_ms"):
        times = figures[name]
        assert list(times) == ["1", "3"]
        assert all(value > 0.0 for value in times.values())
    (export,) = figures["export"]
    assert export["minutes"] == 0.1
    assert export["x_realtime"] > 0.0
    assert export["peak_mib"] > 10.0
    assert list(figures["plan_ms"]) == ["64"]
    times, ratio = figures["long_timeline"], figures["long_timeline_ratio"]
    assert ratio == max(times[f"long_{edit}_ms"] / times[f"short_{edit}_ms"] for edit in ("move", "fader"))
    assert ratio < 20.0, "silence costs time again: it was about 400 then"


@pytest.mark.parametrize("option", ["--tracks=one", "--clips=0", "--repeats=0"])
def test_what_cannot_be_measured_is_refused(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "engine", option]) == 2
    assert capsys.readouterr().err.count("\n") == 1
