"""While a fader is held, nothing is rendered that nobody will hear; afterwards everything is, without further input."""

from __future__ import annotations

import time

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from lincae_studio.engine.planning.plan import Plan
from lincae_studio.engine.process.machine import Machine
from lincae_studio.engine.rendering.render_store import RenderStore
from lincae_studio.session import edits
from lincae_studio.ui.main_window import MainWindow
from lincae_studio.ui.rendering import idle_gate, planning, spare_time
from tests.ui.conftest import LIMIT_MS, wait_rendered
from tests.ui.drive import drag, move, press, release, wheel
from tests.ui.look import heatmap, two_chunks

pytestmark = pytest.mark.engine


def keys(plan: Plan) -> set[str]:
    return {chunk.key for chunk in plan.audible}


def kept(store: RenderStore, wanted: set[str]) -> set[str]:
    return {key for key in wanted if store.get(key) is not None}


@pytest.fixture
def narrow(qtbot: QtBot, song: MainWindow) -> MainWindow:
    """Two rendered chunks, drawn from the overview. A pause in a gesture does not count as its end until `pause`."""
    two_chunks(qtbot, song)
    song.timeline.axis.zoom(200.0, 0.0)
    song.rendering._planning._pausing.setInterval(100 * LIMIT_MS)
    return song


def pause(window: MainWindow) -> None:
    """Let the usual time pass from now on."""
    window.rendering._planning._pausing.setInterval(planning._PAUSE_MS)


def shown(window: MainWindow) -> bool:
    """Whether the heatmap and the master lane show the current renders."""
    plan, plot = window.rendering.plan, heatmap(window)
    current = {index for index, key in plot._known.items() if key in keys(plan)}
    peaks = all(window.timeline.master.peaks.shows(chunk) for chunk in plan.audible)
    return current == {chunk.index for chunk in plan.audible} and peaks and not plot._outdated


