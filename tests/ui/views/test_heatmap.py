"""The latent heatmap: its pixels are the chosen latents through the colour map."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from lincae_studio.engine.planning.plan import Chunk, make_plan
from lincae_studio.engine.planning.probes import latents_only
from lincae_studio.session import edits
from lincae_studio.session.excerpt import only_track
from lincae_studio.ui import theme
from lincae_studio.ui.main_window import MainWindow
from lincae_studio.ui.views.heatmap import HeatmapPanel, HeatmapPlot
from tests.ui.conftest import LIMIT_MS, PX, set_zoom, wait_rendered
from tests.ui.drive import click, engine_frozen, press
from tests.ui.look import drawn, heatmap, pixels, rgb, two_chunks

pytestmark = pytest.mark.engine


def shown_colors(plot: HeatmapPlot, index: int) -> np.ndarray:
    """The colours of a chunk's image as pyqtgraph computed them, `(channels, columns, 3)`."""
    item = plot._items[index]
    item.render()
    image = item.qimage.convertToFormat(QImage.Format.Format_RGB32)
    flat = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine() // 4, 4)
    return flat[:, : image.width(), 2::-1].astype(int)


def colors_of(values: np.ndarray, level: float) -> np.ndarray:
    """Values through the colour map of the theme."""
    stops = [stop for stop, _ in theme.colors().heat]
    table = np.stack([rgb(color) for _, color in theme.colors().heat])
    place = np.clip((values / level + 1) / 2, 0, 1)
    return np.stack([np.interp(place, stops, table[:, channel]) for channel in range(3)], axis=-1)


@pytest.mark.parametrize("samples_per_px", [40.0, 128.0, 700.0, 1100.0])
def test_pixels_are_the_latents_through_the_colour_map(qtbot: QtBot, song: MainWindow, samples_per_px: float) -> None:
    wait_rendered(qtbot, song)
    song.transport.seek(44_100 * 30)
    set_zoom(song, samples_per_px)
    plot, plan = heatmap(song), song.rendering.update_plan()
    rendered = song.rendering.rendered(0)
    assert rendered is not None
    lead = plan.grid.lead_frames
    latents = rendered.latents.mean(axis=0)[:, lead : lead + plan.grid.step]
    np.testing.assert_array_equal(plot.shown_values(0), latents)
    frames = max(1, 2 ** int(np.log2(max(1.0, samples_per_px / 256))))  # in a column: the largest counts
    runs = np.pad(latents, ((0, 0), (0, -latents.shape[1] % frames))).reshape(len(latents), -1, frames)
    image = np.take_along_axis(runs, np.abs(runs).argmax(axis=2)[..., None], axis=2)[..., 0]
    np.testing.assert_array_equal(plot.shown_image(0), image)
    np.testing.assert_allclose(shown_colors(plot, 0), colors_of(image, plot.level), atol=4)
    on_screen = pixels(plot)
    height = on_screen.shape[0]
    for place in (0.05, 0.3, 0.5):
        column = int(place * image.shape[1])
        x = round((column + 0.5) * frames * 256 / samples_per_px)
        if x >= on_screen.shape[1] - 2:
            continue
        for channel in (3, 40, 127):
            y = round(height * (1 - (channel + 0.5) / 128))
            near = on_screen[y - 1 : y + 2, x - 1 : x + 2].reshape(-1, 3)
            expected = colors_of(image[channel, column], plot.level)
            assert np.abs(near - expected).max(axis=1).min() <= 8, (column, channel)


def test_zoomed_out_the_largest_values_are_shown(qtbot: QtBot, song: MainWindow) -> None:
    set_zoom(song, 1100.0)  # 4.3 frames a pixel: runs of 4
    wait_rendered(qtbot, song)
    plot = heatmap(song)
    latents, image = plot.shown_values(0), plot.shown_image(0)
    assert latents is not None
    assert image is not None
    runs = latents.reshape(len(latents), -1, 4)
    largest = np.take_along_axis(runs, np.abs(runs).argmax(axis=2)[..., None], axis=2)[..., 0]
    np.testing.assert_array_equal(image, largest)
    set_zoom(song, 100.0)
    np.testing.assert_array_equal(plot.shown_image(0), latents)


