"""Pure edits of the order of tracks and of their groups: moving, copying, grouping, folding.

A group is a track that others name as their parent; they follow it in one piece (`rules.check_groups`). A group that is
moved, copied or removed takes the tracks in it along. As in `edits`, tracks that do not change stay the same objects.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from msgspec.structs import replace

from lincae_studio.errors import EditError
from lincae_studio.session import edits
from lincae_studio.session.model import Session, Track
from lincae_studio.session.rules import check_groups


def roots(session: Session, track_ids: Collection[int]) -> list[Track]:
    """Of these tracks those that are not in another one of them, from top to bottom.

    Raises:
        EditError: when one of them does not exist.
    """
    chosen = frozenset(track_ids)
    for unknown in chosen - {track.id for track in session.tracks}:
        session.track(unknown)  # raises
    return [
        track
        for track in session.tracks
        if track.id in chosen and not any(group.id in chosen for group in session.groups_of(track.id))
    ]


def parents_at(session: Session, gap: int, moved: Collection[int] = ()) -> tuple[int, ...]:
    """In which groups tracks in the gap between two tracks can be, the innermost first; 0 stands for none.

    Args:
        gap: the number of tracks above it.
        moved: tracks that are about to move there; they and those in them do not count.
    """
    gone = session.within(moved)
    above = next((track for track in reversed(session.tracks[:gap]) if track.id not in gone), None)
    below = next((track for track in session.tracks[gap:] if track.id not in gone), None)
    if above is None:
        return (0,)
    inside = (above.id,) if above.id in session.group_ids else ()
    found = (*inside, *(group.id for group in session.groups_of(above.id)), 0)
    return found[: found.index(below.parent) + 1] if below is not None else found


def place_tracks(session: Session, track_ids: Collection[int], gap: int, parent: int | None = None) -> Session:
    """Move tracks together to the gap between two tracks; `gap`: the number of tracks above it before they move.

    `parent`: the group they come into, one of `parents_at`. Without it they stay in theirs, where that is possible.

    Raises:
        EditError: when there is no such gap, a track or the group does not exist, or groups would be nested too deeply.
    """
    if not 0 <= gap <= len(session.tracks):
        raise EditError(f"track position {gap} is not between 0 and {len(session.tracks)}")
    moving = roots(session, track_ids)
    parents = parents_at(session, gap, track_ids)
    if parent is None:
        kept = {track.parent for track in moving}
        parent = kept.pop() if len(kept) == 1 and kept <= set(parents) else parents[-1]
    elif parent not in parents:
        raise EditError("the tracks cannot be moved into that group at this place", "Move them to one of its tracks")
    chosen = session.within(track_ids)
    moved = _into(parent, moving, (track for track in session.tracks if track.id in chosen))
    above = [track for track in session.tracks[:gap] if track.id not in chosen]
    below = [track for track in session.tracks[gap:] if track.id not in chosen]
    return _in_order(session, [*above, *moved, *below])


def step_tracks(session: Session, track_ids: Collection[int], by: int) -> Session:
    """Move tracks up (-1) or down (1) by one place within their groups; those that have reached the end stay there."""
    chosen = {track.id for track in roots(session, track_ids)}
    children: dict[int, list[Track]] = {}
    for track in session.tracks if by < 0 else reversed(session.tracks):
        children.setdefault(track.parent, []).append(track)
    for tracks in children.values():
        for position in range(1, len(tracks)):
            if tracks[position].id in chosen and tracks[position - 1].id not in chosen:
                tracks[position - 1], tracks[position] = tracks[position], tracks[position - 1]
    ordered: list[Track] = []
    left = children.get(0, [])[:: 1 if by > 0 else -1]
    while left:
        ordered.append(left.pop())
        left += children.get(ordered[-1].id, [])[:: 1 if by > 0 else -1]
    return _in_order(session, ordered)


def add_below(session: Session, track_ids: Collection[int]) -> Session:
    """Add an empty track below the last of these, in its group; at the end without any.

    It comes into a group that is the last of these as its first track, or below the group if that is folded.

    Raises:
        EditError: when one of them does not exist, or groups would be nested too deeply.
    """
    chosen = roots(session, track_ids) and [track for track in session.tracks if track.id in track_ids]
    if not chosen:
        return edits.add_track(session)
    last = next((group for group in reversed(session.groups_of(chosen[-1].id)) if group.folded), chosen[-1])
    inside = last.id in session.group_ids and not last.folded
    gap = session.tracks.index(last) + 1 if inside else _end(session, last)
    session, track_id = edits.add_track(session, at=gap), session.next_id
    track = replace(session.track(track_id), parent=last.id if inside else last.parent)
    return _in_order(session, [track if one.id == track_id else one for one in session.tracks])


def duplicate_tracks(session: Session, track_ids: Collection[int]) -> Session:
    """Duplicate tracks with their clips and the tracks in them, the copies together below the last one."""
    originals = roots(session, track_ids)
    if not originals:
        return session
    chosen, next_id = session.within(track_ids), session.next_id
    copies: list[Track] = []
    copied: dict[int, int] = {}
    names = {track.id: f"{track.name} copy"[:400] for track in originals}
    for track in session.tracks:
        if track.id in chosen:
            copied[track.id] = next_id
            clips = tuple(replace(clip, id=next_id + number) for number, clip in enumerate(track.clips, start=1))
            parent = copied.get(track.parent, originals[-1].parent)
            name = names.get(track.id, track.name)
            copies.append(replace(track, id=next_id, parent=parent, name=name, clips=clips))
            next_id += 1 + len(clips)
    end = _end(session, originals[-1])
    return _in_order(replace(session, next_id=next_id), [*session.tracks[:end], *copies, *session.tracks[end:]])


def group_tracks(session: Session, track_ids: Collection[int], name: str = "") -> Session:
    """Put tracks into a new group, where the first of them is, within the groups that contain all of them.

    Raises:
        EditError: when there are no tracks, one does not exist, or groups would be nested too deeply.
    """
    grouped = roots(session, track_ids)
    if not grouped:
        raise EditError("there is nothing to group", "Select tracks first")
    around = [frozenset(group.id for group in session.groups_of(track.id)) for track in grouped]
    common = frozenset.intersection(*around)
    parent = next((group.id for group in session.groups_of(grouped[0].id) if group.id in common), 0)
    gap = next(
        position
        for position, track in enumerate(session.tracks)
        if track.parent == parent and grouped[0].id in session.within({track.id})
    )
    group_id = session.next_id
    session = edits.add_track(session, name or f"Group {len(session.group_ids) + 1}", gap)
    chosen = session.within(track_ids)
    moved = _into(group_id, grouped, (track for track in session.tracks if track.id in chosen))
    group = replace(session.track(group_id), parent=parent)
    above = [track for track in session.tracks[:gap] if track.id not in chosen]
    below = [track for track in session.tracks[gap + 1 :] if track.id not in chosen]
    return _in_order(session, [*above, group, *moved, *below])


def ungroup_tracks(session: Session, track_ids: Collection[int]) -> Session:
    """Take all tracks out of these groups, and remove those that have no clips of their own.

    Raises:
        EditError: when none of these tracks is a group, or one does not exist.
    """
    roots(session, track_ids)
    groups = session.group_ids.intersection(track_ids)
    if not groups:
        raise EditError("none of these tracks is a group", "Select a group of tracks")
    outer: dict[int, int] = {}
    tracks = []
    for track in session.tracks:
        parent = outer.get(track.parent, track.parent)
        if track.id in groups:
            outer[track.id] = parent
            if not track.clips:
                continue
        tracks.append(track if parent == track.parent else replace(track, parent=parent))
    return _in_order(session, tracks)


def move_out(session: Session, track_ids: Collection[int]) -> Session:
    """Move tracks out of the groups that they are in, to right below these; tracks in no group stay where they are."""
    moving = roots(session, track_ids)
    for parent in reversed(dict.fromkeys(track.parent for track in moving if track.parent)):
        group = session.track(parent)
        out = [track.id for track in moving if track.parent == parent]
        session = place_tracks(session, out, _end(session, group), group.parent)
    return session


def move_in(session: Session, track_ids: Collection[int]) -> Session:
    """Move tracks into the group right above the first of them, to its end.

    Raises:
        EditError: when there is no group above it, or a track does not exist.
    """
    moving = roots(session, track_ids)
    above: Track | None = None
    for track in session.tracks:
        if moving and track.id == moving[0].id:
            break
        if moving and track.parent == moving[0].parent:
            above = track
    if above is None or above.id not in session.group_ids:
        raise EditError("there is no group above the track", "Move it to right below a group first")
    return place_tracks(session, track_ids, _end(session, above), above.id)


def fold_groups(session: Session, track_ids: Collection[int], folded: bool) -> Session:
    """Hide or show the tracks in groups; other tracks stay as they are."""
    roots(session, track_ids)
    groups = session.group_ids.intersection(track_ids)
    return replace(
        session,
        tracks=tuple(
            replace(track, folded=folded) if track.id in groups and track.folded != folded else track
            for track in session.tracks
        ),
    )


def added(before: Session, after: Session) -> list[int]:
    """The ids of the tracks that an edit has added, from top to bottom."""
    known = {track.id for track in before.tracks}
    return [track.id for track in after.tracks if track.id not in known]


def _into(parent: int, moving: Sequence[Track], tracks: Iterable[Track]) -> list[Track]:
    """Tracks of which those that are moved by themselves get another parent."""
    moved = {track.id for track in moving}
    return [
        replace(track, parent=parent) if track.id in moved and track.parent != parent else track for track in tracks
    ]


def _end(session: Session, track: Track) -> int:
    """The number of tracks down to the last one in a track."""
    inside = session.within({track.id})
    return next(position for position, one in enumerate(session.tracks) if one.id == track.id) + len(inside)


def _in_order(session: Session, tracks: Sequence[Track]) -> Session:
    check_groups(tracks)
    return replace(session, tracks=tuple(tracks))
