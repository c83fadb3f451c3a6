"""Preferences through the window: chosen in the dialog, in force at once, kept for the next start."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from lincae_studio import preferences
from lincae_studio.preferences import Preferences
from lincae_studio.ui import shortcuts, theme
from lincae_studio.ui.actions import ACTIONS
from lincae_studio.ui.main_window import MainWindow
from lincae_studio.ui.preferences import PreferenceStore
from lincae_studio.ui.preferences_dialog import PreferencesDialog
from tests.ui.conftest import LIMIT_MS, set_zoom
from tests.ui.drive import NONE, press, wheel

CTRL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def kept(window: MainWindow, tmp_path: Path) -> Callable[[], Preferences]:
    """Lets the window keep its preferences in a file, and reads what is kept."""
    path = tmp_path / "preferences.json"
    window.preferences._path = path
    return lambda: preferences.load(path)


@pytest.fixture
def dialog(qtbot: QtBot, window: MainWindow) -> PreferencesDialog:
    press(window, Qt.Key.Key_Comma, CTRL)
    found = window.findChild(PreferencesDialog)
    assert found is not None
    qtbot.waitUntil(found.isVisible, timeout=LIMIT_MS)
    return found


def choose(page: PreferencesDialog, command: str, key: Qt.Key, modifiers: Qt.KeyboardModifier) -> None:
    """Select a command, press keys in the field, and press Assign."""
    page.pages.setCurrentWidget(page.shortcuts)
    page.shortcuts.select(command)
    page.shortcuts.key.setFocus()
    QTest.keyClick(page.shortcuts.key, key, modifiers)
    QTest.mouseClick(page.shortcuts.assign, Qt.MouseButton.LeftButton)


def test_another_theme_holds_at_once_and_for_the_next_start(
    window: MainWindow, dialog: PreferencesDialog, kept: Callable[[], Preferences], styled: QApplication
) -> None:
    try:
        box = dialog.general.theme
        box.setFocus()
        QTest.keyClick(box, Qt.Key.Key_Down)
        assert theme.colors() is theme.LIGHT
        assert kept().theme == "light"
        QTest.keyClick(box, Qt.Key.Key_Up)
        assert theme.colors() is theme.DARK
    finally:
        theme.apply_theme(styled)


def test_the_wheel_zooms_where_that_is_preferred(song: MainWindow) -> None:
    axis, lanes = song.timeline.axis, song.timeline.lanes
    set_zoom(song, 100.0)
    wheel(lanes, 100, 20, 1)
    assert axis.samples_per_px == 100.0
    song.preferences.set(wheel="zoom")
    wheel(lanes, 100, 20, 1)
    assert axis.samples_per_px < 99.0
    zoomed = axis.samples_per_px
    wheel(lanes, 100, 20, 1, CTRL)
    assert axis.samples_per_px == zoomed


def test_a_command_is_given_another_key(
    song: MainWindow, dialog: PreferencesDialog, kept: Callable[[], Preferences]
) -> None:
    choose(dialog, "split", Qt.Key.Key_K, CTRL)
    assert kept().shortcuts == {"split": ("Ctrl+K",)}
    dialog.close()
    song.transport.seek(44_100)
    before = song.document.session
    press(song, Qt.Key.Key_S)
    assert song.document.session == before, "its old key does nothing now"
    press(song, Qt.Key.Key_K, CTRL)
    assert song.document.undo_text == "Split"
    assert "Ctrl+K" in song.actions_by_id["split"].toolTip()


def test_a_key_that_is_taken_is_said_and_then_moves(song: MainWindow, dialog: PreferencesDialog) -> None:
    page = dialog.shortcuts
    dialog.pages.setCurrentWidget(page)
    page.select("join")
    page.key.setFocus()
    QTest.keyClick(page.key, Qt.Key.Key_S)
    assert "Split at Playhead" in page.said.text()
    QTest.mouseClick(page.assign, Qt.MouseButton.LeftButton)
    keys = shortcuts.keys_of(song.preferences.value.shortcuts)
    assert [shortcuts.portable(key) for key in keys["join"]] == ["S"]
    assert keys["split"] == []
    choose(dialog, "delete", Qt.Key.Key_S, NONE)
    assert song.preferences.value.shortcuts["join"] == (), "what was chosen can be lost, too"
    assert [shortcuts.portable(key) for key in song.actions_by_id["delete"].shortcuts()] == ["S"]


def test_keys_go_back_to_the_defaults(song: MainWindow, dialog: PreferencesDialog) -> None:
    page = dialog.shortcuts
    choose(dialog, "split", Qt.Key.Key_K, CTRL)
    choose(dialog, "join", Qt.Key.Key_L, CTRL | SHIFT)
    page.select("split")
    QTest.mouseClick(page.default, Qt.MouseButton.LeftButton)
    assert list(song.preferences.value.shortcuts) == ["join"]
    QTest.mouseClick(page.clear, Qt.MouseButton.LeftButton)
    assert song.actions_by_id["split"].shortcuts() == []
    QTest.mouseClick(page.reset, Qt.MouseButton.LeftButton)
    assert song.preferences.value.shortcuts == {}
    for spec in ACTIONS:
        assert song.actions_by_id[spec.id].shortcuts() == shortcuts.default_keys(spec)


def test_commands_are_found_by_name_and_by_key(window: MainWindow, dialog: PreferencesDialog) -> None:
    page = dialog.shortcuts
    dialog.pages.setCurrentWidget(page)

    def shown() -> list[str]:
        rows = [page.table.topLevelItem(row) for row in range(page.table.topLevelItemCount())]
        return [row.text(0) for row in rows if row is not None and not row.isHidden()]

    page.search.setFocus()
    QTest.keyClicks(page.search, "closegap")
    assert shown() == []
    assert page.command is None
    assert not page.clear.isEnabled()
    page.search.clear()
    QTest.keyClicks(page.search, "close gap")
    assert shown() == ["Edit: Delete and Close Gap"]
    page.search.clear()
    QTest.keyClicks(page.search, "ctrl+shift+del")
    assert shown() == ["Track: Remove Track"]
    assert page.command is not None
    assert page.command.id == "remove_track"


def test_keys_pressed_in_the_field_run_nothing(song: MainWindow, dialog: PreferencesDialog) -> None:
    before = song.document.session
    dialog.pages.setCurrentWidget(dialog.shortcuts)
    dialog.shortcuts.key.setFocus()
    for key in (Qt.Key.Key_S, Qt.Key.Key_Delete, Qt.Key.Key_Space, Qt.Key.Key_M, Qt.Key.Key_Return):
        QTest.keyClick(dialog.windowHandle(), key)
        assert dialog.shortcuts.key.value == QKeySequence(key)
    assert song.document.session == before
    assert not song.player.playing
    QTest.keyClick(dialog.windowHandle(), Qt.Key.Key_Escape)
    assert song.findChild(PreferencesDialog) is None or not song.findChild(PreferencesDialog).isVisible()


def test_hand_written_keys_cannot_make_a_key_run_two_commands() -> None:
    keys = shortcuts.keys_of({"split": ("X", "nonsense+", ""), "join": ("X", "M"), "no such command": ("Y",)})
    names = [shortcuts.portable(key) for found in keys.values() for key in found]
    assert len(set(names)) == len(names)
    assert shortcuts.portable(keys["split"][0]) == "X"
    assert keys["add_marker"] == []


def test_switches_of_the_view_menu_are_remembered(window: MainWindow, kept: Callable[[], Preferences]) -> None:
    press(window, Qt.Key.Key_N)
    window.actions_by_id["follow"].trigger()
    assert (kept().snap, kept().follow_playhead) == (False, False)
    assert not window.timeline.snaps.on


def test_preferences_that_cannot_be_kept_are_said(window: MainWindow, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    window.preferences._path = tmp_path / "file" / "preferences.json"
    press(window, Qt.Key.Key_N)
    assert "cannot save the preferences" in window.messages.text.text().casefold()
    assert not window.timeline.snaps.on, "they hold all the same"


def test_a_damaged_file_is_said_when_the_window_opens(qtbot: QtBot, styled: QApplication, tmp_path: Path) -> None:
    path = tmp_path / "preferences.json"
    path.write_text("{")
    assert "not readable" in str(PreferenceStore(path).refusal)
    assert PreferenceStore(None).refusal is None
