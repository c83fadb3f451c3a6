"""Exporting: the dialog, what is written, and what is left when it goes wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QDialogButtonBox, QMessageBox, QPushButton
from pytestqt.qtbot import QtBot

from lincae_studio.media import writer
from lincae_studio.session import edits
from lincae_studio.ui.export_dialog import ExportDialog
from lincae_studio.ui.main_window import MainWindow
from lincae_studio.ui.progress import ProgressDialog
from tests.helpers import FullDisk, files_below, read_audio
from tests.ui.conftest import LIMIT_MS, wait_rendered
from tests.ui.drive import engine_frozen, press

CTRL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def ask(window: MainWindow) -> ExportDialog:
    press(window, Qt.Key.Key_E, CTRL | SHIFT)
    dialogs = [dialog for dialog in window.findChildren(ExportDialog) if dialog.isVisible()]
    assert len(dialogs) == 1
    return dialogs[0]


def accept_button(dialog: ExportDialog) -> QPushButton:
    role = QDialogButtonBox.ButtonRole.AcceptRole
    [button] = [b for b in dialog.buttons.buttons() if dialog.buttons.buttonRole(b) == role]
    assert isinstance(button, QPushButton)
    return button


def begin(window: MainWindow, name: str, sample_format: str | None = None) -> None:
    """Ask for an export by typing the name and pressing Return."""
    dialog = ask(window)
    if sample_format is not None:
        dialog.format_box.setCurrentIndex(dialog.format_box.findData(sample_format))
    dialog.path_field.selectAll()
    QTest.keyClicks(dialog.path_field, name)
    accept_button(dialog).click()


def finish(qtbot: QtBot, window: MainWindow) -> str:
    """Wait for the end; the message."""
    qtbot.waitUntil(lambda: not window.exporter.busy, timeout=LIMIT_MS)
    return window.messages.text.text()


def heard(window: MainWindow) -> np.ndarray:
    """The rendered mix as playback reads it."""
    return window.rendering.reader().read(0, window.document.session.length)


def louder(window: MainWindow, position: int, gain: float) -> None:
    track = window.document.session.tracks[position].id
    window.document.apply("Gain", lambda s: edits.set_track_gain(s, track, gain))


def test_the_dialog_suggests_a_name_and_offers_the_formats(song: MainWindow, tmp_path: Path) -> None:
    assert song.save_to(tmp_path / "ballad.lincae")
    dialog = ask(song)
    assert dialog.path == tmp_path / "ballad.wav"
    assert [dialog.format_box.itemData(i) for i in range(dialog.format_box.count())] == ["32f", "24", "16"]
    assert dialog.settings.format.sample_format == "32f"
    for typed, path in (
        ("/x/mix", "/x/mix.wav"),
        ("/x/mix.wav", "/x/mix.wav"),
        (" /x/MIX.WAV ", "/x/MIX.WAV"),
        ("~/mix", str(Path.home() / "mix.wav")),
        ("mix v1.2", str(tmp_path / "mix v1.2.wav")),
        ("~nobody-of-that-name/mix.wav", str(tmp_path / "~nobody-of-that-name/mix.wav")),
    ):
        dialog.path_field.setText(typed)
        assert str(dialog.path) == path
        assert accept_button(dialog).isEnabled()
    for typed in ("", "  ", "/"):
        dialog.path_field.setText(typed)
        assert not accept_button(dialog).isEnabled(), "nothing to export to"
    dialog.reject()


@pytest.mark.parametrize(("sample_format", "subtype", "step"), [("16", "PCM_16", 2**-15), ("24", "PCM_24", 2**-23)])
def test_integer_formats(
    qtbot: QtBot, song: MainWindow, out: Path, sample_format: str, subtype: str, step: float
) -> None:
    begin(song, str(out / "mix"), sample_format)
    assert "Exported" in finish(qtbot, song)
    info = sf.info(out / "mix.wav")
    assert (info.subtype, info.format, info.samplerate, info.channels) == (subtype, "WAV", 44_100, 2)
    np.testing.assert_allclose(read_audio(out / "mix.wav"), heard(song), atol=1.5 * step)
    dialog = ask(song)
    assert dialog.path.parent == out, "the folder is remembered"
    assert dialog.settings.format.sample_format == sample_format, "and so is the format"
    dialog.reject()


def test_clipping_is_reported_and_float_does_not_clip(qtbot: QtBot, song: MainWindow, out: Path) -> None:
    louder(song, 1, 8.0)
    begin(song, str(out / "loud.wav"), "16")
    assert "samples were clipped" in finish(qtbot, song)
    assert np.abs(read_audio(out / "loud.wav")).max() <= 1.0
    begin(song, str(out / "float.wav"), "32f")
    assert "clipped" not in finish(qtbot, song)
    assert np.abs(read_audio(out / "float.wav")).max() > 1.4


def test_an_existing_file_is_replaced_only_with_consent(
    qtbot: QtBot, song: MainWindow, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = out / "mix.wav"
    old.write_bytes(b"old")
    questions: list[str] = []
    answer = QMessageBox.StandardButton.No

    def question(_parent: object, _title: str, text: str) -> QMessageBox.StandardButton:
        questions.append(text)
        return answer

    monkeypatch.setattr(QMessageBox, "question", question)
    begin(song, str(old))
    assert not song.exporter.busy
    assert old.read_bytes() == b"old"
    answer = QMessageBox.StandardButton.Yes
    begin(song, str(old))
    finish(qtbot, song)
    assert len(questions) == 2
    assert str(old) in questions[0]
    np.testing.assert_array_equal(read_audio(old), heard(song))


def test_a_full_disk_leaves_the_old_file(
    qtbot: QtBot, song: MainWindow, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = out / "mix.wav"
    old.write_bytes(b"old")
    disk = FullDisk(100_000)
    monkeypatch.setattr(writer, "open", disk, raising=False)
    monkeypatch.setattr(QMessageBox, "question", lambda *_: QMessageBox.StandardButton.Yes)
    begin(song, str(old))
    assert "the disk is full" in finish(qtbot, song)
    assert disk.refused
    assert old.read_bytes() == b"old"
    assert files_below(out) == [old]
    monkeypatch.undo()


def test_wrong_places_are_said(qtbot: QtBot, song: MainWindow, out: Path) -> None:
    for name, reason in (
        (str(out / "missing" / "mix.wav"), "no such file or folder"),
        (str(out / "mix.aiff"), "must end in .wav"),
        (str(out / ("x" * 300)), "too long"),
    ):
        begin(song, name)
        assert reason in finish(qtbot, song)
    assert files_below(out) == []
    begin(song, str(out / "mix.wav"))
    assert "Exported" in finish(qtbot, song)


def test_a_cancelled_export_leaves_nothing(qtbot: QtBot, song: MainWindow, out: Path) -> None:
    wait_rendered(qtbot, song)
    with engine_frozen():
        first = song.document.session.tracks[0].clips[0]
        song.document.apply("Trim", lambda s: edits.trim_clip(s, first.id, 0, first.length - 100))
        begin(song, str(out / "mix.wav"))
        dialog = song.findChild(ProgressDialog)
        assert dialog is not None
        qtbot.waitUntil(dialog.isVisible, timeout=LIMIT_MS)
        qtbot.waitUntil(lambda: 0 < dialog.bar.value() < dialog.bar.maximum(), timeout=LIMIT_MS)
        assert "Exporting mix.wav" in dialog.label.text()
        assert [path.suffix for path in files_below(out)] == [".part"], "it is being written"
        dialog.findChild(QDialogButtonBox).buttons()[0].click()
        assert "cancelled" in finish(qtbot, song)
        assert files_below(out) == []
    wait_rendered(qtbot, song)


def test_closing_the_progress_window_cancels(qtbot: QtBot, song: MainWindow, out: Path) -> None:
    with engine_frozen():
        louder(song, 0, 0.5)
        begin(song, str(out / "mix.wav"))
        dialog = song.findChild(ProgressDialog)
        assert dialog is not None
        qtbot.waitUntil(dialog.isVisible, timeout=LIMIT_MS)
        dialog.close()
        assert "cancelled" in finish(qtbot, song)
    assert files_below(out) == []


def test_edits_during_an_export_do_not_change_it(qtbot: QtBot, song: MainWindow, out: Path) -> None:
    wait_rendered(qtbot, song)
    louder(song, 0, 0.5)
    wait_rendered(qtbot, song)
    expected = heard(song)
    louder(song, 0, 0.25)
    wait_rendered(qtbot, song)
    with engine_frozen():
        song.codec_actions["mdct-1x"].trigger()
        begin(song, str(out / "now.wav"))
        song.codec_actions["mdct-2x"].trigger()
        louder(song, 0, 0.5)
        press(song, Qt.Key.Key_A, CTRL)
        press(song, Qt.Key.Key_Delete)
        assert song.document.session.length == 0
        song.exporter.export(out / "second.wav")
        assert "An export is running" in song.messages.text.text()
    assert "Exported" in finish(qtbot, song)
    assert [path.name for path in files_below(out)] == ["now.wav"], "the second one was refused"
    written = read_audio(out / "now.wav")
    for _ in range(3):
        press(song, Qt.Key.Key_Z, CTRL)
    song.codec_actions["mdct-1x"].trigger()
    wait_rendered(qtbot, song)
    assert song.document.session.tracks[0].gain == 0.25
    np.testing.assert_array_equal(written, heard(song))
    assert np.abs(written - expected).max() > 0.01


def test_an_empty_session_cannot_be_exported(window: MainWindow) -> None:
    press(window, Qt.Key.Key_E, CTRL | SHIFT)
    assert not window.findChildren(ExportDialog)
