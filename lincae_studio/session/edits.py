"""Edits: pure functions `(session, ...) -> session`.

Each validates its arguments and raises `EditError`; none modifies its arguments. Untouched tracks and clips stay the
same objects, so later stages can tell by identity what has not changed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import PurePath

from msgspec.structs import replace

from lincae_studio.errors import EditError
from lincae_studio.session.digests import rate_of
from lincae_studio.session.model import (
    LONGEST,
    MASTER,
    MAX_FRAMES,
    MAX_GAIN,
    MAX_HEIGHT,
    MAX_LENGTH,
    MAX_SEED,
    MIN_HEIGHT,
    TRACK_COLORS,
    Clip,
    FadeShape,
    Media,
    Point,
    Session,
    Track,
)
from lincae_studio.session.rules import envelope_problem
from lincae_studio.session.snapshots import decided

Edit = Callable[[Session], Session]


def add_media(session: Session, media: Media) -> Session:
    """Add an audio file to the session; adding the same content again only updates its path."""
    if rate_of(media.digest) != session.rate:
        problem = f"{media.path} was converted to {rate_of(media.digest):,} Hz, but the session has {session.rate:,} Hz"
        raise EditError(problem, "Import it again, or copy its clips again")
    others = tuple(item for item in session.media if item.digest != media.digest)
    if len(others) == len(session.media):
        return replace(session, media=(*session.media, media))
    return replace(session, media=tuple(media if item.digest == media.digest else item for item in session.media))


def add_track(session: Session, name: str = "", at: int | None = None) -> Session:
    """Insert an empty track before position `at` (default: at the end), in the next colour of the cycle.

    It comes into the group of the track at that position.
    """
    track_id = session.next_id
    color = TRACK_COLORS[len(session.tracks) % len(TRACK_COLORS)]
    position = len(session.tracks) if at is None else max(0, min(at, len(session.tracks)))
    parent = session.tracks[position].parent if position < len(session.tracks) else 0
    track = Track(id=track_id, name=name[:400] or f"Track {len(session.tracks) + 1}", color=color, parent=parent)
    tracks = (*session.tracks[:position], track, *session.tracks[position:])
    return replace(session, tracks=tracks, next_id=track_id + 1)


def remove_tracks(session: Session, track_ids: Collection[int]) -> Session:
    """Remove tracks with their clips, and the tracks in groups.

    Their media stay in the session, so that undo and reuse cost nothing.
    """
    for track_id in track_ids:
        session.track(track_id)
    removed = session.within(track_ids)
    return replace(session, tracks=tuple(track for track in session.tracks if track.id not in removed))


def rename_track(session: Session, track_id: int, name: str) -> Session:
    """Rename a track; the name must not be blank."""
    if not name.strip():
        raise EditError("a track needs a name", "Type at least one character")
    return _with_track(session, replace(session.track(track_id), name=name.strip()[:400]))


def set_track_gain(session: Session, track_id: int, gain: float) -> Session:
    """Set a track's fader, as an amplitude factor in `[0, MAX_GAIN]`."""
    check_strips(session, (track_id,))
    return _with_track(session, replace(session.track(track_id), gain=_checked_gain(gain)))


def set_track_pan(session: Session, track_id: int, pan: float) -> Session:
    """Set a track's pan in `[-1, 1]`."""
    if not -1.0 <= pan <= 1.0:
        raise EditError(f"pan {pan} is not between -1 (left) and 1 (right)")
    check_strips(session, (track_id,))
    return _with_track(session, replace(session.track(track_id), pan=float(pan)))


def set_track_mute(session: Session, track_id: int, mute: bool) -> Session:
    """Mute or unmute a track."""
    check_strips(session, (track_id,))
    return _with_track(session, replace(session.track(track_id), mute=mute))


def set_track_solo(session: Session, track_id: int, solo: bool) -> Session:
    """Solo or unsolo a track."""
    check_strips(session, (track_id,))
    return _with_track(session, replace(session.track(track_id), solo=solo))


def set_track_subtract(session: Session, track_id: int, subtract: bool) -> Session:
    """Subtract a track from the mix instead of adding it, or add it again."""
    check_strips(session, (track_id,))
    return _with_track(session, replace(session.track(track_id), subtract=subtract))


def check_strips(session: Session, strip_ids: Collection[int]) -> None:
    """Raises `EditError` if a morph that is on controls one of these strips: moving it would not be heard."""
    if not decided(session).isdisjoint(strip_ids):
        names = " and ".join(f"“{snapshot.name}”" for snapshot in session.morphed)
        raise EditError(
            f"a morph is on: snapshots {names} control this strip",
            "Turn the morph off, or recall a snapshot, to edit it",
        )


