"""Presets of shortcuts: each is consistent, changes keys at once, and leaves the user's own keys alone."""

from __future__ import annotations

from collections import Counter
from typing import get_args

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from lincae_studio.preferences import ShortcutPreset
from lincae_studio.ui.actions.shortcuts import PRESETS, TITLES, default_keys, keys_of, portable
from lincae_studio.ui.actions.table import ACTIONS, MENUS
from lincae_studio.ui.main_window import MainWindow
from lincae_studio.ui.views.registry import VIEWS
from tests.ui.drive import press

CTRL, ALT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.AltModifier

OTHERS = tuple(preset for preset in PRESETS if preset != "lincae")


def names(window: MainWindow, action: str) -> list[str]:
    return [portable(key) for key in window.actions_by_id[action].shortcuts()]


def test_every_preset_can_be_chosen() -> None:
    assert tuple(PRESETS) == tuple(TITLES) == get_args(ShortcutPreset)
    assert not PRESETS["lincae"]
    assert len(VIEWS) <= 5, "presets give the digits from 1 on to views"


@pytest.mark.parametrize("preset", OTHERS)
def test_a_preset_names_commands_with_valid_keys(styled: QApplication, preset: ShortcutPreset) -> None:
    given = {spec.id for spec in ACTIONS if not spec.context_only}
    assert PRESETS[preset].keys() <= given
    for command, keys in PRESETS[preset].items():
        for key in keys:
            assert portable(QKeySequence(key)) == key, f"{command}: {key} is written {portable(QKeySequence(key))}"


@pytest.mark.parametrize("preset", PRESETS)
def test_no_key_runs_two_commands_and_none_is_lost(styled: QApplication, preset: ShortcutPreset) -> None:
    """What the window makes of it leaves doubled keys out, without a word."""
    keys = Counter(portable(key) for spec in ACTIONS for key in dict.fromkeys(default_keys(spec, preset)))
    assert [key for key, count in keys.items() if count > 1 or not key] == []
    without = [spec.id for spec in ACTIONS if spec.keys and not default_keys(spec, preset)]
    assert without == []


@pytest.mark.parametrize("preset", PRESETS)
def test_no_key_is_needed_by_menus_or_to_move_the_focus(styled: QApplication, preset: ShortcutPreset) -> None:
    kept = {f"Alt+{menu[0]}" for menu in MENUS} | {"Tab", "Shift+Tab", "Esc"}
    used = {portable(key) for spec in ACTIONS for key in default_keys(spec, preset)}
    assert used & kept == set()


def test_a_preset_changes_keys_at_once_and_back(song: MainWindow) -> None:
    song.transport.seek(44_100)
    song.preferences.set(shortcut_preset="audacity")
    press(song, Qt.Key.Key_S)
    assert len(song.document.session.tracks[0].clips) == 1
    press(song, Qt.Key.Key_I, CTRL)
    assert song.document.undo_text == "Split"
    assert "(Ctrl+I)" in song.actions_by_id["split"].toolTip()
    assert song.timeline.add_track_button.toolTip() == "Add an empty track (Ctrl+Shift+N)"
    song.preferences.set(shortcut_preset="lincae")
    for spec in ACTIONS:
        assert song.actions_by_id[spec.id].shortcuts() == default_keys(spec)


def test_own_keys_stay_on_top_of_every_preset(song: MainWindow) -> None:
    own = {"split": ("Ctrl+I",), "group": ()}
    song.preferences.set(shortcuts=own)
    for preset in PRESETS:
        song.preferences.set(shortcut_preset=preset)
        assert song.preferences.value.shortcuts == own
        assert names(song, "split") == ["Ctrl+I"]
        assert names(song, "group") == []
        expected = ["Ctrl+Shift+I"]  # Ardour's other key is taken
        assert names(song, "import_audio") == expected
    assert [portable(key) for key in keys_of({}, "ardour")["import_audio"]] == ["Ctrl+I", "Ctrl+Shift+I"]


def test_return_and_enter_still_belong_to_fields_and_buttons(song: MainWindow) -> None:
    """In Ardour's preset, Return goes to the start and Enter adds a marker."""
    song.preferences.set(shortcut_preset="ardour")
    song.transport.seek(44_100)
    song.actions_by_id["inspector"].trigger()
    song.selection.set_clips([song.document.session.tracks[0].clips[0].id])
    QApplication.processEvents()
    field = song.inspector.field("Start")
    field.setFocus()
    QTest.keyClick(field, Qt.Key.Key_A, CTRL)
    QTest.keyClicks(field, "2")
    press(song, Qt.Key.Key_Return)
    assert song.document.session.tracks[0].clips[0].start == 2 * 44_100
    assert song.transport.position == 44_100
    song.timeline.lanes.setFocus()
    press(song, Qt.Key.Key_Enter, Qt.KeyboardModifier.KeypadModifier)
    assert [marker.at for marker in song.document.session.markers] == [44_100]


def test_keys_of_other_programs_work_in_the_window(song: MainWindow) -> None:
    song.preferences.set(shortcut_preset="ardour")
    first, second = (track.id for track in song.document.session.tracks[:2])
    song.selection.set_track(first)
    press(song, Qt.Key.Key_Down, ALT)
    assert song.selection.track == second
    press(song, Qt.Key.Key_Up, CTRL)
    assert [track.id for track in song.document.session.tracks[:2]] == [second, first]
    song.preferences.set(shortcut_preset="reaper")
    press(song, Qt.Key.Key_R)
    assert song.actions_by_id["loop"].isChecked()
