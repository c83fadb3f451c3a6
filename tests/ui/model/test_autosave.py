"""Nothing of the user's work is lost: through the window, and with its program killed."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import pytest
import soundfile as sf
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QDialog, QPushButton
from pytestqt.qtbot import QtBot

from lincae_studio import paths
from lincae_studio.media.store import MediaStore
from lincae_studio.session import edits, files, recovery
from lincae_studio.session.journal import Journal
from lincae_studio.session.locks import ProjectLock
from lincae_studio.ui.dialogs.recovery import RecoveryDialog, VersionsDialog
from lincae_studio.ui.main_window import MainWindow
from lincae_studio.ui.model.preference_store import PreferenceStore
from tests.helpers import REPOSITORY, noise, write_audio
from tests.ui.asked import Answer, Asked
from tests.ui.conftest import LIMIT_MS, wait_imported
from tests.ui.drive import press

CTRL = Qt.KeyboardModifier.ControlModifier

Dialog = TypeVar("Dialog", RecoveryDialog, VersionsDialog)


def leftovers() -> list[recovery.Leftover]:
    return recovery.leftovers(*paths.recovery_dirs())


def names(window: MainWindow) -> list[str]:
    return [track.name for track in window.document.session.tracks]


def leave_behind(window: MainWindow, name: str, project: str = "") -> None:
    """As a program that was killed while it had a track of this name."""
    kept = Journal(paths.recovery_dirs()[0], lambda error: pytest.fail(str(error)))
    session = edits.add_track(window.document.session, name)
    kept.record(session, "Add Track", name, Path(project) if project else None)
    assert kept.settle()
    kept.close(keep=True)


def button(dialog: QDialog, text: str) -> QPushButton:
    return next(one for one in dialog.findChildren(QPushButton) if one.text().replace("&", "") == text)


def dialog_of(qtbot: QtBot, window: MainWindow, kind: type[Dialog]) -> Dialog:
    qtbot.waitUntil(lambda: any(one.isVisible() for one in window.findChildren(kind)), timeout=LIMIT_MS)
    return next(one for one in window.findChildren(kind) if one.isVisible())


def cell(dialog: RecoveryDialog, row: int, column: int) -> str:
    item = dialog.table.item(row, column)
    assert item is not None
    return item.text()


def test_every_edit_is_kept_until_it_is_saved(window: MainWindow, tmp_path: Path) -> None:
    kept = window.autosave.journal
    press(window, Qt.Key.Key_T, CTRL)
    press(window, Qt.Key.Key_T, CTRL)
    assert kept.settle()
    folder = kept.folder
    assert folder is not None
    assert recovery.recover(folder).session == window.document.session
    press(window, Qt.Key.Key_Z, CTRL)
    assert kept.settle()
    assert recovery.recover(folder).session == window.document.session, "undo is an edit, too"
    assert window.save_to(tmp_path / "song.lincae")
    assert kept.settle()
    assert kept.folder is None, "a saved document needs no recovery"
    assert leftovers() == []


def test_a_leftover_session_is_recovered_as_a_copy(
    qtbot: QtBot, window: MainWindow, asked: Asked, tmp_path: Path
) -> None:
    project = tmp_path / "song.lincae"
    assert window.save_to(project)
    saved = project.read_bytes()
    leave_behind(window, "guitar", str(project))
    window.actions_by_id["recover"].trigger()
    dialog = dialog_of(qtbot, window, RecoveryDialog)
    assert cell(dialog, 0, 0) == "guitar"
    assert cell(dialog, 0, 2) == str(project)
    qtbot.mouseClick(button(dialog, "Recover"), Qt.MouseButton.LeftButton)
    assert names(window) == ["guitar"]
    assert window.document.modified
    assert window.document.path is None
    assert window.windowTitle().startswith("guitar (recovered)[*]")
    assert project.read_bytes() == saved
    assert window.autosave.journal.settle()
    assert leftovers() == [], "the journal of this window holds it now"
    folder = window.autosave.journal.folder
    assert folder is not None
    assert recovery.recover(folder).session == window.document.session
    [card] = window.messages.cards
    assert "Save the project to keep it" in card.text.text()
    assert card.lasts, "it matters until the session is saved"
    press(window, Qt.Key.Key_S, CTRL)
    assert asked.questions == ["Save Project"]
    assert asked.suggested == [str(tmp_path / "guitar (recovered).lincae")]
    asked.name = str(tmp_path / "kept")
    qtbot.mouseClick(card.offer, Qt.MouseButton.LeftButton)
    assert window.windowTitle().startswith("kept[*]")
    assert card not in window.messages.cards


def test_unsaved_work_is_asked_about_before_recovering(qtbot: QtBot, window: MainWindow, asked: Asked) -> None:
    leave_behind(window, "guitar")
    press(window, Qt.Key.Key_T, CTRL)
    window.actions_by_id["recover"].trigger()
    qtbot.mouseClick(button(dialog_of(qtbot, window, RecoveryDialog), "Recover"), Qt.MouseButton.LeftButton)
    assert "unsaved changes" in asked.questions[0]
    assert names(window) != ["guitar"], "cancelled"
    assert len(leftovers()) == 1


def test_an_unrecoverable_session_is_reported_and_discarded(qtbot: QtBot, window: MainWindow) -> None:
    leave_behind(window, "guitar")
    [left] = leftovers()
    for path in left.folder.glob("*.lincae"):
        path.write_bytes(b"{")
    window.actions_by_id["recover"].trigger()
    qtbot.mouseClick(button(dialog_of(qtbot, window, RecoveryDialog), "Recover"), Qt.MouseButton.LeftButton)
    assert "not a LinCAE Studio project" in window.messages.text.text()
    assert names(window) == []
    window.actions_by_id["recover"].trigger()
    dialog = dialog_of(qtbot, window, RecoveryDialog)
    assert "recovery was tried before" in cell(dialog, 0, 0)
    qtbot.mouseClick(button(dialog, "Discard"), Qt.MouseButton.LeftButton)
    assert not dialog.isVisible()
    assert leftovers() == []
    window.actions_by_id["recover"].trigger()
    assert "nothing to recover" in window.messages.text.text()


def test_choosing_later_keeps_the_leftover(qtbot: QtBot, window: MainWindow) -> None:
    leave_behind(window, "guitar")
    assert window.project_commands.offer_recovery()
    qtbot.mouseClick(button(dialog_of(qtbot, window, RecoveryDialog), "Later"), Qt.MouseButton.LeftButton)
    assert len(leftovers()) == 1
    assert names(window) == []


def test_earlier_versions_are_opened_as_copies(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    project = tmp_path / "song.lincae"
    for _ in range(3):
        press(window, Qt.Key.Key_T, CTRL)
        assert window.save_to(project)
    window.actions_by_id["versions"].trigger()
    dialog = dialog_of(qtbot, window, VersionsDialog)
    assert dialog.table.rowCount() == 2, "the last one is the project itself"
    dialog.table.selectRow(1)
    qtbot.mouseClick(button(dialog, "Open as Copy"), Qt.MouseButton.LeftButton)
    assert len(names(window)) == 1
    assert window.document.path is None
    assert window.document.modified
    assert len(files.load(project).tracks) == 3


def test_a_project_without_versions_says_so(qtbot: QtBot, window: MainWindow) -> None:
    window.actions_by_id["versions"].trigger()
    dialog = dialog_of(qtbot, window, VersionsDialog)
    assert not button(dialog, "Open as Copy").isEnabled()


def test_saving_over_a_project_changed_by_another_program_asks_first(
    window: MainWindow, asked: Asked, tmp_path: Path
) -> None:
    project = tmp_path / "song.lincae"
    press(window, Qt.Key.Key_T, CTRL)
    assert window.save_to(project)
    files.save(edits.add_track(window.document.session, "theirs"), project)
    theirs = project.read_bytes()
    press(window, Qt.Key.Key_T, CTRL)
    press(window, Qt.Key.Key_S, CTRL)
    assert "changed by another program" in asked.questions[0]
    assert project.read_bytes() == theirs
    assert window.document.modified
    asked.yes = True
    press(window, Qt.Key.Key_S, CTRL)
    assert files.load(project) == window.document.session
    assert window.autosave.versions()[0].path.read_bytes() == theirs, "and theirs can be had back"


@contextlib.contextmanager
def second_window(qtbot: QtBot, cache_dir: Path) -> Iterator[MainWindow]:
    window = MainWindow(MediaStore(cache_dir), cache_dir)
    with qtbot.waitSignal(window.first_painted, timeout=LIMIT_MS):
        window.show()
    yield window
    window.document.replace(window.document.session, None)
    assert window.close()
    window.deleteLater()


def test_saving_a_project_open_in_another_window_asks_first(
    qtbot: QtBot, window: MainWindow, asked: Asked, tmp_path: Path, cache_dir: Path
) -> None:
    project = tmp_path / "song.lincae"
    press(window, Qt.Key.Key_T, CTRL)
    assert window.save_to(project)
    with second_window(qtbot, cache_dir) as other:
        other.open_project(project)
        assert "open in another window" in asked.questions[-1]
        assert names(other) == [], "No was answered"
        asked.yes = True
        other.open_project(project)
        assert names(other) == names(window)
        assert other.document.path is None
        assert other.windowTitle().startswith("song (copy)")
        asked.yes = False
        assert not other.save_to(project)
        assert "open in another window" in asked.questions[-1]
        assert window.save_to(project), "the first window can still save"
        window.document.replace(window.document.session, None)
        assert other.save_to(project), "it is free"


def test_a_failed_save_keeps_the_lock_of_the_open_project(
    qtbot: QtBot, window: MainWindow, asked: Asked, tmp_path: Path, cache_dir: Path
) -> None:
    project = tmp_path / "song.lincae"
    press(window, Qt.Key.Key_T, CTRL)
    assert window.save_to(project)
    assert not window.save_to(tmp_path / "missing" / "other.lincae")
    with second_window(qtbot, cache_dir) as other:
        other.open_project(project)
        assert "open in another window" in asked.questions[-1]
        asked.yes = True
        other.save_to(project)
        assert len(asked.questions) == 2, "it replaced the file on request, and has no lock of it"
        asked.yes = False
        window.document.replace(window.document.session, project)
        assert window.autosave.lock(project)


def test_replacing_another_windows_project_releases_the_own_lock(
    qtbot: QtBot, window: MainWindow, asked: Asked, tmp_path: Path, cache_dir: Path
) -> None:
    first, second = tmp_path / "first.lincae", tmp_path / "second.lincae"
    press(window, Qt.Key.Key_T, CTRL)
    assert window.save_to(first)
    with second_window(qtbot, cache_dir) as other:
        assert other.save_to(second)
        asked.yes = True
        assert other.save_to(first)
        third = ProjectLock(paths.data_dir() / "locks")
        assert third.acquire(second), "it is no longer open anywhere"
        assert not third.acquire(first), "the first window still has"
        third.release()


def test_recent_projects_are_offered_and_gone_ones_forgotten(
    qtbot: QtBot, window: MainWindow, asked: Asked, tmp_path: Path
) -> None:
    for name in ("first", "second"):
        press(window, Qt.Key.Key_T, CTRL)
        assert window.save_to(tmp_path / f"{name}.lincae")
    menu = window.project_commands.recent_menu
    menu.aboutToShow.emit()
    assert [action.text() for action in menu.actions()[:2]] == ["second", "first"]
    menu.actions()[1].trigger()
    wait_imported(qtbot, window)
    assert len(names(window)) == 1
    assert window.preferences.value.recent[0] == str(tmp_path / "first.lincae")
    (tmp_path / "second.lincae").unlink()
    menu.aboutToShow.emit()
    menu.actions()[1].trigger()
    assert "no such file" in window.messages.text.text()
    assert list(window.preferences.value.recent) == [str(tmp_path / "first.lincae")]
    menu.aboutToShow.emit()
    menu.actions()[-1].trigger()
    assert list(window.preferences.value.recent) == []


def test_recent_projects_outlive_the_program(qtbot: QtBot, styled: QApplication, tmp_path: Path) -> None:
    preferences = tmp_path / "preferences.json"
    PreferenceStore(preferences).set(recent=("/music/a.lincae",), autosave_minutes=5.0)
    kept = PreferenceStore(preferences).value
    assert kept.recent == ("/music/a.lincae",)
    assert kept.autosave_minutes == 5.0


def test_autosaving_writes_a_snapshot(qtbot: QtBot, window: MainWindow) -> None:
    window.preferences.set(autosave_minutes=0.001)
    press(window, Qt.Key.Key_T, CTRL)
    kept = window.autosave.journal
    assert kept.settle()

    def snapshot_is_new() -> bool:
        folder = kept.folder
        assert folder is not None
        with contextlib.suppress(OSError):
            return any(files.load(path) == window.document.session for path in folder.glob("*.lincae"))
        return False

    press(window, Qt.Key.Key_T, CTRL)
    qtbot.waitUntil(snapshot_is_new, timeout=LIMIT_MS)


def test_edits_that_cannot_be_recorded_are_reported(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where a folder should be")
    window.autosave.journal._roots[:] = [blocked / "a", blocked / "b"]
    press(window, Qt.Key.Key_T, CTRL)
    qtbot.waitUntil(lambda: "cannot be recorded for recovery" in window.messages.text.text(), timeout=LIMIT_MS)
    assert len(names(window)) == 1, "and editing continues"


def test_discarding_on_close_leaves_no_recovery_data(window: MainWindow, asked: Asked) -> None:
    press(window, Qt.Key.Key_T, CTRL)
    assert window.autosave.journal.settle()
    asked.answer = Answer.Discard
    assert window.close()
    assert leftovers() == []


#: How often the program is killed here; a longer run kills it more often.
KILLS = int(os.environ.get("LINCAE_STUDIO_KILLS", "3"))


@pytest.mark.slow
def test_a_killed_window_loses_nothing_that_was_written(tmp_path: Path) -> None:
    rng = random.Random(4)
    length = 2 * 44_100
    for seed in range(KILLS):
        folder = tmp_path / str(seed)
        write_audio(folder / "tone.wav", noise(1, length))
        with open(folder / "errors.txt", "wb") as errors:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.ui.killed_window", str(folder), str(seed)],
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=REPOSITORY,
                text=True,
                env={**os.environ, "LINCAE_STUDIO_DATA": str(folder / "data")},
            )
        assert process.stdout is not None
        wanted = rng.randint(20, 200)
        lines = list(itertools.islice(process.stdout, wanted))
        process.send_signal(signal.SIGKILL)
        assert len(lines) == wanted, (folder / "errors.txt").read_text()
        lines += process.stdout
        process.stdout.close()
        process.wait()
        said = [line.strip().split(" ", 1) for line in lines]
        last = max(number for number, (what, _) in enumerate(said) if what == "written")
        left = recovery.leftovers(folder / "data" / "recovery")
        project = folder / "song.lincae"
        assert left or project.exists(), "no journal: it was just saved"
        found = recovery.recover(left[0].folder).session if left else files.load(project)
        assert found.tracks[0].name in {name for _, name in said[last:]}
        if project.exists():
            files.load(project)
        for export in folder.glob("*.wav"):
            assert sf.info(str(export)).frames == length, f"{export} is half there"
