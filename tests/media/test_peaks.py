"""Peaks pyramids: a pixel never misses a peak, and never shows one that is not near it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from lincae_studio.media.peaks import BLOCK, FACTOR, PeakPyramid, SparsePyramid, block_peaks, sample_columns
from tests.helpers import noise

AUDIO = noise(5, 400_123)[:, 0]


def brute_force(audio: np.ndarray, start: float, per_column: float, count: int, grain: int) -> np.ndarray:
    """Columns widened to multiples of `grain` samples, one by one."""
    columns = np.zeros((count, 2), np.float32)
    for column in range(count):
        first = int(np.floor((start + column * per_column) / grain)) * grain
        last = max(int(np.ceil((start + (column + 1) * per_column) / grain)) * grain, first + grain)
        part = audio[max(0, first) : max(0, last)]
        if len(part):
            columns[column] = part.min(), part.max()
    return columns


def grain_of(pyramid: PeakPyramid, per_column: float) -> int:
    grain, blocks = BLOCK, pyramid.blocks
    while grain * FACTOR <= per_column and blocks > 64 * FACTOR:
        grain *= FACTOR
        blocks = -(-blocks // FACTOR)
    return grain


@pytest.mark.parametrize("count", [1, 255, 256, 257, 10_000])
def test_block_peaks_are_the_extremes_of_each_block(count: int) -> None:
    audio = noise(count, count)[:, 0]
    expected = [(part.min(), part.max()) for part in np.split(audio, range(BLOCK, count, BLOCK))]
    assert np.array_equal(block_peaks(audio), np.array(expected, np.float32))


def test_block_peaks_cover_all_channels() -> None:
    audio = noise(1, 1000, 2)
    both = np.stack([block_peaks(audio[:, 0]), block_peaks(audio[:, 1])])
    assert np.array_equal(block_peaks(audio)[:, 0], both[:, :, 0].min(axis=0))
    assert np.array_equal(block_peaks(audio)[:, 1], both[:, :, 1].max(axis=0))


@pytest.mark.parametrize("per_column", [256.0, 300.7, 1000.0, 1024.0, 4321.5, 20_000.0, 400_123.0])
@pytest.mark.parametrize("start", [0.0, 12_345.6, 390_000.0, -5000.0])
def test_columns_equal_brute_force(per_column: float, start: float) -> None:
    pyramid = PeakPyramid(block_peaks(AUDIO))
    count = 50
    expected = brute_force(AUDIO, start, per_column, count, grain_of(pyramid, per_column))
    assert np.array_equal(pyramid.columns(start, per_column, count), expected)


@given(st.integers(0, len(AUDIO) - 1), st.floats(BLOCK, 50_000.0), st.floats(-20_000.0, 20_000.0))
def test_a_single_loud_sample_is_seen_at_every_zoom(at: int, per_column: float, scroll: float) -> None:
    audio = np.zeros(len(AUDIO), np.float32)
    audio[at] = -1.0
    start = at - scroll
    count = int(abs(scroll) / per_column) + 2
    columns = PeakPyramid(block_peaks(audio)).columns(start, per_column, count)
    column = int(np.floor((at - start) / per_column))
    if 0 <= column < count:
        assert columns[column, 0] == -1.0
    grain = grain_of(PeakPyramid(block_peaks(audio)), per_column)
    seen = np.flatnonzero(columns[:, 0])
    assert np.all(np.abs(seen - column) * per_column <= per_column + grain)


@pytest.mark.parametrize("per_column", [0.25, 1.0, 3.3, 64.0, 255.0])
@pytest.mark.parametrize("start", [0.0, 77.7, -20.0, 900.0])
def test_columns_of_samples_equal_brute_force(per_column: float, start: float) -> None:
    audio = AUDIO[:1000]
    assert np.array_equal(sample_columns(audio, start, per_column, 40), brute_force(audio, start, per_column, 40, 1))


def test_columns_outside_the_source_are_zero() -> None:
    pyramid = PeakPyramid(block_peaks(np.ones(1000, np.float32)))
    assert not pyramid.columns(5000.0, 300.0, 10).any()
    assert not pyramid.columns(-5000.0, 300.0, 10).any()
    assert pyramid.columns(-256.0, 256.0, 6)[:, 1].tolist() == [0, 1, 1, 1, 1, 0]


@given(st.integers(0, len(AUDIO) // BLOCK), st.integers(1, 900))
def test_an_update_equals_a_rebuild(first: int, blocks: int) -> None:
    changed = AUDIO.copy()
    part = changed[first * BLOCK : (first + blocks) * BLOCK]
    part[:] = noise(first, len(part), level=0.1)[:, 0]
    updated = PeakPyramid(block_peaks(AUDIO))
    updated.update(first, block_peaks(part))
    rebuilt = PeakPyramid(block_peaks(changed))
    for per_column in (256.0, 1024.0, 4096.0, 70_000.0):
        count = int(len(AUDIO) / per_column) + 1
        assert np.array_equal(updated.columns(0.0, per_column, count), rebuilt.columns(0.0, per_column, count))


def test_an_update_beyond_the_end_is_cut() -> None:
    pyramid = PeakPyramid(block_peaks(AUDIO))
    pyramid.update(pyramid.blocks - 1, np.full((5, 2), 0.5, np.float32))
    assert pyramid.columns((pyramid.blocks - 1) * BLOCK, BLOCK, 1).tolist() == [[0.5, 0.5]]


def test_a_sparse_pyramid_is_like_a_whole_one() -> None:
    """Where something was set, at every zoom and across the borders of pages; silence has no pages."""
    whole = PeakPyramid(np.zeros((20_000, 2), np.float32))
    sparse = SparsePyramid()
    pairs = np.sort(noise(4, 10_000).reshape(-1, 2), axis=1)
    for first, count in ((10, 300), (4_000, 5_000), (17_000, 1_000)):
        for pyramid in (whole, sparse):
            pyramid.update(first, pairs[:count])
    np.testing.assert_array_equal(sparse.level_0(0, 20_000), whole.level_0)
    for samples_per_column in (BLOCK, 300.0, 3_000.0, 40_000.0):
        for start in (-5_000.0, 0.0, 3_950.0 * BLOCK):
            columns = sparse.columns(start, samples_per_column, 100)
            np.testing.assert_array_equal(columns, whole.columns(start, samples_per_column, 100))
    assert sparse.pages == 4
    sparse.clear(0, 16_000)
    assert sparse.pages == 1
    np.testing.assert_array_equal(sparse.level_0(17_000, 18_000), pairs[:1_000])
    far = 24 * 3600 * 44_100 // BLOCK
    sparse.update(far, pairs[:10])
    assert sparse.pages == 2
    assert not sparse.columns(1e8, 1e7, 300).any()
    assert sparse.columns(far * BLOCK, 1e7, 1).any()
    sparse.clear(0, 2 * far)
    assert sparse.pages == 0