def test_an_edit_redraws_only_the_chunks_it_changes(qtbot: QtBot, song: MainWindow) -> None:
    two_chunks(qtbot, song)
    plot = heatmap(song)
    images = {index: plot.shown_values(index) for index in (0, 1)}
    first = song.document.session.tracks[0].clips[0]
    with engine_frozen():
        song.document.apply("Trim", lambda s: edits.trim_clip(s, first.id, 0, first.end - 1000))
        assert plot.shown_values(1) is images[1], "the last picture is kept until the new one arrives"
        assert plot._items[1].opacity() < 1.0
        assert plot._items[0].opacity() == 1.0
    wait_rendered(qtbot, song)
    assert plot._items[1].opacity() == 1.0
    assert plot.shown_values(0) is images[0]
    assert plot.shown_values(1) is not images[1]


def test_hovering_shows_the_value(qtbot: QtBot, song: MainWindow) -> None:
    wait_rendered(qtbot, song)
    plot = heatmap(song)
    texts: list[str] = []
    plot.hovered.connect(texts.append)
    QTest.mouseMove(plot.viewport(), QPoint(100, plot.height() - 2))
    frame = 100 * PX // 256
    latents = plot.shown_values(0)
    assert latents is not None
    known = [plot.shown_values(index) for index in drawn(plot)]
    energy = np.sum([np.square(values, dtype=np.float64).sum(axis=1) for values in known if values is not None], axis=0)
    share = f"{100 * energy[1] / energy.sum():.1f} % of the energy"
    assert texts[-1] == f"0:01.000, frame {frame}\nchannel 1: {latents[1, frame]:+.4f}, {share}".replace("-", "−")
    shown = [label.text() for label in panel(song).findChildren(QLabel) if label.isVisible()]
    assert texts[-1] in shown
    assert not any("samples per frame" in text for text in shown), "the column does not get longer"
    QTest.mouseMove(plot.viewport(), QPoint(900, 20))
    assert texts[-1] == "", "nothing there"
    assert any("samples per frame" in label.text() for label in panel(song).findChildren(QLabel) if label.isVisible())


def test_fixed_colours_stay_and_are_remembered(qtbot: QtBot, song: MainWindow) -> None:
    wait_rendered(qtbot, song)
    panel = song.views.get("heatmap")
    assert isinstance(panel, HeatmapPanel)
    panel.fixed.setFocus(Qt.FocusReason.TabFocusReason)
    press(song, Qt.Key.Key_Space)
    assert panel.fixed.isChecked()
    level = panel.plot.level
    panel.range_slider.setFocus(Qt.FocusReason.TabFocusReason)
    press(song, Qt.Key.Key_Right)
    fixed = panel.plot.level
    assert fixed > level
    first = song.document.session.tracks[0]
    song.document.apply("Gain", lambda s: edits.set_track_gain(s, first.id, 15.0))
    wait_rendered(qtbot, song)
    values = panel.plot.shown_values(0)
    assert values is not None
    assert np.quantile(np.abs(values), 0.9) > 2 * fixed, "the colours would have followed"
    assert panel.plot.level == fixed
    np.testing.assert_allclose(shown_colors(panel.plot, 0)[0, 0], colors_of(values[0, :1], fixed)[0], atol=4)
    song.actions_by_id["view_heatmap"].trigger()
    song.actions_by_id["view_heatmap"].trigger()
    again = song.views.get("heatmap")
    assert isinstance(again, HeatmapPanel)
    assert again is not panel
    assert again.fixed.isChecked()
    assert again.plot.level == pytest.approx(fixed)
    again.fixed.click()
    wait_rendered(qtbot, song)
    qtbot.waitUntil(lambda: again.plot.level > fixed, timeout=LIMIT_MS)
    assert song.preferences.value.heatmap_level == 0.0


