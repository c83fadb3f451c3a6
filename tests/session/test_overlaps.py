"""What clips that were pasted lie over."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from lincae_studio.session import edits
from lincae_studio.session.model import Session
from lincae_studio.session.overlaps import overlaps
from tests.helpers import made_up_media

SECOND = 44_100


def placed(*spans: tuple[int, int]) -> Session:
    """Clips from and to these seconds, with ids from 2 on."""
    session = edits.add_track(Session())
    media = made_up_media(1, 20 * SECOND)
    for start, end in spans:
        session = edits.add_clip(session, 1, media, start * SECOND)
        newest = session.next_id - 1
        session = edits.trim_clip(session, newest, start * SECOND, end * SECOND)
    return session


@pytest.mark.parametrize(
    ("spans", "text"),
    [
        (((0, 4), (4, 6)), ""),
        (((0, 4), (3, 6)), "over 1 clip: crossfaded where they overlap"),
        (((3, 6), (0, 4)), "over 1 clip: crossfaded where they overlap"),
        (((0, 9), (3, 6)), "over 1 clip: both are heard"),
        (((3, 6), (0, 9)), "over 1 clip: both are heard"),
        (((3, 6), (3, 6)), "over 1 clip: both are heard"),
        (((0, 4), (5, 6), (3, 9)), "over 2 clips: both are heard, crossfaded where only the ends overlap"),
    ],
)
def test_the_clips_below_are_counted_and_what_is_heard_is_said(spans: tuple[tuple[int, int], ...], text: str) -> None:
    session = placed(*spans)
    found = overlaps(session, {session.next_id - 1}).text
    assert found == (f"{text}. To replace what was there, delete it" if text else "")


def test_muted_clips_do_not_count() -> None:
    session = edits.set_clip_mute(placed((0, 9), (3, 6)), {2}, True)
    assert not overlaps(session, {3}).text


class Counted(frozenset[int]):
    """Ids; counts how often one is looked for."""

    looks = 0

    def __contains__(self, clip_id: object) -> bool:
        Counted.looks += 1
        return super().__contains__(clip_id)


def test_many_clips_in_a_row_are_not_compared_with_each_other() -> None:
    """As when all clips of a chopped recording are duplicated."""
    session = placed((0, 1))
    track = session.tracks[0]
    clips = tuple(replace(track.clips[0], id=number, start=number * SECOND) for number in range(2, 402))
    over = replace(clips[0], id=402, start=clips[-1].start + SECOND // 2)
    session = replace(session, tracks=(replace(track, clips=(*clips, over)),), next_id=403)
    Counted.looks = 0
    assert overlaps(session, Counted([*range(100, 300), 402])).crossfaded == {401}
    assert Counted.looks < 2 * len(clips)
