"""Arranging clips by mouse and keys: copies, slips, fades, gains, groups; each one step, and Escape leaves no trace."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QRect, QRectF, Qt, QUrl
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from lincae_studio.session import edits
from lincae_studio.session.model import MIN_HEIGHT, Clip, Session
from lincae_studio.ui import theme
from lincae_studio.ui.commands.clips import MIME
from lincae_studio.ui.main_window import MainWindow
from lincae_studio.ui.model.track_rows import ROW_PX
from lincae_studio.ui.timeline.clip_painter import clip_rect
from lincae_studio.ui.timeline.hits import fade_in_handle, fade_out_handle, gain_y
from tests.helpers import noise, write_audio
from tests.ui.conftest import LIMIT_MS, PX, wait_imported
from tests.ui.drive import click, drag, hover, press, release, wheel

CTRL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
ALT = Qt.KeyboardModifier.AltModifier
SECOND = 44_100


def row(position: int) -> int:
    """y within a track's wave, away from gain lines and fades."""
    return position * ROW_PX + ROW_PX - 12


def clips(window: MainWindow) -> list[Clip]:
    return sorted(window.document.session.clips(), key=lambda clip: (clip.name, clip.start, clip.id))


def names(window: MainWindow) -> str:
    return "".join(clip.name for clip in clips(window))


def selected(window: MainWindow) -> str:
    return "".join(clip.name for clip in clips(window) if clip.id in window.selection.clips)


def undone_and_redone(window: MainWindow, before: Session) -> None:
    """The last edit is one step."""
    after = window.document.session
    assert after != before
    press(window, Qt.Key.Key_Z, CTRL)
    assert window.document.session == before
    press(window, Qt.Key.Key_Z, CTRL | SHIFT)
    assert window.document.session == after


def place(window: MainWindow, clip: Clip, position: int) -> QRectF:
    return clip_rect(clip, window.timeline.axis, position * ROW_PX)


# Copies


def test_a_drag_with_ctrl_copies(song: MainWindow) -> None:
    before = song.document.session
    drag(song.timeline.lanes, (100, row(0)), (250, row(1)), CTRL)
    assert names(song) == "aabc"
    copy = next(clip for clip in clips(song) if clip.id not in {c.id for c in before.clips()})
    assert copy.start == 150 * PX
    assert song.document.session.track_of(copy.id).id == before.tracks[1].id
    undone_and_redone(song, before)


def test_a_drag_with_ctrl_takes_the_selected_clips_along_only_if_it_begins_at_one(song: MainWindow) -> None:
    lanes = song.timeline.lanes
    click(lanes, 100, row(2))
    drag(lanes, (100, row(0)), (250, row(0)), CTRL)
    assert names(song) == "aabc", "the clip that was dragged, not the selected one"
    press(song, Qt.Key.Key_Z, CTRL)
    click(lanes, 100, row(0))
    click(lanes, 100, row(2), CTRL)
    drag(lanes, (100, row(2)), (250, row(2)), CTRL)
    assert names(song) == "aabcc"


def test_copy_cut_and_paste_at_the_playhead(song: MainWindow) -> None:
    before = song.document.session
    click(song.timeline.lanes, 100, row(0))
    click(song.timeline.lanes, 100, row(1), CTRL)
    press(song, Qt.Key.Key_C, CTRL)
    assert song.document.session == before
    song.transport.seek(5 * SECOND)
    song.selection.set_track(before.tracks[1].id)
    press(song, Qt.Key.Key_V, CTRL)
    assert names(song) == "aabbc"
    pasted = [clip for clip in clips(song) if clip.start == 5 * SECOND]
    assert [song.document.session.track_of(clip.id).id for clip in pasted] == [t.id for t in before.tracks[1:]]
    assert selected(song) == "ab", "the pasted clips"
    undone_and_redone(song, before)
    click(song.timeline.lanes, 100, row(0))
    click(song.timeline.lanes, 100, row(1), CTRL)
    press(song, Qt.Key.Key_X, CTRL)
    assert names(song) == "abc"
    press(song, Qt.Key.Key_V, CTRL)
    assert names(song) == "aabbc"


