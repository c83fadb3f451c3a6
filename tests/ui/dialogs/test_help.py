"""The Help menu: the manual as pages with contents and search, the keyboard map, what is new, reports of problems."""

from __future__ import annotations

import json
import logging
import re
import sys
import zipfile
from pathlib import Path

import pytest
from PySide6.QtCore import Qt, QUrl
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog, QPushButton
from pytestqt.qtbot import QtBot

from lincae_studio import __version__, paths
from lincae_studio.codecs import neural
from lincae_studio.export_settings import ExportSettings
from lincae_studio.ui.app import log_to_file
from lincae_studio.ui.dialogs.manual import ManualDialog, pages
from lincae_studio.ui.dialogs.problem_report import ProblemReport, report
from lincae_studio.ui.main_window import MainWindow
from tests.ui.conftest import LIMIT_MS

F3 = Qt.Key.Key_F3


def opened(qtbot: QtBot, window: MainWindow, action: str) -> ManualDialog:
    window.actions_by_id[action].trigger()
    dialog = window.findChild(ManualDialog)
    assert dialog is not None
    dialog.activateWindow()
    qtbot.waitUntil(dialog.isActiveWindow, timeout=LIMIT_MS)
    return dialog


def listed(dialog: ManualDialog) -> list[str]:
    tree = dialog.contents
    items = [tree.topLevelItem(row) for row in range(tree.topLevelItemCount())]
    return [item.text(0) for item in items if item is not None]


def text(dialog: ManualDialog) -> str:
    return dialog.browser.toPlainText()


def found(dialog: ManualDialog) -> tuple[str, str]:
    """The first line of the page, and the text that is selected as a match."""
    return text(dialog).partition("\n")[0], dialog.browser.textCursor().selectedText()


def test_the_manual_is_read_page_by_page(qtbot: QtBot, window: MainWindow) -> None:
    QTest.keyClick(window, Qt.Key.Key_F1)
    dialog = opened(qtbot, window, "manual")
    assert len(window.findChildren(ManualDialog)) == 1, "the second call shows the window that is open"
    titles = listed(dialog)
    assert {"Mixing", "Views", "Exporting", "Keyboard map", "What’s new"} <= set(titles)
    tree = dialog.contents
    tree.setFocus()
    views = tree.topLevelItem(titles.index("Views"))
    assert views is not None
    tree.setCurrentItem(views)
    assert text(dialog).startswith("Views\n")
    view = views.child(1)
    assert view is not None
    tree.setCurrentItem(view)
    block = dialog.browser.textCursor().block()
    assert block.blockFormat().headingLevel() == 3
    assert block.text() == view.text(0)


def test_links_in_the_manual_lead_to_pages_and_headings(qtbot: QtBot, window: MainWindow) -> None:
    dialog = opened(qtbot, window, "manual")
    links = {link for page in pages(window.actions_by_id) for link in page.text.split("](#")[1:]}
    assert links
    for link in {link.partition(")")[0] for link in links}:
        dialog.browser.anchorClicked.emit(QUrl(f"#{link}"))
        headings = {re.sub(r"[^\w -]", "", line.lower()).replace(" ", "-") for line in text(dialog).splitlines()}
        assert link in headings


