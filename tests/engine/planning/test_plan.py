"""The plan: a pure function of the session, whose keys are equal exactly where the sound is."""

from __future__ import annotations

import random

from hypothesis import given, strategies as st
from msgspec.structs import replace

from lincae_studio.codecs import registry
from lincae_studio.engine.planning.grid import Grid
from lincae_studio.engine.planning.plan import Chunk, Chunks, CodecRef, Plan, Planner, make_plan
from lincae_studio.engine.planning.runs import sources_of_run
from lincae_studio.engine.planning.sources import Source, key_of
from lincae_studio.session import edits, groups
from lincae_studio.session.model import Session
from tests.helpers import made_up_media, plan_of, session_of
from tests.strategies import sessions

MONO = made_up_media(1, 20_000)
OTHER = made_up_media(2, 20_000)
STEREO = made_up_media(3, 20_000, 2)
GRID = Grid(256, 256, 8, 2)


def keys(plan: Plan) -> list[str | None]:
    return [chunk.key if chunk else None for chunk in plan.chunks]


def plan(session: Session) -> Plan:
    return plan_of(session, "mdct-2x", GRID)


@given(sessions(), st.randoms(use_true_random=False))
def test_ids_names_colours_and_the_order_of_tracks_do_not_matter(session: Session, dice: random.Random) -> None:
    tracks = tuple(
        replace(track, id=900 + track.id, parent=track.parent and 900 + track.parent, name="x", color="#000000")
        for track in session.tracks
    )
    stored = tuple(
        replace(one, strips=tuple(replace(strip, id=900 + strip.id) for strip in one.strips))
        for one in session.snapshots
    )
    other = replace(session, tracks=tracks, snapshots=stored, next_id=10_000)
    for track in dice.sample(tracks, len(tracks)):
        other = groups.step_tracks(other, {track.id}, dice.choice((-1, 1)))
    assert keys(plan(other)) == keys(plan(session))
    assert plan(session) == plan(session)


def test_different_ways_to_one_session_give_equal_keys() -> None:
    one = edits.set_track_gain(session_of(MONO, OTHER), 1, 0.5)
    one = edits.move_clips(edits.split_clips(one, {2}, 7000), {5}, 2000)
    other = edits.add_track(edits.add_track(edits.set_codec(Session(), "mdct-2x")))
    other = edits.add_clip(edits.add_clip(other, 2, OTHER, 50), 1, MONO, 123)
    other = edits.move_clips(edits.move_clips(other, {3}, -50), {4}, -123)
    other = edits.add_clip(other, 1, MONO, 2000)
    other = edits.trim_clip(edits.trim_clip(other, 4, 0, 7000), 5, 9000, 22_000)
    other = edits.set_track_gain(edits.set_track_gain(other, 1, 2.0), 1, 0.5)
    assert keys(plan(other)) == keys(plan(one))
    assert any(keys(plan(one)))


def test_undoing_an_edit_restores_the_keys() -> None:
    session = session_of(MONO, OTHER)
    there = edits.move_clips(session, {2}, 777)
    assert keys(plan(there)) != keys(plan(session))
    assert keys(plan(edits.move_clips(there, {2}, -777))) == keys(plan(session))


def test_only_the_chunks_that_an_edit_touches_change() -> None:
    session = edits.move_clips(session_of(MONO, OTHER), {4}, 20_000)
    changed = edits.set_clip_gain(session, {4}, 0.5)
    before, after = keys(plan(session)), keys(plan(changed))
    touched = set(GRID.touching(20_000, 40_000))
    assert {index for index, pair in enumerate(zip(before, after, strict=True)) if pair[0] != pair[1]} == {
        index for index in range(len(before)) if index in touched
    }
    assert len(touched) < len(before)


