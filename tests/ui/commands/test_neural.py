"""Session > Codec > Add Neural Codecs, where the program came without torch: ask, install, remove."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QLabel, QPushButton
from pytestqt.qtbot import QtBot

from lincae_studio.codecs import neural
from lincae_studio.ui.dialogs.codec import AddNeuralDialog
from lincae_studio.ui.jobs.progress_dialog import ProgressDialog
from lincae_studio.ui.main_window import MainWindow
from tests.codecs.package_index import PackageIndex
from tests.codecs.wheels import fake_packages, write_wheel
from tests.ui.asked import Asked
from tests.ui.conftest import LIMIT_MS


def entry(window: MainWindow, text: str) -> QAction | None:
    """The entry of the menu with this text, as one sees it on opening the menu."""
    window.codecs.menu.aboutToShow.emit()
    return next((action for action in window.codecs.menu.actions() if text in action.text().replace("&", "")), None)


def click(window: MainWindow, text: str) -> None:
    action = entry(window, text)
    assert action is not None
    assert action.isEnabled()
    action.trigger()


def test_neural_codecs_are_added_and_removed(
    qtbot: QtBot, window: MainWindow, asked: Asked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert entry(window, "Neural Codecs") is None, "torch is part of this installation"
    fake_packages(tmp_path, monkeypatch)
    restarts: list[tuple[bool, bool]] = []
    restart = window.rendering.restart_engine

    def noted() -> None:
        restarts.append((neural.installed(), neural.folder().exists()))
        restart()

    monkeypatch.setattr(window.rendering, "restart_engine", noted)
    click(window, "Add Neural Codecs…")
    dialog = window.findChild(AddNeuralDialog)
    assert dialog is not None
    texts = " ".join(label.text() for label in dialog.findChildren(QLabel))
    assert f"About {neural.download_mb():,} MB to download" in texts
    assert str(neural.folder()) in texts
    dialog.accept()
    adding = entry(window, "Add Neural Codecs…")
    assert adding is not None
    assert not adding.isEnabled(), "it is under way"
    qtbot.waitUntil(lambda: not window.codecs.busy, timeout=LIMIT_MS)
    assert neural.installed()
    assert "Neural codecs can be used now" in window.messages.text.text()
    asked.yes = True
    click(window, "Remove Neural Codecs…")
    assert not neural.installed()
    qtbot.waitUntil(lambda: not window.codecs.busy, timeout=LIMIT_MS)
    assert not neural.folder().exists()
    assert restarts == [(True, True), (False, True)], "with the packages; and without, before they are deleted"
    assert "Neural codecs were removed" in window.messages.text.text()
    assert entry(window, "Add Neural Codecs…") is not None


def test_what_goes_wrong_is_said(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for wheel in fake_packages(tmp_path, monkeypatch).glob("hub*"):
        wheel.unlink()
    click(window, "Add Neural Codecs…")
    dialog = window.findChild(AddNeuralDialog)
    assert dialog is not None
    dialog.accept()
    qtbot.waitUntil(lambda: not window.codecs.busy, timeout=LIMIT_MS)
    assert "Neural codecs cannot be installed" in window.messages.text.text()
    assert not window.messages.offer.isVisible(), "nothing was downloaded"
    assert entry(window, "Add Neural Codecs…") is not None


def test_a_cancelled_download_is_kept_or_deleted(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheels = fake_packages(tmp_path, monkeypatch)
    write_wheel(wheels, "torch_like", "2.1", "VALUE = 42\n", "hub_like", padding=3_000_000)
    with PackageIndex(wheels).running() as index:
        monkeypatch.delenv("PIP_NO_INDEX")
        monkeypatch.delenv("PIP_FIND_LINKS")
        monkeypatch.setenv("PIP_INDEX_URL", index.address)
        monkeypatch.setattr(neural, "_CPU_INDEX", index.address)
        index.break_after, index.hangs = 1_000_000, True
        click(window, "Add Neural Codecs…")
        dialog = window.findChild(AddNeuralDialog)
        assert dialog is not None
        dialog.accept()
        progress = window.findChild(ProgressDialog)
        assert progress is not None
        qtbot.waitUntil(lambda: progress.label.text().startswith("Downloading torch_like, 1 of 3 MB"), timeout=LIMIT_MS)
        qtbot.mouseClick(progress.findChild(QPushButton), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not window.codecs.busy, timeout=LIMIT_MS)
    assert window.messages.text.text() == "Adding neural codecs was cancelled; the next attempt resumes the download"
    assert neural.download_kept()
    qtbot.mouseClick(window.messages.offer, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not window.codecs.busy, timeout=LIMIT_MS)
    assert not neural.download_kept()
    assert window.messages.text.text() == "The download was deleted"
