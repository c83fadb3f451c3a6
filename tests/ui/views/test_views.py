"""Views over time: the axis, scrolling, ruler, render bar, mix waveform, heatmap, playhead."""

from __future__ import annotations

import multiprocessing
import shutil
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QHelpEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QScrollBar, QToolTip
from pytestqt.qtbot import QtBot

from lincae_studio.engine.rendering.render_store import ChunkState
from lincae_studio.media.peaks import block_peaks
from lincae_studio.session import edits
from lincae_studio.ui import theme
from lincae_studio.ui.main_window import MainWindow
from lincae_studio.ui.model.time_axis import TimeAxis
from lincae_studio.ui.model.track_rows import ROW_PX
from lincae_studio.ui.views.heatmap import HeatmapPlot
from tests.ui.conftest import LIMIT_MS, PX, set_zoom, wait_rendered
from tests.ui.drive import click, drag, engine_frozen, press, wheel
from tests.ui.look import drawn, heatmap, pixels, rgb, two_chunks

#: Tooltips raise themselves, which the offscreen platform cannot.
pytestmark = pytest.mark.qt_log_ignore(r"does not support raise\(\)", extend=True)

CTRL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
NONE = Qt.KeyboardModifier.NoModifier


def scroll_bar(window: MainWindow, name: str) -> QScrollBar:
    return next(bar for bar in window.timeline.findChildren(QScrollBar) if bar.accessibleName() == name)


def move_first_clip(window: MainWindow, by: int) -> None:
    clip = next(iter(window.document.session.clips())).id
    window.document.apply("Move", lambda s: edits.move_clips(s, [clip], by))


# The axis


def axis_of(length: int, width: int = 1000) -> TimeAxis:
    axis = TimeAxis()
    axis.set_width(width)
    axis.set_length(length)
    return axis


def test_zooming_keeps_the_sample_under_the_anchor() -> None:
    axis = axis_of(44_100 * 600)
    axis.scroll_to(44_100 * 200)
    axis.zoom(0.1, 400)
    for factor in (0.5, 0.5, 2.0, 0.01, 7.0):
        under = axis.sample_at(333)
        axis.zoom(factor, 333)
        assert abs(axis.sample_at(333) - under) <= 1
        assert axis.x_of(under) == pytest.approx(333, abs=0.5 / axis.samples_per_px + 1e-6)


def test_the_axis_has_limits() -> None:
    axis = axis_of(44_100 * 60)
    axis.zoom(1e-9, 500)
    assert axis.samples_per_px == 1 / 16
    axis.zoom(1e9, 500)
    assert axis.visible_samples == pytest.approx(2 * 44_100 * 60)
    assert axis.start == 0
    axis.zoom(0.25, 0)
    axis.scroll_to(1e12)
    assert axis.x_of(axis.length) == pytest.approx(500), "the end may be scrolled to the middle"
    axis.scroll_to(-5)
    assert axis.start == 0
    assert axis.sample_at(-100) == 0
    axis.set_length(1000)
    assert axis.start == 0, "nothing is left to scroll to"
    axis.set_width(0)
    assert axis.width_px == 1000


def test_the_axis_announces_only_what_changes() -> None:
    axis = TimeAxis()
    announced = []
    axis.changed.connect(lambda: announced.append(axis.start))
    axis.set_length(1_000_000)
    axis.scroll_to(axis.scroll_range)
    count = len(announced)
    axis.scroll_to(2.0 * axis.scroll_range)
    axis.zoom(1.0, 100.0)
    assert len(announced) == count, "at the end, the wheel repaints nothing"
    axis.scroll_to(0.0)
    assert announced[count:] == [0.0]


