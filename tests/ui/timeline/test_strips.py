"""The strip of a track: faders, pan, mute, solo, name; by mouse, by typing, and by keys alone."""

from __future__ import annotations

from functools import partial

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QSlider, QStyle, QStyleOptionSlider, QWidget
from pytestqt.qtbot import QtBot

from lincae_studio.engine.planning.plan import make_plan
from lincae_studio.session import edits
from lincae_studio.session.levels import FADER_TOP_DB, db_to_gain
from lincae_studio.session.model import MAX_GAIN, Session, Track
from lincae_studio.ui import theme
from lincae_studio.ui.main_window import MainWindow
from lincae_studio.ui.model.track_rows import ROW_PX
from lincae_studio.ui.timeline.track_header import TrackHeader
from tests.ui.conftest import LIMIT_MS
from tests.ui.drive import LEFT, NONE, click, drag, move, press, release, wheel

CTRL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
ALT = Qt.KeyboardModifier.AltModifier


@pytest.fixture
def tracks(window: MainWindow) -> MainWindow:
    """The window with three empty tracks."""
    for name in ("one", "two", "three"):
        window.document.apply("Add Track", partial(edits.add_track, name=name))
    return window


def header(window: MainWindow, position: int = 0) -> TrackHeader:
    return window.timeline.headers.header(window.document.session.tracks[position].id)


def track(window: MainWindow, position: int = 0) -> Track:
    return window.document.session.tracks[position]


def names(window: MainWindow) -> list[str]:
    return [item.name for item in window.document.session.tracks]


def handle(slider: QSlider) -> QPoint:
    """The middle of a slider's handle."""
    option = QStyleOptionSlider()
    slider.initStyleOption(option)
    part = QStyle.SubControl.SC_SliderHandle
    return slider.style().subControlRect(QStyle.ComplexControl.CC_Slider, option, part, slider).center()


