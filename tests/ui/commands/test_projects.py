"""Projects: saving, opening and leaving them; nothing is lost when files are missing."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QPlainTextEdit
from pytestqt.qtbot import QtBot

from lincae_studio import paths
from lincae_studio.media.store import MediaStore
from lincae_studio.session import edits
from lincae_studio.ui import theme
from lincae_studio.ui.commands.projects import DEMO_PROJECT
from lincae_studio.ui.main_window import MainWindow
from lincae_studio.ui.model.track_rows import ROW_PX
from lincae_studio.ui.timeline.drops import DropTarget
from tests.helpers import DEMO, files_below, si_sdr_db
from tests.ui.asked import Answer, Asked
from tests.ui.conftest import LIMIT_MS, set_zoom, wait_imported, wait_rendered
from tests.ui.drive import drag, press

CTRL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier


def open_project(qtbot: QtBot, window: MainWindow, path: Path) -> None:
    window.open_project(path)
    wait_imported(qtbot, window)


def change(window: MainWindow) -> None:
    press(window, Qt.Key.Key_T, CTRL)


def test_title_and_mark_follow_the_document(window: MainWindow, tmp_path: Path) -> None:
    assert window.windowTitle().startswith("Untitled[*]")
    assert not window.isWindowModified()
    change(window)
    assert window.isWindowModified()
    press(window, Qt.Key.Key_Z, CTRL)
    assert not window.isWindowModified(), "undone to the saved state"
    change(window)
    assert window.save_to(tmp_path / "ballad.lincae")
    assert window.windowTitle().startswith("ballad[*]")
    assert not window.isWindowModified()
    press(window, Qt.Key.Key_Z, CTRL)
    assert window.isWindowModified(), "undone past the saved state"
    press(window, Qt.Key.Key_Y, CTRL)
    assert not window.isWindowModified()


def test_save_asks_for_a_name_once_and_adds_the_ending(window: MainWindow, asked: Asked, tmp_path: Path) -> None:
    change(window)
    press(window, Qt.Key.Key_S, CTRL)
    assert asked.questions == ["Save Project"]
    assert window.isWindowModified(), "cancelled"
    asked.name = str(tmp_path / "ballad")
    press(window, Qt.Key.Key_S, CTRL)
    assert (tmp_path / "ballad.lincae").is_file()
    assert not window.isWindowModified()
    asked.questions.clear()
    change(window)
    press(window, Qt.Key.Key_S, CTRL)
    assert asked.questions == []
    assert len(json.loads((tmp_path / "ballad.lincae").read_text())["session"]["tracks"]) == 2
    asked.name = str(tmp_path / "v1.2")
    press(window, Qt.Key.Key_S, CTRL | SHIFT)
    assert window.document.path == tmp_path / "v1.2.lincae"
    assert window.document.path.is_file()


def test_a_failed_save_keeps_the_document_modified_and_says_why(
    window: MainWindow, asked: Asked, tmp_path: Path
) -> None:
    change(window)
    assert window.save_to(tmp_path / "ballad.lincae")
    saved = (tmp_path / "ballad.lincae").read_bytes()
    change(window)
    asked.name = str(tmp_path / "missing" / "ballad.lincae")
    press(window, Qt.Key.Key_S, CTRL | SHIFT)
    assert window.document.modified
    assert window.document.path == tmp_path / "ballad.lincae"
    assert "no such file or folder" in window.messages.text.text()
    assert (tmp_path / "ballad.lincae").read_bytes() == saved


def test_a_broken_project_leaves_the_open_one(window: MainWindow, asked: Asked, tmp_path: Path) -> None:
    change(window)
    assert window.save_to(tmp_path / "ballad.lincae")
    before = window.document.session
    asked.name = str(tmp_path / "broken.lincae")
    for content in (b"", b"{}", b"RIFF\0\0", b'{"format": "lincae-studio-project", "version": 99}', None):
        if content is None:
            (tmp_path / "broken.lincae").unlink()
        else:
            (tmp_path / "broken.lincae").write_bytes(content)
        window.messages.hide()
        press(window, Qt.Key.Key_O, CTRL)
        assert window.document.session is before
        assert window.document.path == tmp_path / "ballad.lincae"
        assert window.messages.isVisible()
        assert "annot open" in window.messages.text.text()


def _new(window: MainWindow, _other: Path) -> None:
    press(window, Qt.Key.Key_N, CTRL)


def _open(window: MainWindow, _other: Path) -> None:
    press(window, Qt.Key.Key_O, CTRL)


def _drop(window: MainWindow, other: Path) -> None:
    window.timeline.files_dropped.emit([other], DropTarget(0, -1))


def _close(window: MainWindow, _other: Path) -> None:
    press(window, Qt.Key.Key_Q, CTRL)


@pytest.mark.parametrize("leave", [_new, _open, _drop, _close])
def test_leaving_unsaved_changes_asks(
    window: MainWindow, asked: Asked, tmp_path: Path, leave: Callable[[MainWindow, Path], None]
) -> None:
    other, path = tmp_path / "other.lincae", tmp_path / "ballad.lincae"
    window.document.apply("Add Track", lambda s: edits.add_track(s, "other"))
    assert window.save_to(other)
    press(window, Qt.Key.Key_N, CTRL)
    assert asked.questions == [], "nothing to ask about"
    change(window)
    assert window.save_to(path)
    change(window)
    before, saved = window.document.session, path.read_bytes()
    asked.name = str(other)

    asked.answer = Answer.Cancel
    leave(window, other)
    assert "“ballad” has unsaved changes" in asked.questions[0]
    assert window.document.session is before
    assert window.isWindowModified()
    assert window.isVisible()

    path_of_folder = tmp_path / "ballad.lincae"
    asked.answer = Answer.Save
    path_of_folder.unlink()
    path_of_folder.mkdir()  # saving fails
    leave(window, other)
    assert window.document.session is before, "the document stays if it cannot be saved"
    assert window.isVisible()
    path_of_folder.rmdir()
    path.write_bytes(saved)

    leave(window, other)
    assert len(json.loads(path.read_text())["session"]["tracks"]) == 2
    assert window.isVisible() == (leave is not _close)
    if leave is _close:
        return
    assert [track.name for track in window.document.session.tracks] == ([] if leave is _new else ["other"])

    change(window)
    asked.answer = Answer.Discard
    saved = other.read_bytes()
    leave(window, other)
    assert not window.isWindowModified()
    assert other.read_bytes() == saved


def test_closing_discards_changes_on_request(window: MainWindow, asked: Asked) -> None:
    change(window)
    asked.answer = Answer.Discard
    assert window.close()
    assert len(asked.questions) == 1


@pytest.mark.engine
def test_clips_of_missing_media_are_kept_and_play_when_it_is_back(
    qtbot: QtBot, song: MainWindow, tmp_path: Path, cache_dir: Path
) -> None:
    wait_rendered(qtbot, song)
    length = song.document.session.length
    whole = song.rendering.reader().read(0, length)
    project, file = tmp_path / "song.lincae", tmp_path / "song" / "a.wav"
    assert song.save_to(project)
    saved = song.document.session
    manifest = project.read_bytes()
    assert song.close()

    hidden = file.rename(tmp_path / "elsewhere.wav")
    window = _another_window(qtbot, tmp_path / "cache 2")
    open_project(qtbot, window, project)
    assert window.document.session == saved
    assert "1 of 3 audio files" in window.messages.text.text()
    window.messages.show_details()
    assert "a.wav" in window.findChildren(QPlainTextEdit)[-1].toPlainText()
    set_zoom(window, 441)
    picture = window.timeline.lanes.grab().toImage()
    hatched = {picture.pixelColor(x, ROW_PX - 10).name() for x in range(200, 216)}
    assert theme.colors().error in hatched, "the clip is shown as missing its audio"
    wait_rendered(qtbot, window)
    without = window.rendering.reader().read(0, length)
    assert without.shape[1] == length
    np.testing.assert_allclose(without[:, -1000:], 0.0, atol=1e-6)  # after 3 s only the missing file would be heard
    drag(window.timeline.lanes, (100, 30), (200, 30))
    assert window.document.session.tracks[0].clips[0].start == 100 * 441, "the clip can be edited"
    press(window, Qt.Key.Key_Z, CTRL)
    assert window.save_to(project)
    assert project.read_bytes() == manifest, "saving loses nothing"

    hidden.rename(file)
    open_project(qtbot, window, project)
    wait_rendered(qtbot, window)
    np.testing.assert_array_equal(window.rendering.reader().read(0, length), whole)
    assert window.close()


def _another_window(qtbot: QtBot, cache: Path) -> MainWindow:
    """A window as on another machine, with an empty cache."""
    window = MainWindow(MediaStore(cache), cache)
    qtbot.addWidget(window)
    with qtbot.waitSignal(window.first_painted):
        window.show()
    window.start_engine_and_views()
    return window


@pytest.mark.engine
@pytest.mark.parametrize("lie", [{"channels": 2}, {"length_samples": 200_000}])
def test_a_project_that_does_not_match_its_audio_is_silent_and_reported(
    qtbot: QtBot, song: MainWindow, tmp_path: Path, lie: dict[str, int]
) -> None:
    """The project claims more channels or samples than the audio, already in the cache, has."""
    wait_rendered(qtbot, song)
    project = tmp_path / "song.lincae"
    assert song.save_to(project)
    content = json.loads(project.read_text())
    content["session"]["media"][0].update(lie)
    project.write_text(json.dumps(content))
    open_project(qtbot, song, project)
    assert "1 of 3 audio files" in song.messages.text.text()
    assert "does not fit the project" in song.messages.details
    assert song.rendering.offline == {song.document.session.media[0].digest}
    wait_rendered(qtbot, song)
    assert song.rendering.dry.read(0, 44_100).any(), "the others are heard"


@pytest.mark.engine
def test_an_unknown_codec_is_reported_and_kept_in_the_project(qtbot: QtBot, song: MainWindow, tmp_path: Path) -> None:
    wait_rendered(qtbot, song)
    length = song.document.session.length
    whole = song.rendering.reader().read(0, length)
    project = tmp_path / "song.lincae"
    assert song.save_to(project)
    project.write_text(project.read_text().replace('"mdct-2x"', '"codec-of-tomorrow"'))
    open_project(qtbot, song, project)
    assert "codec-of-tomorrow" in song.messages.text.text()
    checked = [action.text() for action in song.codecs.actions.values() if action.isChecked()]
    assert checked == ["codec-of-tomorrow (not installed)"]
    wait_rendered(qtbot, song)
    assert si_sdr_db(song.rendering.reader().read(0, length), whole) > 100.0
    change(song)
    assert song.save_to(project)
    assert json.loads(project.read_text())["session"]["codec"] == "codec-of-tomorrow"
    song.codecs.actions["mdct-1x"].trigger()
    assert song.document.session.codec == "mdct-1x"


@pytest.mark.linux("sets its limit of open files")
def test_a_project_can_be_saved_when_no_more_files_can_be_opened(
    window: MainWindow, asked: Asked, tmp_path: Path
) -> None:
    asked.name = str(tmp_path / "song.lincae")
    change(window)
    press(window, Qt.Key.Key_S, CTRL)
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken: list[int] = []
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(map(int, os.listdir("/proc/self/fd"))) + 20, before[1]))
        with contextlib.suppress(OSError):
            while True:
                taken.append(os.open(os.devnull, os.O_RDONLY))
        for _ in range(2):
            change(window)
            press(window, Qt.Key.Key_S, CTRL)
            assert not window.document.modified
    finally:
        for descriptor in taken:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert len(json.loads((tmp_path / "song.lincae").read_text())["session"]["tracks"]) == 3


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the program's resources that takes the place of the real ones; its demo project."""
    shutil.copytree(DEMO.parent, tmp_path / "program" / "resources")
    monkeypatch.setattr(paths, "__file__", str(tmp_path / "program" / "paths.py"))
    return tmp_path / "program" / "resources" / "demo" / DEMO_PROJECT.rpartition("/")[2]


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in files_below(folder)}


