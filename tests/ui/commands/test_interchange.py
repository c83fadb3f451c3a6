"""DAWprojects in the window: exporting, importing as a copy, and reporting differences."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from lincae_studio.session import edits
from lincae_studio.ui.main_window import MainWindow
from tests.helpers import noise, write_audio
from tests.ui.asked import Answer, Asked
from tests.ui.conftest import LIMIT_MS, wait_imported, wait_rendered
from tests.ui.drive import drop_files, press

CTRL = Qt.KeyboardModifier.ControlModifier


def settle(qtbot: QtBot, window: MainWindow) -> None:
    qtbot.waitUntil(lambda: not window.interchange_commands.busy, timeout=LIMIT_MS)
    wait_imported(qtbot, window)


@pytest.fixture
def written(qtbot: QtBot, song: MainWindow, asked: Asked, tmp_path: Path) -> Path:
    """The song, with a pan and a loop, exported as a DAWproject."""
    wait_rendered(qtbot, song)
    second = song.document.session.tracks[1].id
    song.document.apply("Pan", lambda s: edits.set_track_pan(edits.set_track_gain(s, second, 0.5), second, -0.5))
    song.place_commands.set_loop(0, 44_100)
    assert song.save_to(tmp_path / "song.lincae")
    asked.name = str(tmp_path / "out" / "song")
    (tmp_path / "out").mkdir()
    song.actions_by_id["export_dawproject"].trigger()
    settle(qtbot, song)
    assert "Exported" in song.messages.text.text()
    assert "Some things were changed or left out" in song.messages.text.text()
    assert "loop" in song.messages.details
    return tmp_path / "out" / "song.dawproject"


@pytest.mark.engine
def test_a_session_survives_a_round_trip_through_another_program(
    qtbot: QtBot, song: MainWindow, written: Path, asked: Asked
) -> None:
    wait_rendered(qtbot, song)
    whole = song.rendering.reader().read(0, song.document.session.length)
    asked.name = str(written)
    song.actions_by_id["import_dawproject"].trigger()
    settle(qtbot, song)
    session = song.document.session
    assert [track.name for track in session.tracks] == ["a", "b", "c"]
    assert song.document.path is None
    assert song.document.modified, "not saved to a project file yet"
    assert song.document.title == "song"
    folder = written.with_name("song audio")
    assert sorted(path.name for path in folder.iterdir()) == ["a.wav", "b.wav", "c.wav"]
    wait_rendered(qtbot, song)
    np.testing.assert_allclose(song.rendering.reader().read(0, session.length), whole, atol=1e-5)
    assert f"Its audio is in {folder}" in song.messages.text.text()


@pytest.mark.engine
@pytest.mark.parametrize("way", ["open", "drop"])
def test_it_is_opened_as_any_project(qtbot: QtBot, song: MainWindow, written: Path, asked: Asked, way: str) -> None:
    press(song, Qt.Key.Key_N, CTRL)
    if way == "open":
        asked.name = str(written)
        press(song, Qt.Key.Key_O, CTRL)
    else:
        drop_files(song.timeline.lanes, [written], 300, 100)
    settle(qtbot, song)
    assert len(song.document.session.tracks) == 3


@pytest.mark.engine
def test_unsaved_work_is_asked_about(qtbot: QtBot, song: MainWindow, written: Path, asked: Asked) -> None:
    press(song, Qt.Key.Key_T, CTRL)
    asked.answer = Answer.Cancel
    song.actions_by_id["import_dawproject"].trigger()
    assert "unsaved changes" in asked.questions[-1]
    assert not song.interchange_commands.busy
    assert len(song.document.session.tracks) == 4


@pytest.mark.engine
def test_a_damaged_file_is_reported(qtbot: QtBot, song: MainWindow, written: Path) -> None:
    before = song.document.session
    written.write_bytes(written.read_bytes()[:3000])
    song.open_project(written)
    settle(qtbot, song)
    assert song.messages.text.text().startswith("Cannot open")
    assert song.document.session is before
    assert not written.with_name("song audio").exists()


def test_an_export_continues_when_another_document_is_opened(
    qtbot: QtBot, song: MainWindow, asked: Asked, tmp_path: Path
) -> None:
    assert song.save_to(tmp_path / "song.lincae")
    asked.name = str(tmp_path / "out.dawproject")
    song.actions_by_id["export_dawproject"].trigger()
    press(song, Qt.Key.Key_N, CTRL)
    assert song.document.session.tracks == ()
    settle(qtbot, song)
    assert (tmp_path / "out.dawproject").exists()
    assert "Exported" in song.messages.text.text()


@pytest.mark.engine
def test_edits_made_while_a_file_is_read_are_asked_about(
    qtbot: QtBot, song: MainWindow, written: Path, asked: Asked
) -> None:
    asked.name = str(written)
    song.actions_by_id["import_dawproject"].trigger()
    press(song, Qt.Key.Key_T, CTRL)
    settle(qtbot, song)
    assert "unsaved changes" in asked.questions[-1]
    assert len(song.document.session.tracks) == 4
    assert f"any audio in it was extracted to {written.with_name('song audio')}" in song.messages.text.text()


@pytest.mark.engine
def test_where_audio_cannot_be_written_another_folder_is_offered(
    qtbot: QtBot, song: MainWindow, written: Path, asked: Asked, tmp_path: Path
) -> None:
    written.with_name("song audio").write_text("a file in the way")
    press(song, Qt.Key.Key_N, CTRL)
    song.open_paths([written, write_audio(tmp_path / "d.wav", noise(4, 20_000))])
    settle(qtbot, song)
    assert "song audio" in song.messages.text.text()
    (tmp_path / "elsewhere").mkdir()
    asked.name = str(tmp_path / "elsewhere")
    qtbot.mouseClick(song.messages.offer, Qt.MouseButton.LeftButton)
    settle(qtbot, song)
    assert [track.name for track in song.document.session.tracks] == ["a", "b", "c", "d"], "with audio opened together"
    assert sorted(path.name for path in (tmp_path / "elsewhere").iterdir()) == ["a.wav", "b.wav", "c.wav"]


def test_a_name_that_is_too_long_is_reported(qtbot: QtBot, song: MainWindow, asked: Asked, tmp_path: Path) -> None:
    asked.name = str(tmp_path / ("x" * 300))
    song.actions_by_id["export_dawproject"].trigger()
    settle(qtbot, song)
    assert "too long" in song.messages.text.text()
