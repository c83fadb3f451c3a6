"""Edits of operators, which are learned from examples, and of the inserts of tracks. Pure functions, like `edits`."""

from __future__ import annotations

from collections.abc import Collection

from msgspec.structs import replace

from lincae_studio.errors import EditError
from lincae_studio.session.model import MAX_OPERATORS, Operator, Session, Track
from lincae_studio.session.times import count_of, listed


def add(session: Session, operator: Operator) -> Session:
    """Add an operator, which gets a new id: `session.next_id`. Raises `EditError` when there are too many."""
    if len(session.operators) >= MAX_OPERATORS:
        raise EditError(f"there are {MAX_OPERATORS} operators already", "Delete some of them first")
    added = replace(operator, id=session.next_id, name=operator.name.strip() or "Operator")
    return replace(session, operators=(*session.operators, added), next_id=session.next_id + 1)


def rename(session: Session, operator_id: int, name: str) -> Session:
    """Rename an operator. Raises `EditError` when there is none, or the name is empty."""
    if not name.strip():
        raise EditError("an operator needs a name")
    renamed = replace(session.operator(operator_id), name=name.strip())
    return replace(session, operators=tuple(renamed if one.id == operator_id else one for one in session.operators))


def remove(session: Session, operator_id: int) -> Session:
    """Remove an operator, also from the tracks that have it as insert. Raises `EditError` when there is none."""
    session.operator(operator_id)
    users = [track.id for track in session.tracks if track.insert == operator_id]
    session = set_insert(session, users, 0)
    return replace(session, operators=tuple(one for one in session.operators if one.id != operator_id))


def set_insert(session: Session, track_ids: Collection[int], operator_id: int) -> Session:
    """Make an operator the insert of tracks; 0 removes their insert.

    Raises:
        EditError: when there is no such track or operator.
    """
    if operator_id:
        session.operator(operator_id)
    for track_id in track_ids:
        session.track(track_id)
    if all(track.insert == operator_id for track in session.tracks if track.id in track_ids):
        return session
    tracks = tuple(
        replace(track, insert=operator_id) if track.id in track_ids and track.insert != operator_id else track
        for track in session.tracks
    )
    return replace(session, tracks=tracks)


def insert_of(session: Session, track: Track) -> Operator | None:
    """The operator that is the insert of a track, if any."""
    return next((one for one in session.operators if one.id == track.insert), None) if track.insert else None


def warnings(session: Session, space: str, dry: bool = False) -> list[str]:
    """Warnings about inserts that an export leaves out. `space`: of the codec; `dry`: if it includes the dry mix."""
    used = [one for track in session.tracks if track.clips and (one := insert_of(session, track)) is not None]
    others = [one for one in used if one.space != space]
    texts = []
    if others:
        made = listed(sorted({one.codec or "another codec" for one in others}))
        texts.append(
            f"{count_of(len(others), 'insert')} learned from latents of {made} cannot be applied with this codec."
        )
    if dry and len(others) < len(used):
        texts.append("The dry mix does not include inserts; a difference includes what they change.")
    return texts