def test_clips_of_another_window_and_files_can_be_pasted(qtbot: QtBot, song: MainWindow, tmp_path: Path) -> None:
    press(song, Qt.Key.Key_A, CTRL)
    press(song, Qt.Key.Key_C, CTRL)
    data = bytes(QApplication.clipboard().mimeData().data(MIME).data())
    press(song, Qt.Key.Key_Delete)
    song.document.replace(Session(), None)
    again = QMimeData()
    again.setData(MIME, data)
    QApplication.clipboard().setMimeData(again)
    press(song, Qt.Key.Key_V, CTRL)
    assert names(song) == "abc"
    assert len(song.document.session.tracks) == 3
    assert not song.rendering.offline, "their audio is known"
    files = QMimeData()
    files.setUrls([QUrl.fromLocalFile(str(write_audio(tmp_path / "new.wav", noise(1, 5000))))])
    QApplication.clipboard().setMimeData(files)
    song.transport.seek(SECOND)
    press(song, Qt.Key.Key_V, CTRL)
    wait_imported(qtbot, song)
    assert [clip.start for clip in clips(song) if clip.name == "new"] == [SECOND]


@pytest.mark.parametrize("data", [b"{", b'{"rows":[],"media":[]}', b'{"rows":[[{"id":1}]],"media":[]}'])
def test_foreign_clipboard_content_is_refused(song: MainWindow, data: bytes) -> None:
    before = song.document.session
    nonsense = QMimeData()
    nonsense.setData(MIME, data)
    QApplication.clipboard().setMimeData(nonsense)
    press(song, Qt.Key.Key_V, CTRL)
    assert song.document.session == before
    assert "damaged" in song.messages.text.text()


def test_duplicate_puts_copies_right_after_the_clips(song: MainWindow) -> None:
    before = song.document.session
    click(song.timeline.lanes, 100, row(1))
    press(song, Qt.Key.Key_D, CTRL)
    assert [clip.start for clip in clips(song) if clip.name == "b"] == [0, 3 * SECOND]
    undone_and_redone(song, before)
    press(song, Qt.Key.Key_Z, CTRL)
    click(song.timeline.lanes, 100, row(1))
    for _ in range(2):
        press(song, Qt.Key.Key_D, CTRL)
    assert [clip.start for clip in clips(song) if clip.name == "b"] == [0, 3 * SECOND, 6 * SECOND], "on and on"


# Cutting and closing


def test_delete_and_close_gap_moves_what_follows(song: MainWindow) -> None:
    song.transport.seek(SECOND)
    press(song, Qt.Key.Key_S)
    before = song.document.session
    click(song.timeline.lanes, 50, row(0))
    press(song, Qt.Key.Key_Delete, SHIFT)
    (left,) = (clip for clip in clips(song) if clip.name == "a")
    assert (left.start, left.offset, left.length) == (0, SECOND, 3 * SECOND)
    assert names(song) == "abbcc", "other tracks stay"
    undone_and_redone(song, before)


def test_trim_to_the_playhead_by_keys(song: MainWindow) -> None:
    before = song.document.session
    click(song.timeline.lanes, 150, row(0))
    song.transport.seek(SECOND)
    press(song, Qt.Key.Key_J)
    assert (clips(song)[0].start, clips(song)[0].offset) == (SECOND, SECOND)
    press(song, Qt.Key.Key_A, CTRL | SHIFT)
    press(song, Qt.Key.Key_K)
    assert [clip.end for clip in clips(song)] == [4 * SECOND, SECOND, SECOND], "all that cross it, none being selected"
    press(song, Qt.Key.Key_Z, CTRL)
    press(song, Qt.Key.Key_Z, CTRL)
    assert song.document.session == before


def test_parts_of_a_split_are_joined_again(song: MainWindow) -> None:
    whole = song.document.session
    click(song.timeline.lanes, 50, row(0))
    song.transport.seek(SECOND)
    press(song, Qt.Key.Key_S)
    before = song.document.session
    press(song, Qt.Key.Key_J, CTRL)
    assert song.document.session == before
    assert "nothing to join" in song.messages.text.text()
    click(song.timeline.lanes, 50, row(0))
    click(song.timeline.lanes, 150, row(0), CTRL)
    press(song, Qt.Key.Key_J, CTRL)
    assert [track.clips for track in song.document.session.tracks] == [track.clips for track in whole.tracks]
    undone_and_redone(song, before)


# Groups and mutes


