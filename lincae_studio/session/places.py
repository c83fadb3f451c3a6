"""Edits of markers, sections, the loop and the tempo. Pure functions, like `edits`.

A section is a marker with a length; what is said of markers concerns both.
"""

from __future__ import annotations

from msgspec.structs import replace

from lincae_studio.errors import EditError
from lincae_studio.session import processing
from lincae_studio.session.model import MAX_LENGTH, MIN_LOOP, Loop, Marker, Session, Tempo


def add_marker(session: Session, at: int, name: str = "", length: int = 0) -> Session:
    """Add a marker, or a section; without a name it is called “Marker” or “Section” and a number."""
    used, kind = {marker.name for marker in session.markers}, "Section" if length else "Marker"
    numbers = (f"{kind} {number}" for number in range(1, len(used) + 2))
    name = name.strip()[:400] or next(candidate for candidate in numbers if candidate not in used)
    marker = _placed(Marker(id=session.next_id, at=0, name=name), at, length and _long_enough(length))
    return replace(session, markers=_sorted((*session.markers, marker)), next_id=session.next_id + 1)


def move_marker(session: Session, marker_id: int, at: int) -> Session:
    """Move a marker to another position; a section keeps its length."""
    marker = marker_of(session, marker_id)
    return _with_marker(session, _placed(marker, at, marker.length))


def set_section(session: Session, marker_id: int, start: int, end: int) -> Session:
    """Let a section be from `start` to `end`, given in either order, at least `MIN_LOOP` apart, so that it can loop."""
    start, end = sorted((start, end))
    return _with_marker(session, _placed(marker_of(session, marker_id), start, _long_enough(end - start)))


def section_at(session: Session, at: int) -> Marker | None:
    """The section at a sample: of several, the one that starts last, or the shortest of those."""
    found = (one for one in session.markers if one.at <= at < one.end)
    return max(found, key=lambda one: (one.at, -one.length), default=None)


def rename_marker(session: Session, marker_id: int, name: str) -> Session:
    """Rename a marker; the name must not be blank."""
    if not name.strip():
        raise EditError("a marker needs a name", "Type at least one character")
    return _with_marker(session, replace(marker_of(session, marker_id), name=name.strip()[:400]))


def remove_marker(session: Session, marker_id: int) -> Session:
    """Delete a marker."""
    removed = marker_of(session, marker_id)
    return replace(session, markers=tuple(marker for marker in session.markers if marker.id != removed.id))


def marker_of(session: Session, marker_id: int) -> Marker:
    """The marker with this id. Raises `EditError` when there is none."""
    for marker in session.markers:
        if marker.id == marker_id:
            return marker
    raise EditError(f"there is no marker {marker_id}", "It may have been deleted")


def set_loop(session: Session, start: int, end: int) -> Session:
    """Set the loop to samples `[start, end)`, given in either order, at least `MIN_LOOP` apart."""
    start, end = sorted((_checked(start), _checked(end)))
    if end - start < MIN_LOOP:
        raise EditError("a loop cannot be shorter than 10 ms", "Drag over a longer range")
    return replace(session, loop=Loop(start=start, end=end))


def turn_loop(session: Session, on: bool) -> Session:
    """Turn the loop on or off; without a loop, set one over the whole session.

    Raises:
        EditError: when there is no loop and the session is empty.
    """
    if session.loop is not None:
        return replace(session, loop=replace(session.loop, on=on))
    if session.length < MIN_LOOP:
        raise EditError("there is nothing to loop", "Add a clip, or drag over the ruler with Shift")
    return replace(session, loop=Loop(start=0, end=session.length, on=on))


def _placed(marker: Marker, at: int, length: int) -> Marker:
    return replace(marker, at=_checked(at), length=_checked(at + length) - at)


def _long_enough(length: int) -> int:
    if length < MIN_LOOP:
        raise EditError("a section cannot be shorter than 10 ms", "Select a longer range")
    return length


def _with_marker(session: Session, changed: Marker) -> Session:
    others = tuple(marker for marker in session.markers if marker.id != changed.id)
    return replace(session, markers=_sorted((*others, changed)))


def _sorted(markers: tuple[Marker, ...]) -> tuple[Marker, ...]:
    return tuple(sorted(markers, key=lambda marker: (marker.at, marker.id)))


def set_tempo(session: Session, tempo: Tempo | None) -> Session:
    """Set the tempo of the grid of bars and beats; None for no grid. Clips with a tempo of their own follow it."""
    return processing.follow_tempo(replace(session, tempo=tempo), session.tempo)


def _checked(at: int) -> int:
    if not 0 <= at <= MAX_LENGTH:
        raise EditError("that position is not on the timeline")
    return int(at)
