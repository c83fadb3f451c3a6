"""The loop and the markers, on the ruler and by keys, and loop playback."""

from __future__ import annotations

import itertools

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from lincae_studio.engine.process.client import EngineClient
from lincae_studio.session import places
from lincae_studio.session.model import Loop
from lincae_studio.ui.main_window import MainWindow
from lincae_studio.ui.timeline.marker_name import MarkerName
from tests.ui.conftest import LIMIT_MS, PX
from tests.ui.drive import choose, click, drag, move, press, release, right_click

CTRL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
ALT = Qt.KeyboardModifier.AltModifier
SECOND = 44_100


def markers(window: MainWindow) -> list[tuple[str, int]]:
    return [(marker.name, marker.at) for marker in window.document.session.markers]


def test_a_drag_with_shift_on_the_ruler_sets_the_loop(song: MainWindow) -> None:
    before = song.document.session
    drag(song.timeline.ruler, (300, 30), (100, 30), SHIFT)
    assert song.document.session.loop == Loop(start=100 * PX, end=300 * PX)
    assert song.player.position == 0, "the playhead stays"
    assert song.actions_by_id["loop"].isChecked()
    press(song, Qt.Key.Key_Z, CTRL)
    assert song.document.session == before
    press(song, Qt.Key.Key_Z, CTRL | SHIFT)
    drag(song.timeline.ruler, (300, 18), (350, 18))
    assert song.document.session.loop == Loop(start=100 * PX, end=350 * PX), "only its end was dragged"


def test_escape_cancels_dragging_a_loop_or_a_marker(song: MainWindow) -> None:
    song.transport.seek(200 * PX)
    press(song, Qt.Key.Key_M)
    before = song.document.session
    ruler = song.timeline.ruler
    for start, modifiers in ((300, SHIFT), (203, Qt.KeyboardModifier.NoModifier)):
        drag(ruler, (start, 5), (start + 100, 5), modifiers, release=False)
        press(song, Qt.Key.Key_Escape)
        release(ruler, start + 100, 5)
        assert song.document.session is before


def test_the_loop_is_turned_on_and_off_by_key(song: MainWindow) -> None:
    press(song, Qt.Key.Key_L)
    assert song.document.session.loop == Loop(start=0, end=4 * SECOND), "the whole session if there was no loop"
    press(song, Qt.Key.Key_L)
    assert song.document.session.loop == Loop(start=0, end=4 * SECOND, on=False)
    assert not song.actions_by_id["loop"].isChecked()
    click(song.timeline.lanes, 100, 2 * 76 + 60)
    press(song, Qt.Key.Key_L, SHIFT)
    assert song.document.session.loop == Loop(start=0, end=2 * SECOND)


def test_a_loop_in_an_empty_session_is_refused_with_a_reason(window: MainWindow) -> None:
    press(window, Qt.Key.Key_L)
    assert "nothing to loop" in window.messages.text.text()
    assert not window.actions_by_id["loop"].isChecked()


def test_markers_are_added_dragged_and_visited(song: MainWindow) -> None:
    for at in (250, 150):
        song.transport.seek(at * PX)
        press(song, Qt.Key.Key_M)
        press(song, Qt.Key.Key_Return)
    assert markers(song) == [("Marker 2", 150 * PX), ("Marker 1", 250 * PX)]
    before = song.document.session
    drag(song.timeline.ruler, (253, 5), (303, 5))
    assert markers(song)[1] == ("Marker 1", 300 * PX)
    press(song, Qt.Key.Key_Z, CTRL)
    assert song.document.session == before
    song.transport.seek(0)
    stops = []
    for _ in range(3):
        press(song, Qt.Key.Key_Right, ALT)
        stops.append(song.player.position)
    assert stops == [150 * PX, 250 * PX, 4 * SECOND], "the end comes last"
    press(song, Qt.Key.Key_Left, ALT)
    assert song.player.position == 250 * PX
    click(song.timeline.ruler, 153, 5)
    assert song.player.position == 150 * PX, "a click on a flag moves the playhead exactly there"


def field(window: MainWindow) -> MarkerName:
    """The field in which the name of a marker is typed."""
    found = window.focusWidget()
    assert isinstance(found, MarkerName)
    return found


def test_typing_names_a_new_marker_in_the_same_step(song: MainWindow) -> None:
    before = song.document.session
    song.transport.seek(100 * PX)
    press(song, Qt.Key.Key_M)
    QTest.keyClicks(field(song), "My verse\r")
    assert markers(song) == [("My verse", 100 * PX)]
    assert song.document.undo_name == "Add Marker: My verse"
    assert song.timeline.lanes.hasFocus(), "keys are commands again"
    press(song, Qt.Key.Key_Z, CTRL)
    assert song.document.session == before


def test_escape_keeps_the_default_name_and_a_click_elsewhere_takes_what_was_typed(song: MainWindow) -> None:
    song.transport.seek(100 * PX)
    press(song, Qt.Key.Key_M)
    QTest.keyClicks(field(song), "no")
    press(song, Qt.Key.Key_Escape)
    assert markers(song) == [("Marker 1", 100 * PX)]
    song.transport.seek(200 * PX)
    press(song, Qt.Key.Key_M)
    QTest.keyClicks(field(song), "Bridge")
    click(song.timeline.lanes, 30, 3 * 76 + 20)
    assert markers(song)[1] == ("Bridge", 200 * PX)
    press(song, Qt.Key.Key_Z, CTRL)
    assert markers(song) == [("Marker 1", 100 * PX)]


