"""Ripple editing: what follows an edit moves with it, on the same track or on all tracks. Pure functions, like `edits`.

Time is cut out of tracks, or inserted into them, with `close_time` and `open_time`: envelopes and regions of a track
move with its clips; on all tracks also the envelopes of master and morph, regions of the mix, markers, and the loop.
Locked tracks stay as they are when all tracks move.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Literal

from msgspec.structs import replace

from lincae_studio.errors import EditError
from lincae_studio.session import edits
from lincae_studio.session.envelopes import Law, cut, gain_at, insert, line_at
from lincae_studio.session.model import (
    LONGEST,
    MAX_LENGTH,
    MIN_LOOP,
    Clip,
    Loop,
    Marker,
    Point,
    Region,
    Session,
    Track,
)

#: Whether what follows an edit stays, moves on the edited tracks, or moves on all tracks.
Ripple = Literal["off", "track", "all"]

#: Samples `[start, end)` of the timeline.
Span = tuple[int, int]

#: Maps a position to its new one.
_Map = Callable[[int], int]

#: How an envelope changes.
_Envelope = Callable[[tuple[Point, ...], Law], tuple[Point, ...]]


def merged(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Spans in order, with those that touch or overlap as one, and without empty ones."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if end <= start:
            continue
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((start, end))
    return tuple(found)


def unlocked(session: Session) -> frozenset[int]:
    """The ids of the tracks that move when all tracks do."""
    return frozenset(track.id for track in session.tracks if not track.locked)


def close_time(
    session: Session, spans: Iterable[Span], track_ids: Collection[int], everything: bool, but: Collection[int] = ()
) -> Session:
    """Cut spans of time out of tracks; clips that start in one stay whole, and start where it was.

    Args:
        everything: also out of what belongs to all tracks.
        but: clips that stay where they are.
    """
    for start, end in reversed(merged(spans)):

        def place(at: int, start: int = start, end: int = end) -> int:
            return at if at <= start else max(start, at - end + start)

        def envelope(points: tuple[Point, ...], law: Law, start: int = start, end: int = end) -> tuple[Point, ...]:
            return cut(points, start, end, law)

        session = _shifted(session, track_ids, everything, place, envelope, but)
    return session


def open_time(
    session: Session, at: int, length: int, track_ids: Collection[int], everything: bool, but: Collection[int] = ()
) -> Session:
    """Insert time into tracks: what starts at or after `at` moves later by `length`. Arguments as of `close_time`."""
    return _pushed(session, at, length, track_ids, everything, but)


def remove_clips(session: Session, clip_ids: Collection[int], ripple: Ripple) -> Session:
    """Remove clips, and close the time that they filled: on their tracks, each by its own, or on all tracks."""
    placed = session.clips_of(clip_ids)
    removed = edits.remove_clips(session, clip_ids)
    if ripple == "all":
        return close_time(removed, [(clip.start, clip.end) for _, clip in placed], unlocked(session), True)
    if ripple == "track":
        for position in {position for position, _ in placed}:
            spans = [(clip.start, clip.end) for place, clip in placed if place == position]
            removed = close_time(removed, spans, {session.tracks[position].id}, False)
    return removed


def move_clips(
    session: Session, clip_ids: Collection[int], by_samples: int, by_tracks: int = 0, ripple: Ripple = "off"
) -> Session:
    """Move clips together in time and between tracks, and what follows the first of them by the same time.

    On each of their tracks that is what starts after the first of them there; on all tracks, after the first of all.
    Raises like `edits.move_clips`.
    """
    placed = session.clips_of(clip_ids)
    if ripple == "off" or not placed or by_samples == 0:
        return edits.move_clips(session, clip_ids, by_samples, by_tracks)
    firsts: dict[int, int] = {}
    for position, clip in placed:
        firsts[position] = min(clip.start, firsts.get(position, clip.start))
    moved = frozenset(clip_ids)
    apart = edits.remove_clips(session, moved)
    if ripple == "all":
        apart = _pushed(apart, min(firsts.values()), by_samples, unlocked(session), True)
    else:
        for position, first in firsts.items():
            apart = _pushed(apart, first, by_samples, {session.tracks[position].id}, False)
    clips = {clip.id: (position, clip) for position, clip in placed}
    tracks = list(apart.tracks)
    for position, clip in clips.values():
        target = position + by_tracks
        if not 0 <= target < len(tracks):
            raise EditError("a clip cannot move past the first or last track", "Add a track first")
        start = edits.checked_start(clip.start + by_samples, clip.length)
        tracks[target] = replace(
            tracks[target], clips=edits.sorted_clips((*tracks[target].clips, replace(clip, start=start)))
        )
    return replace(apart, tracks=tuple(tracks))


def trim_clips(session: Session, edges: Mapping[int, Span], ripple: Ripple = "off") -> Session:
    """Set the edges of clips; what follows moves by the change in length.

    A clip whose start is trimmed keeps its place, so that what follows moves to its new end. Raises like
    `edits.trim_clips`.
    """
    trimmed = edits.trim_clips(session, edges)
    if ripple == "off":
        return trimmed
    # By track, or for all (0): where time is inserted, or up to where it is cut out if it is negative, by which clips.
    changes: dict[int, dict[Span, set[int]]] = {}
    for position, old in session.clips_of(edges):
        new = trimmed.clip(old.id)
        by = new.length - old.length
        where = old.end if new.start == old.start else old.start - min(by, 0)
        if by:
            on_track = changes.setdefault(0 if ripple == "all" else session.tracks[position].id, {})
            on_track.setdefault((where, by), set()).add(old.id)
    if ripple == "all" and len(changes.get(0, {})) > 1:
        raise EditError(
            "these clips cannot be trimmed together: all tracks would move by several times",
            "Trim them one by one, or ripple on each track",
        )
    starts = {clip.id: clip.start for _, clip in session.clips_of(edges)}
    trimmed = edits.change_clips(trimmed, edges, lambda clip: replace(clip, start=starts[clip.id]))
    for track_id, found in changes.items():
        track_ids: Collection[int] = {track_id} if track_id else unlocked(session)
        for (where, by), held in sorted(found.items(), reverse=True, key=lambda change: change[0]):
            if by > 0:
                trimmed = open_time(trimmed, where, by, track_ids, not track_id, held)
            else:
                trimmed = close_time(trimmed, [(where + by, where)], track_ids, not track_id, held)
    return trimmed


def _pushed(
    session: Session, first: int, by: int, track_ids: Collection[int], everything: bool, but: Collection[int] = ()
) -> Session:
    """Move everything that starts at or after `first` by a time that may be negative, over earlier clips.

    Raises:
        EditError: when something would end after the longest session.
    """

    def envelope(points: tuple[Point, ...], law: Law) -> tuple[Point, ...]:
        return insert(points, first, by, law) if by > 0 else cut(points, max(0, first + by), first, law)

    return _shifted(session, track_ids, everything, lambda at: at + by if at >= first else at, envelope, but)


def _shifted(
    session: Session,
    track_ids: Collection[int],
    everything: bool,
    place: _Map,
    envelope: _Envelope,
    but: Collection[int] = (),
) -> Session:
    """Move the starts of clips on tracks by a map of positions, but for some clips, and their envelopes and regions."""
    tracks = tuple(
        _shifted_track(track, place, envelope, but) if track.id in track_ids else track for track in session.tracks
    )
    session = replace(session, tracks=tracks)
    if not everything:
        return session
    master, morph = session.master, session.morph
    markers = sorted(
        (_moved(marker, place) for marker in session.markers),
        key=lambda marker: (marker.at, marker.id),
    )
    mixed = replace(master, gain_points=envelope(master.gain_points, gain_at), regions=_regions(master.regions, place))
    morphed = replace(morph, points=envelope(morph.points, line_at)) if morph is not None else None
    return replace(
        session,
        master=master if mixed == master else mixed,
        morph=morph if morphed == morph else morphed,
        markers=session.markers if tuple(markers) == session.markers else tuple(markers),
        loop=_loop(session.loop, place),
    )


def _moved(marker: Marker, place: _Map) -> Marker:
    """A section whose time is gone is a marker without a length, so that its name is not lost."""
    at = min(max(0, place(marker.at)), MAX_LENGTH)
    end = max(at, _end(marker.end, place)) if marker.length else at
    return marker if (at, end) == (marker.at, marker.end) else replace(marker, at=at, length=end - at)


def _shifted_track(track: Track, place: _Map, envelope: _Envelope, but: Collection[int]) -> Track:
    clips = tuple(clip if clip.id in but else _at(clip, place(clip.start)) for clip in track.clips)
    changed = replace(
        track,
        clips=edits.sorted_clips(clips),
        gain_points=_checked(envelope(track.gain_points, gain_at)),
        pan_points=_checked(envelope(track.pan_points, line_at)),
        regions=_regions(track.regions, place),
    )
    return track if changed == track else changed


def _at(clip: Clip, start: int) -> Clip:
    return clip if start == clip.start else replace(clip, start=edits.checked_start(start, clip.length))


def _regions(regions: Sequence[Region], place: _Map) -> tuple[Region, ...]:
    """Regions whose time is gone are dropped; those to the end of the timeline stay so."""
    found = []
    for region in regions:
        start = min(max(0, place(region.start)), MAX_LENGTH)
        end = MAX_LENGTH if region.end == MAX_LENGTH else _end(region.end, place)
        if end > start:
            same = (start, end) == (region.start, region.end)
            found.append(region if same else replace(region, start=start, end=end))
    return tuple(found)


def _loop(loop: Loop | None, place: _Map) -> Loop | None:
    """The loop; none if too little of it is left."""
    if loop is None:
        return None
    start, end = max(0, place(loop.start)), _end(loop.end, place)
    if (start, end) == (loop.start, loop.end):
        return loop
    return replace(loop, start=start, end=end) if end - start >= MIN_LOOP else None


def _end(end: int, place: _Map) -> int:
    """Where an end goes, of which the sample before it is the last one."""
    return min(place(end), place(end - 1) + 1, MAX_LENGTH)


def _checked(points: tuple[Point, ...]) -> tuple[Point, ...]:
    if points and points[-1].at > MAX_LENGTH:
        raise EditError(f"a session cannot be longer than {LONGEST}")
    return points
