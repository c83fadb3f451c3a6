"""The table of commands, and what the window makes of it."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu, QToolBar
from pytestqt.qtbot import QtBot

from lincae_studio.codecs import registry
from lincae_studio.paths import resource
from lincae_studio.session import snapshots
from lincae_studio.ui.actions.mnemonics import letter_of
from lincae_studio.ui.actions.shortcuts import default_keys
from lincae_studio.ui.actions.table import ACTIONS, MENUS, TOOLBAR
from lincae_studio.ui.main_window import MainWindow
from lincae_studio.ui.plain_text import from_menu
from tests.helpers import si_sdr_db
from tests.ui.conftest import wait_rendered
from tests.ui.drive import click, press

IDS = [spec.id for spec in ACTIONS]


def enabled(window: MainWindow) -> set[str]:
    return {name for name, action in window.actions_by_id.items() if action.isEnabled()}


def needing(*needs: str) -> set[str]:
    return {spec.id for spec in ACTIONS if spec.needs in needs}


def test_the_table_is_consistent() -> None:
    assert len(set(IDS)) == len(IDS)
    for spec in ACTIONS:
        assert spec.menu in MENUS
        assert spec.text
        assert spec.tip
        assert spec.needs in (
            "",
            "clips",
            "selection",
            "selected",
            "time",
            "track",
            "insert",
            "strip",
            "points",
            "solos",
            "group",
            "grouped",
            "groups",
            "markers",
            "sections",
            "snapshots",
            "two snapshots",
            "region",
            "channel",
            "morph",
            "undo",
            "redo",
            "place",
        )
        assert not spec.icon or resource(f"icons/{spec.icon}.svg").is_file()
    assert set(TOOLBAR) - {None} <= set(IDS)


def test_every_action_has_a_handler(window: MainWindow) -> None:
    for spec in ACTIONS:
        assert callable(window.handlers.handler(spec.id))


def test_no_key_is_given_twice(styled: QApplication) -> None:
    """The real sequences of this platform, written names and standard keys together."""
    keys = Counter(
        key.toString(QKeySequence.SequenceFormat.PortableText)
        for spec in ACTIONS  # what the window makes of it leaves doubled keys out
        for key in dict.fromkeys(default_keys(spec))
    )
    assert [key for key, count in keys.items() if count > 1 or not key] == []
    assert len(keys) > 40


def test_every_entry_of_a_menu_has_a_letter_of_its_own_while_there_is_one(window: MainWindow) -> None:
    for menu in window.menuBar().findChildren(QMenu):
        texts = [action.text() for action in menu.actions() if not action.isSeparator()]
        letters = Counter(letter for text in texts if (letter := letter_of(text)))
        assert not [letter for letter, count in letters.items() if count > 1], f"{menu.title()}: {letters}"
        for text in texts:
            free = {letter for letter in text.casefold() if letter.isalnum()} - letters.keys()
            assert letter_of(text) or not free, f"{text} of {menu.title()}"


@pytest.mark.qt_log_ignore("This plugin does not support (raise|grabbing)", extend=True)
def test_a_letter_opens_a_submenu_and_chooses_its_entry(song: MainWindow) -> None:
    menu = next(menu for menu in song.menuBar().findChildren(QMenu) if menu.title() == "&View")
    menu.popup(QPoint(0, 0))
    submenu = next(one for one in menu.findChildren(QMenu) if from_menu(one.title()) == "Ruler Units")
    QTest.keyClicks(menu, letter_of(submenu.title()))
    assert submenu.isVisible()
    QTest.keyClicks(submenu, letter_of(song.actions_by_id["count_in_samples"].text()))
    assert song.preferences.value.ruler == "samples"


def test_every_action_is_in_its_menu_and_on_the_toolbar(window: MainWindow) -> None:
    menus = {from_menu(menu.title()): menu for menu in window.menuBar().findChildren(QMenu)}
    for spec in ACTIONS:
        if spec.context_only:
            assert window.actions_by_id[spec.id] not in menus[spec.menu].actions()
            continue
        menu = menus[spec.submenu or spec.menu]
        assert window.actions_by_id[spec.id] in menu.actions()
        assert not spec.submenu or menu.menuAction() in menus[spec.menu].actions()
        assert window.actions_by_id[spec.id].statusTip() == spec.tip
    bar = window.findChild(QToolBar)
    assert bar is not None
    named = [action.objectName() for action in bar.actions() if action.objectName()]
    assert named == [name for name in TOOLBAR if name]
    for name in named:
        assert bar.widgetForAction(window.actions_by_id[name]).accessibleName()


def test_menus_fit_on_a_small_screen(window: MainWindow) -> None:
    heights = {menu.title(): menu.sizeHint().height() for menu in window.menuBar().findChildren(QMenu)}
    assert max(heights.values()) < 700, heights


def test_preferences_are_the_last_of_the_edit_menu(window: MainWindow) -> None:
    menu = next(menu for menu in window.menuBar().findChildren(QMenu) if menu.title() == "&Edit")
    assert menu.actions()[-1] is window.actions_by_id["preferences"]


def test_commands_that_recall_snapshots_have_their_names(song: MainWindow) -> None:
    song.document.apply("Store Snapshot", lambda session: snapshots.store(session, "Drums & Bass"))
    assert song.actions_by_id["recall_snapshot_1"].text() == "Snapshot &1: Drums && Bass"
    assert song.actions_by_id["recall_snapshot_2"].text() == "Snapshot &2"
    press(song, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert song.actions_by_id["recall_snapshot_1"].text() == "Snapshot &1"


def test_actions_are_enabled_when_they_can_be_used(window: MainWindow) -> None:
    assert enabled(window) == needing("", "place")
    press(window, Qt.Key.Key_T, Qt.KeyboardModifier.ControlModifier)
    assert enabled(window) == needing("", "place", "track", "strip", "undo")
    press(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert enabled(window) == needing("", "place", "redo")


def test_clip_actions_are_enabled_with_clips(song: MainWindow) -> None:
    assert enabled(song) == needing("", "place", "clips", "track", "strip", "undo")
    click(song.timeline.lanes, 100, 30)
    assert enabled(song) == needing("", "place", "clips", "selection", "selected", "track", "strip", "undo")
    press(song, Qt.Key.Key_Delete)
    assert song.actions_by_id["undo"].text() == "&Undo Delete Clip: a"
    assert not song.actions_by_id["delete"].isEnabled()


def test_what_clears_is_enabled_while_there_is_something_to_clear(song: MainWindow) -> None:
    actions = song.actions_by_id
    song.selection.set_track(song.document.session.tracks[0].id)
    assert not actions["clear_solos"].isEnabled()
    press(song, Qt.Key.Key_S, Qt.KeyboardModifier.ShiftModifier)
    assert actions["clear_solos"].isEnabled()
    actions["clear_solos"].trigger()
    assert not actions["clear_solos"].isEnabled()
    assert not actions["clear_envelopes"].isEnabled()
    press(song, Qt.Key.Key_A)
    press(song, Qt.Key.Key_A, Qt.KeyboardModifier.ShiftModifier)
    assert actions["clear_envelopes"].isEnabled()
    song.selection.set_track(song.document.session.tracks[1].id)
    assert not actions["clear_envelopes"].isEnabled()


@pytest.mark.engine
def test_every_codec_is_listed_and_choosing_one_renders_again(qtbot: QtBot, song: MainWindow) -> None:
    wait_rendered(qtbot, song)
    assert list(song.codecs.actions) == [info.id for info in registry.all_info()]
    assert [name for name, action in song.codecs.actions.items() if action.isChecked()] == ["mdct-2x"]
    length = song.document.session.length
    before, session = song.rendering.reader().read(0, length), song.document.session
    song.codecs.actions["mdct-1x"].trigger()
    assert song.document.session.codec == "mdct-1x"
    assert "MDCT 1x" in song.status.codec.text()
    wait_rendered(qtbot, song)
    exact = song.rendering.reader().read(0, length)
    assert 1.0 < si_sdr_db(before, exact) < 60.0, "the codecs sound different"
    undo = song.document.undo_text
    song.codecs.actions["mdct-1x"].trigger()
    assert song.document.undo_text == undo, "the same codec again is no edit"
    press(song, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert song.document.session == session
    assert song.codecs.actions["mdct-2x"].isChecked()
    assert len(set(song.rendering.progress())) == 1, "the renders of before are still there"
    np.testing.assert_array_equal(song.rendering.reader().read(0, length), before)