def test_gains_pans_mutes_and_solos_never_change_a_source() -> None:
    session = session_of(MONO, OTHER)
    sources = {term.key for chunk in plan(session).audible for term in chunk.terms}
    for changed in (
        edits.set_track_gain(session, 1, 0.3),
        edits.set_clip_gain(session, {2}, 0.3),
        edits.set_track_pan(session, 1, -0.4),
        edits.set_track_mute(session, 1, True),
        edits.set_track_solo(session, 1, True),
    ):
        assert {term.key for chunk in plan(changed).audible for term in chunk.terms} <= sources
        assert keys(plan(changed)) != keys(plan(session))


def test_chunks_with_nothing_audible_are_none() -> None:
    session = edits.move_clips(session_of(MONO, OTHER), {4}, 60_000)
    touched = set(GRID.touching(0, 20_000)) | set(GRID.touching(60_000, 80_000))
    assert [chunk is not None for chunk in plan(session).chunks] == [
        index in touched for index in range(GRID.count(80_000))
    ]
    for silent in (
        edits.set_track_mute(edits.set_track_mute(session, 1, True), 3, True),
        edits.set_track_gain(edits.set_clip_gain(session, {2}, 0.0), 3, 0.0),
        edits.set_track_mute(edits.set_track_solo(session, 1, True), 1, True),
    ):
        assert plan(silent).audible == []
        assert plan(silent).length == session.length
    assert len(plan(Session()).chunks) == 0


def test_a_mono_mix_has_one_bus() -> None:
    result = plan(session_of(MONO, OTHER))
    assert result.channels == 1
    assert {chunk.buses for chunk in result.audible} == {1}
    assert {len(term.coefficients) for chunk in result.audible for term in chunk.terms} == {1}


def test_where_both_buses_agree_they_are_decoded_once() -> None:
    session = session_of(MONO, OTHER)
    panned = edits.set_track_pan(edits.move_clips(session, {4}, 60_000), 3, 0.5)
    result = plan(panned)
    assert result.channels == 2
    for chunk in result.audible:
        assert chunk.buses == (1 if chunk.index in GRID.touching(0, 20_000) else 2)
    centre = keys(plan(edits.move_clips(session, {4}, 60_000)))
    assert [key for key, chunk in zip(keys(result), result.chunks, strict=True) if chunk and chunk.buses == 1] == [
        key for key in centre if key is not None and key in keys(result)
    ]


def test_stereo_media_have_a_source_for_each_channel_on_its_own_bus() -> None:
    result = plan(session_of(STEREO))
    for chunk in result.audible:
        assert sorted((term.source.channel, term.coefficients) for term in chunk.terms) == [
            (0, (1.0, 0.0)),
            (1, (0.0, 1.0)),
        ]
    left = plan(edits.set_track_pan(session_of(STEREO), 1, -1.0))
    assert {term.source.channel for chunk in left.audible for term in chunk.terms} == {0}


def test_the_codec_the_grid_and_the_coefficients_are_part_of_the_key() -> None:
    session = session_of(MONO)
    seen = {
        plan_of(session, "mdct-2x", GRID).audible[0].key,
        plan_of(session, "mdct-1x", GRID).audible[0].key,
        plan_of(session, "mdct-2x", Grid(256, 256, 9, 2)).audible[0].key,
        plan(edits.set_track_gain(session, 1, 0.999)).audible[0].key,
    }
    assert len(seen) == 4


def test_seed_and_index_are_part_of_the_key_only_for_codecs_that_decode_from_noise() -> None:
    exact = registry.info("mdct-2x")
    noisy = replace(exact, stochastic=True)
    session = session_of(MONO)
    reseeded = replace(session, seed=5)
    moved = edits.move_clips(session, {2}, 3 * GRID.step_samples)
    assert keys(make_plan(reseeded, exact, GRID)) == keys(make_plan(session, exact, GRID))
    assert set(keys(make_plan(session, exact, GRID))) <= set(keys(make_plan(moved, exact, GRID)))
    assert not set(keys(make_plan(reseeded, noisy, GRID))) & set(keys(make_plan(session, noisy, GRID)))
    assert set(keys(make_plan(session, noisy, GRID))) & set(keys(make_plan(moved, noisy, GRID))) <= {None}


