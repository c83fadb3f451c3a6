"""Edits of several clips at once: copy and paste, joining, grouping. Pure functions, like `edits`."""

from __future__ import annotations

import itertools
from collections.abc import Collection

from msgspec import Struct
from msgspec.structs import replace

from lincae_studio.errors import EditError
from lincae_studio.session import edits
from lincae_studio.session.model import MAX_GAIN, Clip, Media, Point, Session, Track
from lincae_studio.session.ripple import Ripple, move_clips


class Envelopes(Struct, frozen=True):
    """Parts of a track's envelopes, from sample 0 on."""

    gain: tuple[Point, ...] = ()
    pan: tuple[Point, ...] = ()


class Clipboard(Struct, frozen=True):
    """Copied clips, by track from the topmost one down, and their media. It can be pasted into another session.

    Attributes:
        span: the time that was copied, if that was a time selection, with the envelopes of each track.
    """

    rows: tuple[tuple[Clip, ...], ...]
    media: tuple[Media, ...]
    span: tuple[int, int] | None = None
    envelopes: tuple[Envelopes, ...] = ()

    @property
    def start(self) -> int:
        """Start of the copied material, in samples."""
        return self.span[0] if self.span is not None else min(clip.start for row in self.rows for clip in row)

    @property
    def end(self) -> int:
        """End of the copied material, in samples."""
        return self.span[1] if self.span is not None else max(clip.end for row in self.rows for clip in row)


def copy_clips(session: Session, clip_ids: Collection[int]) -> Clipboard:
    """Copy clips to a clipboard. Raises `EditError` when there are none to copy."""
    rows = [tuple(clip for clip in track.clips if clip.id in clip_ids) for track in session.tracks]
    filled = [position for position, row in enumerate(rows) if row]
    if not filled:
        raise EditError("there is nothing to copy", "Select clips first")
    used = {clip.media for row in rows for clip in row}
    media = tuple(item for item in session.media if item.digest in used)
    return Clipboard(tuple(rows[filled[0] : filled[-1] + 1]), media)


def paste_clips(session: Session, clipboard: Clipboard, at: int, first_track: int) -> Session:
    """Paste copies so that the earliest starts at `at`, on tracks from position `first_track` down.

    Missing tracks are added. Copies of grouped clips form new groups.
    """
    for media in clipboard.media:
        session = edits.add_media(session, media)
    while len(session.tracks) < first_track + len(clipboard.rows):
        session = edits.add_track(session)
    shift, next_id = at - clipboard.start, session.next_id
    regions = [region.id for row in clipboard.rows for clip in row for region in clip.regions]
    next_id = max(next_id, max(regions, default=0) + 1)  # copies keep them, from another session, too
    groups: dict[int, int] = {}
    tracks = list(session.tracks)
    for position, row in enumerate(clipboard.rows, start=first_track):
        added = []
        for clip in row:
            group = groups.setdefault(clip.group, next_id) if clip.group else 0
            start = edits.checked_start(clip.start + shift, clip.length)
            added.append(replace(clip, id=next_id, start=start, group=group))
            next_id += 1
        tracks[position] = _with_more(tracks[position], added)
    return replace(session, tracks=tuple(tracks), next_id=next_id)


def duplicate_clips(session: Session, clip_ids: Collection[int]) -> Session:
    """Duplicate clips on the same tracks, starting where the last of them ends."""
    clipboard = copy_clips(session, clip_ids)
    return paste_clips(session, clipboard, clipboard.end, _first_track(session, clip_ids))


def copy_moved(session: Session, clip_ids: Collection[int], by_samples: int, by_tracks: int) -> Session:
    """Copy clips and move the copies in time and between tracks.

    Raises:
        EditError: if any copy would start before 0 or move past the first or last track.
    """
    clipboard = copy_clips(session, clip_ids)
    first = _first_track(session, clip_ids) + by_tracks
    if not 0 <= first <= len(session.tracks) - len(clipboard.rows):
        raise EditError("a clip cannot move past the first or last track", "Add a track first")
    return paste_clips(session, clipboard, clipboard.start + by_samples, first)


