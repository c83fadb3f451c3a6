"""Selecting time by mouse and keys, and what is done with it: each edit one step; Escape gives back what there was."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from lincae_studio.session.model import Session
from lincae_studio.session.time_edits import TimeRange
from lincae_studio.ui import theme
from lincae_studio.ui.main_window import MainWindow
from lincae_studio.ui.model.track_rows import ROW_PX
from lincae_studio.ui.timeline.speech import description
from lincae_studio.ui.timeline.time_drag import described
from tests.ui.conftest import LIMIT_MS, PX
from tests.ui.drive import choose, click, drag, hover, move, press, release, right_click
from tests.ui.look import pixels, rgb

CTRL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
ALT = Qt.KeyboardModifier.AltModifier
SECOND = 44_100

#: On the ruler, where time is selected, and where the playhead is dragged.
LOWER, UPPER = 26, 8


def row(position: int) -> int:
    return position * ROW_PX + ROW_PX - 12


def time(window: MainWindow) -> TimeRange | None:
    return window.selection.time.value


def spans(window: MainWindow) -> list[tuple[int, int]]:
    """The selected spans, in pixels."""
    value = time(window)
    return [(start // PX, end // PX) for start, end in value.spans] if value is not None else []


def on(window: MainWindow) -> str:
    """The names of the tracks on which time is selected."""
    value = time(window)
    names = {track.id: track.name for track in window.document.session.tracks}
    if value is None:
        return ""
    return "all" if value.tracks is None else "".join(sorted(names[track] for track in value.tracks))


def laid(window: MainWindow, track: int) -> list[tuple[int, int]]:
    """Starts and ends of the clips of a track, in pixels."""
    return [(clip.start // PX, clip.end // PX) for clip in window.document.session.tracks[track].clips]


def undone_and_redone(window: MainWindow, before: Session) -> None:
    """The last edit is one step."""
    after = window.document.session
    assert after != before
    press(window, Qt.Key.Key_Z, CTRL)
    assert window.document.session == before
    press(window, Qt.Key.Key_Z, CTRL | SHIFT)
    assert window.document.session == after


@pytest.fixture
def bare(song: MainWindow) -> MainWindow:
    """The song without snapping."""
    song.preferences.set(snap=False)
    return song


# Selecting


def test_a_drag_over_an_empty_lane_selects_time_on_the_tracks_it_passes(bare: MainWindow) -> None:
    before = bare.document.session
    drag(bare.timeline.lanes, (450, row(0)), (350, row(1)), release=False)
    assert spans(bare) == [(350, 450)], "at once"
    held = bare.timeline.lanes.mouse.time
    assert held is not None
    assert "1.000 s, 2 tracks" in held.hint
    release(bare.timeline.lanes, 350, row(1))
    assert (spans(bare), on(bare)) == ([(350, 450)], "ab")
    assert bare.transport.position == 350 * PX, "the playhead goes to its start"
    assert bare.document.session is before
    assert bare.document.undo_text is None or "elect" not in bare.document.undo_text
    assert description(bare.document.session, bare.selection) == "time 0:03.500 to 0:04.500, 1.000 s, 2 tracks"


def test_escape_during_a_drag_gives_back_what_was_selected(bare: MainWindow) -> None:
    drag(bare.timeline.lanes, (420, row(0)), (440, row(0)))
    chosen = time(bare)
    for widget, start, end in (
        (bare.timeline.lanes, (450, row(1)), (490, row(2))),
        (bare.timeline.ruler, (50, LOWER), (150, LOWER)),
    ):
        at = bare.transport.position
        drag(widget, start, end, release=False)
        assert time(bare) != chosen
        press(bare, Qt.Key.Key_Escape)
        assert time(bare) == chosen
        release(widget, *end)
        assert time(bare) == chosen
        assert bare.transport.position == at
    bare.timeline.lanes.setFocus()
    press(bare, Qt.Key.Key_Escape)
    assert time(bare) is None


def test_the_lower_half_of_the_ruler_selects_time_on_all_tracks(bare: MainWindow) -> None:
    ruler = bare.timeline.ruler
    drag(ruler, (100, LOWER), (200, LOWER))
    assert (spans(bare), on(bare)) == ([(100, 200)], "all")
    drag(ruler, (300, LOWER), (350, LOWER), CTRL)
    assert spans(bare) == [(100, 200), (300, 350)], "another span"
    drag(ruler, (200, LOWER), (250, LOWER))
    assert spans(bare) == [(100, 250), (300, 350)], "its end was taken"
    hover(ruler, 250, LOWER)
    assert ruler.cursor().shape() is Qt.CursorShape.SizeHorCursor
    hover(ruler, 270, LOWER)
    assert ruler.cursor().shape() is Qt.CursorShape.IBeamCursor
    click(ruler, 270, LOWER)
    assert time(bare) is None
    assert bare.transport.position == 270 * PX
    drag(ruler, (271, ruler.height() - 4), (300, LOWER))
    assert time(bare) is None, "the triangle of the playhead was taken"
    assert bare.transport.position == 300 * PX
    drag(ruler, (50, UPPER), (90, UPPER))
    assert (time(bare), bare.transport.position) == (None, 90 * PX)


def test_ctrl_adds_spans_and_shift_moves_the_nearest_end(bare: MainWindow) -> None:
    lanes = bare.timeline.lanes
    drag(lanes, (420, row(0)), (440, row(0)))
    drag(lanes, (460, row(1)), (480, row(1)), CTRL)
    assert (spans(bare), on(bare)) == ([(420, 440), (460, 480)], "ab")
    drag(lanes, (430, row(0)), (470, row(0)), CTRL)
    assert spans(bare) == [(420, 480)], "what touches is one"
    click(lanes, 500, row(0), SHIFT)
    assert spans(bare)[-1][1] == 500
    click(lanes, 450, row(2))
    assert time(bare) is None
    click(lanes, 500, row(2), SHIFT)
    assert (spans(bare), on(bare)) == ([(450, 500)], "c"), "from the playhead, where one clicked"
    drag(lanes, (490, row(2)), (470, row(2)), SHIFT)
    assert spans(bare) == [(450, 470)], "the nearest end"


def test_time_snaps_as_clips_do_and_its_ends_can_be_dragged_on_the_lanes(song: MainWindow) -> None:
    lanes = song.timeline.lanes
    drag(lanes, (460, row(0)), (403, row(0)))
    assert spans(song) == [(400, 460)], "to the end of the clip"
    song.preferences.set(snap=False)
    hover(lanes, 461, row(0))
    assert lanes.cursor().shape() is Qt.CursorShape.SizeHorCursor
    drag(lanes, (461, row(0)), (480, row(2)))
    assert (spans(song), on(song)) == ([(400, 480)], "a")
    hover(lanes, 470, row(0))
    assert lanes.cursor().shape() is Qt.CursorShape.IBeamCursor


def test_ctrl_and_shift_select_time_over_clips(bare: MainWindow) -> None:
    lanes, before = bare.timeline.lanes, bare.document.session
    drag(lanes, (50, row(0)), (150, row(1)), CTRL | SHIFT)
    assert (spans(bare), on(bare)) == ([(50, 150)], "ab")
    assert bare.document.session is before, "no clip was moved or copied"
    drag(lanes, (151, row(1)), (180, row(1)), CTRL | SHIFT)
    assert (spans(bare), on(bare)) == ([(50, 180)], "ab"), "its end was dragged"
    drag(lanes, (20, row(2)), (90, row(2)), CTRL | SHIFT, release=False)
    assert (spans(bare), on(bare)) == ([(20, 90)], "c")
    press(bare, Qt.Key.Key_Escape)
    release(lanes, 90, row(2))
    assert (spans(bare), on(bare)) == ([(50, 180)], "ab")
    bare.selection.time.clear()
    click(lanes, 100, row(0), CTRL | SHIFT)
    assert len(bare.selection.clips) == 1, "a click selects the clip besides others"
    assert time(bare) is None


def test_keys_select_time_from_the_playhead(bare: MainWindow) -> None:
    bare.selection.set_track(bare.document.session.tracks[1].id)
    click(bare.timeline.ruler, 100, LOWER)
    bare.timeline.lanes.setFocus()
    press(bare, Qt.Key.Key_Right, SHIFT)
    press(bare, Qt.Key.Key_Right, SHIFT)
    assert on(bare) == "b"
    first = spans(bare)[0]
    assert first[0] == 100
    assert first[1] > 100
    press(bare, Qt.Key.Key_Down, SHIFT)
    assert on(bare) == "bc"
    press(bare, Qt.Key.Key_Up, SHIFT)
    press(bare, Qt.Key.Key_Up, SHIFT)
    assert on(bare) == "ab"
    assert len(bare.selection.tracks) == 1, "that of tracks stays"
    press(bare, Qt.Key.Key_Left, SHIFT)
    assert spans(bare)[0][1] < first[1]
    press(bare, Qt.Key.Key_Left, SHIFT)
    assert time(bare) is None
    press(bare, Qt.Key.Key_Left, SHIFT)
    assert spans(bare)[0][1] == 100


def test_clips_and_time_end_each_other_and_become_each_other(bare: MainWindow) -> None:
    click(bare.timeline.lanes, 100, row(0))
    click(bare.timeline.lanes, 100, row(1), CTRL)
    press(bare, Qt.Key.Key_T, SHIFT)
    assert (spans(bare), on(bare)) == ([(0, 400)], "ab")
    assert not bare.selection.clips
    press(bare, Qt.Key.Key_T, CTRL | SHIFT)
    assert time(bare) is None
    assert len(bare.selection.clips) == 2
    drag(bare.timeline.lanes, (450, row(1)), (480, row(1)))
    assert not bare.selection.clips
    press(bare, Qt.Key.Key_T, CTRL | SHIFT)
    assert spans(bare) == [(450, 480)], "there is no clip in it"


def test_a_rubber_band_needs_alt_or_begins_below_the_tracks(bare: MainWindow) -> None:
    drag(bare.timeline.lanes, (450, row(0)), (90, row(1)), ALT)
    assert len(bare.selection.clips) == 2
    assert time(bare) is None
    bare.selection.set_clips(())
    drag(bare.timeline.lanes, (450, row(3)), (90, row(2)))
    assert len(bare.selection.clips) == 1


def test_deleted_tracks_leave_the_selection(bare: MainWindow) -> None:
    drag(bare.timeline.lanes, (450, row(0)), (350, row(1)))
    bare.selection.set_track(bare.document.session.tracks[0].id)
    press(bare, Qt.Key.Key_Delete, CTRL | SHIFT)
    assert on(bare) == "b"
    press(bare, Qt.Key.Key_Delete, CTRL | SHIFT)
    assert time(bare) is None


# Editing


def test_delete_leaves_a_gap_or_closes_it(bare: MainWindow) -> None:
    before = bare.document.session
    drag(bare.timeline.ruler, (100, LOWER), (150, LOWER))
    press(bare, Qt.Key.Key_Delete)
    assert laid(bare, 0) == [(0, 100), (150, 400)]
    undone_and_redone(bare, before)
    assert spans(bare) == [(100, 150)], "it is still selected"
    press(bare, Qt.Key.Key_Z, CTRL)
    press(bare, Qt.Key.Key_Delete, SHIFT)
    assert laid(bare, 0) == [(0, 100), (100, 350)]
    assert laid(bare, 2) == [(0, 100), (100, 150)]
    assert time(bare) is None, "it is gone"
    undone_and_redone(bare, before)


def test_cut_and_paste_replace_or_insert(bare: MainWindow) -> None:
    before, lanes = bare.document.session, bare.timeline.lanes
    drag(lanes, (450, row(0)), (350, row(0)))
    press(bare, Qt.Key.Key_X, CTRL)
    assert laid(bare, 0) == [(0, 350)]
    undone_and_redone(bare, before)
    press(bare, Qt.Key.Key_V, CTRL)
    assert laid(bare, 0) == [(0, 350), (350, 400)]
    press(bare, Qt.Key.Key_Z, CTRL)
    bare.transport.seek(100 * PX)
    bare.selection.time.clear()
    press(bare, Qt.Key.Key_V, CTRL | ALT)
    assert laid(bare, 0) == [(0, 100), (100, 150), (200, 350)], "in place of a second"
    assert len(bare.selection.clips) == 1, "what was pasted"
    press(bare, Qt.Key.Key_Z, CTRL)
    bare.transport.seek(100 * PX)
    press(bare, Qt.Key.Key_V, CTRL | SHIFT)
    assert laid(bare, 0) == [(0, 100), (100, 150), (200, 450)], "a second was inserted"
    assert len(bare.selection.clips) == 1


def test_duplicate_split_silence_fade_and_insert(bare: MainWindow) -> None:
    before, lanes = bare.document.session, bare.timeline.lanes
    drag(lanes, (450, row(0)), (300, row(0)))
    press(bare, Qt.Key.Key_D, CTRL)
    assert laid(bare, 0) == [(0, 400), (450, 550)]
    undone_and_redone(bare, before)
    press(bare, Qt.Key.Key_Z, CTRL)
    drag(lanes, (450, row(0)), (300, row(0)))
    press(bare, Qt.Key.Key_S)
    assert laid(bare, 0) == [(0, 300), (300, 400)]
    undone_and_redone(bare, before)
    press(bare, Qt.Key.Key_Z, CTRL)
    press(bare, Qt.Key.Key_L, CTRL)
    assert laid(bare, 0) == [(0, 300)]
    press(bare, Qt.Key.Key_Z, CTRL)
    press(bare, Qt.Key.Key_F, SHIFT)
    assert bare.document.session.tracks[0].clips[0].fade_out == 100 * PX
    undone_and_redone(bare, before)
    press(bare, Qt.Key.Key_Z, CTRL)
    drag(bare.timeline.ruler, (100, LOWER), (150, LOWER))
    bare.actions_by_id["insert_time"].trigger()
    assert laid(bare, 0) == [(0, 100), (150, 450)]
    assert laid(bare, 2) == [(0, 100), (150, 250)]
    undone_and_redone(bare, before)


@pytest.mark.qt_log_ignore("This plugin does not support (raise|grabbing)", extend=True)
def test_the_menu_of_selected_time_and_zoom_loop_and_its_ends_at_the_playhead(bare: MainWindow) -> None:
    drag(bare.timeline.ruler, (100, LOWER), (150, LOWER))
    choose(right_click(bare.timeline.lanes, 120, row(0)), "Delete and Close")
    assert laid(bare, 1) == [(0, 100), (100, 250)]
    press(bare, Qt.Key.Key_Z, CTRL)
    drag(bare.timeline.ruler, (100, LOWER), (150, LOWER))
    bare.actions_by_id["split_time"].trigger()
    assert laid(bare, 1) == [(0, 100), (100, 150), (150, 300)]
    press(bare, Qt.Key.Key_L, SHIFT)
    loop = bare.document.session.loop
    assert loop is not None
    assert (loop.start, loop.end) == (100 * PX, 150 * PX)
    bare.transport.seek(80 * PX)
    bare.actions_by_id["time_start_here"].trigger()
    assert spans(bare) == [(80, 150)]
    bare.transport.seek(140 * PX)
    bare.actions_by_id["time_end_here"].trigger()
    assert spans(bare) == [(80, 140)]
    press(bare, Qt.Key.Key_E, CTRL)
    axis = bare.timeline.axis
    assert axis.visible_samples == pytest.approx(60 * PX * 1.08, rel=0.01)


def test_selected_time_is_played_once(qtbot: QtBot, bare: MainWindow) -> None:
    press(bare, Qt.Key.Key_L, SHIFT)
    drag(bare.timeline.ruler, (100, LOWER), (110, LOWER))
    press(bare, Qt.Key.Key_Space, CTRL)
    assert bare.transport.playing
    transport, start = bare.transport, 100 * PX
    qtbot.waitUntil(lambda: not transport.playing and transport.position == start, timeout=LIMIT_MS)


# Ripple and locks


def test_the_ripple_mode_is_in_sight_and_changed_by_key_button_and_menu(song: MainWindow) -> None:
    button = song.ripple_button
    assert (button.text(), button.isChecked()) == ("Ripple: off", False)
    press(song, Qt.Key.Key_P, ALT)
    assert (button.text(), button.isChecked()) == ("● Ripple: track", True)
    assert song.actions_by_id["ripple_track"].isChecked()
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert (button.text(), button.accessibleName()) == ("● Ripple: all tracks", "Ripple: all tracks")
    song.actions_by_id["ripple_off"].trigger()
    assert (button.text(), button.isChecked()) == ("Ripple: off", False)


def _split(window: MainWindow) -> Session:
    """Split all clips at 1 s."""
    window.selection.set_clips(())
    window.transport.seek(100 * PX)
    press(window, Qt.Key.Key_S)
    return window.document.session


@pytest.mark.parametrize("mode", ["off", "track", "all"])
def test_moves_trims_and_deletes_ripple(bare: MainWindow, mode: str) -> None:
    before, lanes = _split(bare), bare.timeline.lanes
    bare.preferences.set(ripple=mode)
    by = {"off": (0, 0), "track": (50, 0), "all": (50, 50)}[mode]
    drag(lanes, (50, row(0)), (100, row(0)), release=False)
    assert lanes.mouse.gesture is not None
    assert ("follow" in lanes.mouse.gesture.hint) == (mode != "off")
    press(bare, Qt.Key.Key_Escape)
    assert bare.document.session is before
    release(lanes, 100, row(0))
    drag(lanes, (50, row(0)), (100, row(0)))
    assert laid(bare, 0) == sorted([(50, 150), (100 + by[0], 400 + by[0])])
    assert laid(bare, 1) == [(by[1], 100 + by[1]), (100 + by[1], 300 + by[1])]
    undone_and_redone(bare, before)
    press(bare, Qt.Key.Key_Z, CTRL)
    drag(lanes, (98, row(0)), (48, row(0)))
    assert laid(bare, 0) == [(0, 50), (100 - by[0], 400 - by[0])]
    assert laid(bare, 1) == [(0, 100), (100 - by[1], 300 - by[1])]
    undone_and_redone(bare, before)
    press(bare, Qt.Key.Key_Z, CTRL)
    click(lanes, 50, row(0))
    press(bare, Qt.Key.Key_Delete)
    assert laid(bare, 0) == [(100 - 2 * by[0], 400 - 2 * by[0])]
    assert laid(bare, 1) == [(0, 100), (100 - 2 * by[1], 300 - 2 * by[1])]
    undone_and_redone(bare, before)


def test_locked_tracks_refuse_edits_and_stay_when_all_others_move(bare: MainWindow) -> None:
    lanes = bare.timeline.lanes
    bare.selection.set_track(bare.document.session.tracks[1].id)
    press(bare, Qt.Key.Key_K, ALT | SHIFT)
    assert [track.locked for track in bare.document.session.tracks] == [False, True, False]
    assert bare.actions_by_id["lock_track"].isChecked()
    header = bare.timeline.headers.header(bare.document.session.tracks[1].id)
    assert header.lock.isVisible()
    assert (pixels(header.lock) == rgb(theme.colors().text)).all(axis=2).sum() > 50, (
        "a padlock, whether the font has one or not"
    )
    assert header.accessibleDescription() == "locked"
    before = bare.document.session
    drag(lanes, (50, row(1)), (100, row(1)))
    assert bare.document.session is before
    assert "is locked" in bare.messages.text.text()
    drag(bare.timeline.ruler, (50, LOWER), (100, LOWER))
    press(bare, Qt.Key.Key_Delete, SHIFT)
    assert laid(bare, 0) == [(0, 50), (50, 350)]
    assert laid(bare, 1) == [(0, 300)]
    press(bare, Qt.Key.Key_Z, CTRL)
    press(bare, Qt.Key.Key_Z, CTRL)
    assert not any(track.locked for track in bare.document.session.tracks)
    assert not header.lock.isVisible()


def test_the_selection_is_painted_where_it_is(bare: MainWindow) -> None:
    lanes, ruler = bare.timeline.lanes, bare.timeline.ruler
    before = lanes.grab().toImage(), ruler.grab().toImage()
    drag(lanes, (450, row(0)), (480, row(0)))
    after = lanes.grab().toImage(), ruler.grab().toImage()
    assert after[0].pixelColor(465, row(0)) != before[0].pixelColor(465, row(0))
    assert after[0].pixelColor(465, row(1)) == before[0].pixelColor(465, row(1))
    assert after[1].pixelColor(465, LOWER) != before[1].pixelColor(465, LOWER)
    press(bare, Qt.Key.Key_A, CTRL | SHIFT)
    assert lanes.grab().toImage().pixelColor(465, row(0)) == before[0].pixelColor(465, row(0))
    drag(lanes, (450, row(0)), (480, row(0)), release=False)
    move(lanes, 470, row(2))
    bare.timeline.lanes.mouse.cancel()
    assert time(bare) is None
    assert lanes.mouse.over_time(QPointF(10, row(0))) is None


def test_the_status_bar_shows_the_selected_time(bare: MainWindow) -> None:
    shown = bare.status.time
    assert shown.text() == ""
    drag(bare.timeline.ruler, (100, LOWER), (200, LOWER))
    assert shown.text() == f"selected {described(bare.document.session, time(bare))}"
    assert shown.text().startswith("selected 0:01.")
    assert shown.isVisible()
    QTest.keyClick(bare.timeline.lanes, Qt.Key.Key_Escape)
    assert shown.text() == ""