def sources_by_chunk(plan: Plan) -> list[dict[str, Source]]:
    return [{term.key: term.source for term in chunk.terms} if chunk else {} for chunk in plan.chunks]


def test_an_edit_computes_only_the_sources_that_it_changes() -> None:
    session = session_of(MONO, STEREO)
    before = sources_by_chunk(plan(session))
    for changed in (
        edits.set_track_gain(session, 1, 0.3),
        edits.set_clip_gain(session, {2}, 0.3),
        edits.rename_track(session, 1, "another"),
        edits.set_track_pan(session, 1, -0.4),
    ):
        after = sources_by_chunk(plan(changed))
        assert [found.keys() for found in after] == [found.keys() for found in before]
        assert all(after[k][key] is source for k, found in enumerate(before) for key, source in found.items())


@given(st.integers(0, 300_000), st.integers(0, 1000), st.integers(1, 300_000))
def test_sources_are_those_of_each_chunk_however_long_the_clip(start: int, cut: int, length: int) -> None:
    """At any place, over more chunks than are remembered in one run."""
    session = edits.trim_clip(session_of(made_up_media(4, 301_000), start=start), 2, start + cut, start + cut + length)
    result = plan(session)
    touched = [index for index in GRID.touching(start + cut, start + cut + length) if index < len(result.chunks)]
    assert [chunk.index for chunk in result.audible] == touched
    for chunk in result.audible:
        (term,) = chunk.terms
        window = GRID.window_start(chunk.index)
        assert term.source.position == window - start
        assert term.source.first == max(0, start + cut - window)
        assert term.source.last == min(GRID.window_samples, start + cut + length - window)
        assert term.key == key_of(term.source, GRID.window_samples, result.codec.identity)


@given(sessions(), sessions())
def test_a_plan_depends_on_nothing_that_was_planned_before(session: Session, earlier: Session) -> None:
    def plans() -> list[Plan]:
        return [plan(session), plan_of(session, "mdct-1x", GRID), plan_of(session, "mdct-2x", Grid(256, 256, 9, 2))]

    sources_of_run.cache_clear()
    alone = plans()
    sources_of_run.cache_clear()
    plan(earlier)
    assert plans() == alone
    assert plans() == alone


@given(session=sessions(), earlier=sessions(), cut=st.integers(1, 9))
def test_planning_can_be_abandoned_at_any_step(session: Session, earlier: Session, cut: int) -> None:
    planner, codec = Planner(), registry.info("mdct-2x")
    steps = planner.steps(earlier, codec)
    for _ in zip(range(cut), steps, strict=False):
        pass
    assert planner.plan(session, codec) == make_plan(session, codec)


@given(
    audible=st.sets(st.integers(0, 50)), first=st.integers(0, 60), last=st.integers(0, 60), together=st.integers(1, 9)
)
def test_one_chunk_stands_for_those_that_a_pixel_shows(audible: set[int], first: int, last: int, together: int) -> None:
    first, last = min(first, last), max(first, last)
    chunks = Chunks([Chunk(str(n % 7), n, CodecRef("", ""), GRID, 0, 1, ()) for n in audible], 51)
    found = list(chunks.spans(first, last, together))
    begins = range(first // together * together, last + 1, together)
    expected = [min(inside) for begin in begins if (inside := audible & set(range(begin, begin + together)))]
    assert [index for index, _ in found] == [index for index in expected if index <= last]
    assert all(end == (index // together + 1) * together - 1 for index, end in found)
    for key in map(str, range(8)):
        assert [chunk.index for chunk in chunks.with_key(key)] == sorted(n for n in audible if str(n % 7) == key)
    assert chunks.keys == {str(n % 7) for n in audible}
