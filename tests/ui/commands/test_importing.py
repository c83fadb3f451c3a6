"""Importing: dropped and from the menu, good and bad files, as one undo step."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDragMoveEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QFileDialog, QInputDialog, QPlainTextEdit, QPushButton
from pytestqt.qtbot import QtBot

from lincae_studio.jobs import CancelToken
from lincae_studio.media.importing import MultichannelChoice
from lincae_studio.media.reading.reader import AudioFile
from lincae_studio.media.store import MediaStore
from lincae_studio.ui.jobs.progress_dialog import ProgressDialog
from lincae_studio.ui.main_window import MainWindow
from lincae_studio.ui.model.track_rows import ROW_PX
from tests.helpers import noise, tone, write_audio
from tests.ui.conftest import LIMIT_MS, PX, wait_imported
from tests.ui.drive import NONE, drop_files, drop_urls, press

CTRL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def tiny(tmp_path: Path) -> list[Path]:
    """Files whose natural order is neither alphabetical nor the order of this list."""
    names = ("track 10.wav", "Track 2.wav", "track 1.wav")
    return [
        write_audio(tmp_path / "tiny" / name, tone(100.0 + 50 * n, 2000 + n)) for n, name in enumerate(names, start=1)
    ]


def names(window: MainWindow) -> list[str]:
    return [track.name for track in window.document.session.tracks]


def drop(qtbot: QtBot, window: MainWindow, paths: list[Path], x: int = 300, y: int = 100) -> None:
    assert drop_files(window.timeline.lanes, paths, x, y)
    wait_imported(qtbot, window)


def said(window: MainWindow) -> str:
    """The message and its details, as shown in the Details window."""
    assert window.messages.isVisible()
    window.messages.show_details()
    details = window.findChildren(QPlainTextEdit)[-1]
    text = details.toPlainText()
    details.window().close()
    return text


def test_one_file(qtbot: QtBot, window: MainWindow, tiny: list[Path]) -> None:
    drop(qtbot, window, tiny[:1])
    session = window.document.session
    assert names(window) == ["track 10"]
    assert [(clip.name, clip.start, clip.length) for clip in session.clips()] == [("track 10", 0, 2001)]
    assert session.media[0].path == str(tiny[0])
    assert window.document.undo_text == "Import File"
    assert window.timeline.axis.visible_samples == pytest.approx(2001 * 1.04), "the first import fills the window"


def test_files_are_imported_in_natural_order_as_one_step(qtbot: QtBot, window: MainWindow, tiny: list[Path]) -> None:
    before = window.document.session
    drop(qtbot, window, tiny)
    assert names(window) == ["track 1", "Track 2", "track 10"]
    assert window.document.undo_text == "Import 3 Files"
    press(window, Qt.Key.Key_Z, CTRL)
    assert window.document.session == before
    press(window, Qt.Key.Key_Y, CTRL)
    assert names(window) == ["track 1", "Track 2", "track 10"]


def test_forty_files(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    paths = [write_audio(tmp_path / "many" / f"stem {n}.wav", noise(n, 500)) for n in range(1, 41)]
    drop(qtbot, window, paths[::-1])
    assert names(window) == [f"stem {n}" for n in range(1, 41)]
    assert {clip.start for clip in window.document.session.clips()} == {0}
    assert window.document.undo_text == "Import 40 Files"
    assert len({track.color for track in window.document.session.tracks}) == 8, "colours cycle"
    window.timeline.lanes.grab()


def test_a_drop_on_a_track_fans_out_downwards(qtbot: QtBot, song: MainWindow, tiny: list[Path]) -> None:
    drop(qtbot, song, tiny, 500, ROW_PX + 20)
    assert names(song) == ["a", "b", "c", "track 10"], "a missing track is added"
    assert [[clip.name for clip in track.clips] for track in song.document.session.tracks] == [
        ["a"],
        ["b", "track 1"],
        ["c", "Track 2"],
        ["track 10"],
    ]
    assert {clip.start for clip in song.document.session.clips()} == {0, 500 * PX}


def test_a_drop_starts_at_the_pointer_snapped(qtbot: QtBot, song: MainWindow, tiny: list[Path]) -> None:
    for x, start in ((520, 520 * PX), (406, 4 * 44_100), (295, 3 * 44_100), (7, 0), (9, 9 * PX)):
        drop(qtbot, song, tiny[:2], x, 3 * ROW_PX + 30)
        assert names(song) == ["a", "b", "c", "Track 2", "track 10"]
        assert [track.clips[0].start for track in song.document.session.tracks[3:]] == [start, start], x
        assert song.timeline.axis.samples_per_px == PX, "the view stays"
        press(song, Qt.Key.Key_Z, CTRL)


def test_the_menu_imports_at_the_playhead(
    qtbot: QtBot, song: MainWindow, tiny: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    song.transport.seek(12_345)
    asked: list[str] = []

    def choose(_parent: object, title: str, _folder: str, kinds: str) -> tuple[list[str], str]:
        asked.extend([title, kinds])
        return [str(path) for path in tiny], ""

    monkeypatch.setattr(QFileDialog, "getOpenFileNames", choose)
    press(song, Qt.Key.Key_I, CTRL | Qt.KeyboardModifier.ShiftModifier)
    wait_imported(qtbot, song)
    assert names(song)[3:] == ["track 1", "Track 2", "track 10"]
    assert {track.clips[0].start for track in song.document.session.tracks[3:]} == {12_345}
    assert "*.flac" in asked[1]
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: ([], ""))
    before = song.document.session
    song.actions_by_id["import_audio"].trigger()
    assert song.document.session == before, "cancelled"


def test_a_drop_anywhere_on_the_window_is_taken(qtbot: QtBot, window: MainWindow, tiny: list[Path]) -> None:
    """Dispatched by Qt like a real drop, on the hint of the empty session, then on the toolbar and the mix."""
    hint = window.timeline.empty_hint
    urls = [QUrl.fromLocalFile(str(path)) for path in tiny]
    place = hint.mapTo(window, QPoint(hint.width() // 2, hint.height() // 2))
    assert drop_urls(window, urls[:1], place.x(), place.y())
    wait_imported(qtbot, window)
    assert names(window) == ["track 10"]
    window.transport.seek(700)
    assert drop_urls(window, urls[1:2], 500, 40)
    wait_imported(qtbot, window)
    place = window.timeline.master.mapTo(window, QPoint(30, 30))
    assert drop_urls(window, urls[2:], place.x(), place.y())
    wait_imported(qtbot, window)
    assert [clip.start for clip in window.document.session.clips()] == [0, 700, 700]


def test_a_dropped_folder_is_its_audio_files(qtbot: QtBot, window: MainWindow, tiny: list[Path]) -> None:
    folder = tiny[0].parent / "song"
    for number, path in enumerate(tiny):
        copy = folder / ("stems" if number else "") / path.name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    (folder / "notes.txt").write_text("mix it louder")
    (folder / ".hidden.wav").write_bytes(tiny[0].read_bytes())
    drop(qtbot, window, [folder])
    assert names(window) == ["track 1", "Track 2", "track 10"]
    (folder / "empty").mkdir()
    place = window.timeline.lanes.mapTo(window, QPoint(50, 50))
    assert drop_urls(window, [QUrl.fromLocalFile(str(folder / "empty"))], place.x(), place.y())
    assert "No local audio files were dropped" in window.messages.text.text()


def test_a_dropped_project_is_opened(qtbot: QtBot, song: MainWindow, tmp_path: Path) -> None:
    path = tmp_path / "song.lincae"
    assert song.save_to(path)
    saved = song.document.session
    song.actions_by_id["new"].trigger()
    drop(qtbot, song, [path])
    assert song.document.session == saved
    assert song.document.path == path


def test_dropping_remote_files_is_reported(window: MainWindow) -> None:
    place = window.timeline.lanes.mapTo(window, QPoint(50, 50))
    assert drop_urls(window, [QUrl("https://example.org/loop.wav")], place.x(), place.y())
    assert "No local audio files were dropped" in window.messages.text.text()
    assert names(window) == []


def test_good_files_are_imported_and_bad_ones_listed(
    qtbot: QtBot, window: MainWindow, tiny: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "empty.wav").write_bytes(b"")
    (tmp_path / "letter.txt").write_text("Dear reader")
    before = window.document.session
    drop(qtbot, window, [tmp_path / "empty.wav", *tiny, tmp_path / "letter.txt", tmp_path / "gone.wav"])
    assert names(window) == ["track 1", "Track 2", "track 10"]
    text = said(window)
    assert "3 of 6 files could not be imported; the others were" in text
    assert "empty.wav: the file is empty" in text
    assert "letter.txt: it is not a readable audio file" in text
    assert "gone.wav: there is no such file" in text
    press(window, Qt.Key.Key_Z, CTRL)
    assert window.document.session == before


def test_a_single_bad_file_is_named_at_once(qtbot: QtBot, window: MainWindow, tiny: list[Path], tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear reader")
    drop(qtbot, window, [*tiny, tmp_path / "letter.txt"])
    text = window.messages.text.text()
    assert text.startswith("Cannot import letter.txt: it is not a readable audio file"), text
    assert text.endswith(". The other 3 files were imported."), text
    drop(qtbot, window, [tiny[0], tmp_path / "letter.txt"])
    assert window.messages.text.text().endswith(". The other file was imported.")


def test_bad_files_alone_change_nothing(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    holes = noise(1, 3000)
    holes[1000] = np.nan
    bad = {
        "holes.wav": (write_audio(tmp_path / "holes.wav", holes), "NaN or infinite samples"),
        "empty.wav": (tmp_path / "empty.wav", "the file is empty"),
        "text.wav": (tmp_path / "text.wav", "not a readable audio file"),
    }
    bad["empty.wav"][0].write_bytes(b"")
    bad["text.wav"][0].write_text("no audio at all")
    before = window.document.session
    for name, (path, reason) in bad.items():
        drop(qtbot, window, [path])
        assert f"annot import {name}" in window.messages.text.text()
        assert reason in window.messages.text.text()
    drop(qtbot, window, [path for path, _ in bad.values()])
    text = said(window)
    assert "None of the 3 files could be imported" in text
    assert all(reason in text for _, reason in bad.values())
    assert window.document.session is before
    assert window.document.undo_text is None


def test_the_same_file_twice_is_one_media_on_two_tracks(qtbot: QtBot, window: MainWindow, tiny: list[Path]) -> None:
    drop(qtbot, window, [tiny[0], tiny[0]])
    drop(qtbot, window, [tiny[0]], 300, 400)
    assert names(window) == ["track 10"] * 3
    assert len(window.document.session.media) == 1


def test_a_conversion_is_reported(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    path = write_audio(tmp_path / "video.wav", tone(100.0, 4800, rate=48_000), rate=48_000)
    drop(qtbot, window, [path])
    assert "converted from 48 kHz to 44.1 kHz" in window.messages.text.text()
    media = window.document.session.media[0]
    assert (media.sample_rate, media.length) == (48_000, 4410)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """A disk that returns nothing until the event is set."""
    disk, digest = threading.Event(), AudioFile.digest

    def slow_digest(file: AudioFile, cancel: CancelToken) -> str:
        disk.wait(LIMIT_MS / 1000)
        return digest(file, cancel)

    monkeypatch.setattr(AudioFile, "digest", slow_digest)
    return disk


def test_a_cancelled_import_adds_nothing(
    qtbot: QtBot, window: MainWindow, tiny: list[Path], disk: threading.Event
) -> None:
    before = window.document.session
    assert drop_files(window.timeline.lanes, tiny, 300, 100)
    dialog = window.findChild(ProgressDialog)
    assert dialog is not None
    qtbot.waitUntil(dialog.isVisible, timeout=LIMIT_MS)
    [cancel] = dialog.findChildren(QPushButton)
    cancel.click()
    assert window.importer.busy
    disk.set()
    wait_imported(qtbot, window)
    assert window.document.session is before
    assert "nothing was added" in window.messages.text.text()
    qtbot.waitUntil(lambda: not window.findChildren(ProgressDialog), timeout=LIMIT_MS)


def test_tracks_can_be_removed_while_files_for_them_are_read(
    qtbot: QtBot, song: MainWindow, tiny: list[Path], disk: threading.Event
) -> None:
    assert drop_files(song.timeline.lanes, tiny[:1], 500, 2 * ROW_PX + 20)
    press(song, Qt.Key.Key_Z, CTRL)
    assert names(song) == []
    disk.set()
    wait_imported(qtbot, song)
    assert names(song) == ["track 10"]


def test_files_are_not_added_to_another_document(qtbot: QtBot, window: MainWindow, tiny: list[Path]) -> None:
    assert drop_files(window.timeline.lanes, tiny, 500, 20)
    press(window, Qt.Key.Key_N, CTRL)
    wait_imported(qtbot, window)
    assert names(window) == []
    drop(qtbot, window, tiny)
    assert len(names(window)) == 3


# Files with more than two channels


@pytest.fixture
def surround(tmp_path: Path) -> Path:
    """Three channels at different levels."""
    levels = np.array([0.1, 0.2, 0.6], np.float32)
    return write_audio(tmp_path / "tiny" / "surround.wav", np.ones((3000, 3), np.float32) * levels)


def answer(monkeypatch: pytest.MonkeyPatch, choice: MultichannelChoice | None) -> list[str]:
    """Answer the question with `choice`, or cancel it; returns the list of questions asked."""
    asked: list[str] = []

    def choose(_parent: object, _title: str, label: str, options: list[str], *_: object, **__: object) -> object:
        asked.append(label)
        return (choice.value, True) if choice is not None else (options[0], False)

    monkeypatch.setattr(QInputDialog, "getItem", choose)
    return asked


@pytest.mark.parametrize(
    ("choice", "levels"),
    [
        (MultichannelChoice.SPLIT, [[0.1], [0.2], [0.6]]),
        (MultichannelChoice.FIRST_TWO, [[0.1, 0.2]]),
        (MultichannelChoice.MIX, [[0.3]]),
    ],
)
def test_multichannel_files_ask_which_channels_to_import(
    qtbot: QtBot,
    window: MainWindow,
    tiny: list[Path],
    surround: Path,
    monkeypatch: pytest.MonkeyPatch,
    choice: MultichannelChoice,
    levels: list[list[float]],
    store: MediaStore,
) -> None:
    asked = answer(monkeypatch, choice)
    drop(qtbot, window, [*tiny[:1], surround])
    assert asked == ["surround.wav has 3 channels. Clips must be mono or stereo.\nImport:"]
    media = [item for item in window.document.session.media if item.channel_selection]
    assert [store.open(item.digest).samples[1500].tolist() for item in media] == [
        pytest.approx(level, abs=1e-4) for level in levels
    ]
    assert len(names(window)) == 1 + len(levels)
    press(window, Qt.Key.Key_Z, CTRL)
    assert names(window) == [], "all files are one undo step"


def test_skipping_multichannel_files_imports_the_others(
    qtbot: QtBot, window: MainWindow, tiny: list[Path], surround: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(monkeypatch, None)
    drop(qtbot, window, [surround, *tiny])
    assert names(window) == ["track 1", "Track 2", "track 10"]


def test_selected_channels_are_found_again(
    qtbot: QtBot,
    window: MainWindow,
    surround: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    store: MediaStore,
) -> None:
    answer(monkeypatch, MultichannelChoice.SPLIT)
    drop(qtbot, window, [surround])
    assert names(window) == ["surround 1", "surround 2", "surround 3"]
    assert window.save_to(tmp_path / "song.lincae")
    session = window.document.session
    store.clear()
    window.actions_by_id["new"].trigger()
    window.open_project(tmp_path / "song.lincae")
    wait_imported(qtbot, window)
    assert window.document.session == session
    assert not window.rendering.offline


# While files are dragged over the lanes


def over(window: MainWindow, paths: list[Path], x: int, y: int, keys: Qt.KeyboardModifier = NONE) -> None:
    """Drag files to a place without dropping them."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    left, copy = Qt.MouseButton.LeftButton, Qt.DropAction.CopyAction
    for kind in (QDragEnterEvent, QDragMoveEvent):
        QApplication.sendEvent(window.timeline.lanes, kind(QPoint(x, y), copy, data, left, keys))


