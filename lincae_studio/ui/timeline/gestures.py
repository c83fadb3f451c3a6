"""Mouse gestures on clips: each owns its temporary state, previews by returning a session, and makes one edit at most.

A gesture has `move` (called with each mouse position), `finish` (the edit, or None) and needs no `cancel`: until
`finish` is applied the document has not been touched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from lincae_studio.session import edits
from lincae_studio.session.model import MAX_LENGTH, Session

#: A drag begins after this many pixels; a press that moves less is a click.
DRAG_PX = 3

#: Edges this near snap.
SNAP_PX = 8

#: (menu text, edit)
Outcome = tuple[str, Callable[[Session], Session]]


class Gesture(Protocol):
    """A drag in progress. Deltas are since the press: samples, tracks, and whether snapping is on."""

    def move(self, by_samples: int, by_tracks: int, snap_samples: float) -> Session:
        """The session as it would be if the mouse were let go here."""
        ...

    def finish(self) -> Outcome | None:
        """The edit, or None when nothing would change."""
        ...


@dataclass
class Snapping:
    """Positions that edges stick to."""

    targets: tuple[int, ...]

    def correction(self, edges: Iterable[int], within_samples: float) -> int:
        """How far to shift so that the nearest edge meets its nearest target; 0 when none is near."""
        distances = [target - edge for edge in edges for target in self.targets]
        nearest = min(distances, key=abs, default=0)
        return nearest if abs(nearest) <= within_samples else 0


class MoveClips:
    """Drag clips in time and between tracks."""

    def __init__(self, session: Session, clip_ids: frozenset[int], playhead: int) -> None:
        self._session = session
        self._ids = clip_ids
        self._clips = [session.clip(clip_id) for clip_id in sorted(clip_ids)]
        positions = {track.id: index for index, track in enumerate(session.tracks)}
        self._positions = [positions[session.track_of(clip_id).id] for clip_id in clip_ids]
        self._snapping = Snapping(snap_targets(session, clip_ids, playhead))
        self._by = (0, 0)

    def move(self, by_samples: int, by_tracks: int, snap_samples: float) -> Session:
        edges = [edge + by_samples for clip in self._clips for edge in (clip.start, clip.end)]
        by_samples += self._snapping.correction(edges, snap_samples)
        by_samples = max(by_samples, -min(clip.start for clip in self._clips))
        by_samples = min(by_samples, MAX_LENGTH - max(clip.end for clip in self._clips))
        highest, lowest = min(self._positions), max(self._positions)
        by_tracks = min(max(by_tracks, -highest), len(self._session.tracks) - 1 - lowest)
        self._by = (by_samples, by_tracks)
        return edits.move_clips(self._session, self._ids, *self._by)

    def finish(self) -> Outcome | None:
        if self._by == (0, 0):
            return None
        ids, by = self._ids, self._by
        return ("Move Clip" if len(ids) == 1 else "Move Clips"), lambda session: edits.move_clips(session, ids, *by)


class TrimClip:
    """Drag one edge of a clip; its audio stays where it is."""

    def __init__(self, session: Session, clip_id: int, left: bool, playhead: int) -> None:
        self._session = session
        self._clip = session.clip(clip_id)
        self._left = left
        self._media_length = session.media_of(self._clip.media).length
        self._snapping = Snapping(snap_targets(session, frozenset({clip_id}), playhead))
        self._edges = (self._clip.start, self._clip.end)

    def move(self, by_samples: int, by_tracks: int, snap_samples: float) -> Session:
        clip = self._clip
        edge = (clip.start if self._left else clip.end) + by_samples
        edge += self._snapping.correction([edge], snap_samples)
        if self._left:
            start = min(max(edge, clip.start - clip.offset, 0), clip.end - 1)
            self._edges = (start, clip.end)
        else:
            end = max(min(edge, clip.start - clip.offset + self._media_length), clip.start + 1)
            self._edges = (clip.start, end)
        return edits.trim_clip(self._session, clip.id, *self._edges)

    def finish(self) -> Outcome | None:
        if self._edges == (self._clip.start, self._clip.end):
            return None
        clip_id, edges = self._clip.id, self._edges
        return "Trim Clip", lambda session: edits.trim_clip(session, clip_id, *edges)


def snap_targets(session: Session, moving: frozenset[int], playhead: int) -> tuple[int, ...]:
    """The timeline's start, the playhead, and both edges of every clip that does not move."""
    edges = {edge for clip in session.clips() if clip.id not in moving for edge in (clip.start, clip.end)}
    return tuple(sorted(edges | {0, playhead}))
