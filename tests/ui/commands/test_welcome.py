"""The welcome panel: shown once, leads to the demo, to audio, to codecs and to keys, and can be used by keyboard."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QAccessible
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QWidget
from pytestqt.qtbot import QtBot

from lincae_studio.errors import PreferencesError
from lincae_studio.session import edits
from lincae_studio.ui import theme
from lincae_studio.ui.dialogs.welcome import Welcome
from lincae_studio.ui.main_window import MainWindow
from tests.helpers import tone, write_audio
from tests.ui.asked import Asked
from tests.ui.conftest import LIMIT_MS, wait_imported
from tests.ui.drive import drop_files, press
from tests.ui.test_accessibility import nameless
from tests.ui.test_focus import ringed

LEFT = Qt.MouseButton.LeftButton


def shown(window: MainWindow) -> Welcome:
    """Open the panel by its command."""
    window.actions_by_id["welcome"].trigger()
    QApplication.processEvents()
    panel = window.welcome.panel
    assert panel is not None
    return panel


def is_open(window: MainWindow) -> bool:
    return window.welcome.panel is not None


def place(panel: Welcome, widget: QWidget) -> QRect:
    return QRect(widget.mapTo(panel, widget.rect().topLeft()), widget.size())


def test_it_is_shown_at_the_first_start_only(window: MainWindow) -> None:
    window.welcome.show_once()
    panel = window.welcome.panel
    assert panel is not None
    assert panel.isVisible()
    assert not window.timeline.empty_hint.isVisible(), "what it lies over"
    assert window.preferences.value.welcomed
    press(window, Qt.Key.Key_Escape)
    assert not is_open(window)
    assert window.timeline.empty_hint.isVisible()
    assert window.timeline.lanes.hasFocus()
    window.welcome.show_once()
    assert not is_open(window)
    assert shown(window).isVisible(), "by its command, whenever one likes"


def test_it_is_not_shown_over_a_song_at_the_start(song: MainWindow) -> None:
    song.welcome.show_once()
    assert not is_open(song)
    assert not song.preferences.value.welcomed, "but at a later start"


def test_it_does_not_lie_over_the_message_that_preferences_cannot_be_read(
    window: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is it known then whether this is the first start."""
    monkeypatch.setattr(window.preferences, "_load_error", PreferencesError("cannot be read", "Delete them"))
    window.welcome.show_once()
    assert not is_open(window)


def test_it_opens_the_demo_song(qtbot: QtBot, window: MainWindow) -> None:
    window.welcome.show_once()
    press(window, Qt.Key.Key_Return)  # the first button has the focus
    qtbot.waitUntil(lambda: bool(window.document.session.tracks), timeout=LIMIT_MS)
    qtbot.waitUntil(lambda: not window.rendering.loading, timeout=LIMIT_MS)
    assert not is_open(window)
    assert window.focusWidget() is window.timeline.lanes, "so that Space plays"
    assert not window.timeline.empty_hint.isVisible()


def test_it_imports_audio(qtbot: QtBot, window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write_audio(tmp_path / "a.wav", tone(220.0, 44_100))
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: ([str(file)], ""))
    QTest.mouseClick(shown(window).import_audio, LEFT)
    wait_imported(qtbot, window)
    assert [track.name for track in window.document.session.tracks] == ["a"]
    assert not is_open(window)


def test_files_can_be_dropped_over_it(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    file = write_audio(tmp_path / "a.wav", tone(220.0, 44_100))
    panel = shown(window)
    assert not panel.acceptDrops(), "so the window gets them"
    assert drop_files(window, [file], 300, 300)
    wait_imported(qtbot, window)
    assert window.document.session.tracks[0].clips[0].start == 0
    assert not is_open(window)


def test_it_offers_the_ways_to_a_neural_codec(window: MainWindow) -> None:
    menu = shown(window).codec.menu()
    menu.aboutToShow.emit()
    texts = [action.text() for action in menu.actions()]
    assert texts[-1] == "&Import Codec Folder…"
    assert any(text.startswith("Download Lin-CAE (about 223 MiB)") for text in texts)
    window.codecs.choose("mdct-4x")
    assert window.welcome.panel is not None, "there is more to choose"


def test_it_changes_the_keys(window: MainWindow) -> None:
    panel = shown(window)
    panel.keys.setFocus()
    QTest.keyClick(panel.keys, Qt.Key.Key_End)
    assert panel.keys.currentText() == "Keys of Ardour"
    assert window.preferences.value.shortcut_preset == "ardour"
    window.preferences.set(shortcut_preset="reaper")
    assert panel.keys.currentText() == "Keys of REAPER"
    assert window.welcome.panel is panel


def test_over_a_song_it_asks_before_the_demo_replaces_it(song: MainWindow, asked: Asked) -> None:
    panel = shown(song)
    song.document.apply("Add Track", edits.add_track)
    assert not is_open(song)
    panel = shown(song)
    before = song.document.session
    QTest.mouseClick(panel.demo, LEFT)
    assert asked.questions, "it was cancelled"
    assert song.document.session == before
    assert is_open(song)
    QTest.mouseClick(panel.close_button, LEFT)
    assert not is_open(song)


@pytest.mark.parametrize("chosen", ["dark", "light", "contrast"])
def test_it_is_used_by_keyboard_and_read_aloud(window: MainWindow, chosen: str) -> None:
    window.preferences.set(theme=chosen)
    try:
        panel = shown(window)
        QAccessible.setActive(True)
        assert nameless(panel) == []
        seen = []
        for _ in range(5):
            focus = window.focusWidget()
            assert focus is not None
            seen.append(focus)
            press(window, Qt.Key.Key_Tab)
            press(window, Qt.Key.Key_Backtab, Qt.KeyboardModifier.ShiftModifier)
            assert window.focusWidget() is focus
            assert ringed(focus)
            press(window, Qt.Key.Key_Tab)
        assert seen == [panel.demo, panel.import_audio, panel.codec, panel.keys, panel.close_button]
        texts = [QAccessible.queryAccessibleInterface(one).text(QAccessible.Text.Description) for one in seen[:4]]
        assert all(texts)
    finally:
        QAccessible.setActive(False)
        window.preferences.set(theme="dark")
    assert theme.colors() is theme.DARK


@pytest.mark.parametrize("size", [(1440, 900), (1024, 700), (720, 450), (512, 350)])
def test_everything_in_it_can_be_reached_in_small_windows(window: MainWindow, size: tuple[int, int]) -> None:
    """The smaller ones are those on a screen at 200 %."""
    window.setMinimumSize(0, 0)
    window.resize(*size)
    panel = shown(window)
    area = panel.parentWidget()
    assert area is not None
    assert area.rect().contains(panel.geometry())
    for control in (panel.demo, panel.import_audio, panel.codec, panel.keys):
        assert window.focusWidget() is control
        visible = place(panel, control)
        assert panel.rect().contains(visible), f"{control.accessibleName()} at {size}"
        press(window, Qt.Key.Key_Tab)
