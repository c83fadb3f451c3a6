"""A project and audio that are opened together, as from a file manager: the audio goes into the project."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from lincae_studio.session import edits, files
from lincae_studio.session.model import Session
from lincae_studio.ui.main_window import MainWindow
from tests.helpers import noise, write_audio
from tests.ui.conftest import wait_imported
from tests.ui.drive import drop_files, press

CTRL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def ballad(tmp_path: Path) -> Path:
    path = tmp_path / "ballad.lincae"
    files.save(edits.add_track(Session(), "Vox"), path)
    return path


@pytest.fixture
def stems(tmp_path: Path) -> list[Path]:
    return [write_audio(tmp_path / f"{name}.wav", noise(1, 20_000)) for name in ("bass", "drums")]


def tracks(window: MainWindow) -> list[str]:
    return [track.name for track in window.document.session.tracks]


@pytest.mark.parametrize("dropped", [False, True], ids=["at the start", "dropped"])
def test_audio_is_imported_into_the_project(
    qtbot: QtBot, window: MainWindow, ballad: Path, stems: list[Path], dropped: bool
) -> None:
    together = [stems[1], ballad, stems[0]]
    if dropped:
        assert drop_files(window.timeline.lanes, together, 300, 100)
    else:
        window.open_paths(together)
    wait_imported(qtbot, window)
    assert window.document.path == ballad
    assert tracks(window) == ["Vox", "bass", "drums"]
    assert {clip.start for clip in window.document.session.clips()} == {0}
    assert window.document.modified
    press(window, Qt.Key.Key_Z, CTRL)
    assert tracks(window) == ["Vox"]
    assert not window.document.modified


def test_nothing_is_imported_when_the_project_cannot_be_opened(
    qtbot: QtBot, song: MainWindow, tmp_path: Path, ballad: Path, stems: list[Path]
) -> None:
    assert song.save_to(tmp_path / "song.lincae")
    before = song.document.session
    ballad.write_bytes(ballad.read_bytes()[:20])
    assert drop_files(song.timeline.lanes, [ballad, *stems], 300, 100)
    qtbot.waitUntil(lambda: not song.project_commands.busy)
    wait_imported(qtbot, song)
    assert song.messages.text.text().startswith(f"Cannot open {ballad}")
    assert song.document.session is before


def test_of_several_projects_the_first_is_opened_and_the_others_are_named(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, ballad: Path, stems: list[Path]
) -> None:
    other = tmp_path / "waltz.lincae"
    files.save(Session(), other)
    window.open_paths([ballad, other, *stems])
    wait_imported(qtbot, window)
    assert window.document.path == ballad
    assert tracks(window) == ["Vox", "bass", "drums"]
    assert "Only ballad.lincae is opened, not waltz.lincae" in window.messages.said[0].message.text
