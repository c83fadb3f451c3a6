"""Names with markup, mnemonics, placeholders and invisible characters are shown as they are, everywhere in the window.

A project with such names and every dialog are opened; then every text that Qt can show is checked.
"""

from __future__ import annotations

import ast
import importlib
import json
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from PySide6.QtCore import QAbstractItemModel, QAbstractListModel, QEvent, QModelIndex, Qt
from PySide6.QtGui import QAction, QHelpEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QApplication,
    QComboBox,
    QDialog,
    QGraphicsView,
    QGroupBox,
    QInputDialog,
    QLabel,
    QLineEdit,
    QMenu,
    QMessageBox,
    QPlainTextEdit,
    QProgressDialog,
    QTabBar,
    QTextEdit,
    QWidget,
)
from pytestqt.qtbot import QtBot

import lincae_studio.ui.dialogs
from lincae_studio import paths
from lincae_studio.codecs.family import Question
from lincae_studio.codecs.lincae.install import LINEAR
from lincae_studio.codecs.lincae.public import DOWNLOADS
from lincae_studio.export_settings import ExportSettings
from lincae_studio.session import edits, files, places
from lincae_studio.session.journal import Journal
from lincae_studio.session.model import Session
from lincae_studio.session.silence import Stripping
from lincae_studio.ui import plain_text
from lincae_studio.ui.dialogs.codec import AddNeuralDialog, DownloadDialog, ImportDialog
from lincae_studio.ui.dialogs.processing import NormaliseDialog, StripSilenceDialog, TrimSilenceDialog
from lincae_studio.ui.dialogs.stretch import StretchDialog
from lincae_studio.ui.jobs.background_job import BackgroundJob
from lincae_studio.ui.jobs.progress_dialog import ProgressDialog
from lincae_studio.ui.main_window import MainWindow
from lincae_studio.ui.notify import confirm
from tests.helpers import made_up_media
from tests.ui.asked import Asked
from tests.ui.conftest import LIMIT_MS

#: A name with everything that Qt may interpret; and the same in a sentence.
NAME = 'Zqx<b>&B<img src="x.png">[*]\ta\nb\x07\u202eend'
SHOWN = 'Zqx<b>&B<img src="x.png">[*]\\ta\\nb\\x07\\u202eend'
MARK = "Zqx"

UI = Path(plain_text.__file__).parent


def named_session() -> Session:
    """Tracks, clips, a marker, a missing file and a missing codec, all with the name."""
    media = made_up_media(1, 44_100)
    session = edits.add_stems(Session(), [replace(media, path=f"/gone/{NAME}/{NAME}.wav")], 0)
    track, clip = session.tracks[0], session.tracks[0].clips[0]
    session = edits.rename_clip(edits.rename_track(session, track.id, NAME), clip.id, NAME)
    session = places.add_marker(session, 1000)
    session = places.rename_marker(session, session.markers[0].id, NAME)
    return edits.set_codec(session, f"/gone/{NAME}")


