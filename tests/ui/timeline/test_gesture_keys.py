"""Keys in the middle of drags: Escape cancels, modifier keys change the drag at once, and no command runs."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QContextMenuEvent, QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from lincae_studio.session import places
from lincae_studio.session.model import MASTER, Session
from lincae_studio.ui.main_window import MainWindow
from lincae_studio.ui.model.track_rows import ROW_PX
from lincae_studio.ui.timeline.envelopes import Kind, y_of
from lincae_studio.ui.views.trajectory import TrajectoryPanel
from tests.ui.conftest import PX
from tests.ui.drive import drag, move, press, release

CTRL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier

Hold = Callable[[MainWindow], QWidget]

FAR = (Qt.Key.Key_Delete, Qt.Key.Key_S, Qt.Key.Key_M, Qt.Key.Key_L, Qt.Key.Key_Space)


def row(position: int) -> int:
    return position * ROW_PX + 40


def hold_clip(window: MainWindow) -> QWidget:
    drag(window.timeline.lanes, (100, row(0)), (250, row(0)), release=False)
    return window.timeline.lanes


def hold_rubber_band(window: MainWindow) -> QWidget:
    drag(window.timeline.lanes, (500, row(2)), (100, row(0)), Qt.KeyboardModifier.AltModifier, release=False)
    return window.timeline.lanes


def hold_time(window: MainWindow) -> QWidget:
    drag(window.timeline.lanes, (500, row(2)), (420, row(0)), release=False)
    return window.timeline.lanes


def hold_time_on_the_ruler(window: MainWindow) -> QWidget:
    drag(window.timeline.ruler, (100, 30), (180, 30), release=False)
    return window.timeline.ruler


def hold_playhead(window: MainWindow) -> QWidget:
    drag(window.timeline.ruler, (100, 8), (180, 8), release=False)
    return window.timeline.ruler


def hold_loop(window: MainWindow) -> QWidget:
    drag(window.timeline.ruler, (100, 30), (180, 30), SHIFT, release=False)
    return window.timeline.ruler


def hold_fader(window: MainWindow) -> QWidget:
    fader = window.timeline.headers.header(window.document.session.tracks[0].id).gain
    middle = fader.width() * fader.value() / fader.maximum()
    drag(fader, (middle, fader.height() / 2), (middle - 30, fader.height() / 2), release=False)
    return fader


def hold_header(window: MainWindow) -> QWidget:
    header = window.timeline.headers.header(window.document.session.tracks[0].id)
    drag(header, (8, 40), (8, 40 + 2 * ROW_PX), release=False)
    return header


def hold_master_envelope(window: MainWindow) -> QWidget:
    window.timeline.envelopes.show(MASTER, Kind.GAIN)
    lane = window.timeline.master
    y = y_of(1.0, Kind.GAIN, 0, lane.height())
    drag(lane, (100, y), (180, y + 20), release=False)
    return lane


def hold_trajectory(window: MainWindow) -> QWidget:
    window.views.toggle("trajectory", True)
    panel = window.views.get("trajectory")
    assert isinstance(panel, TrajectoryPanel)
    plot = panel.plot.viewport()
    drag(plot, (50, 50), (90, 90), release=False)
    return plot


def hold_border(window: MainWindow) -> QWidget:
    border = window.timeline.splitter.handle(1)
    drag(border, (50, 1), (50, -40), release=False)
    return border


def marked(session: Session, at: int) -> Session:
    return places.add_marker(session, at, "here")


GESTURES = (
    hold_clip,
    hold_rubber_band,
    hold_time,
    hold_time_on_the_ruler,
    hold_playhead,
    hold_loop,
    hold_fader,
    hold_header,
    hold_master_envelope,
    hold_trajectory,
    hold_border,
)


@pytest.mark.parametrize("hold", GESTURES)
def test_no_command_runs_while_a_gesture_is_held(song: MainWindow, hold: Hold) -> None:
    """Wherever the focus is: here in the list of edits, which is no part of the timeline."""
    song.selection.set_clips([next(song.document.session.clips()).id])
    press(song, Qt.Key.Key_H, CTRL)
    hold(song)
    held = song.document.session
    song.history.list.setFocus()
    for key in FAR:
        press(song, key)
    press(song, Qt.Key.Key_Z, CTRL)
    assert song.document.session is held
    assert not song.player.playing
    press(song, Qt.Key.Key_Escape)
    press(song, Qt.Key.Key_M)
    assert len(song.document.session.markers) == 1, "after the gesture, keys are commands again"


@pytest.mark.parametrize("hold", GESTURES)
def test_escape_cancels_any_gesture(song: MainWindow, hold: Hold) -> None:
    song.transport.seek(20 * PX)
    chosen = song.selection.clips
    before, undo, at = song.document.session, song.document.undo_text, song.player.position
    held = hold(song)
    press(song, Qt.Key.Key_Escape)
    move(held, 30, 30)
    QTest.mouseRelease(held, Qt.MouseButton.LeftButton)
    assert song.document.session == before
    assert song.document.undo_text == undo
    assert song.player.position == at
    assert hold is hold_clip or song.selection.clips == chosen


@pytest.mark.parametrize("hold", GESTURES[:-2])
def test_another_project_ends_a_gesture(song: MainWindow, hold: Hold) -> None:
    """As when one is opened from the file manager meanwhile: its clips and markers may have the same ids."""
    held, other = hold(song), replace(song.document.session, seed=5)
    song.document.replace(other, None)
    move(held, 300, 60)
    QTest.mouseRelease(held, Qt.MouseButton.LeftButton)
    assert song.document.session is other
    assert song.player.position == 0
    assert song.timeline.lanes.mouse.preview is None


def test_escape_puts_a_border_back(song: MainWindow) -> None:
    splitter = song.timeline.splitter
    before, heights = splitter.sizes(), dict(splitter.heights)
    border = hold_border(song)
    assert splitter.sizes() != before
    press(song, Qt.Key.Key_Escape)
    move(border, 50, -60)
    release(border, 50, -60)
    assert splitter.sizes() == before
    assert splitter.heights == heights or splitter.heights["mix"] == before[1]


def test_ctrl_turns_a_move_into_a_copy_and_back(song: MainWindow) -> None:
    lanes = song.timeline.lanes
    drag(lanes, (100, row(0)), (250, row(0)), release=False)
    QTest.keyPress(song.windowHandle(), Qt.Key.Key_Control)
    assert "copy" in lanes.mouse.gesture.hint  # type: ignore[union-attr]
    QTest.keyRelease(song.windowHandle(), Qt.Key.Key_Control, CTRL)
    assert "start" in lanes.mouse.gesture.hint  # type: ignore[union-attr]
    QTest.keyPress(song.windowHandle(), Qt.Key.Key_Control)
    release(lanes, 250, row(0), CTRL)
    assert [clip.start for clip in song.document.session.tracks[0].clips] == [0, 150 * PX]


def test_shift_suspends_snapping_without_a_move_of_the_mouse(song: MainWindow) -> None:
    lanes = song.timeline.lanes
    drag(lanes, (100, row(2)), (100 + 303, row(2)), release=False)
    QTest.keyPress(song.windowHandle(), Qt.Key.Key_Shift)
    release(lanes, 403, row(2), SHIFT)
    assert song.document.session.tracks[2].clips[0].start == 303 * PX


def test_shift_suspends_snapping_of_a_marker(song: MainWindow) -> None:
    song.document.apply("Marker", lambda session: marked(session, 100 * PX))
    ruler = song.timeline.ruler
    drag(ruler, (103, 5), (103 + 197, 5), release=False)
    QTest.keyPress(song.windowHandle(), Qt.Key.Key_Shift)
    release(ruler, 300, 5, SHIFT)
    assert song.document.session.markers[0].at == 297 * PX


def test_no_menu_opens_during_a_drag(song: MainWindow) -> None:
    song.document.apply("Marker", lambda session: marked(session, 100 * PX))
    hold_clip(song)
    ruler, place = song.timeline.ruler, QPoint(103, 5)
    QApplication.sendEvent(ruler, QContextMenuEvent(QContextMenuEvent.Reason.Mouse, place, ruler.mapToGlobal(place)))
    assert QApplication.activePopupWidget() is None


def test_a_release_that_went_elsewhere_ends_the_gesture(song: MainWindow) -> None:
    """As when a dialog opens under the pointer: otherwise all keys would stay without effect."""
    before = song.document.session
    lanes = hold_clip(song)
    place = QPointF(300, row(0))
    none = Qt.MouseButton.NoButton
    moved = QMouseEvent(
        QEvent.Type.MouseMove, place, QPointF(lanes.mapToGlobal(place)), none, none, Qt.KeyboardModifier.NoModifier
    )
    QApplication.sendEvent(lanes, moved)
    assert song.document.session is before
    press(song, Qt.Key.Key_M)
    assert len(song.document.session.markers) == 1
