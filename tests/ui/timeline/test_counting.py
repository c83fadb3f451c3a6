"""What the ruler counts in and what edges snap to: chosen in the View menu, seen on the ruler, felt by the mouse."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from lincae_studio.session import places
from lincae_studio.session.model import DEFAULT_RATE, Tempo
from lincae_studio.ui.dialogs.tempo import Taps, TempoDialog
from lincae_studio.ui.main_window import MainWindow
from lincae_studio.ui.model.track_rows import ROW_PX
from lincae_studio.ui.timeline.counting import Ticks
from lincae_studio.ui.timeline.snapping import Lines, Snapping
from tests.ui.conftest import LIMIT_MS, PX, set_zoom
from tests.ui.drive import drag, press, release

SHIFT = Qt.KeyboardModifier.ShiftModifier
SECOND = DEFAULT_RATE


def row(position: int) -> int:
    return position * ROW_PX + 35


def starts(window: MainWindow) -> list[int]:
    return [clip.start for clip in window.document.session.clips()]


def choose(window: MainWindow, *targets: str) -> None:
    """Snap to these and nothing else, by the menu's actions."""
    for name, action in window.actions_by_id.items():
        if name.startswith("snap_to_") and action.isChecked() != (name.removeprefix("snap_to_") in targets):
            action.trigger()
    assert sorted(window.preferences.value.snap_to) == sorted(targets)


def ticks(window: MainWindow, unit: str, samples_per_px: float) -> Ticks:
    window.actions_by_id[f"count_in_{unit}"].trigger()
    return window.timeline.counting.ticks(samples_per_px)


# Counting


@pytest.mark.parametrize("samples_per_px", [0.1, 3.0, 37.0, 441.0, 5000.0, 90_000.0])
def test_labels_have_room_and_lines_divide_them(song: MainWindow, samples_per_px: float) -> None:
    for unit in ("time", "beats", "samples", "frames"):
        found = ticks(song, unit, samples_per_px)
        assert found.step >= min(90 * samples_per_px, 3600 * SECOND) * 0.999
        assert found.step / found.parts * found.parts == pytest.approx(found.step)
        texts = [found.text(number) for number in range(8)]
        assert len(set(texts)) == 8, "every label is another one"


def test_labels_name_their_positions(song: MainWindow) -> None:
    hop = song.rendering.update_plan().grid.hop
    found = ticks(song, "samples", 100.0)
    assert (found.step, found.text(1)) == (10_000, "10\u2009000")
    found = ticks(song, "frames", hop / 20)
    assert found.step == 5 * hop
    assert found.text(3) == "15"
    song.document.apply("Tempo", lambda s: places.set_tempo(s, Tempo(bpm=120.0, beats=3, start=1000)))
    found = ticks(song, "beats", 100.0)
    assert (found.step, found.origin) == (SECOND / 2, 1000)
    assert [found.text(number) for number in (-1, 0, 1, 2, 3)] == ["-1.3", "1.1", "1.2", "1.3", "2.1"]
    found = ticks(song, "beats", 2000.0)
    assert found.step == 4 * 3 * SECOND / 2
    assert [found.text(number) for number in (0, 1, 2)] == ["1", "5", "9"]


def test_the_display_counts_in_the_same_unit(song: MainWindow) -> None:
    hop = song.rendering.update_plan().grid.hop
    song.transport.seek(44_100)
    song.actions_by_id["count_in_samples"].trigger()
    assert song.clock.text() == "44\u2009100"
    song.actions_by_id["count_in_frames"].trigger()
    assert song.clock.text() == f"frame {44_100 // hop}"
    song.actions_by_id["count_in_beats"].trigger()
    assert song.clock.text() == "1.3.00"
    song.actions_by_id["count_in_time"].trigger()
    assert song.clock.text() == "0:01.000"
    song.actions_by_id["count_in_time"].trigger()
    units = [action for name, action in song.actions_by_id.items() if name.startswith("count_in")]
    checked = [action.objectName() for action in units if action.isChecked()]
    assert checked == ["count_in_time"], "one is always chosen"


def test_the_ruler_is_redrawn_in_another_unit(song: MainWindow) -> None:
    ruler = song.timeline.ruler
    before = ruler.grab().toImage()
    song.actions_by_id["count_in_frames"].trigger()
    assert ruler.grab().toImage() != before


def test_frames_are_those_of_the_codec(song: MainWindow) -> None:
    song.actions_by_id["count_in_frames"].trigger()
    before, hop = song.timeline.ruler.grab().toImage(), song.rendering.update_plan().grid.hop
    other = next(name for name in song.codecs.actions if name != song.document.session.codec)
    song.codecs.actions[other].trigger()
    if song.rendering.update_plan().grid.hop != hop:
        assert song.timeline.ruler.grab().toImage() != before
    assert song.timeline.counting.text(song.rendering.update_plan().grid.hop * 7) == "frame 7"


