"""Questions: what Return answers when it is pressed without reading."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QMessageBox, QWidget
from pytestqt.qtbot import QtBot

from lincae_studio.ui.dialogs.save_file import file_to_write
from lincae_studio.ui.notify import ask_to_save, confirm, confirm_replacing

#: The real questions, which tests replace.
QUESTION, EXEC = QMessageBox.question, QMessageBox.exec


@pytest.fixture
def parent(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> QWidget:
    """A visible window, with real questions."""
    monkeypatch.setattr(QMessageBox, "question", QUESTION)
    widget = QWidget()
    qtbot.addWidget(widget)
    widget.show()
    return widget


def press_soon(key: Qt.Key, pressed: list[str]) -> None:
    """Press a key in the question that appears next, and note its text."""

    def press() -> None:
        box = QApplication.activeModalWidget()
        assert isinstance(box, QMessageBox)
        pressed.append(box.text())
        QTest.keyClick(box, key)

    QTimer.singleShot(0, press)


def test_return_replaces_nothing(parent: QWidget) -> None:
    pressed: list[str] = []
    press_soon(Qt.Key.Key_Return, pressed)
    assert not confirm_replacing(parent, "mix.wav already exists.")
    press_soon(Qt.Key.Key_Y, pressed)
    assert confirm_replacing(parent, "mix.wav already exists."), "a deliberate yes does"
    press_soon(Qt.Key.Key_Return, pressed)
    assert confirm(parent, "1 clip is missing.", "Export anyway?")
    assert pressed == ["mix.wav already exists. Replace it?"] * 2 + ["1 clip is missing. Export anyway?"]


def test_a_name_that_is_completed_does_not_replace_a_file_unasked(
    parent: QWidget, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mix.png").write_bytes(b"old")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "mix"), "PNG (*.png)"))
    pressed: list[str] = []
    press_soon(Qt.Key.Key_Return, pressed)
    assert file_to_write(parent, "Export Picture", "x", "", lambda _path, _filter: ".png") is None
    assert pressed == [f"{tmp_path / 'mix.png'} already exists. Replace it?"]
    press_soon(Qt.Key.Key_Y, pressed)
    assert file_to_write(parent, "Export Picture", "x", "", lambda _path, _filter: ".png") == tmp_path / "mix.png"
    assert file_to_write(parent, "Export Picture", "x", "", lambda _path, _filter: "") == tmp_path / "mix"


def test_letters_answer_what_happens_to_unsaved_changes(parent: QWidget, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QMessageBox, "exec", EXEC)
    buttons, pressed = QMessageBox.StandardButton, list[str]()
    for key, answer in (
        (Qt.Key.Key_S, buttons.Save),
        (Qt.Key.Key_D, buttons.Discard),
        (Qt.Key.Key_C, buttons.Cancel),
        (Qt.Key.Key_Return, buttons.Save),
        (Qt.Key.Key_Escape, buttons.Cancel),
    ):
        press_soon(key, pressed)
        assert ask_to_save(parent, "song & more") == answer
    assert pressed == ["“song & more” has unsaved changes. Save them?"] * 5
