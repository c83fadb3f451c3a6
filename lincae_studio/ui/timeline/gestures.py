"""Mouse gestures on clips: each owns its temporary state, previews by returning a session, and makes one edit at most.

A gesture has `move` (called with each mouse position), `hint` (the text shown while dragging) and `finish` (the edit,
or None). It needs no `cancel`: the document is not touched until the edit is applied.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from lincae_studio.session import arrange, edits, ripple
from lincae_studio.session.levels import format_db
from lincae_studio.session.model import MAX_LENGTH, Session
from lincae_studio.session.ripple import Ripple
from lincae_studio.session.times import count_of, format_time
from lincae_studio.ui.timeline.hits import gain_moved
from lincae_studio.ui.timeline.snapping import Snapping

#: A press that moves less than this many pixels is a click, not a drag.
DRAG_PX = 3

#: What a ripple mode adds to the text shown while dragging.
_FOLLOWING: dict[Ripple, str] = {"off": "", "track": ", later clips follow", "all": ", all tracks follow"}

#: (name of the edit, edit)
Outcome = tuple[str, Callable[[Session], Session]]


class Drag(Struct, frozen=True):
    """How far the mouse has moved since the press, and what the modifier keys ask for now.

    Attributes:
        snap_samples: edges within this distance snap; 0 for no snapping.
        copy: whether to leave the clips where they are and move copies.
    """

    samples: int
    tracks: int
    down_px: float
    snap_samples: float
    copy: bool = False


class Gesture(Protocol):
    """A drag in progress."""

    def move(self, drag: Drag) -> Session:
        """The session that releasing the mouse here would give."""
        ...

    @property
    def hint(self) -> str:
        """The text shown while dragging: what changes, and its value."""
        ...

    def finish(self) -> Outcome | None:
        """The edit, or None if nothing would change."""
        ...


class MoveClips:
    """Drag clips, or copies of them, in time and between tracks."""

    def __init__(
        self, session: Session, clip_ids: frozenset[int], snapping: Snapping, step_samples: int, mode: Ripple = "off"
    ) -> None:
        """Moves by multiples of `step_samples`, the step of the chunk grid, keep the latents."""
        self._mode: Ripple = mode
        self._session = session
        self._ids = clip_ids
        placed = session.clips_of(clip_ids)
        self._clips = sorted((clip for _, clip in placed), key=lambda clip: clip.id)
        self._positions = [position for position, _ in placed]
        self._snapping = snapping
        self._step_samples = step_samples
        self._copy = False
        self._by = (0, 0)

    def lifts(self, clip_id: int) -> bool:
        """Whether a clip of the preview is one of those that follow the mouse."""
        return clip_id >= self._session.next_id if self._copy else clip_id in self._ids

    @property
    def hint(self) -> str:
        start = min(clip.start for clip in self._clips) + self._by[0]
        text = f"{'copy' if self._copy else 'start'} {format_time(start / self._session.rate)}"
        whole = self._by[0] % self._step_samples == 0
        text += "" if self._copy else _FOLLOWING[self._mode]
        return text + (", latents kept" if whole and self._by[0] else "")

    def move(self, drag: Drag) -> Session:
        by_samples, by_tracks = drag.samples, drag.tracks
        edges = sorted(edge + by_samples for clip in self._clips for edge in (clip.start, clip.end))
        by_samples += self._snapping.correction(edges, drag.snap_samples, by_samples)
        by_samples = max(by_samples, -min(clip.start for clip in self._clips))
        by_samples = min(by_samples, MAX_LENGTH - self._session.length)
        highest, lowest = min(self._positions), max(self._positions)
        by_tracks = min(max(by_tracks, -highest), len(self._session.tracks) - 1 - lowest)
        self._by, self._copy = (by_samples, by_tracks), drag.copy
        if self._copy:
            return arrange.copy_moved(self._session, self._ids, *self._by)
        return ripple.move_clips(self._session, self._ids, *self._by, self._mode)

    def finish(self) -> Outcome | None:
        if self._by == (0, 0):
            return None
        ids, by = self._ids, self._by
        if self._copy:
            return ("Copy Clip" if len(ids) == 1 else "Copy Clips"), lambda s: arrange.copy_moved(s, ids, *by)
        text, mode = ("Move Clip" if len(ids) == 1 else "Move Clips"), self._mode
        return text, lambda session: ripple.move_clips(session, ids, *by, mode)


class TrimClip:
    """Drag one edge of a clip; its audio stays in place."""

    def __init__(self, session: Session, clip_id: int, left: bool, snapping: Snapping, mode: Ripple = "off") -> None:
        self._mode: Ripple = mode
        self._session = session
        self._clip = session.clip(clip_id)
        self._left = left
        self._media_length = session.media_of(self._clip.media).length
        self._snapping = snapping
        self._edges = (self._clip.start, self._clip.end)

    @property
    def hint(self) -> str:
        rate = self._session.rate
        start_s, end_s = (edge / rate for edge in self._edges)
        edge = f"start {format_time(start_s)}" if self._left else f"end {format_time(end_s)}"
        return f"{edge}, length {format_time(end_s - start_s)}{_FOLLOWING[self._mode]}"

    def move(self, drag: Drag) -> Session:
        clip = self._clip
        edge = (clip.start if self._left else clip.end) + drag.samples
        edge += self._snapping.correction([edge], drag.snap_samples)
        if self._left:
            start = min(max(edge, clip.start - clip.offset, 0), clip.end - 1)
            self._edges = (start, clip.end)
        else:
            end = max(min(edge, clip.start - clip.offset + self._media_length), clip.start + 1)
            self._edges = (clip.start, end)
        return ripple.trim_clips(self._session, {clip.id: self._edges}, self._mode)

    def finish(self) -> Outcome | None:
        if self._edges == (self._clip.start, self._clip.end):
            return None
        clip_id, edges, mode = self._clip.id, self._edges, self._mode
        return "Trim Clip", lambda session: ripple.trim_clips(session, {clip_id: edges}, mode)


class SlipClip:
    """Drag the audio inside a clip; its edges stay in place."""

    def __init__(self, session: Session, clip_id: int) -> None:
        self._session = session
        self._clip = session.clip(clip_id)
        self._media_length = session.media_of(self._clip.media).length
        self._by = 0

    @property
    def hint(self) -> str:
        return f"slipped by {self._by / self._session.rate:+.3f} s"

    def move(self, drag: Drag) -> Session:
        clip = self._clip
        self._by = min(max(drag.samples, clip.offset + clip.length - self._media_length), clip.offset)
        return edits.slip_clip(self._session, clip.id, self._by)

    def finish(self) -> Outcome | None:
        if self._by == 0:
            return None
        clip_id, by = self._clip.id, self._by
        return "Slip Clip", lambda session: edits.slip_clip(session, clip_id, by)


class FadeClip:
    """Drag the end of a clip's fade in, or the start of its fade out."""

    def __init__(self, session: Session, clip_id: int, fade_in: bool) -> None:
        self._session = session
        self._clip = session.clip(clip_id)
        self._fade_in = fade_in
        self._fades = (self._clip.fade_in, self._clip.fade_out)

    @property
    def hint(self) -> str:
        length = self._fades[0 if self._fade_in else 1] / self._session.rate
        return f"fade {'in' if self._fade_in else 'out'} {length:.3f} s"

    def move(self, drag: Drag) -> Session:
        clip = self._clip
        if self._fade_in:
            self._fades = (min(max(clip.fade_in + drag.samples, 0), clip.length), clip.fade_out)
        else:
            self._fades = (clip.fade_in, min(max(clip.fade_out - drag.samples, 0), clip.length))
        return edits.set_clip_fades(self._session, {clip.id}, *self._fades)

    def finish(self) -> Outcome | None:
        if self._fades == (self._clip.fade_in, self._clip.fade_out):
            return None
        clip_id, fades = self._clip.id, self._fades
        return "Fade Clip", lambda session: edits.set_clip_fades(session, {clip_id}, *fades)


class ClipGain:
    """Drag a clip's gain line up or down, and change the gains of other clips by the same amount."""

    def __init__(self, session: Session, clip_id: int, height_px: float, clip_ids: frozenset[int]) -> None:
        self._ids = clip_ids | {clip_id}
        self.clip_id = clip_id
        self._session = session
        self._clip = session.clip(clip_id)
        self._height_px = height_px
        self._gain = self._clip.gain

    @property
    def hint(self) -> str:
        others = f", {count_of(len(self._ids), 'clip')}" if len(self._ids) > 1 else ""
        return f"clip gain {format_db(self._gain)}{others}"

    def move(self, drag: Drag) -> Session:
        self._gain = gain_moved(self._clip.gain, drag.down_px, self._height_px) if drag.down_px else self._clip.gain
        return arrange.move_gains(self._session, self._ids, self._clip.id, self._gain)

    def finish(self) -> Outcome | None:
        if self._gain == self._clip.gain:
            return None
        clip_id, gain, ids = self._clip.id, self._gain, self._ids
        return "Clip Gain", lambda session: arrange.move_gains(session, ids, clip_id, gain)
