"""Every edit: what it does, that it can be undone and redone, what it leaves alone, and what it refuses."""

from __future__ import annotations

import inspect
import math
from dataclasses import dataclass

import msgspec
import pytest
from msgspec.structs import replace

from lincae_studio.errors import EditError
from lincae_studio.session import arrange, edits, groups, places, ripple, strips
from lincae_studio.session.edits import Edit
from lincae_studio.session.history import History
from lincae_studio.session.model import MAX_GAIN, MAX_LENGTH, TRACK_COLORS, Point, Session, Tempo
from lincae_studio.session.rules import validated
from tests.helpers import made_up_media

MONO = made_up_media(1, 1000)
STEREO = made_up_media(2, 500, 2)
OTHER = made_up_media(3, 700)


def base() -> Session:
    """Tracks 1, 2, 3; clips 4 (mono at 0) and 5 (stereo at 1200) on track 1, 6 (mono at 300) on 2, 7 (stereo) on 3."""
    session = Session()
    for _ in range(3):
        session = edits.add_track(session)
    for track_id, media, start in ((1, MONO, 0), (1, STEREO, 1200), (2, MONO, 300), (3, STEREO, 0)):
        session = edits.add_clip(session, track_id, media, start)
    session = edits.set_clip_fades(session, {4}, 100, 200)
    return validated(edits.set_track_solo(session, 2, True))


@dataclass(frozen=True)
class Case:
    """An edit, and the positions of the base session's tracks that it may touch."""

    name: str
    edit: Edit
    touched: frozenset[int] = frozenset()


def renamed(session: Session, *track_ids: int) -> Session:
    """With new names, so that the case touches tracks that would be the same as before."""
    return strips.each(session, track_ids, lambda s, track: edits.rename_track(s, track, f"Take {track}"))