@pytest.mark.parametrize("through_a_link", [False, True])
def test_the_programs_own_project_is_never_saved_over(
    qtbot: QtBot, window: MainWindow, asked: Asked, tmp_path: Path, shipped: Path, through_a_link: bool
) -> None:
    before = contents(shipped.parent)
    chosen = shipped
    if through_a_link:
        (tmp_path / "link").symlink_to(shipped.parent, target_is_directory=True)
        chosen = tmp_path / "link" / shipped.name
    asked.name = str(chosen)
    press(window, Qt.Key.Key_O, CTRL)
    wait_imported(qtbot, window)
    assert len(window.document.session.tracks) == 6
    change(window)
    press(window, Qt.Key.Key_S, CTRL)
    assert asked.questions == ["Open Project", "Save Project"], "it asks for a name, and must not take this one"
    assert "belongs to LinCAE Studio" in window.messages.text.text()
    assert window.document.modified
    window.actions_by_id["collect"].trigger()
    asked.name = str(chosen.with_suffix(".lincaez"))
    window.actions_by_id["save_bundle"].trigger()
    assert contents(shipped.parent) == before
    asked.name = str(tmp_path / "mine" / "song.lincae")
    (tmp_path / "mine").mkdir()
    window.actions_by_id["collect"].trigger()
    qtbot.waitUntil(lambda: "Collected 6 audio files" in window.messages.text.text(), timeout=LIMIT_MS)
    assert len(files_below(tmp_path / "mine")) == 7
    assert contents(shipped.parent) == before


