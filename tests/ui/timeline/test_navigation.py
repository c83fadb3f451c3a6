"""Scrolling, following and dragging at once; sweeps of wheel and keys."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QNativeGestureEvent, QPointingDevice
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton
from pytestqt.qtbot import QtBot

from lincae_studio.engine.process.events import EngineUnusable
from lincae_studio.engine.rendering.render_store import ChunkState
from lincae_studio.session import edits, places
from lincae_studio.ui.main_window import MainWindow
from tests.helpers import noise, write_audio
from tests.ui.conftest import LIMIT_MS, set_zoom, wait_imported, wait_rendered
from tests.ui.drive import drag, drop_files, move, press, release, wheel
from tests.ui.look import heatmap
from tests.ui.test_end_to_end import export

ALT_SHIFT = Qt.KeyboardModifier.AltModifier | Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def mixed(qtbot: QtBot, window: MainWindow, stems: list[Path]) -> MainWindow:
    """The window with four stems, rendered, two seconds of them visible."""
    drop_files(window.timeline.lanes, stems, 300, 100)
    wait_rendered(qtbot, window)
    window.timeline.axis.zoom(0.4, 0)
    return window


@pytest.mark.engine
def test_a_drag_follows_the_timeline_when_the_view_scrolls_under_it(mixed: MainWindow) -> None:
    lanes, axis = mixed.timeline.lanes, mixed.timeline.axis
    clip = mixed.document.session.tracks[0].clips[0]
    shift = Qt.KeyboardModifier.ShiftModifier  # no snapping
    lanes.setFocus()
    mixed.selection.set_clips([clip.id])
    drag(lanes, (300, 60), (340, 60), release=False)
    axis.scroll_to(40_000)
    scrolled = axis.start
    assert scrolled > 0
    move(lanes, 341, 60, shift)
    QTest.mouseRelease(lanes, Qt.MouseButton.LeftButton, shift)
    expected = scrolled + 41 * axis.samples_per_px
    assert mixed.document.session.clip(clip.id).start == pytest.approx(expected, abs=2)


@pytest.mark.parametrize("what", ["marker", "loop", "playhead"])
def test_a_drag_on_the_ruler_held_at_the_side_scrolls(qtbot: QtBot, song: MainWindow, what: str) -> None:
    ruler, axis = song.timeline.ruler, song.timeline.axis
    axis.zoom(0.25, 0.0)
    song.document.apply("Marker", lambda session: places.add_marker(session, axis.sample_at(100), "here"))
    side = ruler.width() - 5
    modifiers = Qt.KeyboardModifier.ShiftModifier if what == "loop" else Qt.KeyboardModifier.NoModifier
    y = {"marker": 5, "playhead": 16}.get(what, 30)
    drag(ruler, (102, y), (side, y), modifiers, release=False)
    qtbot.waitUntil(lambda: axis.start > 22_050, timeout=LIMIT_MS)
    release(ruler, side, y, modifiers)
    assert axis.start > 0
    [marker] = song.document.session.markers
    loop = song.document.session.loop
    at = {"marker": marker.at, "loop": loop.end if loop is not None else 0, "playhead": song.player.position}[what]
    assert at == pytest.approx(axis.sample_at(side), abs=10 * axis.samples_per_px)
    assert not axis.held


@pytest.mark.engine
def test_following_stops_when_the_user_scrolls_away(qtbot: QtBot, mixed: MainWindow) -> None:
    axis = mixed.timeline.axis
    axis.zoom(0.25, 0)
    mixed.actions_by_id["play"].trigger()
    qtbot.waitUntil(lambda: axis.start > 0 and axis.shows(mixed.player.position), timeout=LIMIT_MS)
    axis.scroll_to(0.0)
    at = mixed.player.position
    assert not axis.shows(at)
    qtbot.waitUntil(lambda: mixed.player.position > at + 4096, timeout=LIMIT_MS)
    assert axis.start == 0.0
    mixed.actions_by_id["play"].trigger()


@pytest.mark.engine
def test_the_wheel_over_headers_scrolls_the_tracks(mixed: MainWindow) -> None:
    for _ in range(12):
        mixed.actions_by_id["add_track"].trigger()
    wheel(mixed.timeline.headers, 20, 40, -2)
    assert mixed.timeline.rows.offset_px > 0


@pytest.mark.engine
def test_a_sweep_of_the_wheel_or_of_a_key_is_one_step(qtbot: QtBot, mixed: MainWindow) -> None:
    before = mixed.document.session
    track = before.tracks[0]
    fader = mixed.timeline.headers.header(track.id).gain
    for _ in range(4):
        wheel(fader, 20, 8, 1)
    assert mixed.document.session.tracks[0].gain == pytest.approx(10 ** (2.0 / 20))
    mixed.actions_by_id["undo"].trigger()
    assert mixed.document.session == before
    mixed.selection.set_track(track.id)
    for _ in range(3):
        press(mixed, Qt.Key.Key_Down, ALT_SHIFT)
    assert mixed.document.session.tracks[0].gain == pytest.approx(10 ** (-1.5 / 20))
    merging = mixed.document._merging
    qtbot.waitUntil(lambda: not merging.isActive(), timeout=LIMIT_MS)
    press(mixed, Qt.Key.Key_Down, ALT_SHIFT)
    mixed.actions_by_id["undo"].trigger()
    assert mixed.document.session.tracks[0].gain == pytest.approx(10 ** (-1.5 / 20)), "a pause ends a sweep"
    mixed.actions_by_id["undo"].trigger()
    assert mixed.document.session == before


@pytest.mark.engine
def test_a_double_click_beside_the_handle_is_one_step_to_the_default(mixed: MainWindow) -> None:
    track = mixed.document.session.tracks[0]
    fader = mixed.timeline.headers.header(track.id).gain
    wheel(fader, 20, 8, -6)
    mixed.document.end_merge()
    lower = mixed.document.session
    QTest.mouseClick(fader, Qt.MouseButton.LeftButton)
    QTest.mouseDClick(fader, Qt.MouseButton.LeftButton)
    assert mixed.document.session.tracks[0].gain == 1.0
    mixed.actions_by_id["undo"].trigger()
    assert mixed.document.session == lower


@pytest.mark.engine
def test_a_click_on_the_mix_or_on_the_heatmap_seeks(mixed: MainWindow) -> None:
    axis = mixed.timeline.axis
    QTest.mouseClick(mixed.timeline.master, Qt.MouseButton.LeftButton, pos=mixed.timeline.master.rect().center())
    assert mixed.player.position == axis.sample_at(mixed.timeline.master.rect().center().x())
    plot = heatmap(mixed).viewport()
    QTest.mouseClick(plot, Qt.MouseButton.LeftButton, pos=plot.rect().topLeft() + plot.rect().center() / 2)
    assert mixed.player.position == axis.sample_at((plot.rect().topLeft() + plot.rect().center() / 2).x())


@pytest.mark.engine
def test_the_heatmap_takes_its_level_from_the_session_it_shows(qtbot: QtBot, mixed: MainWindow) -> None:
    plot = heatmap(mixed)
    assert plot.level > 0
    mixed.document.replace(type(mixed.document.session)(), None)
    assert plot.shown_values(0) is None
    assert plot.level == 1.0


@pytest.mark.engine
def test_a_session_larger_than_its_room_is_rendered_around_the_playhead(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    store = window.rendering.store
    store._max_bytes = 3_000_000  # some four of the seven chunks
    path = write_audio(tmp_path / "long.wav", noise(3, 14 * 44_100))
    window.open_paths([path])
    wait_imported(qtbot, window)
    states = lambda: [window.rendering.state(index) for index in range(len(window.rendering.update_plan().chunks))]  # noqa: E731
    qtbot.waitUntil(lambda: states().count(ChunkState.RENDERED) >= 3, timeout=LIMIT_MS)
    qtbot.waitUntil(lambda: not store.missing(window.rendering.update_plan()), timeout=LIMIT_MS)
    assert states()[0] is ChunkState.RENDERED
    assert states()[-1] is ChunkState.STALE
    window.transport.seek(13 * 44_100)
    qtbot.waitUntil(lambda: states()[-2] is ChunkState.RENDERED, timeout=LIMIT_MS)
    mix = export(qtbot, window, tmp_path / "mix.wav")
    assert mix.shape == (1, 14 * 44_100), "an export gets every chunk all the same"
    assert store.nbytes <= 3_000_000


def test_an_engine_that_never_starts_is_reported_and_the_dry_mix_plays(
    qtbot: QtBot, window: MainWindow, stems: list[Path]
) -> None:
    window.rendering._on_event_received(EngineUnusable("the engine ended 3 times in a row: no memory"))
    assert "cannot be rendered: the engine ended 3 times in a row: no memory." in window.messages.text.text()
    assert window.status.engine.text() == "engine not running"


# Playing, pausing, playing again


def test_stopping_returns_and_pausing_stays(qtbot: QtBot, song: MainWindow) -> None:
    song.transport.seek(22_050)
    press(song, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: song.player.position > 30_000, timeout=LIMIT_MS)
    press(song, Qt.Key.Key_Space)
    assert (song.player.playing, song.player.position) == (False, 22_050)
    press(song, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: song.player.position > 30_000, timeout=LIMIT_MS)
    press(song, Qt.Key.Key_P)
    paused = song.player.position
    assert not song.player.playing
    assert paused > 30_000
    assert song.timeline.lanes._playhead == paused
    press(song, Qt.Key.Key_P)
    qtbot.waitUntil(lambda: song.player.position > paused + 5000, timeout=LIMIT_MS)
    assert song.player.playing


def test_play_again_starts_where_playback_last_started(qtbot: QtBot, song: MainWindow) -> None:
    song.transport.seek(22_050)
    press(song, Qt.Key.Key_Space, Qt.KeyboardModifier.ShiftModifier)
    assert song.player.playing
    press(song, Qt.Key.Key_P)
    song.transport.seek(44_100)
    press(song, Qt.Key.Key_P)
    qtbot.waitUntil(lambda: song.player.position > 60_000, timeout=LIMIT_MS)
    press(song, Qt.Key.Key_Space, Qt.KeyboardModifier.ShiftModifier)
    assert 44_100 <= song.player.position < 60_000, "back, without stopping"
    assert song.player.playing
    press(song, Qt.Key.Key_P)
    song.transport.seek(100)
    press(song, Qt.Key.Key_Space, Qt.KeyboardModifier.ShiftModifier)
    assert 44_100 <= song.player.position < 60_000


def test_pinching_zooms_at_the_fingers(song: MainWindow) -> None:
    lanes, axis = song.timeline.lanes, song.timeline.axis
    set_zoom(song, 100.0)
    axis.scroll_to(40_000)
    under = axis.sample_at(250)
    place = QPointF(250, 20)
    pad = QPointingDevice.primaryPointingDevice()
    kind = Qt.NativeGestureType.ZoomNativeGesture
    pinch = QNativeGestureEvent(kind, pad, 2, place, place, QPointF(lanes.mapToGlobal(place)), 0.25, QPointF())
    QApplication.sendEvent(lanes, pinch)
    assert axis.samples_per_px == pytest.approx(80.0)
    assert abs(axis.sample_at(250) - under) <= 1


def test_space_plays_after_a_button_of_the_empty_session_was_pressed(window: MainWindow) -> None:
    """The buttons vanish with the first track; the keyboard focus must not move on to the next button."""
    hint = window.timeline.empty_hint
    window.timeline.empty_hint.import_clicked.disconnect()
    QTest.mouseClick(next(one for one in hint.findChildren(QPushButton) if one.isVisible()), Qt.MouseButton.LeftButton)
    window.document.apply("Import", edits.add_track)
    assert window.focusWidget() is window.timeline.lanes
    press(window, Qt.Key.Key_Space)
    assert len(window.document.session.tracks) == 1, "the button for new tracks was not pressed"
