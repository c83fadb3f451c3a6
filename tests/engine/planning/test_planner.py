"""The planner: its plans equal those of a new planner, and it updates only what changed."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given, strategies as st

from lincae_studio.codecs import registry
from lincae_studio.engine.planning.grid import Grid
from lincae_studio.engine.planning.plan import Plan, Planner, make_plan
from lincae_studio.session import edits
from lincae_studio.session.model import Session
from tests.helpers import made_up_media, session_of
from tests.strategies import sessions

FACTS = registry.info("mdct-2x")
GRID = Grid(256, 256, 8, 2)


def by_value(plan: Plan) -> list[object]:
    """All of each chunk: by themselves chunks go by key and index."""
    return [
        (chunk, chunk.buses, chunk.master, chunk.masks, chunk.terms, chunk.fingerprint) if chunk else None
        for chunk in plan.chunks
    ]


@given(st.lists(sessions(edited=True), min_size=2, max_size=5))
def test_what_was_planned_before_does_not_matter(several: list[Session]) -> None:
    planner = Planner()
    for session in [*several, several[0]]:
        found, fresh = planner.plan(session, FACTS, GRID), make_plan(session, FACTS, GRID)
        assert found == fresh
        assert by_value(found) == by_value(fresh)


def test_older_plans_do_not_change() -> None:
    session = session_of(made_up_media(1, 30_000), made_up_media(2, 30_000))
    planner = Planner()
    first = planner.plan(session, FACTS, GRID)
    expected = by_value(make_plan(session, FACTS, GRID))
    planner.plan(edits.remove_tracks(edits.set_track_gain(session, 1, 0.5), {3}), FACTS, GRID)
    assert by_value(first) == expected


def test_chunks_that_an_edit_does_not_touch_are_the_same_objects() -> None:
    session = session_of(made_up_media(1, 40_000), made_up_media(2, 4000))
    planner = Planner()
    before = planner.plan(session, FACTS, GRID)
    after = planner.plan(edits.set_track_gain(session, session.tracks[1].id, 0.5), FACTS, GRID)
    touched = set(GRID.touching(0, 4000))
    for index, (old, new) in enumerate(zip(before.chunks, after.chunks, strict=True)):
        assert (old is new) == (index not in touched)


def test_another_codec_seed_or_channel_count_starts_over() -> None:
    session = session_of(made_up_media(1, 20_000))
    planner = Planner()
    planner.plan(session, FACTS, GRID)
    other = registry.info("mdct-4x")
    assert planner.plan(session, other, GRID) == make_plan(session, other, GRID)
    panned = edits.set_track_pan(session, session.tracks[0].id, 0.5)
    assert planner.plan(panned, FACTS, GRID) == make_plan(panned, FACTS, GRID)


def test_terms_that_share_a_chunk_may_come_from_one_track_or_two() -> None:
    """The key is that of the sum, however it is written down. (One clip within the other: nothing is crossfaded.)"""
    long, short = made_up_media(1, 20_000), made_up_media(2, 5_000)
    one = edits.add_clip(edits.add_track(Session()), 1, long, 0)
    one = edits.add_clip(one, 1, short, 5000)
    two = edits.add_track(edits.add_track(Session()))
    two = edits.add_clip(edits.add_clip(two, 1, long, 0), 2, short, 5000)
    assert [chunk and chunk.key for chunk in make_plan(one, FACTS, GRID).chunks] == [
        chunk and chunk.key for chunk in make_plan(two, FACTS, GRID).chunks
    ]


def test_the_same_clip_twice_is_not_the_same_as_once() -> None:
    media = made_up_media(1, 5000)
    once = edits.add_clip(edits.add_track(Session()), 1, media, 0)
    twice = edits.add_clip(edits.add_track(once), 3, media, 0)
    for a, b in zip(make_plan(once, FACTS, GRID).chunks, make_plan(twice, FACTS, GRID).chunks, strict=True):
        assert a is not None
        assert b is not None
        assert a.key != b.key
        assert len(b.terms) == 2


def test_chunks_are_a_sequence_that_skips_silence() -> None:
    session = edits.move_clips(session_of(made_up_media(1, 20_000), made_up_media(2, 9_000)), {4}, 90_000)
    plan = make_plan(session, FACTS, GRID)
    listed = list(plan.chunks)
    audible = [chunk for chunk in listed if chunk is not None]
    assert len(listed) == len(plan.chunks) > len(audible) > 2
    assert [plan.chunks[index] for index in range(len(listed))] == listed
    assert plan.chunks[-1] is listed[-1]
    assert plan.chunks[2:9] == tuple(listed[2:9])
    assert plan.audible == audible
    for first, last in ((0, 3), (2, len(listed) + 5), (7, 6)):
        assert list(plan.chunks.between(first, last)) == [c for c in listed[first : last + 1] if c is not None]
    assert plan.chunks.get(len(listed)) is None
    with pytest.raises(IndexError):
        plan.chunks[len(listed)]
    assert plan == make_plan(session, FACTS, GRID)
    assert plan.chunks != make_plan(edits.set_track_gain(session, 1, 0.5), FACTS, GRID).chunks


def test_silence_costs_no_work() -> None:
    """Counted in calls, not seconds: a plan of 24 hours with two clips is as much work as one of two seconds."""
    session = session_of(made_up_media(1, 20_000), made_up_media(2, 9_000))

    def calls(start: int) -> int:
        planner, found = Planner(), 0
        planner.plan(session, FACTS, GRID)
        moved = edits.move_clips(session, {4}, start)

        def count(*_: object) -> None:
            nonlocal found
            found += 1

        sys.setprofile(count)
        planner.plan(moved, FACTS, GRID)
        sys.setprofile(None)
        return found

    step = GRID.step_samples * 64  # so that both are in one run of the cache of sources
    calls(step)
    assert calls(24 * 3600 * 44_100 // step * step - 2 * step) < 1.2 * calls(2 * step)