def test_the_demo_opens_as_a_copy_without_a_name(qtbot: QtBot, window: MainWindow, asked: Asked) -> None:
    window.timeline.demo_clicked.emit()
    wait_imported(qtbot, window)
    assert len(window.document.session.tracks) == 6
    assert window.document.path is None
    assert not window.document.modified
    press(window, Qt.Key.Key_S, CTRL)
    assert asked.questions == ["Save Project"], "the bundled demo is never overwritten"


def test_file_dialogs_start_where_the_user_last_was(
    qtbot: QtBot, song: MainWindow, asked: Asked, tmp_path: Path, isolated: Path
) -> None:
    press(song, Qt.Key.Key_S, CTRL)
    for action in ("save_bundle", "export_dawproject", "export_linearity"):
        song.actions_by_id[action].trigger()
    assert {Path(name).parent for name in asked.suggested} == {isolated}, "nothing is known yet"
    folder = tmp_path / "songs"
    folder.mkdir()
    assert song.save_to(folder / "ballad.lincae")
    press(song, Qt.Key.Key_N, CTRL)
    assert song.document.path is None
    for action in ("save", "save_as", "open"):
        song.actions_by_id[action].trigger()
    assert {Path(name).parent for name in asked.suggested[-3:-1]} == {folder}
    assert asked.suggested[-1] == str(folder)
    assert song.project_files.folder == folder
    song.open_project(DEMO / "paper_lanterns.lincae")
    wait_imported(qtbot, song)
    press(song, Qt.Key.Key_S, CTRL)
    assert Path(asked.suggested[-1]).parent == folder, "not the program's own folder"
    shutil.rmtree(folder)
    press(song, Qt.Key.Key_S, CTRL)
    assert Path(asked.suggested[-1]).parent == isolated


