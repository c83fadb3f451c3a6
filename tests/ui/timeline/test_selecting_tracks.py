"""Selecting tracks by mouse and by key, and mixing, colouring, moving and removing several at once."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QColorDialog
from pytestqt.qtbot import QtBot

from lincae_studio.session import edits
from lincae_studio.session.levels import gain_to_db
from lincae_studio.session.model import MASTER, TRACK_COLORS, Session, Track
from lincae_studio.ui.main_window import MainWindow
from lincae_studio.ui.model.track_rows import ROW_PX
from lincae_studio.ui.timeline.track_header import TrackHeader
from tests.helpers import noise, write_audio
from tests.ui.conftest import LIMIT_MS, wait_imported
from tests.ui.drive import LEFT, NONE, click, drag, move, press, release, right_click, wheel

CTRL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
ALT = Qt.KeyboardModifier.AltModifier

#: A place on a header that is none of its controls.
BARE = QPoint(2, 40)


@pytest.fixture
def tracks(window: MainWindow) -> MainWindow:
    """The window with five empty tracks at 0, -6, -12, 0 and 0 dB."""
    for name, gain in (("one", 1.0), ("two", 0.5), ("three", 0.25), ("four", 1.0), ("five", 1.0)):
        window.document.apply("Add Track", partial(edits.add_track, name=name))
        added = window.document.session.tracks[-1].id
        window.document.apply("Gain", partial(edits.set_track_gain, track_id=added, gain=gain))
    return window


def header(window: MainWindow, position: int) -> TrackHeader:
    return window.timeline.headers.header(window.document.session.tracks[position].id)


def select(window: MainWindow, position: int, modifiers: Qt.KeyboardModifier = NONE) -> None:
    QTest.mouseClick(header(window, position), LEFT, modifiers, BARE)


def selected(window: MainWindow) -> list[str]:
    """Names of the selected tracks, the current one first."""
    order = [window.document.session.track(track) for track in window.selection.in_order()]
    return [track.name for track in sorted(order, key=lambda track: track.id != window.selection.track)]


def values(window: MainWindow, field: str) -> list[object]:
    return [getattr(track, field) for track in window.document.session.tracks]


def names(window: MainWindow) -> list[object]:
    return values(window, "name")


def test_ctrl_and_shift_select_several_tracks(tracks: MainWindow) -> None:
    select(tracks, 1)
    select(tracks, 3, CTRL)
    assert selected(tracks) == ["four", "two"]
    select(tracks, 4, SHIFT)
    assert selected(tracks) == ["five", "four"], "from the last one that was selected"
    select(tracks, 1, SHIFT)
    assert selected(tracks) == ["two", "three", "four"]
    select(tracks, 2, CTRL)
    assert sorted(selected(tracks)) == ["four", "two"]
    assert tracks.grab().toImage().pixelColor(
        header(tracks, 3).mapTo(tracks, QPoint(8, 70))
    ) == tracks.grab().toImage().pixelColor(header(tracks, 1).mapTo(tracks, QPoint(8, 70)))
    select(tracks, 3)
    assert selected(tracks) == ["four"]
    select(tracks, 3, CTRL)
    assert selected(tracks) == ["four"], "one stays selected"
    assert tracks.document.undo_text == "Add Track", "selecting is no edit"


def test_the_nearest_selected_track_becomes_the_current_one(tracks: MainWindow) -> None:
    select(tracks, 0)
    select(tracks, 4, CTRL)
    select(tracks, 1, CTRL)
    select(tracks, 1, CTRL)
    assert selected(tracks) == ["one", "five"]


def test_a_range_starts_at_the_current_track_once_the_anchor_is_removed(tracks: MainWindow) -> None:
    select(tracks, 0)
    select(tracks, 2, CTRL)
    tracks.document.apply("Remove Track", lambda s: edits.remove_tracks(s, {s.tracks[2].id}))
    assert selected(tracks) == ["one"]
    select(tracks, 3, SHIFT)
    assert selected(tracks) == ["five", "one", "two", "four"]


def test_up_and_down_select_tracks_and_shift_extends(tracks: MainWindow) -> None:
    select(tracks, 1)
    press(tracks, Qt.Key.Key_Down)
    assert selected(tracks) == ["three"]
    press(tracks, Qt.Key.Key_Down, SHIFT)
    press(tracks, Qt.Key.Key_Down, SHIFT)
    assert selected(tracks) == ["five", "three", "four"]
    press(tracks, Qt.Key.Key_Up, SHIFT)
    assert selected(tracks) == ["four", "three"]
    press(tracks, Qt.Key.Key_Up)
    assert selected(tracks) == ["three"]
    for _ in range(9):
        press(tracks, Qt.Key.Key_Up)
    assert selected(tracks) == ["one"]
    press(tracks, Qt.Key.Key_A, CTRL | ALT)
    assert len(selected(tracks)) == 5
    tracks.selection.set_master()
    press(tracks, Qt.Key.Key_Down, SHIFT)
    assert tracks.selection.strip == MASTER, "there is nothing below the master"
    press(tracks, Qt.Key.Key_Up, SHIFT)
    assert selected(tracks) == ["five"]


def test_a_track_selected_by_key_is_scrolled_into_view(window: MainWindow) -> None:
    tracks = tuple(Track(id=number, name=f"track {number}", color="#4fb3bf") for number in range(1, 301))
    window.document.replace(Session(tracks=tracks, next_id=301), None)
    window.selection.set_track(1)
    room = window.timeline.headers.height()
    for _ in range(25):
        press(window, Qt.Key.Key_Down)
    assert 0 <= window.timeline.rows.top(25) <= room - ROW_PX
    for _ in range(24):
        press(window, Qt.Key.Key_Up)
    assert 0 <= window.timeline.rows.top(1) <= room - ROW_PX


def test_up_and_down_stay_in_a_field_or_list_that_has_the_focus(tracks: MainWindow) -> None:
    select(tracks, 2)
    QTest.mouseClick(header(tracks, 2).gain_text, LEFT)
    press(tracks, Qt.Key.Key_Up)
    assert gain_to_db(tracks.document.session.tracks[2].gain) == pytest.approx(-11.5, abs=0.05)
    header(tracks, 2).rename()
    press(tracks, Qt.Key.Key_Down)
    press(tracks, Qt.Key.Key_Escape)
    tracks.actions_by_id["history"].trigger()
    tracks.history.list.setFocus()
    press(tracks, Qt.Key.Key_Up)
    assert selected(tracks) == ["three"]


def test_a_fader_moves_those_of_all_selected_tracks_by_as_many_db(tracks: MainWindow) -> None:
    before = tracks.document.session
    select(tracks, 0)
    select(tracks, 2, SHIFT)
    fader = header(tracks, 0).gain
    drag(fader, (fader.width() * 0.782, 8), (2, 8), release=False)
    move(fader, fader.width() * 0.782 - 25, 8)
    release(fader, fader.width() * 0.782 - 25, 8)
    fallen = gain_to_db(tracks.document.session.tracks[0].gain)
    assert -20 < fallen < -2
    found = [gain_to_db(track.gain) for track in tracks.document.session.tracks]
    assert found == pytest.approx([fallen, fallen - 6.02, fallen - 12.04, 0, 0], abs=0.01), "from where they were"
    assert selected(tracks)[0] == "one"
    assert len(selected(tracks)) == 3
    press(tracks, Qt.Key.Key_Z, CTRL)
    assert tracks.document.session == before, "one step"
    wheel(header(tracks, 1).gain, 20, 8, 2)
    found = [gain_to_db(track.gain) for track in tracks.document.session.tracks]
    assert found == pytest.approx([1, -5.02, -11.04, 0, 0], abs=0.01)
    press(tracks, Qt.Key.Key_Down, ALT | SHIFT)
    found = [gain_to_db(track.gain) for track in tracks.document.session.tracks]
    assert found == pytest.approx([0.5, -5.52, -11.54, 0, 0], abs=0.01)
    QTest.mouseDClick(header(tracks, 1).gain, LEFT)
    assert values(tracks, "gain")[:3] == [1.0, 1.0, 1.0]
    drag(header(tracks, 3).gain, (fader.width() * 0.782, 8), (2, 8))
    assert values(tracks, "gain")[:3] == [1.0, 1.0, 1.0], "that of another track moves alone"


def test_after_a_drag_faders_move_from_where_they_are_now(tracks: MainWindow) -> None:
    select(tracks, 0)
    select(tracks, 1, SHIFT)
    fader = header(tracks, 0).gain
    drag(fader, (fader.width() * 0.782, 8), (fader.width() * 0.782 - 25, 8))
    tracks.document.apply("Gain", lambda s: edits.set_track_gain(s, s.tracks[1].id, 1.0))
    fallen = gain_to_db(tracks.document.session.tracks[0].gain)
    wheel(fader, 20, 8, 2)
    found = [gain_to_db(track.gain) for track in tracks.document.session.tracks[:2]]
    assert found == pytest.approx([fallen + 1, 1], abs=0.01)


def test_escape_returns_the_faders_of_all_selected_tracks(tracks: MainWindow) -> None:
    before = tracks.document.session
    press(tracks, Qt.Key.Key_A, CTRL | ALT)
    fader = header(tracks, 0).gain
    drag(fader, (fader.width() * 0.782, 8), (30, 8), release=False)
    assert tracks.document.session.tracks[4].gain < 1.0
    press(tracks, Qt.Key.Key_Escape)
    assert tracks.document.session == before


def test_pans_and_buttons_apply_to_all_selected_tracks(tracks: MainWindow) -> None:
    tracks.document.apply("Pan", lambda s: edits.set_track_pan(s, s.tracks[1].id, -0.9))
    before = tracks.document.session
    select(tracks, 0)
    select(tracks, 2, SHIFT)
    wheel(header(tracks, 0).pan, 20, 8, -4)
    assert values(tracks, "pan") == pytest.approx([-0.2, -1.0, -0.2, 0, 0])
    press(tracks, Qt.Key.Key_Right, ALT | SHIFT)
    assert values(tracks, "pan") == pytest.approx([-0.15, -0.95, -0.15, 0, 0])
    field = header(tracks, 2).pan_text
    QTest.mouseClick(field, LEFT)
    QTest.keyClicks(field, "R30")
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert values(tracks, "pan") == [0.3, 0.3, 0.3, 0.0, 0.0]
    for button in ("mute", "solo", "subtract"):
        QTest.mouseClick(getattr(header(tracks, 1), button), LEFT)
        assert values(tracks, button) == [True, True, True, False, False]
    press(tracks, Qt.Key.Key_U, SHIFT)
    assert values(tracks, "mute") == [False] * 5
    for _ in range(7):
        press(tracks, Qt.Key.Key_Z, CTRL)
    assert tracks.document.session == before, "each of them is one step"


def test_ctrl_and_a_click_solo_one_track_only(tracks: MainWindow) -> None:
    QTest.mouseClick(header(tracks, 0).solo, LEFT)
    QTest.mouseClick(header(tracks, 1).solo, LEFT)
    QTest.mouseClick(header(tracks, 3).solo, LEFT, CTRL)
    assert values(tracks, "solo") == [False, False, False, True, False]
    assert [header(tracks, position).solo.isChecked() for position in range(5)] == values(tracks, "solo")
    QTest.mouseClick(header(tracks, 3).solo, LEFT, CTRL)
    assert values(tracks, "solo") == [False] * 5, "and again none"
    select(tracks, 2)
    press(tracks, Qt.Key.Key_S, CTRL | ALT)
    assert values(tracks, "solo") == [False, False, True, False, False]
    QTest.mouseClick(header(tracks, 0).solo, LEFT)
    press(tracks, Qt.Key.Key_S, ALT | SHIFT)
    assert values(tracks, "solo") == [False] * 5
    assert tracks.document.undo_text == "Clear Solos"


def test_several_tracks_are_moved_together(tracks: MainWindow) -> None:
    select(tracks, 0)
    select(tracks, 2, CTRL)
    drag(header(tracks, 0), (8, 40), (8, 40 + 3 * ROW_PX))
    assert names(tracks) == ["two", "four", "one", "three", "five"]
    assert tracks.document.undo_text == "Move Tracks"
    press(tracks, Qt.Key.Key_Up, CTRL | SHIFT)
    assert names(tracks) == ["two", "one", "three", "four", "five"]
    for _ in range(4):
        press(tracks, Qt.Key.Key_Up, CTRL | SHIFT)
    assert names(tracks) == ["one", "three", "two", "four", "five"], "those at the top stay there"
    assert sorted(selected(tracks)) == ["one", "three"]


def test_a_header_held_at_a_border_scrolls_and_lands_where_it_is_dropped(qtbot: QtBot, tracks: MainWindow) -> None:
    for _ in range(15):
        tracks.document.apply("Add Track", edits.add_track)
    column, rows = tracks.timeline.headers, tracks.timeline.rows
    rows.set_offset(0)
    held = header(tracks, 0)
    QTest.mousePress(held, LEFT, NONE, BARE)
    move(held, 4, column.height() - 4)
    lowest = rows.total_px - column.height()
    qtbot.waitUntil(lambda: rows.offset_px == lowest, timeout=LIMIT_MS)
    place = held.mapFrom(column, QPoint(4, column.height() - 4))
    QTest.mouseRelease(held, LEFT, NONE, place)
    assert names(tracks)[-1] == "one"
    assert not column._stepping.isActive()


def test_several_tracks_are_coloured_duplicated_and_removed(
    tracks: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tracks.document.session
    select(tracks, 1)
    select(tracks, 2, SHIFT)
    monkeypatch.setattr(QColorDialog, "getColor", lambda *_: QColor("#112233"))
    tracks.actions_by_id["color_track"].trigger()
    assert [track.name for track in tracks.document.session.tracks if track.color == "#112233"] == ["two", "three"]
    offered = {QColorDialog.customColor(index).name() for index in range(QColorDialog.customCount())}
    assert offered >= set(TRACK_COLORS), "a track can have the colour of another"
    tracks.actions_by_id["duplicate_track"].trigger()
    assert names(tracks) == ["one", "two", "three", "two copy", "three copy", "four", "five"]
    assert selected(tracks) == ["two copy", "three copy"]
    press(tracks, Qt.Key.Key_Delete, CTRL | SHIFT)
    assert names(tracks) == ["one", "two", "three", "four", "five"]
    assert selected(tracks) == ["four"], "the one that follows"
    for _ in range(3):
        press(tracks, Qt.Key.Key_Z, CTRL)
    assert tracks.document.session == before


def test_several_tracks_get_one_height(tracks: MainWindow) -> None:
    select(tracks, 0)
    select(tracks, 1, CTRL)
    drag(header(tracks, 0), (60, ROW_PX - 2), (60, ROW_PX + 22))
    assert values(tracks, "height") == [ROW_PX + 24, ROW_PX + 24, 0, 0, 0]
    press(tracks, Qt.Key.Key_PageDown, SHIFT)
    press(tracks, Qt.Key.Key_PageDown, SHIFT)
    assert values(tracks, "height") == [64, 64, 0, 0, 0]
    press(tracks, Qt.Key.Key_PageUp, SHIFT)
    assert values(tracks, "height") == [80, 80, 0, 0, 0]
    press(tracks, Qt.Key.Key_PageUp, CTRL | SHIFT)
    assert values(tracks, "height") == [0] * 5


def test_key_presses_on_different_tracks_are_steps_of_their_own(tracks: MainWindow) -> None:
    select(tracks, 0)
    press(tracks, Qt.Key.Key_Up, ALT | SHIFT)
    press(tracks, Qt.Key.Key_Up, ALT | SHIFT)
    once = tracks.document.session
    select(tracks, 3)
    press(tracks, Qt.Key.Key_Up, ALT | SHIFT)
    assert tracks.document.session is not once
    press(tracks, Qt.Key.Key_Z, CTRL)
    assert tracks.document.session is once


def test_a_click_on_a_border_keeps_the_selection(tracks: MainWindow) -> None:
    select(tracks, 0)
    select(tracks, 2, SHIFT)
    click(header(tracks, 1), 20, ROW_PX - 2)
    assert selected(tracks) == ["two", "one", "three"]


def test_one_click_on_a_name_selects_and_a_double_click_renames(tracks: MainWindow) -> None:
    name = header(tracks, 1).name
    click(name, 10, 8)
    assert selected(tracks) == ["two"]
    assert not name.hasFocus()
    press(tracks, Qt.Key.Key_Down)
    assert selected(tracks) == ["three"], "keys are the window's"
    click(header(tracks, 4).name, 10, 8, CTRL)
    assert selected(tracks) == ["five", "three"]
    QTest.mouseDClick(name, LEFT, NONE, QPoint(10, 8))
    assert name.hasFocus()
    QTest.keyClicks(name, "choir")
    QTest.keyClick(name, Qt.Key.Key_Escape)
    assert (names(tracks)[1], name.text()) == ("two", "two")
    assert name.isReadOnly()
    drag(name, (10, 8), (10, 8 + 3 * ROW_PX))
    assert names(tracks) == ["one", "three", "four", "two", "five"], "a drag by the name moves the track"


@pytest.mark.qt_log_ignore("This plugin does not support (raise|grabbing)", extend=True)
def test_the_menu_of_a_name_field_does_not_end_typing(tracks: MainWindow) -> None:
    name = header(tracks, 0).name
    header(tracks, 0).rename()
    menu = right_click(name, 20, 8)
    assert menu is not None
    QTest.keyClick(menu, Qt.Key.Key_Escape)
    assert name.typing
    QTest.keyClicks(name, "Drums")
    press(tracks, Qt.Key.Key_Return)
    assert names(tracks)[0] == "Drums"


def test_undo_belongs_to_a_name_that_is_being_typed(tracks: MainWindow) -> None:
    before = tracks.document.session
    header(tracks, 0).rename()
    QTest.keyClicks(header(tracks, 0).name, "x")
    press(tracks, Qt.Key.Key_Z, CTRL)
    assert header(tracks, 0).name.text() == "one"
    assert tracks.document.session is before
    press(tracks, Qt.Key.Key_Escape)
    press(tracks, Qt.Key.Key_Z, CTRL)
    assert tracks.document.session is not before


def test_a_half_typed_name_is_not_given_to_a_track_of_another_project(tracks: MainWindow) -> None:
    header(tracks, 0).rename()
    QTest.keyClicks(header(tracks, 0).name, "x")
    tracks.document.replace(replace(tracks.document.session, seed=5), None)
    press(tracks, Qt.Key.Key_Return)
    tracks.timeline.lanes.setFocus()
    assert header(tracks, 0).name.text() == "one"
    assert tracks.document.undo_text is None


def test_a_name_that_does_not_fit_has_an_ellipsis_and_a_tooltip(tracks: MainWindow) -> None:
    long = "Backing vocals, all takes, comped and tuned, second chorus"
    for position, name in enumerate((long, "דני וקולות הרקע של הפזמון השני בגרסה הסופית", "Kick")):
        tracks.document.apply("Rename", partial(edits.rename_track, track_id=position + 1, name=name))
    tips = [header(tracks, position).name.toolTip() for position in range(3)]
    assert tips == [names(tracks)[0], names(tracks)[1], ""]

    def ink(position: int) -> list[int]:
        field = header(tracks, position).name
        image = field.grab().toImage()
        ground = image.pixelColor(1, 1)
        return [x for x in range(image.width()) if any(image.pixelColor(x, y) != ground for y in range(image.height()))]

    width = header(tracks, 2).name.width()
    assert ink(2)[-1] < width / 2
    tracks.document.apply("Rename", partial(edits.rename_track, track_id=3, name="דני"))
    assert ink(2)[0] > width / 2, "a name written from right to left begins at the right"
    tracks.timeline.header_width.set(900)
    assert header(tracks, 0).name.toolTip() == "", "it fits now"


def test_a_new_track_is_shown_selected_and_named_by_typing(tracks: MainWindow) -> None:
    select(tracks, 4)
    for _ in range(12):
        press(tracks, Qt.Key.Key_T, CTRL)
    last = header(tracks, 16)
    assert 0 <= tracks.timeline.rows.top(16) <= tracks.timeline.headers.height() - ROW_PX
    assert selected(tracks) == ["Track 17"]
    for key in "oboe":
        press(tracks, Qt.Key(ord(key.upper())))
    press(tracks, Qt.Key.Key_Return)
    assert names(tracks)[16] == "oboe"
    assert not last.name.hasFocus()
    press(tracks, Qt.Key.Key_T, CTRL)
    press(tracks, Qt.Key.Key_Z, CTRL)
    assert names(tracks)[-1] == "oboe", "with nothing typed, Undo undoes the new track"


def test_what_an_import_adds_is_selected_and_scrolled_to(qtbot: QtBot, tracks: MainWindow, tmp_path: Path) -> None:
    for _ in range(12):
        tracks.document.apply("Add Track", edits.add_track)
    audio = [write_audio(tmp_path / f"{name}.wav", noise(1, 44_100, level=0.1)) for name in "ab"]
    tracks.timeline.rows.set_offset(0)
    tracks.importer.import_files(audio, 0)
    wait_imported(qtbot, tracks)
    assert {clip.name for clip in tracks.document.session.clips() if clip.id in tracks.selection.clips} == {"a", "b"}
    assert selected(tracks) == ["a"], "one track only: the next fader must not move all"
    assert tracks.timeline.rows.top(19) <= tracks.timeline.headers.height()
    assert tracks.timeline.rows.top(17) >= 0
