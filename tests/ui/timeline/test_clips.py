"""Clips by mouse and keys: selecting, moving, trimming, splitting; each gesture is one edit or none."""

from __future__ import annotations

from functools import reduce

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from lincae_studio.session import edits
from lincae_studio.session.model import Clip
from lincae_studio.ui.main_window import MainWindow
from lincae_studio.ui.model.track_rows import ROW_PX
from lincae_studio.ui.timeline.clip_painter import MARGIN_PX
from tests.ui.conftest import LIMIT_MS, PX, wait_rendered
from tests.ui.drive import click, drag, move, press, release

CTRL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
ALT = Qt.KeyboardModifier.AltModifier
SECOND = 44_100


def row(position: int) -> int:
    """y of the middle of a track."""
    return position * ROW_PX + ROW_PX // 2


def clips(window: MainWindow) -> list[Clip]:
    """The clips of the song, by name and then by start."""
    return sorted(window.document.session.clips(), key=lambda clip: (clip.name, clip.start))


def selected(window: MainWindow) -> str:
    """Names of the selected clips."""
    return "".join(clip.name for clip in clips(window) if clip.id in window.selection.clips)


def test_clicks_select_and_toggle(song: MainWindow) -> None:
    lanes = song.timeline.lanes
    before = song.document.session
    click(lanes, 100, row(0))
    assert selected(song) == "a"
    click(lanes, 100, row(1))
    assert selected(song) == "b"
    click(lanes, 100, row(2), CTRL)
    assert selected(song) == "bc"
    click(lanes, 100, row(0), SHIFT)
    assert selected(song) == "abc"
    click(lanes, 100, row(1), CTRL)
    assert selected(song) == "ac"
    click(lanes, 100, row(0))
    assert selected(song) == "a", "a plain click leaves one"
    assert song.document.session is before
    assert song.selection.track == before.tracks[0].id


def test_a_click_on_a_clip_places_the_playhead(song: MainWindow) -> None:
    lanes = song.timeline.lanes
    click(lanes, 150, row(0))
    assert song.player.position == 150 * PX
    press(song, Qt.Key.Key_S)
    assert [clip.start for clip in song.document.session.tracks[0].clips] == [0, 150 * PX], "split where it was clicked"
    click(lanes, 50, row(1), CTRL)
    assert song.player.position == 150 * PX, "adding to the selection does not"
    drag(lanes, (60, row(2)), (80, row(2)))
    assert song.player.position == 150 * PX, "nor does a drag"
    song.preferences.set(click_places_playhead=False)
    click(lanes, 70, row(1))
    assert song.player.position == 150 * PX, "as the preferences say"


def test_a_key_without_effect_says_why(song: MainWindow) -> None:
    before = song.document.session
    song.transport.seek(390 * PX)
    song.selection.set_clips([clips(song)[1].id])
    press(song, Qt.Key.Key_S)
    assert "nothing to split: no selected clip is at the playhead" in song.messages.text.text()
    song.transport.seek(500 * PX)
    press(song, Qt.Key.Key_A, CTRL | Qt.KeyboardModifier.ShiftModifier)
    for key, verb in ((Qt.Key.Key_S, "split"), (Qt.Key.Key_J, "trim"), (Qt.Key.Key_K, "trim")):
        press(song, key)
        assert f"nothing to {verb}: no clip is at the playhead" in song.messages.text.text()
    assert song.document.session is before


def test_a_dragged_clip_is_drawn_above_the_others(song: MainWindow) -> None:
    """Though it starts before the one under it, which would otherwise be above."""
    song.document.apply("Move", lambda session: edits.move_clips(session, {clips(song)[1].id}, 100 * PX))
    song.document.apply("Colour", lambda session: edits.set_clip_color(session, {clips(song)[0].id}, "#ff0000"))
    lanes = song.timeline.lanes
    drag(lanes, (50, row(0)), (52, row(1)), release=False)
    name_strip = lanes.grab().toImage().pixelColor(300, ROW_PX + MARGIN_PX + 8)
    release(lanes, 52, row(1))
    assert name_strip.name() == "#ff0000"


@pytest.fixture
def many(song: MainWindow) -> MainWindow:
    """40 more tracks below those of the song."""
    song.document.apply("Add", lambda session: reduce(lambda s, n: edits.add_track(s, f"t{n}"), range(40), session))
    return song


