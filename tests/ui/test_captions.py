"""No caption is cut, in a small window with every view and panel open."""

from __future__ import annotations

from functools import partial

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QApplication, QDialog, QLabel, QToolBar, QWidget

from lincae_studio.session import edits
from lincae_studio.ui.main_window import MainWindow
from lincae_studio.ui.model.header_width import LEAST_PX
from lincae_studio.ui.views.registry import VIEWS

#: Names as long as people give them, from right to left, and in wide characters.
NAMES = (
    "The longest name that anybody has ever given to a track of backing vocals",
    "مسار صوتي طويل جدا باسم عربي",
    "とても長い日本語のトラック名です",
)


def cut(window: QWidget) -> list[str]:
    """The visible labels and buttons that are smaller than their texts."""
    found = []
    for part in window.findChildren(QWidget):
        if not part.isVisible() or part.visibleRegion().isEmpty():
            continue
        if isinstance(part, QLabel) and part.text():
            if part.wordWrap():
                fits = part.height() >= part.heightForWidth(part.width())
            else:
                fits = part.width() >= part.sizeHint().width() and part.height() >= part.fontMetrics().height()
        elif isinstance(part, QAbstractButton) and part.text() and not isinstance(part.parent(), QToolBar):
            text = part.fontMetrics().size(Qt.TextFlag.TextShowMnemonic, part.text())
            fits = part.width() >= text.width() and part.height() >= text.height()
        else:
            continue
        if not fits or part.visibleRegion().boundingRect().width() < part.width():
            found.append(f"{part.text()} ({type(part.parent()).__name__}, {part.width()} of {part.sizeHint().width()})")
    return found


@pytest.mark.parametrize("size", [(1024, 700), (1380, 860)])
def test_no_caption_is_cut(window: MainWindow, size: tuple[int, int]) -> None:
    for name in NAMES * 13:
        window.document.apply("Add Track", partial(edits.add_track, name=name))
    window.resize(*size)
    window.preferences.set(views=tuple(view.id for view in VIEWS))
    for panel in ("inspector", "history", "loudness", "clip_table", "marker_table"):
        window.actions_by_id[panel].trigger()
    window.messages.error("a message that is long enough to need two lines, at least in a window of this size " * 2)
    QApplication.processEvents()  # of layouts
    assert (window.width(), window.height()) == size
    assert cut(window) == []
    window.messages.resolve("")
    window.preferences.set(header_px=LEAST_PX)
    QApplication.processEvents()
    assert cut(window) == [], "in the narrowest column, either"


def test_dialogs_are_not_larger_than_the_screen(window: MainWindow) -> None:
    available = window.screen().availableGeometry()
    for action in ("manual", "preferences", "media_files", "palette", "messages"):
        window.actions_by_id[action].trigger()
        [dialog] = [one for one in window.findChildren(QDialog) if one.isVisible()]
        assert dialog.width() <= available.width(), action
        assert dialog.height() <= available.height(), action
        dialog.close()


@pytest.mark.parametrize("width", [1380, 1024, 700])
def test_descriptions_of_commands_are_whole_in_the_status_bar(window: MainWindow, width: int) -> None:
    window.resize(width, 700)
    window.messages.info("a message")
    bar, status = window.statusBar(), window.status
    labels = (status.messages, status.render, status.codec, status.engine)
    longest = max((action.statusTip() for action in window.actions_by_id.values()), key=len)
    for tip in (window.actions_by_id["play"].statusTip(), longest):
        bar.showMessage(tip)
        QApplication.processEvents()
        left = min((label.x() for label in labels if label.isVisible()), default=bar.width())
        if bar.fontMetrics().horizontalAdvance(tip) < width - 60:
            assert left > bar.fontMetrics().horizontalAdvance(tip)
    bar.clearMessage()
    assert all(label.isVisible() for label in (*labels, status.output))
