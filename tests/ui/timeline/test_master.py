"""The master: its fader, and its envelope on the lane of the mix, by mouse and by keys."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from lincae_studio.session import edits
from lincae_studio.session.levels import db_to_gain, format_db
from lincae_studio.session.model import MASTER, Point
from lincae_studio.ui.main_window import MainWindow
from lincae_studio.ui.timeline.envelopes import Kind, value_at, y_of
from tests.ui.conftest import PX, wait_rendered
from tests.ui.drive import click, drag, press, release
from tests.ui.timeline.test_arranging import undone_and_redone

CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
ALT = Qt.KeyboardModifier.AltModifier
SECOND = 44_100


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
    assert shown.selection.strip == MASTER
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
    assert shown.document.undo_name == "Master: delete volume point"


def test_escape_leaves_no_trace(shown: MainWindow) -> None:
    lane, before = shown.timeline.master, shown.document.session
    still = lane.grab().toImage()
    drag(lane, (100, unity(shown)), (150, unity(shown) + 20), release=False)
    assert lane.grab().toImage() != still
    held = [shown.timeline.axis.held]
    press(shown, Qt.Key.Key_Escape)
    held.append(shown.timeline.axis.held)
    assert held == [True, False], "playback does not scroll the lane under a drag"
    release(lane, 150, unity(shown) + 20)
    assert shown.document.session is before
    assert lane.grab().toImage() == still


def test_a_hidden_envelope_leaves_a_sign(song: MainWindow) -> None:
    lane, button = song.timeline.master, song.timeline.master_strip.envelope
    still = lane.grab().toImage()
    assert "hidden" not in button.toolTip()
    song.document.apply("Point", lambda session: edits.set_master_points(session, [Point(0, 1.0)]))
    assert lane.grab().toImage() != still
    assert button.toolTip().endswith("volume changed by an envelope that is hidden")


def test_the_fader_is_dragged_in_one_step_and_named(song: MainWindow) -> None:
    strip, before = song.timeline.master_strip, song.document.session
    middle = strip.gain.height() / 2
    drag(strip.gain, (strip.gain.width() * 0.78, middle), (strip.gain.width() * 0.4, middle))
    assert song.document.session.master.gain < 0.5
    assert song.document.undo_text == "Master Gain"
    assert strip.gain_text.text() == format_db(song.document.session.master.gain)
    undone_and_redone(song, before)
    QTest.mouseDClick(strip.gain, Qt.MouseButton.LeftButton)
    assert song.document.session.master.gain == 1.0


def test_escape_restores_the_fader(song: MainWindow) -> None:
    fader, before = song.timeline.master_strip.gain, song.document.session
    middle = fader.height() / 2
    drag(fader, (fader.width() * 0.78, middle), (fader.width() * 0.4, middle), release=False)
    assert song.document.session.master.gain < 0.5
    press(song, Qt.Key.Key_Escape)
    release(fader, fader.width() * 0.4, middle)
    assert song.document.session == before
    assert song.document.undo_text != "Master Gain"


def test_a_press_on_the_fader_or_the_keyboard_focus_selects_the_master(song: MainWindow) -> None:
    strip, track = song.timeline.master_strip, song.document.session.tracks[0].id
    for select in (
        lambda: QTest.mouseClick(strip.envelope, Qt.MouseButton.LeftButton),
        lambda: strip.gain.setFocus(Qt.FocusReason.TabFocusReason),
    ):
        song.selection.set_track(track)
        select()
        assert song.selection.strip == MASTER


def test_a_level_is_typed(song: MainWindow) -> None:
    field, before = song.timeline.master_strip.gain_text, song.document.session
    QTest.mouseClick(field, Qt.MouseButton.LeftButton)
    QTest.keyClicks(field, "-4.5")
    press(song, Qt.Key.Key_Return)
    assert song.document.session.master.gain == pytest.approx(db_to_gain(-4.5))
    assert field.text() == "−4.5 dB"
    assert song.document.undo_name == "Master: gain −4.5 dB"
    undone_and_redone(song, before)
    after = song.document.session
    QTest.mouseClick(field, Qt.MouseButton.LeftButton)
    QTest.keyClicks(field, "loud")
    press(song, Qt.Key.Key_Return)
    assert "“loud” is not a level in dB" in song.messages.text.text()
    assert song.document.session is after


def test_keys_for_gain_and_envelopes_act_on_the_selected_master(song: MainWindow) -> None:
    strip = song.timeline.master_strip
    QTest.mouseClick(strip, Qt.MouseButton.LeftButton, pos=QPoint(20, strip.height() - 3))
    assert (song.selection.strip, song.selection.track) == (MASTER, None)
    before = song.document.session
    for _ in range(4):
        press(song, Qt.Key.Key_Down, ALT | SHIFT)
    assert song.document.session.master.gain == pytest.approx(db_to_gain(-2.0))
    undone_and_redone(song, before)
    press(song, Qt.Key.Key_A)
    assert song.timeline.envelopes.of(MASTER) is Kind.GAIN
    assert strip.envelope.isChecked()
    song.transport.seek(SECOND)
    press(song, Qt.Key.Key_A, SHIFT)
    press(song, Qt.Key.Key_Down, CTRL | ALT)
    (point,) = points(song)
    assert point.at == SECOND
    assert point.value == pytest.approx(db_to_gain(-0.5))
    song.actions_by_id["clear_envelopes"].trigger()
    assert points(song) == ()
    assert song.document.undo_text == "Clear Master Envelope"
    assert not song.actions_by_id["mute_track"].isEnabled(), "a command on tracks"
    song.document.apply("Add Track", edits.add_track)
    assert song.selection.strip == MASTER, "edits leave it selected"


def test_the_master_follows_the_last_track(song: MainWindow) -> None:
    last = song.document.session.tracks[-1].id
    song.selection.set_track(last)
    for key, selected in ((Qt.Key.Key_Down, MASTER), (Qt.Key.Key_Down, MASTER), (Qt.Key.Key_Up, last)):
        press(song, key)
        assert song.selection.strip == selected


def test_meters_show_the_mix_after_the_master_and_tracks_before_it(song: MainWindow) -> None:
    song.document.apply("Master Gain", lambda session: edits.set_master_gain(session, 0.0))
    song.rendering.update_plan()
    assert not song.rendering.reader("auto").read(0, SECOND).any()
    assert min(max(peaks) for peaks in song.rendering.track_peaks(0, SECOND).values()) > 0.05


def test_a_screen_reader_can_name_every_control(song: MainWindow) -> None:
    strip = song.timeline.master_strip
    named = (strip.gain, strip.gain_text, strip.envelope, strip.meter)
    assert [widget.accessibleName() for widget in named] == [
        "Master, gain",
        "Master, gain in dB",
        "Master, envelope",
        "Mix, level",
    ]


@pytest.mark.engine
def test_the_master_is_heard_in_the_latent_mix_and_in_the_dry_mix(qtbot: QtBot, song: MainWindow) -> None:
    wait_rendered(qtbot, song)
    before, dry = song.rendering.reader().read(0, SECOND), song.rendering.dry.read(0, SECOND)
    field = song.timeline.master_strip.gain_text
    QTest.mouseClick(field, Qt.MouseButton.LeftButton)
    QTest.keyClicks(field, "-6")
    press(song, Qt.Key.Key_Return)
    song.rendering.update_plan()
    np.testing.assert_allclose(song.rendering.dry.read(0, SECOND), dry * db_to_gain(-6.0), atol=1e-6)
    wait_rendered(qtbot, song)
    np.testing.assert_allclose(song.rendering.reader().read(0, SECOND), before * db_to_gain(-6.0), atol=1e-4)
