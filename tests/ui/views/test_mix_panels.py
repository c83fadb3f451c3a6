"""Spectrogram, trajectory and channel levels: compared with what the mix and its latents give by other means."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QDockWidget, QLabel
from pytestqt.qtbot import QtBot

from lincae_studio.session import edits
from lincae_studio.session.model import DEFAULT_RATE
from lincae_studio.ui import theme
from lincae_studio.ui.main_window import MainWindow
from lincae_studio.ui.views.levels import LevelsPanel
from lincae_studio.ui.views.spectrogram import (
    FLOOR_DB,
    HIGHEST_HZ,
    HOP,
    LOWEST_HZ,
    ROWS,
    WINDOW,
    SpectrogramPanel,
    row_edges,
    spectrogram,
)
from lincae_studio.ui.views.statistics import latent_statistics
from lincae_studio.ui.views.trajectory import TRAIL, TrajectoryPanel
from tests.helpers import noise, tone
from tests.ui.conftest import LIMIT_MS, PX, set_zoom, wait_rendered
from tests.ui.drive import click, engine_frozen, press
from tests.ui.look import pixels, rgb

ALT = Qt.KeyboardModifier.AltModifier


# The spectrogram


def spectrogram_of(window: MainWindow) -> SpectrogramPanel:
    if window.views.get("spectrogram") is None:
        press(window, Qt.Key.Key_2, ALT)
    found = window.views.get("spectrogram")
    assert isinstance(found, SpectrogramPanel)
    return found


def wait_spectrogram(qtbot: QtBot, window: MainWindow) -> SpectrogramPanel:
    """The view, once the chunks in view are drawn."""
    panel = spectrogram_of(window)
    wait_rendered(qtbot, window)
    plot, chunks = panel.plot, window.rendering.update_plan().audible
    qtbot.waitUntil(
        lambda: all(plot._keys.get(chunk.index) == plot.source.key(chunk.index) for chunk in chunks), timeout=LIMIT_MS
    )
    return panel


def test_a_full_scale_sine_has_0_db_in_the_row_of_its_frequency() -> None:
    edges = row_edges()
    for frequency in (100.0, 1000.0, 12_000.0):
        frequency = round(frequency * WINDOW / 44_100) * 44_100 / WINDOW  # in the middle of a bin
        audio = tone(frequency, WINDOW + HOP, level=1.0).reshape(1, -1)
        levels = spectrogram(audio, 2, DEFAULT_RATE)
        assert levels.shape == (ROWS, 2)
        row = int(np.searchsorted(edges, frequency) - 1)
        assert levels[row - 1 : row + 2].max() == pytest.approx(0.0, abs=1.0), frequency
        assert levels[min(row + 40, ROWS - 1)].max() < -60.0


def test_silence_is_at_the_floor() -> None:
    assert (spectrogram(np.zeros((2, WINDOW), np.float32), 1, DEFAULT_RATE) == FLOOR_DB).all()


def test_rows_are_the_loudest_of_their_frequencies() -> None:
    audio = noise(3, WINDOW + 9 * HOP, channels=2).T
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    levels, edges = spectrogram(audio, 10, DEFAULT_RATE), row_edges()
    frequencies = np.fft.rfftfreq(WINDOW, 1 / 44_100)
    for row in (120, 150, 190):
        inside = frequencies[(frequencies >= edges[row]) & (frequencies < edges[row + 1])]
        assert len(inside) > 1
        waves = np.exp(-2j * np.pi * np.outer(inside / 44_100, np.arange(WINDOW)))
        for column in (0, 9):
            part = audio[:, column * HOP : column * HOP + WINDOW] * window
            amplitudes = 2 * np.abs(waves @ part.T) / window.sum()
            loudest = (amplitudes**2).mean(axis=1).max()
            assert levels[row, column] == pytest.approx(10 * np.log10(loudest), abs=1e-2)


@pytest.mark.engine
def test_the_picture_is_the_spectrogram_of_the_decoded_mix(qtbot: QtBot, song: MainWindow) -> None:
    panel = wait_spectrogram(qtbot, song)
    mix = song.rendering.reader("latent").read(0, song.rendering.update_plan().length + WINDOW)
    lead = (WINDOW - HOP) // 2
    whole = spectrogram(np.pad(mix, ((0, 0), (lead, 0))), song.rendering.update_plan().length // HOP - 1, DEFAULT_RATE)
    columns = song.rendering.update_plan().grid.step_samples // HOP
    for index in (0, 1):
        shown = panel.plot.shown_values(index)
        assert shown is not None
        expected = whole[:, index * columns : (index + 1) * columns]
        np.testing.assert_allclose(shown[:, : expected.shape[1]] + FLOOR_DB, expected, atol=0.3)


@pytest.mark.engine
def test_a_tone_lights_its_row_and_hovering_shows_its_frequency(qtbot: QtBot, song: MainWindow) -> None:
    for track in song.document.session.tracks[::2]:
        song.document.apply("Mute", partial(edits.set_track_mute, track_id=track.id, mute=True))
    set_zoom(song, PX)
    panel = wait_spectrogram(qtbot, song)  # 220 Hz at 0.2 are left
    song.transport.seek(44_100 * 30)
    place = np.log(220.0 / LOWEST_HZ) / np.log(HIGHEST_HZ / LOWEST_HZ)
    plot = panel.plot
    y = round(plot.height() * (1 - place))
    shown = pixels(plot)[:, 100].sum(axis=1)
    assert abs(int(shown.argmax()) - y) <= 3
    texts: list[str] = []
    plot.hovered.connect(texts.append)
    QTest.mouseMove(plot.viewport(), QPoint(100, int(shown.argmax())))
    time, said = texts[-1].splitlines()
    assert time == "0:01.000"
    frequency, level = said.split(" Hz: ")
    assert float(frequency) == pytest.approx(220.0, rel=0.05)
    assert float(level.removesuffix(" dB").replace("−", "-")) == pytest.approx(20 * np.log10(0.2), abs=3.0)
    assert any(texts[-1] == label.text() for label in panel.findChildren(QLabel))
    panel.range_slider.setValue(-30)
    ground = rgb(theme.colors().spectrum[0][1])
    qtbot.waitUntil(lambda: bool((np.abs(pixels(plot)[4, 100] - ground) < 12).all()), timeout=LIMIT_MS)


@pytest.mark.engine
def test_what_waits_is_faded_and_only_what_an_edit_reaches_is_done_again(qtbot: QtBot, song: MainWindow) -> None:
    panel = wait_spectrogram(qtbot, song)
    plot, last = panel.plot, len(song.rendering.update_plan().chunks) - 1
    done: list[object] = []
    plot.source._work.found.connect(done.append)  # type: ignore[attr-defined]
    before = plot.shown_values(last)
    short = song.document.session.tracks[2].clips[0]
    with engine_frozen():
        song.document.apply("Trim", lambda s: edits.trim_clip(s, short.id, 0, 20_000))
        assert plot._items[0].opacity() < 1.0
    wait_spectrogram(qtbot, song)
    assert plot._items[0].opacity() == 1.0
    changed = [chunk.index for chunk in song.rendering.update_plan().audible if plot.source.key(chunk.index) in done]
    assert 0 in changed
    np.testing.assert_array_equal(plot.shown_values(last), before)


@pytest.mark.engine
def test_a_click_on_the_spectrogram_seeks(qtbot: QtBot, song: MainWindow) -> None:
    panel = wait_spectrogram(qtbot, song)
    click(panel.plot.viewport(), 100, 50)
    assert song.player.position == pytest.approx(100 * PX, abs=PX)


def test_views_over_time_keep_their_order_below_the_mix(qtbot: QtBot, song: MainWindow) -> None:
    press(song, Qt.Key.Key_1, ALT)
    spectrogram_of(song)
    press(song, Qt.Key.Key_1, ALT)
    heatmap, spectral = song.views.get("heatmap"), song.views.get("spectrogram")
    splitter = song.timeline.splitter
    assert heatmap is not None
    assert spectral is not None
    assert splitter.indexOf(heatmap) == 2
    assert splitter.indexOf(spectral) == 3
    assert min(splitter.sizes()) > 60
    for view in (heatmap, spectral):
        plot = view.plot  # type: ignore[attr-defined]
        left = plot.mapTo(song, QPoint(0, 0)).x()
        assert left == song.timeline.lanes.mapTo(song, QPoint(0, 0)).x(), "on the axis of the lanes"
        assert plot.width() == song.timeline.lanes.width()


# Statistics and the trajectory


def test_statistics_are_those_of_a_decomposition() -> None:
    parts = [noise(number, 5 * 40).reshape(5, 40) * np.arange(1, 6)[:, None] for number in range(3)]
    whole = np.concatenate(parts, axis=1).astype(np.float64)
    found = latent_statistics([part.astype(np.float32) for part in parts])
    np.testing.assert_allclose(found.mean, whole.mean(axis=1), atol=1e-6)
    np.testing.assert_allclose(found.variance, whole.var(axis=1), rtol=1e-5)
    left, values, _ = np.linalg.svd(whole - whole.mean(axis=1, keepdims=True))
    np.testing.assert_allclose(np.abs(found.components @ left[:, :2]), np.eye(2), atol=1e-5)
    np.testing.assert_allclose(found.explained, (values**2 / (values**2).sum())[:2], rtol=1e-5)
    assert found.frames == 120


def test_one_channel_has_one_component() -> None:
    found = latent_statistics([np.array([[1.0, 2.0, 4.0]], np.float32)])
    np.testing.assert_allclose(found.components, [[1.0], [0.0]])
    np.testing.assert_allclose(found.explained, [1.0, 0.0])


def trajectory_of(qtbot: QtBot, window: MainWindow) -> TrajectoryPanel:
    if window.views.get("trajectory") is None:
        press(window, Qt.Key.Key_4, ALT)
    panel = window.views.get("trajectory")
    assert isinstance(panel, TrajectoryPanel)
    wait_rendered(qtbot, window)
    chunks = window.rendering.update_plan().audible

    def settled() -> bool:
        known = all(panel.places(chunk.index) is not None for chunk in chunks)
        quiet = not panel.statistics._pausing.isActive() and not panel.statistics._work.waiting
        drawn = len(panel.path()[0]) == len(chunks) * window.rendering.update_plan().grid.step
        return known and quiet and drawn and not panel._gathering.isActive()

    qtbot.waitUntil(settled, timeout=LIMIT_MS)
    return panel


def frames_of(window: MainWindow) -> np.ndarray:
    """The latent frames of the mix, `(D, T)`."""
    grid, found = window.rendering.update_plan().grid, []
    for chunk in window.rendering.update_plan().audible:
        rendered = window.rendering.rendered(chunk.index)
        assert rendered is not None
        found.append(rendered.latents.mean(axis=0)[:, grid.lead_frames : grid.lead_frames + grid.step])
    return np.concatenate(found, axis=1)


@pytest.mark.engine
def test_the_path_is_the_frames_on_their_principal_components(qtbot: QtBot, song: MainWindow) -> None:
    panel = trajectory_of(qtbot, song)
    frames = frames_of(song).astype(np.float64)
    statistics = latent_statistics([frames.astype(np.float32)])
    expected = (statistics.components @ (frames - statistics.mean[:, None])).T
    path, _ = panel.path()
    np.testing.assert_allclose(path, expected, atol=1e-3)
    song.transport.seek(44_100)
    _, trail = panel.path()
    here = 44_100 // song.rendering.update_plan().grid.hop
    np.testing.assert_allclose(trail, expected[here + 1 - TRAIL : here + 1], atol=1e-3)
    assert panel.point == pytest.approx(tuple(expected[here]), abs=1e-3)
    song.transport.seek(44_100 * 30)
    assert panel.point is None, "behind the end there is nothing"


@pytest.mark.engine
def test_the_path_follows_an_edit(qtbot: QtBot, song: MainWindow) -> None:
    panel = trajectory_of(qtbot, song)
    before, _ = panel.path()
    song.document.apply("Gain", lambda s: edits.set_track_gain(s, s.tracks[0].id, 0.2))
    panel = trajectory_of(qtbot, song)
    statistics = latent_statistics([frames_of(song)])
    qtbot.waitUntil(
        lambda: (
            panel.statistics.latest is not None
            and bool(np.allclose(panel.statistics.latest.variance, statistics.variance, rtol=1e-3))
        ),
        timeout=LIMIT_MS,
    )
    path, _ = trajectory_of(qtbot, song).path()
    assert path.shape == before.shape
    assert not np.allclose(path, before)


# Channel levels


@pytest.mark.engine
def test_meters_show_the_frame_under_the_playhead(qtbot: QtBot, song: MainWindow) -> None:
    wait_rendered(qtbot, song)
    press(song, Qt.Key.Key_5, ALT)
    panel = song.views.get("levels")
    assert isinstance(panel, LevelsPanel)
    frames = frames_of(song)
    for sample in (0, 44_100, 100_000):
        song.transport.seek(sample)
        assert panel.meters.values is not None
        np.testing.assert_allclose(panel.meters.values, frames[:, sample // 256], atol=1e-7)
        held = panel.meters.held
        assert (held >= np.abs(panel.meters.values) - 1e-7).all()
    meters = panel.meters
    channel = int(np.abs(frames[:, 100_000 // 256]).argmax())
    value = frames[channel, 100_000 // 256]
    x = round((channel + 0.5) * meters.width() / 128)
    middle = meters.height() / 2
    height = min(abs(value) / meters.level, 1.0) * middle
    color = rgb(theme.colors().heat[3 if value > 0 else 1][1])
    drawn = int((np.abs(pixels(meters)[:, x] - color).max(axis=1) < 6).sum())
    assert drawn == pytest.approx(height, abs=3)
    QTest.mouseMove(meters, QPoint(x, 5))
    assert any(f"channel {channel}: {value:+.4f}" in label.text() for label in panel.findChildren(QLabel))
    song.transport.seek(44_100 * 30)
    assert meters.values is None
    assert any("Not rendered yet" in label.text() for label in panel.findChildren(QLabel))


def test_a_panel_is_closed_by_its_button_and_the_choice_is_kept(song: MainWindow) -> None:
    press(song, Qt.Key.Key_5, ALT)
    [dock] = [one for one in song.findChildren(QDockWidget) if one.objectName() == "view_levels"]
    assert song.actions_by_id["view_levels"].isChecked()
    dock.close()
    assert song.views.get("levels") is None
    assert "levels" not in song.preferences.value.views
    assert not song.actions_by_id["view_levels"].isChecked()