def test_grouped_clips_are_selected_and_moved_together(song: MainWindow) -> None:
    lanes = song.timeline.lanes
    click(lanes, 100, row(0))
    click(lanes, 100, row(2), CTRL)
    press(song, Qt.Key.Key_G, CTRL)
    click(lanes, 100, row(1))
    assert selected(song) == "b"
    click(lanes, 100, row(2))
    assert selected(song) == "ac"
    before = song.document.session
    drag(lanes, (100, row(2)), (200, row(2)))
    assert [clip.start for clip in clips(song)] == [100 * PX, 0, 100 * PX]
    undone_and_redone(song, before)
    click(lanes, 150, row(0), CTRL)
    assert selected(song) == "", "and leave the selection together"
    click(lanes, 150, row(0))
    press(song, Qt.Key.Key_G, CTRL | SHIFT)
    click(lanes, 150, row(0))
    assert selected(song) == "a"


def test_muted_clips_are_silent(song: MainWindow) -> None:
    before = song.document.session
    click(song.timeline.lanes, 100, row(0))
    picture = song.timeline.lanes.grab().toImage()
    press(song, Qt.Key.Key_M, CTRL)
    assert [clip.mute for clip in clips(song)] == [True, False, False]
    assert song.timeline.lanes.grab().toImage() != picture
    undone_and_redone(song, before)
    press(song, Qt.Key.Key_M, CTRL)
    assert not clips(song)[0].mute


# Gestures within a clip


def test_alt_drag_slips_the_audio(song: MainWindow) -> None:
    lanes = song.timeline.lanes
    song.transport.seek(SECOND)
    press(song, Qt.Key.Key_J)
    before = song.document.session
    drag(lanes, (200, row(0)), (230, row(0)), ALT | CTRL)
    clip = clips(song)[0]
    assert (clip.start, clip.length) == (SECOND, 3 * SECOND)
    assert clip.offset == SECOND - 30 * PX
    undone_and_redone(song, before)
    drag(lanes, (200, row(0)), (900, row(0)), ALT)
    assert clips(song)[0].offset == 0, "as far as there is audio"


def test_fades_are_dragged_by_their_handles(song: MainWindow) -> None:
    lanes, before = song.timeline.lanes, song.document.session
    clip = clips(song)[0]
    handle = fade_in_handle(clip, place(song, clip, 0), song.timeline.axis)
    drag(lanes, (handle.x(), handle.y()), (handle.x() + 50, handle.y()))
    assert clips(song)[0].fade_in == 0, "not selected: it was moved"
    press(song, Qt.Key.Key_Z, CTRL)
    click(lanes, 100, row(0))
    drag(lanes, (handle.x(), handle.y()), (handle.x() + 50, handle.y()))
    assert clips(song)[0].fade_in == 50 * PX
    assert clips(song)[0].start == 0
    undone_and_redone(song, before)
    clip = clips(song)[0]
    handle = fade_out_handle(clip, place(song, clip, 0), song.timeline.axis)
    drag(lanes, (handle.x(), handle.y()), (handle.x() - 70, handle.y()))
    assert clips(song)[0].fade_out == 70 * PX
    handle = fade_out_handle(clips(song)[0], place(song, clip, 0), song.timeline.axis)
    drag(lanes, (handle.x(), handle.y()), (handle.x() + 200, handle.y()))
    assert clips(song)[0].fade_out == 0


def test_handles_of_fades_are_within_the_lowest_clips(song: MainWindow) -> None:
    lanes = song.timeline.lanes
    song.document.apply("Height", lambda session: edits.set_track_height(session, session.tracks[0].id, MIN_HEIGHT))
    [clip] = song.document.session.tracks[0].clips
    rect = clip_rect(clip, song.timeline.axis, 0, MIN_HEIGHT)
    behind = QRect(0, MIN_HEIGHT, lanes.width(), 10)
    before = lanes.grab(behind).toImage()
    song.selection.set_clips([clip.id])
    lanes.invalidate()
    assert lanes.grab(behind).toImage() == before, "nothing hangs over the next lane"
    handle = fade_in_handle(clip, rect, song.timeline.axis)
    assert rect.contains(handle)
    drag(lanes, (handle.x(), handle.y()), (handle.x() + 50, handle.y()))
    assert song.document.session.tracks[0].clips[0].fade_in == 50 * PX


