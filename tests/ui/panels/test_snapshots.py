"""Snapshots and the morph in the window: by keys while playing, by the panel, and as a line on the lane of the mix."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit
from pytestqt.qtbot import QtBot

from lincae_studio.engine.process.events import ChunkFinished
from lincae_studio.session import edits, snapshots
from lincae_studio.session.model import MASTER, Morph, Point
from lincae_studio.ui.main_window import MainWindow
from lincae_studio.ui.panels.snapshots import SnapshotPanel
from lincae_studio.ui.timeline.envelopes import Kind, y_of
from tests.ui.conftest import PX, wait_rendered
from tests.ui.drive import choose, click, drag, press, right_click
from tests.ui.timeline.test_arranging import undone_and_redone

CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
ALT = Qt.KeyboardModifier.AltModifier


@pytest.fixture
def two(song: MainWindow) -> MainWindow:
    """The song with “Snapshot 1”, in which all is at 0 dB, and “Snapshot 2”, in which the first track is quieter."""
    press(song, Qt.Key.Key_B, SHIFT)
    first = song.document.session.tracks[0].id
    song.document.apply("Gain", lambda session: edits.set_track_gain(session, first, 0.5))
    press(song, Qt.Key.Key_B, SHIFT)
    return song


def gain(window: MainWindow) -> float:
    return window.document.session.tracks[0].gain


def names(window: MainWindow) -> list[str]:
    return [snapshot.name for snapshot in window.document.session.snapshots]


def type_name(panel: SnapshotPanel, name: str) -> None:
    """Type into the field of the name that is being edited."""
    field = panel.list.findChild(QLineEdit)
    assert field is not None
    QTest.keyClicks(field, name)
    QTest.keyClick(field, Qt.Key.Key_Return)
    QApplication.processEvents()  # Qt ends editing in an event of its own


def open_panel(window: MainWindow) -> MainWindow:
    press(window, Qt.Key.Key_B, CTRL | SHIFT)
    assert window.snapshots.isVisible()
    return window


def test_keys_store_recall_and_compare_and_each_is_a_step(two: MainWindow) -> None:
    assert names(two) == ["Snapshot 1", "Snapshot 2"]
    before = two.document.session
    press(two, Qt.Key.Key_1, CTRL)
    assert gain(two) == 1.0
    assert two.document.undo_name == "Recall Snapshot: Snapshot 1"
    undone_and_redone(two, before)
    for expected in (0.5, 1.0, 0.5):
        press(two, Qt.Key.Key_B)
        assert gain(two) == expected
    press(two, Qt.Key.Key_3, CTRL)
    assert "no such snapshot yet" in two.messages.text.text()


def test_comparing_needs_two_and_skips_deleted_ones(two: MainWindow) -> None:
    second = two.document.session.snapshots[1].id
    two.document.apply("Delete", lambda session: snapshots.remove(session, second))
    press(two, Qt.Key.Key_B)
    assert gain(two) == 0.5, "one snapshot: nothing to compare"
    assert not two.actions_by_id["compare_snapshots"].isEnabled()
    two.document.undo()
    press(two, Qt.Key.Key_B)
    assert gain(two) == 1.0


def test_the_panel_lists_marks_and_recalls(two: MainWindow) -> None:
    panel = open_panel(two).snapshots
    rows = [panel.list.topLevelItem(row) for row in range(2)]
    assert [(row.text(0), row.text(1)) for row in rows if row] == [("Snapshot 1", "Ctrl+1"), ("Snapshot 2", "Ctrl+2")]
    assert [row.font(0).bold() for row in rows if row] == [False, True]
    viewport, at = panel.list.viewport(), panel.list.visualRect(panel.list.model().index(0, 0)).center()
    QTest.mouseClick(viewport, Qt.MouseButton.LeftButton, pos=at)
    assert gain(two) == 0.5, "a click only selects"
    QTest.mouseDClick(viewport, Qt.MouseButton.LeftButton, pos=at)
    assert gain(two) == 1.0
    assert [row.font(0).bold() for row in rows if row] == [True, False]
    panel.list.setFocus()
    press(two, Qt.Key.Key_Down)
    press(two, Qt.Key.Key_Return)
    assert gain(two) == 0.5


def test_names_are_typed_in_the_list(two: MainWindow) -> None:
    panel = open_panel(two).snapshots
    panel.list.setFocus()
    before = two.document.session
    press(two, Qt.Key.Key_F2)
    type_name(panel, "Chorus & more")
    assert names(two) == ["Snapshot 1", "Chorus & more"]
    assert two.document.undo_name == "Snapshot 2: rename to Chorus & more"
    undone_and_redone(two, before)
    press(two, Qt.Key.Key_F2)
    type_name(panel, " ")
    assert names(two)[1] == "Chorus & more"
    assert "snapshot needs a name" in two.messages.text.text()
    item = panel.list.topLevelItem(1)
    assert item is not None
    assert item.text(0) == "Chorus & more"


@pytest.mark.qt_log_ignore("This plugin does not support (raise|grabbing)", extend=True)
def test_buttons_and_the_context_menu_update_and_delete(two: MainWindow) -> None:
    panel = open_panel(two).snapshots
    at = panel.list.visualRect(panel.list.model().index(0, 0)).center()
    menu = right_click(panel.list.viewport(), at.x(), at.y())
    choose(menu, "Update Snapshot")
    QApplication.processEvents()
    assert snapshots.current(two.document.session) == {one.id for one in two.document.session.snapshots}
    before = two.document.session
    click(panel.buttons["delete_snapshot"], 10, 10)
    assert names(two) == ["Snapshot 2"]
    undone_and_redone(two, before)
    panel.list.setFocus()
    press(two, Qt.Key.Key_Delete)
    assert names(two) == []
    assert panel.empty.isVisible()
    assert not panel.morph.isEnabled()
    assert two.document.session.tracks, "the key belongs to the list"


def test_storing_lets_the_name_be_typed(song: MainWindow) -> None:
    panel = open_panel(song).snapshots
    click(panel.buttons["store_snapshot"], 10, 10)
    type_name(panel, "Verse")
    assert names(song) == ["Verse"]


@pytest.fixture
def morphed(two: MainWindow) -> MainWindow:
    """A morph from the first to the second snapshot is on."""
    press(two, Qt.Key.Key_B, CTRL | ALT)
    return two


def test_a_key_turns_the_morph_on_and_off_and_faders_show_that_they_are_not_heard(two: MainWindow) -> None:
    before, header = two.document.session, two.timeline.headers.header(two.document.session.tracks[0].id)
    assert header is not None
    press(two, Qt.Key.Key_B, CTRL | ALT)
    first, second = (snapshot.id for snapshot in before.snapshots)
    morph = Morph(first=first, second=second, points=(Point(0, 0.0), Point(before.length, 1.0)))
    assert two.document.session.morph == morph
    assert two.timeline.envelopes.of(MASTER) is Kind.MORPH
    strip = two.timeline.master_strip
    assert not any(one.isEnabled() for one in (header.gain, header.pan, header.mute, header.solo, strip.gain))
    assert header.envelope.isEnabled()
    undone_and_redone(two, before)
    two.selection.set_track(two.document.session.tracks[0].id)
    press(two, Qt.Key.Key_Up, ALT | SHIFT)
    assert "morph is on" in two.messages.text.text()
    press(two, Qt.Key.Key_B, CTRL | ALT)
    assert not two.document.session.morphed
    assert header.gain.isEnabled()
    assert strip.gain.isEnabled()


def test_the_line_is_drawn_on_the_lane_of_the_mix(morphed: MainWindow) -> None:
    lane, height = morphed.timeline.master, morphed.timeline.master.height()
    before = morphed.document.session
    middle = y_of(200 * PX / before.length, Kind.MORPH, 0, height)
    drag(lane, (200, middle), (100, y_of(1.0, Kind.MORPH, 0, height)))
    assert morphed.document.session.morph is not None
    at, moved, _ = morphed.document.session.morph.points
    assert (at.at, moved.at) == (0, 100 * PX)
    assert moved.value == pytest.approx(1.0, abs=0.03)
    assert morphed.document.undo_text == "Add Morph Point"
    undone_and_redone(morphed, before)
    place = QPoint(100, round(y_of(moved.value, Kind.MORPH, 0, height)))
    QTest.mouseDClick(lane, Qt.MouseButton.LeftButton, pos=place)
    assert morphed.document.session == before
    assert morphed.document.undo_text == "Delete Morph Point"


def test_points_are_added_and_moved_by_keys(morphed: MainWindow) -> None:
    morphed.selection.set_master()
    morphed.transport.seek(44_100)
    press(morphed, Qt.Key.Key_A, SHIFT)
    press(morphed, Qt.Key.Key_Up, CTRL | ALT)
    assert morphed.document.session.morph is not None
    added = morphed.document.session.morph.points[1]
    assert added.at == 44_100
    assert added.value == pytest.approx(0.3)
    press(morphed, Qt.Key.Key_A)
    assert morphed.timeline.envelopes.of(MASTER) is None
    press(morphed, Qt.Key.Key_A)
    press(morphed, Qt.Key.Key_A)
    assert morphed.timeline.envelopes.of(MASTER) is Kind.MORPH


def test_a_hidden_line_leaves_a_sign_and_a_deleted_morph_none(morphed: MainWindow) -> None:
    lane, button = morphed.timeline.master, morphed.timeline.master_strip.envelope
    shown = lane.grab().toImage()
    morphed.timeline.envelopes.show(MASTER, None)
    hidden = lane.grab().toImage()
    assert "morph changed by an envelope that is hidden" in button.toolTip()
    morphed.timeline.envelopes.show(MASTER, Kind.MORPH)
    morphed.actions_by_id["clear_morph"].trigger()
    assert morphed.document.session.morph is None
    assert morphed.timeline.envelopes.of(MASTER) is None
    assert len({image.cacheKey() for image in (shown, hidden)}) == 2
    assert lane.grab().toImage() not in (shown, hidden)
    assert "line of the morph" not in button.toolTip()


def test_the_panel_chooses_what_to_morph_between(two: MainWindow) -> None:
    press(two, Qt.Key.Key_B, SHIFT)
    panel = open_panel(two).snapshots
    assert panel.morph.isEnabled()
    assert not panel.morph.isChecked()
    click(panel.morph, 10, panel.morph.height() / 2)
    assert two.document.session.morphed
    panel.second.setFocus()
    QTest.keyClick(panel.second, Qt.Key.Key_Down)
    assert two.document.session.morph is not None
    assert two.document.session.morph.second == two.document.session.snapshots[2].id
    before = two.document.session
    QTest.keyClick(panel.second, Qt.Key.Key_Home)
    assert two.document.session is before
    assert "morph needs two snapshots" in two.messages.text.text()
    assert panel.second.currentText() == "Snapshot 3"
    click(panel.morph, 10, panel.morph.height() / 2)
    assert not two.document.session.morphed


def test_recalling_under_a_morph_turns_it_off(morphed: MainWindow) -> None:
    press(morphed, Qt.Key.Key_1, CTRL)
    assert gain(morphed) == 1.0
    assert not morphed.document.session.morphed
    assert not morphed.actions_by_id["morph"].isChecked()


@pytest.mark.engine
def test_recalling_while_playing_decodes_nothing_that_was_rendered(qtbot: QtBot, two: MainWindow) -> None:
    finished: list[str] = []
    two.rendering._event.connect(
        lambda event: finished.append(event.rendered.key) if isinstance(event, ChunkFinished) else None
    )
    wait_rendered(qtbot, two)
    press(two, Qt.Key.Key_1, CTRL)
    wait_rendered(qtbot, two)
    rendered = len(finished)
    assert rendered >= 2 * len(two.rendering.plan.audible)
    press(two, Qt.Key.Key_Space)
    for key in (Qt.Key.Key_2, Qt.Key.Key_1, Qt.Key.Key_2):
        press(two, key, CTRL)
        two.rendering.update_plan()
        done, total = two.rendering.progress()
        assert done == total > 0, "heard at once"
        assert not two.rendering.store.missing(two.rendering.plan)
    press(two, Qt.Key.Key_Space)
    assert len(finished) == rendered