def join_clips(session: Session, clip_ids: Collection[int]) -> Session:
    """Join adjacent clips of the same file, as a split leaves them, into one clip. It keeps the first clip's id.

    Raises:
        EditError: when the clips are not contiguous parts of one file; nothing is joined then.
    """
    placed = session.clips_of(clip_ids)
    clips = sorted((clip for _, clip in placed), key=lambda clip: clip.start)
    if len(clips) < 2 or len({position for position, _ in placed}) != 1:
        raise EditError("there is nothing to join", "Select two or more clips on one track")
    first, last = clips[0], clips[-1]
    for before, after in itertools.pairwise(clips):
        continuation = (before.media, before.end, before.offset + before.length, before.gain)
        if continuation != (after.media, after.start, after.offset, after.gain):
            problem = f"{after.name} does not continue {before.name}"
            raise EditError(problem, "Only adjacent clips of the same file, with the same gain, can be joined")
    regions = {region: None for clip in clips for region in clip.regions}  # parts of a split clip share theirs
    reaching = any(
        region.start < clip.offset + clip.length and region.end > clip.offset and region not in clip.regions
        for region in regions
        for clip in clips
    )
    if reaching or len({region.id for region in regions}) < len(regions):
        raise EditError(f"the parts of {first.name} have different regions", "Delete those of all but one of them")
    joined = replace(
        first,
        length=last.end - first.start,
        fade_out=last.fade_out,
        fade_out_shape=last.fade_out_shape,
        regions=tuple(regions),
    )
    session = edits.remove_clips(session, {clip.id for clip in clips[1:]})
    return edits.change_clips(session, {first.id}, lambda _: joined)


def move_gains(session: Session, clip_ids: Collection[int], lead: int, gain: float) -> Session:
    """Set the gain of one clip, and change those of others by the same factor, up to the largest gain.

    From silence, the others stay as they are.
    """
    before = session.clip(lead).gain
    session = edits.set_clip_gain(session, {lead}, gain)
    others = frozenset(clip_ids) - {lead}
    if before == 0.0 or not others:
        return session
    factor = gain / before
    return edits.change_clips(session, others, lambda clip: replace(clip, gain=min(clip.gain * factor, MAX_GAIN)))


def move_to(session: Session, clip_ids: Collection[int], at: int, mode: Ripple = "off") -> Session:
    """Move clips together so that the first of them starts at a sample. Raises like `ripple.move_clips`."""
    placed = session.clips_of(clip_ids)
    if not placed:
        return session
    return move_clips(session, clip_ids, at - min(clip.start for _, clip in placed), 0, mode)


def group_clips(session: Session, clip_ids: Collection[int]) -> Session:
    """Group clips, so that they are selected and moved together."""
    grouped = replace(session, next_id=session.next_id + 1)
    return edits.change_clips(grouped, clip_ids, lambda clip: replace(clip, group=session.next_id))


def ungroup_clips(session: Session, clip_ids: Collection[int]) -> Session:
    """Take clips out of their groups."""
    return edits.change_clips(session, clip_ids, lambda clip: replace(clip, group=0))


def with_groups(session: Session, clip_ids: Collection[int]) -> frozenset[int]:
    """The clips and all other members of their groups."""
    groups = {clip.group for clip in session.clips() if clip.id in clip_ids and clip.group}
    return frozenset(clip.id for clip in session.clips() if clip.id in clip_ids or clip.group in groups)


def _first_track(session: Session, clip_ids: Collection[int]) -> int:
    """Position of the topmost track that contains one of the clips."""
    return next(
        position for position, track in enumerate(session.tracks) if any(clip.id in clip_ids for clip in track.clips)
    )


def _with_more(track: Track, clips: Collection[Clip]) -> Track:
    return replace(track, clips=edits.sorted_clips((*track.clips, *clips))) if clips else track
