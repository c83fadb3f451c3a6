"""Taking a stem out of a mix, as an edit: the stem's track moved, set to a level, and subtracted. Pure functions."""

from __future__ import annotations

from msgspec.structs import replace

from lincae_studio.errors import EditError
from lincae_studio.session.edits import checked_start, sorted_clips
from lincae_studio.session.model import MAX_GAIN, Clip, Session


def shift_track(session: Session, track_id: int, by_samples: int) -> Session:
    """Move all of a track's clips in time; what would begin before 0 is trimmed, and is lost if nothing is left.

    Raises:
        EditError: when there is no such track, or a clip would end behind the longest session.
    """
    track = session.track(track_id)
    clips = (_shifted(clip, by_samples) for clip in track.clips)
    kept = sorted_clips(tuple(clip for clip in clips if clip is not None))
    return _with_track(session, track_id, clips=kept)


def match_track(
    session: Session, track_id: int, lag: int = 0, gain: float | None = None, pan: float | None = None
) -> Session:
    """Subtract a track `lag` samples later than now; `gain` is its new fader, and a negative one adds it instead.

    Raises:
        EditError: when there is no such track, or the gain is beyond the fader.
    """
    shifted = shift_track(session, track_id, lag)
    changes: dict[str, object] = {"mute": False, "subtract": gain is None or gain >= 0.0}
    if gain is not None:
        if abs(gain) > MAX_GAIN:
            raise EditError("the stem is more than 24 dB quieter than in the mix", "Raise the gain of its clips first")
        changes["gain"] = abs(gain)
    if pan is not None:
        changes["pan"] = min(max(pan, -1.0), 1.0)
    return _with_track(shifted, track_id, **changes)


def _shifted(clip: Clip, by_samples: int) -> Clip | None:
    start = clip.start + by_samples
    if start >= 0:
        return replace(clip, start=checked_start(start, clip.length))
    length = clip.length + start
    if length < 1:
        return None
    fades = {"fade_in": max(0, min(clip.fade_in + start, length)), "fade_out": min(clip.fade_out, length)}
    return replace(clip, start=0, offset=clip.offset - start, length=length, **fades)


def _with_track(session: Session, track_id: int, **changes: object) -> Session:
    changed = replace(session.track(track_id), **changes)
    return replace(session, tracks=tuple(changed if one.id == track_id else one for one in session.tracks))