def test_the_tempo_is_set_undone_and_removed(qtbot: QtBot, song: MainWindow) -> None:
    def dialog() -> TempoDialog:
        song.actions_by_id["tempo"].trigger()
        found = song.findChildren(TempoDialog)[-1]
        qtbot.waitUntil(found.isVisible, timeout=LIMIT_MS)
        return found

    before = song.document.session
    opened = dialog()
    assert not opened.none.isEnabled()
    opened.bpm.setFocus()
    opened.bpm.selectAll()
    QTest.keyClicks(opened.bpm, "93.5")
    opened.start.setValue(0.1)
    QTest.keyClick(opened, Qt.Key.Key_Return)
    assert song.document.session.tempo == Tempo(bpm=93.5, beats=4, start=4410)
    assert song.document.undo_text == "Set Tempo 93.5, 4/4"
    press(song, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert song.document.session == before
    press(song, Qt.Key.Key_Y, Qt.KeyboardModifier.ControlModifier)
    opened = dialog()
    assert opened.bpm.value() == 93.5
    QTest.mouseClick(opened.none, Qt.MouseButton.LeftButton)
    assert song.document.session.tempo is None


def test_eighths_are_counted_and_named_in_what_a_listener_feels(qtbot: QtBot, song: MainWindow) -> None:
    song.actions_by_id["tempo"].trigger()
    dialog = song.findChildren(TempoDialog)[-1]
    qtbot.waitUntil(dialog.isVisible, timeout=LIMIT_MS)
    dialog.beats.setFocus()
    dialog.beats.selectAll()
    QTest.keyClicks(dialog.beats, "6")
    QTest.keyClick(dialog.beats, Qt.Key.Key_Tab)
    QTest.keyClicks(dialog.unit, "8")
    assert dialog.meaning.text() == "= 80 dotted quarter notes per minute"
    QTest.keyClick(dialog, Qt.Key.Key_Return)
    assert song.document.session.tempo == Tempo(bpm=120.0, beats=6, unit=8)
    found = ticks(song, "beats", 50.0)
    assert (found.step, found.parts) == (SECOND / 4, 2), "eighths, divided into sixteenths"
    assert [found.text(number) for number in (0, 5, 6)] == ["1.1", "1.6", "2.1"]
    choose(song, "grid")
    set_zoom(song, 50)
    drag(song.timeline.lanes, (20, row(1)), (20 + SECOND // 4 // 50 + 3, row(1)))
    assert starts(song)[1] == SECOND // 4, "snapped to the second eighth"


def test_the_tempo_is_tapped(qtbot: QtBot, song: MainWindow) -> None:
    times_s = iter([10.0, 10.52, 10.98, 11.5, 12.0, 99.0, 99.75])
    press(song, Qt.Key.Key_T)
    dialog = song.findChildren(TempoDialog)[-1]
    qtbot.waitUntil(dialog.isVisible, timeout=LIMIT_MS)
    assert "1 tap," in dialog.tapped.text(), "the press that opened it counts"
    dialog._taps, dialog._clock = Taps(), lambda: next(times_s)
    for _ in range(5):
        QTest.keyClick(dialog.bpm, Qt.Key.Key_T)
    assert dialog.bpm.value() == pytest.approx(120.0, abs=1.0)
    assert "5 taps, one for each quarter note" in dialog.tapped.text()
    dialog.beats.setValue(6)
    dialog.unit.setCurrentIndex(1)
    for _ in range(2):
        QTest.mouseClick(dialog.tapping, Qt.MouseButton.LeftButton)
    assert dialog.bpm.value() == 120.0, "80 dotted quarters per minute, counted from the start after a pause"
    dialog.reject()
    assert song.document.session.tempo is None


# The clock


def go_to(window: MainWindow, text: str) -> int:
    """Press G, type over the position, and press Return; where the playhead is then."""
    press(window, Qt.Key.Key_G)
    assert window.clock.hasFocus()
    QTest.keyClicks(window.clock, text)
    QTest.keyClick(window.clock, Qt.Key.Key_Return)
    return window.player.position


@pytest.mark.parametrize(
    ("unit", "texts"),
    [
        ("time", {"1.5": 1.5, "0:02,25": 2.25, "750 ms": 0.75, "+1": 1.75, "-0:01": 0.75, "bar 2": 2.0, "-9": 0.0}),
        ("beats", {"1.3": 1.0, "2": 2.0, "1.2.50": 0.75, "+0.2": 1.75, "0:01": 1.0, "44100 samples": 1.0}),
        ("samples", {"44 100": 1.0, "22,050": 0.5, "+22050": 1.0, "1.5 s": 1.5}),
    ],
)
def test_a_position_is_typed_in_the_unit_of_the_ruler_or_another(
    song: MainWindow, unit: str, texts: dict[str, float]
) -> None:
    song.actions_by_id[f"count_in_{unit}"].trigger()
    for text, seconds in texts.items():
        assert go_to(song, text) == round(seconds * SECOND), text


def test_frames_are_typed_and_return_without_a_change_does_not_move(song: MainWindow) -> None:
    hop = song.rendering.update_plan().grid.hop
    song.actions_by_id["count_in_frames"].trigger()
    assert go_to(song, "12") == 12 * hop
    song.transport.seek(12 * hop + 5)
    assert go_to(song, "") == 12 * hop + 5
    assert song.timeline.lanes.hasFocus(), "the focus is back where it was"


def test_the_clock_is_edited_by_a_click_and_left_by_escape(song: MainWindow) -> None:
    clock = song.clock
    QTest.mouseClick(clock, Qt.MouseButton.LeftButton)
    QTest.keyClicks(clock, "3")
    assert clock.text() == "3"
    press(song, Qt.Key.Key_Escape)
    assert (clock.text(), song.player.position) == ("0:00.000", 0)
    assert song.timeline.lanes.hasFocus()


@pytest.mark.parametrize("text", ["soon", "1:2:3:4", "1.5.2", "99999999999:00"])
def test_what_is_not_a_position_is_said_and_can_be_typed_again(song: MainWindow, text: str) -> None:
    song.actions_by_id["count_in_beats"].trigger()
    assert go_to(song, text) == 0
    assert text in song.messages.text.text()
    assert song.clock.hasFocus()
    QTest.keyClicks(song.clock, "1.3\r")
    assert song.player.position == SECOND


# Snapping


def test_clips_snap_to_the_lines_of_the_ruler(song: MainWindow) -> None:
    song.actions_by_id["count_in_time"].trigger()
    choose(song, "grid")
    line = song.timeline.counting.ticks(PX).lines.step
    assert line == SECOND / 5
    drag(song.timeline.lanes, (100, row(0)), (100 + 25, row(0)))
    assert starts(song)[0] == SECOND / 5
    drag(song.timeline.lanes, (100, row(0)), (100 + 30, row(0)))
    assert starts(song)[0] == SECOND / 5 + 30 * PX, "too far from a line"
    press(song, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    drag(song.timeline.lanes, (100, row(0)), (100 + 25, row(0)), SHIFT)
    assert starts(song)[0] == SECOND / 5 + 25 * PX, "Shift suspends it"


def test_edges_snap_to_beats_and_to_latent_frames(song: MainWindow) -> None:
    song.document.apply("Tempo", lambda s: places.set_tempo(s, Tempo(bpm=100.0, start=0)))
    song.actions_by_id["count_in_beats"].trigger()
    choose(song, "grid")
    beat = song.timeline.counting.ticks(PX).lines.step
    drag(song.timeline.lanes, (100, row(1)), (100 + 62, row(1)))
    assert starts(song)[1] == round(round(62 * PX / beat) * beat)
    choose(song, "frames")
    hop = song.rendering.update_plan().grid.hop
    set_zoom(song, hop / 40)
    drag(song.timeline.lanes, (100, row(2)), (100 + 45, row(2)))
    assert starts(song)[2] == hop


def test_clips_move_by_whole_steps(song: MainWindow) -> None:
    step = song.rendering.update_plan().grid.step_samples
    choose(song, "steps")
    drag(song.timeline.lanes, (100, row(0)), (100 + 1234, row(0)), SHIFT)
    start = starts(song)[0]
    lanes, x = song.timeline.lanes, start / PX + 10
    there = x + round(step / PX) + 4
    drag(lanes, (x, row(0)), (there, row(0)), release=False)
    assert "latents kept" in lanes.mouse.gesture.hint  # type: ignore[union-attr]
    release(lanes, there, row(0))
    assert starts(song)[0] - start == step


def test_markers_and_the_loop_snap_too(song: MainWindow) -> None:
    song.transport.seek(0)
    press(song, Qt.Key.Key_M)
    ruler = song.timeline.ruler
    drag(ruler, (5, 5), (5 + 197, 5))
    assert song.document.session.markers[0].at == 2 * SECOND, "the end of the third clip"
    drag(ruler, (95, 30), (304, 30), SHIFT)
    loop = song.document.session.loop
    assert loop is not None
    assert (loop.start, loop.end) == (95 * PX, 3 * SECOND)


def test_nothing_snaps_to_targets_that_are_off(song: MainWindow) -> None:
    choose(song)
    drag(song.timeline.lanes, (100, row(2)), (100 + 298, row(2)))
    assert starts(song)[2] == 298 * PX
    drag(song.timeline.lanes, (100, row(0)), (103, row(0)))
    assert starts(song)[0] == 0, "the start of the timeline always holds"


@given(
    st.lists(st.integers(0, 10_000), max_size=5),
    st.integers(0, 10_000),
    st.floats(1.0, 3000.0),
    st.integers(0, 500),
    st.integers(0, 700),
)
def test_a_correction_leads_to_the_nearest(
    targets: list[int], edge: int, step: float, origin: int, within: int
) -> None:
    by = Snapping(tuple(targets), (Lines(step, origin),)).correction([edge], within)
    assert abs(by) <= within
    assert edge + by >= 0
    nearest = min((abs(target - edge) for target in targets), default=None)
    if within and nearest is not None and nearest <= within:
        assert abs(by) == nearest, "things come before lines"
    elif by:
        number = (edge + by - origin) / step
        assert abs(number - round(number)) * step <= 0.51
