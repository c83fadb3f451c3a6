"""Spans of time, and ripple editing: what goes, what stays, and what moves with it, for any session."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st
from msgspec.structs import replace

from lincae_studio.engine.rendering.dry_mix import DryMix
from lincae_studio.errors import EditError
from lincae_studio.session import arrange, edits, envelopes, regions, ripple, time_edits
from lincae_studio.session.history import History
from lincae_studio.session.model import MASTER, MIN_LOOP, Clip, Loop, Marker, Point, Session
from lincae_studio.session.ripple import Ripple
from lincae_studio.session.rules import check_change, validated
from lincae_studio.session.time_edits import PasteMode, TimeRange
from tests.helpers import made_up_media
from tests.strategies import envelopes as any_envelope, gains, pans, sessions

#: Where audio begins (counted up) and ends (down): media, its start on the timeline, gain, mute; and the sample.
Events = Counter[tuple[tuple[str, int, float, bool], int]]

FEW = settings(max_examples=40)
places = st.integers(0, 22_000)
modes: st.SearchStrategy[Ripple] = st.sampled_from(["off", "track", "all"])


@st.composite
def ranges(draw: st.DrawFn, session: Session, most: int = 3) -> TimeRange:
    """Some spans on some tracks, or on all."""
    ends = sorted(draw(st.sets(places, min_size=2, max_size=2 * most)))
    spans = tuple((start, end) for start, end in pairwise(ends))[::2]
    tracks = draw(st.none() | st.sets(st.sampled_from([track.id for track in session.tracks]), min_size=1))
    return TimeRange(spans, None if tracks is None else frozenset(tracks))


@st.composite
def cases(draw: st.DrawFn, most: int = 3) -> tuple[Session, TimeRange]:
    """A session with a track or more, some of them locked, and a range."""
    session = draw(sessions(edited=True).filter(lambda session: session.tracks))
    locked = draw(st.sets(st.sampled_from([track.id for track in session.tracks]), max_size=1))
    tracks = tuple(replace(track, locked=track.id in locked) for track in session.tracks)
    session = replace(session, tracks=tracks)
    return session, draw(ranges(session, most))


def without_locked(session: Session, time: TimeRange) -> TimeRange:
    """The range on those of its tracks that may be edited."""
    return TimeRange(time.spans, time.on(session) & ripple.unlocked(session))


def sound(session: Session, keep: Collection[tuple[int, int]] = ((0, 10**9),)) -> dict[int, Events]:
    """What plays on each track, whatever the clips are that it is cut into: where which audio begins and ends."""
    found: dict[int, Events] = {}
    for track in session.tracks:
        events: Events = Counter()
        for clip in track.clips:
            for start, end in keep:
                first, last = max(start, clip.start), min(end, clip.end)
                if first < last:
                    key = clip.media, clip.offset - clip.start, clip.gain, clip.mute
                    events[(key, first)] += 1
                    events[(key, last)] -= 1
        found[track.id] = Counter({event: count for event, count in events.items() if count})
    return found


def outside(spans: Collection[tuple[int, int]]) -> list[tuple[int, int]]:
    ends = [0, *(end for span in spans for end in span), 10**9]
    return [(start, end) for start, end in zip(ends[::2], ends[1::2], strict=True) if end > start]


def closed(at: int, spans: Collection[tuple[int, int]]) -> int:
    """Where a sample goes when the time of spans is gone."""
    return at - sum(max(0, min(at, end) - start) for start, end in spans)


def value(points: tuple[Point, ...], at: int) -> float:
    return envelopes.gain_at(points, at)


@FEW
@given(cases(), modes)
def test_a_delete_removes_what_is_inside_and_undo_brings_it_back(case: tuple[Session, TimeRange], mode: Ripple) -> None:
    session, time = case
    time = without_locked(session, time)
    history = History(session)
    after = time_edits.delete(session, time, mode)
    check_change(session, after)
    history.push("Delete", after)
    if history.undo_text is not None:
        history.undo()
    assert history.session == session
    if mode == "off":
        ids = time.on(session)
        kept = sound(session, outside(time.spans))
        everything = sound(session)
        assert sound(after) == {track: kept[track] if track in ids else everything[track] for track in everything}
        assert [track.gain_points for track in after.tracks] == [track.gain_points for track in session.tracks]


@FEW
@given(cases(), st.sampled_from(["track", "all"]))
def test_ripple_closes_the_time_and_keeps_order_and_spacing(case: tuple[Session, TimeRange], mode: Ripple) -> None:
    session, time = case
    time = without_locked(session, time)
    after = time_edits.delete(session, time, mode)
    moving = ripple.unlocked(session) if mode == "all" else time.on(session)
    for old, new in zip(session.tracks, after.tracks, strict=True):
        if old.id not in moving:
            assert new is old
            continue
        expected: Events = Counter()
        for (key, at), count in sound(replace(session, tracks=(old,)), outside(time.spans))[old.id].items():
            media, shift, gain, mute = key
            moved = closed(at, time.spans)
            expected[((media, shift + at - moved, gain, mute), moved)] += count
        assert sound(replace(after, tracks=(new,)))[old.id] == Counter({e: n for e, n in expected.items() if n})
    if mode == "all":
        ends = [(closed(marker.at, time.spans), closed(marker.end, time.spans)) for marker in session.markers]
        assert [(marker.at, marker.end) for marker in after.markers] == ends
        if after.loop is not None and session.loop is not None:
            assert after.loop.start == closed(session.loop.start, time.spans)
            assert after.loop.end == closed(session.loop.end, time.spans)
    else:
        assert (after.markers, after.loop, after.master) == (session.markers, session.loop, session.master)


@FEW
@given(any_envelope(gains).filter(bool), st.integers(0, 20_000), st.integers(1, 9000), places)
def test_envelopes_keep_their_values_before_and_after_a_cut(
    points: tuple[Point, ...], start: int, length: int, at: int
) -> None:
    after = envelopes.cut(points, start, start + length, envelopes.gain_at)
    old = at if at < start else at + length
    assert value(after, at) == pytest.approx(value(points, old), abs=1e-6)


@FEW
@given(any_envelope(pans).filter(bool), st.integers(0, 20_000), st.integers(1, 9000), places)
def test_envelopes_keep_their_values_around_inserted_time_and_hold_within(
    points: tuple[Point, ...], start: int, length: int, at: int
) -> None:
    after = envelopes.insert(points, start, length, envelopes.line_at)
    old = at if at < start else max(start, at - length)
    assert envelopes.line_at(after, at) == pytest.approx(envelopes.line_at(points, old), abs=1e-6)


@FEW
@given(any_envelope(gains).filter(bool), st.integers(0, 20_000), st.integers(1, 9000), places)
def test_an_envelope_that_is_cut_and_put_back_is_the_same(
    points: tuple[Point, ...], start: int, length: int, at: int
) -> None:
    block = envelopes.section(points, start, start + length, envelopes.gain_at)
    cut = envelopes.cut(points, start, start + length, envelopes.gain_at)
    back = envelopes.insert(cut, start, length, envelopes.gain_at, block)
    assert value(back, at) == pytest.approx(value(points, at), abs=1e-6)


@FEW
@given(cases(most=1), modes)
def test_cut_and_paste_at_the_same_place_restores_the_sound(case: tuple[Session, TimeRange], mode: Ripple) -> None:
    session, time = case
    ids = sorted(time.on(session) & ripple.unlocked(session))
    assume(ids)
    places = [place for place, track in enumerate(session.tracks) if track.id in ids]
    assume(places == list(range(places[0], places[-1] + 1)))
    time = TimeRange(time.spans, frozenset(ids))
    try:
        clipboard = time_edits.copy(session, time)
    except EditError:
        assume(False)
    if mode == "all":  # all tracks lose the time, so they must all be on the clipboard
        assume(set(ids) == ripple.unlocked(session))
    cut = time_edits.delete(session, time, mode)
    how: PasteMode = "insert" if mode != "off" else "replace"
    back = validated(time_edits.paste(cut, clipboard, time.start, places[0], how, mode))
    assert sound(back) == sound(session)
    for old, new in zip(session.tracks, back.tracks, strict=True):
        for at in (0, time.start, time.start + 1, time.end - 1, time.end, 9_000, 30_000):
            assert value(new.gain_points, at) == pytest.approx(value(old.gain_points, at), abs=1e-6)
            assert envelopes.line_at(new.pan_points, at) == pytest.approx(envelopes.line_at(old.pan_points, at))


@FEW
@given(cases())
def test_a_split_at_the_ends_changes_no_sound(case: tuple[Session, TimeRange]) -> None:
    session, time = case
    after = validated(time_edits.split(session, time))
    assert sound(after) == sound(session)
    edges = {end for span in time.spans for end in span}
    for track in after.tracks:
        if track.id in time.on(session):
            assert not any(clip.start < at < clip.end for clip in track.clips for at in edges)


@FEW
@given(cases(), st.integers(-9000, 9000), modes, st.data())
def test_what_follows_a_move_moves_as_far(
    case: tuple[Session, TimeRange], by: int, mode: Ripple, data: st.DataObject
) -> None:
    session, _ = case
    found = [clip for track in session.tracks if not track.locked for clip in track.clips]
    assume(found)
    chosen = data.draw(st.sets(st.sampled_from([clip.id for clip in found]), min_size=1, max_size=2))
    try:
        after = ripple.move_clips(session, chosen, by, 0, mode)
    except EditError:
        return
    check_change(session, after)
    firsts = {
        track.id: min(clip.start for clip in track.clips if clip.id in chosen)
        for track in session.tracks
        if any(clip.id in chosen for clip in track.clips)
    }
    for old, new in zip(session.tracks, after.tracks, strict=True):
        if mode == "all" and not old.locked:
            first = min(firsts.values())
        else:
            first = firsts.get(old.id, 10**9) if mode == "track" else 10**9
        starts = {clip.id: clip.start for clip in new.clips}
        for clip in old.clips:
            moves = clip.id in chosen or clip.start >= first
            assert starts[clip.id] == clip.start + (by if moves else 0)


@FEW
@given(cases(), st.booleans(), st.integers(-4000, 4000), st.sampled_from(["track", "all"]), st.data())
def test_what_follows_a_trim_moves_by_the_change_of_length(
    case: tuple[Session, TimeRange], left: bool, by: int, mode: Ripple, data: st.DataObject
) -> None:
    session, _ = case
    found = [clip for track in session.tracks if not track.locked for clip in track.clips]
    assume(found and by)
    clip = data.draw(st.sampled_from(found))
    edges = (clip.start + by, clip.end) if left else (clip.start, clip.end + by)
    try:
        after = ripple.trim_clips(session, {clip.id: edges}, mode)
    except EditError:
        return
    check_change(session, after)
    new = after.clip(clip.id)
    longer = new.length - clip.length
    assert new.start == clip.start, "it keeps its place"
    ids = ripple.unlocked(session) if mode == "all" else {session.track_of(clip.id).id}
    latest = max(clip.end, clip.start + abs(by))
    for old, other in zip(session.tracks, after.tracks, strict=True):
        starts = {one.id: one.start for one in other.clips}
        for one in old.clips:
            if one.id != clip.id and old.id in ids and one.start >= latest:
                assert starts[one.id] == one.start + longer
            elif one.start < clip.start or old.id not in ids:
                assert starts[one.id] == one.start


@FEW
@given(cases(most=1), places, st.integers(0, 3), st.sampled_from(["track", "all"]))
def test_what_follows_what_is_pasted_moves_by_its_length(
    case: tuple[Session, TimeRange], at: int, first: int, mode: Ripple
) -> None:
    session, time = case
    assume(time_edits.clips_in(session, time))
    copied = time_edits.copy(session, time)
    after = time_edits.paste(session, copied, at, first, "insert", mode)
    check_change(session, after)
    length = copied.end - copied.start
    rows = after.tracks[first : first + len(copied.rows)]
    moving = ripple.unlocked(session) if mode == "all" else {track.id for track in rows}
    pasted = {track.id: row for track, row in zip(rows, copied.rows, strict=True)}
    for old in session.tracks:
        new = after.track(old.id)
        ids = [clip.id for clip in old.clips] if old.id in moving else []
        wanted = Counter(
            clip.start + (length if old.id in moving and clip.start >= at else 0)
            for clip in edits.split_clips(session, ids, at).track(old.id).clips
        )
        wanted.update(at + clip.start - copied.start for clip in pasted.get(old.id, ()))
        assert Counter(clip.start for clip in new.clips) == wanted
    expected_markers = [marker.at + (length if mode == "all" and marker.at >= at else 0) for marker in session.markers]
    assert [marker.at for marker in after.markers] == expected_markers


def row(*clips: tuple[int, int], locked: bool = False) -> Session:
    """A track of clips, each with its start and length, of a file of 9,000 samples."""
    media = made_up_media(1, 9_000)
    session = edits.add_track(edits.add_media(Session(), media))
    for start, length in clips:
        session = edits.add_clip(session, 1, media, start)
        session = edits.trim_clip(session, session.next_id - 1, start, start + length)
    return replace(session, tracks=(replace(session.tracks[0], locked=locked),))


def laid(session: Session) -> list[tuple[int, int]]:
    return [(clip.start, clip.end) for clip in session.clips()]


def test_deleted_clips_close_their_time() -> None:
    session = row((0, 100), (90, 110), (200, 50), (300, 50))
    ids = [clip.id for clip in session.clips()]
    assert laid(ripple.remove_clips(session, ids[1:3], "track")) == [(0, 100), (140, 190)]
    assert laid(ripple.remove_clips(session, ids[1:3], "off")) == [(0, 100), (300, 350)]


def test_what_lies_between_moved_clips_follows_the_first_of_them() -> None:
    session = row((0, 100), (200, 100), (400, 100))
    first, _, last = (clip.id for clip in session.clips())
    for mode in ("track", "all"):
        assert laid(ripple.move_clips(session, [first, last], 50, 0, mode)) == [(50, 150), (250, 350), (450, 550)]


def test_a_region_to_the_end_stays_one() -> None:
    session = regions.solo(row((0, 9_000)), MASTER, 0, 1, "x", "x")
    session = regions.solo(session, 1, 0, 1, "x", "x")
    for after in (
        time_edits.delete(session, TimeRange(((1000, 2000),)), "all"),
        time_edits.insert_time(session, 1000, 500, None),
    ):
        assert all(regions.is_solo(region) for _, region in regions.all_regions(after))


def test_sections_shrink_and_grow_with_their_time() -> None:
    spans = ((100, 5000), (1200, 600), (1500, 1000), (2000, 1000))
    markers = tuple(Marker(id=50 + n, at=at, length=length, name="x") for n, (at, length) in enumerate(spans))
    session = replace(row((0, 9_000)), markers=markers, next_id=60)
    cut = time_edits.delete(session, TimeRange(((1000, 2000),)), "all")
    assert [(marker.at, marker.length) for marker in cut.markers] == [(100, 4000), (1000, 0), (1000, 500), (1000, 1000)]
    longer = time_edits.insert_time(session, 2000, 300, None)
    assert [(one.at, one.length) for one in longer.markers] == [(100, 5300), (1200, 600), (1500, 1300), (2300, 1000)]


def test_markers_the_loop_and_the_master_move_on_all_tracks() -> None:
    session = row((0, 9_000))
    session = replace(
        session,
        markers=(Marker(id=50, at=100, name="a"), Marker(id=51, at=1500, name="b"), Marker(id=52, at=5000, name="c")),
        loop=Loop(start=4000, end=6000),
        master=replace(session.master, gain_points=(Point(0, 1.0), Point(8000, 0.5))),
        next_id=60,
    )
    time = TimeRange(((1000, 2000),), frozenset({1}))
    after = time_edits.delete(session, time, "all")
    assert [marker.at for marker in after.markers] == [100, 1000, 4000]
    assert after.loop == Loop(start=3000, end=5000)
    assert envelopes.gain_at(after.master.gain_points, 7000) == 0.5
    assert envelopes.gain_at(after.master.gain_points, 1000) == pytest.approx(
        envelopes.gain_at(session.master.gain_points, 2000)
    )
    alone = time_edits.delete(session, time, "track")
    assert (alone.markers, alone.loop, alone.master) == (session.markers, session.loop, session.master)
    short = time_edits.delete(session, TimeRange(((4000, 6000 - MIN_LOOP + 1),)), "all")
    assert short.loop is None, "too little of it is left"


def test_clips_fade_as_far_as_the_selection_reaches_into_them() -> None:
    session = row((1000, 4000), (6000, 2000))
    faded = time_edits.fade(session, TimeRange(((500, 1700),)))
    assert [(clip.fade_in, clip.fade_out) for clip in faded.clips()] == [(700, 0), (0, 0)]
    assert time_edits.fade(session, TimeRange(((1000, 1700),))).clip(session.tracks[0].clips[0].id).fade_in == 700
    faded = time_edits.fade(session, TimeRange(((4000, 6500),)))
    assert [(clip.fade_in, clip.fade_out) for clip in faded.clips()] == [(0, 1000), (500, 0)]
    with pytest.raises(EditError, match="nothing to fade"):
        time_edits.fade(session, TimeRange(((2000, 3000),)))
    with pytest.raises(EditError, match="nothing to copy"):
        time_edits.copy(session, TimeRange(((8500, 9000),)))


def test_pasting_replaces_or_makes_room() -> None:
    session = row((0, 1000), (1000, 2000))
    clipboard = time_edits.copy(session, TimeRange(((500, 1500),), frozenset({1})))
    assert (clipboard.start, clipboard.end) == (500, 1500)
    replaced = time_edits.paste(session, clipboard, 200, 0, "replace")
    assert laid(replaced) == [(0, 200), (200, 700), (700, 1200), (1200, 3000)]
    inserted = time_edits.paste(session, clipboard, 200, 0, "insert")
    assert laid(inserted) == [(0, 200), (200, 700), (700, 1200), (1200, 2000), (2000, 4000)]
    assert laid(time_edits.paste(session, clipboard, 5000, 1, "mix"))[2:] == [(5000, 5500), (5500, 6000)]


def test_a_range_comes_from_clips_and_finds_clips() -> None:
    session = row((100, 1000), (4000, 2000))
    ids = [clip.id for clip in session.clips()]
    time = time_edits.of_clips(session, ids)
    assert time == TimeRange(((100, 6000),), frozenset({1}))
    assert time_edits.clips_in(session, time) == frozenset(ids)
    assert time_edits.clips_in(session, TimeRange(((1100, 4000),))) == frozenset()


class _Audio:
    """Ramps, so that every sample of a file differs."""

    def read(self, digest: str, channel: int, start: int, count: int) -> np.ndarray:
        places = np.arange(start, start + count)
        inside = (places >= 0) & (places < 9_000)
        return np.where(inside, 0.1 + places / 10_000, 0.0).astype(np.float32)


@settings(max_examples=30)
@given(st.integers(0, 32), st.integers(1, 32), modes)
def test_the_mix_is_the_same_after_cut_and_paste(start: int, length: int, mode: Ripple) -> None:
    start, length = 250 * start, 250 * length  # not within a fade that removes a click
    session = row((0, 3_000), (3_500, 2_000), (5_500, 3_000))
    session = edits.set_gain_points(session, 1, [Point(1_000, 1.0), Point(6_000, 0.25), Point(7_000, 1.5)])
    time = TimeRange(((start, start + length),), frozenset({1}))
    try:
        clipboard = time_edits.copy(session, time)
    except EditError:
        return
    cut = time_edits.delete(session, time, mode)
    back = time_edits.paste(cut, clipboard, start, 0, "replace" if mode == "off" else "insert", mode)

    def mix(session: Session) -> np.ndarray:
        return DryMix(session, _Audio()).read(0, 20_000)

    assert not np.allclose(mix(cut), mix(session), atol=1e-6)
    np.testing.assert_allclose(mix(back), mix(session), atol=1e-6)


def test_the_clips_of_another_group_of_edits_stay_the_same_objects() -> None:
    session = edits.add_track(row((0, 1000), (2000, 1000)))
    after = time_edits.delete(session, TimeRange(((0, 500),), frozenset({1})), "track")
    assert after.tracks[1] is session.tracks[1]
    assert isinstance(after.tracks[0].clips[0], Clip)
    assert arrange.copy_clips(after, [clip.id for clip in after.clips()]).span is None
