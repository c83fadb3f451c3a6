"""Locked tracks: no edit changes their clips, envelopes and regions, or removes them. Pure functions.

Their strips may be moved: a lock protects the arrangement, not the mix. Undo goes back over locks, since it only
restores what there was.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from msgspec.structs import replace

from lincae_studio.errors import EditError
from lincae_studio.session.edits import name_of
from lincae_studio.session.model import Session, Track


def lock_tracks(session: Session, track_ids: Collection[int], locked: bool) -> Session:
    """Lock or unlock tracks."""
    for track_id in track_ids:
        session.track(track_id)
    tracks = tuple(
        replace(track, locked=locked) if track.id in track_ids and track.locked != locked else track
        for track in session.tracks
    )
    return replace(session, tracks=tracks)


def check_locks(before: Session, after: Session) -> None:
    """Check that an edit leaves locked tracks alone.

    Replacing media, by another file or for another sample rate, is no edit of the tracks that use them: what it does
    to names that follow their files is none, either.

    Raises:
        EditError: naming the first locked track that it would change.
    """
    if after is before or after.rate != before.rate:
        return
    locked = [track for track in before.tracks if track.locked]
    if not locked:
        return
    there = {media.digest: media.source.digest for media in after.media}
    replaced = {media.digest: media.source.digest for media in before.media if media.digest not in there}
    names = [{media.digest: name_of(media) for media in session.media} for session in (before, after)]
    by_id = {track.id: track for track in after.tracks}
    for track in locked:
        now = by_id.get(track.id)
        if now is not None:
            if _arranged(now) == _arranged(track) or _arranged(now, names[1]) == _arranged(track, names[0]):
                continue
            plays = {clip.id: there.get(clip.media) for clip in now.clips} if replaced else {}
            # Media that are derived from the same file by other processes are an edit.
            if any(clip.media in replaced and plays.get(clip.id) != replaced[clip.media] for clip in track.clips):
                continue
        what = "removed" if now is None else "changed"
        problem = f"the track “{track.name}” is locked, and would be {what}"
        raise EditError(problem, "Unlock it (Track > Lock Track), or leave its clips out")


def _arranged(track: Track, names: Mapping[str, str] | None = None) -> tuple[object, ...]:
    """The protected part of a track; with the names of files by digest, without the names of clips that follow them."""
    clips = track.clips
    if names is not None:
        clips = tuple(replace(clip, name="") if clip.name == names.get(clip.media) else clip for clip in clips)
    return clips, track.gain_points, track.pan_points, track.regions
