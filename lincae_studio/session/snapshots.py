"""Snapshots of the mixer, and the morph between two of them, as pure edits. They raise `EditError`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import count

from msgspec.structs import replace

from lincae_studio.errors import EditError
from lincae_studio.session.model import MASTER, Morph, Point, Session, Snapshot, state_of
from lincae_studio.session.rules import envelope_problem


def taken(session: Session, snapshot_id: int, name: str) -> Snapshot:
    """The mixer of a session as a snapshot: the strips of all tracks, and the fader of the master."""
    return Snapshot(id=snapshot_id, name=name, strips=tuple(map(state_of, session.tracks)), master=session.master.gain)


def store(session: Session, name: str = "") -> Session:
    """Store the mixer as a new snapshot, named by its place, “Snapshot 1” and so on, unless it gets a name."""
    used = {snapshot.name for snapshot in session.snapshots}
    numbered = (f"Snapshot {number}" for number in count(len(session.snapshots) + 1))
    name = name.strip() or next(free for free in numbered if free not in used)
    added = taken(session, session.next_id, name[:400])
    return replace(session, snapshots=(*session.snapshots, added), next_id=added.id + 1)


def update(session: Session, snapshot_id: int) -> Session:
    """Store the mixer in an existing snapshot."""
    return _with_snapshot(session, taken(session, snapshot_id, session.snapshot(snapshot_id).name))


def rename(session: Session, snapshot_id: int, name: str) -> Session:
    """Rename a snapshot; the name must not be blank."""
    if not name.strip():
        raise EditError("a snapshot needs a name", "Type at least one character")
    return _with_snapshot(session, replace(session.snapshot(snapshot_id), name=name.strip()[:400]))


def remove(session: Session, snapshot_id: int) -> Session:
    """Delete a snapshot, and the morph if it goes from or to it."""
    removed, morph = session.snapshot(snapshot_id), session.morph
    if morph is not None and removed.id in (morph.first, morph.second):
        morph = None
    kept = tuple(snapshot for snapshot in session.snapshots if snapshot is not removed)
    return replace(session, snapshots=kept, morph=morph)


def recall(session: Session, snapshot_id: int) -> Session:
    """Set the mixer as a snapshot has it, and turn the morph off, which would be heard in its place."""
    return session.with_strips(session.snapshot(snapshot_id))


def named(session: Session, name: str) -> int:
    """The id of the first snapshot with a name. Raises `EditError` that lists those there are."""
    for snapshot in session.snapshots:
        if snapshot.name == name:
            return snapshot.id
    names = ", ".join(snapshot.name for snapshot in session.snapshots)
    raise EditError(f"there is no snapshot “{name}”", f"Use one of these: {names}" if names else "Store one first")


def current(session: Session) -> frozenset[int]:
    """The ids of the snapshots that the mixer agrees with; none under a morph."""
    if session.morphed:
        return frozenset()
    return frozenset(snapshot.id for snapshot in session.snapshots if session.with_strips(snapshot) is session)


def set_morph(session: Session, first: int, second: int) -> Session:
    """Morph between two snapshots, along the line that there is, or along one from the start to the end."""
    if session.snapshot(first) is session.snapshot(second):
        raise EditError("a morph needs two snapshots", "Choose another one to go to")
    morph = session.morph
    points = morph.points if morph is not None else (Point(0, 0.0), Point(max(session.length, 1), 1.0))
    return replace(session, morph=Morph(first=first, second=second, points=points))


def set_morph_points(session: Session, points: Iterable[Point]) -> Session:
    """Set the line of the morph: values in `[0, 1]` at distinct samples."""
    found = tuple(sorted(points, key=lambda point: point.at))
    problem = envelope_problem(found, 0.0, 1.0)
    if problem:
        raise EditError(f"the line of the morph cannot be set: {problem}")
    return replace(session, morph=replace(_morph(session), points=found))


def turn_morph(session: Session, on: bool) -> Session:
    """Turn the morph on or off."""
    return replace(session, morph=replace(_morph(session), on=on))


def clear_morph(session: Session) -> Session:
    """Delete the morph with its line; the snapshots stay."""
    return replace(session, morph=None)


def in_each_mix(session: Session, edit: Callable[[Session], Session]) -> Session:
    """Edit the session and, under a morph, both of its mixes. The edit must be one of strips, and the same for clips.

    For sessions that are heard once, not edited further: the snapshots of the morph get the strips of all tracks.
    """
    changed = edit(session)
    for snapshot, mix in zip(session.morphed, session.mixes, strict=True):
        changed = _with_snapshot(changed, taken(edit(mix), snapshot.id, snapshot.name))
    return changed


def decided(session: Session) -> frozenset[int]:
    """The ids of the strips that a morph decides about while it is on, `MASTER` among them."""
    states = (state.id for snapshot in session.morphed for state in snapshot.strips)
    return frozenset((MASTER, *states)) if session.morphed else frozenset()


def _morph(session: Session) -> Morph:
    if session.morph is None:
        raise EditError("there is no morph", "Choose two snapshots to morph between first")
    return session.morph


def _with_snapshot(session: Session, changed: Snapshot) -> Session:
    found = tuple(changed if snapshot.id == changed.id else snapshot for snapshot in session.snapshots)
    return replace(session, snapshots=found)
