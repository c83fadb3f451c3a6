"""Edits of several clips together: copy and paste, closing gaps, joining, grouping. As `edits`."""

from __future__ import annotations

import itertools
from collections.abc import Collection

from msgspec import Struct
from msgspec.structs import replace

from lincae_studio.errors import EditError
from lincae_studio.session import edits
from lincae_studio.session.model import Clip, Media, Session, Track


class Clipboard(Struct, frozen=True):
    """Clips that were copied, on tracks counted from the highest of them, and their media: it outlives its session."""

    rows: tuple[tuple[Clip, ...], ...]
    media: tuple[Media, ...]

    @property
    def start(self) -> int:
        """Where the first of them began."""
        return min(clip.start for row in self.rows for clip in row)

    @property
    def end(self) -> int:
        """Where the last of them ended."""
        return max(clip.end for row in self.rows for clip in row)


def copy_clips(session: Session, clip_ids: Collection[int]) -> Clipboard:
    """Raises `EditError` when there are no clips to copy."""
    rows = [tuple(clip for clip in track.clips if clip.id in clip_ids) for track in session.tracks]
    filled = [position for position, row in enumerate(rows) if row]
    if not filled:
        raise EditError("there is nothing to copy", "Select clips first")
    used = {clip.media for row in rows for clip in row}
    media = tuple(item for item in session.media if item.digest in used)
    return Clipboard(tuple(rows[filled[0] : filled[-1] + 1]), media)


def paste_clips(session: Session, clipboard: Clipboard, at: int, first_track: int) -> Session:
    """Place copies so that the first begins at `at`, from the track at position `first_track` down.

    Tracks that are missing are added. Groups stay together, as new groups.
    """
    for media in clipboard.media:
        session = edits.add_media(session, media)
    while len(session.tracks) < first_track + len(clipboard.rows):
        session = edits.add_track(session)
    by, next_id = at - clipboard.start, session.next_id
    groups: dict[int, int] = {}
    tracks = list(session.tracks)
    for position, row in enumerate(clipboard.rows, start=first_track):
        added = []
        for clip in row:
            group = groups.setdefault(clip.group, next_id) if clip.group else 0
            start = edits.checked_start(clip.start + by, clip.length)
            added.append(replace(clip, id=next_id, start=start, group=group))
            next_id += 1
        tracks[position] = _with_more(tracks[position], added)
    return replace(session, tracks=tuple(tracks), next_id=next_id)


def duplicate_clips(session: Session, clip_ids: Collection[int]) -> Session:
    """Copies on the same tracks, beginning where the last of the clips ends."""
    clipboard = copy_clips(session, clip_ids)
    return paste_clips(session, clipboard, clipboard.end, _first_track(session, clip_ids))


def copy_moved(session: Session, clip_ids: Collection[int], by_samples: int, by_tracks: int) -> Session:
    """Copies of clips, moved in time and between tracks.

    Raises:
        EditError: if any would start before 0 or leave the tracks.
    """
    clipboard = copy_clips(session, clip_ids)
    first = _first_track(session, clip_ids) + by_tracks
    if not 0 <= first <= len(session.tracks) - len(clipboard.rows):
        raise EditError("a clip cannot leave the tracks", "Add a track first")
    return paste_clips(session, clipboard, clipboard.start + by_samples, first)


def duplicate_track(session: Session, track_id: int) -> Session:
    """A copy of a track and its clips, below it."""
    position = [track.id for track in session.tracks].index(session.track(track_id).id)
    original, next_id = session.tracks[position], session.next_id + 1
    copies = tuple(replace(clip, id=next_id + number) for number, clip in enumerate(original.clips))
    copy = replace(original, id=session.next_id, name=f"{original.name} copy"[:400], clips=copies)
    tracks = (*session.tracks[: position + 1], copy, *session.tracks[position + 1 :])
    return replace(session, tracks=tracks, next_id=next_id + len(copies))


def remove_and_close_gap(session: Session, clip_ids: Collection[int]) -> Session:
    """Remove clips; what lies after each on its track moves up by its length."""
    for clip_id in clip_ids:
        session.clip(clip_id)
    tracks = []
    for track in session.tracks:
        gone = [clip for clip in track.clips if clip.id in clip_ids]
        if not gone:
            tracks.append(track)
            continue
        kept = [clip for clip in track.clips if clip.id not in clip_ids]
        moved = [
            replace(clip, start=max(0, clip.start - sum(old.length for old in gone if old.end <= clip.start)))
            for clip in kept
        ]
        tracks.append(_with_more(replace(track, clips=()), moved))
    return replace(session, tracks=tuple(tracks))


def join_clips(session: Session, clip_ids: Collection[int]) -> Session:
    """Make one clip of parts of one file that lie side by side, as a split leaves them. It keeps the first one's id.

    Raises:
        EditError: when they are not such parts; nothing is joined then.
    """
    clips = sorted((session.clip(clip_id) for clip_id in clip_ids), key=lambda clip: clip.start)
    if len(clips) < 2 or len({session.track_of(clip.id).id for clip in clips}) != 1:
        raise EditError("there is nothing to join", "Select two or more clips on one track")
    first, last = clips[0], clips[-1]
    for before, after in itertools.pairwise(clips):
        goes_on = (before.media, before.end, before.offset + before.length, before.gain)
        if goes_on != (after.media, after.start, after.offset, after.gain):
            problem = f"{before.name} does not go on in {after.name}"
            raise EditError(problem, "Only parts of one file that lie side by side can be joined")
    joined = replace(first, length=last.end - first.start, fade_out=last.fade_out, fade_out_shape=last.fade_out_shape)
    session = edits.remove_clips(session, {clip.id for clip in clips[1:]})
    return edits.change_clips(session, {first.id}, lambda _: joined)


def group_clips(session: Session, clip_ids: Collection[int]) -> Session:
    """Select and move these clips together from now on."""
    grouped = replace(session, next_id=session.next_id + 1)
    return edits.change_clips(grouped, clip_ids, lambda clip: replace(clip, group=session.next_id))


def ungroup_clips(session: Session, clip_ids: Collection[int]) -> Session:
    """Each clip by itself again."""
    return edits.change_clips(session, clip_ids, lambda clip: replace(clip, group=0))


def with_groups(session: Session, clip_ids: Collection[int]) -> frozenset[int]:
    """The clips, and all that are in their groups."""
    groups = {clip.group for clip in session.clips() if clip.id in clip_ids and clip.group}
    return frozenset(clip.id for clip in session.clips() if clip.id in clip_ids or clip.group in groups)


def _first_track(session: Session, clip_ids: Collection[int]) -> int:
    """Position of the highest track that holds one of the clips."""
    return next(
        position for position, track in enumerate(session.tracks) if any(clip.id in clip_ids for clip in track.clips)
    )


def _with_more(track: Track, clips: Collection[Clip]) -> Track:
    return replace(track, clips=edits.sorted_clips((*track.clips, *clips))) if clips else track