CASES = [
    Case("add_media", lambda s: edits.add_media(s, OTHER)),
    Case("add_track", lambda s: edits.add_track(s, "Voice")),
    Case("add_below", lambda s: groups.add_below(s, {1})),
    Case("remove_tracks", lambda s: edits.remove_tracks(s, {1}), frozenset({0})),
    Case("rename_track", lambda s: edits.rename_track(s, 1, "Drums"), frozenset({0})),
    Case("set_track_gain", lambda s: edits.set_track_gain(s, 1, 0.5), frozenset({0})),
    Case("set_track_pan", lambda s: edits.set_track_pan(s, 1, -0.5), frozenset({0})),
    Case("set_track_mute", lambda s: edits.set_track_mute(s, 1, True), frozenset({0})),
    Case("set_track_solo", lambda s: edits.set_track_solo(s, 2, False), frozenset({1})),
    Case("set_track_subtract", lambda s: edits.set_track_subtract(s, 1, True), frozenset({0})),
    Case("set_gain_points", lambda s: edits.set_gain_points(s, 1, [Point(5, 0.5), Point(0, 1.0)]), frozenset({0})),
    Case("set_pan_points", lambda s: edits.set_pan_points(s, 1, [Point(0, -1.0)]), frozenset({0})),
    Case(
        "clear_envelopes",
        lambda s: edits.clear_envelopes(edits.rename_track(edits.set_pan_points(s, 1, [Point(0, 0.5)]), 1, "x"), 1),
        frozenset({0}),
    ),
    Case("set_track_height", lambda s: edits.set_track_height(s, 1, 100), frozenset({0})),
    Case("set_master_gain", lambda s: edits.set_master_gain(s, 0.5)),
    Case("set_master_points", lambda s: edits.set_master_points(s, [Point(5, 0.5), Point(0, 1.0)])),
    Case("add_clip", lambda s: edits.add_clip(s, 2, OTHER, 5000), frozenset({1})),
    Case("add_stems", lambda s: edits.add_stems(s, [OTHER, MONO], 10, first_track=2), frozenset({2})),
    Case("remove_clips", lambda s: edits.remove_clips(s, {4, 6}), frozenset({0, 1})),
    Case("move_clips in time", lambda s: edits.move_clips(s, {4}, 50), frozenset({0})),
    Case("move_clips across", lambda s: edits.move_clips(s, {4}, 50, 1), frozenset({0, 1})),
    Case("trim_clip", lambda s: edits.trim_clip(s, 4, 10, 900), frozenset({0})),
    Case("trim_clips", lambda s: edits.trim_clips(s, {4: (10, 900), 6: (310, 900)}), frozenset({0, 1})),
    Case("split_clips", lambda s: edits.split_clips(s, {4, 6}, 500), frozenset({0, 1})),
    Case("set_clip_gain", lambda s: edits.set_clip_gain(s, {4}, 0.25), frozenset({0})),
    Case("set_clip_fades", lambda s: edits.set_clip_fades(s, {4}, 1, 2), frozenset({0})),
    Case("set_codec", lambda s: edits.set_codec(s, "mdct-4x")),
    Case("set_rendering", lambda s: edits.set_rendering(s, 5, 200, 4)),
    Case("set_fade_shapes", lambda s: edits.set_fade_shapes(s, {4}, fade_in="s-curve"), frozenset({0})),
    Case("set_clip_mute", lambda s: edits.set_clip_mute(s, {4, 7}, True), frozenset({0, 2})),
    Case("set_clip_color", lambda s: edits.set_clip_color(s, {6}, "#A0b1c2"), frozenset({1})),
    Case("rename_clip", lambda s: edits.rename_clip(s, 6, " Voice "), frozenset({1})),
    Case("slip_clip", lambda s: edits.slip_clip(edits.trim_clip(s, 6, 400, 900), 6, 50), frozenset({1})),
    Case("set_track_color", lambda s: edits.set_track_color(s, 1, "#a0b1c2"), frozenset({0})),
    Case("change_clips", lambda s: edits.change_clips(s, {4}, lambda c: replace(c, name="x")), frozenset({0})),
    Case("paste_clips", lambda s: arrange.paste_clips(s, arrange.copy_clips(s, {5, 6}), 70, 2), frozenset({2})),
    Case("duplicate_clips", lambda s: arrange.duplicate_clips(s, {4, 6}), frozenset({0, 1})),
    Case("copy_moved", lambda s: arrange.copy_moved(s, {4}, 70, 2), frozenset({2})),
    Case("duplicate_tracks", lambda s: groups.duplicate_tracks(s, {1})),
    Case("place_tracks", lambda s: groups.place_tracks(s, {1}, 3)),
    Case("step_tracks", lambda s: groups.step_tracks(s, {1}, 1)),
    Case("group_tracks", lambda s: groups.group_tracks(s, {1, 3}), frozenset({0, 2})),
    Case(
        "ungroup_tracks",
        lambda s: groups.ungroup_tracks(groups.group_tracks(renamed(s, 2, 3), {2, 3}), {8}),
        frozenset({1, 2}),
    ),
    Case("move_out", lambda s: groups.move_out(groups.group_tracks(renamed(s, 2), {1, 2}), {2}), frozenset({0, 1})),
    Case("move_in", lambda s: groups.move_in(groups.group_tracks(s, {1}), {2}), frozenset({0, 1})),
    Case("fold_groups", lambda s: groups.fold_groups(groups.group_tracks(s, {3}), {8}, True), frozenset({2})),
    Case("move_gains", lambda s: arrange.move_gains(s, {4, 6}, 4, 0.5), frozenset({0, 1})),
    Case("move_to", lambda s: arrange.move_to(s, {4}, 5000), frozenset({0})),
    Case("remove_clips and ripple", lambda s: ripple.remove_clips(s, {4}, "track"), frozenset({0})),
    Case(
        "join_clips",
        lambda s: arrange.join_clips(edits.split_clips(edits.rename_clip(s, 6, "x"), {6}, 500), {6, 8}),
        frozenset({1}),
    ),
    Case("group_clips", lambda s: arrange.group_clips(s, {4, 7}), frozenset({0, 2})),
    Case(
        "ungroup_clips",
        lambda s: arrange.ungroup_clips(arrange.group_clips(edits.rename_clip(s, 4, "x"), {4, 7}), {4}),
        frozenset({0, 2}),
    ),
    Case("add_marker", lambda s: places.add_marker(s, 100)),
    Case("move_marker", lambda s: places.move_marker(places.add_marker(s, 100), 8, 50)),
    Case("add_marker with a length", lambda s: places.add_marker(s, 100, "", 441)),
    Case("move_marker with a length", lambda s: places.move_marker(places.add_marker(s, 100, "", 441), 8, 50)),
    Case("set_section", lambda s: places.set_section(places.add_marker(s, 100), 8, 900, 50)),
    Case("rename_marker", lambda s: places.rename_marker(places.add_marker(s, 100), 8, "Verse")),
    Case("remove_marker", lambda s: places.remove_marker(places.add_marker(places.add_marker(s, 1), 2), 8)),
    Case("set_loop", lambda s: places.set_loop(s, 600, 100)),
    Case("set_tempo", lambda s: places.set_tempo(s, Tempo(bpm=120.0))),
    Case("turn_loop", lambda s: places.turn_loop(s, True)),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_edit_is_done_undone_and_redone(case: Case) -> None:
    before = base()
    frozen = msgspec.json.encode(before)
    history = History(before)
    after = validated(case.edit(before))
    assert history.push(case.name, after)
    history.undo()
    assert history.session == base()
    history.redo()
    assert history.session == after == case.edit(base())
    assert msgspec.json.encode(before) == frozen


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_untouched_tracks_and_clips_stay_the_same_objects(case: Case) -> None:
    before = base()
    after = case.edit(before)
    kept = {id(track) for track in after.tracks}
    for position, track in enumerate(before.tracks):
        assert (id(track) in kept) != (position in case.touched), track.name
    clips = {clip.id: clip for clip in after.clips()}
    for track in (before.tracks[position] for position in case.touched):
        for clip in track.clips:
            assert clips.get(clip.id, clip) is clip or clips[clip.id] != clip


def test_every_edit_has_a_case() -> None:
    """An edit is a public function from a session to a session."""
    public = {
        name
        for module in (edits, arrange, places, groups)
        for name, function in vars(module).items()
        if inspect.isfunction(function)
        and function.__module__ == module.__name__
        and not name.startswith("_")
        and function.__annotations__["return"] == "Session"
    }
    assert public == {case.name.split()[0] for case in CASES}


REFUSED: list[tuple[str, Edit]] = [
    ("no track 99", lambda s: edits.remove_tracks(s, {1, 99})),
    ("no track 99", lambda s: edits.rename_track(s, 99, "x")),
    ("needs a name", lambda s: edits.rename_track(s, 1, " \t")),
    ("gain -0.1 is not between", lambda s: edits.set_track_gain(s, 1, -0.1)),
    ("gain nan is not between", lambda s: edits.set_track_gain(s, 1, math.nan)),
    ("gain inf is not between", lambda s: edits.set_track_gain(s, 1, math.inf)),
    ("no track 99", lambda s: edits.set_track_gain(s, 99, 1.0)),
    ("pan 1.01 is not between", lambda s: edits.set_track_pan(s, 1, 1.01)),
    ("pan nan is not between", lambda s: edits.set_track_pan(s, 1, math.nan)),
    ("no track 99", lambda s: edits.set_track_pan(s, 99, 0.0)),
    ("no track 99", lambda s: edits.set_track_mute(s, 99, True)),
    ("no track 99", lambda s: edits.set_track_solo(s, 99, True)),
    ("no track 99", lambda s: edits.set_track_subtract(s, 99, True)),
    ("no track 99", lambda s: edits.set_gain_points(s, 99, [])),
    ("not between 0 and", lambda s: edits.set_gain_points(s, 1, [Point(0, -0.1)])),
    ("not between 0 and", lambda s: edits.set_gain_points(s, 1, [Point(0, math.nan)])),
    ("at the same sample", lambda s: edits.set_gain_points(s, 1, [Point(7, 1.0), Point(7, 0.5)])),
    ("not on the timeline", lambda s: edits.set_gain_points(s, 1, [Point(-1, 1.0)])),
    ("not between -1 and 1", lambda s: edits.set_pan_points(s, 1, [Point(0, 1.5)])),
    ("no track 99", lambda s: edits.set_pan_points(s, 99, [])),
    ("no track 99", lambda s: edits.clear_envelopes(s, 99)),
    ("no track 99", lambda s: edits.set_track_height(s, 99, 0)),
    ("height of 23 pixels", lambda s: edits.set_track_height(s, 1, 23)),
    ("height of 601 pixels", lambda s: edits.set_track_height(s, 1, 601)),
    ("gain 16.1 is not between", lambda s: edits.set_master_gain(s, 16.1)),
    ("gain nan is not between", lambda s: edits.set_master_gain(s, math.nan)),
    ("at the same sample", lambda s: edits.set_master_points(s, [Point(7, 1.0), Point(7, 0.5)])),
    ("not between 0 and", lambda s: edits.set_master_points(s, [Point(0, math.nan)])),
    ("no track 99", lambda s: edits.add_clip(s, 99, MONO, 0)),
    ("before the beginning of the timeline", lambda s: edits.add_clip(s, 1, MONO, -1)),
    ("longer than 24 hours", lambda s: edits.add_clip(s, 1, MONO, MAX_LENGTH - 999)),
    ("before the beginning of the timeline", lambda s: edits.add_stems(s, [MONO], -1)),
    ("no clip 99", lambda s: edits.remove_clips(s, {4, 99})),
    ("no clip 99", lambda s: edits.move_clips(s, {4, 99}, 1)),
    ("before the beginning of the timeline", lambda s: edits.move_clips(s, {4, 5}, -1)),
    ("longer than 24 hours", lambda s: edits.move_clips(s, {4}, MAX_LENGTH)),
    ("cannot move past the first or last track", lambda s: edits.move_clips(s, {7}, 0, 1)),
    ("cannot move past the first or last track", lambda s: edits.move_clips(s, {4, 7}, 0, -1)),
    ("no clip 99", lambda s: edits.trim_clip(s, 99, 0, 1)),
    ("shorter than one sample", lambda s: edits.trim_clip(s, 4, 5, 5)),
    ("no audio beyond that point", lambda s: edits.trim_clip(s, 4, 0, 1001)),
    ("no audio beyond that point", lambda s: edits.trim_clip(s, 6, 299, 1000)),
    (
        "before the beginning of the timeline",
        lambda s: edits.trim_clip(edits.move_clips(edits.trim_clip(s, 6, 400, 900), {6}, -350), 6, -1, 90),
    ),
    ("no clip 99", lambda s: edits.split_clips(s, {99}, 5)),
    ("no clip 99", lambda s: edits.set_clip_gain(s, {99}, 1.0)),
    ("no clip 99", lambda s: edits.set_clip_mute(s, {4, 99}, True)),
    ("not a colour", lambda s: edits.set_clip_color(s, {4}, "red")),
    ("not a colour", lambda s: edits.set_track_color(s, 1, "#12345")),
    ("needs a name", lambda s: edits.rename_clip(s, 4, " ")),
    ("no audio beyond that point", lambda s: edits.slip_clip(s, 4, 1)),
    ("nothing to copy", lambda s: arrange.duplicate_clips(s, set())),
    ("before the beginning of the timeline", lambda s: arrange.copy_moved(s, {4}, -1, 0)),
    ("cannot move past the first or last track", lambda s: arrange.copy_moved(s, {4}, 0, 3)),
    ("cannot move past the first or last track", lambda s: arrange.copy_moved(s, {4, 6}, 0, -1)),
    ("no track 99", lambda s: groups.duplicate_tracks(s, {99})),
    ("no clip 99", lambda s: ripple.remove_clips(s, {99}, "track")),
    ("nothing to join", lambda s: arrange.join_clips(s, {4})),
    ("nothing to join", lambda s: arrange.join_clips(s, {4, 6})),
    ("does not continue", lambda s: arrange.join_clips(s, {4, 5})),
    ("no clip 99", lambda s: arrange.group_clips(s, {99})),
    ("no clip 99", lambda s: arrange.ungroup_clips(s, {99})),
    ("not on the timeline", lambda s: places.add_marker(s, -1)),
    ("not on the timeline", lambda s: places.add_marker(s, MAX_LENGTH, "", 441)),
    ("shorter than 10 ms", lambda s: places.add_marker(s, 0, "", 440)),
    ("shorter than 10 ms", lambda s: places.set_section(places.add_marker(s, 100), 8, 100, 100)),
    ("no marker 4", lambda s: places.move_marker(s, 4, 1)),
    ("no marker 99", lambda s: places.remove_marker(s, 99)),
    ("needs a name", lambda s: places.rename_marker(places.add_marker(s, 1), 8, "")),
    ("shorter than 10 ms", lambda s: places.set_loop(s, 7, 447)),
    ("not on the timeline", lambda s: places.set_loop(s, 7, MAX_LENGTH + 1)),
    ("nothing to loop", lambda s: places.turn_loop(Session(), True)),
    ("is not between 0 and", lambda s: edits.set_clip_gain(s, {4}, MAX_GAIN * 1.001)),
    ("no clip 99", lambda s: edits.set_clip_fades(s, {99}, 0, 0)),
    ("between 0 and 1000 samples", lambda s: edits.set_clip_fades(s, {4}, 1001, 0)),
    ("between 0 and 1000 samples", lambda s: edits.set_clip_fades(s, {4}, 0, -1)),
    ("must have 1 to 200 characters", lambda s: edits.set_codec(s, "")),
    ("the seed -1", lambda s: edits.set_rendering(s, -1, 0, 0)),
    ("between 0 and 4096 frames", lambda s: edits.set_rendering(s, 0, 5000, 0)),
    ("must have 1 to 200 characters", lambda s: edits.set_codec(s, "x" * 201)),
]


@pytest.mark.parametrize(("message", "edit"), REFUSED)
def test_an_invalid_edit_is_refused_with_a_reason_and_changes_nothing(message: str, edit: Edit) -> None:
    session = base()
    with pytest.raises(EditError, match=message):
        edit(session)
    assert session == base()


def test_the_same_media_again_only_changes_its_path() -> None:
    moved = replace(MONO, path="/elsewhere/a.wav")
    after = edits.add_media(base(), moved)
    assert after.media == (moved, STEREO)


def test_new_tracks_are_named_coloured_and_placed() -> None:
    session = edits.add_track(base(), at=1)
    assert [track.id for track in session.tracks] == [1, 8, 2, 3]
    assert session.tracks[1].name == "Track 4"
    assert session.tracks[1].color == TRACK_COLORS[3]
    assert [t.id for t in edits.add_track(base(), at=-5).tracks] == [8, 1, 2, 3]
    assert [t.id for t in edits.add_track(base(), at=50).tracks] == [1, 2, 3, 8]
    for _ in range(len(TRACK_COLORS)):
        session = edits.add_track(session)
    assert session.tracks[-1].color == TRACK_COLORS[3]


def test_names_that_are_too_long_are_cut() -> None:
    long = "x" * 500
    media = replace(OTHER, path=f"/music/{long}.wav")
    session = edits.add_track(base(), long)
    session = edits.rename_track(session, 1, f"  {long}")
    session = edits.add_clip(session, 2, media, 0)
    validated(edits.add_stems(edits.add_clip(session, 2, MONO, 0, long), [media], 0))
    assert session.tracks[0].name == "x" * 400


def test_ids_are_never_used_again() -> None:
    session = edits.remove_clips(edits.remove_tracks(base(), {3}), {4})
    session = edits.add_clip(edits.add_track(session), 1, MONO, 0)
    assert session.tracks[-1].id == 8
    assert session.clip(9).media == MONO.digest


def test_removed_tracks_take_their_clips_but_not_the_media() -> None:
    session = edits.remove_tracks(base(), {1, 2})
    assert [clip.id for clip in session.clips()] == [7]
    assert session.media == base().media


def test_a_new_clip_is_the_whole_media_named_after_its_file() -> None:
    clip = edits.add_clip(base(), 2, OTHER, 42).clip(8)
    assert (clip.start, clip.offset, clip.length, clip.name) == (42, 0, 700, "stem 3")
    assert (clip.gain, clip.fade_in, clip.fade_out) == (1.0, 0, 0)
    assert edits.add_clip(base(), 2, OTHER, 42, "take 2").clip(8).name == "take 2"


def test_stems_fill_tracks_downwards_and_add_missing_ones() -> None:
    session = edits.add_stems(base(), [OTHER, MONO, STEREO], 10, first_track=1)
    assert [len(track.clips) for track in session.tracks] == [2, 2, 2, 1]
    assert session.tracks[3].name == "stem 2"
    assert {clip.start for clip in session.clips() if clip.id > 7} == {10}
    at_end = edits.add_stems(base(), [OTHER, MONO], 0)
    assert [track.name for track in at_end.tracks[3:]] == ["stem 3", "stem 1"]


def test_clips_move_together_and_stay_sorted() -> None:
    session = edits.move_clips(base(), {4, 6}, 5000, 1)
    assert [clip.id for clip in session.tracks[0].clips] == [5]
    assert [(clip.id, clip.start) for clip in session.tracks[1].clips] == [(4, 5000)]
    assert [(clip.id, clip.start) for clip in session.tracks[2].clips] == [(7, 0), (6, 5300)]
    assert edits.move_clips(base(), {5}, -1200).tracks[0].clips[0].id == 4  # equal starts: by id


def test_a_clip_named_twice_moves_once() -> None:
    assert edits.move_clips(base(), [4, 4], 50) == edits.move_clips(base(), [4], 50)
    assert edits.move_clips(base(), [], -9999) == base()


def test_trimming_leaves_the_audio_where_it_is() -> None:
    clip = edits.trim_clip(base(), 6, 400, 1000).clip(6)
    assert (clip.start, clip.end, clip.offset) == (400, 1000, 100)
    assert edits.trim_clip(edits.trim_clip(base(), 6, 400, 1000), 6, 300, 1300) == base()


def test_trimming_shortens_fades_that_no_longer_fit() -> None:
    clip = edits.trim_clip(base(), 4, 0, 150).clip(4)
    assert (clip.fade_in, clip.fade_out) == (100, 150)


def test_the_parts_of_a_split_show_the_same_audio() -> None:
    session = edits.split_clips(base(), {4, 5}, 500)
    left, right = session.clip(4), session.clip(8)
    assert (left.start, left.end, left.offset, left.fade_in, left.fade_out) == (0, 500, 0, 100, 0)
    assert (right.start, right.end, right.offset, right.fade_in, right.fade_out) == (500, 1000, 500, 0, 200)
    assert (right.name, right.media, right.gain) == (left.name, left.media, left.gain)
    assert session.clip(5) is not None
    assert session.next_id == 9


@pytest.mark.parametrize("at", [0, 1000, 1100, 5000])
def test_a_split_at_or_outside_the_edges_changes_nothing(at: int) -> None:
    assert edits.split_clips(base(), {4}, at) == base()
