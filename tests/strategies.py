"""Hypothesis strategies for sessions."""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Iterator, Sequence

from hypothesis import strategies as st
from msgspec.structs import replace

from lincae_studio.session.groups import parents_at
from lincae_studio.session.model import (
    DEFAULT_RATE,
    MAX_GAIN,
    TRACK_COLORS,
    Clip,
    FadeShape,
    Loop,
    Marker,
    Master,
    Media,
    Morph,
    Operator,
    Point,
    Rate,
    Region,
    Session,
    Snapshot,
    StripState,
    Tempo,
    Track,
)
from lincae_studio.session.rates import at_rate
from lincae_studio.session.rules import validated
from tests.helpers import made_up_media

#: Short media, so that a session of them renders in milliseconds: mono, stereo, and one shorter than a de-click.
SHORT_MEDIA = (made_up_media(1, 9_000), made_up_media(2, 6_500, 2), made_up_media(3, 150))

gains = st.one_of(st.sampled_from([0.0, 1.0, 0.5]), st.floats(0.0, 2.0, width=32))
pans = st.one_of(st.just(0.0), st.sampled_from([-1.0, 1.0]), st.floats(-1.0, 1.0, width=32))
floats = st.floats(-10.0, 10.0, width=32)
names = st.text(max_size=12)
shapes: st.SearchStrategy[FadeShape] = st.sampled_from(["linear", "equal-power", "s-curve"])


@st.composite
def envelopes(draw: st.DrawFn, values: st.SearchStrategy[float]) -> tuple[Point, ...]:
    """No envelope, more often than not, or one of a few points."""
    if draw(st.integers(0, 2)):
        return ()
    places = sorted(draw(st.sets(st.integers(0, 20_000), min_size=1, max_size=4)))
    return tuple(Point(at, draw(values)) for at in places)


@st.composite
def regions(draw: st.DrawFn, drawn: bool) -> tuple[Region, ...]:
    """No region, more often than not, or some of the built-in codecs, of which one has them applied."""
    if not drawn or draw(st.integers(0, 2)):
        return ()
    found = []
    for number in range(draw(st.integers(1, 2))):
        start, low = draw(st.integers(0, 15_000)), draw(st.integers(0, 255))
        found.append(
            Region(
                id=number + 1,
                name=draw(names),
                start=start,
                end=start + draw(st.integers(1, 9000)),
                low=low,
                high=low + draw(st.integers(0, 100)),
                gain=draw(gains),
                keep=draw(st.booleans()),
                fade=draw(st.sampled_from([0, 0, 700, 20_000])),
                fade_channels=draw(st.sampled_from([0, 0, 1, 30])),
                on=draw(st.sampled_from([True, True, True, False])),
                space=draw(st.sampled_from(["mdct-1x/1", "mdct-2x/1", "mdct-2x/1"])),
                codec=draw(st.sampled_from(["", "mdct-1x"])),
            )
        )
    return tuple(found)


@st.composite
def clips(draw: st.DrawFn, clip_id: int, media: Sequence[Media], max_start: int, edited: bool = False) -> Clip:
    """A valid clip on one of the media."""
    item = draw(st.sampled_from(media))
    offset = draw(st.one_of(st.just(0), st.integers(0, item.length - 1)))
    length = draw(st.one_of(st.just(item.length - offset), st.integers(1, item.length - offset)))
    return Clip(
        id=clip_id,
        media=item.digest,
        name=draw(names),
        start=draw(st.integers(0, max_start)),
        offset=offset,
        length=length,
        gain=draw(gains),
        fade_in=draw(st.one_of(st.just(0), st.integers(0, length))),
        fade_out=draw(st.one_of(st.just(0), st.integers(0, length))),
        fade_in_shape=draw(shapes),
        fade_out_shape=draw(shapes),
        mute=draw(st.sampled_from([False, False, False, True])),
        color=draw(st.sampled_from([None, "#123abc"])),
        group=draw(st.sampled_from([0, 0, 7])),
        regions=draw(regions(edited)),
    )


@st.composite
def tracks(
    draw: st.DrawFn,
    ids: Iterator[int],
    media: Sequence[Media],
    max_start: int,
    max_clips: int,
    moving: bool,
    edited: bool = False,
) -> Track:
    """A valid track whose clips may overlap."""
    found = [draw(clips(next(ids), media, max_start, edited)) for _ in range(draw(st.integers(0, max_clips)))]
    return Track(
        id=next(ids),
        name=draw(names),
        color=draw(st.sampled_from(TRACK_COLORS)),
        gain=draw(gains),
        pan=draw(pans),
        mute=draw(st.booleans()) and draw(st.booleans()),
        solo=draw(st.booleans()) and draw(st.booleans()),
        subtract=draw(st.booleans()) and draw(st.booleans()),
        gain_points=draw(envelopes(gains)) if moving else (),
        pan_points=draw(envelopes(pans)) if moving else (),
        height=draw(st.sampled_from([0, 0, 24, 600])),
        regions=draw(regions(edited)),
        clips=tuple(sorted(found, key=lambda clip: (clip.start, clip.id))),
    )


