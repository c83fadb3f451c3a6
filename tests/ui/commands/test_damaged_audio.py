"""Cached audio that was damaged on disk, in the window: silent until it is rebuilt, and reported."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from lincae_studio.media.store import MediaStore
from lincae_studio.session import edits, files
from lincae_studio.session.model import Session
from lincae_studio.ui.main_window import MainWindow
from tests.helpers import damage, noise, write_audio
from tests.ui.conftest import LIMIT_MS, set_zoom, wait_rendered

AUDIO = noise(1, 90_000, 1, 0.1)


@pytest.fixture
def damaged(tmp_path: Path, cache_dir: Path) -> Path:
    """A project of "drums.wav", whose audio in the cache is damaged."""
    media = MediaStore(cache_dir).import_file(write_audio(tmp_path / "music" / "drums.wav", AUDIO))
    path = tmp_path / "music" / "song.lincae"
    files.save(edits.add_stems(Session(), [media], 0), path)
    (conformed,) = cache_dir.glob(f"media-v1/*/{media.digest}/audio.f32")
    damage(conformed, 4 * 40_000, 4 * 1000)
    return path


def wait_repaired(qtbot: QtBot, window: MainWindow) -> None:
    def repaired() -> bool:
        return not window.importer.busy and "has been rebuilt" in window.messages.text.text()

    qtbot.waitUntil(repaired, timeout=LIMIT_MS)
    assert "cached audio of drums.wav was damaged" in window.messages.text.text()


@pytest.mark.engine
def test_the_engine_finds_the_damage(qtbot: QtBot, window: MainWindow, damaged: Path) -> None:
    window.open_project(damaged)
    wait_repaired(qtbot, window)
    wait_rendered(qtbot, window)
    np.testing.assert_allclose(window.rendering.dry.read(0, 90_000)[0], AUDIO[:, 0], atol=1e-6)
    assert not window.rendering.offline
    assert "has been rebuilt" in window.messages.text.text(), "nothing is reported as failed"


def test_playback_finds_the_damage(qtbot: QtBot, window: MainWindow, damaged: Path) -> None:
    window.open_project(damaged)
    found = window.rendering.dry.read(0, 90_000)
    assert not found.any(), "the damaged block is all of the file"
    wait_repaired(qtbot, window)
    np.testing.assert_allclose(window.rendering.dry.read(0, 90_000)[0], AUDIO[:, 0], atol=1e-6)


def test_drawing_finds_the_damage(qtbot: QtBot, window: MainWindow, damaged: Path) -> None:
    window.open_project(damaged)
    set_zoom(window, 20)
    window.timeline.lanes.grab()
    wait_repaired(qtbot, window)


def test_without_its_file_the_audio_is_missing(qtbot: QtBot, window: MainWindow, damaged: Path) -> None:
    damaged.with_name("drums.wav").unlink()
    window.open_project(damaged)
    assert not window.rendering.offline
    window.rendering.dry.read(0, 1000)
    qtbot.waitUntil(lambda: "1 of 1 audio file" in window.messages.text.text(), timeout=LIMIT_MS)
    assert "audio of drums.wav is damaged" in window.messages.details
    assert window.rendering.offline == {window.document.session.media[0].digest}
    assert not window.rendering.dry.read(0, 90_000).any()
