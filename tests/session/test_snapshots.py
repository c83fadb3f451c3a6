"""Snapshots of the mixer and the morph: what is stored, recalled, kept and refused."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from lincae_studio.errors import EditError
from lincae_studio.session import edits, rates, snapshots, strips
from lincae_studio.session.excerpt import only_track, without_track
from lincae_studio.session.history import History
from lincae_studio.session.model import Morph, Point, Session
from lincae_studio.session.rules import check_change, validated
from lincae_studio.session.step_names import RECALL
from tests.helpers import made_up_media, session_of

#: Three tracks, 1, 3 and 5.
PLAIN = session_of(made_up_media(1, 9000), made_up_media(2, 9000, 2), made_up_media(3, 9000))


def two() -> Session:
    """A session with the snapshots “Verse”, of a plain mixer, and “Chorus”, which it now has."""
    session = snapshots.store(PLAIN, "Verse")
    session = edits.set_track_pan(edits.set_track_gain(session, 1, 0.5), 3, -0.5)
    session = edits.set_track_mute(edits.set_track_subtract(session, 3, True), 5, True)
    return snapshots.store(edits.set_master_gain(session, 0.25), " Chorus ")


def ids(session: Session) -> tuple[int, ...]:
    return tuple(snapshot.id for snapshot in session.snapshots)


def test_a_snapshot_has_all_strips_and_the_master_and_is_recalled_whole() -> None:
    session = two()
    verse, chorus = ids(session)
    assert [snapshot.name for snapshot in session.snapshots] == ["Verse", "Chorus"]
    assert snapshots.current(session) == {chorus}
    before = snapshots.recall(session, verse)
    assert (before.tracks, before.master) == (PLAIN.tracks, PLAIN.master)
    assert snapshots.current(before) == {verse}
    after = snapshots.recall(before, chorus)
    assert (after.tracks, after.master) == (session.tracks, session.master)
    assert snapshots.recall(after, chorus) is after, "nothing to do, nothing to undo"


def test_envelopes_and_clips_are_not_part_of_a_snapshot() -> None:
    session = edits.set_gain_points(two(), 1, [Point(0, 0.5)])
    session = edits.remove_clips(session, {2})
    recalled = snapshots.recall(session, ids(session)[0])
    assert recalled.tracks[0].gain_points == (Point(0, 0.5),)
    assert recalled.tracks[0].clips == ()


def test_later_tracks_keep_their_strips_and_deleted_ones_get_theirs_when_they_come_back() -> None:
    session = two()
    added = edits.set_track_gain(edits.add_track(session), session.next_id, 0.1)
    recalled = snapshots.recall(added, ids(session)[0])
    assert recalled.tracks[-1] is added.tracks[-1]
    removed = edits.remove_tracks(session, {1})
    assert snapshots.recall(removed, ids(session)[0]).tracks == PLAIN.tracks[1:]


def test_names_are_given_changed_and_not_blank() -> None:
    session = snapshots.store(snapshots.store(snapshots.store(PLAIN, "Snapshot 2")))
    assert [snapshot.name for snapshot in session.snapshots] == ["Snapshot 2", "Snapshot 3", "Snapshot 4"]
    assert snapshots.rename(session, ids(session)[0], " Bridge ").snapshots[0].name == "Bridge"
    with pytest.raises(EditError, match="needs a name"):
        snapshots.rename(session, ids(session)[0], " ")


def test_updating_stores_the_mixer_of_now() -> None:
    session = two()
    verse, chorus = ids(session)
    assert snapshots.current(snapshots.update(session, verse)) == {verse, chorus}


def test_deleting_the_end_of_a_morph_deletes_the_morph() -> None:
    session = snapshots.store(two(), "Bridge")
    verse, chorus, bridge = ids(session)
    session = snapshots.set_morph(session, verse, chorus)
    assert snapshots.remove(session, bridge).morph == session.morph
    for removed in (verse, chorus):
        assert snapshots.remove(session, removed).morph is None
    with pytest.raises(EditError, match="there is no snapshot"):
        snapshots.remove(session, 1)


def test_a_morph_goes_from_the_start_to_the_end_until_its_line_is_drawn() -> None:
    session = two()
    verse, chorus = ids(session)
    session = snapshots.set_morph(session, verse, chorus)
    assert session.morph == Morph(first=verse, second=chorus, points=(Point(0, 0.0), Point(9000, 1.0)))
    session = snapshots.set_morph_points(session, [Point(500, 1.0), Point(100, 0.5)])
    assert snapshots.set_morph(session, chorus, verse).morph == Morph(
        first=chorus, second=verse, points=(Point(100, 0.5), Point(500, 1.0))
    ), "the line stays"
    for points, problem in (([Point(0, 1.1)], "not between 0 and 1"), ([Point(0, 1.0)] * 2, "at the same sample")):
        with pytest.raises(EditError, match=problem):
            snapshots.set_morph_points(session, points)
    with pytest.raises(EditError, match="two snapshots"):
        snapshots.set_morph(session, verse, verse)
    with pytest.raises(EditError, match="there is no morph"):
        snapshots.turn_morph(snapshots.clear_morph(session), True)


def test_while_a_morph_is_on_its_strips_do_not_move_and_those_of_later_tracks_do() -> None:
    session = edits.add_track(snapshots.set_morph(two(), *ids(two())))
    later = session.tracks[-1].id
    moves = (
        lambda one: edits.set_track_gain(session, one, 2.0),
        lambda one: edits.set_track_pan(session, one, 0.5),
        lambda one: edits.set_track_mute(session, one, True),
        lambda one: edits.set_track_subtract(session, one, True),
        lambda one: strips.move_gains(session, (later, one), later, 2.0, session),
        lambda one: strips.move_pans(session, (later, one), later, 0.5, session),
        lambda one: strips.each(session, (later, one), lambda s, t: edits.set_track_solo(s, t, True)),
    )
    for move in moves:
        with pytest.raises(EditError, match="a morph is on: snapshots “Verse” and “Chorus” control this strip"):
            move(1)
        assert move(later) != session
    for refused in (lambda: strips.solo_only(session, (later,)), lambda: edits.set_master_gain(session, 0.5)):
        with pytest.raises(EditError, match="a morph is on"):
            refused()
    edits.set_track_gain(snapshots.turn_morph(session, False), 1, 2.0)
    assert edits.set_gain_points(session, 1, [Point(0, 0.5)]) != session, "envelopes are heard in both mixes"


def test_recalling_turns_the_morph_off_and_keeps_its_line() -> None:
    session = snapshots.set_morph(two(), *ids(two()))
    assert snapshots.current(session) == frozenset()
    recalled = snapshots.recall(session, ids(session)[1])
    assert session.morph is not None
    assert recalled.morph == replace(session.morph, on=False)
    assert recalled.tracks == two().tracks
    assert snapshots.turn_morph(recalled, True).morphed == session.morphed


def test_a_track_is_audible_under_a_morph_if_it_is_in_either_mix() -> None:
    session = snapshots.set_morph(two(), *ids(two()))
    assert all(map(session.audible, session.tracks))
    silent = edits.set_track_mute(PLAIN, 1, True)
    both = snapshots.store(edits.set_track_solo(snapshots.store(silent, "one"), 3, True), "other")
    both = snapshots.set_morph(both, *ids(both))
    assert [both.audible(track) for track in both.tracks] == [False, True, True]
    assert snapshots.set_morph(two(), *ids(two())).channels == 2


def test_a_mono_session_is_stereo_while_a_mix_of_its_morph_is_panned() -> None:
    mono = session_of(made_up_media(1, 9000))
    session = snapshots.store(edits.set_track_pan(snapshots.store(mono, "one"), 1, 0.5), "other")
    one, other = ids(session)
    session = snapshots.set_morph(snapshots.recall(session, one), one, other)
    assert (session.channels, snapshots.turn_morph(session, False).channels) == (2, 1)


def test_one_track_alone_is_silent_where_it_is_in_the_morph() -> None:
    session = snapshots.set_morph(two(), *ids(two()))
    first, second = only_track(session, 5).mixes
    assert [first.audible(track) for track in first.tracks] == [False, False, True]
    assert not any(map(second.audible, second.tracks)), "it is muted in the second mix"
    first, second = without_track(session, 1).mixes
    assert [first.audible(track) for track in first.tracks] == [False, True, True]
    assert [second.audible(track) for track in second.tracks] == [False, True, False]


def test_a_large_snapshot_counts_in_the_history() -> None:
    history = History(PLAIN)
    history.push("Store Snapshot", snapshots.store(PLAIN))
    history.push("Rename Track", edits.rename_track(history.session, 1, "x"))
    store, rename = history._done
    assert store.nbytes > 3 * 100 + rename.nbytes - 450


def test_steps_are_named_after_the_snapshot() -> None:
    history = History(PLAIN)
    history.push("Store Snapshot", snapshots.store(PLAIN, "Verse"))
    (verse,) = ids(history.session)
    history.push("Gain", edits.set_track_gain(history.session, 1, 0.5))
    history.push("Update Snapshot", snapshots.update(history.session, verse))
    history.push("Rename Snapshot", snapshots.rename(history.session, verse, "Chorus"))
    history.push("Gain", edits.set_track_gain(edits.set_track_gain(history.session, 1, 2.0), 3, 2.0))
    history.push(f"{RECALL}: Chorus", snapshots.recall(history.session, verse))
    history.push("Delete Snapshot", snapshots.remove(history.session, verse))
    assert [name for name in history.done_names if "gain" not in name] == [
        "Store Snapshot: Verse",
        "Verse: update",
        "Verse: rename to Chorus",
        "Recall Snapshot: Chorus",
        "Delete Snapshot: Chorus",
    ]


@pytest.mark.parametrize("change", ["first", "points"])
def test_a_morph_that_cannot_be_is_refused(change: str) -> None:
    session = snapshots.set_morph(two(), *ids(two()))
    assert session.morph is not None
    broken = replace(session.morph, **({"first": 1} if change == "first" else {"points": (Point(0, 2.0),)}))
    with pytest.raises(EditError, match=r"the morph goes between|the line of the morph"):
        validated(replace(session, morph=broken))


def test_a_morph_to_a_snapshot_that_does_not_exist_is_refused() -> None:
    one, other = ids(two())
    for morph in (Morph(first=one, second=99), Morph(first=99, second=other)):
        with pytest.raises(EditError, match="do not exist"):
            validated(replace(two(), morph=morph))
    morphed = snapshots.set_morph(two(), one, other)
    with pytest.raises(EditError, match="do not exist"):
        check_change(morphed, replace(morphed, snapshots=morphed.snapshots[:1]))


def test_the_line_of_a_morph_keeps_its_times_at_another_rate() -> None:
    session = snapshots.set_morph_points(snapshots.set_morph(two(), *ids(two())), [Point(0, 0.0), Point(4410, 1.0)])
    media = {one.digest: rates.at_rate(one, 48_000, 9796) for one in session.media}
    high = validated(rates.convert(session, 48_000, media))
    assert high.morph is not None
    assert high.morph.points == (Point(0, 0.0), Point(4800, 1.0))
