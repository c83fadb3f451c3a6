"""Removing a stem from a mix, as an edit: align the stem's track, set its gain, and subtract it. Pure functions."""

from __future__ import annotations

from msgspec.structs import replace

from lincae_studio.errors import EditError
from lincae_studio.session import edits
from lincae_studio.session.edits import checked_start, sorted_clips
from lincae_studio.session.model import MAX_GAIN, Clip, Session, Track


def shift_track(session: Session, track_id: int, by_samples: int) -> Session:
    """Move all clips of a track in time; a clip that would start before 0 is trimmed, and removed if nothing is left.

    Raises:
        EditError: when there is no such track, or a clip would end after the longest possible session.
    """
    track = session.track(track_id)
    clips = (_shifted(clip, by_samples) for clip in track.clips)
    kept = sorted_clips(tuple(clip for clip in clips if clip is not None))
    shifted = replace(track, clips=kept)
    return replace(session, tracks=tuple(shifted if one is track else one for one in session.tracks))


def match_track(
    session: Session, track_id: int, lag: int = 0, gain: float | None = None, pan: float | None = None
) -> Session:
    """Move a track `lag` samples later and subtract it. `gain` sets its fader; a negative gain adds the track instead.

    It is heard afterwards: groups around it that are muted are not any more, and what else is in them is muted instead.

    Raises:
        EditError: when there is no such track, or the gain is out of the fader's range.
    """
    session = _unmuted(shift_track(session, track_id, lag), track_id)
    if any(track.solo for track in session.tracks):
        session = edits.set_track_solo(session, track_id, True)  # otherwise it would not be part of the mix
    session = edits.set_track_subtract(session, track_id, gain is None or gain >= 0.0)
    if gain is not None:
        if abs(gain) > MAX_GAIN:
            raise EditError("the stem is more than 24 dB quieter than in the mix", "Raise the gain of its clips first")
        session = edits.set_track_gain(session, track_id, abs(gain))
    return session if pan is None else edits.set_track_pan(session, track_id, min(max(pan, -1.0), 1.0))


def _unmuted(session: Session, track_id: int) -> Session:
    """A track and the groups around it are not muted; what a muted group has silenced besides stays silent."""
    session, around = edits.set_track_mute(session, track_id, False), session.groups_of(track_id)
    outermost = max((number for number, group in enumerate(around, 1) if group.mute), default=0)
    opened, way = {group.id for group in around[:outermost]}, {track_id, *(group.id for group in around)}

    def changed(track: Track) -> Track:
        if track.id in opened:
            return replace(track, mute=False, clips=tuple(replace(clip, mute=True) for clip in track.clips))
        return replace(track, mute=True) if track.parent in opened and track.id not in way else track

    return replace(session, tracks=tuple(map(changed, session.tracks))) if opened else session


def _shifted(clip: Clip, by_samples: int) -> Clip | None:
    start = clip.start + by_samples
    if start >= 0:
        return replace(clip, start=checked_start(start, clip.length))
    length = clip.length + start
    if length < 1:
        return None
    fades = {"fade_in": max(0, min(clip.fade_in + start, length)), "fade_out": min(clip.fade_out, length)}
    return replace(clip, start=0, offset=clip.offset - start, length=length, **fades)