def test_a_clips_gain_is_dragged_by_its_line(song: MainWindow) -> None:
    lanes, before = song.timeline.lanes, song.document.session
    click(lanes, 100, row(0))
    y = round(gain_y(1.0, place(song, clips(song)[0], 0)))
    drag(lanes, (200, y), (200, y + 15))
    lower = clips(song)[0].gain
    assert 0.2 < lower < 0.7
    assert song.document.undo_text == "Clip Gain"
    undone_and_redone(song, before)


def with_gain_line(window: MainWindow) -> int:
    """Select the first clip; the y of its gain line."""
    click(window.timeline.lanes, 100, row(0))
    return round(gain_y(1.0, place(window, clips(window)[0], 0)))


def test_a_drag_that_begins_sideways_on_the_gain_line_moves(song: MainWindow) -> None:
    lanes, y = song.timeline.lanes, with_gain_line(song)
    drag(lanes, (200, y), (300, y + 30))
    assert (clips(song)[0].start, clips(song)[0].gain) == (100 * PX, 1.0)
    assert song.document.undo_text == "Move Clip"


@pytest.mark.parametrize(("modifiers", "edit"), [(CTRL, "Copy Clip"), (ALT, None), (SHIFT, "Move Clip")])
def test_a_drag_with_a_modifier_never_takes_the_gain_line(
    song: MainWindow, modifiers: Qt.KeyboardModifier, edit: str | None
) -> None:
    lanes, before, y = song.timeline.lanes, song.document.session, with_gain_line(song)
    drag(lanes, (200, y), (202, y + ROW_PX), modifiers)
    assert all(clip.gain == 1.0 for clip in clips(song))
    assert song.document.undo_text == edit or (edit is None and song.document.session is before)


def test_the_gain_line_shows_itself_under_the_pointer_only(song: MainWindow) -> None:
    lanes, y = song.timeline.lanes, with_gain_line(song)

    def dashes() -> int:
        image = lanes.grab().toImage()
        return sum(image.pixelColor(x, y).name() == theme.colors().outline for x in range(20, 140))

    hover(lanes, 200, row(0))
    assert dashes() > 60
    hover(lanes, 200, row(1))
    assert dashes() < 5, "the pointer is on another clip"
    hover(lanes, 200, row(0))
    press(song, Qt.Key.Key_A, CTRL | SHIFT)
    assert dashes() < 5, "it is not selected"
    click(lanes, 200, row(0))
    assert dashes() > 60
    press(song, Qt.Key.Key_A)
    hover(lanes, 201, row(0))
    assert dashes() < 5, "the volume envelope is shown there"


def test_the_gain_of_a_clip_is_said_only_where_it_can_be_taken(song: MainWindow) -> None:
    lanes, y = song.timeline.lanes, with_gain_line(song)

    def labelled() -> bool:
        image = lanes.grab().toImage()
        return any(image.pixelColor(x, y + 4).name() == theme.colors().panel for x in range(140, 260))

    hover(lanes, 100, y + 16)
    assert not labelled(), "it would hide the waveform"
    hover(lanes, 100, y)
    assert labelled()
    hover(lanes, 101, y + 16)
    assert not labelled()


@pytest.mark.parametrize("gesture", ["copy", "slip", "fade in", "fade out", "gain"])
def test_escape_leaves_no_trace_of_a_gesture(song: MainWindow, gesture: str) -> None:
    lanes = song.timeline.lanes
    song.transport.seek(SECOND)
    press(song, Qt.Key.Key_J)
    click(lanes, 200, row(0))
    before, undo, clip = song.document.session, song.document.undo_text, clips(song)[0]
    rect, axis = place(song, clip, 0), song.timeline.axis
    handles = {"fade in": fade_in_handle(clip, rect, axis), "fade out": fade_out_handle(clip, rect, axis)}
    start = (200.0, float(row(0)))
    if gesture in handles:
        start = (handles[gesture].x(), handles[gesture].y())
    elif gesture == "gain":
        start = (200.0, gain_y(clip.gain, rect))
    modifiers = {"copy": CTRL, "slip": ALT}.get(gesture, Qt.KeyboardModifier.NoModifier)
    hover(lanes, *start)
    still = lanes.grab().toImage()
    drag(lanes, start, (start[0] + (-40 if gesture == "fade out" else 40), start[1] + 20), modifiers, release=False)
    assert lanes.grab().toImage() != still, "the gesture is shown"
    press(song, Qt.Key.Key_Escape)
    release(lanes, start[0] + 40, start[1] + 20)
    assert song.document.session is before
    assert song.document.undo_text == undo
    hover(lanes, *start)
    assert lanes.grab().toImage() == still


