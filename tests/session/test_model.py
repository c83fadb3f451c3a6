"""The document's derived facts and its invariants."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from lincae_studio.errors import EditError
from lincae_studio.session import edits
from lincae_studio.session.model import MAX_GAIN, MAX_LENGTH, Session
from lincae_studio.session.rules import check, validated
from tests.helpers import made_up_media

MONO = made_up_media(1, 1000)
STEREO = made_up_media(2, 500, 2)


def two_tracks() -> Session:
    """Track 1 with clip 2 (mono media), track 3 with clip 4 (the same)."""
    return edits.add_stems(Session(), [MONO, made_up_media(3, 800)], 100)


def test_the_length_is_the_end_of_the_last_clip() -> None:
    assert Session().length == 0
    assert edits.add_track(Session()).length == 0
    assert two_tracks().length == 1100


def test_a_mono_session_has_one_channel() -> None:
    assert Session().channels == 1
    assert two_tracks().channels == 1


def test_stereo_media_make_the_mix_stereo_only_where_a_clip_uses_them() -> None:
    session = edits.add_media(two_tracks(), STEREO)
    assert session.channels == 1
    assert edits.add_clip(session, 1, STEREO, 0).channels == 2


def test_a_panned_track_makes_the_mix_stereo_only_with_clips() -> None:
    session = edits.add_track(two_tracks())
    assert edits.set_track_pan(session, session.tracks[-1].id, 0.5).channels == 1
    assert edits.set_track_pan(session, 1, 0.5).channels == 2


def test_muting_a_stereo_track_does_not_make_the_mix_mono() -> None:
    session = edits.add_stems(two_tracks(), [STEREO], 0)
    muted = edits.set_track_mute(session, session.tracks[-1].id, True)
    assert muted.channels == 2


def test_mute_beats_solo_and_one_solo_silences_the_others() -> None:
    def heard(session: Session) -> list[bool]:
        return [session.audible(track) for track in session.tracks]

    session = two_tracks()
    assert heard(session) == [True, True]
    assert heard(edits.set_track_mute(session, 1, True)) == [False, True]
    soloed = edits.set_track_solo(session, 1, True)
    assert heard(soloed) == [True, False]
    assert heard(edits.set_track_solo(soloed, 3, True)) == [True, True]
    assert heard(edits.set_track_mute(soloed, 1, True)) == [False, False]


def test_lookups_find_by_id() -> None:
    session = two_tracks()
    assert session.track(3) is session.tracks[1]
    assert session.track_of(4) is session.tracks[1]
    assert session.clip(4) is session.tracks[1].clips[0]
    assert session.media_of(MONO.digest) is MONO


def test_lookups_of_unknown_ids_are_edit_errors() -> None:
    session = two_tracks()
    with pytest.raises(EditError, match="no track 2"):
        session.track(2)
    with pytest.raises(EditError, match="no clip 3"):
        session.track_of(3)
    with pytest.raises(EditError, match="no clip 99"):
        session.clip(99)
    with pytest.raises(EditError, match=STEREO.digest[:12]):
        session.media_of(STEREO.digest)


def test_a_session_cannot_be_changed_in_place() -> None:
    session = two_tracks()
    for value, name in ((session, "seed"), (session.tracks[0], "gain"), (session.tracks[0].clips[0], "start")):
        with pytest.raises(AttributeError):
            setattr(value, name, 1)


def with_clip(**changes: object) -> Session:
    session = two_tracks()
    track = session.tracks[0]
    return replace(session, tracks=(replace(track, clips=(replace(track.clips[0], **changes),)), session.tracks[1]))


@pytest.mark.parametrize(
    ("broken", "rule"),
    [
        (replace(two_tracks(), media=(MONO, MONO)), "two audio files have the same digest"),
        (replace(two_tracks(), next_id=4), "next_id is 4, but id 4 is in use"),
        (with_clip(id=1), "two tracks, clips, markers, snapshots or operators have the same id"),
        (with_clip(id=4), "two tracks, clips, markers, snapshots or operators have the same id"),
        (with_clip(media=STEREO.digest), "refers to audio file .* which is not listed"),
        (with_clip(offset=1), "past the end of its audio file"),
        (with_clip(length=1001), "past the end of its audio file"),
        (with_clip(start=MAX_LENGTH - 999), "ends after 24 hours"),
        (with_clip(fade_in=1001), "fade longer than the clip"),
        (with_clip(fade_out=1001), "fade longer than the clip"),
    ],
)
def test_check_names_the_broken_rule(broken: Session, rule: str) -> None:
    with pytest.raises(EditError, match=rule):
        check(broken)
    with pytest.raises(EditError, match=rule):
        validated(broken)


@pytest.mark.parametrize(
    ("broken", "where"),
    [
        (with_clip(start=-1), "start"),
        (with_clip(length=0), "length"),
        (with_clip(gain=MAX_GAIN * 1.01), "gain"),
        (with_clip(media="not a digest"), "media"),
        (with_clip(name="x" * 401), "name"),
        (replace(two_tracks(), codec=""), "codec"),
        (replace(two_tracks(), seed=-1), "seed"),
    ],
)
def test_validated_names_the_field_that_is_out_of_range(broken: Session, where: str) -> None:
    with pytest.raises(EditError, match=rf"`\$.*{where}(_samples)?`"):
        validated(broken)


def test_validated_returns_the_session_itself() -> None:
    session = two_tracks()
    assert validated(session) is session
    check(with_clip(start=MAX_LENGTH - 1000, fade_in=1000, fade_out=1000))  # all at their very limits
