"""The master: its envelope on the lane of the mix, by mouse."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from lincae_studio.session.model import MASTER, Point
from lincae_studio.ui.main_window import MainWindow
from lincae_studio.ui.timeline.envelopes import Kind, value_at, y_of
from tests.ui.conftest import PX
from tests.ui.drive import click, drag, press, release
from tests.ui.timeline.test_arranging import undone_and_redone


@pytest.fixture
def shown(song: MainWindow) -> MainWindow:
    """The song with the master's envelope shown."""
    song.timeline.envelopes.show_next(MASTER)
    return song


def unity(window: MainWindow) -> int:
    """The y of 0 dB on the lane of the mix."""
    return round(y_of(1.0, Kind.GAIN, 0, window.timeline.master.height()))


def points(window: MainWindow) -> tuple[Point, ...]:
    return window.document.session.master.gain_points


def test_the_envelope_is_shown_or_not_and_has_no_pan(shown: MainWindow) -> None:
    envelopes, drawn = shown.timeline.envelopes, shown.timeline.master.grab().toImage()
    assert envelopes.of(MASTER) is Kind.GAIN
    envelopes.show_next(MASTER)
    assert envelopes.of(MASTER) is None
    assert shown.timeline.master.grab().toImage() != drawn


def test_a_click_on_the_line_adds_a_point_and_does_not_move_the_playhead(shown: MainWindow) -> None:
    before, at = shown.document.session, shown.transport.position
    click(shown.timeline.master, 100, unity(shown))
    assert points(shown) == (Point(100 * PX, 1.0),)
    assert shown.document.undo_text == "Add Master Volume Point"
    assert shown.transport.position == at
    undone_and_redone(shown, before)
    click(shown.timeline.master, 200, 4)
    assert shown.transport.position == 200 * PX, "away from the line the playhead is placed"


def test_points_are_dragged_in_one_step_and_deleted_by_a_double_click(shown: MainWindow) -> None:
    lane, height = shown.timeline.master, shown.timeline.master.height()
    before = shown.document.session
    drag(lane, (100, unity(shown)), (150, unity(shown) + 20))
    (point,) = points(shown)
    assert point.at == 150 * PX
    assert point.value == pytest.approx(value_at(unity(shown) + 20, Kind.GAIN, 0, height), rel=0.05)
    undone_and_redone(shown, before)
    before = shown.document.session
    drag(lane, (150, y_of(point.value, Kind.GAIN, 0, height)), (150, height + 50))
    assert points(shown) == (Point(150 * PX, 0.0),)
    assert shown.document.undo_text == "Move Master Volume Point"
    undone_and_redone(shown, before)
    place = QPoint(150, round(y_of(0.0, Kind.GAIN, 0, height)))
    QTest.mouseDClick(lane, Qt.MouseButton.LeftButton, pos=place)
    assert points(shown) == ()
    assert shown.document.undo_text == "Delete Master Volume Point"


def test_escape_leaves_no_trace(shown: MainWindow) -> None:
    lane, before = shown.timeline.master, shown.document.session
    still = lane.grab().toImage()
    drag(lane, (100, unity(shown)), (150, unity(shown) + 20), release=False)
    assert lane.grab().toImage() != still
    press(shown, Qt.Key.Key_Escape)
    release(lane, 150, unity(shown) + 20)
    assert shown.document.session is before
    assert lane.grab().toImage() == still