def test_a_clip_dragged_to_the_lower_border_scrolls_down(qtbot: QtBot, many: MainWindow) -> None:
    lanes, rows = many.timeline.lanes, many.timeline.rows
    drag(lanes, (100, row(0)), (100, lanes.height() - 5), release=False)
    qtbot.waitUntil(lambda: rows.offset_px > 10 * ROW_PX, timeout=LIMIT_MS)
    target = many.document.session.tracks[rows.position_at(lanes.height() - 5)]
    release(lanes, 100, lanes.height() - 5)
    clip = next(clip for clip in many.document.session.clips() if clip.name == "a")
    assert many.document.session.track_of(clip.id).id == target.id
    drag(lanes, (100, lanes.height() - 30), (100, 5), release=False)
    qtbot.waitUntil(lambda: rows.offset_px == 0, timeout=LIMIT_MS)
    press(many, Qt.Key.Key_Escape)
    release(lanes, 100, 5)


def test_a_clip_is_not_dropped_on_a_track_out_of_view(many: MainWindow) -> None:
    lanes, rows = many.timeline.lanes, many.timeline.rows
    drag(lanes, (100, row(0)), (100, lanes.height() + 300), release=False)
    last = rows.position_at(lanes.height() - 1)
    release(lanes, 100, lanes.height() + 300)
    clip = next(clip for clip in many.document.session.clips() if clip.name == "a")
    assert many.document.session.track_of(clip.id).id == many.document.session.tracks[last].id


def test_a_rubber_band_scrolls_and_stays_where_it_began(qtbot: QtBot, many: MainWindow) -> None:
    lanes, rows = many.timeline.lanes, many.timeline.rows
    drag(lanes, (450, row(0)), (90, lanes.height() - 5), ALT, release=False)
    qtbot.waitUntil(lambda: rows.offset_px > 4 * ROW_PX, timeout=LIMIT_MS)
    release(lanes, 90, lanes.height() - 5, ALT)
    assert selected(many) == "abc", "also those that have scrolled out of view"


def test_a_click_on_an_empty_area_deselects_and_seeks(song: MainWindow) -> None:
    click(song.timeline.lanes, 100, row(0))
    click(song.timeline.lanes, 350, row(1))
    assert selected(song) == ""
    assert song.player.position == 350 * PX
    assert song.selection.track == song.document.session.tracks[1].id


def test_a_rubber_band_selects_what_it_touches(song: MainWindow) -> None:
    lanes = song.timeline.lanes
    drag(lanes, (500, row(2)), (250, row(0)), ALT)
    assert selected(song) == "ab"
    drag(lanes, (500, 3 * ROW_PX + 20), (150, row(2)))
    assert selected(song) == "c"
    drag(lanes, (600, row(2)), (500, row(0)), ALT)
    assert selected(song) == ""
    assert song.player.position == 0, "a rubber band does not seek"


def test_select_all_and_none_by_keys(song: MainWindow) -> None:
    press(song, Qt.Key.Key_A, CTRL)
    assert selected(song) == "abc"
    press(song, Qt.Key.Key_A, CTRL | SHIFT)
    assert selected(song) == ""


@pytest.mark.parametrize("key", [Qt.Key.Key_Delete, Qt.Key.Key_Backspace])
def test_delete_removes_the_selected_clips(song: MainWindow, key: Qt.Key) -> None:
    before = song.document.session
    press(song, key)
    assert song.document.session == before, "nothing is selected"
    click(song.timeline.lanes, 100, row(0))
    click(song.timeline.lanes, 100, row(2), CTRL)
    press(song, key)
    assert [clip.name for clip in clips(song)] == ["b"]
    assert len(song.document.session.tracks) == 3
    assert selected(song) == ""
    press(song, Qt.Key.Key_Z, CTRL)
    assert song.document.session == before


def test_a_drag_moves_by_exactly_its_pixels(song: MainWindow) -> None:
    lanes, before = song.timeline.lanes, song.document.session
    drag(lanes, (100, row(0)), (237, row(0) + 10), release=False)
    assert song.document.session is before, "nothing happens before the mouse is released"
    release(lanes, 237, row(0) + 10)
    assert clips(song)[0].start == 137 * PX
    assert song.document.undo_text == "Move Clip"
    press(song, Qt.Key.Key_Z, CTRL)
    assert song.document.session == before, "one drag is one step"
    press(song, Qt.Key.Key_Z, CTRL | SHIFT)
    assert clips(song)[0].start == 137 * PX


