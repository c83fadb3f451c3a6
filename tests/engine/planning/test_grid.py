"""The chunk grid: no gap, no sample or frame from a window's unreliable ends, and crossfades that always sum to one."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, strategies as st

from lincae_studio.codecs import registry
from lincae_studio.engine.planning.grid import Grid

FACTS = registry.info("mdct-2x")


@st.composite
def grids(draw: st.DrawFn) -> Grid:
    """Any grid that `Grid.of` would accept."""
    hop = draw(st.integers(1, 64))
    extra = draw(st.integers(0, 4 * hop))
    context = draw(st.sampled_from([0, 1, 3, 12]))
    least = -(-extra // hop) + 2 * context
    overlap = draw(st.integers(max(1, least), least + 4))
    frames = draw(st.integers(2 * overlap, 2 * overlap + 20))
    return Grid(hop, extra, frames, overlap, context)


lengths = st.integers(1, 5000)


@given(grids(), lengths)
def test_weights_sum_to_one_over_the_whole_length(grid: Grid, length: int) -> None:
    total = np.zeros(length)
    for index in range(grid.count(length)):
        lo, hi = max(0, grid.valid(index)[0]), min(length, grid.valid(index)[1])
        total[lo:hi] += grid.weights(index, lo, hi)
    assert np.abs(total - 1.0).max() < 1e-5


@given(grids(), st.integers(0, 5), st.integers(0, 2**33))
def test_crossfades_are_straight_ramps_however_late(grid: Grid, near: int, far: int) -> None:
    for index in (near + 1, far // grid.step_samples + 1):
        valid_start, valid_end = grid.valid(index)
        weights = grid.weights(index, valid_start, valid_end)
        ramp = (np.arange(grid.fade) + 0.5) / grid.fade if grid.fade else np.zeros(0)
        assert np.allclose(weights[: grid.fade], ramp, atol=1e-6)
        assert np.allclose(weights[len(weights) - grid.fade :], ramp[::-1], atol=1e-6)
        assert np.all(weights[grid.fade : len(weights) - grid.fade] == 1.0)
        neighbour = grid.weights(index + 1, valid_end - grid.fade, valid_end)
        assert np.allclose(weights[len(weights) - grid.fade :] + neighbour, 1.0, atol=1e-6)


@given(grids())
def test_weights_of_a_part_are_a_part_of_the_weights(grid: Grid) -> None:
    start, end = grid.valid(3)
    middle = (start + end) // 2
    parts = [grid.weights(3, start, middle), grid.weights(3, middle, end)]
    assert np.array_equal(np.concatenate(parts), grid.weights(3, start, end))


@given(grids(), lengths)
def test_the_count_is_the_minimum_needed(grid: Grid, length: int) -> None:
    count = grid.count(length)
    assert grid.valid(count - 1)[0] < length <= grid.valid(count - 1)[1]
    assert grid.valid(count)[0] >= length
    assert grid.count(0) == 0


@given(grids(), st.integers(0, 5000), st.integers(0, 3000))
def test_touching_and_heard_are_exactly_the_chunks_that_overlap_the_samples(
    grid: Grid, start: int, length: int
) -> None:
    end = start + length
    candidates = range(end // grid.step_samples + grid.window_samples // grid.step_samples + 3)

    def meets(first: int, last: int) -> bool:
        return max(first, start) < min(last, end)

    windows = [k for k in candidates if meets(grid.window_start(k), grid.window_start(k) + grid.window_samples)]
    valid = [k for k in candidates if meets(*grid.valid(k))]
    assert list(grid.touching(start, end)) == windows
    assert list(grid.heard(start, end)) == valid


@given(grids(), st.integers(0, 5000))
def test_the_owner_of_a_sample_has_it_in_its_valid_part(grid: Grid, sample: int) -> None:
    start, end = grid.valid(grid.owner(sample))
    assert start <= sample < end
    assert grid.owner(-5) == 0


@given(grids())
def test_geometry_agrees_with_itself(grid: Grid) -> None:
    assert grid.valid(0)[0] <= 0  # the very first sample does not come from a margin
    start, end = grid.valid(2)
    margin = grid.window_extra + grid.context * grid.hop
    assert start == grid.window_start(2) + margin
    assert end == grid.window_start(2) + grid.window_samples - margin
    assert grid.window_start(3) - grid.window_start(2) == grid.step_samples == grid.step * grid.hop
    assert end - grid.valid(3)[0] == grid.fade >= 0


@given(grids())
def test_the_frames_that_a_chunk_owns_are_reliable(grid: Grid) -> None:
    assert grid.context <= grid.lead_frames
    assert grid.lead_frames + grid.step <= grid.frames - grid.context


def test_grids_without_a_context_are_encoded_as_before_there_was_one() -> None:
    """Keys of renders on disk are made of it."""
    before = {"hop": 4096, "edge": 1536, "frames": 24, "overlap": 2}
    assert msgspec.msgpack.encode(Grid(4096, 1536, 24, 2)) == msgspec.msgpack.encode(before)
    assert msgspec.to_builtins(Grid(4096, 1536, 24, 2, 1)) == {**before, "context": 1}


def test_a_grid_uses_the_codecs_defaults_unless_others_are_given() -> None:
    assert Grid.of(FACTS) == Grid(256, 256, FACTS.chunk_frames, FACTS.overlap_frames)
    assert Grid.of(FACTS, 50, 5) == Grid(256, 256, 50, 5)
    assert Grid.of(FACTS).window_samples == FACTS.window_samples(FACTS.chunk_frames)


def test_a_grid_is_of_the_codecs_that_have_its_windows() -> None:
    """Files of latents are decoded on their own grid, whose margins must be those of the codec."""
    wider = msgspec.structs.replace(FACTS, context=1, overlap_frames=4)
    assert Grid.of(FACTS, 50, 5).is_of(FACTS)
    assert Grid.of(wider).is_of(wider)
    assert not Grid.of(wider).is_of(FACTS)
    assert not Grid.of(FACTS).is_of(wider)


@pytest.mark.parametrize(("frames", "overlap"), [(3, 2), (10, 6), (2, 2)])
def test_chunks_that_cannot_overlap_are_refused(frames: int, overlap: int) -> None:
    with pytest.raises(ValueError, match=f"chunks of {frames} frames cannot overlap by {overlap}"):
        Grid.of(FACTS, frames, overlap)


@pytest.mark.parametrize("grid", [Grid(256, 256, 8, 2), Grid(4096, 1536, 24, 2), Grid(512, 0, 5, 1)])
def test_the_centre_of_a_frame_is_the_middle_of_the_samples_it_is_computed_from(grid: Grid) -> None:
    """A window of one frame has `hop + window_extra` samples, and each frame more begins `hop` later."""
    for index in (0, 3):
        for frame, centre in enumerate(grid.frame_centres(index)):
            first = grid.window_start(index) + frame * grid.hop
            assert centre - first == first + grid.hop + grid.window_extra - centre


@pytest.mark.parametrize(("frames", "overlap"), [(2, 1), (4, 1), (4096, 4000), (3, 2), (1, 0)])
def test_a_session_cannot_choose_chunks_that_would_take_forever(frames: int, overlap: int) -> None:
    """An untrusted project may request a chunk every few samples: the codec's default grid is used instead."""
    info = registry.info("mdct-2x")
    assert Grid.chosen(info, frames, overlap) == Grid.of(info)
    assert Grid(info.hop, info.window_extra, frames, overlap).problem(info)
    assert Grid.chosen(info, 200, 4).frames == 200
    assert Grid.chosen(info, 0, 0) == Grid.of(info)