@st.composite
def masters(draw: st.DrawFn, moving: bool, edited: bool = False) -> Master:
    """A master that changes nothing, more often than not, or any."""
    if draw(st.integers(0, 2)):
        return Master()
    points = draw(envelopes(gains)) if moving else ()
    return Master(gain=draw(gains), gain_points=points, regions=draw(regions(edited)))


@st.composite
def morphed(draw: st.DrawFn, session: Session, moving: bool) -> Session:
    """A session, now and then with snapshots of other mixers, also of tracks that are gone, and a morph of them."""
    if draw(st.integers(0, 2)):
        return session
    ids = [*draw(st.sets(st.sampled_from([track.id for track in session.tracks] or [1]))), 2**20]
    snapshots = tuple(
        Snapshot(
            id=session.next_id + number,
            name=draw(names),
            strips=tuple(
                StripState(
                    id=one,
                    gain=draw(gains),
                    pan=draw(pans),
                    mute=draw(st.sampled_from([False, False, True])),
                    solo=draw(st.sampled_from([False, False, True])),
                    subtract=draw(st.booleans()),
                )
                for one in ids
            ),
            master=draw(st.sampled_from([1.0, 1.0, 0.5, 0.0])),
        )
        for number in range(2)
    )
    points = draw(envelopes(st.sampled_from([0.0, 0.25, 1.0])))
    morph = Morph(first=session.next_id, second=session.next_id + 1, points=points, on=moving and draw(st.booleans()))
    return replace(session, snapshots=snapshots, morph=morph, next_id=session.next_id + 2)


@st.composite
def inserted(draw: st.DrawFn, session: Session) -> Session:
    """A session, now and then with operators of two channels, which no codec has, and inserts of them."""
    if draw(st.integers(0, 2)):
        return session
    made = []
    for number in range(draw(st.integers(1, 2))):
        reach, past, future = draw(st.integers(0, 3)), draw(st.integers(0, 2)), draw(st.integers(0, 2))
        count = 2 * min(2 * reach + 1, 2) * (past + 1 + future)
        made.append(
            Operator(
                id=session.next_id + number,
                name=draw(names),
                space=draw(st.sampled_from(["mdct-1x/1", "mdct-2x/1"])),
                codec=draw(st.sampled_from(["", "mdct-1x"])),
                channels=2,
                reach=reach,
                past=past,
                future=future,
                weights=array("f", draw(st.lists(floats, min_size=count, max_size=count))).tobytes(),
                r2=draw(st.floats(-1.0, 1.0)),
                plain_r2=draw(st.floats(0.0, 1.0)),
                bands=tuple(draw(st.lists(st.floats(-1.0, 1.0), max_size=2))),
            )
        )
    ids = [0, *(operator.id for operator in made)]
    tracks = tuple(replace(track, insert=draw(st.sampled_from(ids))) for track in session.tracks)
    return replace(session, operators=tuple(made), tracks=tracks, next_id=session.next_id + len(made))


@st.composite
def sessions(
    draw: st.DrawFn,
    media: Sequence[Media] = SHORT_MEDIA,
    max_start: int = 12_000,
    max_tracks: int = 4,
    max_clips: int = 3,
    moving: bool = True,
    rate: Rate = DEFAULT_RATE,
    edited: bool = False,
) -> Session:
    """A valid session; with `moving` some tracks, and some masters, have envelopes, with `edited` some
    regions and inserts.

    At another rate than the default, the media are those at that rate, of the same lengths.
    """
    media = [at_rate(item, rate, item.length) for item in media]
    ids = itertools.count(draw(st.integers(3, 1000)))
    found: tuple[Track, ...] = ()
    for _ in range(draw(st.integers(0, max_tracks))):
        track = draw(tracks(ids, media, max_start, max_clips, moving, edited))
        parents = [0, *parents_at(Session(tracks=found), len(found)), *(one.id for one in found[-1:])]
        found = (*found, replace(track, parent=draw(st.sampled_from(parents)), folded=draw(st.booleans())))
    places = sorted(draw(st.lists(st.integers(0, 20_000), max_size=2)))
    lengths = st.sampled_from([0, 1, 441, 5000])
    markers = tuple(Marker(id=next(ids), at=at, name=draw(names), length=draw(lengths)) for at in places)
    start = draw(st.integers(0, 20_000))
    loop = draw(
        st.sampled_from([None, Loop(start=start, end=start + 500), Loop(start=start, end=start + 441, on=False)])
    )
    tempo = draw(st.sampled_from([None, Tempo(bpm=120.0), Tempo(bpm=61.7, beats=7, start=99, unit=8)]))
    made = Session(
        rate=rate,
        media=tuple(media),
        tracks=found,
        master=draw(masters(moving, edited)),
        markers=markers,
        loop=loop,
        tempo=tempo,
        chunk_frames=draw(st.sampled_from([0, 0, 0, 48, 4096])),
        overlap_frames=draw(st.sampled_from([0, 0, 0, 3])),
        next_id=next(ids),
    )
    found_session = draw(morphed(made, moving))
    return validated(draw(inserted(found_session)) if edited else found_session)


any_gain = st.floats(0.0, MAX_GAIN)