def test_selected_clips_move_together(song: MainWindow) -> None:
    lanes = song.timeline.lanes
    click(lanes, 100, row(0))
    click(lanes, 100, row(1), CTRL)
    drag(lanes, (50, row(1)), (150, row(1)))
    assert [clip.start for clip in clips(song)] == [100 * PX, 100 * PX, 0]
    drag(lanes, (150, row(1)), (-400, row(1)))
    assert [clip.start for clip in clips(song)] == [0, 0, 0], "no clip starts before 0"


def test_edges_snap_within_8_pixels(song: MainWindow) -> None:
    lanes = song.timeline.lanes
    drag(lanes, (100, row(2)), (309, row(2)))  # 209 px
    assert clips(song)[2].start == 209 * PX
    drag(lanes, (300, row(2)), (300 + 300 - 209 + 8, row(2)))
    assert clips(song)[2].start == 3 * SECOND, "to the end of b, 8 px away"
    drag(lanes, (400, row(2)), (409, row(2)))
    assert clips(song)[2].start == 3 * SECOND + 9 * PX, "9 px away does not snap"
    drag(lanes, (400, row(2)), (400 - 309 + 5, row(2)))
    assert clips(song)[2].start == 0, "to the start of the timeline"
    song.transport.seek(650 * PX)
    drag(lanes, (100, row(2)), (100 + 453, row(2)))
    assert clips(song)[2].end == 650 * PX, "its end to the playhead"


def test_shift_suspends_snapping(song: MainWindow) -> None:
    lanes = song.timeline.lanes
    QTest.mousePress(lanes, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(100, row(2)))
    move(lanes, 250, row(2))
    move(lanes, 403, row(2), SHIFT)
    release(lanes, 403, row(2), SHIFT)
    assert clips(song)[2].start == 303 * PX


def test_shift_from_the_press_on_moves_a_selected_clip_too(song: MainWindow) -> None:
    lanes = song.timeline.lanes
    click(lanes, 100, row(2))
    drag(lanes, (100, row(2)), (403, row(2)), SHIFT)
    assert clips(song)[2].start == 303 * PX
    assert selected(song) == "c"


def test_a_drag_moves_between_tracks_and_not_beyond_them(song: MainWindow) -> None:
    lanes = song.timeline.lanes

    def track_of(name: str) -> int:
        clip = next(clip for clip in clips(song) if clip.name == name)
        session = song.document.session
        return [track.id for track in session.tracks].index(session.track_of(clip.id).id)

    drag(lanes, (100, row(0)), (250, row(2)))
    assert track_of("a") == 2
    assert clips(song)[0].start == 150 * PX
    drag(lanes, (500, row(2)), (500, row(2) + 300))
    assert track_of("a") == 2
    click(lanes, 50, row(1))
    click(lanes, 500, row(2), CTRL)
    drag(lanes, (50, row(1)), (100, row(1) - 2 * ROW_PX))
    assert (track_of("b"), track_of("a"), track_of("c")) == (0, 1, 2), "both move up by the one track there is"


def test_a_press_that_moves_less_than_3_pixels_is_no_edit(song: MainWindow) -> None:
    lanes = song.timeline.lanes
    drag(lanes, (100, row(2)), (309, row(2)))  # to where nothing within reach snaps
    before = song.document.session
    drag(lanes, (300, row(2)), (302, row(2)))
    assert song.document.session is before
    drag(lanes, (300, row(2)), (303, row(2)))
    assert clips(song)[2].start == 212 * PX


def test_a_drag_that_returns_is_no_edit(song: MainWindow) -> None:
    lanes, undo = song.timeline.lanes, song.document.undo_text
    drag(lanes, (100, row(0)), (300, row(1)), release=False)
    move(lanes, 100, row(0))
    release(lanes, 100, row(0))
    assert song.document.undo_text == undo