def test_a_drag_held_at_the_side_scrolls(qtbot: QtBot, song: MainWindow) -> None:
    lanes, axis = song.timeline.lanes, song.timeline.axis
    axis.zoom(0.25, 0.0)
    drag(lanes, (100, row(0)), (lanes.width() - 5, row(0)), release=False)
    qtbot.waitUntil(lambda: axis.start > SECOND, timeout=LIMIT_MS)
    start = axis.start
    release(lanes, lanes.width() - 5, row(0))
    assert clips(song)[0].start > (lanes.width() - 105) * axis.samples_per_px
    assert axis.start >= start


# Snapping


def test_snapping_is_turned_off_and_on(song: MainWindow) -> None:
    lanes = song.timeline.lanes
    press(song, Qt.Key.Key_N)
    assert not song.actions_by_id["snap"].isChecked()
    drag(lanes, (100, row(2)), (100 + 303, row(2)))
    assert clips(song)[2].start == 303 * PX
    press(song, Qt.Key.Key_Z, CTRL)
    drag(lanes, (100, row(2)), (100 + 303, row(2)), SHIFT)
    assert clips(song)[2].start == 3 * SECOND, "Shift does the opposite"
    press(song, Qt.Key.Key_Z, CTRL)
    press(song, Qt.Key.Key_N)
    drag(lanes, (100, row(2)), (100 + 303, row(2)))
    assert clips(song)[2].start == 3 * SECOND


def test_edges_snap_to_markers_and_the_loop(song: MainWindow) -> None:
    lanes = song.timeline.lanes
    song.transport.seek(555 * PX)
    press(song, Qt.Key.Key_M)
    song.transport.seek(0)
    drag(lanes, (100, row(2)), (100 + 552, row(2)))
    assert clips(song)[2].start == 555 * PX


def test_moving_by_whole_steps_says_that_latents_are_kept(song: MainWindow) -> None:
    lanes = song.timeline.lanes
    step = song.rendering.update_plan().grid.step_samples
    song.timeline.axis.zoom(step / 100 / PX, 0.0)
    assert song.timeline.axis.samples_per_px == step / 100
    drag(lanes, (20, row(0)), (120, row(0)), SHIFT, release=False)
    assert lanes.mouse.gesture is not None
    assert "latents kept" in lanes.mouse.gesture.hint
    release(lanes, 120, row(0), SHIFT)
    assert clips(song)[0].start == step


# Zoom


def test_zoom_to_the_selection_and_back(song: MainWindow) -> None:
    axis = song.timeline.axis
    before = axis.start, axis.samples_per_px
    click(song.timeline.lanes, 100, row(2))
    press(song, Qt.Key.Key_E, CTRL)
    assert axis.x_of(2 * SECOND) == pytest.approx(axis.width_px, rel=0.1)
    press(song, Qt.Key.Key_Z, SHIFT)
    assert (axis.start, axis.samples_per_px) == before


def test_tracks_are_made_taller_and_shorter(song: MainWindow) -> None:
    lanes, rows = song.timeline.lanes, song.timeline.rows
    wheel(lanes, 100, 100, 2, ALT)
    taller = rows.common_px
    assert taller > 100
    second = song.timeline.headers.header(song.document.session.tracks[1].id)
    assert (second.y(), second.height()) == (taller, taller)
    click(lanes, 100, taller + taller - 12)
    assert selected(song) == "b"
    drag(lanes, (100, taller - 12), (150, 2 * taller - 12))
    assert len(song.document.session.tracks[1].clips) == 2
    wheel(song.timeline.headers, 100, 100, -9, ALT)
    assert rows.common_px == 34, "as low as a name needs"
    press(song, Qt.Key.Key_PageUp)
    assert rows.common_px > 34
    assert song.document.undo_text == "Move Clip", "heights are no edits"


