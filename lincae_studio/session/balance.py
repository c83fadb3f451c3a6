"""Mixing tracks as a reference is mixed, as an edit. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from msgspec.structs import replace

from lincae_studio.session import edits
from lincae_studio.session.minus_one import shift_track
from lincae_studio.session.model import Point, Session


class TrackBalance(NamedTuple):
    """The settings of a track: by how many samples it is moved, its fader and pan, and their envelopes."""

    lag: int
    gain: float
    gain_points: Iterable[Point]
    pan: float
    pan_points: Iterable[Point]


def set_balance(session: Session, reference: int, tracks: Mapping[int, TrackBalance]) -> Session:
    """Set the faders, pans and envelopes of tracks, by id, and mute the reference so that they can be heard.

    The tracks are added to the mix, and neither muted nor soloed; nor is the reference.

    Raises:
        EditError: when there is no such track, or a value is out of range.
    """
    for track_id, balance in tracks.items():
        session = shift_track(session, track_id, balance.lag) if balance.lag else session
        session = edits.set_track_gain(session, track_id, balance.gain)
        session = edits.set_gain_points(session, track_id, balance.gain_points)
        session = edits.set_track_pan(session, track_id, balance.pan)
        session = edits.set_pan_points(session, track_id, balance.pan_points)
    changed = {*tracks, reference}
    return replace(
        session,
        tracks=tuple(
            replace(track, mute=track.id == reference, solo=False, subtract=False) if track.id in changed else track
            for track in session.tracks
        ),
    )
