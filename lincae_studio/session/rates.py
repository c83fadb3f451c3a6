"""Changing a session's sample rate, as an edit. Pure functions.

Positions keep their time, to half a sample. A clip is rounded by its edges on the timeline and by the place where its
file would begin there: adjacent clips stay adjacent, and clips that play the same audio in step stay in step, so that a
split stays inaudible.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from msgspec.structs import replace

from lincae_studio.errors import EditError
from lincae_studio.session.derived import derived
from lincae_studio.session.digests import digest_at
from lincae_studio.session.model import (
    LONGEST,
    MAX_LENGTH,
    MIN_LOOP,
    Clip,
    Loop,
    Marker,
    Media,
    Point,
    Rate,
    Region,
    Session,
    Track,
)

#: A position at the old rate to one at the new rate, in samples.
_Convert = Callable[[int], int]


def convert(session: Session, rate: Rate, media: Mapping[str, Media]) -> Session:
    """The session at another sample rate; the session itself if it has that rate.

    Args:
        media: all media that clips use, conformed to the new rate, by their digests in the session. Others are
            dropped.

    Raises:
        EditError: when one of the media is missing, or the session would be too long.
    """
    if rate == session.rate:
        return session
    used = session.used_media()
    missing = [item.path for item in used if item.digest not in media]
    if missing:
        raise EditError(f"{missing[0]} has not been converted to {in_khz(rate)}", "Change the sample rate again")
    before = session.rate

    def converted(at: int) -> int:
        return (2 * at * rate + before) // (2 * before)  # rounded; at may be negative

    if converted(_end(session)) > MAX_LENGTH:
        raise EditError(f"at {in_khz(rate)} the session would be longer than {LONGEST}", "Shorten it first")
    markers = tuple(_marker(marker, converted) for marker in session.markers)
    tempo, morph = session.tempo, session.morph
    return replace(
        session,
        rate=rate,
        media=tuple(media[item.digest] for item in used),
        tracks=tuple(_track(track, converted, rate, media) for track in session.tracks),
        master=replace(
            session.master,
            gain_points=_points(session.master.gain_points, converted),
            regions=_regions(session.master.regions, converted),
        ),
        morph=replace(morph, points=_points(morph.points, converted)) if morph is not None else None,
        markers=markers,
        loop=_loop(session.loop, converted),
        tempo=replace(tempo, start=converted(tempo.start)) if tempo is not None else None,
    )


def in_khz(rate: int) -> str:
    """A sample rate as text: 44.1 kHz."""
    return f"{rate / 1000:g} kHz"


def at_rate(media: Media, rate: Rate, length: int) -> Media:
    """The entry of an audio file at another rate, where the file has `length` samples."""
    source = replace(media.source, digest=digest_at(media.source.digest, rate), length=length)
    return derived(source, media.chain)


def _end(session: Session) -> int:
    """The last position of anything on the timeline, in samples."""
    ends = [session.length, session.tempo.start if session.tempo is not None else 0]
    ends += [session.loop.end if session.loop is not None else 0, *(marker.end for marker in session.markers)]
    morph = session.morph.points if session.morph is not None else ()
    for points in (
        session.master.gain_points,
        morph,
        *(points for track in session.tracks for points in _envelopes(track)),
    ):
        ends += [point.at for point in points[-1:]]
    return max(ends)


def _envelopes(track: Track) -> tuple[tuple[Point, ...], tuple[Point, ...]]:
    return track.gain_points, track.pan_points


def _track(track: Track, converted: _Convert, rate: Rate, media: Mapping[str, Media]) -> Track:
    gain_points, pan_points = (_points(points, converted) for points in _envelopes(track))
    clips = (_clip(clip, converted, media[clip.media].length, digest_at(clip.media, rate)) for clip in track.clips)
    ordered = tuple(sorted(clips, key=lambda clip: (clip.start, clip.id)))
    regions = _regions(track.regions, converted)
    return replace(track, clips=ordered, gain_points=gain_points, pan_points=pan_points, regions=regions)


def _marker(marker: Marker, converted: _Convert) -> Marker:
    return replace(marker, at=converted(marker.at), length=converted(marker.end) - converted(marker.at))


def _clip(clip: Clip, converted: _Convert, available: int, digest: str) -> Clip:
    """A clip of an audio file that has `available` samples at the new rate."""
    start = converted(clip.start)
    offset = min(start - converted(clip.start - clip.offset), available - 1)
    # Rounding may take the end of the file for one sample later than it is.
    length = min(max(1, converted(clip.end) - start), available - offset)
    return replace(
        clip,
        media=digest,
        start=start,
        offset=offset,
        length=length,
        fade_in=min(converted(clip.fade_in), length),
        fade_out=min(converted(clip.fade_out), length),
        regions=_regions(clip.regions, converted),
    )


def _regions(regions: Iterable[Region], converted: _Convert) -> tuple[Region, ...]:
    """Regions keep at least one sample; those of clips may lie beyond the end of the audio file."""
    found = []
    for region in regions:
        start = min(converted(region.start), MAX_LENGTH - 1)
        end = min(max(converted(region.end), start + 1), MAX_LENGTH)
        if region.end == MAX_LENGTH:  # to the end of the timeline, as `regions.solo` makes them
            end = MAX_LENGTH
        found.append(replace(region, start=start, end=end, fade=min(converted(region.fade), MAX_LENGTH)))
    return tuple(found)


def _points(points: Iterable[Point], converted: _Convert) -> tuple[Point, ...]:
    """Points stay in order and apart."""
    found: list[Point] = []
    for point in points:
        at = max(converted(point.at), found[-1].at + 1 if found else 0)
        found.append(replace(point, at=at))
    return tuple(found)


def _loop(loop: Loop | None, converted: _Convert) -> Loop | None:
    if loop is None:
        return None
    end = max(converted(loop.end), MIN_LOOP)
    return replace(loop, start=min(converted(loop.start), end - MIN_LOOP), end=end)
