"""Parts of a session as sessions of their own: what one track or clip contributes to the mix. Pure functions.

The master stays, so that the parts add up to the mix.
"""

from __future__ import annotations

from msgspec.structs import replace

from lincae_studio.session.model import Session, Track
from lincae_studio.session.snapshots import in_each_mix


def only_track(session: Session, track_id: int) -> Session:
    """The session with only this track audible, as it goes into the mix, even if it is muted there.

    The length and channels of the session stay the same, and a subtracted track stays subtracted. Under a morph, the
    track is silent in the mixes in which it is not heard.
    """
    morphed = bool(session.morphed)

    def alone(mix: Session) -> Session:
        silent = {track.id for track in mix.tracks if morphed and not mix.audible(track)}
        tracks = [replace(track, mute=track.id != track_id or track.id in silent, solo=False) for track in mix.tracks]
        return replace(mix, tracks=tuple(tracks))

    return in_each_mix(session, alone)


def without_track(session: Session, track_id: int) -> Session:
    """The session with this track muted; its length and channels stay the same."""

    def rest(mix: Session) -> Session:
        tracks = [replace(track, mute=track.mute or track.id == track_id) for track in mix.tracks]
        if any(track.solo and track.id != track_id for track in mix.tracks):
            return replace(mix, tracks=tuple(tracks))
        return replace(mix, tracks=tuple(replace(track, solo=False) for track in tracks))

    return in_each_mix(session, rest)


def only_clip(session: Session, clip_id: int) -> Session:
    """The session with only this clip audible, with its track's settings. An unknown clip gives silence."""

    def changed(track: Track) -> Track:
        here = any(clip.id == clip_id for clip in track.clips)
        clips = tuple(replace(clip, mute=clip.id != clip_id) for clip in track.clips) if here else track.clips
        return replace(track, clips=clips, mute=not here, solo=False)

    return in_each_mix(session, lambda mix: replace(mix, tracks=tuple(map(changed, mix.tracks))))