def test_a_marker_is_renamed_by_a_double_click_by_f2_or_by_a_key(song: MainWindow) -> None:
    song.transport.seek(100 * PX)
    press(song, Qt.Key.Key_M)
    press(song, Qt.Key.Key_Escape)
    QTest.mouseDClick(song.timeline.ruler, Qt.MouseButton.LeftButton, pos=QPoint(103, 5))
    QTest.keyClicks(field(song), "Chorus\r")
    assert markers(song) == [("Chorus", 100 * PX)]
    assert song.document.undo_text == "Rename Marker"
    click(song.timeline.ruler, 103, 5)
    press(song, Qt.Key.Key_F2)
    QTest.keyClicks(field(song), "Coda\r")
    assert markers(song) == [("Coda", 100 * PX)]
    song.timeline.lanes.setFocus()
    press(song, Qt.Key.Key_M, SHIFT)
    QTest.keyClicks(field(song), " \r")
    assert markers(song) == [("Coda", 100 * PX)]
    assert "needs a name" in song.messages.text.text()


def test_during_playback_markers_are_added_without_stopping_to_type(song: MainWindow) -> None:
    press(song, Qt.Key.Key_Space)
    press(song, Qt.Key.Key_M)
    song.transport.seek(song.player.position + SECOND // 2)
    press(song, Qt.Key.Key_M)
    press(song, Qt.Key.Key_Space)
    assert [name for name, _ in markers(song)] == ["Marker 1", "Marker 2"]
    press(song, Qt.Key.Key_Z, CTRL)
    assert len(markers(song)) == 1, "each is a step of its own"


@pytest.mark.qt_log_ignore("This plugin does not support (raise|grabbing)", extend=True)  # as any popup offscreen
def test_a_marker_is_deleted_by_its_menu(song: MainWindow) -> None:
    for at in (50, 100, 200):
        song.transport.seek(at * PX)
        press(song, Qt.Key.Key_M)
        press(song, Qt.Key.Key_Return)
    choose(right_click(song.timeline.ruler, 103, 5), "Delete Marker")
    assert markers(song) == [("Marker 1", 50 * PX), ("Marker 3", 200 * PX)]
    press(song, Qt.Key.Key_Z, CTRL)
    click(song.timeline.ruler, 103, 5)
    press(song, Qt.Key.Key_Delete)
    assert len(markers(song)) == 2, "with the focus on the ruler"
    press(song, Qt.Key.Key_Z, CTRL)
    song.transport.seek(150 * PX)
    press(song, Qt.Key.Key_Delete, ALT)
    assert markers(song) == [("Marker 1", 50 * PX), ("Marker 3", 200 * PX)], "the last one before the playhead"
    song.transport.seek(10 * PX)
    press(song, Qt.Key.Key_Delete, ALT)
    assert "no marker at or before the playhead" in song.messages.text.text()


def test_a_name_is_not_given_to_a_marker_of_another_project_or_to_one_that_is_undone(song: MainWindow) -> None:
    def typed() -> MarkerName:
        song.transport.seek(100 * PX)
        press(song, Qt.Key.Key_M)
        field = song.timeline.ruler.findChild(MarkerName)
        assert field is not None
        assert field.isVisible()
        QTest.keyClicks(field, "Verse")
        return field

    field, session = typed(), song.document.session
    song.document.undo()
    assert field.isHidden()
    assert not markers(song)
    field = typed()
    other = places.rename_marker(song.document.session, session.markers[0].id, "Coda")
    song.document.replace(other, None)
    assert field.isHidden()
    assert markers(song) == [("Coda", 100 * PX)]
    assert song.document.undo_text is None


def test_another_button_does_not_end_a_drag_of_the_playhead(song: MainWindow) -> None:
    ruler = song.timeline.ruler
    drag(ruler, (100, 8), (180, 8), release=False)
    QTest.mouseClick(ruler, Qt.MouseButton.RightButton, pos=QPoint(180, 30))
    move(ruler, 220, 30)
    release(ruler, 220, 30)
    assert song.player.position == 220 * PX
    assert not song.player.playing, "scrubbing has ended"


def test_a_marker_is_renamed_by_a_double_click_of_the_left_button_only(song: MainWindow) -> None:
    song.document.apply("Add Marker", lambda session: places.add_marker(session, 100 * PX))
    QTest.mouseDClick(song.timeline.ruler, Qt.MouseButton.MiddleButton, pos=QPoint(105, 5))
    field = song.timeline.ruler.findChild(MarkerName)
    assert field is not None
    assert field.isHidden()


def test_playing_goes_round_in_the_loop(qtbot: QtBot, song: MainWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[int, int] | None] = []
    monkeypatch.setattr(EngineClient, "set_playhead", lambda _client, _sample, loop: told.append(loop))
    drag(song.timeline.ruler, (50, 30), (80, 30), SHIFT)  # 300 ms
    song.transport.seek(60 * PX)
    press(song, Qt.Key.Key_Space)
    seen: list[int] = []

    def went_back() -> bool:
        seen.append(song.player.position)
        return any(later < earlier for earlier, later in itertools.pairwise(seen))

    qtbot.waitUntil(went_back, timeout=LIMIT_MS)
    assert all(50 * PX <= at <= 80 * PX for at in seen)
    assert told.pop() == (50 * PX, 80 * PX), "the engine knows what is heard next"
    press(song, Qt.Key.Key_L)
    qtbot.waitUntil(lambda: song.player.position > 80 * PX, timeout=LIMIT_MS)
    assert told.pop() is None
    press(song, Qt.Key.Key_Space)
