"""Silence that is taken out of clips: what is kept, and that nothing else changes."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from lincae_studio.errors import EditError
from lincae_studio.session import edits, silence
from lincae_studio.session.model import Clip, Session
from lincae_studio.session.ripple import Span, merged
from lincae_studio.session.rules import validated
from lincae_studio.session.silence import Stripping
from lincae_studio.session.time_edits import TimeRange, outside
from tests.helpers import made_up_media

RATE = 1000
spans = st.lists(st.tuples(st.integers(-50, 1100), st.integers(-50, 1100)).map(lambda ends: (min(ends), max(ends))))


@pytest.fixture
def session() -> Session:
    """A clip of 1000 samples from 100 on, with fades, and another one."""
    made = edits.add_stems(Session(), [made_up_media(1, 1000), made_up_media(2, 500)], 100)
    return edits.set_clip_fades(made, {2}, 30, 40)


def edges(session: Session) -> list[Span]:
    return [(clip.start, clip.end) for clip in session.tracks[0].clips]


def test_padding_stays_and_short_sounds_go() -> None:
    stripping = Stripping(sound_s=0.05, before_s=0.01, after_s=0.02)
    sounds = [(0, 100), (200, 230), (400, 500), (525, 700)]
    assert silence.silences(sounds, (0, 1000), stripping, RATE) == ((120, 390), (720, 1000))
    assert silence.silences([], (0, 1000), stripping, RATE) == ((0, 1000),)
    assert silence.silences([(0, 1000)], (0, 1000), stripping, RATE) == ()


def test_parts_keep_their_audio_their_place_and_the_outer_fades(session: Session) -> None:
    stripped = validated(silence.strip(session, {2: ((300, 400), (1050, 1100))}))
    assert edges(stripped) == [(100, 300), (400, 1050)]
    first, second = stripped.tracks[0].clips
    assert (first.id, first.offset, first.fade_in, first.fade_out) == (2, 0, 30, 0)
    assert (second.id, second.offset, second.fade_in, second.fade_out) == (5, 300, 0, 0)
    assert stripped.tracks[1] is session.tracks[1]


def test_a_silent_clip_goes_unless_it_is_all_there_is(session: Session) -> None:
    gone = silence.strip(session, {2: ((100, 1100),), 4: ()})
    assert edges(gone) == []
    with pytest.raises(EditError, match="nothing louder"):
        silence.strip(session, {2: ((100, 1100),)})
    with pytest.raises(EditError, match="no silence"):
        silence.strip(session, {2: (), 4: ()})


def test_selected_time_is_that_of_its_clips(session: Session) -> None:
    time = TimeRange(((0, 200), (550, 700)), frozenset({1, 3}))
    assert silence.within(session, time) == {2: ((100, 200), (550, 700)), 4: ((100, 200), (550, 600))}
    assert silence.whole(session, {2}) == {2: ((100, 1100),)}


@given(spans)
def test_what_is_outside_spans_covers_the_rest_of_a_clip(cut: list[Span]) -> None:
    clip = Clip(id=1, media="0" * 64, name="", start=100, offset=20, length=900)
    parts = outside(clip, merged(cut))
    kept = [at for part in parts for at in range(part.start, part.end)]
    assert kept == [at for at in range(100, 1000) if not any(start <= at < end for start, end in cut)]
    assert all(part.offset - part.start == -80 for part in parts)