@pytest.fixture
def named(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> MainWindow:
    """The window with that session, in a project of that name; also in the recent projects and the presets."""
    project = tmp_path / f"{NAME}.lincae"
    files.save(named_session(), project)
    window.preferences.set(
        recent=(str(project),), export_presets={NAME: ExportSettings()}, codec=NAME, audio_host=NAME, audio_device=NAME
    )
    window.open_project(project)
    qtbot.waitUntil(lambda: window.document.path == project, timeout=LIMIT_MS)
    window.selection.set_track(window.document.session.tracks[0].id)
    for name in ("inspector", "history", "loudness", "clip_table", "view_linearity", "view_trajectory"):
        action = window.actions_by_id[name]
        if not action.isChecked():
            action.trigger()
    window.document.apply(f"Take “{NAME}” Out", lambda session: edits.set_track_gain(session, 1, 0.5))
    window.document.apply("Gain", lambda session: edits.set_track_gain(session, 1, 0.7))
    window.document.undo()
    return window


def open_dialogs(window: MainWindow, tmp_path: Path) -> None:
    """Open every dialog of the program, and those of Qt's that it uses."""
    kept = Journal(paths.recovery_dirs()[0], lambda error: pytest.fail(str(error)))
    kept.record(window.document.session, "Add Track", NAME, tmp_path / NAME)
    assert kept.settle()
    kept.close(keep=True)
    window.messages.error(f"{NAME} is wrong", f"because of {NAME}")
    window.messages.show_details()
    for action in (
        *("media_files", "versions", "recover", "export_mix", "export_picture", "preferences", "palette", "manual"),
        "report_problem",
        *("render_settings", "tempo", "minus_one", "check_master", "match_reference", "learn_operator", "operators"),
    ):
        window.actions_by_id[action].trigger()
    DownloadDialog(DOWNLOADS[0], window).open()
    AddNeuralDialog(window).open()
    NormaliseDialog(window).open()
    TrimSilenceDialog(window).open()
    StripSilenceDialog(Stripping(), window).open()
    StretchDialog(window.document, [clip.id for clip in window.document.session.clips()], window).open()
    ImportDialog(Question(NAME, (msgspec.structs.replace(LINEAR, title=NAME, help=NAME),)), window).open()
    job = BackgroundJob(lambda _report, _cancel: None, window.document)
    progress = ProgressDialog(f"Reading {NAME}", job, window, f"Reading {NAME}")
    progress.show()
    boxes = QMessageBox(QMessageBox.Icon.Question, "Title", plain_text.shown(NAME), parent=window)
    boxes.setInformativeText(plain_text.shown(NAME))
    given = QInputDialog(window)
    given.setLabelText(plain_text.in_menu(NAME))
    for dialog in (boxes, given, QProgressDialog(plain_text.shown(NAME), "Cancel", 0, 9, window)):
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.show()
    QApplication.processEvents()


def without_mnemonic(text: str) -> str:
    return re.sub(r"&(.?)", r"\1", text)


def of_model(model: QAbstractItemModel, parent: QModelIndex) -> Iterator[str]:
    """The texts of the cells of a table, tree, list or header."""
    roles = ("DisplayRole", "ToolTipRole", "StatusTipRole", "WhatsThisRole", "AccessibleTextRole")
    role_numbers = [Qt.ItemDataRole[role] for role in roles]
    columns = 1 if isinstance(model, QAbstractListModel) else model.columnCount(parent)
    for row in range(model.rowCount(parent)):
        for column in range(columns):
            index = model.index(row, column, parent)
            yield from (str(index.data(role) or "") for role in role_numbers)
            yield from of_model(model, index)
    for section in range(columns):
        yield from (str(model.headerData(section, Qt.Orientation.Horizontal, role) or "") for role in role_numbers)


def alone(widget: QWidget) -> Iterator[str]:
    """Texts that are drawn as plain text in a place of their own."""
    yield widget.accessibleName()
    yield widget.accessibleDescription()
    if isinstance(widget, QLineEdit):
        yield widget.text()
    if isinstance(widget, QPlainTextEdit):
        yield widget.toPlainText()
    if isinstance(widget, QAbstractItemView) and widget.model() is not None:
        yield from of_model(widget.model(), QModelIndex())
    if isinstance(widget, QComboBox):
        yield from (widget.itemText(item) for item in range(widget.count()))


def within(widget: QWidget) -> Iterator[str]:
    """Texts that Qt interprets, or that stand in a sentence, as they are shown."""
    yield widget.toolTip()
    yield widget.statusTip()
    if widget.isWindow():
        handle = widget.windowHandle()
        # A window that was never shown has no title yet.
        yield handle.title() if handle is not None else widget.windowTitle().replace("[*][*]", "[*]")
    if isinstance(widget, QLabel):
        yield widget.text() if widget.buddy() is None else without_mnemonic(widget.text())
    if isinstance(widget, QAbstractButton):
        yield without_mnemonic(widget.text())
    if isinstance(widget, QGroupBox | QMenu):
        yield without_mnemonic(widget.title())
    if isinstance(widget, QTabBar):
        yield from (without_mnemonic(widget.tabText(tab)) for tab in range(widget.count()))


def of_action(action: QAction) -> Iterator[str]:
    yield without_mnemonic(action.text())
    yield action.toolTip()
    yield action.statusTip()


def test_names_are_plain_text_wherever_they_are_shown(
    qtbot: QtBot, named: MainWindow, asked: Asked, tmp_path: Path
) -> None:
    assert plain_text.shown(NAME) == SHOWN
    open_dialogs(named, tmp_path)
    named.codecs.menu.aboutToShow.emit()
    widgets = [named, *named.findChildren(QWidget)]
    kinds = {
        kind
        for module in pkgutil.iter_modules(lincae_studio.ui.dialogs.__path__, "lincae_studio.ui.dialogs.")
        for kind in vars(importlib.import_module(module.name)).values()
        if isinstance(kind, type) and issubclass(kind, QDialog) and kind.__module__ == module.name
    }
    bases = {base for kind in kinds for base in kind.__mro__[1:]}
    missed = {kind.__name__ for kind in kinds - bases} - {type(widget).__name__ for widget in widgets}
    assert not missed, "open these dialogs, too"

    seen: dict[str, list[str]] = {"alone": [], "within": [], "actions": []}
    for widget in widgets:
        widget.ensurePolished()
        if isinstance(widget, QLabel):
            assert widget.textFormat() is Qt.TextFormat.PlainText, widget.text()
        assert not widget.whatsThis(), "Qt interprets markup in it"
        assert not isinstance(widget, QTextEdit) or MARK not in widget.toPlainText(), "use a QPlainTextEdit"
        if isinstance(widget, QGraphicsView):
            drawn: list[Any] = widget.scene().items() if widget.scene() is not None else []
            assert not any(MARK in item.toPlainText() for item in drawn if hasattr(item, "toPlainText"))
        seen["alone"] += [text for text in alone(widget) if MARK in text]
        seen["within"] += [text for text in within(widget) if MARK in text]
    for action in named.findChildren(QAction):
        assert MARK not in action.whatsThis()
        seen["actions"] += [text for text in of_action(action) if MARK in text]
    for text in (*seen["within"], *seen["actions"]):
        assert SHOWN in text
    in_json = plain_text.shown(json.dumps(NAME, ensure_ascii=False)[1:-1])
    forms = (NAME, SHOWN, in_json)
    assert [text for text in seen["alone"] if not any(form in text for form in forms)] == []
    titles = [text for text in seen["within"] if "LinCAE Studio" in text]
    assert any(text.startswith(f"{SHOWN}*") for text in titles), "the project, modified"
    assert len(set(seen["within"])) >= 10
    assert len(set(seen["actions"])) >= 4
    assert len(set(seen["alone"])) >= 8

    confirm(named, f"{NAME} exists.", "Replace it?")
    assert not named.project_commands.may_leave()
    assert len(asked.questions) == 2
    assert all(SHOWN in question for question in asked.questions)
    for dialog in named.findChildren(QDialog):
        dialog.close()


@pytest.mark.qt_log_ignore("This plugin does not support raise", extend=True)  # as any tooltip offscreen
def test_a_tooltip_is_plain_text(named: MainWindow, qtbot: QtBot) -> None:
    fader = next(widget for widget in named.findChildren(QWidget) if MARK in widget.toolTip())
    place = fader.rect().center()
    QApplication.sendEvent(fader, QHelpEvent(QEvent.Type.ToolTip, place, fader.mapToGlobal(place)))
    [tip] = [widget for widget in QApplication.topLevelWidgets() if widget.metaObject().className() == "QTipLabel"]
    assert isinstance(tip, QLabel)
    assert SHOWN in tip.text()
    assert tip.textFormat() is Qt.TextFormat.PlainText
    tip.close()


def test_nothing_asks_qt_for_rich_text() -> None:
    """The manual, which is ours, is the only text with markup."""
    rich = {"QTextBrowser", "QTextEdit", "QTextDocument", "QErrorMessage", "QWhatsThis"}
    rich |= {"setHtml", "insertHtml", "setMarkdown", "setWhatsThis", "RichText", "AutoText", "MarkdownText"}
    for path in UI.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        used |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        if path.name != "manual.py":
            assert not used & rich, path
