"""The keyboard focus: it can be seen on every control, in both themes, and goes on from where it was."""

from __future__ import annotations

import gc

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu, QWidget

from lincae_studio.ui import theme
from lincae_studio.ui.main_window import MainWindow
from lincae_studio.ui.views.heatmap import HeatmapPanel
from tests.ui.drive import click, press

SHIFT = Qt.KeyboardModifier.ShiftModifier
CTRL = Qt.KeyboardModifier.ControlModifier


def pixels(widget: QWidget) -> np.ndarray:
    """What a widget shows, with its children: `(height, width)`, as RGB numbers."""
    image = widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    rows = np.frombuffer(image.constBits(), np.uint32).reshape(image.height(), image.bytesPerLine() // 4)
    return rows[:, : image.width()] & 0xFFFFFF


def ringed(widget: QWidget) -> bool:
    """Whether the border of a widget is drawn in the accent colour."""
    shown, accent = pixels(widget), QColor(theme.colors().accent).rgb() & 0xFFFFFF
    return all((edge == accent).all() for edge in (shown[0], shown[-1], shown[:, 0], shown[:, -1]))


def in_chain(window: QWidget) -> list[QWidget]:
    """Press Tab until the focus is back where it was; what had it, in order."""
    seen: list[QWidget] = []
    while (focus := window.focusWidget()) not in seen:
        assert focus is not None
        seen.append(focus)
        press(window, Qt.Key.Key_Tab)
        assert len(seen) < 200
    return seen


@pytest.mark.parametrize("chosen", ["dark", "light"])
def test_tab_reaches_every_control_and_shows_where_it_is(song: MainWindow, chosen: str) -> None:
    song.preferences.set(theme=chosen)
    for action in ("inspector", "history", "clip_table", "marker_table", "view_heatmap", "view_linearity"):
        if not song.actions_by_id[action].isChecked():
            song.actions_by_id[action].trigger()
    song.selection.set_clips([song.document.session.tracks[0].clips[0].id])
    QApplication.processEvents()
    kinds = set()
    press(song, Qt.Key.Key_Tab)
    for widget in in_chain(song):
        widget.setFocus(Qt.FocusReason.TabFocusReason)
        kinds.add(type(widget).__name__)
        assert ringed(widget), f"{type(widget).__name__} {widget.accessibleName()}"
    song.preferences.set(theme="dark")  # the style belongs to the application
    assert {"Lanes", "Ruler", "QComboBox", "QCheckBox", "QListWidget", "RowsView", "QToolButton", "Clock"} <= kinds


def test_menus_show_their_entry_only(song: MainWindow) -> None:
    press(song, Qt.Key.Key_Tab)
    bar = song.menuBar()
    bar.setFocus(Qt.FocusReason.MenuBarFocusReason)
    assert bar.findChild(QWidget, "focus_ring") is None
    menu = bar.actions()[0].menu()
    assert isinstance(menu, QMenu)
    menu.setFocus(Qt.FocusReason.PopupFocusReason)
    assert menu.findChild(QWidget, "focus_ring") is None
    song.timeline.lanes.setFocus(Qt.FocusReason.OtherFocusReason)
    assert ringed(song.timeline.lanes), "it goes on after the menu"


def test_without_the_keyboard_there_is_no_ring(song: MainWindow) -> None:
    click(song.timeline.lanes, 100, 50)
    assert not ringed(song.timeline.lanes)
    press(song, Qt.Key.Key_Tab)
    click(song.timeline.lanes, 100, 50)
    assert not ringed(song.timeline.lanes)
    press(song, Qt.Key.Key_Tab)
    song.timeline.lanes.setFocus()
    song.resize(song.width() - 100, song.height())
    QApplication.processEvents()
    assert ringed(song.timeline.lanes), "it fits again"


def test_removing_a_track_leaves_the_focus_on_the_same_control_of_the_next(song: MainWindow) -> None:
    tracks = song.document.session.tracks
    song.timeline.headers.header(tracks[1].id).mute.setFocus(Qt.FocusReason.TabFocusReason)
    press(song, Qt.Key.Key_Delete, CTRL | SHIFT)
    assert [track.name for track in song.document.session.tracks] == ["a", "c"]
    assert song.timeline.headers.header(tracks[2].id).mute.hasFocus()
    press(song, Qt.Key.Key_Delete, CTRL | SHIFT)
    assert song.timeline.headers.header(tracks[0].id).mute.hasFocus(), "the last one left"
    press(song, Qt.Key.Key_Delete, CTRL | SHIFT)
    QApplication.processEvents()
    assert song.focusWidget() is not None
    press(song, Qt.Key.Key_Z, CTRL)
    assert [track.name for track in song.document.session.tracks] == ["a"]


def test_return_in_a_field_gives_the_focus_to_the_timeline(song: MainWindow) -> None:
    click(song.timeline.lanes, 100, 50)
    press(song, Qt.Key.Key_Return, Qt.KeyboardModifier.AltModifier)
    QTest.keyClicks(song.inspector.field("Start"), "2\r")
    QApplication.processEvents()
    assert song.timeline.lanes.hasFocus()
    assert song.document.session.tracks[0].clips[0].start == 2 * 44_100


def test_after_a_dialog_the_focus_is_where_it_was(song: MainWindow) -> None:
    mute = song.timeline.headers.header(song.document.session.tracks[1].id).mute
    mute.setFocus(Qt.FocusReason.TabFocusReason)
    for action in ("tempo", "render_settings", "preferences", "export_mix"):
        song.actions_by_id[action].trigger()
        dialog = QApplication.activeModalWidget()
        assert dialog is not None
        QTest.keyClick(dialog, Qt.Key.Key_Escape)
        QApplication.processEvents()
        assert mute is song.focusWidget(), action


def test_the_next_clip_after_a_deleted_one_is_the_one_behind_it(song: MainWindow) -> None:
    song.transport.seek(44_100)
    press(song, Qt.Key.Key_S)
    click(song.timeline.lanes, 50, 76 + 50)
    assert len(song.selection.clips) == 1
    press(song, Qt.Key.Key_Delete)
    press(song, Qt.Key.Key_BracketRight)
    [chosen] = song.selection.clips
    clip = song.document.session.clip(chosen)
    assert (song.document.session.track_of(chosen).name, clip.start) == ("b", 44_100)
    press(song, Qt.Key.Key_Delete)
    press(song, Qt.Key.Key_BracketLeft)
    [chosen] = song.selection.clips
    assert song.document.session.track_of(chosen).name == "a"
    press(song, Qt.Key.Key_Delete)
    press(song, Qt.Key.Key_Z, CTRL)
    press(song, Qt.Key.Key_BracketRight)
    assert song.selection.clips == {chosen}, "where it was, after undo"


def test_tab_goes_from_top_to_bottom(song: MainWindow) -> None:
    song.actions_by_id["view_linearity"].trigger()
    QApplication.processEvents()
    song.clock.setFocus()
    names = [widget.accessibleName() or type(widget).__name__ for widget in in_chain(song)]
    expected = ["Playhead position", "QPushButton", "Time ruler", "a, gain", "c, solo", "Timeline", "Master, gain"]
    places = [names.index(name) for name in expected]
    assert places == sorted(places)
    views = names.index("What the linearity view shows")
    assert places[-1] < views < names.index("Import Audio"), "then the views, then the toolbar again"


@pytest.mark.parametrize(
    ("action", "name", "key", "modifiers"),
    [
        ("snapshots", "Snapshots", Qt.Key.Key_B, CTRL | SHIFT),
        ("history", "History", Qt.Key.Key_H, CTRL),
        ("view_heatmap", "heatmap", Qt.Key.Key_1, Qt.KeyboardModifier.AltModifier),
    ],
)
def test_closing_what_has_the_focus_leaves_it_on_the_timeline(
    song: MainWindow, action: str, name: str, key: Qt.Key, modifiers: Qt.KeyboardModifier
) -> None:
    """Not on the first button of the toolbar, which Space would press."""
    if not song.actions_by_id[action].isChecked():
        press(song, key, modifiers)
    inside = next(one for one in song.findChildren(QWidget) if name in (one.accessibleName(), one.objectName()))
    inside = next(one for one in (inside, *inside.findChildren(QWidget)) if one.focusPolicy() & Qt.FocusPolicy.TabFocus)
    inside.setFocus(Qt.FocusReason.TabFocusReason)
    assert song.focusWidget() is inside
    press(song, key, modifiers)
    assert not song.actions_by_id[action].isChecked()
    assert song.focusWidget() is song.timeline.lanes


def test_f6_goes_from_panel_to_panel_and_back(song: MainWindow) -> None:
    song.preferences.set(views=("heatmap", "levels"))
    song.actions_by_id["history"].trigger()
    QApplication.processEvents()
    song.timeline.lanes.setFocus()
    heatmap = song.views.get("heatmap")
    assert isinstance(heatmap, HeatmapPanel)
    seen: list[str] = []
    while name_of_focus(song) not in seen:
        seen.append(name_of_focus(song))
        press(song, Qt.Key.Key_F6)
        assert ringed(song.focusWidget() or song)
    # The heatmap's picture, whose arrow keys move regions, and not one of its boxes; the levels have no control.
    assert seen == ["Timeline", "Master, envelope", heatmap.plot.accessibleName(), "History", "Import Audio"]
    backwards = []
    for _ in seen:
        press(song, Qt.Key.Key_F6, SHIFT)
        backwards.append(name_of_focus(song))
    assert backwards == [*reversed(seen[1:]), seen[0]]
    heatmap.order.setFocus()
    press(song, Qt.Key.Key_F6)
    press(song, Qt.Key.Key_F6, SHIFT)
    assert song.focusWidget() is heatmap.order, "the control that had it last"
    gc.collect()
    song.statusBar().showMessage("a tip", 1)
    QApplication.processEvents()  # errors of slots fail the test: no widget was lost to Python on the way


def name_of_focus(window: MainWindow) -> str:
    focus = window.focusWidget()
    assert focus is not None
    return focus.accessibleName()
