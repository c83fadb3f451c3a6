"""`bench ui`: every figure is present and was measured; frame times are not judged here."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from lincae_studio.cli import run

OPENED = ["--opened-tracks", "4", "--opened-clips", "60"]
SMALL = ["--tracks", "3", "--clips", "7", "--minutes", "0.5", "--frames", "6", "--starts", "1", *OPENED]


@pytest.mark.slow
def test_the_command_prints_every_figure(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "ui", "--json", *SMALL, "--all-views"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["all_views"]
    for movement in ("scroll", "scroll_tracks", "zoom", "playhead", "fader", "clip", "mix", "heatmap"):
        assert 0.0 < figures[f"{movement}_ms"] <= figures[f"{movement}_p95_ms"], movement
    assert 0.0 <= figures["over_budget"] <= 1.0
    assert figures["longest_block_ms"] > 0.0
    assert figures["longest_block_cpu_ms"] > 0.0
    for name in ("longest_edit_block_ms", "first_opening_s", "second_opening_s"):
        assert figures[name] >= 0.0, "a small project may open before the first look at it"
    assert figures["first_paint_s"] > 0.0
    assert figures["rss_mib"] > 20.0
    assert (figures["tracks"], figures["clips"], figures["minutes"]) == (3, 7, 0.5)


def test_what_cannot_be_measured_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for option in ("--tracks", "--clips", "--frames"):
        assert run(["bench", "ui", option, "0"]) == 2
        assert "must be at least 1" in capsys.readouterr().err
    assert run(["bench", "ui", "--opened-tracks", "0"]) == 2
    assert "the project to open must have 1 to" in capsys.readouterr().err
    assert run(["bench", "ui", "--tracks", "9", "--clips", "5"]) == 2
    assert "fewer clips than tracks" in capsys.readouterr().err


@pytest.mark.slow
def test_playing_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    """In a process of its own: there is one application in each."""
    options = ["bench", "playback", "--json", "--seconds", "1", "--tracks", "2", "--codec", "mdct-2x"]
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    command = [sys.executable, "-m", "lincae_studio", *options]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["seconds"] >= 1.0
    assert figures["edits"] >= 2
    assert figures["chunks_rendered"] > 0
    assert figures["dropouts"] >= 0
    assert run(["bench", "playback", "--seconds", "0"]) == 2
    assert "out of range" in capsys.readouterr().err
