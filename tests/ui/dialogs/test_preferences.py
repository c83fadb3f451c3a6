"""Preferences through the window: chosen in the dialog, in force at once, kept for the next start."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QCheckBox,
    QComboBox,
    QDialogButtonBox,
    QLineEdit,
)
from pytestqt.qtbot import QtBot

from lincae_studio import paths, preferences
from lincae_studio.codecs.computation import Computation
from lincae_studio.engine.process.client import EngineClient
from lincae_studio.engine.process.messages import Limits
from lincae_studio.engine.rendering.renderer import Rendered
from lincae_studio.errors import UsageError
from lincae_studio.paths import resource
from lincae_studio.preference_table import PREFERENCES, choices_of, manual_lines
from lincae_studio.preferences import Preferences
from lincae_studio.session import edits
from lincae_studio.ui import theme
from lincae_studio.ui.actions import shortcuts
from lincae_studio.ui.actions.table import ACTIONS
from lincae_studio.ui.dialogs.number_field import NumberField
from lincae_studio.ui.dialogs.preferences import PreferencesDialog
from lincae_studio.ui.dialogs.render_settings import RenderSettingsDialog
from lincae_studio.ui.main_window import MainWindow
from lincae_studio.ui.model.preference_store import PreferenceStore
from tests.ui.conftest import LIMIT_MS, set_zoom, wait_rendered
from tests.ui.drive import NONE, press, wheel

CTRL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def kept(window: MainWindow, tmp_path: Path) -> Callable[[], Preferences]:
    """Lets the window save its preferences to a file, and reads it."""
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


def test_a_theme_takes_effect_immediately_and_is_saved(
    window: MainWindow, dialog: PreferencesDialog, kept: Callable[[], Preferences], styled: QApplication
) -> None:
    try:
        box = dialog.field("theme")
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


def test_a_key_in_use_is_reported_and_then_reassigned(song: MainWindow, dialog: PreferencesDialog) -> None:
    page = dialog.shortcuts
    dialog.pages.setCurrentWidget(page)
    page.select("join")
    page.key.setFocus()
    QTest.keyClick(page.key, Qt.Key.Key_S)
    assert "Split at Playhead" in page.message.text()
    QTest.mouseClick(page.assign, Qt.MouseButton.LeftButton)
    keys = shortcuts.keys_of(song.preferences.value.shortcuts)
    assert [shortcuts.portable(key) for key in keys["join"]] == ["S"]
    assert keys["split"] == []
    choose(dialog, "delete", Qt.Key.Key_S, NONE)
    assert song.preferences.value.shortcuts["join"] == (), "a chosen key can be lost, too"
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


def test_a_preset_is_chosen_with_the_user_s_keys_on_top(
    song: MainWindow, dialog: PreferencesDialog, kept: Callable[[], Preferences]
) -> None:
    page = dialog.shortcuts
    choose(dialog, "join", Qt.Key.Key_B, CTRL)  # which adds markers in Audacity

    def shown(command: str) -> str:
        return page._items[command].text(1)

    page.preset.setFocus()
    QTest.keyClick(page.preset, Qt.Key.Key_Down)
    assert page.preset.currentText() == "Audacity"
    assert kept().shortcut_preset == "audacity"
    assert kept().shortcuts == {"join": ("Ctrl+B",)}
    assert (shown("split"), shown("join")) == ("Ctrl+I", "Ctrl+B")
    assert shown("add_marker") == "Ctrl+M, M"
    assert page.message.text() == ""
    page.select("delete")
    page.key.setFocus()
    QTest.keyClick(page.key, Qt.Key.Key_I, CTRL)
    assert "Split at Playhead" in page.message.text(), "as in the preset"
    QTest.mouseClick(page.reset, Qt.MouseButton.LeftButton)
    assert shown("add_marker") == "Ctrl+B, Ctrl+M, M"
    assert page.preset.currentText() == "Audacity"
    page.preset.setFocus()
    QTest.keyClick(page.preset, Qt.Key.Key_Up)
    assert (shown("split"), shown("join")) == ("S", "Ctrl+J")
    QTest.keyClicks(dialog.search, "reaper")
    assert dialog.pages.isTabVisible(dialog.pages.indexOf(page))
    assert not page._items["split"].isHidden()


def test_commands_are_found_by_name_and_by_key(window: MainWindow, dialog: PreferencesDialog) -> None:
    page = dialog.shortcuts
    dialog.pages.setCurrentWidget(page)

    def shown() -> list[str]:
        rows = [page.table.topLevelItem(row) for row in range(page.table.topLevelItemCount())]
        return [row.text(0) for row in rows if row is not None and not row.isHidden()]

    def chosen() -> str | None:
        return page.command.id if page.command is not None else None

    page.search.setFocus()
    QTest.keyClicks(page.search, "closegap")
    assert shown() == []
    assert chosen() is None
    assert not page.clear.isEnabled()
    page.search.clear()
    QTest.keyClicks(page.search, "close gap")
    assert shown() == ["Edit: Delete and Close Gap"]
    page.search.clear()
    QTest.keyClicks(page.search, "ctrl+shift+del")
    assert shown() == ["Track: Remove Track"]
    assert chosen() == "remove_track"


def test_keys_pressed_in_the_field_run_no_commands(song: MainWindow, dialog: PreferencesDialog) -> None:
    before = song.document.session
    dialog.pages.setCurrentWidget(dialog.shortcuts)
    dialog.shortcuts.key.setFocus()
    for key in (Qt.Key.Key_S, Qt.Key.Key_Delete, Qt.Key.Key_Space, Qt.Key.Key_M, Qt.Key.Key_Return):
        QTest.keyClick(dialog.windowHandle(), key)
        assert dialog.shortcuts.key.value == QKeySequence(key)
    assert song.document.session == before
    assert not song.player.playing
    QTest.keyClick(dialog.windowHandle(), Qt.Key.Key_Escape)
    assert not any(one.isVisible() for one in song.findChildren(PreferencesDialog))


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


def test_preferences_that_cannot_be_saved_are_reported(window: MainWindow, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    window.preferences._path = tmp_path / "file" / "preferences.json"
    press(window, Qt.Key.Key_N)
    assert "cannot save the preferences" in window.messages.text.text().casefold()
    assert not window.timeline.snaps.on, "they hold all the same"


def test_a_damaged_file_is_reported_when_the_window_opens(qtbot: QtBot, styled: QApplication, tmp_path: Path) -> None:
    path = tmp_path / "preferences.json"
    path.write_text("{")
    assert "cannot be read" in str(PreferenceStore(path).load_error)
    assert PreferenceStore(None).load_error is None


# The pages that are made of the table


def test_every_preference_has_a_widget_that_sets_it_and_shows_it(
    window: MainWindow, dialog: PreferencesDialog, kept: Callable[[], Preferences]
) -> None:
    """Each is changed by its widget, kept in the file, and shown when something else changes it."""
    for preference in PREFERENCES:
        widget, before = dialog.field(preference.field), getattr(window.preferences.value, preference.field)
        if isinstance(widget, QComboBox):
            widget.setCurrentIndex((widget.currentIndex() + 1) % widget.count())
            widget.activated.emit(widget.currentIndex())
        elif isinstance(widget, QCheckBox):
            widget.click()
        elif isinstance(widget, NumberField):
            widget.stepBy(3)
        elif isinstance(widget, QLineEdit):
            widget.setText("/somewhere")
            widget.editingFinished.emit()
        after = getattr(window.preferences.value, preference.field)
        assert after != before, preference.field
        assert getattr(kept(), preference.field) == after
        window.preferences.set(**{preference.field: before})
        shown = {
            QComboBox: lambda w: w.currentData(),
            QCheckBox: lambda w: w.isChecked(),
            NumberField: lambda w: w.value(),
            QLineEdit: lambda w: w.text(),
        }[type(widget)](widget)
        assert shown == before, preference.field


def test_the_table_matches_the_fields() -> None:
    fields = {field.name: field for field in msgspec.structs.fields(Preferences)}
    titles = [(preference.page, preference.title.replace("&", "")) for preference in PREFERENCES]
    assert len(set(titles)) == len(titles)
    for preference in PREFERENCES:
        assert preference.field in fields
        assert preference.description.endswith(".")
        values = choices_of(preference)
        if values:
            assert tuple(value for value, _ in preference.choices) == values
    elsewhere = {
        "views",
        "header_px",
        "heatmap_level",
        "snap_to",
        "ripple",
        "overview",
        "recent",
        "export",
        "export_presets",
    }
    elsewhere |= {"shortcuts", "shortcut_preset", "welcomed"}
    audio = {name for name in fields if name.startswith("audio_")} | {"output_level_db"}
    assert fields.keys() == {preference.field for preference in PREFERENCES} | elsewhere | audio


def test_the_manual_contains_the_table() -> None:
    manual = resource("manual/manual.md").read_text(encoding="utf-8")
    for line in manual_lines():
        assert line in manual, "copy the lines of preference_table.manual_lines() into the manual"


def test_preferences_are_found_by_words(dialog: PreferencesDialog) -> None:
    def tabs() -> list[str]:
        return [dialog.pages.tabText(n) for n in range(dialog.pages.count()) if dialog.pages.isTabVisible(n)]

    assert tabs() == ["General", "Projects", "Engine", "Cache", "Audio", "Shortcuts"]
    QTest.keyClicks(dialog.search, "precision")
    assert tabs() == ["Engine"]
    assert dialog.pages.currentWidget() is dialog.settings["Engine"]
    assert dialog.field("precision").isVisible()
    assert not dialog.field("device").isVisible()
    dialog.search.clear()
    assert dialog.field("device").isVisible()
    QTest.keyClicks(dialog.search, "buffer")
    assert "Audio" in tabs()
    dialog.search.clear()
    QTest.keyClicks(dialog.search, "duplicate track")
    assert tabs() == ["Shortcuts"]
    dialog.search.setText("no such thing anywhere")
    assert tabs() == []
    dialog.search.clear()
    assert len(tabs()) == 6


def test_the_defaults_of_a_page_are_restored(window: MainWindow, dialog: PreferencesDialog) -> None:
    window.preferences.set(autosave_minutes=9.0, seed=5, theme="light")
    dialog.pages.setCurrentWidget(dialog.settings["Projects"])
    QTest.mouseClick(dialog.defaults, Qt.MouseButton.LeftButton)
    assert window.preferences.value.autosave_minutes == 2.0
    assert window.preferences.value.seed == 0
    assert window.preferences.value.theme == "light", "of another page"
    window.preferences.set(theme="dark")
    dialog.pages.setCurrentWidget(dialog.shortcuts)
    assert not dialog.defaults.isEnabled()


def test_new_sessions_use_the_preferences(window: MainWindow) -> None:
    window.preferences.set(codec="mdct-4x", seed=7, chunk_frames=200, overlap_frames=4)
    press(window, Qt.Key.Key_N, CTRL)
    session = window.document.session
    assert (session.codec, session.seed, session.chunk_frames, session.overlap_frames) == ("mdct-4x", 7, 200, 4)
    assert not window.document.modified
    assert (window.rendering.update_plan().grid.frames, window.rendering.update_plan().grid.overlap) == (200, 4)


@pytest.mark.engine
def test_another_precision_restarts_the_engine(qtbot: QtBot, song: MainWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    wait_rendered(qtbot, song)
    whole = song.rendering.reader().read(0, 44_100)
    [first] = [process.pid for process in multiprocessing.active_children()]
    told: list[Computation] = []
    configure = EngineClient.configure

    def tell(client: EngineClient, computation: Computation) -> None:
        told.append(computation)
        configure(client, computation)

    monkeypatch.setattr(EngineClient, "configure", tell)
    with qtbot.waitSignal(song.rendering.engine_changed, timeout=LIMIT_MS):
        song.preferences.set(precision="fp32", device="cpu")
    assert song.rendering.computation == Computation("cpu", "fp32")
    assert told == [Computation("cpu", "fp32")]

    def another() -> bool:
        try:
            now = [process.pid for process in multiprocessing.active_children()]
        except ValueError:  # the client closed one meanwhile
            return False
        return len(now) == 1 and now != [first] and song.rendering.engine_status.text == "engine ready"

    qtbot.waitUntil(another, timeout=LIMIT_MS)
    assert not song.messages.isVisible(), "it is no failure"
    track = song.document.session.tracks[0].id
    song.document.apply("Gain", lambda s: edits.set_track_gain(s, track, 0.5))
    wait_rendered(qtbot, song)
    assert np.abs(song.rendering.reader().read(0, 44_100) - whole).max() > 0.01


def test_sizes_of_caches_reach_the_engine_in_bytes(window: MainWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Limits] = []
    monkeypatch.setattr(EngineClient, "set_limits", lambda _client, limits: told.append(limits))
    window.preferences.set(latent_memory_mb=100, latent_cache_gb=2.5, render_cache_gb=7.0)
    assert told[-1] == Limits(100_000_000, 2_500_000_000, 7_000_000_000)


def test_the_limit_of_renders_in_memory_applies_at_once(window: MainWindow) -> None:
    store, latents = window.rendering.store, np.zeros((1, 1, 0), np.float32)
    for number in range(40):
        store.put(Rendered(f"old {number}", latents, np.zeros((1, 500_000), np.float32)))
    assert store.nbytes == 80_000_000
    window.preferences.set(render_memory_mb=64)
    assert store.nbytes == 64_000_000


def test_unsupported_chunk_settings_are_reported_and_replaced_by_defaults(window: MainWindow) -> None:
    window.preferences.set(chunk_frames=1, overlap_frames=5)
    press(window, Qt.Key.Key_N, CTRL)
    assert "does not support the chunks set in the preferences" in window.messages.text.text()
    session = window.document.session
    assert (session.chunk_frames, session.overlap_frames) == (0, 0)


def test_a_folder_is_kept_by_its_whole_path(window: MainWindow, dialog: PreferencesDialog, isolated: Path) -> None:
    field = dialog.field("cache_folder")
    assert isinstance(field, QLineEdit)
    for typed, kept in (("my cache", isolated / "my cache"), ("~/c", isolated / "c"), ("~nobody-here", None)):
        field.setText(typed)
        field.editingFinished.emit()
        assert window.preferences.value.cache_folder == str(kept or isolated / "~nobody-here")
        assert field.text() == window.preferences.value.cache_folder
    field.setText("")
    field.editingFinished.emit()
    assert window.preferences.value.cache_folder == ""


def test_an_invalid_cache_folder_does_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LINCAE_STUDIO_CACHE")
    for folder in ("~nobody-of-that-name/x", "relative", "~"):
        PreferenceStore(paths.preferences_file()).set(cache_folder=folder)
        assert preferences.cache_dir().is_absolute()


def test_the_environment_overrides_preferences(qapp: QApplication) -> None:
    store = PreferenceStore(None, environment={"LINCAE_STUDIO_DEVICE": "cpu"})
    store.set(device="cuda", precision="fp32")
    assert store.computation == Computation("cpu", "fp32")
    assert store.value.device == "cuda", "it is kept for a start without the environment"
    with pytest.raises(UsageError, match="“fp8”"):
        PreferenceStore(None, environment={"LINCAE_STUDIO_PRECISION": "fp8"})


def test_the_cache_folder_takes_effect_after_restarting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LINCAE_STUDIO_CACHE")
    assert preferences.cache_dir() == paths.cache_dir()
    PreferenceStore(paths.preferences_file()).set(cache_folder=str(tmp_path / "my cache"))
    assert preferences.cache_dir() == tmp_path / "my cache"
    monkeypatch.setenv("LINCAE_STUDIO_CACHE", str(tmp_path / "other"))
    assert preferences.cache_dir() == tmp_path / "other"


@pytest.mark.engine
def test_render_settings_are_one_undoable_edit(qtbot: QtBot, song: MainWindow) -> None:
    wait_rendered(qtbot, song)
    before = song.rendering.update_plan().grid
    song.actions_by_id["render_settings"].trigger()
    dialog = next(one for one in song.findChildren(RenderSettingsDialog) if one.isVisible())
    ok = dialog.buttons.button(QDialogButtonBox.StandardButton.Ok)
    dialog.frames.setValue(3)
    dialog.overlap.setValue(2)
    assert not ok.isEnabled()
    assert "cannot overlap" in dialog.message.text()
    dialog.frames.setValue(100)
    dialog.seed.setValue(5)
    assert "A chunk starts every 0.57 s" in dialog.message.text()
    assert "the seed has no effect" in dialog.message.text()
    ok.click()
    assert song.document.undo_text == "Render Settings"
    assert song.rendering.update_plan().grid.frames == 100
    assert song.document.session.seed == 5
    wait_rendered(qtbot, song)
    press(song, Qt.Key.Key_Z, CTRL)
    assert song.rendering.update_plan().grid == before
