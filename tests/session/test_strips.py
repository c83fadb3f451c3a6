"""Edits of the strips of several tracks at once."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from lincae_studio.errors import EditError
from lincae_studio.session import edits, strips
from lincae_studio.session.levels import gain_to_db, parse_pan
from lincae_studio.session.model import MAX_GAIN, Session, Track

IDS = (1, 2, 3, 4, 5)


def session_of(gains: tuple[float, ...] = (1.0,) * 5, pans: tuple[float, ...] = (0.0,) * 5) -> Session:
    tracks = tuple(
        Track(id=number, name=str(number), color="#4fb3bf", gain=gain, pan=pan)
        for number, gain, pan in zip(IDS, gains, pans, strict=True)
    )
    return Session(tracks=tracks, next_id=6)


def test_gains_move_by_the_same_number_of_decibels() -> None:
    before = session_of((1.0, 0.5, 0.0, 8.0, 0.25))
    after = strips.move_gains(before, (1, 2, 3, 4), 1, 2.0, before)
    assert [track.gain for track in after.tracks] == pytest.approx([2.0, 1.0, 0.0, MAX_GAIN, 0.25])
    assert after.tracks[4] is before.tracks[4]
    lower = strips.move_gains(after, (1, 2, 3, 4), 1, 0.5, before)
    assert [gain_to_db(track.gain) for track in lower.tracks[:2]] == pytest.approx([-6.02, -12.04], abs=0.01)
    assert lower.tracks[3].gain == pytest.approx(4.0), "nothing is lost at the limit while the fader is held"


def test_silence_takes_along_only_what_is_silent() -> None:
    before = session_of((0.0, 0.0, 0.5, 1.0, 1.0))
    after = strips.move_gains(before, (1, 2, 3), 1, 0.25, before)
    assert [track.gain for track in after.tracks] == [0.25, 0.25, 0.5, 1.0, 1.0]
    silent = strips.move_gains(after, (1, 3), 3, 0.0, after)
    assert [track.gain for track in silent.tracks[:3]] == [0.0, 0.25, 0.0]


def test_pans_move_as_far_and_stop_at_the_sides() -> None:
    before = session_of(pans=(0.0, -0.9, 0.5, 0.0, 0.0))
    after = strips.move_pans(before, (1, 2, 3), 1, -0.4, before)
    assert [track.pan for track in after.tracks] == pytest.approx([-0.4, -1.0, 0.1, 0.0, 0.0])
    back = strips.move_pans(after, (1, 2, 3), 1, 0.0, before)
    assert back == before


def test_solo_only_is_exclusive_and_ends_when_repeated() -> None:
    session = strips.each(session_of(), (1, 2), lambda s, track: edits.set_track_solo(s, track, True))
    one = strips.solo_only(session, (3,))
    assert [track.id for track in one.tracks if track.solo] == [3]
    assert not any(track.solo for track in strips.solo_only(one, (3,)).tracks)
    assert not any(track.solo for track in strips.solo_only(session, ()).tracks)


def test_unknown_tracks_are_refused() -> None:
    session = session_of()
    for edit in (
        lambda: strips.move_gains(session, (9,), 9, 1.0, session),
        lambda: strips.move_gains(session, (1, 9), 1, 1.0, session),
        lambda: strips.move_pans(session, (1, 9), 1, 0.5, session),
        lambda: strips.each(session, (1, 9), lambda s, track: edits.set_track_mute(s, track, True)),
        lambda: strips.solo_only(session, (1, 9)),
    ):
        with pytest.raises(EditError):
            edit()


@given(st.floats(-1.0, 1.0).map(lambda pan: round(pan, 2)))
def test_a_typed_pan_is_read_back_as_shown(pan: float) -> None:
    side = "L" if pan < 0 else "R"
    for text in (f"{side}{abs(pan) * 100:.0f}", f"{abs(pan) * 100:.0f} {side.lower()}", f"{pan * 100:.0f}"):
        assert parse_pan(text) == pytest.approx(pan, abs=1e-9)
