"""Nothing is overwritten, lost or left out without a word."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog, QMessageBox
from pytestqt.qtbot import QtBot

from lincae_studio.media.store import MediaStore
from lincae_studio.session import edits, files
from lincae_studio.ui.main_window import MainWindow
from tests.helpers import noise, write_audio
from tests.ui.conftest import LIMIT_MS, wait_rendered
from tests.ui.drive import drop_files, press
from tests.ui.test_end_to_end import export

pytestmark = pytest.mark.engine


@pytest.fixture
def mixed(qtbot: QtBot, window: MainWindow, stems: list[Path]) -> MainWindow:
    """The window with four stems, rendered."""
    drop_files(window.timeline.lanes, stems, 300, 100)
    wait_rendered(qtbot, window)
    return window


@pytest.mark.parametrize("answer", [QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No])
def test_save_as_asks_before_replacing_the_file_with_the_added_suffix(
    mixed: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: QMessageBox.StandardButton
) -> None:
    old = tmp_path / "song.lincae"
    old.write_text("old")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(tmp_path / "song"), ""))
    monkeypatch.setattr(QMessageBox, "question", lambda *_, **__: answer)
    mixed.actions_by_id["save_as"].trigger()
    assert (old.read_text() == "old") == (answer == QMessageBox.StandardButton.No)


def test_an_export_over_a_stem_is_refused(mixed: MainWindow, stems: list[Path]) -> None:
    stem = next(path for path in stems if path.suffix == ".wav")
    before = stem.read_bytes()
    media = [Path(item.path) for item in mixed.document.session.media]
    mixed.exporter.export(stem, protected=media)
    assert not mixed.exporter.busy
    assert "one of the inputs" in mixed.messages.text.text()
    assert stem.read_bytes() == before


def test_an_export_without_all_its_audio_asks_and_keeps_the_length(
    qtbot: QtBot,
    mixed: MainWindow,
    stems: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    store: MediaStore,
) -> None:
    project = tmp_path / "song.lincae"
    assert mixed.save_to(project)
    length = mixed.document.session.length
    longest = next(path for path in stems if path.name == "drums 1.wav")
    longest.unlink()
    mixed.actions_by_id["new"].trigger()
    store.clear()  # as between two starts
    mixed.open_paths([project])
    qtbot.waitUntil(lambda: not mixed.importer.busy, timeout=LIMIT_MS)
    asked: list[str] = []

    def answer(_parent: object, _title: str, text: str) -> QMessageBox.StandardButton:
        asked.append(text)
        return QMessageBox.StandardButton.Yes

    monkeypatch.setattr(QMessageBox, "question", answer)
    mix = export(qtbot, mixed, tmp_path / "mix.wav")
    assert any("1 clip is missing" in text for text in asked)
    assert mix.shape == (2, length)
    assert np.abs(mix).max() > 0.05


def test_what_is_being_typed_is_saved(mixed: MainWindow, tmp_path: Path) -> None:
    assert mixed.save_to(tmp_path / "song.lincae")
    header = mixed.timeline.headers.header(mixed.document.session.tracks[0].id)
    mixed.activateWindow()
    header.rename()
    QTest.keyClicks(header.name, "renamed")
    press(mixed, Qt.Key.Key_S, Qt.KeyboardModifier.ControlModifier)
    assert files.load(tmp_path / "song.lincae").tracks[0].name == "renamed"
    assert not mixed.document.modified


def test_the_selection_does_not_reach_into_another_document(mixed: MainWindow, tmp_path: Path) -> None:
    assert mixed.save_to(tmp_path / "song.lincae")
    press(mixed, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    assert mixed.selection.clips
    mixed.open_paths([tmp_path / "song.lincae"])
    assert mixed.selection.clips == frozenset()


def test_after_a_track_is_removed_its_neighbour_is_selected(mixed: MainWindow) -> None:
    tracks = [track.id for track in mixed.document.session.tracks]
    mixed.selection.set_track(tracks[2])
    mixed.actions_by_id["remove_track"].trigger()
    assert mixed.selection.track == tracks[3]
    mixed.actions_by_id["remove_track"].trigger()
    assert mixed.selection.track == tracks[1]


def test_an_unknown_codec_is_reported_once_and_asked_about_on_export(
    qtbot: QtBot, mixed: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    problems: list[object] = []
    mixed.rendering.problem.connect(problems.append)
    mixed.document.apply("codec", lambda session: edits.set_codec(session, "from-the-future"))
    mixed.actions_by_id["mute_track"].trigger()
    assert len(problems) == 1
    assert "MDCT 2x" in str(problems[0])
    assert mixed.rendering.export_warnings() == ["Codec from-the-future is not installed; MDCT 2x is used instead."]
    monkeypatch.setattr(QMessageBox, "question", lambda *_, **__: QMessageBox.StandardButton.No)
    mixed.actions_by_id["export_mix"].trigger()
    from lincae_studio.ui.dialogs.export import ExportDialog

    dialog = mixed.findChild(ExportDialog)
    assert dialog is not None
    dialog.path_field.setText(str(tmp_path / "no.wav"))
    dialog.accept()
    assert not mixed.exporter.busy
    assert not (tmp_path / "no.wav").exists()


def test_file_names_are_not_interpreted_as_markup(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    write_audio(tmp_path / "fine.wav", noise(1, 500))
    (tmp_path / "<b>bold.wav").write_text("not audio")
    drop_files(window.timeline.lanes, [tmp_path / "<b>bold.wav"], 300, 100)
    qtbot.waitUntil(lambda: not window.importer.busy, timeout=LIMIT_MS)
    assert "<b>bold.wav" in window.messages.text.text()
    assert window.messages.text.textFormat() == Qt.TextFormat.PlainText
