"""Pure edits of the strips of several tracks at once: faders, pans, solo.

As in `edits`, each returns a new session, tracks that do not change stay the same objects, and unknown tracks raise
`EditError`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from msgspec.structs import replace

from lincae_studio.session import edits
from lincae_studio.session.model import MAX_GAIN, Session, Track


def each(session: Session, track_ids: Collection[int], edit: Callable[[Session, int], Session]) -> Session:
    """Make the same edit of each track, which it gets in a session without the others: of 1,000 tracks in one pass."""
    return _changed(session, track_ids, lambda track: edit(replace(session, tracks=(track,)), track.id).tracks[0])


def move_gains(session: Session, track_ids: Collection[int], lead: int, gain: float, before: Session) -> Session:
    """Set the fader of the track `lead`, and move those of the others by as many dB, from where they were in `before`.

    Silence is infinitely far away in dB: from there, `lead` takes along only the others that were silent.
    """
    edits.check_strips(session, track_ids)
    session = edits.set_track_gain(session, lead, gain)
    if len(track_ids) == 1:
        return session
    was = {track.id: track.gain for track in before.tracks}

    def moved(track: Track) -> Track:
        own = was.get(track.id, track.gain)
        if own == was[lead]:
            return replace(track, gain=float(gain))
        return replace(track, gain=min(own * gain / was[lead], MAX_GAIN) if was[lead] > 0.0 else own)

    return _changed(session, track_ids, moved)


def move_pans(session: Session, track_ids: Collection[int], lead: int, pan: float, before: Session) -> Session:
    """Set the pan of the track `lead`, and move those of the others as far, from where they were in `before`."""
    edits.check_strips(session, track_ids)
    session = edits.set_track_pan(session, lead, pan)
    if len(track_ids) == 1:
        return session
    was = {track.id: track.pan for track in before.tracks}
    by = pan - was[lead]

    def moved(track: Track) -> Track:
        return replace(track, pan=min(max(round(was.get(track.id, track.pan) + by, 6), -1.0), 1.0))

    return _changed(session, [track_id for track_id in track_ids if track_id != lead], moved)


def solo_only(session: Session, track_ids: Collection[int]) -> Session:
    """Solo tracks and unsolo all others; if that is so already, unsolo these, too. With no tracks, unsolo all."""
    chosen = _existing(session, track_ids)
    if chosen == {track.id for track in session.tracks if track.solo}:
        chosen = frozenset()
    everything = [track.id for track in session.tracks]
    edits.check_strips(session, everything)
    return _changed(session, everything, lambda track: replace(track, solo=track.id in chosen))


def _existing(session: Session, track_ids: Collection[int]) -> frozenset[int]:
    """These ids. Raises `EditError` when one of them is that of no track."""
    chosen = frozenset(track_ids)
    for unknown in chosen - {track.id for track in session.tracks}:
        session.track(unknown)  # raises
    return chosen


def _changed(session: Session, track_ids: Collection[int], change: Callable[[Track], Track]) -> Session:
    chosen = _existing(session, track_ids)
    tracks: list[Track] = []
    for track in session.tracks:
        after = change(track) if track.id in chosen else track
        tracks.append(track if after == track else after)
    return replace(session, tracks=tuple(tracks))
