"""The difference between two sessions, small enough to be written at every edit. Pure functions.

Tracks that are the same object in both are equal, because edits keep what they do not touch. For a track whose clips
have not changed, only its strip is recorded.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from lincae_studio.errors import ProjectError
from lincae_studio.session.model import Session, Track

#: Fields of a session that are recorded as a whole when they change.
_WHOLE = tuple(field for field in Session.__struct_fields__ if field != "tracks")
_STRIP = tuple(field for field in Track.__struct_fields__ if field != "clips")

_TYPES = {struct: {field.name: field.type for field in msgspec.structs.fields(struct)} for struct in (Session, Track)}


class Delta(Struct, frozen=True, omit_defaults=True):
    """The changes between two sessions.

    Attributes:
        fields: changed fields of the session other than its tracks, by name.
        order: ids of the tracks in order, where tracks were added, removed or moved.
        tracks: changed fields of each changed track, with its id; all fields of a new track.
    """

    fields: dict[str, Any] = {}
    order: tuple[int, ...] | None = None
    tracks: tuple[dict[str, Any], ...] = ()


def delta(before: Session, after: Session) -> Delta:
    """The change that turns `before` into `after`."""
    fields = {
        name: msgspec.to_builtins(new)
        for name in _WHOLE
        if (new := getattr(after, name)) is not (old := getattr(before, name)) and new != old
    }
    known = {track.id: track for track in before.tracks}
    tracks = tuple(found for track in after.tracks if (found := _track_delta(known.get(track.id), track)))
    order = tuple(track.id for track in after.tracks)
    same = order == tuple(track.id for track in before.tracks)
    return Delta(fields, None if same else order, tracks)


def apply(session: Session, change: Delta) -> Session:
    """Apply a change to a session.

    Raises:
        ProjectError: when the change does not fit the session.
    """
    try:
        fields = {name: msgspec.convert(value, _TYPES[Session][name]) for name, value in change.fields.items()}
        tracks = {track.id: track for track in session.tracks}
        for recorded in change.tracks:
            old = tracks.get(recorded["id"])
            values = {name: msgspec.convert(value, _TYPES[Track][name]) for name, value in recorded.items()}
            tracks[recorded["id"]] = replace(old, **values) if old is not None else Track(**values)
        order = change.order if change.order is not None else tuple(track.id for track in session.tracks)
        return replace(session, **fields, tracks=tuple(tracks[track_id] for track_id in order))
    except (msgspec.ValidationError, KeyError, TypeError) as error:
        raise ProjectError(f"an edit does not fit the project: {error}") from error


def _track_delta(before: Track | None, after: Track) -> dict[str, Any]:
    if before is after:
        return {}
    if before is None:
        return dict(msgspec.to_builtins(after))
    names = [name for name in _STRIP if getattr(before, name) != getattr(after, name)]
    if before.clips is not after.clips and before.clips != after.clips:
        names.append("clips")
    if not names:
        return {}
    return {"id": after.id} | {name: msgspec.to_builtins(getattr(after, name)) for name in names}