def set_gain_points(session: Session, track_id: int, points: Iterable[Point]) -> Session:
    """Set a track's gain envelope: amplitude factors in `[0, MAX_GAIN]` at distinct samples. No points, no envelope."""
    checked = _checked_points(points, 0.0, MAX_GAIN, "a gain envelope")
    return _with_track(session, replace(session.track(track_id), gain_points=checked))


def set_pan_points(session: Session, track_id: int, points: Iterable[Point]) -> Session:
    """Set a track's pan envelope: values in `[-1, 1]` at distinct samples. No points, no envelope."""
    checked = _checked_points(points, -1.0, 1.0, "a pan envelope")
    return _with_track(session, replace(session.track(track_id), pan_points=checked))


def clear_envelopes(session: Session, track_id: int) -> Session:
    """Remove all points of a track's envelopes."""
    return _with_track(session, replace(session.track(track_id), gain_points=(), pan_points=()))


def set_track_height(session: Session, track_id: int, height: int) -> Session:
    """Set the height of a track's row, in pixels at 100 %, within `MIN_HEIGHT` and `MAX_HEIGHT`; 0 for the default."""
    if height and not MIN_HEIGHT <= height <= MAX_HEIGHT:
        raise EditError(f"a height of {height} pixels is not between {MIN_HEIGHT} and {MAX_HEIGHT}")
    return _with_track(session, replace(session.track(track_id), height=int(height)))


def set_master_gain(session: Session, gain: float) -> Session:
    """Set the master's fader, as an amplitude factor in `[0, MAX_GAIN]`."""
    check_strips(session, (MASTER,))
    return replace(session, master=replace(session.master, gain=_checked_gain(gain)))


def set_master_points(session: Session, points: Iterable[Point]) -> Session:
    """Set the master's gain envelope: amplitude factors in `[0, MAX_GAIN]` at distinct samples. No points: none."""
    checked = _checked_points(points, 0.0, MAX_GAIN, "the master’s envelope")
    return replace(session, master=replace(session.master, gain_points=checked))


def add_clip(session: Session, track_id: int, media: Media, start: int, name: str = "") -> Session:
    """Place a whole media file on a track at `start`."""
    session = add_media(session, media)
    clip = Clip(
        id=session.next_id,
        media=media.digest,
        name=name[:400] or name_of(media),
        start=checked_start(start, media.length),
        offset=0,
        length=media.length,
    )
    track = session.track(track_id)
    session = _with_track(session, replace(track, clips=sorted_clips((*track.clips, clip))))
    return replace(session, next_id=clip.id + 1)


def add_stems(
    session: Session, media: Sequence[Media], start: int, first_track: int | None = None, in_sequence: bool = False
) -> Session:
    """Place several media files at a common start, one track each, named after the files.

    With `first_track` (a track's position) they go on that track and the ones below it that are not in folded groups,
    and missing tracks are added; without it each file gets a new track at the end. `in_sequence` places them one after
    another on one track.
    """
    last = len(session.tracks)
    position = last if first_track is None else min(max(0, first_track), last)
    for item in media:
        while position < len(session.tracks) and session.tracks[position].id in session.hidden:
            position += 1
        if position >= len(session.tracks):
            session = add_track(session, name=name_of(item))
        session = add_clip(session, session.tracks[position].id, item, start)
        if in_sequence:
            start += item.length
        else:
            position += 1
    return session


def name_of(media: Media) -> str:
    """The default name of a clip or track: that of the file, with the channels where some were selected."""
    file = media.original or media
    stem = PurePath(file.path).stem
    return (f"{stem} {file.channel_selection}" if file.channel_selection else stem)[:400]


def remove_clips(session: Session, clip_ids: Collection[int]) -> Session:
    """Remove clips from all tracks."""
    removed = {clip.id for _, clip in session.clips_of(clip_ids)}
    return _with_clips(session, lambda clip: () if clip.id in removed else (clip,))


def move_clips(session: Session, clip_ids: Collection[int], by_samples: int, by_tracks: int = 0) -> Session:
    """Move clips together in time and between tracks.

    Raises:
        EditError: if any would start before 0 or move past the first or last track; nothing moves then.
    """
    if not clip_ids:
        return session
    incoming: dict[int, list[Clip]] = {}
    for position, clip in session.clips_of(clip_ids):
        moved = replace(clip, start=checked_start(clip.start + by_samples, clip.length))
        target = position + by_tracks
        if not 0 <= target < len(session.tracks):
            raise EditError("a clip cannot move past the first or last track", "Add a track first")
        incoming.setdefault(target, []).append(moved)
    left, tracks = frozenset(clip_ids), []
    for index, track in enumerate(session.tracks):
        kept = tuple(clip for clip in track.clips if clip.id not in left)
        clips = sorted_clips((*kept, *incoming.get(index, ())))
        tracks.append(track if clips == track.clips else replace(track, clips=clips))
    return replace(session, tracks=tuple(tracks))