def test_a_search_goes_through_all_pages(qtbot: QtBot, window: MainWindow) -> None:
    dialog = opened(qtbot, window, "manual")
    QTest.keyClick(dialog, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(dialog.search.hasFocus, timeout=LIMIT_MS)
    QTest.keyClicks(dialog.search, "snap")
    titles = listed(dialog)
    assert titles
    assert all(page.endswith(")") for page in titles), "each with its number of matches"
    total = sum(int(page.rpartition("(")[2].rstrip(")")) for page in titles)
    assert dialog.found.text() == f"{total} found"
    first = found(dialog)
    assert first[1].lower() == "snap"
    seen = {(first[0], dialog.browser.textCursor().position())}
    for _ in range(total - 1):
        QTest.keyClick(dialog.search, Qt.Key.Key_Return)
        assert found(dialog)[1].lower() == "snap"
        seen.add((found(dialog)[0], dialog.browser.textCursor().position()))
    assert len(seen) == total
    QTest.keyClick(dialog, F3)
    assert found(dialog) == first, "after the last match comes the first"
    QTest.keyClick(dialog, F3, Qt.KeyboardModifier.ShiftModifier)
    assert (found(dialog)[0], dialog.browser.textCursor().position()) in seen
    assert found(dialog) != first or len(titles) == 1
    dialog.search.setText("**")
    assert dialog.found.text() == "not found", "a sign of Markdown that is not shown"
    page = next(page for page in pages(window.actions_by_id) if page.title == "The window")
    line = next(line for line in page.text.splitlines() if len(line) > 100)
    across = f"{line.split()[-1]} {page.text.partition(line)[2].split()[0]}"
    dialog.search.setText(across)
    assert found(dialog)[1] == across, "a line of the file ends between the words"
    dialog.search.setText("no such words")
    assert dialog.found.text() == "not found"
    assert listed(dialog) == []
    dialog.search.clear()
    assert "Mixing" in listed(dialog)


def test_the_keyboard_map_shows_the_keys_of_now(qtbot: QtBot, window: MainWindow) -> None:
    window.preferences.set(shortcuts={"split": ("Ctrl+I",)})
    QTest.keyClick(window, Qt.Key.Key_F1, Qt.KeyboardModifier.ShiftModifier)
    dialog = opened(qtbot, window, "keyboard_map")
    lines = text(dialog).splitlines()
    assert lines[0] == "Keyboard map"
    assert lines[lines.index("Split at Playhead") + 1] == "Ctrl+I"
    assert lines[lines.index("Zoom In") + 1].startswith("Ctrl+")


def test_the_help_window_lists_presets_and_says_where_other_keys_are(qtbot: QtBot, window: MainWindow) -> None:
    note = "The keys on this page are those of LinCAE Studio’s own preset."
    dialog = opened(qtbot, window, "manual")
    dialog.show_page("Views")
    assert note not in text(dialog)
    dialog.show_page("Keys of other programs", "Ardour")
    lines = text(dialog).splitlines()
    ardour = lines[lines.index("Ardour") :]
    assert ardour[ardour.index("Next Marker") :][:3] == ["Next Marker", "W", "Alt+Right"]
    assert {"Audacity", "REAPER"} <= set(lines)
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow, timeout=LIMIT_MS)
    window.preferences.set(shortcut_preset="reaper")
    dialog = opened(qtbot, window, "manual")
    dialog.show_page("Views")
    assert note in text(dialog)
    dialog.browser.anchorClicked.emit(QUrl("#keyboard-map"))
    lines = text(dialog).splitlines()
    assert lines[lines.index("Next Marker") + 1] == "], Alt+Right"


def test_what_is_new_is_this_version(qtbot: QtBot, window: MainWindow) -> None:
    assert __version__ in text(opened(qtbot, window, "whats_new"))


def test_a_report_contains_what_is_shown_and_no_paths(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_to_file()
    handler = logging.getLogger().handlers[-1]
    try:
        logging.getLogger("lincae_studio").warning("the file %s is odd", paths.home() / "secret song.wav")
        logging.getLogger("lincae_studio").warning("not the home folder: %s2", paths.home())
        window.preferences.set(recent=(str(paths.home() / "secret.lincae"),), cache_folder="/mnt/secret")
        settings = ExportSettings(artist="Secret Singer")
        window.preferences.set(export=settings, export_presets={"for Secret": settings})
        window.actions_by_id["report_problem"].trigger()
        dialog = window.findChild(ProblemReport)
        assert dialog is not None
        shown = {name: field.toPlainText() for name, field in dialog.texts.items()}
        assert f"LinCAE Studio {__version__}" in shown["versions.txt"]
        assert re.search(r"^torch \d", shown["versions.txt"], re.MULTILINE)
        assert "not installed" not in shown["versions.txt"]
        assert "~/secret song.wav is odd" in shown["studio.log"]
        assert f"not the home folder: {paths.home()}2" in shown["studio.log"]
        assert str(paths.home()) not in "".join(shown.values()).replace(f"{paths.home()}2", "")
        assert "Secret" not in shown["preferences.json"]
        chosen = json.loads(shown["preferences.json"])
        assert (chosen["recent"], chosen["cache_folder"]) == (["(a path)"], "(a path)")
        assert chosen["theme"] == "dark"
        dialog.texts["studio.log"].setPlainText("nothing to see")
        target = tmp_path / "report"
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
        next(button for button in dialog.findChildren(QPushButton) if "Save" in button.text()).click()
        with zipfile.ZipFile(target.with_suffix(".zip")) as archive:
            assert set(archive.namelist()) == shown.keys()
            assert archive.read("studio.log") == b"nothing to see"
    finally:
        logging.getLogger().removeHandler(handler)
        handler.close()


def test_a_report_names_the_version_of_torch_where_it_was_added(
    window: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = neural.folder() / "torch-9.8.7.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 9.8.7\n")
    monkeypatch.setattr(sys, "path", [])
    assert "torch 9.8.7\n" in report(window.preferences)["versions.txt"]
