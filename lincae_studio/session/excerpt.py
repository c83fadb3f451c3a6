"""Parts of a session as sessions of their own: what one track, group or clip adds to the mix. Pure functions.

The master and the groups around it stay, so that the parts add up to the mix, and also, in both of its mixes, a morph
that is on. Length and channels stay the same, and a subtracted track stays subtracted.
"""

from __future__ import annotations

from collections.abc import Collection

from msgspec.structs import replace

from lincae_studio.session.model import Session, Track
from lincae_studio.session.snapshots import in_each_mix


def only_track(session: Session, track_id: int) -> Session:
    """The session with the clips of this track alone audible, as they go into the mix, even if it is muted there.

    Of a group, that is without the tracks in it. Under a morph, the track is silent in the mixes in which it is not
    heard.
    """
    morphed = bool(session.morphed)

    def alone(mix: Session) -> Session:
        heard = {track.id for track in mix.tracks if track.id == track_id and (not morphed or mix.audible(track))}
        return _alone(mix, heard)

    return in_each_mix(session, alone)


def only_group(session: Session, track_id: int) -> Session:
    """The session with this track and all tracks in it audible, as they go into the mix.

    If none of them is audible there, those that are not muted within the group; under a morph, none.
    """
    inside, morphed = session.within({track_id}), bool(session.morphed)

    def alone(mix: Session) -> Session:
        tracks = [track for track in mix.tracks if track.id in inside]
        audible = {track.id for track in tracks if mix.audible(track)}
        if audible or morphed:
            return _alone(mix, audible)
        muted = mix.within({track.id for track in tracks if track.mute and track.id != track_id})
        return _alone(mix, inside - muted)

    return in_each_mix(session, alone)


def only_tracks(session: Session, track_ids: Collection[int]) -> Session:
    """The session with these tracks and all tracks in them audible, as they go into the mix.

    Also those that are muted there; under a morph, only in the mixes in which they are heard.
    """
    inside, morphed = session.within(track_ids), bool(session.morphed)

    def alone(mix: Session) -> Session:
        return _alone(mix, {one.id for one in mix.tracks if one.id in inside and (not morphed or mix.audible(one))})

    return in_each_mix(session, alone)


def without_track(session: Session, track_id: int) -> Session:
    """The session with this track, and all tracks in it, muted; its length and channels stay the same."""
    inside = session.within({track_id})

    def rest(mix: Session) -> Session:
        tracks = [replace(track, mute=track.mute or track.id == track_id) for track in mix.tracks]
        if any(track.solo and track.id not in inside for track in mix.tracks):
            return replace(mix, tracks=tuple(tracks))
        return replace(mix, tracks=tuple(replace(track, solo=False) for track in tracks))

    return in_each_mix(session, rest)


def only_clip(session: Session, clip_id: int) -> Session:
    """The session with only this clip audible, with its track's settings. An unknown clip gives silence."""
    here = {track.id for track in session.tracks if any(clip.id == clip_id for clip in track.clips)}

    def changed(track: Track) -> Track:
        if track.id not in here:
            return track
        return replace(track, clips=tuple(replace(clip, mute=clip.id != clip_id) for clip in track.clips))

    def alone(mix: Session) -> Session:
        return _alone(replace(mix, tracks=tuple(map(changed, mix.tracks))), here)

    return in_each_mix(session, alone)


def _alone(mix: Session, heard: Collection[int]) -> Session:
    """The session with the clips of these tracks alone audible."""
    around = {group.id for track_id in heard for group in mix.groups_of(track_id)}

    def changed(track: Track) -> Track:
        # Groups around a track are not muted, but their own clips are silent, since only the track is soloed.
        return replace(track, mute=track.id not in heard and track.id not in around, solo=track.id in heard)

    return replace(mix, tracks=tuple(map(changed, mix.tracks)))