def trim_clip(session: Session, clip_id: int, start: int, end: int) -> Session:
    """Set a clip's edges on the timeline; its audio stays where it is. Raises like `trim_clips`."""
    return trim_clips(session, {clip_id: (start, end)})


def trim_clips(session: Session, edges: Mapping[int, tuple[int, int]]) -> Session:
    """Set the edges of clips on the timeline, start and end by id; their audio stays where it is.

    Raises:
        EditError: if an edge lies outside the media or before 0, or the edges cross.
    """

    def trimmed(clip: Clip) -> Clip:
        start, end = edges[clip.id]
        offset = clip.offset + start - clip.start
        length = end - start
        if length < 1:
            raise EditError("a clip cannot be shorter than one sample")
        if offset < 0 or offset + length > session.media_of(clip.media).length:
            raise EditError(f"the file of {clip.name} has no audio beyond that point")
        return replace(
            clip,
            start=checked_start(start, length),
            offset=offset,
            length=length,
            fade_in=min(clip.fade_in, length),
            fade_out=min(clip.fade_out, length),
        )

    return change_clips(session, edges, trimmed)


def split_clips(session: Session, clip_ids: Collection[int], at: int) -> Session:
    """Split clips in two at timeline sample `at`; clips that do not span it stay whole.

    The left part keeps the id and the fade-in, the right part gets a new id and the fade-out.
    """
    parts: dict[int, tuple[Clip, Clip]] = {}
    next_id = session.next_id
    for clip in sorted((clip for _, clip in session.clips_of(clip_ids)), key=lambda clip: clip.id):
        if not clip.start < at < clip.end:
            continue
        left, right = part_of(clip, clip.start, at), replace(part_of(clip, at, clip.end), id=next_id)
        parts[clip.id] = (left, right)
        next_id += 1
    if not parts:
        return session
    return replace(_with_clips(session, lambda clip: parts.get(clip.id, (clip,))), next_id=next_id)


def part_of(clip: Clip, start: int, end: int) -> Clip:
    """What a clip has in `[start, end)` of the timeline; the fade of an end that it does not reach is gone."""
    fade_in = clip.fade_in if start == clip.start else 0
    fade_out = clip.fade_out if end == clip.end else 0
    return replace(
        clip,
        start=start,
        offset=clip.offset + start - clip.start,
        length=end - start,
        fade_in=min(fade_in, end - start),
        fade_out=min(fade_out, end - start),
    )


def set_clip_gain(session: Session, clip_ids: Collection[int], gain: float) -> Session:
    """Set the own gain of clips, as an amplitude factor in `[0, MAX_GAIN]`."""
    checked = _checked_gain(gain)
    return change_clips(session, clip_ids, lambda clip: replace(clip, gain=checked))


def set_clip_fades(
    session: Session, clip_ids: Collection[int], fade_in: int | None = None, fade_out: int | None = None
) -> Session:
    """Set the lengths of fades in samples, each up to the length of the clip; None leaves that side as it is.

    0 is an automatic fade.
    """

    def faded(clip: Clip) -> Clip:
        begin, end = clip.fade_in if fade_in is None else fade_in, clip.fade_out if fade_out is None else fade_out
        if not (0 <= begin <= clip.length and 0 <= end <= clip.length):
            raise EditError(f"a fade of {clip.name} must be between 0 and {clip.length} samples")
        return replace(clip, fade_in=begin, fade_out=end)

    return change_clips(session, clip_ids, faded)


def set_fade_shapes(
    session: Session, clip_ids: Collection[int], *, fade_in: FadeShape | None = None, fade_out: FadeShape | None = None
) -> Session:
    """Set the fade shapes of clips; None leaves that side as it is."""
    return change_clips(
        session,
        clip_ids,
        lambda clip: replace(
            clip, fade_in_shape=fade_in or clip.fade_in_shape, fade_out_shape=fade_out or clip.fade_out_shape
        ),
    )


def set_clip_mute(session: Session, clip_ids: Collection[int], mute: bool) -> Session:
    """Mute or unmute clips."""
    return change_clips(session, clip_ids, lambda clip: replace(clip, mute=mute))