def test_both_edges_trim_and_end_at_the_media(song: MainWindow) -> None:
    lanes, before = song.timeline.lanes, song.document.session
    drag(lanes, (398, row(0)), (298 - 20, row(0)))
    assert (clips(song)[0].start, clips(song)[0].length) == (0, 280 * PX)
    assert song.document.undo_text == "Trim Clip"
    drag(lanes, (2, row(0)), (52, row(0)))
    clip = clips(song)[0]
    assert (clip.start, clip.offset, clip.length) == (50 * PX, 50 * PX, 230 * PX), "the audio stays where it is"
    drag(lanes, (278, row(0)), (900, row(0)))
    assert clips(song)[0].end == 4 * SECOND, "no audio beyond the end of the media"
    drag(lanes, (52, row(0)), (-200, row(0)))
    assert (clips(song)[0].start, clips(song)[0].offset) == (0, 0)
    assert song.document.session == before
    for _ in range(4):
        press(song, Qt.Key.Key_Z, CTRL)
    assert song.document.session == before


def test_a_clip_cannot_be_trimmed_beyond_its_media_or_to_nothing(song: MainWindow) -> None:
    lanes = song.timeline.lanes
    drag(lanes, (100, row(2)), (600, row(2)))
    drag(lanes, (502, row(2)), (480, row(2)))
    assert clips(song)[2].start == 500 * PX
    drag(lanes, (502, row(2)), (900, row(2)))
    assert clips(song)[2].length == 1


def test_trimmed_edges_snap(song: MainWindow) -> None:
    drag(song.timeline.lanes, (398, row(0)), (398 - 95, row(0)))
    assert clips(song)[0].end == 3 * SECOND, "to the end of b, 5 px away"


def test_narrow_clips_are_moved_not_trimmed(song: MainWindow) -> None:
    lanes = song.timeline.lanes
    drag(lanes, (199, row(2)), (19, row(2)))
    assert clips(song)[2].length == 20 * PX
    drag(lanes, (1, row(2)), (61, row(2)))
    assert (clips(song)[2].start, clips(song)[2].length) == (60 * PX, 20 * PX)


def test_split_cuts_the_selected_clips_or_all_under_the_playhead(song: MainWindow) -> None:
    before = song.document.session
    click(song.timeline.lanes, 350, row(2))  # 3.5 s: only a is under it
    press(song, Qt.Key.Key_S)
    assert [(clip.name, clip.start, clip.length) for clip in clips(song)][:2] == [
        ("a", 0, 350 * PX),
        ("a", 350 * PX, 50 * PX),
    ]
    assert len(clips(song)) == 4
    press(song, Qt.Key.Key_Z, CTRL)
    song.transport.seek(SECOND)
    press(song, Qt.Key.Key_S)
    assert len(clips(song)) == 6, "nothing selected: all three"
    press(song, Qt.Key.Key_Z, CTRL)
    assert song.document.session == before, "one step"
    click(song.timeline.lanes, 50, row(1))
    press(song, Qt.Key.Key_S)
    assert "".join(clip.name for clip in clips(song)) == "abbc"


@pytest.mark.engine
@pytest.mark.parametrize("at", [12_345, SECOND, 88_064])
def test_a_split_is_inaudible(qtbot: QtBot, song: MainWindow, at: int) -> None:
    length = song.document.session.length
    wait_rendered(qtbot, song)
    whole = song.rendering.reader().read(0, length)
    song.transport.seek(at)
    press(song, Qt.Key.Key_S)
    assert len(clips(song)) == 6
    wait_rendered(qtbot, song)
    np.testing.assert_allclose(song.rendering.reader().read(0, length), whole, atol=1e-6)
    assert np.abs(whole).max() > 0.1


@pytest.mark.engine
def test_a_nudge_moves_by_one_chunk_and_encodes_nothing(qtbot: QtBot, song: MainWindow) -> None:
    for position in (1, 2):  # alone, so that a moved chunk equals the chunk it was
        QTest.mouseClick(
            song.timeline.headers.header(song.document.session.tracks[position].id).mute, Qt.MouseButton.LeftButton
        )
    wait_rendered(qtbot, song)
    step = song.rendering.update_plan().grid.step_samples
    keys = {chunk.key for chunk in song.rendering.update_plan().audible}
    before = song.document.session
    press(song, Qt.Key.Key_Right, CTRL)
    assert song.document.session == before, "nothing is selected"
    click(song.timeline.lanes, 100, row(0))
    press(song, Qt.Key.Key_Right, CTRL)
    assert clips(song)[0].start == step
    moved = {chunk.key for chunk in song.rendering.update_plan().audible}
    assert keys < moved, "renders are found again where they moved to"
    assert len(moved - keys) == 1, "new is only the window that the clip's first samples reach into"
    wait_rendered(qtbot, song)
    press(song, Qt.Key.Key_Left, CTRL)
    assert song.document.session == before
    assert len(set(song.rendering.progress())) == 1, "the way back renders nothing"
    drag(song.timeline.lanes, (100, row(0)), (120, row(0)))
    press(song, Qt.Key.Key_Left, CTRL)
    assert clips(song)[0].start == 0, "as far as it goes"


