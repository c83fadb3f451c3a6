"""Edits of spans of time on tracks: cut, copy, paste, delete, split, fade. Pure functions, like `edits`.

Spans are samples `[start, end)`. Where clips are cut they are split, as `edits.split_clips` does, so that what stays
sounds as before.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from lincae_studio.errors import EditError
from lincae_studio.session import arrange, edits
from lincae_studio.session.arrange import Clipboard, Envelopes
from lincae_studio.session.envelopes import gain_at, insert, line_at, section
from lincae_studio.session.model import Clip, Session, Track
from lincae_studio.session.ripple import Ripple, Span, close_time, merged, open_time, unlocked

#: Paste over existing clips, in place of them, or between what is before and after.
PasteMode = Literal["mix", "replace", "insert"]


class TimeRange(Struct, frozen=True):
    """Spans of time on some tracks: several are apart, and in order.

    Attributes:
        tracks: the ids of the tracks; None for all that are not locked.
    """

    spans: tuple[Span, ...]
    tracks: frozenset[int] | None = None

    @property
    def start(self) -> int:
        """Where the first span starts."""
        return self.spans[0][0]

    @property
    def end(self) -> int:
        """Where the last span ends."""
        return self.spans[-1][1]

    def on(self, session: Session) -> frozenset[int]:
        """The ids of its tracks in a session."""
        return unlocked(session) if self.tracks is None else self.tracks.intersection(t.id for t in session.tracks)


def delete(session: Session, time: TimeRange, ripple: Ripple = "off") -> Session:
    """Remove the content of spans; with `ripple` the time itself, from these tracks or from all that are not locked."""
    track_ids = unlocked(session) if ripple == "all" else time.on(session)
    session = _cleared(session, time.spans, track_ids)
    return session if ripple == "off" else close_time(session, time.spans, track_ids, ripple == "all")


def split(session: Session, time: TimeRange) -> Session:
    """Split the clips on these tracks at both ends of each span."""
    for at in sorted({end for span in time.spans for end in span}):
        session = edits.split_clips(session, _across(session, time.on(session), at), at)
    return session


def copy(session: Session, time: TimeRange) -> Clipboard:
    """Copy the content of spans, with their envelopes; the time between spans is silent.

    Raises:
        EditError: when no clip is in them.
    """
    track_ids = time.on(session)
    places = [place for place, track in enumerate(session.tracks) if track.id in track_ids]
    tracks = session.tracks[places[0] : places[-1] + 1] if places else ()
    rows = tuple(
        tuple(
            edits.part_of(clip, max(start, clip.start), min(end, clip.end))
            for start, end in time.spans
            for clip in track.clips
            if clip.start < end and clip.end > start
        )
        if track.id in track_ids
        else ()
        for track in tracks
    )
    if not any(rows):
        raise EditError("there is nothing to copy", "Select time in which there are clips")
    used = {clip.media for row in rows for clip in row}
    media = tuple(item for item in session.media if item.digest in used)
    return Clipboard(rows, media, (time.start, time.end), tuple(_envelopes(track, time) for track in tracks))


def paste(
    session: Session, clipboard: Clipboard, at: int, first_track: int, how: PasteMode, ripple: Ripple = "off"
) -> Session:
    """Paste clips from `at` on, on tracks from position `first_track` down.

    `replace` removes what is there for as long as what is pasted; `insert` moves what is after `at` later, on these
    tracks or, with `ripple`, on all that are not locked. Clips that `at` cuts are split.
    """
    while len(session.tracks) < first_track + len(clipboard.rows):
        session = edits.add_track(session)
    tracks = session.tracks[first_track : first_track + len(clipboard.rows)]
    track_ids = frozenset(track.id for track in tracks)
    length = clipboard.end - clipboard.start
    if how == "replace":
        session = _cleared(session, ((at, at + length),), track_ids)
    elif how == "insert":
        session = insert_time(session, at, length, None if ripple == "all" else track_ids)
        session = _with_envelopes(session, clipboard, at, length, tracks)
    return arrange.paste_clips(session, clipboard, at, first_track)


def insert_time(session: Session, at: int, length: int, track_ids: Collection[int] | None) -> Session:
    """Insert silence into tracks, or into all that are not locked and what belongs to all; clips there are split."""
    inside = unlocked(session) if track_ids is None else track_ids
    session = edits.split_clips(session, _across(session, inside, at), at)
    return open_time(session, at, length, inside, track_ids is None)


def fade(session: Session, time: TimeRange) -> Session:
    """Fade clips in up to the end of a span that their start is in, or out from the start of one with their end.

    Raises:
        EditError: when no span has only one end of a clip in it.
    """
    track_ids, faded = time.on(session), session
    for start, end in time.spans:
        for clip in [clip for track in session.tracks if track.id in track_ids for clip in track.clips]:
            if start <= clip.start < end < clip.end:
                faded = edits.set_clip_fades(faded, [clip.id], fade_in=end - clip.start)
            elif clip.start < start < clip.end <= end:
                faded = edits.set_clip_fades(faded, [clip.id], fade_out=clip.end - start)
    if faded is session:
        raise EditError(
            "there is nothing to fade: no clip starts or ends in the selected time and continues outside it",
            "Select time over the start or the end of a clip, over the length of the fade",
        )
    return faded


def clips_in(session: Session, time: TimeRange) -> frozenset[int]:
    """The ids of the clips on these tracks of which a part is in a span."""
    track_ids = time.on(session)
    return frozenset(
        clip.id
        for track in session.tracks
        if track.id in track_ids
        for clip in track.clips
        if any(clip.start < end and clip.end > start for start, end in time.spans)
    )


def of_clips(session: Session, clip_ids: Collection[int]) -> TimeRange:
    """The time from the start of the first clip to the end of the last one, on their tracks.

    Raises:
        EditError: when there are none.
    """
    placed = session.clips_of(clip_ids)
    if not placed:
        raise EditError("no clip is selected", "Select clips first")
    span = min(clip.start for _, clip in placed), max(clip.end for _, clip in placed)
    return TimeRange((span,), frozenset(session.tracks[position].id for position, _ in placed))


def outside(clip: Clip, spans: Iterable[Span]) -> list[Clip]:
    """What a clip has outside spans that are in order and apart: the clip itself, or parts that all have its id."""
    parts, at = [], clip.start
    for start, end in spans:
        if start < clip.end and end > clip.start:
            if start > at:
                parts.append(edits.part_of(clip, at, start))
            at = end
    if at == clip.start:
        return [clip]
    return [*parts, edits.part_of(clip, at, clip.end)] if at < clip.end else parts


def _across(session: Session, track_ids: Collection[int], at: int) -> list[int]:
    """The ids of the clips on tracks that a sample cuts."""
    return [
        clip.id
        for track in session.tracks
        if track.id in track_ids
        for clip in track.clips
        if clip.start < at < clip.end
    ]


def _cleared(session: Session, spans: Iterable[Span], track_ids: Collection[int]) -> Session:
    """The session without the content of spans on tracks; tracks with nothing there stay the same objects."""
    next_id, tracks = session.next_id, []
    cleared = merged(spans)
    for track in session.tracks:
        clips = []
        for clip in track.clips if track.id in track_ids else ():
            for number, part in enumerate(outside(clip, cleared)):
                clips.append(replace(part, id=next_id) if number else part)
                next_id += bool(number)
        same = track.id not in track_ids or tuple(clips) == track.clips
        tracks.append(track if same else replace(track, clips=edits.sorted_clips(tuple(clips))))
    return replace(session, tracks=tuple(tracks), next_id=next_id)


def _envelopes(track: Track, time: TimeRange) -> Envelopes:
    return Envelopes(
        section(track.gain_points, time.start, time.end, gain_at),
        section(track.pan_points, time.start, time.end, line_at),
    )


def _with_envelopes(session: Session, clipboard: Clipboard, at: int, length: int, before: Sequence[Track]) -> Session:
    """Let the inserted time of tracks have the copied envelopes; `before`: the tracks without that time."""
    pasted = {track.id: envelopes for track, envelopes in zip(before, clipboard.envelopes, strict=False)}
    old = {track.id: track for track in before}

    def changed(track: Track) -> Track:
        copied = pasted.get(track.id)
        if copied is None or not (copied.gain or copied.pan):
            return track
        gain, pan = old[track.id].gain_points, old[track.id].pan_points
        return replace(
            track,
            gain_points=insert(gain, at, length, gain_at, copied.gain),
            pan_points=insert(pan, at, length, line_at, copied.pan),
        )

    return replace(session, tracks=tuple(map(changed, session.tracks)))