def test_fit_and_reveal() -> None:
    axis = axis_of(44_100 * 60)
    axis.zoom(0.01, 0)
    axis.scroll_to(44_100)
    axis.fit()
    assert axis.start == 0
    assert axis.x_of(axis.length) == pytest.approx(1000 / 1.04)
    axis.zoom(0.1, 0)
    axis.reveal(axis.visible_samples / 2)
    assert axis.start == 0, "already visible"
    axis.reveal(44_100 * 30)
    assert axis.x_of(44_100 * 30) == pytest.approx(100, abs=0.5)
    axis.reveal(44_100 * 30 + axis.visible_samples * 0.89)
    assert axis.x_of(44_100 * 30) == pytest.approx(100, abs=0.5)
    empty = axis_of(0)
    empty.fit()
    assert empty.visible_samples == pytest.approx(30 * 44_100)


def test_a_fitted_view_stays_fitted_when_the_width_changes() -> None:
    axis = axis_of(44_100 * 60)
    axis.fit()
    axis.set_width(500)
    assert axis.x_of(axis.length) == pytest.approx(500 / 1.04)
    axis.zoom(0.5, 0)
    zoom = axis.samples_per_px
    axis.set_width(900)
    assert axis.samples_per_px == zoom, "the user has zoomed since"


# Scrolling


def test_the_wheel_zooms_scrolls_in_time_and_scrolls_tracks(song: MainWindow) -> None:
    axis = song.timeline.axis
    for canvas in (song.timeline.lanes, song.timeline.ruler, song.timeline.master, heatmap(song).viewport()):
        set_zoom(song, 100.0)
        axis.scroll_to(40_000)
        under = axis.sample_at(250)
        wheel(canvas, 250, 5, 1, CTRL)
        assert axis.samples_per_px == pytest.approx(100.0 * 2 ** (-1 / 6)), canvas
        assert abs(axis.sample_at(250) - under) <= 1
        wheel(canvas, 250, 5, -1, CTRL)
        assert axis.samples_per_px == pytest.approx(100.0)
        start = axis.start
        wheel(canvas, 250, 5, -1, SHIFT)
        assert axis.start == pytest.approx(start + 0.1 * axis.visible_samples, abs=axis.samples_per_px / 2)
        wheel(canvas, 250, 5, 2, SHIFT)
        assert axis.start == pytest.approx(max(0.0, start - 0.1 * axis.visible_samples), abs=axis.samples_per_px)
    for _ in range(9):
        press(song, Qt.Key.Key_T, CTRL)
    start = axis.start
    song.timeline.rows.set_offset(0)  # a new track is scrolled to
    wheel(song.timeline.lanes, 250, 5, -2)
    assert (song.timeline.rows.offset_px, axis.start) == (80, start)


def test_scroll_bars_follow_and_lead(song: MainWindow) -> None:
    axis, bar = song.timeline.axis, scroll_bar(song, "Scroll in time")
    set_zoom(song, 20.0)
    axis.scroll_to(64_000)
    assert bar.value() == 1000
    assert bar.maximum() == round(axis.scroll_range / 64)
    bar.setValue(500)
    assert axis.start == 32_000
    for _ in range(9):
        press(song, Qt.Key.Key_T, CTRL)
    tracks = scroll_bar(song, "Scroll tracks")
    assert tracks.maximum() == 12 * ROW_PX - song.timeline.lanes.height()
    tracks.setValue(100)
    assert song.timeline.rows.offset_px == 100
    click(song.timeline.lanes, 500, 2 * ROW_PX + 20 - 100)
    assert song.selection.track == song.document.session.tracks[2].id, "clicks find the scrolled track"


def test_zoom_keys_keep_the_playhead_in_place(song: MainWindow) -> None:
    axis = song.timeline.axis
    set_zoom(song, 80.0)
    song.transport.seek(300 * 80)
    press(song, Qt.Key.Key_Equal)
    assert (axis.samples_per_px, axis.x_of(300 * 80)) == pytest.approx((40.0, 300.0))
    press(song, Qt.Key.Key_Minus)
    assert axis.samples_per_px == pytest.approx(80.0)
    press(song, Qt.Key.Key_F, CTRL)
    assert axis.visible_samples == pytest.approx(4 * 44_100 * 1.04)


