"""Changing the sample rate: positions keep their time, and clips stay together."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import assume, given, strategies as st
from msgspec.structs import replace

from lincae_studio.engine.planning.sources import effective_fades
from lincae_studio.errors import EditError
from lincae_studio.session import edits, places, rates
from lincae_studio.session.digests import digest_at, rate_of
from lincae_studio.session.history import History
from lincae_studio.session.model import LONGEST, MAX_LENGTH, Master, Media, Point, Rate, Session, Tempo, Track
from lincae_studio.session.rules import validated
from tests.helpers import made_up_media
from tests.strategies import sessions

DRUMS = made_up_media(1, 441_000)


def conformed(session: Session, rate: Rate) -> dict[str, Media]:
    """The media of a session at another rate, as the store measures them: soxr rounds the length."""
    return {
        media.digest: rates.at_rate(media, rate, max(1, round(media.length * rate / session.rate)))
        for media in session.media
    }


def converted(session: Session, rate: Rate) -> Session:
    return validated(rates.convert(session, rate, conformed(session, rate)))


def exact_places(session: Session) -> list[int]:
    """All positions and durations in samples that the lengths of files do not limit."""
    found = [marker.at for marker in session.markers]
    found += [session.loop.start, session.loop.end] if session.loop is not None else []
    found += [session.tempo.start] if session.tempo is not None else []
    found += [point.at for point in session.master.gain_points]
    for track in session.tracks:
        found += [point.at for points in (track.gain_points, track.pan_points) for point in points]
    return found


def test_a_digest_states_the_rate() -> None:
    plain = "0" * 64
    high = digest_at(plain, 48_000)
    assert (high, rate_of(high), rate_of(plain)) == (f"{plain}@48000", 48_000, 44_100)
    assert digest_at(high, 48_000) == high
    assert digest_at(high, 44_100) == plain


@given(sessions())
def test_every_position_keeps_its_time_and_comes_back(session: Session) -> None:
    high = converted(session, 48_000)
    assert high.rate == 48_000
    for before, after in zip(session.clips(), high.clips(), strict=True):
        assert abs(after.start / 48_000 - before.start / 44_100) <= 0.5 / 48_000 + 1e-12
        # A file whose length was rounded down is shorter by up to a sample.
        assert abs(after.end / 48_000 - before.end / 44_100) <= 1.5 / 48_000 + 1e-12
        assert abs(after.offset / 48_000 - before.offset / 44_100) <= 1.5 / 48_000
        assert abs(after.fade_in / 48_000 - before.fade_in / 44_100) <= 1.5 / 48_000
        assert abs(after.fade_out / 48_000 - before.fade_out / 44_100) <= 1.5 / 48_000
    for at, moved in zip(exact_places(session), exact_places(high), strict=True):
        assert abs(moved / 48_000 - at / 44_100) <= 0.5 / 48_000 + 1e-12
    back = converted(high, 44_100)
    assert [clip.start for clip in back.clips()] == [clip.start for clip in session.clips()]
    assert (back.markers, back.loop, back.tempo, back.master) == (
        session.markers,
        session.loop,
        session.tempo,
        session.master,
    )


@given(st.integers(0, 200_000), st.lists(st.integers(1, 440_999), min_size=1, max_size=6, unique=True))
def test_the_parts_of_a_split_clip_stay_adjacent_and_in_step(start: int, cuts: list[int]) -> None:
    """Otherwise each split would get a de-click, or a gap of a sample."""
    session = edits.add_stems(Session(), [DRUMS], start)
    for cut in cuts:
        session = edits.split_clips(session, [clip.id for clip in session.clips()], start + cut)
    for once in (converted(session, 48_000), converted(converted(session, 48_000), 44_100)):
        clips = list(once.clips())
        for before, after in itertools.pairwise(clips):
            assert before.end == after.start
            assert before.start - before.offset == after.start - after.offset
        fades = effective_fades(once.tracks[0], {media.digest: media for media in once.media})
        assert all(ends == (None, None) for ends in fades.values())


def test_points_of_an_envelope_stay_apart() -> None:
    session = edits.add_stems(replace(Session(), rate=48_000), [rates.at_rate(DRUMS, 48_000, 480_000)], 0)
    points = tuple(Point(at, 0.5) for at in range(1000, 1012))
    low = converted(edits.set_gain_points(session, session.tracks[0].id, points), 44_100)
    places_of = [point.at for point in low.tracks[0].gain_points]
    assert len(places_of) == 12
    assert places_of == sorted(set(places_of))


def test_clips_that_come_to_start_together_are_in_order() -> None:
    """Clips are sorted by their starts, then by their ids."""
    session = edits.add_stems(replace(Session(), rate=48_000), [rates.at_rate(DRUMS, 48_000, 480_000)], 0)
    track = session.tracks[0]
    first, second = (replace(track.clips[0], id=number, start=start) for number, start in ((8, 6), (7, 7)))
    session = validated(replace(session, tracks=(replace(track, clips=(first, second)),), next_id=9))
    assert [(clip.id, clip.start) for clip in converted(session, 44_100).clips()] == [(7, 6), (8, 6)]


def test_a_short_loop_stays_long_enough() -> None:
    session = places.set_loop(replace(Session(), rate=48_000), 1000, 1441)
    low = converted(session, 44_100)
    assert low.loop is not None
    assert low.loop.end - low.loop.start == 441


def test_a_tempo_keeps_its_beats_in_seconds() -> None:
    tempo = Tempo(bpm=120.0, start=44_100)
    high = converted(places.set_tempo(Session(), tempo), 48_000)
    assert high.tempo == Tempo(bpm=120.0, start=48_000)
    assert (tempo.beat(44_100), tempo.beat(48_000)) == (22_050, 24_000)


@pytest.mark.parametrize("extra", [0, 1, 2])
@given(data=st.data())
def test_no_clip_exceeds_its_file(extra: int, data: st.DataObject) -> None:
    """Whichever way the length of a file is rounded."""
    session = data.draw(sessions())
    media = {
        item.digest: rates.at_rate(item, 48_000, math.floor(item.length * 480 / 441) + extra) for item in session.media
    }
    validated(rates.convert(session, 48_000, media))


def test_a_change_is_undone_and_redone() -> None:
    session = edits.add_stems(Session(), [DRUMS], 44_100)
    history = History(session)
    high = converted(session, 48_000)
    history.push("Sample Rate", high)
    assert history.undo() is not None
    assert history.session is session
    step = history.redo()
    assert step is not None
    assert history.session == high


def test_without_its_media_nothing_is_changed() -> None:
    session = edits.add_stems(Session(), [DRUMS], 0)
    with pytest.raises(EditError, match="has not been converted to 48 kHz"):
        rates.convert(session, 48_000, {})
    assert rates.convert(session, 44_100, {}) is session


@pytest.mark.parametrize(
    "session",
    [
        places.add_marker(Session(), MAX_LENGTH),
        places.set_loop(Session(), 0, MAX_LENGTH),
        places.set_tempo(Session(), Tempo(bpm=60.0, start=MAX_LENGTH)),
        Session(master=Master(gain_points=(Point(0, 0.5), Point(MAX_LENGTH, 1.0)))),
        Session(tracks=(Track(id=1, name="", color="#000000", pan_points=(Point(MAX_LENGTH, 1.0),)),), next_id=2),
    ],
    ids=["marker", "loop", "tempo", "master", "track"],
)
def test_a_session_that_would_become_too_long_is_refused(session: Session) -> None:
    with pytest.raises(EditError) as caught:
        rates.convert(validated(session), 48_000, {})
    assert LONGEST in caught.value.problem


def test_media_of_another_rate_are_not_added() -> None:
    with pytest.raises(EditError, match="was converted to 44,100 Hz"):
        edits.add_stems(replace(Session(), rate=48_000), [DRUMS], 0)


@given(sessions())
def test_media_at_the_other_rate_are_other_media(session: Session) -> None:
    assume(session.media)
    high = converted(session, 48_000)
    assert not {media.digest for media in high.media} & {media.digest for media in session.media}
