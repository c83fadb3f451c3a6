"""The letters with which Alt moves through dialogs: what has a label has one, and none has the letter of another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QAbstractButton, QApplication, QDialog, QLabel, QPushButton, QTabWidget, QWidget

from lincae_studio import paths
from lincae_studio.codecs.family import Question
from lincae_studio.codecs.lincae.install import LINEAR, SCALE_FACTOR
from lincae_studio.codecs.lincae.public import DOWNLOADS
from lincae_studio.session.journal import Journal
from lincae_studio.ui.dialogs.codec import DownloadDialog, ImportDialog
from lincae_studio.ui.main_window import MainWindow

#: The commands that open a dialog.
COMMANDS = (
    *(f"process_{name}" for name in ("stretch", "normalise", "trim_silence", "strip_silence")),
    *("media_files", "versions", "recover", "export_mix", "export_picture", "preferences", "palette", "manual"),
    *("render_settings", "tempo", "tap_tempo", "minus_one", "learn_operator", "operators"),
)

#: Buttons that Return or Escape press need no letter.
BY_KEY = ("Cancel", "Close", "OK")


def visible(dialog: QWidget) -> list[QWidget]:
    return [widget for widget in dialog.findChildren(QWidget) if widget.isVisibleTo(dialog)]


def letters(dialog: QWidget) -> Iterator[tuple[str, str]]:
    """Each letter that is underlined, and the text that it is in."""
    for widget in visible(dialog):
        if isinstance(widget, QAbstractButton) or (isinstance(widget, QLabel) and widget.buddy() is not None):
            key = QKeySequence.mnemonic(widget.text())
            if not key.isEmpty():
                yield key.toString(), widget.text()


def unlettered(dialog: QWidget) -> list[str]:
    """Texts of buttons and of the labels of fields without a letter."""
    return [text for text in texts(dialog) if QKeySequence.mnemonic(text).isEmpty()]


def texts(dialog: QWidget) -> Iterator[str]:
    for widget in visible(dialog):
        if isinstance(widget, QLabel) and not isinstance(widget.buddy(), QLabel | None):
            yield widget.text()
        elif isinstance(widget, QAbstractButton) and widget.focusPolicy() & Qt.FocusPolicy.TabFocus:
            by_key = widget.text() in BY_KEY or (isinstance(widget, QPushButton) and widget.isDefault())
            if any(map(str.isalpha, widget.text())) and not by_key:  # arrows have none
                yield widget.text()


def pages(dialog: QDialog) -> Iterator[str]:
    """Show each page of a dialog in turn."""
    tabs = dialog.findChild(QTabWidget)
    if tabs is None:
        yield dialog.windowTitle()
        return
    for page in range(tabs.count()):
        tabs.setCurrentIndex(page)
        yield tabs.tabText(page)


@pytest.fixture
def opened(song: MainWindow, tmp_path: Path) -> Iterator[list[QDialog]]:
    """Every dialog of the program."""
    kept = Journal(paths.recovery_dirs()[0], lambda error: pytest.fail(str(error)))
    kept.record(song.document.session, "Add Track", "lost", tmp_path / "lost.lincae")
    assert kept.settle()
    kept.close(keep=True)
    song.selection.set_clips([clip.id for clip in song.document.session.clips()])
    for command in COMMANDS:
        song.actions_by_id[command].trigger()
    DownloadDialog(DOWNLOADS[0], song).open()
    ImportDialog(Question("", (SCALE_FACTOR, LINEAR)), song).open()
    song.messages.error("It failed", "because")
    song.messages.show_details()
    QApplication.processEvents()
    found = song.findChildren(QDialog)
    assert len(found) >= len(COMMANDS) + 3
    yield found
    for dialog in found:
        dialog.close()


def test_what_has_a_label_has_a_letter_of_its_own(opened: list[QDialog]) -> None:
    for dialog in opened:
        for page in pages(dialog):
            count = Counter(letter for letter, _ in letters(dialog))
            doubled = [(letter, text) for letter, text in letters(dialog) if count[letter] > 1]
            assert not doubled, f"{type(dialog).__name__}, {page}"
            assert not unlettered(dialog), f"{type(dialog).__name__}, {page}"
