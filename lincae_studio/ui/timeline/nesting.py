"""Groups in the column of headers: how far headers are indented, and where a dragged one would go. No state."""

from __future__ import annotations

from collections.abc import Collection

from msgspec import Struct
from PySide6.QtCore import QPointF

from lincae_studio.session.groups import parents_at
from lincae_studio.session.model import Session
from lincae_studio.ui.model.track_rows import TrackRows

#: By how much a header is indented for each group around it; deeper than this many groups, no further.
INDENT_PX = 9
_DEEPEST = 6

#: By how far a drag is moved sideways for a group further in or out.
_LEVEL_PX = 24

#: In this part of the height of a group's header, in the middle, a track is dropped into the group.
_INTO_SHARE = 0.5


class DropPlace(Struct, frozen=True):
    """Where dragged tracks would go.

    Attributes:
        gap: the number of tracks above it.
        parent: the group that they would be in, 0 for none, and `depth`, the number of groups around them.
        into: the position of that group if the pointer is on its header.
    """

    gap: int
    parent: int
    depth: int
    into: int | None = None


def left_px(depth: int) -> int:
    """The left border of the header of a track, by how many groups it is nested in."""
    return INDENT_PX * min(depth, _DEEPEST)


def drop_place(
    session: Session, rows: TrackRows, moved: Collection[int], lead: int, pointer: QPointF, pressed: QPointF
) -> DropPlace:
    """Where tracks would be dropped: into the group under the pointer, or between two tracks.

    Between the last track of a group and the next one, it may be in the group or not: as deep as the track `lead` was,
    but further in or out where the pointer moved to the right or left since it was pressed.
    """
    inside = session.within(moved)
    position = rows.position_at(pointer.y())
    group = session.tracks[position] if 0 <= position < len(session.tracks) else None
    if group is not None and group.id in session.group_ids and group.id not in inside:
        away = abs(pointer.y() - rows.top(position) - rows.height(position) / 2)
        if away < rows.height(position) * _INTO_SHARE / 2:
            end = position + len(session.within({group.id}))
            return DropPlace(end, group.id, len(session.groups_of(group.id)) + 1, position)
    gap = rows.gap_at(pointer.y())
    wanted = len(session.groups_of(lead)) + round((pointer.x() - pressed.x()) / _LEVEL_PX)
    depths = {parent: _depth(session, parent) for parent in parents_at(session, gap, moved)}
    parent = min(depths, key=lambda one: abs(depths[one] - wanted))
    return DropPlace(gap, parent, depths[parent])


def _depth(session: Session, parent: int) -> int:
    """The number of groups around a track in this group; `parent`: 0 for none."""
    return len(session.groups_of(parent)) + 1 if parent else 0