def set_clip_color(session: Session, clip_ids: Collection[int], color: str | None) -> Session:
    """Set the colour of clips, as `#rrggbb`; None for the colour of their track."""
    checked = None if color is None else _checked_color(color)
    return change_clips(session, clip_ids, lambda clip: replace(clip, color=checked))


def rename_clip(session: Session, clip_id: int, name: str) -> Session:
    """Rename a clip; the name must not be blank."""
    if not name.strip():
        raise EditError("a clip needs a name", "Type at least one character")
    return change_clips(session, {clip_id}, lambda clip: replace(clip, name=name.strip()[:400]))


def slip_clip(session: Session, clip_id: int, by_samples: int) -> Session:
    """Move the audio inside a clip later by `by_samples`; the clip's edges stay where they are.

    Raises:
        EditError: when the clip would reach beyond the audio of its media.
    """
    clip = session.clip(clip_id)
    offset = clip.offset - by_samples
    if offset < 0 or offset + clip.length > session.media_of(clip.media).length:
        raise EditError(f"the file of {clip.name} has no audio beyond that point")
    return change_clips(session, {clip_id}, lambda clip: replace(clip, offset=offset))


def set_track_color(session: Session, track_id: int, color: str) -> Session:
    """Set a track's colour, as `#rrggbb`."""
    return _with_track(session, replace(session.track(track_id), color=_checked_color(color)))


def set_codec(session: Session, codec: str) -> Session:
    """Set the codec by its id. Whether it is installed is the registry's business, not the document's."""
    if not 0 < len(codec) <= 200:
        raise EditError("the id of a codec must have 1 to 200 characters")
    return replace(session, codec=codec)


def set_rendering(session: Session, seed: int, chunk_frames: int, overlap_frames: int) -> Session:
    """Set the render settings; 0 frames is the codec's own default. Raises `EditError` for values out of range."""
    changed = replace(session, seed=seed, chunk_frames=chunk_frames, overlap_frames=overlap_frames)
    if not 0 <= seed <= MAX_SEED:
        raise EditError(f"the seed {seed} is not between 0 and {MAX_SEED}")
    if not (0 <= chunk_frames <= MAX_FRAMES and 0 <= overlap_frames <= MAX_FRAMES):
        raise EditError(f"the chunk length and the overlap must be between 0 and {MAX_FRAMES} frames")
    return changed


def change_clips(session: Session, clip_ids: Collection[int], change: Callable[[Clip], Clip]) -> Session:
    """Apply `change` to each of these clips. Raises `EditError` when one of them does not exist."""
    changed = {clip.id for _, clip in session.clips_of(clip_ids)}
    return _with_clips(session, lambda clip: (change(clip),) if clip.id in changed else (clip,))


def _with_track(session: Session, changed: Track) -> Session:
    tracks = tuple(changed if track.id == changed.id else track for track in session.tracks)
    return replace(session, tracks=tracks)


def _with_clips(session: Session, change: Callable[[Clip], tuple[Clip, ...]]) -> Session:
    """Replace each clip by what `change` returns for it; tracks without a change stay the same objects."""
    tracks = []
    for track in session.tracks:
        clips = sorted_clips(tuple(part for clip in track.clips for part in change(clip)))
        tracks.append(track if clips == track.clips else replace(track, clips=clips))
    return replace(session, tracks=tuple(tracks))


def sorted_clips(clips: tuple[Clip, ...]) -> tuple[Clip, ...]:
    """Sort clips in the order of a track: by start, then by id."""
    return tuple(sorted(clips, key=lambda clip: (clip.start, clip.id)))


def _checked_points(points: Iterable[Point], least: float, most: float, name: str) -> tuple[Point, ...]:
    found = tuple(sorted(points, key=lambda point: point.at))
    problem = envelope_problem(found, least, most)
    if problem:
        raise EditError(f"{name} cannot be set: {problem}")
    return found


def _checked_gain(gain: float) -> float:
    if not 0.0 <= gain <= MAX_GAIN:
        raise EditError(f"gain {gain} is not between 0 and {MAX_GAIN:.2f} (+24 dB)")
    return float(gain)


def _checked_color(color: str) -> str:
    if re.fullmatch("#[0-9a-fA-F]{6}", color) is None:
        raise EditError(f"“{color}” is not a colour", "Write it as #rrggbb")
    return color


def checked_start(start: int, length: int) -> int:
    """Return `start` if a clip of this length fits the timeline there. Raises `EditError` when it does not."""
    if start < 0:
        raise EditError("a clip cannot start before the beginning of the timeline")
    if start + length > MAX_LENGTH:
        raise EditError(f"a session cannot be longer than {LONGEST}")
    return int(start)