def test_the_ruler_seeks(song: MainWindow) -> None:
    ruler = song.timeline.ruler
    click(ruler, 123, 10)
    assert song.player.position == 123 * PX
    drag(ruler, (123, 10), (200, 10), release=False)
    assert song.player.position == 200 * PX
    drag(ruler, (200, 10), (-50, 10))
    assert song.player.position == 0
    assert song.document.undo_text == "Import 3 Files", "seeking is no edit"


def test_keys_move_the_playhead(song: MainWindow) -> None:
    for key, modifiers, position in (
        (Qt.Key.Key_Right, NONE, 1),
        (Qt.Key.Key_End, Qt.KeyboardModifier.AltModifier, 6),
        (Qt.Key.Key_Left, NONE, 5),
        (Qt.Key.Key_Home, Qt.KeyboardModifier.AltModifier, 0),
        (Qt.Key.Key_Left, NONE, 0),
        (Qt.Key.Key_End, NONE, 4),
        (Qt.Key.Key_Home, NONE, 0),
    ):
        press(song, key, modifiers)
        assert song.player.position == position * 44_100
    assert song.clock.text() == "0:00.000"


# The playhead


def test_the_playhead_is_at_the_same_position_in_all_views(qtbot: QtBot, song: MainWindow) -> None:
    plot = heatmap(song)
    places = set()
    for x in (37, 311, 640):
        song.transport.seek(x * PX)
        press(song, Qt.Key.Key_A, CTRL | SHIFT)
        for view in (song.timeline.lanes, song.timeline.master, song.timeline.render_bar):
            shown = pixels(view)
            white = np.nonzero((shown == 255).all(axis=2).all(axis=0))[0]
            assert list(white) == [x], view
            places.add(view.mapTo(song, QPoint(0, 0)).x())
        line = plot.mapFromScene(plot.getViewBox().mapViewToScene(_point(plot, x * PX))).x()
        assert line == pytest.approx(x, abs=1)
        places.add(plot.mapTo(song, QPoint(0, 0)).x())
        assert plot._line.value() == x * PX
    assert len(places) == 1, "the views begin at the same x"
    assert plot.width() == song.timeline.lanes.width() == song.timeline.master.width()


def _point(plot: HeatmapPlot, sample: int):  # type: ignore[no-untyped-def]
    from PySide6.QtCore import QPointF

    return QPointF(sample, 1.0)


# The render bar


def bar_tip(window: MainWindow, x: int) -> str:
    bar = window.timeline.render_bar
    place = QPoint(x, 4)
    QApplication.sendEvent(bar, QHelpEvent(QEvent.Type.ToolTip, place, bar.mapToGlobal(place)))
    return QToolTip.text()


