"""Context menus: what they offer where, what a right click selects, and commands that act where it was pressed."""

from __future__ import annotations

import itertools
from functools import partial

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu

from lincae_studio.session import places
from lincae_studio.ui.actions.table import ACTIONS
from lincae_studio.ui.main_window import MainWindow
from lincae_studio.ui.timeline.envelopes import Kind, y_of
from tests.ui.conftest import PX
from tests.ui.drive import choose, click, drag, press, release, right_click

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support (raise|grabbing)", extend=True)

CTRL = Qt.KeyboardModifier.ControlModifier
ALT = Qt.KeyboardModifier.AltModifier

#: The middle of track b's lane, below the name of its clip.
B = 76 + 50


def texts(menu: QMenu | None) -> list[str]:
    """The entries; "-" for a separator."""
    assert menu is not None
    found = ["-" if action.isSeparator() else action.text().replace("&", "") for action in menu.actions()]
    QTest.keyClick(menu, Qt.Key.Key_Escape)
    return found


def names(window: MainWindow) -> list[str]:
    clips = window.document.session.clips()
    return [clip.name for clip in clips if clip.id in window.selection.clips]


def starts(window: MainWindow) -> list[list[int]]:
    return [[clip.start // PX for clip in track.clips] for track in window.document.session.tracks]


def open_by_key(window: MainWindow) -> QMenu:
    press(window, Qt.Key.Key_F10, Qt.KeyboardModifier.ShiftModifier)
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    return menu


def test_a_right_click_on_a_clip_selects_it_and_opens_its_menu(song: MainWindow) -> None:
    menu = right_click(song.timeline.lanes, 100, B)
    assert names(song) == ["b"]
    assert song.selection.track == song.document.session.tracks[1].id
    found = texts(menu)
    assert {"Cut", "Copy", "Paste Here", "Split Here", "Join Clips", "Mute Clips", "Group Clips", "Clip Inspector"} <= {
        *found
    }
    assert "Rename Track" not in found
    assert "-" in found
    assert "-" not in (found[0], found[-1])
    assert ("-", "-") not in itertools.pairwise(found)


def test_a_submenu_with_one_entry_is_that_entry(song: MainWindow) -> None:
    menu = right_click(song.timeline.lanes, 100, B)
    found = set(texts(menu))
    assert {"Zoom to Selection", "Move to Playhead", "Process Clips"} <= found
    assert found.isdisjoint({"Zoom", "Move Clips"})


def test_a_right_click_on_a_selected_clip_keeps_the_others_selected(song: MainWindow) -> None:
    press(song, Qt.Key.Key_A, CTRL)
    choose(right_click(song.timeline.lanes, 100, B), "Mute Clips")
    assert [clip.mute for clip in song.document.session.clips()] == [True, True, True]


def test_split_here_splits_where_the_menu_was_opened(song: MainWindow) -> None:
    choose(right_click(song.timeline.lanes, 120, B), "Split Here")
    assert starts(song) == [[0], [0, 120], [0]], "the playhead is at 0"


def test_paste_here_pastes_on_the_track_and_at_the_time_of_the_pointer(song: MainWindow) -> None:
    click(song.timeline.lanes, 100, 50)
    press(song, Qt.Key.Key_C, CTRL)
    choose(right_click(song.timeline.lanes, 350, 2 * 76 + 50), "Paste Here")
    assert starts(song) == [[0], [0], [0, 350]]
    assert names(song) == ["a"]
    choose(right_click(song.timeline.lanes, 350, 2 * 76 + 50), "Paste")
    assert starts(song)[2] == [0, 100, 350], "Paste is at the playhead, where the click left it"
    choose(right_click(song.timeline.lanes, 30, 3 * 76 + 30), "Paste Here")
    assert starts(song)[3] == [30], "below the last track on a new one"


def test_pasting_over_a_clip_says_what_is_heard(song: MainWindow) -> None:
    click(song.timeline.lanes, 50, 76 + 50)
    press(song, Qt.Key.Key_C, CTRL)
    choose(right_click(song.timeline.lanes, 350, 50), "Paste Here")
    assert song.messages.text.text().startswith("Pasted over 1 clip: crossfaded where they overlap.")
    choose(right_click(song.timeline.lanes, 10, 50), "Paste Here")
    assert song.messages.text.text().startswith("Pasted over 1 clip: both are heard.")


def test_pasting_with_an_empty_clipboard_says_so(song: MainWindow) -> None:
    QApplication.clipboard().clear()
    press(song, Qt.Key.Key_V, CTRL)
    assert "nothing to paste" in song.messages.text.text()


def test_a_right_click_on_a_header_selects_the_track_and_acts_on_it(song: MainWindow) -> None:
    column = song.timeline.headers
    for y in (76 + 70, 10):
        found = texts(right_click(column, 8, y))
        assert {"Rename Track", "Mute Track", "Take Out of Mix…", "Remove Track", "Add Track"} <= {*found}
    choose(right_click(column, 8, 76 + 70), "Mute Track")
    assert [track.mute for track in song.document.session.tracks] == [False, True, False]


def test_a_right_click_on_a_control_of_a_header_opens_the_menu_of_the_track(song: MainWindow) -> None:
    track = song.document.session.tracks[2]
    gain = song.timeline.headers.header(track.id).gain
    choose(right_click(gain, gain.width() // 2, gain.height() // 2), "Solo Track")
    assert song.document.session.tracks[2].solo
    assert song.document.session.tracks[2].gain == track.gain, "the fader did not move"


def test_after_a_menu_is_closed_keys_act_at_the_playhead_again(song: MainWindow) -> None:
    for at in (100, 300):
        song.document.apply("Add Marker", partial(places.add_marker, at=at * PX))
    song.transport.seek(300 * PX)
    menu = right_click(song.timeline.ruler, 105, 5)
    assert menu is not None
    QTest.keyClick(menu, Qt.Key.Key_Escape)
    QApplication.processEvents()
    press(song, Qt.Key.Key_Delete, ALT)
    assert [marker.at for marker in song.document.session.markers] == [100 * PX]


def test_a_loop_that_would_start_after_the_last_clip_is_refused_with_a_reason(song: MainWindow) -> None:
    choose(right_click(song.timeline.ruler, 450, 30), "Start Loop Here")
    assert "after the last clip" in song.messages.text.text()
    assert song.document.session.loop is None


def test_the_menu_of_the_ruler_acts_at_the_pointer(song: MainWindow) -> None:
    ruler = song.timeline.ruler
    choose(right_click(ruler, 200, 30), "Add Marker Here")
    assert [marker.at for marker in song.document.session.markers] == [200 * PX]
    choose(right_click(ruler, 100, 30), "Start Loop Here")
    choose(right_click(ruler, 300, 30), "End Loop Here")
    loop = song.document.session.loop
    assert loop is not None
    assert (loop.start, loop.end) == (100 * PX, 300 * PX)
    assert song.player.position == 0, "the playhead stays"
    menu = right_click(ruler, 300, 30)
    assert menu is not None
    units = next(action.menu() for action in menu.actions() if action.text() == "Ruler Units")
    assert isinstance(units, QMenu)
    assert len(units.actions()) == 4
    texts(menu)


def test_play_from_here_plays_from_the_pointer(song: MainWindow) -> None:
    choose(right_click(song.timeline.lanes, 200, B), "Play From Here")
    assert song.transport.playing
    assert song.player.position >= 200 * PX
    press(song, Qt.Key.Key_Space)
    assert song.player.position == 200 * PX


def test_the_mix_and_the_views_have_menus(song: MainWindow) -> None:
    assert {"Export…", "Export Picture…", "Loudness"} <= {*texts(right_click(song.timeline.master, 50, 20))}
    press(song, Qt.Key.Key_3, Qt.KeyboardModifier.AltModifier)
    view = song.views.get("linearity")
    assert view is not None
    menu = right_click(view, view.width() // 2, view.height() // 2)
    assert "Play From Here" in texts(menu)
    choose(right_click(view, view.width() // 2, view.height() // 2), "Linearity")
    assert song.views.get("linearity") is None


def test_the_clip_table_and_the_history_have_menus(song: MainWindow) -> None:
    press(song, Qt.Key.Key_L, CTRL | Qt.KeyboardModifier.ShiftModifier)
    table = song.clip_table.table
    y = table.rowViewportPosition(2) + 5
    choose(right_click(table.viewport(), 10, y), "Mute Clips")
    assert [clip.mute for clip in song.document.session.clips()] == [False, False, True]
    press(song, Qt.Key.Key_H, CTRL)
    rows = song.history.list
    place = rows.visualItemRect(rows.item(0)).center()
    choose(right_click(rows.viewport(), place.x(), place.y()), "Go to This Step")
    assert not song.document.session.tracks


def test_a_key_opens_the_menu_of_what_has_the_focus(song: MainWindow) -> None:
    lanes = song.timeline.lanes
    click(lanes, 100, B)
    menu = open_by_key(song)
    assert lanes.rect().contains(lanes.mapFromGlobal(menu.pos()))
    found = texts(menu)
    assert "Split at Playhead" in found
    assert "Split Here" not in found, "a key has no place"
    press(song, Qt.Key.Key_A, CTRL | Qt.KeyboardModifier.ShiftModifier)
    assert "Add Track" in texts(open_by_key(song))
    header = song.timeline.headers.header(song.document.session.tracks[2].id)
    header.pan.setFocus()
    choose(open_by_key(song), "Mute Track")
    assert song.document.session.tracks[2].mute


def test_a_right_press_during_a_drag_opens_nothing(song: MainWindow) -> None:
    drag(song.timeline.lanes, (100, B), (150, B), release=False)
    assert right_click(song.timeline.lanes, 150, B) is None
    release(song.timeline.lanes, 150, B)
    assert starts(song) == [[0], [50], [0]]


def test_every_command_of_a_clip_or_a_track_is_in_its_menu() -> None:
    left = {spec.id for spec in ACTIONS if spec.needs == "selection" and "clip" not in spec.contexts}
    assert left <= {"select_none", "nudge_left", "nudge_right", "move_up", "move_down"}
    left = {spec.id for spec in ACTIONS if spec.needs == "track" and "track" not in spec.contexts}
    assert left <= {"gain_up", "gain_down", "pan_left", "pan_right", "envelope_point", "envelope_up", "envelope_down"}


def test_a_right_click_on_one_of_several_tracks_acts_on_all_of_them(song: MainWindow) -> None:
    tracks = song.document.session.tracks
    song.selection.set_tracks([tracks[0].id, tracks[1].id])
    choose(right_click(song.timeline.headers, 8, 76 + 70), "Mute Track")
    assert [track.mute for track in song.document.session.tracks] == [True, True, False]
    choose(right_click(song.timeline.headers, 8, 2 * 76 + 70), "Mute Track")
    assert [track.mute for track in song.document.session.tracks] == [True, True, True], "the third was not among them"
    assert song.selection.tracks == {tracks[2].id}


def test_the_toolbar_and_the_titles_of_panels_list_the_panels(song: MainWindow) -> None:
    """Qt's own menu there can hide the toolbar, and nothing shows it again."""
    menu = song.createPopupMenu()
    found = texts(menu)
    assert {"Clip Inspector", "History", "Clip Table", "Loudness", "Latent Heatmap"} <= {*found}
    assert "Main" not in found


@pytest.mark.parametrize("name", ["Gain", "Name"])
def test_fields_have_the_menu_of_text(song: MainWindow, name: str) -> None:
    click(song.timeline.lanes, 100, 50)
    press(song, Qt.Key.Key_Return, Qt.KeyboardModifier.AltModifier)
    field = song.inspector.field(name)
    found = " ".join(texts(right_click(field, 10, 8)))
    assert "Copy" in found
    assert "Select All" in found
    assert "Split" not in found


def test_points_of_envelopes_are_added_and_deleted_where_the_menu_was_opened(song: MainWindow) -> None:
    press(song, Qt.Key.Key_Home)
    for lane, y in ((song.timeline.lanes, 76 + 60), (song.timeline.master, song.timeline.master.height() - 8)):
        choose(right_click(lane, 200, y), "Add Envelope Point Here")
        strip = song.document.session.strip(song.selection.strip or 0)
        [point] = strip.gain_points
        assert point.at == 200 * PX
        position = 1 if lane is song.timeline.lanes else 0
        top = song.timeline.rows.top(1) if position else 0
        height = song.timeline.rows.height(1) if position else lane.height()
        menu = right_click(lane, 200, y_of(point.value, Kind.GAIN, top, height))
        choose(menu, "Delete Envelope Point")
        assert song.document.session.strip(song.selection.strip or 0).gain_points == ()
