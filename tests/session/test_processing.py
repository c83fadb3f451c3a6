"""What processing does to clips: which audio they play afterwards, and for how long."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st
from msgspec.structs import replace

from lincae_studio.errors import EditError
from lincae_studio.session import arrange, edits, places, processing, rates, regions, track_locks
from lincae_studio.session.derived import derived, found_again, nearest, problem_of, unstretched
from lincae_studio.session.model import MAX_LENGTH, Clip, Original, Region, Session, Tempo
from lincae_studio.session.processes import (
    MAX_PROCESSES,
    Channels,
    Invert,
    RemoveDC,
    Reverse,
    Stretch,
    words,
)
from lincae_studio.session.relink import relink
from lincae_studio.session.rules import check, validated
from tests.helpers import made_up_media

STEREO, MONO = made_up_media(1, 1000, 2), made_up_media(2, 500, 1)


@pytest.fixture
def session() -> Session:
    """A stereo clip that plays samples 100 to 400 of its 1000, and a mono one of a whole file of 500."""
    made = edits.add_stems(Session(), [STEREO, MONO], 10)
    first = made.tracks[0].clips[0]
    return edits.trim_clip(made, first.id, 110, 410)


def clips(session: Session) -> list[Clip]:
    return list(session.clips())


def test_a_reversed_clip_plays_the_same_window_of_the_file(session: Session) -> None:
    (clip, _) = clips(session)
    turned = processing.add_process(session, {clip.id}, Reverse())
    check(turned)
    (after, other) = clips(turned)
    assert (after.start, after.offset, after.length) == (110, 1000 - 400, 300)
    assert other is clips(session)[1]
    assert turned.media_of(after.media) == derived(STEREO, (Reverse(),))


@pytest.mark.parametrize("process", [Reverse(), Invert(), Channels("swap")])
def test_what_undoes_itself_leaves_the_file(session: Session, process: Reverse) -> None:
    ids = {clips(session)[0].id}
    once = processing.add_process(session, ids, process)
    assert once != session
    assert processing.add_process(once, ids, process) == session


def test_the_same_process_twice_is_one(session: Session) -> None:
    ids = {clips(session)[0].id}
    once = processing.add_process(session, ids, RemoveDC())
    assert processing.add_process(once, ids, RemoveDC()) is once


def test_clips_of_one_file_share_what_it_is_processed_to(session: Session) -> None:
    session = edits.split_clips(session, {clips(session)[0].id}, 200)
    ids = {clip.id for clip in session.tracks[0].clips}
    turned = processing.add_process(session, ids, Reverse())
    assert len({clip.media for clip in turned.tracks[0].clips}) == 1
    assert len(turned.media) == len(session.media) + 1


def test_channels_are_chosen_of_stereo_clips_only(session: Session) -> None:
    one, two = clips(session)
    mono = processing.add_process(session, {one.id, two.id}, Channels("side"))
    assert mono.media_of(clips(mono)[0].media).channels == 1
    assert clips(mono)[1] is two
    with pytest.raises(EditError, match="mono"):
        processing.add_process(mono, {one.id, two.id}, Channels("left"))
    with pytest.raises(EditError, match="no other channels"):
        processing.set_chains(session, {two.id: (Channels("swap"),)})


def test_processes_are_removed_and_reordered(session: Session) -> None:
    clip = clips(session)[0]
    for process in (Reverse(), Stretch(2.0), Invert()):
        session = processing.set_chains(session, {clip.id: (*session.media_of(clips(session)[0].media).chain, process)})
    assert (clips(session)[0].offset, clips(session)[0].length) == (1200, 600)
    swapped = processing.set_chains(session, {clip.id: (Invert(), Stretch(2.0), Reverse())})
    assert (clips(swapped)[0].offset, clips(swapped)[0].length) == (1200, 600)
    plain = processing.set_chains(swapped, {clip.id: ()})
    assert clips(plain)[0] == clip
    assert plain.media == (STEREO, MONO)


def test_a_chain_has_an_end(session: Session) -> None:
    clip = clips(session)[0]
    chain = (Reverse(), Invert()) * (MAX_PROCESSES // 2)
    full = processing.set_chains(session, {clip.id: chain})
    with pytest.raises(EditError, match=f"{MAX_PROCESSES} times"):
        processing.add_process(full, {clip.id}, RemoveDC())


def test_a_clip_is_exactly_as_long_as_it_is_stretched_to(session: Session) -> None:
    one, two = clips(session)
    for length in (100, 299, 301, 777, 2400):
        longer = processing.stretch_clips(session, {one.id: (110, 110 + length), two.id: (10, 10 + length)})
        check(longer)
        assert [clip.length for clip in clips(longer)] == [length, length]
        assert longer.media_of(clips(longer)[1].media).length == length  # the whole file, not a sample more
        assert clips(longer)[0].offset == pytest.approx(100 * length / 300, abs=1)
    back = processing.stretch_clips(longer, {one.id: (110, 410), two.id: (10, 510)})
    assert back == session


def test_a_clip_can_be_stretched_to_an_earlier_start(session: Session) -> None:
    one = clips(session)[0]
    longer = processing.stretch_clips(session, {one.id: (50, 410)})
    assert (clips(longer)[0].start, clips(longer)[0].end) == (50, 410)


def test_a_stretch_has_limits(session: Session) -> None:
    one = clips(session)[0]
    with pytest.raises(EditError, match=r"12\.5 to 800 %"):
        processing.stretch_clips(session, {one.id: (110, 120)})
    with pytest.raises(EditError, match="24 up or down"):
        processing.set_stretch(session, {one.id}, semitones=25.0)
    with pytest.raises(EditError, match="beginning of the timeline"):
        processing.stretch_clips(session, {one.id: (-1, 410)})
    with pytest.raises(EditError, match="one sample"):
        processing.stretch_clips(session, {one.id: (110, 110)})
    least, most = processing.stretched_limits(one, STEREO)
    processing.stretch_clips(session, {one.id: (110, 110 + least)})
    processing.stretch_clips(session, {one.id: (110, 110 + most)})
    for length in (least - 1, most + 1):
        with pytest.raises(EditError):
            processing.stretch_clips(session, {one.id: (110, 110 + length)})


def test_nothing_is_longer_than_a_session() -> None:
    long = replace(made_up_media(3, 1000), length=MAX_LENGTH)
    session = edits.add_stems(Session(), [long], 0)
    session = edits.trim_clip(session, clips(session)[0].id, 0, 100)
    with pytest.raises(EditError, match="would be too long"):
        processing.set_stretch(session, {clips(session)[0].id}, factor=2.0)


def test_length_and_pitch_are_one_stretch(session: Session) -> None:
    one = clips(session)[0]
    both = processing.set_stretch(session, {one.id}, factor=1.5)
    both = processing.set_stretch(both, {one.id}, semitones=-0.5)
    assert both.media_of(clips(both)[0].media).chain == (Stretch(1.5, -0.5),)
    assert clips(both)[0].length == 450
    assert processing.set_stretch(both, {one.id}, factor=1.0, semitones=0.0) == session


def test_fades_and_regions_stay_within_the_clip(session: Session) -> None:
    one = clips(session)[0]
    region = Region(id=1, start=100, end=200, low=0, high=1, space="x")
    session = edits.change_clips(session, {one.id}, lambda clip: replace(clip, fade_in=200, regions=(region,)))
    shorter = processing.stretch_clips(session, {one.id: (110, 210)})
    assert clips(shorter)[0].fade_in == 100
    turned = processing.add_process(session, {one.id}, Reverse())
    assert (clips(turned)[0].regions[0].start, clips(turned)[0].regions[0].end) == (800, 900)
    soloed = regions.solo(session, one.id, 0, 1, "x", "x")
    for edited in (
        processing.add_process(soloed, {one.id}, Reverse()),
        processing.set_stretch(soloed, {one.id}, factor=0.5),
    ):
        assert any(map(regions.is_solo, clips(edited)[0].regions)), "channels are soloed from start to end"


def test_a_clip_follows_the_tempo_and_keeps_its_bar(session: Session) -> None:
    one = clips(session)[0]
    with pytest.raises(EditError, match="no tempo"):
        processing.set_clip_tempo(session, {one.id}, 100.0)
    session = places.set_tempo(session, Tempo(bpm=120.0, start=10))
    followed = processing.set_clip_tempo(session, {one.id}, 120.0)
    assert clips(followed)[0] == replace(one, tempo=120.0)
    slower = places.set_tempo(followed, Tempo(bpm=60.0, start=10))
    assert (clips(slower)[0].start, clips(slower)[0].length) == (210, 600)
    assert places.set_tempo(slower, Tempo(bpm=120.0, start=10)) == followed
    assert clips(slower)[1] is clips(followed)[1]
    with pytest.raises(EditError, match="800 %"):
        places.set_tempo(processing.set_clip_tempo(session, {one.id}, 400.0), Tempo(bpm=20.0))
    assert clips(processing.stretch_clips(slower, {one.id: (210, 510)}))[0].tempo == 0.0


def test_processing_is_the_same_at_another_rate(session: Session) -> None:
    one = clips(session)[0]
    processed = processing.set_stretch(processing.add_process(session, {one.id}, Reverse()), {one.id}, factor=1.25)
    high = {
        media.digest: rates.at_rate(media, 48_000, round(media.source.length * 480 / 441))
        for media in processed.used_media()
    }
    converted = validated(rates.convert(processed, 48_000, high))
    chain = converted.media_of(clips(converted)[0].media).chain
    assert chain == (Reverse(), Stretch(1.25))


def test_a_file_that_is_found_again_is_processed_again() -> None:
    media = derived(
        replace(STEREO, original=Original(digest="1" * 64, path="x", codec="c", chain=(Reverse(),))), (Invert(),)
    )
    assert found_again(media, MONO) == derived(MONO, (Reverse(), Invert()))
    assert found_again(STEREO, MONO) is MONO


def test_latents_of_stretched_audio_that_were_stretched_again_are_one_stretch_of_the_file() -> None:
    original = Original(digest="1" * 64, path="x", codec="c", chain=(Reverse(), Stretch(1.5, 2.0)))
    media = derived(replace(STEREO, original=original), (Invert(), Stretch(0.5, -1.0)))
    found = found_again(media, MONO)
    assert found == derived(MONO, (Reverse(), Stretch(0.75, 1.0), Invert()))
    assert problem_of([found]) == ""
    twice = found_again(derived(media.source, (Stretch(8.0),)), MONO)
    assert "stretched too far" in problem_of([twice])
    turned = (Reverse(), RemoveDC()) * 8
    assert problem_of([derived(MONO, turned)]) == ""
    assert "more than 16 times" in problem_of([derived(MONO, (*turned, Invert()))])


def test_copies_take_their_processing_along(session: Session) -> None:
    one = clips(session)[0]
    turned = processing.add_process(session, {one.id}, Reverse())
    copied = arrange.copy_clips(turned, {one.id})
    other = arrange.paste_clips(edits.add_track(Session()), copied, 0, 0)
    check(other)
    back = processing.set_chains(other, {clips(other)[0].id: ()})
    assert back.media_of(clips(back)[0].media) == STEREO


def test_processes_in_words() -> None:
    chain = (Reverse(), Invert(), RemoveDC(), Channels("mono"), Stretch(1.25), Stretch(1.0, -2.5), Stretch(2.0, 3.0))
    assert [words(process) for process in chain] == [
        "reversed",
        "inverted",
        "DC removed",
        "mono",
        "125 %",
        "-2.5 st",
        "200 % · +3 st",
    ]


def test_clips_of_locked_tracks_are_not_processed(session: Session) -> None:
    one = clips(session)[0]
    turned = processing.add_process(session, {one.id}, Reverse())
    locked = track_locks.lock_tracks(turned, {turned.tracks[0].id}, True)
    plain = processing.set_chains(locked, {one.id: ()})
    with pytest.raises(EditError, match="locked"):
        track_locks.check_locks(locked, plain)
    gone = replace(locked, media=(), tracks=locked.tracks[1:])
    with pytest.raises(EditError, match="locked, and would be removed"):
        track_locks.check_locks(locked, gone)
    track_locks.check_locks(locked, relink(locked, {turned.tracks[0].clips[0].media: derived(MONO, (Reverse(),))}))


CHAINS = st.lists(st.sampled_from([Reverse(), RemoveDC(), Stretch(1.7, 2.0)]), max_size=3, unique=True).map(tuple)


@given(CHAINS, st.floats(0.3, 3.0), st.integers(0, 998), st.integers(1, 2000), st.integers(0, 50_000))
def test_a_clip_that_stands_in_stays_in_the_time_of_the_other(
    chain: tuple[Reverse | RemoveDC | Stretch, ...], factor: float, offset: int, length: int, start: int
) -> None:
    wanted = derived(STEREO, processing.with_stretch(chain, Stretch(factor)))
    heard = nearest(wanted, [unstretched(wanted), derived(STEREO, processing.with_stretch(chain, Stretch(1.1)))])
    assert heard is not None
    offset = min(offset, wanted.length - 1)
    length = min(length, wanted.length - offset)
    clip = Clip(id=1, media=wanted.digest, name="x", start=start, offset=offset, length=length, fade_in=length)
    other = processing.standing_in(clip, wanted, heard)
    assert (other.id, other.start, other.media) == (1, start, heard.digest)
    assert 1 <= other.length <= clip.length
    assert 0 <= other.offset <= heard.length - other.length
    assert other.fade_in <= other.length
    ratio = heard.length / wanted.length
    assert other.offset == pytest.approx(offset * ratio, abs=2.0), "from the same audio on"


def test_the_nearest_stretch_stands_in() -> None:
    plain, slow, high = unstretched(STEREO), derived(STEREO, (Stretch(1.5),)), derived(STEREO, (Stretch(1.0, 12.0),))
    assert plain is STEREO
    assert nearest(derived(STEREO, (Stretch(1.4),)), [plain, slow, high]) == slow
    assert nearest(derived(STEREO, (Stretch(1.1),)), [plain, slow, high]) == plain
    assert nearest(derived(STEREO, (Stretch(1.0, 7.0),)), [plain, slow, high]) == high
    assert nearest(STEREO, []) is None