def test_the_range_slider_changes_the_colours(qtbot: QtBot, song: MainWindow) -> None:
    wait_rendered(qtbot, song)
    shown = panel(song)
    level, before = shown.plot.level, shown_colors(shown.plot, 0)
    shown.range_slider.setFocus(Qt.FocusReason.TabFocusReason)
    for _ in range(2):
        press(song, Qt.Key.Key_PageUp)
    assert shown.range_slider.value() == 20
    assert shown.plot.level == pytest.approx(10 * level)
    assert any(f"{shown.plot.level:.3g}" in label.text() for label in shown.findChildren(QLabel))
    after = shown_colors(shown.plot, 0)
    image = shown.plot.shown_image(0)
    assert image is not None
    np.testing.assert_allclose(after, colors_of(image, 10 * level), atol=4)
    assert np.abs(after - before).max() > 100


# What is shown


def panel(window: MainWindow) -> HeatmapPanel:
    found = window.views.get("heatmap")
    assert isinstance(found, HeatmapPanel)
    return found


def order_of(plot: HeatmapPlot) -> np.ndarray:
    """The channels as drawn, from the bottom up."""
    return plot.arranged(np.arange(plot.source.rows, dtype=np.float32)).astype(int)


def values(qtbot: QtBot, window: MainWindow, chunk: int = 0) -> np.ndarray:
    """The values shown for a chunk, once they have arrived."""
    plot = heatmap(window)

    def here() -> bool:
        return plot._keys.get(chunk) == plot.source.key(chunk) and plot.source.key(chunk) is not None

    qtbot.waitUntil(here, timeout=LIMIT_MS)
    found = plot.shown_values(chunk)
    assert found is not None
    return found


def mix_with_mutes(qtbot: QtBot, window: MainWindow, *muted: int) -> np.ndarray:
    """The latents of the mix while these tracks are muted."""
    tracks = [window.document.session.tracks[number].id for number in muted]
    for track in tracks:
        window.document.apply("Mute", partial(edits.set_track_mute, track_id=track, mute=True))
    wait_rendered(qtbot, window)
    rendered, grid = window.rendering.rendered(0), window.rendering.update_plan().grid
    assert rendered is not None
    found = rendered.latents.mean(axis=0)[:, grid.lead_frames : grid.lead_frames + grid.step].copy()
    for _ in tracks:
        window.document.undo()
    return found


def test_a_track_is_shown_as_it_goes_into_the_mix(qtbot: QtBot, song: MainWindow) -> None:
    first = song.document.session.tracks[0].id
    song.document.apply("Gain", lambda s: edits.set_track_gain(s, first, 0.5))
    alone = mix_with_mutes(qtbot, song, 1, 2)
    panel(song).shown_box.setFocus()
    panel(song).shown_box.setCurrentText("a")
    np.testing.assert_allclose(values(qtbot, song), alone, atol=1e-5)
    song.document.apply("Mute", lambda s: edits.set_track_mute(s, first, True))
    np.testing.assert_allclose(values(qtbot, song), alone, atol=1e-5, err_msg="muted or not")
    song.document.apply("Gain", lambda s: edits.set_track_gain(s, first, 1.0))
    np.testing.assert_allclose(values(qtbot, song), 2 * alone, atol=1e-5, err_msg="it follows the fader")


def test_an_empty_session_says_what_to_do(window: MainWindow) -> None:
    assert "Import audio to see its latents" in panel(window)._info.text()
    assert "Drag" not in panel(window)._info.text()


def test_the_selected_track_and_clip_are_followed(qtbot: QtBot, song: MainWindow) -> None:
    wait_rendered(qtbot, song)
    shown = panel(song)
    shown.show_latents(("track", 0))
    song.selection.set_track(None)
    assert any("No track is selected" in label.text() for label in shown.findChildren(QLabel))
    assert heatmap(song).shown_values(0) is None
    each = []
    for number in (0, 1):
        song.selection.set_track(song.document.session.tracks[number].id)
        each.append(values(qtbot, song).copy())
        others = [other for other in (0, 1, 2) if other != number]
        np.testing.assert_allclose(each[-1], mix_with_mutes(qtbot, song, *others), atol=1e-5)
    shown.show_latents(("clip", 0))
    song.selection.set_clips([])
    assert any("Select one clip" in label.text() for label in shown.findChildren(QLabel))
    click(song.timeline.lanes, 60, song.timeline.rows.top(1) + 30)
    np.testing.assert_allclose(values(qtbot, song), each[1], atol=1e-6)