def type_text(field: QLineEdit, text: str, end: Qt.Key = Qt.Key.Key_Return) -> None:
    place = QPoint(4, field.height() // 2)
    QTest.mouseClick(field, LEFT, NONE, place)
    if field.isReadOnly():
        QTest.mouseDClick(field, LEFT, NONE, place)
    QTest.keyClicks(field, text)
    QTest.keyClick(field, end)


def test_a_fader_sweep_is_one_step_and_the_next_another(tracks: MainWindow) -> None:
    before = tracks.document.session
    fader = header(tracks).gain
    handle, middle = fader.width() * 0.782, fader.height() / 2
    drag(fader, (handle, middle), (handle - 30, middle))
    first = track(tracks).gain
    assert 0.0 < first < 0.7
    drag(fader, (handle - 30, middle), (handle - 10, middle))
    second = track(tracks).gain
    assert first < second < 1.0
    press(tracks, Qt.Key.Key_Z, CTRL)
    assert track(tracks).gain == first
    press(tracks, Qt.Key.Key_Z, CTRL)
    assert tracks.document.session == before


def test_a_pan_sweep_is_one_step(tracks: MainWindow) -> None:
    before = tracks.document.session
    pan = header(tracks).pan
    centre, middle = pan.width() / 2, pan.height() / 2
    drag(pan, (centre, middle), (centre + 20, middle))
    assert 0.1 < track(tracks).pan < 0.9
    drag(pan, (centre + 20, middle), (centre - 200, middle))
    assert track(tracks).pan == -1.0
    assert header(tracks).pan_text.text() == "L100"
    for _ in range(2):
        press(tracks, Qt.Key.Key_Z, CTRL)
    assert tracks.document.session == before


@pytest.mark.parametrize("modifiers", [NONE, SHIFT], ids=["plain", "Shift"])
def test_a_press_beside_the_handle_brings_it_to_the_pointer(tracks: MainWindow, modifiers: Qt.KeyboardModifier) -> None:
    for slider in (header(tracks).gain, header(tracks).pan):
        for x in (12, slider.width() - 12, slider.width() // 2):
            QTest.mousePress(slider, LEFT, modifiers, QPoint(x, 3))
            assert handle(slider).x() == pytest.approx(x, abs=2)
            for step in range(1, 9):
                move(slider, x + step, 3)
            assert handle(slider).x() == pytest.approx(min(x + 8, slider.width() - 5), abs=2), "and a drag follows"
            QTest.mouseRelease(slider, LEFT)


def test_a_press_on_the_handle_does_not_move_it(tracks: MainWindow) -> None:
    type_text(header(tracks).gain_text, "-7.3")
    before = tracks.document.session
    slider = header(tracks).gain
    place = handle(slider)
    for by in (-4, 0, 3):
        QTest.mouseClick(slider, LEFT, NONE, QPoint(place.x() + by, place.y()))
        assert tracks.document.session is before
    QTest.mousePress(slider, LEFT, NONE, QPoint(place.x() - 4, place.y()))
    move(slider, place.x() + 16, place.y())
    assert handle(slider).x() == pytest.approx(place.x() + 20, abs=1), "held where it was taken"
    move(slider, place.x() + 900, place.y())
    move(slider, place.x() - 4, place.y())
    assert handle(slider).x() == pytest.approx(place.x(), abs=1), "beyond its end, too"
    QTest.mouseRelease(slider, LEFT)


def test_shift_makes_a_drag_fine(tracks: MainWindow) -> None:
    slider = header(tracks).pan
    place = handle(slider)
    QTest.mousePress(slider, LEFT, SHIFT, place)
    move(slider, place.x() + 40, place.y(), SHIFT)
    fine = track(tracks).pan
    assert handle(slider).x() == pytest.approx(place.x() + 4, abs=1)
    move(slider, place.x() + 60, place.y())
    assert handle(slider).x() == pytest.approx(place.x() + 24, abs=1), "the handle does not jump when Shift is let go"
    QTest.mouseRelease(slider, LEFT)
    assert 0.0 < fine < track(tracks).pan


def test_wheel_turns_that_scroll_go_on_over_sliders(many: MainWindow) -> None:
    before = many.document.session
    column, rows = many.timeline.headers, many.timeline.rows
    wheel(column, 4, 30, -1, at_ms=1000)
    strip = header(many, 1)
    for number in range(5):
        wheel(strip.pan, 20, 8, -1, at_ms=1200 + 200 * number)
        wheel(strip.gain, 20, 8, -1, at_ms=1300 + 200 * number)
    assert many.document.session is before, "whatever slides under the pointer"
    assert rows.offset_px == 11 * 40
    wheel(many.timeline.lanes, 300, 30, -1, at_ms=5000)
    wheel(header(many, 8).pan, 20, 8, -1, at_ms=5100)
    assert many.document.session is before, "also from the lanes"
    assert rows.offset_px == 13 * 40
    wheel(header(many, 8).pan, 20, 8, -1, at_ms=9000)
    assert track(many, 8).pan == pytest.approx(-0.05), "a turn that begins there is meant"
    wheel(header(many, 8).pan, 20, 8, -1, at_ms=9100)
    assert track(many, 8).pan == pytest.approx(-0.1)
    assert rows.offset_px == 13 * 40


def test_the_wheel_steps_by_half_a_db_and_by_five_percent(tracks: MainWindow) -> None:
    strip = header(tracks)
    wheel(strip.gain, 20, 8, 1)
    assert track(tracks).gain == pytest.approx(10 ** (0.5 / 20))
    wheel(strip.gain, 20, 8, -3)
    assert track(tracks).gain == pytest.approx(10 ** (-1.0 / 20))
    wheel(strip.gain, 20, 8, 100)
    assert track(tracks).gain == pytest.approx(10 ** (FADER_TOP_DB / 20)), "not beyond the fader's top"
    wheel(strip.pan, 20, 8, -2)
    assert track(tracks).pan == pytest.approx(-0.1)
    wheel(strip.pan, 20, 8, 30)
    assert track(tracks).pan == 1.0


def test_the_wheel_never_jumps_from_a_level_above_the_fader(tracks: MainWindow) -> None:
    strip = header(tracks)
    type_text(strip.gain_text, "+12")
    wheel(strip.gain, 20, 8, 1)
    assert track(tracks).gain == pytest.approx(10 ** (12 / 20))
    wheel(strip.gain, 20, 8, -1)
    assert track(tracks).gain == pytest.approx(10 ** (11.5 / 20))


def test_a_double_click_resets(tracks: MainWindow) -> None:
    strip = header(tracks)
    type_text(strip.gain_text, "-12")
    wheel(strip.pan, 20, 8, 4)
    QTest.mouseDClick(strip.gain, LEFT)
    QTest.mouseDClick(strip.pan, LEFT)
    assert (track(tracks).gain, track(tracks).pan) == (1.0, 0.0)


def test_a_level_can_be_typed(tracks: MainWindow) -> None:
    field = header(tracks).gain_text
    for typed, gain, shown in (
        ("-6", 10 ** (-6 / 20), "−6.0 dB"),
        ("-3,5", 10 ** (-3.5 / 20), "−3.5 dB"),
        ("+2.25 dB", 10 ** (2.25 / 20), "+2.2 dB"),
        ("-inf", 0.0, "−inf dB"),
        ("40", MAX_GAIN, "+24.0 dB"),
        ("0", 1.0, "0.0 dB"),
        ("99999", MAX_GAIN, "+24.0 dB"),
        ("-400", 0.0, "−inf dB"),
    ):
        type_text(field, typed)
        assert track(tracks).gain == pytest.approx(gain), typed
        assert field.text() == shown
        assert not field.hasFocus(), "the keys are the window's again"
        assert tracks.document.undo_text == "Gain"
    type_text(field, "-6")
    before = tracks.document.session
    for nonsense in ("loud", "", "nan", "--3", "1e999", "-6 dBFS"):
        QTest.mouseClick(field, LEFT)
        QTest.keyClick(field, Qt.Key.Key_Delete)
        QTest.keyClicks(field, nonsense)
        QTest.keyClick(field, Qt.Key.Key_Return)
        assert tracks.document.session is before, nonsense
        assert f"“{nonsense}” is not a level" in tracks.messages.text.text()
        assert (field.text(), field.selectedText()) == (nonsense, nonsense), "to be corrected"
        assert field.grab().toImage().pixelColor(20, 0) == QColor(theme.colors().error)
        QTest.keyClick(field, Qt.Key.Key_Escape)
        assert field.text() == "−6.0 dB"


def test_a_click_selects_a_number_and_typing_replaces_it(tracks: MainWindow) -> None:
    strip = header(tracks)
    for field, typed, shown in ((strip.gain_text, "-4.5", "−4.5 dB"), (strip.pan_text, "L45", "L45")):
        click(field, field.width() - 8, 8)
        assert field.selectedText() == field.text()
        QTest.keyClicks(field, typed)
        QTest.keyClick(field, Qt.Key.Key_Return)
        assert field.text() == shown
    click(strip.gain_text, 30, 8)
    click(strip.gain_text, 30, 8)
    assert not strip.gain_text.hasSelectedText(), "a second click places the cursor"


def test_a_pan_can_be_typed(tracks: MainWindow) -> None:
    field = header(tracks).pan_text
    for typed, pan, shown in (
        ("L45", -0.45, "L45"),
        ("r30", 0.3, "R30"),
        ("C", 0.0, "C"),
        ("-45", -0.45, "L45"),
        ("+12", 0.12, "R12"),
        ("30 L", -0.3, "L30"),
        ("right 7 %", 0.07, "R7"),
        ("R", 1.0, "R100"),
        ("-250", -1.0, "L100"),
        ("0", 0.0, "C"),
        ("2,5", 0.025, "R2"),
        ("centre", 0.0, "C"),
    ):
        type_text(field, typed)
        assert track(tracks).pan == pytest.approx(pan), typed
        assert field.text() == shown
    before = tracks.document.session
    for nonsense in ("leftish", "L-5", "LR", "nan", "5R5", "..", "inf"):
        type_text(field, nonsense)
        assert tracks.document.session is before, nonsense
        assert f"“{nonsense}” is not a pan" in tracks.messages.text.text()
        QTest.keyClick(field, Qt.Key.Key_Escape)
    assert field.text() == "C"


def test_a_number_is_asked_for_by_return_on_a_slider(tracks: MainWindow) -> None:
    strip = header(tracks, 1)
    strip.pan.setFocus(Qt.FocusReason.TabFocusReason)
    press(tracks, Qt.Key.Key_Return)
    assert tracks.focusWidget() is strip.pan_text
    press(tracks, Qt.Key.Key_7)
    press(tracks, Qt.Key.Key_Return)
    assert track(tracks, 1).pan == pytest.approx(0.07)


def test_leaving_the_field_applies_the_text_and_escape_does_not(tracks: MainWindow) -> None:
    type_text(header(tracks).gain_text, "-6", Qt.Key.Key_Tab)
    assert header(tracks).gain_text.text() == "−6.0 dB"
    kept = tracks.document.session
    type_text(header(tracks).gain_text, "-20", Qt.Key.Key_Escape)
    assert header(tracks).gain_text.text() == "−6.0 dB"
    assert tracks.document.session == kept


def test_mute_and_solo_by_click_and_by_key(tracks: MainWindow) -> None:
    QTest.mouseClick(header(tracks, 1).mute, LEFT)
    QTest.mouseClick(header(tracks, 2).solo, LEFT)
    assert [t.mute for t in tracks.document.session.tracks] == [False, True, False]
    assert [t.solo for t in tracks.document.session.tracks] == [False, False, True]
    assert tracks.selection.track == track(tracks, 2).id
    press(tracks, Qt.Key.Key_S, SHIFT)
    press(tracks, Qt.Key.Key_U, SHIFT)
    assert (track(tracks, 2).solo, track(tracks, 2).mute) == (False, True)
    assert header(tracks, 2).mute.isChecked()
    press(tracks, Qt.Key.Key_Z, CTRL)
    assert not header(tracks, 2).mute.isChecked()
    assert tracks.document.undo_text == "Unsolo"


def test_subtract_by_click_and_by_key(tracks: MainWindow) -> None:
    QTest.mouseClick(header(tracks, 1).subtract, LEFT)
    assert [t.subtract for t in tracks.document.session.tracks] == [False, True, False]
    assert tracks.document.undo_text == "Subtract"
    press(tracks, Qt.Key.Key_I, SHIFT)
    assert not track(tracks, 1).subtract
    press(tracks, Qt.Key.Key_Z, CTRL)
    assert header(tracks, 1).subtract.isChecked()
    QTest.mouseClick(header(tracks, 1).subtract, LEFT)
    assert not track(tracks, 1).subtract
    assert tracks.document.undo_text == "Add to Mix"


def test_gain_and_pan_by_keys(tracks: MainWindow) -> None:
    tracks.selection.set_track(track(tracks, 1).id)
    press(tracks, Qt.Key.Key_Up, ALT | SHIFT)
    press(tracks, Qt.Key.Key_PageUp, ALT | SHIFT)  # some window managers take the arrows
    assert track(tracks, 1).gain == pytest.approx(10 ** (1 / 20))
    press(tracks, Qt.Key.Key_Down, ALT | SHIFT)
    assert track(tracks, 1).gain == pytest.approx(10 ** (0.5 / 20))
    for _ in range(3):
        press(tracks, Qt.Key.Key_Left, ALT | SHIFT)
    press(tracks, Qt.Key.Key_Right, ALT | SHIFT)
    assert track(tracks, 1).pan == pytest.approx(-0.1)
    assert (track(tracks, 0).gain, track(tracks, 0).pan) == (1.0, 0.0), "the others stay"


def test_a_step_down_never_raises_a_quiet_track(tracks: MainWindow) -> None:
    for typed in ("-inf", "-80"):
        type_text(header(tracks).gain_text, typed)
        before = track(tracks).gain
        press(tracks, Qt.Key.Key_Down, ALT | SHIFT)
        assert track(tracks).gain <= before
    type_text(header(tracks).gain_text, "-inf")
    press(tracks, Qt.Key.Key_Up, ALT | SHIFT)
    assert track(tracks).gain == pytest.approx(10 ** (-59.5 / 20)), "and a step up leaves silence at once"


def test_a_track_is_renamed_in_its_header(tracks: MainWindow) -> None:
    type_text(header(tracks).name, "Lead vocals")
    assert names(tracks) == ["Lead vocals", "two", "three"]
    assert tracks.document.undo_text == "Rename Track"
    press(tracks, Qt.Key.Key_Z, CTRL)
    assert header(tracks).name.text() == "one"


def test_f2_renames_the_selected_track_and_escape_cancels(tracks: MainWindow) -> None:
    tracks.selection.set_track(track(tracks, 1).id)
    press(tracks, Qt.Key.Key_F2)
    field = header(tracks, 1).name
    assert field.hasFocus()
    QTest.keyClicks(field, "choir")
    QTest.keyClick(field, Qt.Key.Key_Escape)
    assert field.text() == "two"
    assert not field.hasFocus()
    assert names(tracks) == ["one", "two", "three"]
    press(tracks, Qt.Key.Key_F2)
    QTest.keyClicks(field, "choir")
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert names(tracks) == ["one", "choir", "three"]


def test_a_blank_name_is_refused_with_a_message(tracks: MainWindow) -> None:
    type_text(header(tracks).name, "   ")
    assert names(tracks)[0] == "one"
    assert header(tracks).name.text() == "one"
    assert tracks.messages.isVisible()
    assert "needs a name" in tracks.messages.text.text()


def test_a_track_can_be_removed_while_its_name_is_typed(tracks: MainWindow) -> None:
    tracks.selection.set_track(track(tracks, 2).id)
    press(tracks, Qt.Key.Key_T, CTRL)
    tracks.selection.set_track(track(tracks, 3).id)
    press(tracks, Qt.Key.Key_F2)
    QTest.keyClicks(header(tracks, 3).name, "gone")
    tracks.actions_by_id["undo"].trigger()  # a click on the toolbar does not take the focus
    assert names(tracks) == ["one", "two", "three"]


def test_values_follow_undo_and_redo(tracks: MainWindow) -> None:
    strip = header(tracks)
    type_text(strip.gain_text, "-6")
    lower = strip.gain.value()
    press(tracks, Qt.Key.Key_Z, CTRL)
    assert (strip.gain_text.text(), strip.gain.value()) == ("0.0 dB", 782)
    press(tracks, Qt.Key.Key_Y, CTRL)
    assert (strip.gain_text.text(), strip.gain.value()) == ("−6.0 dB", lower)
    assert lower < 782


def test_keys_alone_reach_and_change_every_control(tracks: MainWindow) -> None:
    tracks.timeline.lanes.setFocus()
    reached: list[QWidget] = []
    for _ in range(60):
        press(tracks, Qt.Key.Key_Tab)
        focus = QApplication.focusWidget()
        assert focus is not None
        if focus in reached:
            break
        reached.append(focus)
    for position in range(3):
        strip = header(tracks, position)
        assert {strip.gain, strip.pan, strip.subtract, strip.mute, strip.solo} <= set(reached)
    assert tracks.timeline.add_track_button in reached
    strip = header(tracks, 1)
    position = tracks.player.position
    strip.gain.setFocus(Qt.FocusReason.TabFocusReason)
    assert tracks.selection.track == strip.track_id
    for key, modifiers, db in (
        (Qt.Key.Key_Left, Qt.KeyboardModifier.NoModifier, -0.5),
        (Qt.Key.Key_PageDown, Qt.KeyboardModifier.NoModifier, -3.5),
        (Qt.Key.Key_Up, Qt.KeyboardModifier.NoModifier, -3.0),
        (Qt.Key.Key_Down, SHIFT, -3.1),
    ):
        press(tracks, key, modifiers)
        assert track(tracks, 1).gain == pytest.approx(db_to_gain(db)), key
    assert tracks.selection.tracks == {strip.track_id}, "no key selected another track"
    press(tracks, Qt.Key.Key_Home)
    assert track(tracks, 1).gain == 0.0
    strip.pan.setFocus(Qt.FocusReason.TabFocusReason)
    press(tracks, Qt.Key.Key_Right)
    press(tracks, Qt.Key.Key_Right, SHIFT)
    assert track(tracks, 1).pan == pytest.approx(0.06)
    strip.mute.setFocus(Qt.FocusReason.TabFocusReason)
    press(tracks, Qt.Key.Key_Space)
    strip.solo.setFocus(Qt.FocusReason.TabFocusReason)
    press(tracks, Qt.Key.Key_Space)
    assert (track(tracks, 1).mute, track(tracks, 1).solo) == (True, True)
    assert not tracks.player.playing
    assert tracks.player.position == position
    press(tracks, Qt.Key.Key_Z, CTRL)
    assert not track(tracks, 1).solo, "other shortcuts work from everywhere"


def test_after_a_click_on_a_control_space_plays(qtbot: QtBot, song: MainWindow) -> None:
    QTest.mouseClick(header(song).mute, LEFT)
    press(song, Qt.Key.Key_Space)
    assert song.player.playing
    assert track(song).mute
    press(song, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: not song.player.playing, timeout=LIMIT_MS)


def test_every_control_is_named_after_its_track(tracks: MainWindow) -> None:
    type_text(header(tracks).name, "Choir")
    strip = header(tracks)
    controls = (strip.name, strip.gain, strip.gain_text, strip.pan, strip.subtract, strip.mute, strip.solo)
    spoken = [control.accessibleName() for control in controls]
    assert all("Choir" in name for name in spoken)
    assert len(set(spoken)) == len(spoken)
    assert strip.gain.toolTip() == "Choir, gain: 0.0 dB (double-click to reset)"
    for position in range(3):
        for child in header(tracks, position).findChildren(QWidget):
            if child.focusPolicy() != Qt.FocusPolicy.NoFocus:
                assert names(tracks)[position] in child.accessibleName()


def test_tracks_are_added_removed_and_moved(tracks: MainWindow) -> None:
    tracks.selection.set_track(track(tracks, 2).id)
    QTest.mouseClick(tracks.timeline.add_track_button, LEFT)
    assert names(tracks) == ["one", "two", "three", "Track 4"]
    press(tracks, Qt.Key.Key_T, CTRL)
    assert names(tracks)[4] == "Track 5"
    tracks.selection.set_track(track(tracks, 2).id)
    press(tracks, Qt.Key.Key_Up, CTRL | SHIFT)
    assert names(tracks)[:3] == ["one", "three", "two"]
    for _ in range(5):
        press(tracks, Qt.Key.Key_Down, CTRL | SHIFT)
    assert names(tracks) == ["one", "two", "Track 4", "Track 5", "three"]
    press(tracks, Qt.Key.Key_Delete, CTRL | SHIFT)
    assert names(tracks) == ["one", "two", "Track 4", "Track 5"]
    assert tracks.selection.track == track(tracks, 3).id, "keys act on its neighbour"
    press(tracks, Qt.Key.Key_Z, CTRL)
    assert names(tracks)[4] == "three"
    assert header(tracks, 4).name.text() == "three"


def test_headers_stay_beside_their_lanes(qtbot: QtBot, tracks: MainWindow) -> None:
    for _ in range(12):
        press(tracks, Qt.Key.Key_T, CTRL)
    lanes, timeline = tracks.timeline.lanes, tracks.timeline
    qtbot.waitUntil(lambda: timeline.lanes.height() < 15 * ROW_PX, timeout=LIMIT_MS)

    def check() -> None:
        """Every lane in view has its track's header beside it."""
        column = lanes.mapToGlobal(QPoint(0, 0)).y()
        for position, shown in enumerate(tracks.document.session.tracks):
            top = timeline.rows.top(position)
            if -ROW_PX < top < lanes.height():
                beside = header(tracks, position)
                assert beside.isVisible()
                assert beside.mapToGlobal(QPoint(0, 0)).y() - column == top
                assert beside.name.text() == shown.name
                assert beside.solo.accessibleName() == f"{shown.name}, solo"

    check()
    timeline.rows.set_offset(0)
    wheel(lanes, 300, 100, -3)
    assert timeline.rows.offset_px == 120
    check()
    wheel(lanes, 300, 100, 50)
    assert timeline.rows.top(0) == 0
    check()
    wheel(lanes, 300, 100, -100)
    assert timeline.rows.top(14) + ROW_PX == lanes.height(), "scrolled to the last track"
    check()
    for _ in range(12):
        press(tracks, Qt.Key.Key_Z, CTRL)
    assert timeline.rows.top(0) == 0, "fewer tracks scroll back into sight"
    check()


@pytest.fixture
def many(window: MainWindow) -> MainWindow:
    """The window with 300 empty tracks, of which it shows a few."""
    tracks = tuple(Track(id=number, name=f"track {number}", color="#4fb3bf") for number in range(1, 301))
    window.document.replace(Session(tracks=tracks, next_id=301), None)
    return window


def test_only_tracks_in_view_have_headers(many: MainWindow) -> None:
    timeline = many.timeline
    some = timeline.lanes.height() // ROW_PX + 4
    for _ in range(40):
        wheel(timeline.lanes, 300, 100, -7)
    assert len(timeline.headers.findChildren(TrackHeader)) <= some, "headers out of view show other tracks"
    first = timeline.rows.position_at(0)
    assert first > 100
    QTest.mouseClick(header(many, first + 1).mute, LEFT)
    assert [t.name for t in many.document.session.tracks if t.mute] == [f"track {first + 2}"]
    type_text(header(many, first + 2).name, "violins")
    assert track(many, first + 2).name == "violins"


def test_tab_goes_on_to_tracks_out_of_view_and_back(many: MainWindow) -> None:
    timeline = many.timeline
    header(many).gain.setFocus(Qt.FocusReason.TabFocusReason)
    visited = []
    for _ in range(20 * len(header(many).focus_chain)):
        focus = many.focusWidget()
        assert focus is not None
        visited.append(focus.accessibleName())
        assert 0 <= focus.mapTo(timeline.headers, QPoint(0, 0)).y() < timeline.headers.height()
        QTest.keyClick(focus, Qt.Key.Key_Tab)
    roles = [name.removeprefix("track 1, ") for name in visited[:6]]
    assert roles == ["gain", "pan", "subtract from the mix", "envelopes", "mute", "solo"]
    assert visited == [f"track {number}, {role}" for number in range(1, 21) for role in roles]
    for expected in reversed(visited):
        focus = many.focusWidget()
        assert focus is not None
        QTest.keyClick(focus, Qt.Key.Key_Backtab)
        focus = many.focusWidget()
        assert focus is not None
        assert focus.accessibleName() == expected
    assert timeline.rows.offset_px == 0


def test_typed_text_stays_with_its_track_out_of_view(many: MainWindow) -> None:
    timeline = many.timeline
    name = header(many, 2).name
    QTest.mouseDClick(name, LEFT)
    QTest.keyClicks(name, "half")
    timeline.rows.set_offset(100 * ROW_PX)
    QTest.keyClicks(name, " typed")
    assert {item.name.text() for _, item in timeline.headers.headers()} >= {"half typed", "track 101"}
    QTest.keyClick(name, Qt.Key.Key_Return)
    assert names(many)[1:4] == ["track 2", "half typed", "track 4"]
    timeline.rows.set_offset(0)
    assert header(many, 2).name.text() == "half typed"


def test_renaming_scrolls_to_the_track(many: MainWindow) -> None:
    many.selection.set_track(track(many, 200).id)
    press(many, Qt.Key.Key_F2)
    field = many.focusWidget()
    assert field is header(many, 200).name
    QTest.keyClicks(field, "harp")
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert names(many)[199:202] == ["track 200", "harp", "track 202"]
    top = many.timeline.rows.top(200)
    assert 0 <= top <= many.timeline.headers.height() - ROW_PX


def test_a_clip_indicator_survives_scrolling_out_of_view(many: MainWindow) -> None:
    headers, rows = many.timeline.headers, many.timeline.rows
    headers.levels.update({track(many, 1).id: (1.0,), track(many, 142).id: (1.0,)}, 0.0)
    rows.set_offset(140 * ROW_PX)
    assert [channel.clipped for channel in header(many, 142).meter.channels] == [True, True]
    assert not any(channel.clipped for channel in header(many, 141).meter.channels)
    QTest.mouseClick(header(many, 142).meter, LEFT)
    rows.set_offset(0)
    assert header(many, 1).meter.channels[0].clipped
    rows.set_offset(140 * ROW_PX)
    assert not header(many, 142).meter.channels[0].clipped, "reset by the click"


def test_a_track_is_moved_by_dragging_its_header(tracks: MainWindow) -> None:
    before = tracks.document.session
    names = [track.name for track in before.tracks]
    drag(header(tracks, 0), (8, 40), (8, 40 + 2 * ROW_PX))
    assert [track.name for track in tracks.document.session.tracks] == [names[1], names[2], names[0]]
    assert tracks.document.undo_text == "Move Track"
    press(tracks, Qt.Key.Key_Z, CTRL)
    assert tracks.document.session == before
    drag(header(tracks, 2), (8, 40), (8, 30 - 2 * ROW_PX))
    assert [track.name for track in tracks.document.session.tracks] == [names[2], names[0], names[1]]
    press(tracks, Qt.Key.Key_Z, CTRL)
    drag(header(tracks, 0), (8, 40), (8, 45))
    assert tracks.document.session == before, "back to where it was"


def test_escape_cancels_dragging_a_header(tracks: MainWindow) -> None:
    before = tracks.document.session
    drag(header(tracks, 0), (8, 40), (8, 40 + 2 * ROW_PX), release=False)
    press(tracks, Qt.Key.Key_Escape)
    release(header(tracks, 0), 8, 40 + 2 * ROW_PX)
    assert tracks.document.session is before


def test_escape_restores_a_fader(song: MainWindow) -> None:
    strip = header(song)
    for slider in (strip.gain, strip.pan):
        before, undo = song.document.session, song.document.undo_text
        middle = handle(slider)
        QTest.mousePress(slider, LEFT, NONE, middle)
        for x in (5, 15, 25):
            move(slider, middle.x() - x, middle.y())
        assert song.document.session != before
        QTest.keyClick(song.windowHandle(), Qt.Key.Key_Escape)
        assert song.document.session == before
        move(slider, middle.x() - 40, middle.y())
        assert song.document.session == before, "it is not held any more"
        QTest.mouseRelease(slider, LEFT, NONE, middle)
        assert (song.document.undo_text, song.document.redo_text) == (undo, None), "without a trace"


def test_escape_keeps_changes_made_with_the_wheel(song: MainWindow) -> None:
    fader = header(song).gain
    wheel(fader, 5, 5, -1)
    turned = song.document.session
    middle = handle(fader)
    QTest.mousePress(fader, LEFT, NONE, middle)
    move(fader, middle.x() - 20, middle.y())
    QTest.keyClick(song.windowHandle(), Qt.Key.Key_Escape)
    QTest.mouseRelease(fader, LEFT, NONE, middle)
    assert song.document.session == turned


def test_a_sweep_is_planned_now_and_then_and_in_the_end(qtbot: QtBot, song: MainWindow) -> None:
    """Not at every step: a plan of a long session takes longer than a frame. `shown` is what views know of."""
    rendering, document = song.rendering, song.document
    plans: list[int] = []
    rendering.plan_changed.connect(lambda: plans.append(1))
    track = document.session.tracks[0].id
    for step in range(40):
        document.apply("Gain", partial(edits.set_track_gain, track_id=track, gain=0.5 + 0.01 * step), f"gain {track}")
    assert len(plans) < 40
    expected = [chunk.key for chunk in make_plan(document.session, rendering.plan.codec).audible]
    qtbot.waitUntil(lambda: [chunk.key for chunk in rendering.plan.audible] == expected, timeout=LIMIT_MS)
    document.apply("Gain", lambda s: edits.set_track_gain(s, track, 0.1))
    assert rendering.plan == make_plan(document.session, rendering.plan.codec), "an edit by itself at once"
