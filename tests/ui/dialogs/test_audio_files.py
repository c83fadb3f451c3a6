"""Files that are missing or changed, through the window: seen, found, used, collected."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from pytestqt.qtbot import QtBot

from lincae_studio.media.store import MediaStore
from lincae_studio.session import edits, files
from lincae_studio.ui.dialogs.audio_files import AudioFilesDialog
from lincae_studio.ui.jobs.background_job import BackgroundJob
from lincae_studio.ui.main_window import MainWindow
from tests.helpers import noise, write_audio
from tests.ui.asked import Asked
from tests.ui.conftest import LIMIT_MS, wait_imported, wait_rendered
from tests.ui.drive import press

CTRL = Qt.KeyboardModifier.ControlModifier


def settle(qtbot: QtBot, window: MainWindow) -> None:
    jobs = (window.project_files, window.media_commands, window.importer)
    qtbot.waitUntil(lambda: not any(one.busy for one in jobs), timeout=LIMIT_MS)


def files_dialog(qtbot: QtBot, window: MainWindow) -> AudioFilesDialog:
    window.actions_by_id["media_files"].trigger()
    settle(qtbot, window)
    return next(one for one in window.findChildren(AudioFilesDialog) if one.isVisible())


def states(dialog: AudioFilesDialog) -> dict[str, str]:
    cells = [(dialog.table.item(row, 0), dialog.table.item(row, 1)) for row in range(dialog.table.rowCount())]
    return {name.text(): state.text() for name, state in cells if name is not None and state is not None}


def select(dialog: AudioFilesDialog, name: str) -> None:
    dialog.table.clearSelection()
    row = next(n for n, media in enumerate(dialog._rows) if media.media.path.endswith(name))
    dialog.table.selectRow(row)


@pytest.fixture
def elsewhere(qtbot: QtBot, song: MainWindow, tmp_path: Path) -> Iterator[MainWindow]:
    """The song on another machine: nothing in the cache, and its files in another folder under other names."""
    wait_rendered(qtbot, song)
    assert song.save_to(tmp_path / "song.lincae")
    song.document.replace(song.document.session, None)
    moved = tmp_path / "moved" / "deeper"
    shutil.move(tmp_path / "song", moved)
    (moved / "a.wav").rename(moved / "renamed.wav")
    cache = tmp_path / "cache 2"
    window = MainWindow(MediaStore(cache), cache)
    qtbot.addWidget(window)
    with qtbot.waitSignal(window.first_painted, timeout=LIMIT_MS):
        window.show()
    window.start_engine_and_views()
    window.open_project(tmp_path / "song.lincae")
    settle(qtbot, window)
    yield window
    window.document.replace(window.document.session, None)
    assert window.close()


@pytest.mark.engine
def test_missing_files_are_found_in_a_folder_at_once(
    qtbot: QtBot, elsewhere: MainWindow, asked: Asked, tmp_path: Path
) -> None:
    window = elsewhere
    assert "3 of 3 audio files" in window.messages.text.text()
    qtbot.mouseClick(window.messages.offer, Qt.MouseButton.LeftButton)
    settle(qtbot, window)
    dialog = next(one for one in window.findChildren(AudioFilesDialog) if one.isVisible())
    assert set(states(dialog).values()) == {"missing"}
    assert "3 missing" in dialog.summary.text()
    before = window.document.session
    asked.name = str(tmp_path / "moved")
    qtbot.mouseClick(dialog.search_button, Qt.MouseButton.LeftButton)
    settle(qtbot, window)
    assert "Found 3 of 3" in window.messages.text.text()
    assert set(states(dialog).values()) == {"present"}
    after = window.document.session
    assert [clip.name for clip in after.clips()] == ["renamed", "b", "c"], "names follow files"
    assert edits.rename_clip(after, 2, "a").tracks == before.tracks, "every edit is kept"
    wait_rendered(qtbot, window)
    assert window.rendering.offline == frozenset()
    assert np.abs(window.rendering.reader().read(0, 44_100)).max() > 0.1
    assert window.document.undo_text == "Relink 3 Files"
    press(window, Qt.Key.Key_Z, CTRL)
    assert window.document.session == before
    press(window, Qt.Key.Key_Y, CTRL)
    assert window.save_to(tmp_path / "song.lincae")
    assert files.load(tmp_path / "song.lincae").media[0].path == str(tmp_path / "moved" / "deeper" / "renamed.wav")


@pytest.mark.engine
def test_a_search_that_finds_nothing_says_so(qtbot: QtBot, elsewhere: MainWindow, asked: Asked, tmp_path: Path) -> None:
    dialog = files_dialog(qtbot, elsewhere)
    (tmp_path / "empty").mkdir()
    asked.name = str(tmp_path / "empty")
    qtbot.mouseClick(dialog.search_button, Qt.MouseButton.LeftButton)
    settle(qtbot, elsewhere)
    assert "None of the missing files" in elsewhere.messages.text.text()
    assert not elsewhere.document.modified
    asked.name = ""
    qtbot.mouseClick(dialog.search_button, Qt.MouseButton.LeftButton)
    assert not elsewhere.project_files.busy, "no folder was chosen"


@pytest.mark.engine
def test_one_file_is_located_and_another_one_only_on_request(
    qtbot: QtBot, elsewhere: MainWindow, asked: Asked, tmp_path: Path
) -> None:
    dialog = files_dialog(qtbot, elsewhere)
    select(dialog, "a.wav")
    asked.name = str(tmp_path / "moved" / "deeper" / "b.wav")
    qtbot.mouseClick(dialog.locate_button, Qt.MouseButton.LeftButton)
    settle(qtbot, elsewhere)
    assert "is not the same audio as a.wav" in asked.questions[-1]
    assert not elsewhere.document.modified
    asked.name = str(tmp_path / "moved" / "deeper" / "renamed.wav")
    qtbot.mouseClick(dialog.locate_button, Qt.MouseButton.LeftButton)
    settle(qtbot, elsewhere)
    assert states(dialog) == {
        "renamed.wav": "present",
        "b.wav": "missing, played from the cache",  # it was read to see what it is
        "c.wav": "missing",
    }
    select(dialog, "b.wav")
    asked.yes, asked.name = True, str(tmp_path / "moved" / "deeper" / "c.wav")
    qtbot.mouseClick(dialog.locate_button, Qt.MouseButton.LeftButton)
    settle(qtbot, elsewhere)
    assert set(states(dialog)) == {"renamed.wav", "c.wav"}
    clip = elsewhere.document.session.tracks[1].clips[0]
    assert clip.length == 2 * 44_100, "it ends with the shorter audio"


@pytest.mark.engine
def test_a_file_that_changes_is_noticed_and_used_on_request(qtbot: QtBot, song: MainWindow, tmp_path: Path) -> None:
    wait_rendered(qtbot, song)
    old = song.document.session.media[0]
    before = song.rendering.reader().read(0, 44_100)
    path = Path(old.path)
    write_audio(path, noise(99, 3 * 44_100, level=0.3))
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 10**9))
    song.project_files.check()
    settle(qtbot, song)
    assert "Changed on disk: a.wav" in song.messages.text.text()
    np.testing.assert_array_equal(song.rendering.reader().read(0, 44_100), before)
    song.messages.hide()
    song.project_files.check()
    settle(qtbot, song)
    assert not song.messages.isVisible(), "it is reported once"
    dialog = files_dialog(qtbot, song)
    assert states(dialog)["a.wav"] == "changed on disk"
    assert not dialog.changed_button.isEnabled()
    select(dialog, "a.wav")
    qtbot.mouseClick(dialog.changed_button, Qt.MouseButton.LeftButton)
    settle(qtbot, song)
    assert states(dialog)["a.wav"] == "present"
    assert song.document.session.tracks[0].clips[0].length == 3 * 44_100
    wait_rendered(qtbot, song)
    assert np.abs(song.rendering.reader().read(0, 44_100) - before).max() > 0.05
    press(song, Qt.Key.Key_Z, CTRL)
    wait_rendered(qtbot, song)
    np.testing.assert_array_equal(song.rendering.reader().read(0, 44_100), before)


def test_a_window_that_is_used_again_looks_at_its_files(qtbot: QtBot, song: MainWindow) -> None:
    path = Path(song.document.session.media[1].path)
    path.unlink()
    other = AudioFilesDialog(song.project_files, song)
    other.show()
    qtbot.waitUntil(other.isActiveWindow, timeout=LIMIT_MS)
    other.close()
    song.activateWindow()
    qtbot.waitUntil(lambda: song.project_files.state(song.document.session.media[1]) == "missing", timeout=LIMIT_MS)


@pytest.mark.engine
def test_collect_and_save(qtbot: QtBot, song: MainWindow, asked: Asked, tmp_path: Path) -> None:
    wait_rendered(qtbot, song)
    Path(song.document.session.media[2].path).unlink()
    asked.name = str(tmp_path / "given away" / "song.lincae")
    (tmp_path / "given away").mkdir()
    song.actions_by_id["collect"].trigger()
    settle(qtbot, song)
    folder = tmp_path / "given away" / "song audio"
    assert sorted(path.name for path in folder.iterdir()) == ["a.wav", "b.wav", "c.wav"]
    assert not song.document.modified
    assert "Collected 3 audio files in" in song.messages.text.text()
    shutil.move(tmp_path / "given away", tmp_path / "received")
    moved = files.load(tmp_path / "received" / "song.lincae")
    assert all(Path(media.path).is_file() for media in moved.media)
    assert all(Path(media.path).is_relative_to(tmp_path / "received") for media in moved.media)


def test_collecting_needs_a_name(song: MainWindow, asked: Asked) -> None:
    song.actions_by_id["collect"].trigger()
    assert asked.questions == ["Save Project"]
    assert not song.project_files.busy


def test_a_session_without_clips_has_no_files(qtbot: QtBot, window: MainWindow) -> None:
    dialog = files_dialog(qtbot, window)
    assert dialog.summary.text() == "No audio files."
    assert not dialog.search_button.isEnabled()
    action: QAction = window.actions_by_id["collect"]
    assert not action.isEnabled()
    wait_imported(qtbot, window)


@pytest.mark.engine
def test_a_search_leaves_changed_files_as_they_were_imported(
    qtbot: QtBot, song: MainWindow, asked: Asked, tmp_path: Path
) -> None:
    wait_rendered(qtbot, song)
    changed, missing = (Path(song.document.session.media[n].path) for n in (0, 1))
    write_audio(changed, noise(99, 4 * 44_100, level=0.3))
    missing.unlink()
    dialog = files_dialog(qtbot, song)
    assert sorted(states(dialog).values()) == ["changed on disk", "missing, played from the cache", "present"]
    before = song.document.session
    asked.name = str(changed.parent)
    qtbot.mouseClick(dialog.search_button, Qt.MouseButton.LeftButton)
    settle(qtbot, song)
    assert song.document.session == before


def test_looking_at_files_leaves_no_jobs_behind(qtbot: QtBot, song: MainWindow) -> None:
    for _ in range(3):
        song.project_files.check()
        settle(qtbot, song)
    qtbot.waitUntil(lambda: not song.findChildren(BackgroundJob), timeout=LIMIT_MS)
