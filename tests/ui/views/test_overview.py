"""The overview of a long session: it shows the latents of largest magnitude."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from lincae_studio.session import edits
from lincae_studio.ui.main_window import MainWindow
from lincae_studio.ui.views.heatmap import HeatmapPlot
from lincae_studio.ui.views.overview import COLUMNS, Overview, pooled
from tests.helpers import noise
from tests.ui.conftest import LIMIT_MS, wait_rendered
from tests.ui.drive import engine_frozen
from tests.ui.look import drawn, heatmap

pytestmark = pytest.mark.engine


def largest(values: np.ndarray) -> np.ndarray:
    """Along the last axis, by magnitude, with its sign; written another way than the code does."""
    order = np.argsort(np.abs(values), axis=-1)
    return np.take_along_axis(values, order[..., -1:], axis=-1)[..., 0]


@pytest.mark.parametrize(
    ("chunks", "columns"),
    [(3, 500), (3, 48), (3, 20), (40, 41), (40, 40), (40, 11), (40, 1), (200, 3), (200, 90), (200, 300)],
)
def test_a_picture_has_the_requested_columns(chunks: int, columns: int) -> None:
    step = 32
    latents = noise(5, 3 * chunks * step).reshape(3, chunks * step)
    overview = Overview(3)
    for index in range(chunks):
        overview.put(index, latents[:, index * step : (index + 1) * step])
    image, per_column = overview.picture(0, chunks, columns)
    width = round(per_column * step)
    count = -(-chunks * step // width)
    assert image.shape == (3, count)
    assert columns <= count < 2 * columns + 1 or count == chunks * COLUMNS
    padded = np.pad(latents, ((0, 0), (0, count * width - chunks * step)))
    np.testing.assert_array_equal(image, largest(padded.reshape(3, count, width)))


def test_chunks_are_replaced_cleared_and_kept() -> None:
    overview = Overview(2)
    one, other = noise(1, 2 * 40).reshape(2, 40), noise(2, 2 * 40).reshape(2, 40)
    overview.put(1, one)
    overview.put(4, other)
    image, _ = overview.picture(0, 5, 5)
    np.testing.assert_array_equal(image[:, 1], largest(one))
    np.testing.assert_array_equal(image[:, 4], largest(other))
    assert not image[:, [0, 2, 3]].any()
    overview.clear(1)
    assert not overview.picture(0, 2, 2)[0].any()


def test_runs_of_any_length_keep_their_largest_values() -> None:
    latents = noise(3, 2 * 23).reshape(2, 23)
    np.testing.assert_array_equal(pooled(latents, 1), latents)
    np.testing.assert_array_equal(pooled(latents, 5)[:, 4], largest(latents[:, 20:]))


def up_to_date(plot: HeatmapPlot) -> bool:
    """Whether everything that it has taken is drawn."""
    return not (plot._unseen.any() or plot._outdated or plot._drawing.isActive())


def test_a_long_session_is_one_picture_of_its_latents(qtbot: QtBot, song: MainWindow) -> None:
    plan = song.rendering.plan
    step = plan.grid.step_samples
    track, media = song.document.session.tracks[0], song.document.session.media[0]
    first = track.clips[0]
    for number in range(1, 30):
        song.document.apply("Copy", partial(edits.add_clip, track_id=track.id, media=media, start=number * 2 * step))
    axis, plot = song.timeline.axis, heatmap(song)
    axis.fit()
    axis.zoom(2.0, 0.0)
    assert step / axis.samples_per_px < 16, "chunks are narrow"
    wait_rendered(qtbot, song)
    qtbot.waitUntil(lambda: bool(plot._current.all()) and up_to_date(plot), timeout=LIMIT_MS)
    assert plot._whole.isVisible()
    assert not drawn(plot)
    image = np.asarray(plot._whole.image)
    rect = plot._whole.mapRectToView(plot._whole.boundingRect())
    plan = song.rendering.plan
    for index in (0, 7, 20):
        latents = plot.shown_values(index)
        assert latents is not None
        left = (index * step - rect.left()) / rect.width() * image.shape[1]
        right = ((index + 1) * step - rect.left()) / rect.width() * image.shape[1]
        np.testing.assert_array_equal(largest(image[:, round(left) : round(right)]), largest(latents))
    with engine_frozen():
        song.document.apply("Gain", lambda s: edits.set_clip_gain(s, {first.id}, 0.5))
        qtbot.waitUntil(lambda: bool((np.asarray(plot._whole.image) != image).any()), timeout=LIMIT_MS)
        qtbot.waitUntil(lambda: up_to_date(plot), timeout=LIMIT_MS)
        faded = np.asarray(plot._whole.image)
        touched = [chunk.index for chunk in song.rendering.plan.audible if song.rendering.rendered(chunk.index) is None]
        assert 0 < len(touched) < 5
        changed = np.flatnonzero((faded != image).any(axis=0))
        columns = image.shape[1] / (rect.width() / step)
        assert changed.min() >= np.floor(min(touched) * columns)
        assert changed.max() <= np.ceil((max(touched) + 1) * columns)
    wait_rendered(qtbot, song)
    axis.zoom(0.02, 0.0)
    assert not plot._whole.isVisible()
    assert drawn(plot)
