"""Edits of all clips of a large session look at each clip a few times, not once for each of the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from lincae_studio.errors import EditError
from lincae_studio.session import arrange, edits, ripple
from lincae_studio.session.model import Clip, Media, Session, Track

TRACKS, PER_TRACK = 200, 5
MEDIA = Media(digest="0" * 64, path="/a.wav", sample_rate=44_100, channels=1, length=10**7)

Edit = Callable[[Session, frozenset[int]], Session]


class Counted(tuple[Any, ...]):
    """The clips of a track; counts how often they are gone through."""

    looks = 0

    def __iter__(self) -> Any:
        Counted.looks += 1
        return super().__iter__()


@pytest.fixture
def session() -> Session:
    """The clips of a track lie 1000 samples apart and are 900 long."""
    tracks = []
    for row in range(TRACKS):
        first = row * (PER_TRACK + 1) + 1
        clips = Counted(
            Clip(id=first + number, media=MEDIA.digest, name="c", start=1000 * number, offset=0, length=900)
            for number in range(PER_TRACK)
        )
        tracks.append(Track(id=first + PER_TRACK, name="t", color="#112233", clips=clips))
    return Session(media=(MEDIA,), tracks=tuple(tracks), next_id=TRACKS * (PER_TRACK + 1) + 1)


@pytest.mark.parametrize(
    "edit",
    [
        lambda s, ids: edits.move_clips(s, ids, 100),
        edits.remove_clips,
        lambda session, ids: ripple.remove_clips(session, ids, "track"),
        lambda s, ids: edits.set_clip_mute(s, ids, True),
        lambda s, ids: edits.set_clip_gain(s, ids, 0.5),
        lambda s, ids: edits.set_clip_fades(s, ids, fade_in=10),
        lambda s, ids: edits.trim_clips(s, {clip.id: (clip.start, clip.end - 1) for clip in s.clips()}),
        lambda s, ids: edits.split_clips(s, ids, 450),
        arrange.group_clips,
        arrange.duplicate_clips,
    ],
)
def test_an_edit_of_all_clips_looks_at_each_track_a_few_times(session: Session, edit: Edit) -> None:
    ids = frozenset(clip.id for clip in session.clips())
    Counted.looks = 0
    assert edit(session, ids) != session
    assert Counted.looks <= 8 * TRACKS


def test_clips_are_found_with_their_tracks(session: Session) -> None:
    third = session.tracks[2].clips[1]
    assert session.clips_of([third.id, 1]) == [(0, session.tracks[0].clips[0]), (2, third)]
    with pytest.raises(EditError, match="no clip 999999"):
        session.clips_of([1, 999_999])


def test_all_clips_at_a_sample_are_split_in_the_order_of_their_ids(session: Session) -> None:
    split = edits.split_clips(session, [clip.id for clip in session.clips()], 450)
    assert len(list(split.clips())) == TRACKS * (PER_TRACK + 1)
    left, right = split.tracks[3].clips[:2]
    assert (left.length, right.start, right.offset, right.length) == (450, 450, 450, 450)
    assert right.id == session.next_id + 3
    assert split.next_id == session.next_id + TRACKS
    assert edits.split_clips(session, [1], 950) == session
    assert replace(left, length=900) == session.tracks[3].clips[0]
