"""Another file for the same clips: edits stay, and nothing points beyond the new audio."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st
from msgspec.structs import replace

from lincae_studio.errors import EditError
from lincae_studio.session.model import Session
from lincae_studio.session.relink import relink
from lincae_studio.session.rules import validated
from tests.helpers import made_up_media
from tests.strategies import SHORT_MEDIA, sessions


@given(sessions())
def test_the_same_audio_elsewhere_changes_only_the_path(session: Session) -> None:
    moved = replace(SHORT_MEDIA[0], path="/elsewhere/a.wav")
    relinked = relink(session, {moved.digest: moved})
    assert validated(relinked).tracks == session.tracks
    assert relinked.media_of(moved.digest).path == "/elsewhere/a.wav"


@given(sessions(), st.integers(1, 12_000))
def test_other_audio_of_any_length_fits(session: Session, length: int) -> None:
    old, new = SHORT_MEDIA[0].digest, made_up_media(9, length)
    relinked = validated(relink(session, {old: new}))
    assert old not in [media.digest for media in relinked.media]
    before = {clip.id: clip for clip in session.clips()}
    after = {clip.id: clip for clip in relinked.clips()}
    for clip_id, clip in before.items():
        if clip.media != old:
            assert after[clip_id] == clip
        elif clip.offset >= length:
            assert clip_id not in after
        else:
            assert after[clip_id].length == min(clip.length, length - clip.offset)
            assert (after[clip_id].start, after[clip_id].offset) == (clip.start, clip.offset)


@given(sessions())
def test_a_file_can_be_relinked_to_one_already_in_the_session(session: Session) -> None:
    relinked = validated(relink(session, {SHORT_MEDIA[0].digest: SHORT_MEDIA[1]}))
    assert [media.digest for media in relinked.media] == [SHORT_MEDIA[1].digest, SHORT_MEDIA[2].digest]


def test_an_unknown_media_is_refused() -> None:
    with pytest.raises(EditError, match="no audio file"):
        relink(Session(), {SHORT_MEDIA[0].digest: SHORT_MEDIA[1]})


@given(sessions())
def test_files_can_be_swapped(session: Session) -> None:
    """All is mapped at once: what has become another is not taken for it."""
    first, second, _ = SHORT_MEDIA
    long_first, long_second = (replace(media, length=20_000) for media in (first, second))
    relinked = validated(relink(session, {first.digest: long_second, second.digest: long_first}))
    swapped = {first.digest: second.digest, second.digest: first.digest}
    assert [clip.media for clip in relinked.clips()] == [
        swapped.get(clip.media, clip.media) for clip in session.clips()
    ]
    assert len(relinked.media) == 3