def test_plans_in_passing_are_not_rendered_and_the_last_one_is(qtbot: QtBot, narrow: MainWindow) -> None:
    rendering, store = narrow.rendering, narrow.rendering.store
    before = keys(rendering.plan)
    fader = narrow.timeline.headers.header(narrow.document.session.tracks[0].id).gain
    drag(fader, (fader.width() // 2, 8), (fader.width() // 2 - 1, 8), release=False)
    passed: set[str] = set()
    for number in range(2, 30):
        move(fader, fader.width() // 2 - number, 8)
        passed |= keys(rendering.update_plan())
        assert store.missing(rendering.plan) == [], "only what stays as it was is asked for"
        QApplication.processEvents()
    release(fader, fader.width() // 2 - 29, 8)
    pause(narrow)
    after = keys(rendering.update_plan())
    assert len(passed - after) > 20
    qtbot.waitUntil(lambda: shown(narrow), timeout=LIMIT_MS)
    assert kept(store, after | before) == after | before
    assert kept(store, passed - after - before) == set()
    narrow.document.undo()
    assert keys(rendering.update_plan()) == before
    assert rendering.progress() == (2, 2), "still there"


@pytest.mark.parametrize("gesture", ["key", "wheel", "drag"])
def test_the_first_edit_of_a_gesture_is_rendered_at_once(qtbot: QtBot, narrow: MainWindow, gesture: str) -> None:
    """A single notch of the wheel, step of a key or movement may be all that follows; the fader is still held here."""
    before = narrow.document.session
    fader = narrow.timeline.headers.header(before.tracks[0].id).gain
    left, width, _ = fader._handle()
    handle = left + width / 2
    if gesture == "key":
        fader.setFocus()
        press(narrow, Qt.Key.Key_Right)
    elif gesture == "wheel":
        wheel(fader, 20, 8, 1)
    else:
        drag(fader, (handle, 8), (handle, 8), release=False)
        move(fader, handle - 9, 8)
    assert narrow.document.session != before
    assert not narrow.rendering._planning.moving
    wait_rendered(qtbot, narrow)
    if gesture == "drag":
        release(fader, handle - 9, 8)


def test_letting_go_renders_the_last_edit_without_a_pause(qtbot: QtBot, narrow: MainWindow) -> None:
    fader = narrow.timeline.headers.header(narrow.document.session.tracks[0].id).gain
    middle = fader.width() // 2
    drag(fader, (middle, 8), (middle - 9, 8), release=False)
    qtbot.waitUntil(lambda: not narrow.rendering.planning, timeout=LIMIT_MS)
    assert narrow.rendering.store.missing(narrow.rendering.plan) == [], "more movements may follow"
    release(fader, middle - 9, 8)
    wait_rendered(qtbot, narrow)


def test_what_is_heard_is_rendered_while_a_fader_moves(qtbot: QtBot, narrow: MainWindow) -> None:
    rendering, store = narrow.rendering, narrow.rendering.store
    press(narrow, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    press(narrow, Qt.Key.Key_L, Qt.KeyboardModifier.ShiftModifier)  # playback must not end on a slow machine
    press(narrow, Qt.Key.Key_Space)
    loop = narrow.document.session.loop
    assert loop is not None
    assert loop.on
    fader = narrow.timeline.headers.header(narrow.document.session.tracks[0].id).gain
    drag(fader, (fader.width() // 2, 8), (fader.width() // 2 - 9, 8), release=False)
    qtbot.waitUntil(lambda: store.absent(rendering.update_plan()) == [], timeout=LIMIT_MS)
    press(narrow, Qt.Key.Key_Escape)
    release(fader, fader.width() // 2 - 9, 8)
    press(narrow, Qt.Key.Key_Space)
    wait_rendered(qtbot, narrow)


@pytest.mark.parametrize("gesture", ["scroll", "clip"])
def test_what_arrives_during_a_gesture_is_shown_after_it(
    qtbot: QtBot, narrow: MainWindow, monkeypatch: pytest.MonkeyPatch, gesture: str
) -> None:
    """What arrives while the view or a clip is moved waits, and needs no event of the user to be shown."""
    monkeypatch.setattr(spare_time, "_PATIENCE_S", LIMIT_MS / 1e3)
    monkeypatch.setattr(idle_gate, "_QUIET_S", LIMIT_MS / 1e3)
    lanes, axis = narrow.timeline.lanes, narrow.timeline.axis

    def go_on() -> None:
        if gesture == "scroll":
            axis.zoom(1.01, 0.0)
        else:
            move(lanes, 5 + axis.start % 7, 20)

    if gesture == "clip":
        drag(lanes, (2, 20), (12, 20), release=False)
    before = keys(narrow.rendering.update_plan())
    first = narrow.document.session.tracks[0].clips[0]  # to a length that the song never had
    narrow.document.apply("Trim", lambda s: edits.trim_clip(s, first.id, 0, 2 * 88_064 + 200))
    store, plan = narrow.rendering.store, narrow.rendering.update_plan()
    assert keys(plan) - before

    def arrived() -> bool:
        go_on()
        return not store.absent(plan)

    qtbot.waitUntil(arrived, timeout=LIMIT_MS)
    for _ in range(5):
        go_on()
        QApplication.processEvents()
    assert not shown(narrow), "drawing comes first"
    if gesture == "clip":
        release(lanes, 12, 20)
        narrow.document.undo()
    monkeypatch.setattr(idle_gate, "_QUIET_S", 0.05)
    narrow.rendering.spare_time._wait(0.0)  # the timer was set for the long pause of above
    qtbot.waitUntil(lambda: shown(narrow), timeout=LIMIT_MS)


@pytest.mark.parametrize("move_view", ["scroll", "zoom", "tracks"])
def test_the_engine_waits_while_the_view_moves_unless_something_is_played(
    qtbot: QtBot, narrow: MainWindow, monkeypatch: pytest.MonkeyPatch, move_view: str
) -> None:
    monkeypatch.setattr(idle_gate, "_QUIET_S", LIMIT_MS / 1e3)
    rendering, lanes = narrow.rendering, narrow.timeline.lanes
    narrow.timeline.axis.zoom(0.1, 0.0)
    rendering.view_gate._moved_at = -LIMIT_MS / 1e3
    assert not rendering._pause_s(time.monotonic())
    if move_view == "tracks":
        for _ in range(20):
            narrow.document.apply("Add Track", edits.add_track)
    modifiers = {"scroll": Qt.KeyboardModifier.ShiftModifier, "zoom": Qt.KeyboardModifier.ControlModifier}
    wheel(lanes, 50, 20, -1, modifiers.get(move_view, Qt.KeyboardModifier.NoModifier))
    assert rendering._pause_s(time.monotonic()) > 0.0
    assert not rendering._pause_s(time.monotonic() - 1.0), "it does not stand still"
    press(narrow, Qt.Key.Key_Space)
    assert not rendering._pause_s(time.monotonic()), "what is heard does not wait"
    press(narrow, Qt.Key.Key_Space)
    assert rendering._pause_s(time.monotonic()) > 0.0
    rendering.set_machine(Machine("elsewhere"))
    assert not rendering._pause_s(time.monotonic()), "another machine does not delay frames here"