def bar_color(window: MainWindow, chunk: int) -> str:
    """The state's colour among those in the middle of a chunk's cell, without its pattern's dark parts."""
    step = window.rendering.update_plan().grid.step_samples
    x = round(window.timeline.axis.x_of(chunk * step + step // 2))
    found = pixels(window.timeline.render_bar)[1:8, x - 6 : x + 6].reshape(-1, 3)
    states = {
        "rendered": theme.colors().state_rendered,
        "stale": theme.colors().state_stale,
        "failed": theme.colors().state_failed,
    }
    hits = [name for name, color in states.items() if (found == rgb(color)).all(axis=1).any()]
    return " ".join(hits)


@pytest.mark.engine
def test_the_render_bar_shows_each_state(qtbot: QtBot, song: MainWindow, cache_dir: Path, tmp_path: Path) -> None:
    song.transport.seek(10 * 44_100)
    two_chunks(qtbot, song)
    last = 1
    step_px = song.rendering.update_plan().grid.step_samples / PX
    assert [bar_color(song, k) for k in (0, 1)] == ["rendered", "rendered"]
    assert bar_tip(song, 20) == "Chunk 0: rendered: the latent mix is heard"
    lost = song.document.session.tracks[0].clips[0]
    with engine_frozen():
        song.document.apply("Trim", lambda s: edits.trim_clip(s, lost.id, 0, lost.length - 1000))
        qtbot.waitUntil(lambda: bar_color(song, last) == "stale", timeout=LIMIT_MS)
        assert bar_color(song, 0) == "rendered", "a trim at the end touches the end only"
        assert "dry mix is heard" in bar_tip(song, round(last * step_px) + 20)
    wait_rendered(qtbot, song)
    assert bar_color(song, last) == "rendered"

    [folder] = [path for path in cache_dir.rglob(lost.media) if path.is_dir()]
    shutil.rmtree(folder)
    with qtbot.waitSignal(song.rendering.engine_changed, timeout=LIMIT_MS):
        multiprocessing.active_children()[0].kill()
    song.document.apply("Trim", lambda s: edits.trim_clip(s, lost.id, 0, lost.length - 3000))
    qtbot.waitUntil(lambda: bar_color(song, last) == "failed", timeout=LIMIT_MS)
    tip = bar_tip(song, round(last * step_px) + 20)
    assert "failed: the dry mix is heard" in tip
    assert "is not in the cache" in tip
    bar_tip(song, round((last + 2) * step_px))  # nothing beyond the end; tooltips leave after a moment
    qtbot.waitUntil(lambda: QToolTip.text() == "", timeout=LIMIT_MS)


@pytest.mark.engine
def test_silent_chunks_are_empty(qtbot: QtBot, song: MainWindow) -> None:
    move_first_clip(song, 20 * 44_100)
    song.timeline.axis.fit()
    wait_rendered(qtbot, song)
    silent = [i for i, chunk in enumerate(song.rendering.update_plan().chunks) if chunk is None]
    assert silent
    assert bar_color(song, silent[2]) == ""
    step = song.rendering.update_plan().grid.step_samples
    assert "silent" in bar_tip(song, round(song.timeline.axis.x_of((silent[2] + 0.5) * step)))


# Sessions that change


@pytest.mark.engine
def test_views_survive_sessions_of_any_length(qtbot: QtBot, song: MainWindow) -> None:
    wait_rendered(qtbot, song)
    plot, master = heatmap(song), song.timeline.master
    whole = song.document.session

    def grab_all() -> None:
        for view in (song.timeline.lanes, song.timeline.ruler, song.timeline.render_bar, master, plot):
            view.grab()

    press(song, Qt.Key.Key_A, CTRL)
    press(song, Qt.Key.Key_Delete)
    grab_all()
    assert not drawn(plot)
    assert master.peaks.pyramid.pages == 0
    bar_tip(song, 20)
    qtbot.waitUntil(lambda: QToolTip.text() == "", timeout=LIMIT_MS)
    QTest.mouseMove(plot.viewport(), QPoint(50, 50))
    press(song, Qt.Key.Key_Z, CTRL)
    assert song.document.session == whole
    assert drawn(plot) == {0, 1, 2}
    move_first_clip(song, 100 * 44_100)
    song.timeline.axis.scroll_to(100 * 44_100)
    grab_all()
    wait_rendered(qtbot, song)
    assert max(drawn(plot)) == len(song.rendering.update_plan().chunks) - 1
    song.timeline.axis.zoom(1e6, 0)
    grab_all()
    press(song, Qt.Key.Key_Z, CTRL)
    assert song.timeline.axis.start == 0
    grab_all()
    assert drawn(plot) == {0, 1, 2}
    expected = song.rendering.reader().read(0, whole.length).T
    blocks = block_peaks(expected)
    np.testing.assert_allclose(master.peaks.pyramid.level_0(0, len(blocks)), blocks, atol=1e-5)
    song.actions_by_id["add_track"].trigger()
    song.document.replace(edits.add_track(whole, "x" * 400), None)
    song.resize(700, 400)
    grab_all()
    assert song.rendering.state(0) is ChunkState.RENDERED