def test_a_copy_starts_in_the_folder_of_its_original(window: MainWindow, asked: Asked, tmp_path: Path) -> None:
    assert window.save_to(tmp_path / "first.lincae")
    (tmp_path / "other").mkdir()
    window.project_commands.open_copy(window.document.session, "song", tmp_path / "other" / "song.dawproject")
    press(window, Qt.Key.Key_S, CTRL)
    assert asked.suggested == [str(tmp_path / "other" / "song.lincae")]


def test_import_starts_where_files_were_last_imported_from(
    qtbot: QtBot, window: MainWindow, monkeypatch: pytest.MonkeyPatch, stems: list[Path], isolated: Path
) -> None:
    started: list[str] = []

    def choose(_parent: object, _title: str, start: str, *_rest: object) -> tuple[list[str], str]:
        started.append(start)
        return [str(stems[0])], ""

    monkeypatch.setattr(QFileDialog, "getOpenFileNames", choose)
    for _ in range(2):
        press(window, Qt.Key.Key_I, CTRL | SHIFT)
        wait_imported(qtbot, window)
    assert started == [str(isolated), str(stems[0].parent)]


@pytest.mark.parametrize(
    ("action", "name", "kind", "expected"),
    [
        ("export_linearity", "figures", "CSV table (*.csv)", "figures.csv"),
        ("export_linearity", "figures v1.2", "", "figures v1.2.csv"),
        ("export_linearity", "figures.svg", "SVG drawing (*.svg)", "figures.svg"),
        ("export_linearity", "figures", "SVG drawing (*.svg)", "figures.svg"),
        ("save_as", "ballad v1.2", "", "ballad v1.2.lincae"),
        ("export_dawproject", "ballad", "", "ballad.dawproject"),
    ],
)
def test_files_get_the_suffix_of_their_kind(
    qtbot: QtBot,
    song: MainWindow,
    asked: Asked,
    tmp_path: Path,
    action: str,
    name: str,
    kind: str,
    expected: str,
) -> None:
    song.preferences.set(views=("linearity",))
    asked.name, asked.filter, asked.yes = str(tmp_path / name), kind, True
    song.actions_by_id[action].trigger()
    qtbot.waitUntil((tmp_path / expected).exists, timeout=LIMIT_MS)
    qtbot.waitUntil(lambda: not song.interchange_commands.busy, timeout=LIMIT_MS)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [expected]
