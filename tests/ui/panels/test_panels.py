"""The inspector, the history and the command palette."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from lincae_studio.session.history import History
from lincae_studio.session.model import Session
from lincae_studio.session.time_edits import TimeRange
from lincae_studio.ui.dialogs.command_palette import CommandPalette
from lincae_studio.ui.main_window import MainWindow
from tests.helpers import calls, missing_clips
from tests.ui.drive import choose, click, press, right_click
from tests.ui.timeline.test_arranging import clips, row, undone_and_redone

CTRL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
ALT = Qt.KeyboardModifier.AltModifier
SECOND = 44_100


def type_into(window: MainWindow, name: str, text: str) -> None:
    field = window.inspector.field(name)
    field.setFocus()
    field.selectAll()
    QTest.keyClicks(field, text)
    QTest.keyClick(field, Qt.Key.Key_Return)


@pytest.fixture
def inspected(song: MainWindow) -> MainWindow:
    """The song with the inspector open on clip a."""
    QTest.mouseDClick(song.timeline.lanes, Qt.MouseButton.LeftButton, pos=QPoint(100, row(0)))
    assert song.inspector.isVisible()
    assert song.actions_by_id["inspector"].isChecked()
    return song


def test_a_double_click_shows_a_clips_numbers(inspected: MainWindow) -> None:
    shown = {name: inspected.inspector.field(name).text() for name in ("Name", "Start", "Length", "Gain", "Fade in")}
    assert shown == {
        "Name": "a",
        "Start": "0:00.000000",
        "Length": "0:04.000000",
        "Gain": "0.0 dB",
        "Fade in": "0:00.000000",
    }


@pytest.mark.parametrize(
    ("name", "text", "attribute", "value"),
    [
        ("Name", "Kick", "name", "Kick"),
        ("Start", "1.5", "start", SECOND * 3 // 2),
        ("Start", "0:02", "start", 2 * SECOND),
        ("Length", "3", "length", 3 * SECOND),
        ("Gain", "-6", "gain", pytest.approx(0.501, abs=1e-3)),
        ("Fade in", "250 ms", "fade_in", SECOND // 4),
        ("Fade out", "1,5", "fade_out", SECOND * 3 // 2),
    ],
)
def test_a_number_is_typed(inspected: MainWindow, name: str, text: str, attribute: str, value: object) -> None:
    before = inspected.document.session
    type_into(inspected, name, text)
    changed = next(clip for clip in inspected.document.session.clips() if clip.id in inspected.selection.clips)
    assert getattr(changed, attribute) == value
    undone_and_redone(inspected, before)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("Start", "soon", "not a time"),
        ("Start", "-1", "not a time"),
        ("Length", "99", "no audio beyond"),
        ("Gain", "loud", "not a level"),
        ("Fade in", "5", "must be between"),
        ("Name", " ", "needs a name"),
    ],
)
def test_invalid_values_are_refused_and_the_old_ones_shown(
    inspected: MainWindow, name: str, text: str, words: str
) -> None:
    before, shown = inspected.document.session, inspected.inspector.field(name).text()
    type_into(inspected, name, text)
    assert inspected.document.session is before
    assert words in inspected.messages.text.text()
    assert inspected.inspector.field(name).text() == shown


def test_a_slip_is_typed_as_the_offset_in_the_file(inspected: MainWindow) -> None:
    type_into(inspected, "Length", "2")
    type_into(inspected, "Offset in file", "1")
    clip = clips(inspected)[0]
    assert (clip.start, clip.offset, clip.length) == (0, SECOND, 2 * SECOND)


def test_several_clips_share_what_can_be_shared(inspected: MainWindow) -> None:
    click(inspected.timeline.lanes, 100, row(1), CTRL)
    assert not inspected.inspector.field("Start").isEnabled()
    type_into(inspected, "Gain", "-3")
    assert {round(clip.gain, 3) for clip in clips(inspected)[:2]} == {0.708}
    assert clips(inspected)[2].gain == 1.0
    QTest.mouseClick(inspected.inspector.mute, Qt.MouseButton.LeftButton, pos=QPoint(8, 8))
    assert [clip.mute for clip in clips(inspected)] == [True, True, False]
    box = inspected.inspector.shape_in
    box.setCurrentIndex(2)
    box.activated.emit(2)
    assert [clip.fade_in_shape for clip in clips(inspected)] == ["s-curve", "s-curve", "linear"]


@pytest.mark.qt_log_ignore("This plugin does not support (raise|grabbing)", extend=True)
def test_a_name_is_reset_to_that_of_the_file(inspected: MainWindow) -> None:
    reset = inspected.inspector.reset_name
    assert not reset.isEnabled(), "it has the name of its file"
    type_into(inspected, "Name", "Kick")
    renamed = inspected.document.session
    QTest.mouseClick(reset, Qt.MouseButton.LeftButton)
    assert clips(inspected)[0].name == inspected.inspector.field("Name").text() == "a"
    undone_and_redone(inspected, renamed)
    assert not reset.isEnabled()
    press(inspected, Qt.Key.Key_Z, CTRL)
    choose(right_click(inspected.timeline.lanes, 100, row(0)), "Reset Name")
    assert clips(inspected)[0].name == "a"


def test_the_inspector_follows_and_closes(inspected: MainWindow) -> None:
    click(inspected.timeline.lanes, 100, row(1))
    assert inspected.inspector.field("Name").text() == "b"
    press(inspected, Qt.Key.Key_A, CTRL | SHIFT)
    assert not inspected.inspector.field("Name").isEnabled()
    press(inspected, Qt.Key.Key_Return, ALT)
    assert not inspected.inspector.isVisible()


def listed(window: MainWindow) -> list[str]:
    panel = window.history.list
    return [panel.item(row).text() for row in range(panel.count())]


def test_the_history_says_that_its_oldest_steps_are_forgotten(window: MainWindow) -> None:
    window.document._history = History(Session(), max_bytes=5_000)
    press(window, Qt.Key.Key_H, CTRL)
    for _ in range(20):
        press(window, Qt.Key.Key_T, CTRL)
    panel, forgotten = window.history.list, window.document.forgotten
    assert forgotten > 0
    assert panel.item(0).text() == f"{forgotten} earlier steps can no longer be undone"
    assert panel.count() == 21 - forgotten
    window.document.go_to(0)
    assert len(window.document.session.tracks) == forgotten


def test_the_history_lists_every_step_and_goes_to_any(song: MainWindow) -> None:
    press(song, Qt.Key.Key_H, CTRL)
    start = song.document.session
    imported = listed(song)
    song.transport.seek(SECOND)
    press(song, Qt.Key.Key_M)
    press(song, Qt.Key.Key_Return)
    press(song, Qt.Key.Key_S)
    end = song.document.session
    assert listed(song) == [*imported, "Add Marker: Marker 1", "3 clips: split"]
    panel = song.history.list
    assert panel.currentRow() == len(imported) + 1
    QTest.mouseClick(
        panel.viewport(), Qt.MouseButton.LeftButton, pos=panel.visualItemRect(panel.item(len(imported) - 1)).center()
    )
    assert song.document.session is start
    assert listed(song) == [*imported, "Add Marker: Marker 1", "3 clips: split"], "the undone step is still listed"
    QTest.mouseClick(
        panel.viewport(), Qt.MouseButton.LeftButton, pos=panel.visualItemRect(panel.item(panel.count() - 1)).center()
    )
    assert song.document.session is end


def palette(window: MainWindow) -> CommandPalette:
    press(window, Qt.Key.Key_P, CTRL | SHIFT)
    found = window.findChild(CommandPalette)
    assert found is not None
    return found


def test_a_command_is_found_by_its_words_and_run(song: MainWindow) -> None:
    song.transport.seek(SECOND)
    dialog = palette(song)
    assert dialog.list.count() > 30
    QTest.keyClicks(dialog.field, "marker add")
    assert [dialog.list.item(row).text() for row in range(dialog.list.count())] == ["Transport: Add Marker    M"]
    QTest.keyClick(dialog.field, Qt.Key.Key_Return)
    assert len(song.document.session.markers) == 1
    dialog = palette(song)
    QTest.keyClicks(dialog.field, "marker")
    assert dialog.list.item(0).text().startswith("Transport: Add Marker"), "not to undo the last one"
    QTest.keyClick(dialog.field, Qt.Key.Key_Escape)


def test_only_enabled_commands_are_listed_and_escape_runs_none(song: MainWindow) -> None:
    dialog = palette(song)
    QTest.keyClicks(dialog.field, "duplicate")
    assert [dialog.list.item(row).text() for row in range(dialog.list.count())] == ["Track: Duplicate Track"]
    before = song.document.session
    QTest.keyClick(dialog.field, Qt.Key.Key_Escape)
    assert song.document.session is before
    assert QApplication.activeModalWidget() is None


def test_commands_of_submenus_are_told_apart(song: MainWindow) -> None:
    song.selection.time.set(TimeRange(((SECOND, 2 * SECOND),)))
    song.preferences.set(ripple="track")
    dialog = palette(song)
    texts = [dialog.list.item(row).text() for row in range(dialog.list.count())]
    assert len(set(texts)) == len(texts)
    QTest.keyClicks(dialog.field, "on all tracks")
    assert {dialog.list.item(row).text() for row in range(2)} == {
        "Edit: Time Selection: On All Tracks",
        "Edit: Ripple: On All Tracks",
    }
    QTest.keyClick(dialog.field, Qt.Key.Key_Escape)


def test_the_keys_up_and_down_choose(song: MainWindow) -> None:
    dialog = palette(song)
    QTest.keyClicks(dialog.field, "track")
    first = dialog.list.currentRow()
    QTest.keyClick(dialog.field, Qt.Key.Key_Down)
    assert dialog.list.currentRow() == first + 1
    QTest.keyClick(dialog.field, Qt.Key.Key_Escape)


def table(window: MainWindow) -> list[list[str]]:
    found = window.clip_table.table.model()
    return [[found.index(r, c).data() for c in range(found.columnCount())] for r in range(found.rowCount())]


def test_the_table_mirrors_the_clips_and_their_selection(song: MainWindow) -> None:
    press(song, Qt.Key.Key_L, CTRL | SHIFT)
    found = song.clip_table.table
    assert found.hasFocus()
    assert [row[:4] for row in table(song)] == [
        ["a", "a", "0:00.000", "0:04.000"],
        ["b", "b", "0:00.000", "0:03.000"],
        ["c", "c", "0:00.000", "0:02.000"],
    ]
    click(song.timeline.lanes, 100, row(1))
    assert {index.row() for index in found.selectionModel().selectedRows()} == {1}
    found.setFocus()
    found.setCurrentIndex(found.model().index(1, 0))
    QTest.keyClick(found, Qt.Key.Key_Down)
    assert [clip.name for clip in clips(song) if clip.id in song.selection.clips] == ["c"]
    assert song.selection.track == song.document.session.tracks[2].id
    QTest.keyClick(found, Qt.Key.Key_Up, SHIFT)
    assert len(song.selection.clips) == 2
    press(song, Qt.Key.Key_M, CTRL)
    assert [row[-1] for row in table(song)] == ["", "muted", "muted"]
    press(song, Qt.Key.Key_Delete)
    assert len(table(song)) == 1
    press(song, Qt.Key.Key_Z, CTRL)
    assert [row[1] for row in table(song)] == ["a", "b", "c"]
    assert {index.row() for index in found.selectionModel().selectedRows()} <= {1, 2}
    press(song, Qt.Key.Key_L, CTRL | SHIFT)
    assert not song.clip_table.isVisible()


def test_the_table_makes_texts_only_for_visible_rows(window: MainWindow) -> None:
    def filled(count: int) -> int:
        window.document.replace(missing_clips(1, count), None)
        return calls(window.clip_table._fill)  # nothing else: planning does what it has time for

    press(window, Qt.Key.Key_L, CTRL | SHIFT)
    assert window.clip_table.isVisible()
    few, many = filled(1000), filled(3000)
    assert many - few < 5 * 2000, "the texts of a row take 90 calls"
    assert window.clip_table.table.model().index(2999, 1).data() == "2999"


def test_clips_can_be_selected_with_the_keyboard(song: MainWindow) -> None:
    def names() -> str:
        return "".join(clip.name for clip in clips(song) if clip.id in song.selection.clips)

    seen = []
    for key in (Qt.Key.Key_BracketRight,) * 4 + (Qt.Key.Key_BracketLeft,) * 2:
        press(song, key)
        seen.append(names())
    assert seen == ["a", "b", "c", "a", "c", "b"]
    assert song.selection.track == song.document.session.tracks[1].id


def test_the_history_and_the_menu_name_the_track_and_the_value(song: MainWindow) -> None:
    press(song, Qt.Key.Key_H, CTRL)
    for _ in range(3):
        press(song, Qt.Key.Key_Left, Qt.KeyboardModifier.AltModifier | SHIFT)
    track = song.document.session.track(song.selection.track or 0)
    assert listed(song)[-1] == f"{track.name}: pan L15", "one step for the whole sweep, with its last value"
    assert song.actions_by_id["undo"].text() == f"&Undo {track.name}: pan L15"
    press(song, Qt.Key.Key_Z, CTRL)
    assert song.actions_by_id["redo"].text() == f"&Redo {track.name}: pan L15"
