"""Rendering: the engine against a second, plain implementation, and against the waveform mix."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from msgspec.structs import replace

from lincae_studio.codecs import registry
from lincae_studio.codecs.base import Array, Codec
from lincae_studio.engine.planning.grid import Grid
from lincae_studio.engine.planning.plan import Chunk, CodecRef, make_plan
from lincae_studio.engine.planning.probes import latents_only
from lincae_studio.engine.rendering.cache import LatentCache
from lincae_studio.engine.rendering.dry_mix import DryMix
from lincae_studio.engine.rendering.stitch import stitch, window_slice
from lincae_studio.errors import CodecError
from lincae_studio.session import edits, groups, regions, snapshots
from lincae_studio.session.excerpt import only_track
from lincae_studio.session.model import MASTER, Point, Region, Session
from tests.engine.reference import reference_render, waveform_mix
from tests.helpers import MemoryAudio, made_up_media, new_renderer, plan_of, render_all, render_plan, session_of
from tests.strategies import SHORT_MEDIA, sessions

READER = MemoryAudio.of(*SHORT_MEDIA)
GRIDS = [Grid(256, 256, frames, overlap) for frames, overlap in ((4, 2), (8, 2), (9, 4), (8, 1), (61, 3))]
grids = st.sampled_from(GRIDS)
codecs = st.sampled_from(["mdct-1x", "mdct-2x", "mdct-4x"])

LONG = made_up_media(11, 30_000)
WIDE = made_up_media(12, 25_000, 2)
LONG_READER = MemoryAudio.of(LONG, WIDE)


def long_session() -> Session:
    session = edits.set_track_pan(session_of(LONG, WIDE, start=137), 1, -0.3)
    return edits.set_track_gain(edits.split_clips(session, {2}, 9_999), 3, 0.4)


@given(sessions(max_start=6_000, edited=True), grids, codecs)
@settings(max_examples=40)
@pytest.mark.slow
def test_the_engine_equals_the_reference(session: Session, grid: Grid, codec_id: str) -> None:
    expected = reference_render(session, READER.audio, codec_id, grid)
    assert np.abs(render_all(session, READER, codec_id, grid) - expected).max(initial=0.0) < 1e-5


def everything(second_master: float, of_group: bool) -> Session:
    """Nested groups, envelopes, regions everywhere, and a morph of two mixes, in which one or all strips differ."""
    session = session_of(*SHORT_MEDIA[:2], start=500)
    session = groups.group_tracks(groups.group_tracks(session, {1}), {3})
    first, second = (session.track(track).parent for track in (1, 3))
    session = groups.group_tracks(session, {first})
    outer = session.track(first).parent
    session = edits.set_gain_points(session, outer, [Point(0, 0.3), Point(6000, 1.2)])
    session = edits.set_track_pan(edits.set_track_solo(session, outer, True), first, -0.5)
    session = edits.set_master_points(session, [Point(1000, 1.0), Point(5000, 0.4)])
    region = Region(id=1, start=1000, end=5000, low=5, high=40, gain=0.2, fade=700, space="mdct-2x/1")
    for number, owner in enumerate((MASTER, 1, 2, first, outer)):
        session = regions.add(session, owner, replace(region, low=5 + 8 * number, keep=number == 3))
    session = snapshots.store(edits.set_master_gain(session, 0.5))
    session = edits.set_track_gain(session, outer, 0.25)
    if not of_group:
        session = edits.set_track_solo(edits.set_track_solo(session, outer, False), second, True)
    session = snapshots.store(edits.set_master_gain(session, second_master))
    session = snapshots.set_morph(session, *(snapshot.id for snapshot in session.snapshots))
    return snapshots.set_morph_points(session, [Point(1000, 0.1), Point(5000, 0.9)])


@pytest.mark.parametrize("second_master", [0.5, 1.5])
@pytest.mark.parametrize("of_group", [True, False])
def test_all_features_together_equal_the_reference(second_master: float, of_group: bool) -> None:
    session = everything(second_master, of_group)
    expected = reference_render(session, READER.audio, "mdct-2x", GRIDS[1])
    assert np.abs(expected).max() > 0.02
    assert np.abs(render_all(session, READER, "mdct-2x", GRIDS[1]) - expected).max() < 1e-5
    dry = DryMix(session, READER).read(0, session.length)
    assert np.abs(dry - waveform_mix(session, READER.audio)).max() < 1e-5


@given(sessions())
@settings(max_examples=30)
def test_the_dry_mix_equals_the_reference(session: Session) -> None:
    dry = DryMix(session, READER)
    expected = waveform_mix(session, READER.audio)
    assert np.abs(dry.read(0, session.length) - expected).max(initial=0.0) < 1e-5
    start = session.length // 3
    assert (
        np.abs(dry.read(start, 1000)[:, : session.length - start] - expected[:, start : start + 1000]).max(initial=0.0)
        < 1e-5
    )


def test_a_slow_envelope_in_latents_is_that_of_the_sound() -> None:
    session = session_of(LONG)
    points = [Point(0, 1.0), Point(LONG.length // 2, 0.1), Point(LONG.length, 0.8)]
    session = edits.set_gain_points(session, 1, points)
    mix = render_all(session, LONG_READER, "mdct-1x")
    dry = DryMix(session, LONG_READER).read(0, session.length)
    assert np.linalg.norm(mix - dry) < 0.02 * np.linalg.norm(dry)
    assert np.linalg.norm(mix) < 0.7 * np.linalg.norm(LONG_READER.read(LONG.digest, 0, 0, LONG.length))


def test_a_subtracted_track_removes_what_another_adds() -> None:
    session = session_of(LONG, WIDE)
    both = edits.add_clip(edits.add_track(session), session.next_id, LONG, 0)
    removed = edits.set_track_subtract(both, session.next_id, True)
    alone = edits.set_track_mute(session, 1, True)
    assert np.abs(render_all(removed, LONG_READER, "mdct-2x") - render_all(alone, LONG_READER, "mdct-2x")).max() < 1e-5


@given(sessions(moving=False), grids)
def test_the_lossless_codec_gives_the_dry_mix(session: Session, grid: Grid) -> None:
    mix = render_all(session, READER, "mdct-1x", grid)
    assert mix.shape == (session.channels, session.length)
    assert np.abs(mix - DryMix(session, READER).read(0, session.length)).max(initial=0.0) < 1e-4


def test_the_first_and_last_samples_are_as_good_as_the_middle() -> None:
    session = session_of(LONG)
    error = np.abs(render_all(session, LONG_READER, "mdct-1x") - LONG_READER.read(LONG.digest, 0, 0, LONG.length))[0]
    for part in (error[:256], error[-256:], error[10_000:10_256]):
        assert part.max() < 1e-6


@pytest.mark.parametrize("codec_id", ["mdct-1x", "mdct-2x", "mdct-4x"])
def test_the_length_and_overlap_of_chunks_are_inaudible(codec_id: str) -> None:
    session = long_session()
    whole = render_all(session, LONG_READER, codec_id, Grid(256, 256, 400, 2))
    for grid in (*GRIDS, None):
        assert np.abs(render_all(session, LONG_READER, codec_id, grid) - whole).max() < 1e-4


@given(sessions(), grids)
@pytest.mark.slow
def test_the_decoded_sum_is_the_sum_of_the_decoded_tracks(session: Session, grid: Grid) -> None:
    total = np.zeros((session.channels, session.length), np.float32)
    for track in filter(session.audible, session.tracks):
        total += render_all(only_track(session, track.id), READER, "mdct-2x", grid)
    assert np.abs(render_all(session, READER, "mdct-2x", grid) - total).max(initial=0.0) < 1e-4


@given(st.integers(-500, 26_000), st.integers(0, 4000))
@settings(max_examples=30)
def test_any_part_of_the_mix_is_that_part_of_the_whole(start: int, count: int) -> None:
    plan = plan_of(long_session(), "mdct-2x", Grid(256, 256, 30, 2))
    renderer = new_renderer(LONG_READER)
    renders = {chunk.key: renderer.render(chunk) for chunk in plan.audible}
    whole = np.pad(render_plan(plan, renderer), ((0, 0), (500, 4000)))

    def part_of(chunk: Chunk, lo: int, hi: int) -> Array:
        return window_slice(plan, renders[chunk.key].audio, chunk.index, lo, hi)

    part = stitch(plan, part_of, start, count)
    assert np.abs(part - whole[:, start + 500 : start + 500 + count]).max(initial=0.0) < 1e-7


def test_rendering_twice_gives_equal_bits() -> None:
    first, second = (render_all(long_session(), LONG_READER, "mdct-2x") for _ in range(2))
    assert np.array_equal(first, second)


def test_renders_have_the_shapes_they_promise() -> None:
    grid = Grid(256, 256, 30, 2)
    for chunk in plan_of(long_session(), "mdct-2x", grid).audible:
        rendered = new_renderer(LONG_READER).render(chunk)
        assert rendered.key == chunk.key
        assert rendered.latents.shape == (chunk.buses, 128, 30)
        assert rendered.audio.shape == (chunk.buses, 31 * 256)
        assert rendered.nbytes == rendered.latents.nbytes + rendered.audio.nbytes


def test_an_unknown_codec_is_a_codec_error() -> None:
    chunk = plan_of(session_of(LONG), "mdct-2x").audible[0]
    renderer = new_renderer(LONG_READER)
    with pytest.raises(CodecError, match="no codec “nope”"):
        renderer.render(Chunk(chunk.key, 0, CodecRef("nope", ""), chunk.grid, 0, 1, chunk.contributions))


def test_a_codec_that_cannot_be_loaded_is_not_read_again_for_every_chunk() -> None:
    loads: list[str] = []

    def broken(codec_id: str, _rate: int) -> Codec:
        loads.append(codec_id)
        raise CodecError("the weights are damaged")

    renderer = new_renderer(LONG_READER, load=broken)
    for chunk in plan_of(session_of(LONG), "mdct-2x", GRIDS[0]).audible:
        with pytest.raises(CodecError, match="damaged"):
            renderer.render(chunk)
    assert loads == ["mdct-2x"]


def test_a_codec_that_became_another_one_under_its_id_is_loaded_again() -> None:
    loaded: list[Codec] = [registry.load("mdct-1x"), registry.load("mdct-4x")]
    renderer = new_renderer(LONG_READER, load=lambda *_: loaded[0])
    session = session_of(LONG)
    first = renderer.render(make_plan(session, replace(loaded[0].info, id="mine")).audible[0])
    second = make_plan(session, replace(loaded[1].info, id="mine")).audible[0]
    with pytest.raises(CodecError, match="replaced"):
        renderer.render(second)
    other = new_renderer(LONG_READER, load=lambda *_: loaded.pop())
    assert other.render(second).latents.shape != first.latents.shape


# What is encoded again, and what is not


def encodes(session: Session, cache: LatentCache, grid: Grid | None = None) -> int:
    renderer = new_renderer(LONG_READER, cache)
    render_plan(plan_of(session, "mdct-2x", grid), renderer)
    return renderer.counters.encodes


def test_whatever_is_slower_than_a_frame_encodes_nothing_again() -> None:
    cache = LatentCache()
    session = long_session()
    assert encodes(session, cache) > 0
    left, right = (clip.id for clip in session.tracks[0].clips)
    for changed in (
        edits.set_track_gain(session, 1, 0.1),
        edits.set_track_pan(session, 1, 0.9),
        edits.set_track_mute(session, 1, True),
        edits.set_track_solo(session, 1, True),
        groups.place_tracks(session, {1}, 2),
        edits.set_clip_gain(edits.set_clip_gain(session, {left}, 0.7), {right}, 0.7),
    ):
        assert encodes(changed, cache) == 0


def test_undo_and_moves_by_whole_steps_encode_nothing_again() -> None:
    cache = LatentCache()
    grid = Grid(256, 256, 30, 2)
    session = edits.move_clips(session_of(LONG), {2}, grid.step_samples)
    encodes(session, cache, grid)
    assert encodes(edits.move_clips(session, {2}, 4 * grid.step_samples), cache, grid) == 0
    assert encodes(edits.move_clips(session, {2}, 1), cache, grid) > 0
    assert encodes(session, cache, grid) == 0


def test_one_stem_used_twice_is_encoded_once() -> None:
    cache = LatentCache()
    grid = Grid(256, 256, 30, 2)
    once = encodes(session_of(LONG), LatentCache(), grid)
    assert encodes(session_of(LONG, LONG), cache, grid) == once


def test_a_trim_encodes_only_the_windows_it_touches() -> None:
    cache = LatentCache()
    grid = Grid(256, 256, 10, 2)
    session = session_of(LONG)
    encodes(session, cache, grid)
    trimmed = edits.trim_clip(session, 2, 0, 29_000)
    assert encodes(trimmed, cache, grid) <= 2


def test_left_and_right_are_decoded_once_where_they_agree() -> None:
    grid = Grid(256, 256, 30, 2)
    for session, buses in ((session_of(LONG), 1), (edits.set_track_pan(session_of(LONG), 1, 0.5), 2)):
        plan = plan_of(session, "mdct-2x", grid)
        renderer = new_renderer(LONG_READER)
        render_plan(plan, renderer)
        assert renderer.counters.decodes == buses * len(plan.audible)


def test_latents_alone_are_those_of_the_render_and_decode_nothing() -> None:
    session = long_session()
    plan = plan_of(session, "mdct-4x", Grid(256, 256, 64, 2))
    renderer = new_renderer(MemoryAudio.of(*session.media))
    alone = renderer.render_many([latents_only(chunk) for chunk in plan.audible])
    assert renderer.counters.decodes == 0
    whole = [renderer.render(chunk) for chunk in plan.audible]
    for latents, rendered, chunk in zip(alone, whole, plan.audible, strict=True):
        np.testing.assert_array_equal(latents.latents, rendered.latents)
        assert latents.audio.shape == (chunk.buses, 0)
        assert latents.key != rendered.key


def test_latents_alone_and_renders_may_come_in_one_batch() -> None:
    session = long_session()
    first, second = plan_of(session, "mdct-4x", Grid(256, 256, 64, 2)).audible[:2]
    renderer = new_renderer(MemoryAudio.of(*session.media))
    one, other = renderer.render_many([first, latents_only(second)])
    assert one.audio.shape[1] > 0
    assert other.audio.shape[1] == 0