def test_a_track_is_duplicated_with_its_clips(song: MainWindow) -> None:
    before = song.document.session
    QTest.mouseClick(song.timeline.headers.header(before.tracks[0].id), Qt.MouseButton.LeftButton, pos=QPoint(2, 2))
    song.actions_by_id["duplicate_track"].trigger()
    assert [track.name for track in song.document.session.tracks] == ["a", "a copy", "b", "c"]
    assert names(song) == "aabc"
    undone_and_redone(song, before)


def test_a_closed_window_leaves_no_clips_on_the_clipboard(song: MainWindow) -> None:
    """Qt requests the clipboard's content when the program ends, when Python has already ended."""
    press(song, Qt.Key.Key_A, CTRL)
    press(song, Qt.Key.Key_C, CTRL)
    assert QApplication.clipboard().mimeData().hasFormat(MIME)
    song.clip_commands.close()
    data = QApplication.clipboard().mimeData()
    assert data is None or not data.hasFormat(MIME)
    press(song, Qt.Key.Key_V, CTRL)
    assert names(song) == "abc", "an empty clipboard is nothing to paste"


def test_fade_handles_show_and_work_under_the_pointer_without_selecting_first(song: MainWindow) -> None:
    lanes, before = song.timeline.lanes, song.document.session
    handle = fade_in_handle(clips(song)[0], place(song, clips(song)[0], 0), song.timeline.axis)
    plain = lanes.grab().toImage()
    hover(lanes, handle.x() + 30, handle.y() + 20)
    assert lanes.grab().toImage() != plain, "its handles are shown"
    hover(lanes, handle.x(), handle.y())
    assert lanes.cursor().shape() is Qt.CursorShape.PointingHandCursor
    drag(lanes, (handle.x(), handle.y()), (handle.x() + 40, handle.y()), release=False)
    press(song, Qt.Key.Key_Escape)
    release(lanes, handle.x() + 40, handle.y())
    assert song.document.session is before
    song.selection.set_clips(())
    hover(lanes, handle.x(), handle.y())
    drag(lanes, (handle.x(), handle.y()), (handle.x() + 50, handle.y()))
    assert clips(song)[0].fade_in == 50 * PX
    assert selected(song) == "a"
    undone_and_redone(song, before)


def test_the_gains_of_all_selected_clips_are_dragged_by_as_much(song: MainWindow) -> None:
    lanes = song.timeline.lanes
    song.selection.set_clips([clips(song)[1].id])
    song.document.apply("Gain", lambda session: edits.set_clip_gain(session, song.selection.clips, 0.5))
    before, y = song.document.session, with_gain_line(song)
    click(lanes, 100, row(1), CTRL)
    hover(lanes, 200, y)
    drag(lanes, (200, y), (200, y + 15), release=False)
    assert lanes.mouse.gesture is not None
    assert lanes.mouse.gesture.hint.endswith("dB, 2 clips")
    press(song, Qt.Key.Key_Escape)
    release(lanes, 200, y + 15)
    assert song.document.session is before
    drag(lanes, (200, y), (200, y + 15))
    gains = [clip.gain for clip in clips(song)]
    assert 0.2 < gains[0] < 0.7
    assert gains[1] == pytest.approx(gains[0] / 2)
    assert gains[2] == 1.0
    undone_and_redone(song, before)


def test_clips_move_to_the_playhead_together(song: MainWindow) -> None:
    drag(song.timeline.lanes, (100, row(1)), (150, row(1)))
    before = song.document.session
    click(song.timeline.lanes, 100, row(0))
    click(song.timeline.lanes, 100, row(1), CTRL)
    song.transport.seek(SECOND)
    press(song, Qt.Key.Key_J, CTRL | SHIFT)
    assert [clip.start for clip in clips(song)] == [SECOND, SECOND + 50 * PX, 0]
    undone_and_redone(song, before)


def test_zoom_presets_show_a_time_around_the_playhead(song: MainWindow) -> None:
    song.transport.seek(3 * SECOND)
    song.actions_by_id["zoom_1s"].trigger()
    axis = song.timeline.axis
    assert axis.visible_samples == pytest.approx(SECOND * 1.08, rel=0.01)
    assert axis.x_of(3 * SECOND) == pytest.approx(axis.width_px / 2, abs=2)
