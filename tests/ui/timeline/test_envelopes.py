"""Volume and pan envelopes, drawn on the lane by mouse and set by keys, and heard."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from lincae_studio.session import edits
from lincae_studio.session.levels import db_to_gain
from lincae_studio.session.model import Point, Track
from lincae_studio.ui import theme
from lincae_studio.ui.main_window import MainWindow
from lincae_studio.ui.model.track_rows import ROW_PX
from lincae_studio.ui.timeline.envelopes import Kind, envelope_marks, value_at, y_of
from lincae_studio.ui.timeline.scales import SCALE_PX
from tests.ui.conftest import PX, wait_rendered
from tests.ui.drive import click, drag, hover, press, release
from tests.ui.look import pixels, rgb
from tests.ui.timeline.test_arranging import row, undone_and_redone

CTRL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
ALT = Qt.KeyboardModifier.AltModifier
SECOND = 44_100

#: y of 0 dB on the first lane.
UNITY = round(y_of(1.0, Kind.GAIN, 0))


@pytest.fixture
def shown(song: MainWindow) -> MainWindow:
    """The song with the volume envelope of track a shown."""
    first = song.document.session.tracks[0].id
    QTest.mouseClick(song.timeline.headers.header(first).envelope, Qt.MouseButton.LeftButton)
    assert song.timeline.envelopes.of(first) is Kind.GAIN
    return song


def track(window: MainWindow) -> Track:
    return window.document.session.tracks[0]


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("value", [0.0, 0.25, 0.5, 1.0])
def test_heights_and_values_belong_together(kind: Kind, value: float) -> None:
    assert value_at(y_of(value, kind, 30), kind, 30) == pytest.approx(value, abs=1e-6)


def test_the_button_goes_through_volume_pan_and_none(shown: MainWindow) -> None:
    button = shown.timeline.headers.header(track(shown).id).envelope
    seen = []
    for _ in range(3):
        seen.append((shown.timeline.envelopes.of(track(shown).id), button.isChecked()))
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert seen == [(Kind.GAIN, True), (Kind.PAN, True), (None, False)]
    assert not shown.document.modified or shown.document.undo_text != "Envelope", "showing is no edit"


def test_a_hidden_envelope_leaves_a_sign_on_its_track(song: MainWindow) -> None:
    lanes, first = song.timeline.lanes, song.document.session.tracks[0]

    def sign(position: int = 0) -> bool:
        corner = pixels(lanes)[position * ROW_PX + ROW_PX - 22 : position * ROW_PX + ROW_PX - 4, 4:60]
        return bool((corner == rgb(theme.colors().envelope)).all(axis=2).any())

    song.transport.seek(300 * PX)
    assert not sign()
    points = (Point(0, 0.5), Point(SECOND, 0.4))
    song.document.apply("Points", lambda session: edits.set_pan_points(session, first.id, points))
    assert sign()
    assert not sign(1)
    song.timeline.axis.zoom(0.1, 0.0)
    song.timeline.axis.scroll_to(20 * PX)
    assert sign(), "also elsewhere"
    header = song.timeline.headers.header(first.id)
    assert header.envelope.property("points")
    assert "pan" in header.envelope.toolTip()
    press(song, Qt.Key.Key_Z, CTRL)
    assert not sign()
    assert not header.envelope.property("points")


def test_a_shown_envelope_has_a_scale(shown: MainWindow) -> None:
    marks = {text: y for y, text in envelope_marks(Kind.GAIN, 0, ROW_PX)}
    assert marks["0 dB"] == pytest.approx(UNITY, abs=0.5)
    assert marks["−∞"] > marks["−6"] > marks["0 dB"]
    assert [text for _, text in envelope_marks(Kind.PAN, 0, ROW_PX)] == ["L", "C", "R"]
    lanes = shown.timeline.lanes

    def scale() -> np.ndarray:
        return pixels(lanes)[4 : ROW_PX - 4, lanes.width() - SCALE_PX + 6 :]

    volume = scale()
    press(shown, Qt.Key.Key_A)
    assert (scale() != volume).any(), "that of pan"


def test_a_click_on_the_line_adds_a_point(shown: MainWindow) -> None:
    before = shown.document.session
    click(shown.timeline.lanes, 100, UNITY)
    assert track(shown).gain_points == (Point(100 * PX, 1.0),)
    assert shown.document.undo_text == "Add Volume Point"
    undone_and_redone(shown, before)
    click(shown.timeline.lanes, 100, UNITY)
    assert len(track(shown).gain_points) == 1, "a click on a point is nothing"


def test_points_are_dragged(shown: MainWindow) -> None:
    lanes = shown.timeline.lanes
    drag(lanes, (100, UNITY), (150, UNITY + 20))
    (point,) = track(shown).gain_points
    assert point.at == 150 * PX
    assert point.value == pytest.approx(value_at(UNITY + 20, Kind.GAIN, 0), rel=0.05)
    before = shown.document.session
    drag(lanes, (150, y_of(point.value, Kind.GAIN, 0)), (200, y_of(point.value, Kind.GAIN, 0)))
    assert [p.at for p in track(shown).gain_points] == [200 * PX]
    assert track(shown).gain_points[0].value == pytest.approx(point.value, rel=0.05)
    undone_and_redone(shown, before)
    drag(lanes, (200, y_of(point.value, Kind.GAIN, 0)), (200, 500))
    assert track(shown).gain_points[0].value == 0.0, "the bottom is silence"


def test_a_double_click_deletes_a_point(shown: MainWindow) -> None:
    click(shown.timeline.lanes, 100, UNITY)
    before = shown.document.session
    QTest.mouseDClick(shown.timeline.lanes, Qt.MouseButton.LeftButton, pos=QPoint(100, UNITY))
    assert track(shown).gain_points == ()
    undone_and_redone(shown, before)


def test_away_from_the_line_clips_are_handled_as_ever(shown: MainWindow) -> None:
    drag(shown.timeline.lanes, (100, row(0)), (150, row(0)))
    assert track(shown).clips[0].start == 50 * PX
    assert track(shown).gain_points == ()


def test_escape_leaves_no_trace(shown: MainWindow) -> None:
    hover(shown.timeline.lanes, 150, UNITY + 20)  # fades have handles under the pointer
    before, still = shown.document.session, shown.timeline.lanes.grab().toImage()
    drag(shown.timeline.lanes, (100, UNITY), (150, UNITY + 20), release=False)
    assert shown.timeline.lanes.grab().toImage() != still
    press(shown, Qt.Key.Key_Escape)
    release(shown.timeline.lanes, 150, UNITY + 20)
    assert shown.document.session is before
    assert shown.timeline.lanes.grab().toImage() == still


def test_envelopes_can_be_edited_with_the_keyboard(song: MainWindow) -> None:
    first = track(song).id
    song.selection.set_track(first)
    press(song, Qt.Key.Key_A, SHIFT)
    assert song.timeline.envelopes.of(first) is Kind.GAIN
    song.transport.seek(SECOND)
    press(song, Qt.Key.Key_A, SHIFT)
    before = song.document.session
    for _ in range(4):
        press(song, Qt.Key.Key_Down, CTRL | ALT)
    assert [point.at for point in track(song).gain_points] == [0, SECOND]
    assert [point.value for point in track(song).gain_points] == [1.0, pytest.approx(db_to_gain(-2.0))]
    undone_and_redone(song, before)
    press(song, Qt.Key.Key_A)
    song.transport.seek(0)
    press(song, Qt.Key.Key_A, SHIFT)
    press(song, Qt.Key.Key_Up, CTRL | ALT)
    assert track(song).pan_points == (Point(0, -0.05),), "up is left"
    song.actions_by_id["clear_envelopes"].trigger()
    assert (track(song).gain_points, track(song).pan_points) == ((), ())


@pytest.mark.engine
def test_an_envelope_is_rendered(qtbot: QtBot, shown: MainWindow) -> None:
    for number in (1, 2):
        QTest.mouseClick(
            shown.timeline.headers.header(shown.document.session.tracks[number].id).mute, Qt.MouseButton.LeftButton
        )
    wait_rendered(qtbot, shown)
    whole = shown.rendering.reader().read(0, 4 * SECOND)
    click(shown.timeline.lanes, 100, UNITY)
    drag(shown.timeline.lanes, (200, UNITY), (200, ROW_PX - 2))
    wait_rendered(qtbot, shown)
    faded = shown.rendering.reader().read(0, 4 * SECOND)
    np.testing.assert_allclose(faded[:, : SECOND // 2], whole[:, : SECOND // 2], atol=1e-4)
    assert np.abs(faded[:, 3 * SECOND :]).max() < 1e-3 < np.abs(whole[:, 3 * SECOND :]).max()
