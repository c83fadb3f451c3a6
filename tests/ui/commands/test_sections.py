"""Sections, which are markers with a length: on the ruler, by keys, in menus and in the table of markers."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit
from pytestqt.qtbot import QtBot

from lincae_studio.session.model import Loop
from lincae_studio.session.time_edits import TimeRange
from lincae_studio.ui.main_window import MainWindow
from tests.ui.conftest import LIMIT_MS, PX
from tests.ui.drive import choose, click, drag, hover, move, press, release, right_click

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support (raise|grabbing)", extend=True)

CTRL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
ALT = Qt.KeyboardModifier.AltModifier
SECOND = 44_100


@pytest.fixture
def verse(song: MainWindow) -> MainWindow:
    """A section from pixel 100 to 300, named by typing."""
    drag(song.timeline.ruler, (100, 30), (300, 30))
    press(song, Qt.Key.Key_R, SHIFT)
    QTest.keyClicks(song.focusWidget(), "Verse\r")
    song.selection.time.clear()
    return song


def sections(window: MainWindow) -> list[tuple[str, float, float]]:
    return [(marker.name, marker.at / PX, marker.end / PX) for marker in window.document.session.markers]


def selected(window: MainWindow) -> TimeRange | None:
    return window.selection.time.value


def test_selected_time_becomes_a_section_in_one_step(song: MainWindow) -> None:
    before = song.document.session
    drag(song.timeline.ruler, (100, 30), (300, 30))
    press(song, Qt.Key.Key_R, SHIFT)
    QTest.keyClicks(song.focusWidget(), "Verse\r")
    assert sections(song) == [("Verse", 100, 300)]
    assert song.document.undo_name == "Add Section: Verse"
    press(song, Qt.Key.Key_Z, CTRL)
    assert song.document.session == before
    press(song, Qt.Key.Key_Z, CTRL | SHIFT)
    assert sections(song) == [("Verse", 100, 300)]


def test_selected_clips_become_a_section(song: MainWindow) -> None:
    click(song.timeline.lanes, 100, 2 * 76 + 60)
    press(song, Qt.Key.Key_R, SHIFT)
    press(song, Qt.Key.Key_Escape)
    assert sections(song) == [("Section 1", 0, 200)]


def test_without_a_selection_there_is_nothing_to_name(song: MainWindow) -> None:
    assert not song.actions_by_id["add_section"].isEnabled()
    assert not song.actions_by_id["select_section"].isEnabled()
    press(song, Qt.Key.Key_R, SHIFT)
    assert not sections(song)


def test_the_ends_of_a_section_are_dragged(verse: MainWindow) -> None:
    ruler, before = verse.timeline.ruler, verse.document.session
    hover(ruler, 299, 5)
    assert ruler.cursor().shape() == Qt.CursorShape.SizeHorCursor
    drag(ruler, (298, 5), (350, 5))
    assert sections(verse) == [("Verse", 100, 352)]
    drag(ruler, (102, 5), (50, 5))
    assert sections(verse) == [("Verse", 48, 352)]
    drag(ruler, (50, 5), (400, 5))  # past the other end
    assert sections(verse) == [("Verse", 352, 400)]
    for _ in range(3):
        press(verse, Qt.Key.Key_Z, CTRL)
    assert verse.document.session == before


def test_a_section_is_moved_whole_and_either_end_snaps(verse: MainWindow) -> None:
    ruler, before = verse.timeline.ruler, verse.document.session
    hover(ruler, 200, 5)
    assert ruler.cursor().shape() == Qt.CursorShape.ArrowCursor
    drag(ruler, (200, 5), (231, 5), SHIFT, release=False)
    press(verse, Qt.Key.Key_Escape)
    release(ruler, 231, 5)
    assert verse.document.session is before
    drag(ruler, (200, 5), (233, 5))
    assert sections(verse) == [("Verse", 133, 333)]
    assert verse.document.undo_text == "Move Section"
    drag(ruler, (200, 5), (265, 5))
    assert sections(verse) == [("Verse", 200, 400)], "both ends are at ends of clips"


@pytest.mark.parametrize("start", [102, 200, 298])
def test_escape_in_the_middle_leaves_a_section_as_it_was(verse: MainWindow, start: int) -> None:
    ruler, before = verse.timeline.ruler, verse.document.session
    drag(ruler, (start, 5), (start + 60, 5), release=False)
    press(verse, Qt.Key.Key_Escape)
    move(ruler, start + 90, 5)
    release(ruler, start + 90, 5)
    assert verse.document.session is before
    assert selected(verse) is None


def test_a_section_that_is_too_short_is_refused(verse: MainWindow) -> None:
    before = verse.document.session
    drag(verse.timeline.ruler, (298, 5), (98, 5))
    assert verse.document.session is before
    assert "shorter than 10 ms" in verse.messages.text.text()


def test_a_click_on_a_section_selects_its_time_for_other_commands(verse: MainWindow) -> None:
    click(verse.timeline.ruler, 200, 5)
    assert selected(verse) == TimeRange(((100 * PX, 300 * PX),))
    assert verse.player.position == 100 * PX
    press(verse, Qt.Key.Key_L, SHIFT)
    assert verse.document.session.loop == Loop(start=100 * PX, end=300 * PX)
    press(verse, Qt.Key.Key_E, CTRL)
    axis = verse.timeline.axis
    assert axis.visible_samples == pytest.approx(200 * PX, rel=0.2)
    press(verse, Qt.Key.Key_Space, CTRL)
    assert verse.player.playing
    press(verse, Qt.Key.Key_Space)


def test_delete_on_the_ruler_concerns_the_section_or_the_time_whichever_was_selected_there(verse: MainWindow) -> None:
    click(verse.timeline.ruler, 200, 5)
    press(verse, Qt.Key.Key_Delete)
    assert not sections(verse)
    assert [clip.length for clip in verse.document.session.tracks[0].clips] == [4 * SECOND]
    press(verse, Qt.Key.Key_Z, CTRL)
    drag(verse.timeline.ruler, (150, 35), (200, 35))
    press(verse, Qt.Key.Key_Delete)
    assert sections(verse) == [("Verse", 100, 300)]
    assert [clip.end // PX for clip in verse.document.session.tracks[0].clips] == [150, 400]


def test_the_time_of_the_section_at_the_playhead_is_selected_by_key(verse: MainWindow) -> None:
    verse.transport.seek(50 * PX)
    press(verse, Qt.Key.Key_R, CTRL | SHIFT)
    assert selected(verse) is None
    assert "no section at the playhead" in verse.messages.text.text()
    verse.transport.seek(150 * PX)
    press(verse, Qt.Key.Key_R, CTRL | SHIFT)
    assert selected(verse) == TimeRange(((100 * PX, 300 * PX),))


def test_the_menu_of_a_section_acts_on_its_time(verse: MainWindow) -> None:
    choose(right_click(verse.timeline.ruler, 200, 5), "Loop Selection")
    assert verse.document.session.loop == Loop(start=100 * PX, end=300 * PX)
    press(verse, Qt.Key.Key_F2)
    QTest.keyClicks(verse.focusWidget(), "Bridge\r")
    assert sections(verse) == [("Bridge", 100, 300)], "keys concern what was clicked"
    choose(right_click(verse.timeline.ruler, 200, 5), "Delete Marker")
    assert not sections(verse)
    assert verse.document.undo_name == "Delete Section: Bridge"


def test_keys_go_to_both_ends_and_rename_and_delete_sections(verse: MainWindow) -> None:
    verse.transport.seek(0)
    stops = []
    for _ in range(3):
        press(verse, Qt.Key.Key_Right, ALT)
        stops.append(verse.player.position)
    assert stops == [100 * PX, 300 * PX, 4 * SECOND]
    verse.transport.seek(150 * PX)
    press(verse, Qt.Key.Key_M, SHIFT)
    QTest.keyClicks(verse.focusWidget(), "Bridge\r")
    assert sections(verse) == [("Bridge", 100, 300)]
    assert verse.document.undo_name == "Verse: rename to Bridge"
    press(verse, Qt.Key.Key_Delete, ALT)
    assert not sections(verse)


def test_clips_snap_to_both_ends(verse: MainWindow) -> None:
    lanes = verse.timeline.lanes
    drag(lanes, (150, 2 * 76 + 60), (248, 2 * 76 + 60))
    assert [clip.start for clip in verse.document.session.tracks[2].clips] == [100 * PX]


def test_ripple_on_all_tracks_takes_sections_along(verse: MainWindow) -> None:
    verse.preferences.set(ripple="all")
    drag(verse.timeline.ruler, (150, 35), (200, 35))
    press(verse, Qt.Key.Key_Delete)
    assert sections(verse) == [("Verse", 100, 250)]


# The table of markers


def cell(window: MainWindow, row: int, column: int) -> QPoint:
    table = window.marker_table.table
    return table.visualRect(table.model().index(row, column)).center()


def texts(window: MainWindow) -> list[list[str]]:
    model = window.marker_table.table.model()
    return [[model.index(row, column).data() for column in range(4)] for row in range(model.rowCount())]


@pytest.fixture
def listed(verse: MainWindow) -> MainWindow:
    verse.transport.seek(50 * PX)
    press(verse, Qt.Key.Key_M)
    press(verse, Qt.Key.Key_Return)
    press(verse, Qt.Key.Key_M, ALT | SHIFT)
    return verse


def test_the_table_lists_markers_and_sections(listed: MainWindow) -> None:
    assert listed.marker_table.table.hasFocus()
    assert texts(listed) == [
        ["Marker 1", "0:00.500", "", ""],
        ["Verse", "0:01.000", "0:03.000", "0:02.000"],
    ]


def type_name(qtbot: QtBot, window: MainWindow, text: str) -> None:
    """Type into the cell that is being edited, with Return."""
    fields = window.marker_table.table.viewport().findChildren(QLineEdit)
    (field,) = [one for one in fields if one.isVisible()]
    field.selectAll()
    QTest.keyClicks(field, text)
    with qtbot.waitSignal(field.destroyed, timeout=LIMIT_MS):
        QTest.keyClick(field, Qt.Key.Key_Return)


def test_cells_are_edited(qtbot: QtBot, listed: MainWindow) -> None:
    def type_into(window: MainWindow, row: int, column: int, text: str) -> None:
        viewport, place = window.marker_table.table.viewport(), cell(window, row, column)
        QTest.mouseClick(viewport, Qt.MouseButton.LeftButton, pos=place)
        QTest.mouseDClick(viewport, Qt.MouseButton.LeftButton, pos=place)
        type_name(qtbot, window, text)

    type_into(listed, 1, 0, "Chorus")
    assert sections(listed)[1] == ("Chorus", 100, 300)
    type_into(listed, 1, 1, "0:02")
    assert sections(listed)[1] == ("Chorus", 200, 400)
    type_into(listed, 1, 3, "1")
    assert sections(listed)[1] == ("Chorus", 200, 300)
    type_into(listed, 1, 2, "nonsense")
    assert sections(listed)[1] == ("Chorus", 200, 300)
    type_into(listed, 0, 2, "0:01")
    assert sections(listed)[0] == ("Marker 1", 50, 100), "an end makes a marker a section"


def test_a_row_selects_its_time_and_keys_concern_it(qtbot: QtBot, listed: MainWindow) -> None:
    table = listed.marker_table.table
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=cell(listed, 1, 0))
    assert selected(listed) == TimeRange(((100 * PX, 300 * PX),))
    press(listed, Qt.Key.Key_L, SHIFT)
    assert listed.document.session.loop == Loop(start=100 * PX, end=300 * PX)
    press(listed, Qt.Key.Key_F2)
    type_name(qtbot, listed, "Solo")
    assert sections(listed)[1][0] == "Solo"
    press(listed, Qt.Key.Key_Delete)
    assert [name for name, *_ in sections(listed)] == ["Marker 1"]
    assert len(list(listed.document.session.clips())) == 3


def test_edits_elsewhere_leave_the_selection_alone(listed: MainWindow) -> None:
    QTest.mouseClick(listed.marker_table.table.viewport(), Qt.MouseButton.LeftButton, pos=cell(listed, 1, 0))
    listed.timeline.lanes.setFocus()
    click(listed.timeline.lanes, 100, 2 * 76 + 60)
    clips = listed.selection.clips
    listed.transport.seek(20 * PX)
    press(listed, Qt.Key.Key_M)
    press(listed, Qt.Key.Key_Return)
    assert listed.selection.clips == clips
    assert selected(listed) is None
    rows = listed.marker_table.table.selectionModel().selectedRows()
    assert [row.data() for row in rows] == ["Verse"], "the same marker, in another row"


def test_a_row_has_the_menu_of_its_marker(listed: MainWindow) -> None:
    table, place = listed.marker_table.table, cell(listed, 1, 0)
    inside = table.viewport().mapTo(table, place)
    choose(right_click(table, inside.x(), inside.y()), "Loop Selection")
    assert listed.document.session.loop == Loop(start=100 * PX, end=300 * PX)
    choose(right_click(table, inside.x(), inside.y()), "Delete Marker")
    assert [name for name, *_ in sections(listed)] == ["Marker 1"]