def test_ghosts_show_where_files_would_go(qtbot: QtBot, song: MainWindow, tiny: list[Path], tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear reader")
    lanes = song.timeline.lanes
    plain = lanes.grab().toImage()
    over(song, [*tiny, tmp_path / "letter.txt"], 500, ROW_PX + 20)
    drop = lanes.drop
    qtbot.waitUntil(lambda: all(ghost.length or ghost.problem for ghost in drop.ghosts), timeout=LIMIT_MS)
    assert [ghost.name for ghost in drop.ghosts] == ["letter.txt", "track 1.wav", "Track 2.wav", "track 10.wav"]
    assert [ghost.problem for ghost in drop.ghosts] == [True, False, False, False]
    assert [ghost.length for ghost in drop.ghosts[1:]] == [2003, 2002, 2001]
    places = drop.rects(song.timeline.axis, song.timeline.rows, 3)
    assert [round(place.top()) for place in places] == [ROW_PX * row + 3 for row in (1, 2, 3, 4)]
    assert {place.left() for place in places} == {500.0}
    assert lanes.grab().toImage() != plain
    over(song, [*tiny, tmp_path / "letter.txt"], 500, ROW_PX + 20, CTRL)
    places = drop.rects(song.timeline.axis, song.timeline.rows, 3)
    assert {round(place.top()) for place in places} == {ROW_PX + 3}
    starts = [500 * PX + length for length in (0, 0, 2003, 2003 + 2002)]
    assert [place.left() for place in places] == pytest.approx([start / PX for start in starts]), "one after another"
    QApplication.sendEvent(lanes, QDragLeaveEvent())
    qtbot.waitUntil(lambda: not drop.ghosts, timeout=LIMIT_MS)
    assert lanes.grab().toImage() == plain
    assert song.document.undo_text == "Import 3 Files", "nothing was dropped"


def test_a_drag_that_leaves_and_returns_is_one_drag(qtbot: QtBot, song: MainWindow, tiny: list[Path]) -> None:
    over(song, tiny, 500, 20)
    drop = song.timeline.lanes.drop
    qtbot.waitUntil(lambda: all(ghost.length for ghost in drop.ghosts), timeout=LIMIT_MS)
    ghosts = drop.ghosts
    QApplication.sendEvent(song.timeline.lanes, QDragLeaveEvent())
    over(song, tiny, 600, 20)
    assert drop.ghosts is ghosts, "the files are not read again"


def test_ctrl_puts_files_in_sequence(qtbot: QtBot, song: MainWindow, tiny: list[Path]) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in tiny])
    over(song, tiny, 500, 20, CTRL)
    place = QPointF(500, 20)
    event = QDropEvent(place, Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, CTRL)
    QApplication.sendEvent(song.timeline.lanes, event)
    wait_imported(qtbot, song)
    start = 500 * PX
    added = [clip for clip in song.document.session.tracks[0].clips if clip.start >= start]
    assert [(clip.name, clip.start) for clip in added] == [
        ("track 1", start),
        ("Track 2", start + 2003),
        ("track 10", start + 2003 + 2002),
    ]
    assert names(song) == ["a", "b", "c"]
