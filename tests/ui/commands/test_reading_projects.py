"""Projects are read in a thread: the window stays usable meanwhile, and shows the project opened last."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from lincae_studio import paths
from lincae_studio.codecs.diffusers import folder
from lincae_studio.codecs.folders import file_sha256
from lincae_studio.codecs.library import CONFIG_NAME
from lincae_studio.media.store import MediaStore
from lincae_studio.session import edits, files
from lincae_studio.session.journal import Journal
from lincae_studio.session.model import Session
from lincae_studio.ui.dialogs.recovery import RecoveryDialog
from lincae_studio.ui.jobs import reading
from lincae_studio.ui.jobs.progress_dialog import ProgressDialog
from lincae_studio.ui.main_window import MainWindow
from lincae_studio.ui.rendering import planning, spare_time
from tests.helpers import missing_clips, noise, write_audio
from tests.ui.asked import Answer, Asked
from tests.ui.conftest import LIMIT_MS
from tests.ui.drive import press


@pytest.fixture
def slow(window: MainWindow, monkeypatch: pytest.MonkeyPatch) -> MainWindow:
    """The window, which treats every project as slow to read."""
    monkeypatch.setattr(reading, "PATIENCE_S", 0.0)
    return window


def saved(folder: Path, name: str, tracks: int) -> Path:
    path = folder / f"{name}.lincae"
    files.save(missing_clips(tracks, tracks), path)
    return path


def read(qtbot: QtBot, window: MainWindow) -> None:
    jobs = window.project_commands, window.importer, window.project_files
    qtbot.waitUntil(lambda: not any(job.busy for job in jobs), timeout=LIMIT_MS)


def test_the_window_stays_usable_while_a_project_is_read(qtbot: QtBot, slow: MainWindow, tmp_path: Path) -> None:
    slow.open_project(saved(tmp_path, "ballad", 3))
    assert slow.project_commands.busy
    assert slow.document.session == Session(), "as before, until the project is read"
    read(qtbot, slow)
    assert slow.document.path == tmp_path / "ballad.lincae"
    assert [track.name for track in slow.document.session.tracks] == ["track 1", "track 2", "track 3"]
    assert not slow.isWindowModified()


def test_the_project_chosen_last_is_opened(qtbot: QtBot, slow: MainWindow, tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        slow.open_project(saved(tmp_path, name, 2))
    read(qtbot, slow)
    assert slow.document.path == tmp_path / "three.lincae"
    assert slow.preferences.value.recent == (str(tmp_path / "three.lincae"),)


def test_cancelling_keeps_the_document(qtbot: QtBot, slow: MainWindow, tmp_path: Path) -> None:
    press(slow, Qt.Key.Key_T, Qt.KeyboardModifier.ControlModifier)
    before = slow.document.session
    slow.open_project(saved(tmp_path, "ballad", 2))
    dialog = next(one for one in slow.findChildren(ProgressDialog) if one.windowTitle() == "Opening ballad.lincae")
    dialog.reject()
    read(qtbot, slow)
    QApplication.processEvents()
    assert slow.document.session is before
    assert slow.isWindowModified()


def test_edits_made_meanwhile_are_not_lost(qtbot: QtBot, slow: MainWindow, asked: Asked, tmp_path: Path) -> None:
    slow.open_project(saved(tmp_path, "ballad", 2))
    slow.actions_by_id["add_track"].trigger()  # a key press would let the project open before it
    edited = slow.document.session
    asked.answer = Answer.Cancel
    read(qtbot, slow)
    assert "has unsaved changes" in asked.questions[0]
    assert slow.document.session is edited


def test_a_damaged_project_is_reported_and_keeps_the_document(qtbot: QtBot, slow: MainWindow, tmp_path: Path) -> None:
    (tmp_path / "broken.lincae").write_text("{")
    slow.open_project(tmp_path / "broken.lincae")
    read(qtbot, slow)
    assert "broken.lincae: it is not a LinCAE Studio project" in slow.messages.text.text()
    assert slow.document.path is None


def test_audio_is_loading_until_it_is_known_to_be_missing(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    window.open_project(saved(tmp_path, "ballad", 3))
    qtbot.waitUntil(lambda: window.document.path is not None, timeout=LIMIT_MS)
    assert window.status.render.text() == "loading audio…"
    assert not window.messages.isVisible()
    window.rendering.update_plan()
    [warning] = window.rendering.export_warnings()
    assert "has not been loaded yet" in warning
    read(qtbot, window)
    assert not window.rendering.loading
    assert "loading" not in window.status.render.text()
    assert "could not be opened" in window.messages.text.text()
    [warning] = window.rendering.export_warnings()
    assert "missing" in warning
    window.document.replace(Session(), None)
    assert not window.messages.isVisible(), "it is about another session"


def test_audio_is_loading_until_it_is_planned(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a large session, seconds pass between the end of reading and the plan that knows of it."""
    elsewhere = MediaStore(tmp_path / "another cache")
    media = elsewhere.import_file(write_audio(tmp_path / "a.wav", noise(1, 5000)))
    path = tmp_path / "ballad.lincae"
    files.save(edits.add_stems(Session(), [media], 0), path)
    states: list[tuple[bool, int]] = []

    def note() -> None:
        states.append((window.rendering.loading, len(window.rendering.offline)))
        if window.rendering.loading:  # from here on, plans are made step by step
            monkeypatch.setattr(planning, "_AT_ONCE_S", 0.0)
            monkeypatch.setattr(spare_time, "_SLICE_S", 0.0)

    window.rendering.loading_changed.connect(note)
    window.rendering.plan_changed.connect(note)
    window.open_project(path)
    read(qtbot, window)
    qtbot.waitUntil(lambda: not window.rendering.planning, timeout=LIMIT_MS)
    loading = states.index((True, 1))
    assert states[-1] == (False, 0)
    assert (False, 1) not in states[loading:], "it is never called missing"


@pytest.mark.parametrize("way", ["opened", "recovered"])
def test_weights_of_a_folder_are_hashed_in_a_job(
    qtbot: QtBot, slow: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    threads: list[str] = []

    def hashed(path: Path, *_: object) -> str:
        threads.append(threading.current_thread().name)
        return file_sha256(path)

    monkeypatch.setattr(folder, "file_sha256", hashed)
    model = tmp_path / "model"
    model.mkdir()
    (model / CONFIG_NAME).write_text('{"_class_name": "AutoencoderOobleck"}')
    (model / folder.WEIGHTS_NAME).write_bytes(b"not read by the window")
    session = edits.set_codec(missing_clips(2, 2), str(model))
    if way == "opened":
        files.save(session, tmp_path / "ballad.lincae")
        slow.open_project(tmp_path / "ballad.lincae")
    else:
        kept = Journal(paths.recovery_dirs()[0], lambda error: pytest.fail(str(error)))
        kept.record(session, "Codec", "ballad", None)
        assert kept.settle()
        kept.close(keep=True)
        slow.actions_by_id["recover"].trigger()
        [dialog] = slow.findChildren(RecoveryDialog)
        dialog.open_chosen()
    read(qtbot, slow)
    assert slow.rendering.update_plan().codec.title == "model"
    assert threads == ["job"]