def test_clips_move_between_tracks_by_keys(song: MainWindow) -> None:
    click(song.timeline.lanes, 100, row(1))
    press(song, Qt.Key.Key_Down, CTRL)
    assert [len(track.clips) for track in song.document.session.tracks] == [1, 0, 2]
    press(song, Qt.Key.Key_Up, CTRL)
    press(song, Qt.Key.Key_Up, CTRL)
    assert [len(track.clips) for track in song.document.session.tracks] == [2, 0, 1]
    press(song, Qt.Key.Key_Up, CTRL)
    assert [len(track.clips) for track in song.document.session.tracks] == [2, 0, 1]
    assert "cannot move past the first or last track" in song.messages.text.text()


@pytest.mark.parametrize(
    ("start", "end"),
    [((100, row(0)), (250, row(1))), ((398, row(0)), (300, row(0))), ((2, row(0)), (80, row(0)))],
    ids=["move", "trim end", "trim start"],
)
def test_escape_cancels_a_drag_and_a_second_one_deselects(
    song: MainWindow, start: tuple[int, int], end: tuple[int, int]
) -> None:
    lanes, before = song.timeline.lanes, song.document.session
    undo, redo = song.document.undo_text, song.document.redo_text
    still = lanes.grab().toImage()
    drag(lanes, start, end, release=False)
    assert lanes.grab().toImage() != still, "the drag is shown"
    press(song, Qt.Key.Key_Escape)
    move(lanes, end[0] + 20, end[1])
    release(lanes, *end)
    assert song.document.session is before
    assert (song.document.undo_text, song.document.redo_text) == (undo, redo)
    assert selected(song) == "a"
    press(song, Qt.Key.Key_Escape)
    assert selected(song) == ""
    QApplication.sendEvent(lanes, QEvent(QEvent.Type.Leave))
    assert lanes.grab().toImage() == still, "all looks as before"


def test_escape_cancels_a_rubber_band(song: MainWindow) -> None:
    click(song.timeline.lanes, 100, row(2))
    drag(song.timeline.lanes, (500, row(2)), (100, row(0)), ALT, release=False)
    press(song, Qt.Key.Key_Escape)
    release(song.timeline.lanes, 100, row(0))
    assert selected(song) == "c"
    assert song.player.position == 100 * PX, "as the click left it"


def test_shortcuts_do_nothing_during_a_drag(song: MainWindow) -> None:
    lanes, before = song.timeline.lanes, song.document.session
    drag(lanes, (100, row(0)), (250, row(0)), release=False)
    for key, modifiers in (
        (Qt.Key.Key_Delete, Qt.KeyboardModifier.NoModifier),
        (Qt.Key.Key_S, Qt.KeyboardModifier.NoModifier),
        (Qt.Key.Key_Z, CTRL),
        (Qt.Key.Key_T, CTRL),
        (Qt.Key.Key_Right, CTRL),
    ):
        press(song, key, modifiers)
    assert song.document.session is before
    release(lanes, 250, row(0))
    assert clips(song)[0].start == 150 * PX
    press(song, Qt.Key.Key_Z, CTRL)
    assert song.document.session == before


def test_shortcuts_do_nothing_between_press_and_drag(song: MainWindow) -> None:
    lanes, before = song.timeline.lanes, song.document.session
    QTest.mousePress(lanes, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(100, row(0)))
    press(song, Qt.Key.Key_Delete)
    assert song.document.session is before
    release(lanes, 100, row(0))
    press(song, Qt.Key.Key_Delete)
    assert len(clips(song)) == 2


def test_keys_work_again_after_a_drag_was_cancelled(qtbot: QtBot, song: MainWindow) -> None:
    drag(song.timeline.lanes, (100, row(0)), (250, row(0)), release=False)
    press(song, Qt.Key.Key_Escape)
    release(song.timeline.lanes, 250, row(0))
    press(song, Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: len(clips(song)) == 2, timeout=LIMIT_MS)
