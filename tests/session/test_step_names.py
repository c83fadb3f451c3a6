"""What the steps of the history are called."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lincae_studio.session import edits, groups, places, strips
from lincae_studio.session.model import MAX_GAIN, Point, Session
from lincae_studio.session.step_names import step_name
from tests.helpers import made_up_media

SECOND = 44_100


def _colored(session: Session, track: int) -> Session:
    return edits.set_track_color(session, track, "#112233")


@pytest.fixture
def session() -> Session:
    """Tracks Drums (clips kick and snare) and Bass (clip low), and a marker."""
    media = made_up_media(1, 9 * SECOND)
    session = edits.add_track(edits.add_track(Session(), "Drums"), "Bass")
    for track, at, name in ((1, 0, "kick"), (1, 2 * SECOND, "snare"), (2, 0, "low")):
        session = edits.add_clip(session, track, media, at)
        clip = max(session.clips(), key=lambda clip: clip.id)
        session = edits.rename_clip(edits.trim_clip(session, clip.id, at, at + SECOND), clip.id, name)
    return places.add_marker(session, SECOND, "Verse")


def clip(session: Session, name: str) -> int:
    return next(clip.id for clip in session.clips() if clip.name == name)


Edit = Callable[[Session], Session]


@pytest.mark.parametrize(
    ("text", "edit", "name"),
    [
        ("Pan", lambda s: edits.set_track_pan(s, 1, -0.45), "Drums: pan L45"),
        ("Gain", lambda s: edits.set_track_gain(s, 2, 0.5), "Bass: gain −6.0 dB"),
        ("Mute", lambda s: edits.set_track_mute(s, 1, True), "Drums: mute"),
        ("Mute", lambda s: edits.set_track_mute(edits.set_track_mute(s, 1, True), 2, True), "2 tracks: mute"),
        ("Gain", lambda s: edits.set_track_gain(edits.set_track_gain(s, 1, 0.5), 2, 0.5), "2 tracks: gain −6.0 dB"),
        ("Gain", lambda s: edits.set_track_gain(edits.set_track_gain(s, 1, 0.1), 2, 0.5), "2 tracks: gain"),
        (
            "Colour Tracks",
            lambda s: strips.each(s, (1, 2), lambda s, t: edits.set_track_color(s, t, "#112233")),
            "2 tracks: colour",
        ),
        ("Rename Track", lambda s: edits.rename_track(s, 1, "Beat"), "Drums: rename to Beat"),
        ("Rename Track", lambda s: edits.rename_track(s, 1, "B" * 99), f"Drums: rename to {'B' * 47}…"),
        ("Colour Track", lambda s: edits.set_track_color(s, 1, "#123456"), "Drums: colour"),
        ("Clear Envelopes", lambda s: edits.set_gain_points(s, 1, [Point(0, 0.5)]), "Drums: clear envelopes"),
        ("Master Gain", lambda s: edits.set_master_gain(s, 0.5), "Master: gain −6.0 dB"),
        ("Remove Track", lambda s: edits.remove_tracks(s, [1]), "Remove Track: Drums"),
        ("Add Track", edits.add_track, "Add Track: Track 3"),
        ("Move Track", lambda s: groups.place_tracks(s, {1}, 2), "Move Track"),
        ("Move Clip", lambda s: edits.move_clips(s, {clip(s, "snare")}, SECOND // 2), "snare: move to 0:02.500"),
        ("Move Clips", lambda s: edits.move_clips(s, {clip(s, "kick"), clip(s, "snare")}, SECOND), "2 clips: move"),
        ("Clip Gain", lambda s: edits.set_clip_gain(s, {clip(s, "low")}, 0.5), "low: gain −6.0 dB"),
        ("Fade", lambda s: edits.set_clip_fades(s, {clip(s, "low")}, SECOND // 4, 0), "low: fade in 0:00.250"),
        ("Trim Clip", lambda s: edits.trim_clip(s, clip(s, "low"), 100, SECOND), "low: trim"),
        ("Split", lambda s: edits.split_clips(s, {clip(s, "low")}, SECOND // 2), "low: split"),
        ("Delete Clips", lambda s: edits.remove_clips(s, {clip(s, "low")}), "Delete Clip: low"),
        ("Delete Clips", lambda s: edits.remove_clips(s, {clip(s, "low"), clip(s, "kick")}), "Delete Clips"),
        ("Move Marker", lambda s: places.move_marker(s, s.markers[0].id, 0), "Verse: move to 0:00.000"),
        ("Rename Marker", lambda s: places.rename_marker(s, s.markers[0].id, "Chorus"), "Verse: rename to Chorus"),
        ("Delete Marker", lambda s: places.remove_marker(s, s.markers[0].id), "Delete Marker: Verse"),
        ("Add Marker", lambda s: places.add_marker(s, 5), "Add Marker: Marker 1"),
        ("Loop On", lambda s: places.turn_loop(s, True), "Loop On"),
        ("Duplicate Track", lambda s: groups.duplicate_tracks(s, {1}), "Duplicate Track: Drums copy"),
    ],
)
def test_a_step_names_what_it_changed_and_the_new_value(session: Session, text: str, edit: Edit, name: str) -> None:
    assert step_name(text, session, edit(session)) == name


@pytest.mark.parametrize(
    ("first", "second", "name"),
    [(1.0, 0.5, "gain by +6.0 dB"), (0.1, MAX_GAIN / 2, "gain"), (1.0, 0.0, "gain +6.0 dB")],
)
def test_faders_that_move_together_say_by_how_much(session: Session, first: float, second: float, name: str) -> None:
    before = edits.set_track_gain(edits.set_track_gain(session, 1, first), 2, second)
    after = strips.move_gains(before, {1, 2}, 1, 2.0, before)
    assert step_name("Gain", before, after).split(": ")[1] == name


def test_the_value_of_very_many_tracks_is_left_out() -> None:
    """An edit of all tracks of a large session must not take long."""
    session = Session()
    for _ in range(501):
        session = edits.add_track(session)
    ids = [track.id for track in session.tracks]
    after = strips.each(session, ids, lambda s, track: edits.set_track_gain(s, track, 0.5))
    assert step_name("Gain", session, after) == "501 tracks: gain"