def test_a_difference_is_the_mix_without_a_track(qtbot: QtBot, song: MainWindow) -> None:
    rest = mix_with_mutes(qtbot, song, 1)
    panel(song).show_latents(("mix", 0), ("track", song.document.session.tracks[1].id))
    np.testing.assert_allclose(values(qtbot, song), rest, atol=1e-5)


def test_where_one_side_is_silent_the_other_is_shown(qtbot: QtBot, song: MainWindow) -> None:
    track_a, _, track_c = (track.id for track in song.document.session.tracks)
    panel(song).show_latents(("track", track_a))
    last = len(song.rendering.update_plan().chunks) - 1
    alone = values(qtbot, song, last).copy()
    panel(song).show_latents(("track", track_a), ("track", track_c))
    assert heatmap(song).source.key(last) is not None
    np.testing.assert_array_equal(values(qtbot, song, last), alone)
    panel(song).show_latents(("track", track_c), ("track", track_a))
    np.testing.assert_array_equal(values(qtbot, song, last), -alone)


def test_a_track_that_is_removed_leaves_the_mix(qtbot: QtBot, song: MainWindow) -> None:
    second = song.document.session.tracks[1].id
    panel(song).show_latents(("track", second))
    song.document.apply("Remove", lambda s: edits.remove_tracks(s, [second]))
    assert panel(song).shown_box.currentText() == "Mix"
    wait_rendered(qtbot, song)
    np.testing.assert_array_equal(values(qtbot, song), mix_with_mutes(qtbot, song))


def test_another_codec_is_followed_by_tracks_too(qtbot: QtBot, song: MainWindow) -> None:
    panel(song).show_latents(("track", song.document.session.tracks[1].id))
    values(qtbot, song)
    song.codecs.actions["mdct-4x"].trigger()
    assert values(qtbot, song).shape[0] == 64
    np.testing.assert_allclose(values(qtbot, song), mix_with_mutes(qtbot, song, 0, 2), atol=1e-5)


def part_chunk(window: MainWindow, track: int) -> Chunk:
    """The first chunk of a track by itself."""
    session, shown = window.document.session, window.rendering.update_plan()
    chunk = make_plan(only_track(session, session.tracks[track].id), shown.codec, shown.grid).chunks[0]
    assert chunk is not None
    return chunk


def test_arrived_sums_are_not_requested_again_by_another_view(qtbot: QtBot, song: MainWindow) -> None:
    wait_rendered(qtbot, song)
    came: list[str] = []
    song.rendering.probe_rendered.connect(lambda rendered: came.append(rendered.key))
    panel(song).show_latents(("track", song.document.session.tracks[0].id))
    values(qtbot, song)
    for track in (1, 2):
        other = latents_only(part_chunk(song, track))
        song.rendering.requests.analyse(f"view {track}", [other])
        qtbot.waitUntil(partial(came.__contains__, other.key), timeout=LIMIT_MS)
    wait_rendered(qtbot, song)
    assert len(came) == len(set(came))


def test_a_closed_heatmap_requests_nothing_more(qtbot: QtBot, song: MainWindow) -> None:
    with engine_frozen():
        panel(song).show_latents(("track", song.document.session.tracks[0].id))
        assert song.rendering.requests._analysed
        press(song, Qt.Key.Key_1, Qt.KeyboardModifier.AltModifier)
        assert not song.rendering.requests._analysed


def test_failed_latents_arrive_after_a_retry(qtbot: QtBot, song: MainWindow) -> None:
    wait_rendered(qtbot, song)
    song.rendering.store.set_failed(latents_only(part_chunk(song, 1)).key, "the engine ended")
    panel(song).show_latents(("track", song.document.session.tracks[1].id))
    values(qtbot, song, chunk=1)
    assert heatmap(song).shown_values(0) is None
    song.actions_by_id["retry"].trigger()
    assert values(qtbot, song).any()


