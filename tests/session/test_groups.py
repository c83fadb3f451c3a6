"""The order of tracks, and groups of tracks."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st
from msgspec.structs import replace

from lincae_studio.errors import EditError
from lincae_studio.session import edits, excerpt, groups, snapshots
from lincae_studio.session.minus_one import match_track
from lincae_studio.session.model import MAX_DEPTH, Point, Session, Track
from lincae_studio.session.rules import validated
from tests.helpers import made_up_media
from tests.strategies import sessions

IDS = (1, 2, 3, 4, 5)


def session_of() -> Session:
    tracks = tuple(Track(id=number, name=str(number), color="#4fb3bf") for number in IDS)
    return Session(tracks=tracks, next_id=6)


def order(session: Session) -> list[int]:
    return [track.id for track in session.tracks]


def nested() -> Session:
    """7(6(1 2) 3) 4 5."""
    inner = groups.group_tracks(session_of(), {1, 2}, "Drums")
    return validated(groups.group_tracks(inner, {6, 3}, "Rhythm"))


@given(st.sets(st.sampled_from(IDS), min_size=1), st.integers(0, 5))
def test_placed_tracks_stay_in_order_and_next_to_each_other(chosen: set[int], gap: int) -> None:
    before = session_of()
    after = order(groups.place_tracks(before, chosen, gap))
    places = [after.index(track) for track in sorted(chosen)]
    assert places == list(range(places[0], places[0] + len(chosen)))
    assert [track for track in after if track not in chosen] == [track for track in IDS if track not in chosen]
    assert places[0] == sum(track not in chosen for track in IDS[:gap])


@given(st.sets(st.sampled_from(IDS), min_size=1), st.sampled_from((-1, 1)))
def test_stepped_tracks_keep_their_order_and_stop_at_the_end(chosen: set[int], by: int) -> None:
    before = session_of()
    after = before
    for _ in range(6):
        after = groups.step_tracks(after, chosen, by)
        assert [track for track in order(after) if track in chosen] == sorted(chosen)
    ends = order(after)[: len(chosen)] if by < 0 else order(after)[-len(chosen) :]
    assert ends == sorted(chosen)


def test_copies_stand_together_below_the_last_original() -> None:
    after = groups.duplicate_tracks(session_of(), (1, 3))
    assert [track.name for track in after.tracks] == ["1", "2", "3", "1 copy", "3 copy", "4", "5"]
    assert len({track.id for track in after.tracks}) == 7


def parents(session: Session) -> dict[int, int]:
    return {track.id: track.parent for track in session.tracks if track.parent}


def test_tracks_are_grouped_where_the_first_of_them_is() -> None:
    session = groups.group_tracks(session_of(), {4, 2}, "Drums")
    assert order(session) == [1, 6, 2, 4, 3, 5]
    assert parents(session) == {2: 6, 4: 6}
    assert session.track(6).name == "Drums"
    assert groups.group_tracks(session, {1}).track(7).name == "Group 2"


def test_groups_are_nested() -> None:
    session = nested()
    assert order(session) == [7, 6, 1, 2, 3, 4, 5]
    assert parents(session) == {6: 7, 1: 6, 2: 6, 3: 7}
    assert [group.name for group in session.groups_of(1)] == ["Drums", "Rhythm"]
    assert session.group_ids == {6, 7}
    assert session.within({6, 4}) == {6, 1, 2, 4}


def test_a_new_group_is_within_the_groups_that_contain_all_of_its_tracks() -> None:
    inside = groups.group_tracks(nested(), {2, 3})
    assert order(inside) == [7, 8, 2, 3, 6, 1, 4, 5]
    assert parents(inside) == {8: 7, 2: 8, 3: 8, 6: 7, 1: 6}
    outside = groups.group_tracks(nested(), {2, 4})
    assert outside.track(8).parent == 0
    assert parents(outside)[2] == parents(outside)[4] == 8


def test_selecting_a_group_and_a_track_in_it_groups_only_the_group() -> None:
    session = groups.group_tracks(nested(), {7, 1, 4})
    assert order(session) == [8, 7, 6, 1, 2, 3, 4, 5]
    assert parents(session) == {7: 8, 4: 8, 6: 7, 1: 6, 2: 6, 3: 7}


def test_ungrouping_keeps_the_tracks_and_a_group_with_clips() -> None:
    session = groups.ungroup_tracks(nested(), {6})
    assert order(session) == [7, 1, 2, 3, 4, 5]
    assert parents(session) == {1: 7, 2: 7, 3: 7}
    assert parents(groups.ungroup_tracks(nested(), {6, 7})) == {}
    with_clip = edits.add_clip(nested(), 6, made_up_media(1, 100), 0)
    assert order(groups.ungroup_tracks(with_clip, {6})) == [7, 6, 1, 2, 3, 4, 5]
    with pytest.raises(EditError, match="none of these tracks is a group"):
        groups.ungroup_tracks(nested(), {1, 4})


def test_tracks_leave_and_enter_groups() -> None:
    session = groups.move_out(nested(), {1})
    assert order(session) == [7, 6, 2, 1, 3, 4, 5]
    assert parents(session) == {6: 7, 2: 6, 1: 7, 3: 7}
    assert parents(groups.move_out(session, {1})) == {6: 7, 2: 6, 3: 7}
    assert groups.move_out(session, {4}) == session, "it is in no group"
    back = groups.move_in(groups.move_out(nested(), {3}), {3})
    assert back == nested()
    deeper = groups.move_in(nested(), {3})
    assert parents(deeper)[3] == 6
    with pytest.raises(EditError, match="no group above"):
        groups.move_in(nested(), {5})


def test_groups_move_with_their_tracks() -> None:
    session = groups.place_tracks(nested(), {7}, 7)
    assert order(session) == [4, 5, 7, 6, 1, 2, 3]
    assert parents(session) == parents(nested())
    assert order(groups.step_tracks(nested(), {4}, -1)) == [4, 7, 6, 1, 2, 3, 5]
    assert order(groups.step_tracks(nested(), {6}, 1)) == [7, 3, 6, 1, 2, 4, 5]
    assert groups.step_tracks(nested(), {3}, 1) == nested(), "it stays in its group"


def test_the_place_between_two_groups_belongs_to_either() -> None:
    session = nested()  # 7(6(1 2) 3) 4 5
    assert groups.parents_at(session, 0) == (0,)
    assert groups.parents_at(session, 2) == (6,)
    assert groups.parents_at(session, 4) == (6, 7)
    assert groups.parents_at(session, 5) == (7, 0)
    assert groups.parents_at(session, 7) == (0,)
    assert groups.parents_at(session, 3, {2}) == (6, 7), "without the track that is moved, 1 is the last one"
    assert parents(groups.place_tracks(session, {4}, 5, 7))[4] == 7
    assert 4 not in parents(groups.place_tracks(session, {4}, 5)), "it stays in its group, where that is possible"
    assert parents(groups.place_tracks(session, {4}, 3))[4] == 6
    assert 3 not in parents(groups.place_tracks(session, {3}, 5, 0))
    with pytest.raises(EditError, match="cannot be moved into that group"):
        groups.place_tracks(session, {4}, 3, 7)
    with pytest.raises(EditError, match="cannot be moved into that group"):
        groups.place_tracks(session, {7}, 3, 6)


def test_a_group_keeps_its_last_track_when_that_is_moved_within_it() -> None:
    session = groups.group_tracks(session_of(), {2})
    assert groups.place_tracks(session, {2}, 3) == session
    assert parents(groups.place_tracks(session, {2}, 5)) == {}


def test_a_group_is_copied_and_removed_with_its_tracks() -> None:
    session = groups.duplicate_tracks(nested(), {6, 2})
    assert len(session.tracks) == 10
    copy = session.tracks[4]
    assert (copy.name, copy.parent) == ("Drums copy", 7)
    assert [(track.name, track.parent) for track in session.tracks[5:7]] == [("1", copy.id), ("2", copy.id)]
    assert order(edits.remove_tracks(nested(), {7})) == [4, 5]


def test_a_new_track_comes_into_the_group_of_the_place() -> None:
    session = edits.add_track(nested(), "new", 3)
    assert session.tracks[3].parent == 6
    assert edits.add_track(nested(), "new").tracks[-1].parent == 0


def test_a_new_track_comes_below_the_chosen_ones_and_into_their_group() -> None:
    session = nested()
    for chosen in [set(), *({track.id} for track in session.tracks), {track.id for track in session.tracks}]:
        found = groups.add_below(session, chosen)
        [new] = groups.added(session, found)
        kept = [track.id for track in found.tracks if track.id != new]
        assert kept == order(session)
        position = order(found).index(new)
        if not chosen:
            assert (position, found.track(new).parent) == (len(kept), 0)
            continue
        above = found.tracks[position - 1]
        last = [track for track in session.tracks if track.id in chosen][-1]
        if last.id in session.group_ids:
            assert (above.id, found.track(new).parent) == (last.id, last.id)
        else:
            assert found.track(new).parent == last.parent
            assert above.id == last.id


def test_a_new_track_comes_below_a_folded_group() -> None:
    session = nested()
    outer = next(track for track in session.tracks if track.id in session.group_ids)
    folded = groups.fold_groups(session, {outer.id}, True)
    inside = next(track.id for track in session.tracks if outer in session.groups_of(track.id))
    for chosen in (outer.id, inside):
        found = groups.add_below(folded, {chosen})
        [new] = groups.added(folded, found)
        assert found.track(new).parent == outer.parent
        assert new not in found.hidden
        assert order(found).index(new) == order(found).index(outer.id) + len(session.within({outer.id}))


def test_groups_are_folded() -> None:
    session = groups.fold_groups(nested(), {6, 1}, True)
    assert [track.id for track in session.tracks if track.folded] == [6]
    assert groups.fold_groups(session, {6}, False) == nested()


def test_groups_are_not_nested_too_deeply() -> None:
    session = session_of()
    for _ in range(MAX_DEPTH):
        session = validated(groups.group_tracks(session, {1}))
    with pytest.raises(EditError, match="one within the other"):
        groups.group_tracks(session, {1})


@pytest.mark.parametrize("broken", [{1: 9}, {1: 1}, {1: 2}, {3: 1}, {2: 1, 4: 1}], ids=str)
def test_tracks_that_do_not_follow_their_group_are_refused(broken: dict[int, int]) -> None:
    tracks = tuple(replace(track, parent=broken.get(track.id, 0)) for track in session_of().tracks)
    with pytest.raises(EditError, match="does not follow"):
        validated(Session(tracks=tracks, next_id=6))


def test_unknown_tracks_and_places_are_refused() -> None:
    session = session_of()
    for edit in (
        lambda: groups.place_tracks(session, (1, 9), 0),
        lambda: groups.place_tracks(session, (1,), 6),
        lambda: groups.place_tracks(session, (1,), -1),
        lambda: groups.step_tracks(session, (1, 9), 1),
        lambda: groups.add_below(session, (1, 9)),
        lambda: groups.duplicate_tracks(session, (1, 9)),
        lambda: groups.group_tracks(session, (1, 9)),
        lambda: groups.group_tracks(session, ()),
        lambda: groups.ungroup_tracks(session, (1, 9)),
        lambda: groups.move_out(session, (9,)),
        lambda: groups.move_in(session, (9,)),
        lambda: groups.move_in(session, ()),
        lambda: groups.fold_groups(session, (9,), True),
    ):
        with pytest.raises(EditError):
            edit()


# What is heard


def heard(session: Session) -> set[int]:
    return {track.id for track in session.tracks if session.audible(track)}


def test_mute_and_solo_of_a_group_are_those_of_its_tracks() -> None:
    session = nested()  # 7(6(1 2) 3) 4 5
    assert heard(edits.set_track_mute(session, 6, True)) == {7, 3, 4, 5}
    assert heard(edits.set_track_solo(session, 6, True)) == {6, 1, 2}
    assert heard(edits.set_track_solo(session, 1, True)) == {1}, "in groups that are not soloed"
    both = edits.set_track_solo(edits.set_track_solo(session, 7, True), 1, True)
    assert heard(both) == {7, 6, 1, 2, 3}
    muted = edits.set_track_mute(edits.set_track_solo(session, 1, True), 7, True)
    assert heard(muted) == set(), "mute overrides solo"
    assert heard(edits.set_track_mute(edits.set_track_solo(session, 7, True), 2, True)) == {7, 6, 1, 3}


def heard_clips(session: Session) -> set[int]:
    return {clip.id for track in session.tracks if session.audible(track) for clip in track.clips if not clip.mute}


@pytest.mark.parametrize("muted", [(), (1,), (6,), (7,), (6, 7), (1, 6, 7), (3, 7), (5, 6)], ids=str)
def test_a_track_that_is_taken_out_of_the_mix_is_heard_in_muted_groups_alone(muted: tuple[int, ...]) -> None:
    session = nested()  # 7(6(1 2) 3) 4 5
    for number, track_id in enumerate(order(session)):
        session = edits.add_clip(session, track_id, made_up_media(number, 44_100), 0)
    for track_id in muted:
        session = edits.set_track_mute(session, track_id, True)
    [clip] = session.track(1).clips
    after = validated(match_track(session, 1))
    assert after.track(1).subtract
    assert heard_clips(after) == heard_clips(session) | {clip.id}
    assert after.track(4) is session.track(4)


def test_what_is_left_without_a_group_is_heard_although_a_track_in_it_is_soloed() -> None:
    soloed = edits.set_track_solo(nested(), 1, True)
    assert heard(soloed) == {1}
    assert heard(excerpt.without_track(soloed, 7)) == {4, 5}
    assert heard(excerpt.without_track(edits.set_track_solo(soloed, 4, True), 7)) == {4}


def test_a_panned_group_makes_the_mix_stereo() -> None:
    session = edits.add_clip(nested(), 1, made_up_media(1, 100), 0)
    assert session.channels == 1
    assert edits.set_track_pan(session, 7, 0.5).channels == 2
    assert edits.set_pan_points(session, 6, [Point(0, 0.5)]).channels == 2
    assert edits.set_track_pan(session, 4, 0.5).channels == 1, "a track without clips"


def test_what_a_group_adds_to_the_mix() -> None:
    session = edits.set_track_mute(nested(), 2, True)
    assert heard(excerpt.only_group(session, 7)) == {7, 6, 1, 3}
    assert heard(excerpt.only_group(session, 6)) == {6, 1}
    assert heard(excerpt.only_group(edits.set_track_mute(session, 7, True), 6)) == {6, 1}
    soloed = edits.set_track_solo(session, 1, True)
    assert heard(excerpt.only_group(soloed, 7)) == {1}
    assert heard(excerpt.only_group(soloed, 3)) == {3}, "not heard in the mix"
    assert heard(excerpt.only_track(session, 2)) == {2}
    assert heard(excerpt.only_track(session, 6)) == {6}
    assert heard(excerpt.only_group(session, 99)) == heard(excerpt.only_clip(session, 99)) == set()


def test_under_a_morph_a_group_is_heard_only_in_the_mixes_that_it_is_heard_in() -> None:
    session = snapshots.store(edits.set_track_mute(nested(), 7, True), "without")
    session = snapshots.store(edits.set_track_mute(session, 7, False), "with")
    session = snapshots.set_morph(session, *(snapshot.id for snapshot in session.snapshots))
    for part, inside in (
        (excerpt.only_group(session, 7), {7, 6, 1, 2, 3}),
        (excerpt.only_group(session, 6), {6, 1, 2}),
    ):
        assert [heard(mix) for mix in part.mixes] == [set(), inside]


@given(sessions())
def test_the_parts_of_a_mix_are_what_is_heard(session: Session) -> None:
    tops = [track.id for track in session.tracks if not track.parent]
    audible = heard(session)
    parts = [heard(excerpt.only_group(session, top)) for top in tops if audible & session.within({top})]
    assert set().union(*parts) == audible
    assert sum(map(len, parts)) == len(audible)
    for track in session.tracks:
        alone = {track.id} if not session.morphed else {track.id} & audible
        assert heard(excerpt.only_track(session, track.id)) == alone
