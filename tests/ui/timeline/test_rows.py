"""Heights of tracks, and the width of their headers: by mouse and by key."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from lincae_studio import preferences
from lincae_studio.session import edits
from lincae_studio.session.model import MAX_HEIGHT, MIN_HEIGHT, Session, Track
from lincae_studio.ui.main_window import MainWindow
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.model.header_width import DEFAULT_PX, LEAST_PX
from lincae_studio.ui.model.track_rows import ROW_PX, TrackRows
from lincae_studio.ui.timeline.track_header import TrackHeader
from tests.ui.conftest import LIMIT_MS
from tests.ui.drive import LEFT, NONE, click, drag, move, press, wheel

CTRL = Qt.KeyboardModifier.ControlModifier
ALT = Qt.KeyboardModifier.AltModifier


@pytest.fixture
def tracks(window: MainWindow) -> MainWindow:
    """The window with four empty tracks."""
    for name in ("one", "two", "three", "four"):
        window.document.apply("Add Track", partial(edits.add_track, name=name))
    return window


def header(window: MainWindow, position: int) -> TrackHeader:
    return window.timeline.headers.header(window.document.session.tracks[position].id)


def heights(window: MainWindow) -> list[int]:
    return [track.height for track in window.document.session.tracks]


def rows_of(*heights: int) -> TrackRows:
    document = Document()
    rows = TrackRows(document, document)
    tracks = tuple(Track(id=n, name=str(n), color="#4fb3bf", height=height) for n, height in enumerate(heights, 1))
    document.replace(Session(tracks=tracks, next_id=len(tracks) + 1), None)
    rows.setObjectName("kept")
    rows.document = document  # type: ignore[attr-defined]  # which owns it
    return rows


def test_every_y_belongs_to_the_row_that_is_drawn_there() -> None:
    rows = rows_of(0, 24, 200, 0, 90)
    rows.set_offset(30)
    for position in range(-3, 9):
        for y in (rows.top(position), rows.top(position) + rows.height(position) - 1):
            assert rows.position_at(y) == position
        assert rows.top(position) + rows.height(position) == rows.top(position + 1)
    assert [rows.height(position) for position in range(5)] == [ROW_PX, 24, 200, ROW_PX, 90]
    assert rows.height(-1) == rows.height(7) == ROW_PX
    assert rows.total_px == 2 * ROW_PX + 24 + 200 + 90
    assert [rows.gap_at(rows.top(2) + y) for y in (-1000, 99, 100, 1000)] == [0, 2, 3, 5]


def test_own_heights_grow_with_all_others() -> None:
    rows = rows_of(0, 100)
    rows.grow(2.0)
    assert rows.height(1) / rows.height(0) == pytest.approx(100 / ROW_PX, rel=0.02)
    assert rows.own_height(rows.height(1)) == pytest.approx(100, abs=1)
    rows.grow(-50.0)
    assert rows.common_px == 34
    assert rows.height(1) == round(100 * 34 / ROW_PX)


def test_what_is_at_the_top_stays_there_when_rows_grow() -> None:
    rows = rows_of(*[0] * 40)
    rows.set_offset(20 * rows.common_px)
    rows.grow(2)
    assert abs(rows.top(20)) < 20


def test_a_track_is_made_taller_by_its_lower_border(tracks: MainWindow) -> None:
    before = tracks.document.session
    strip = header(tracks, 1)
    drag(strip, (60, ROW_PX - 2), (60, ROW_PX + 58))
    assert heights(tracks) == [0, ROW_PX + 60, 0, 0]
    assert (strip.height(), header(tracks, 2).y()) == (ROW_PX + 60, 2 * ROW_PX + 60)
    assert tracks.document.undo_text == "Track Height"
    click(tracks.timeline.lanes, 50, 2 * ROW_PX + 40)
    assert tracks.selection.track == before.tracks[1].id, "the lanes follow"
    press(tracks, Qt.Key.Key_Z, CTRL)
    assert tracks.document.session == before
    assert strip.height() == ROW_PX
    press(tracks, Qt.Key.Key_Y, CTRL)
    QTest.mouseDClick(strip, LEFT, NONE, strip.rect().bottomLeft())
    assert heights(tracks) == [0, 0, 0, 0]


def test_a_height_has_limits_and_escape_cancels_it(tracks: MainWindow) -> None:
    strip = header(tracks, 0)
    drag(strip, (60, ROW_PX - 2), (60, -500))
    assert heights(tracks)[0] == MIN_HEIGHT
    assert strip.name.isVisible()
    assert not strip.gain.isVisible(), "what has no room is hidden"
    drag(strip, (60, MIN_HEIGHT - 2), (60, 5000))
    assert heights(tracks)[0] == MAX_HEIGHT
    assert strip.pan.isVisible()
    before = tracks.document.session
    drag(strip, (60, MAX_HEIGHT - 2), (60, 100), release=False)
    assert strip.height() < MAX_HEIGHT
    press(tracks, Qt.Key.Key_Escape)
    assert strip.height() == MAX_HEIGHT
    move(strip, 60, 50)
    QTest.mouseRelease(strip, LEFT)
    assert tracks.document.session is before


def pull(border: QWidget, by: int, release: bool = True) -> None:
    """Drag a border that moves along under the pointer."""
    QTest.mousePress(border, LEFT, NONE, QPoint(1, 50))
    move(border, 1 + by, 50)
    if release:
        QTest.mouseRelease(border, LEFT, NONE, QPoint(1, 50))


def test_the_headers_are_made_wider_by_their_border(qtbot: QtBot, tracks: MainWindow, tmp_path: Path) -> None:
    tracks.preferences._path = tmp_path / "preferences.json"
    timeline = tracks.timeline
    border, lanes = timeline.headers.border, timeline.lanes
    left = lanes.x()
    pull(border, 80)
    assert timeline.headers.width() == header(tracks, 0).width() == DEFAULT_PX + 80
    qtbot.waitUntil(lambda: lanes.x() == left + 80, timeout=LIMIT_MS)
    assert preferences.load(tmp_path / "preferences.json").header_px == DEFAULT_PX + 80
    pull(border, -900)
    assert timeline.headers.width() == LEAST_PX
    pull(border, 200, release=False)
    assert timeline.headers.width() == LEAST_PX + 200
    press(tracks, Qt.Key.Key_Escape)
    QTest.mouseRelease(border, LEFT)
    assert timeline.headers.width() == LEAST_PX
    QTest.mouseDClick(border, LEFT)
    assert timeline.headers.width() == DEFAULT_PX
    assert timeline.header_width.px == DEFAULT_PX
    qtbot.waitUntil(lambda: lanes.x() == left, timeout=LIMIT_MS)


def test_only_the_left_button_resets_the_width_of_the_headers(tracks: MainWindow) -> None:
    tracks.timeline.header_width.set(400)
    QTest.mouseDClick(tracks.timeline.headers.border, Qt.MouseButton.MiddleButton)
    assert tracks.timeline.header_width.px == 400
    QTest.mouseDClick(tracks.timeline.headers.border, Qt.MouseButton.LeftButton)
    assert tracks.timeline.header_width.px != 400


def test_alt_and_the_wheel_make_all_tracks_shorter_down_to_their_names(tracks: MainWindow) -> None:
    wheel(header(tracks, 0).gain, 20, 8, -9, ALT)
    assert header(tracks, 0).height() == 34
    assert header(tracks, 0).name.isVisible()
    assert not header(tracks, 0).gain.isVisible()
    assert tracks.document.undo_text == "Add Track", "not an edit"