def test_selecting_a_clip_does_not_reload_the_selected_track(qtbot: QtBot, song: MainWindow) -> None:
    song.selection.set_track(song.document.session.tracks[0].id)
    panel(song).show_latents(("track", 0))
    before = values(qtbot, song)
    song.selection.set_clips([song.document.session.tracks[1].clips[0].id])
    assert heatmap(song).shown_values(0) is before
    song.selection.set_track(song.document.session.tracks[1].id)
    assert heatmap(song).shown_values(0) is not before


@pytest.mark.slow
def test_changing_the_codec_with_ordered_channels_is_no_error(
    qtbot: QtBot, song: MainWindow, caplog: pytest.LogCaptureFixture
) -> None:
    press(song, Qt.Key.Key_4, Qt.KeyboardModifier.AltModifier)
    wait_rendered(qtbot, song)
    shown = panel(song)
    shown.order.setCurrentIndex(1)

    def ordered(channels: int) -> bool:
        order = order_of(heatmap(song))
        return len(order) == channels and bool((np.diff(order) != 1).any())

    qtbot.waitUntil(partial(ordered, 128), timeout=LIMIT_MS)
    for codec, dim in (("mdct-1x", 256), ("mdct-4x", 64)):
        song.codecs.actions[codec].trigger()
        QTest.mouseMove(heatmap(song).viewport(), QPoint(90, 2))
        shown.order.setCurrentIndex(3 - shown.order.currentIndex())
        wait_rendered(qtbot, song)
        qtbot.waitUntil(partial(ordered, dim), timeout=LIMIT_MS)
    assert not [record for record in caplog.records if "failed" in record.getMessage()]


# The order of channels


@pytest.mark.slow
def test_channels_are_ordered_by_variance_and_by_principal_component(qtbot: QtBot, song: MainWindow) -> None:
    wait_rendered(qtbot, song)
    shown, plot = panel(song), heatmap(song)
    chunks = [plot.source.values(chunk.index) for chunk in song.rendering.update_plan().audible]
    frames = np.concatenate([chunk for chunk in chunks if chunk is not None], axis=1).astype(np.float64)
    left, _, _ = np.linalg.svd(frames - frames.mean(axis=1, keepdims=True), full_matrices=False)
    component = left[:, 0] * np.sign(left[np.abs(left[:, 0]).argmax(), 0])

    def ordered_by(weights: np.ndarray) -> bool:
        known = shown.statistics.latest is not None
        return known and bool((np.diff(weights[order_of(plot)]) >= -1e-9).all())

    for name, weights in (("variance", -frames.var(axis=1)), ("component", component)):
        shown.order.setCurrentIndex(shown.order.findData(name))
        qtbot.waitUntil(partial(ordered_by, weights), timeout=LIMIT_MS)
        order = order_of(plot)
        latents = plot.shown_values(0)
        assert latents is not None
        np.testing.assert_array_equal(plot.shown_image(0), latents[order])
        texts: list[str] = []
        plot.hovered.connect(texts.append)
        QTest.mouseMove(plot.viewport(), QPoint(90 if name == "variance" else 91, plot.height() - 2))
        place = int(1.5 / plot.height() * 128)
        assert f"channel {order[place]}:" in texts[-1]
    shown.order.setCurrentIndex(0)
    np.testing.assert_array_equal(plot.shown_image(0), plot.shown_values(0))


# Showing and closing


def test_alt_1_closes_and_shows_it_and_the_choice_is_kept(qtbot: QtBot, song: MainWindow) -> None:
    wait_rendered(qtbot, song)
    press(song, Qt.Key.Key_1, Qt.KeyboardModifier.AltModifier)
    assert song.views.get("heatmap") is None
    assert song.preferences.value.views == ()
    assert not song.actions_by_id["view_heatmap"].isChecked()
    press(song, Qt.Key.Key_1, Qt.KeyboardModifier.AltModifier)
    assert panel(song).isVisible()
    assert values(qtbot, song).shape[0] == 128
    assert song.timeline.splitter.sizes()[-1] > 150
