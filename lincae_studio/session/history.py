"""Undo and redo by values: a stack of (text, before, after).

Plain Python rather than `QUndoStack`: the states are values, so there is nothing to execute, and Python subclasses of
`QUndoCommand` are known to crash when they are garbage-collected.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from lincae_studio.session.model import Session, Track
from lincae_studio.session.step_names import step_name

#: Memory limit of the steps, in bytes: about 100,000 edits of single clips.
_MAX_BYTES = 256 * 1024 * 1024

#: Approximate memory of a value, in bytes: a session or track without its lists, a clip with its numbers, a point of an
#: envelope, an entry of a list.
_VALUE_BYTES, _CLIP_BYTES, _POINT_BYTES, _ENTRY_BYTES = 400, 400, 120, 8


class Step(Struct, frozen=True):
    """One entry: the document before and after it.

    Attributes:
        text: the kind of edit.
        name: what the menu and the history show, such as “Drums: pan L45”.
        nbytes: approximate memory of the parts of `after` that are not shared with `before`, in bytes.
    """

    text: str
    name: str
    before: Session
    after: Session
    merge_key: str | None = None
    nbytes: int = 0


class History:
    """The undo and redo stacks of the document.

    States share everything that has not changed, so there is room for far more steps than anybody undoes. When they
    still take too much memory, the oldest steps are dropped.

    Attributes:
        forgotten: the number of steps that were dropped.
    """

    def __init__(self, session: Session, saved: bool = True, max_bytes: int = _MAX_BYTES) -> None:
        """`saved`: the session is on disk as it is."""
        self.forgotten = 0
        self._max_bytes = max_bytes
        self._nbytes = 0
        self._session = session
        self._done: list[Step] = []
        self._undone: list[Step] = []
        self._saved: Session | None = session if saved else None

    @property
    def session(self) -> Session:
        """The document as it is now."""
        return self._session

    @property
    def modified(self) -> bool:
        """Whether the document differs from its last saved or opened state."""
        return self._session != self._saved

    @property
    def undo_text(self) -> str | None:
        """The kind of the edit that Undo would undo, or None."""
        return self._done[-1].text if self._done else None

    @property
    def redo_text(self) -> str | None:
        """The kind of the edit that Redo would redo, or None."""
        return self._undone[-1].text if self._undone else None

    @property
    def undo_name(self) -> str | None:
        """The name of the step that Undo would undo, or None."""
        return self._done[-1].name if self._done else None

    @property
    def redo_name(self) -> str | None:
        """The name of the step that Redo would redo, or None."""
        return self._undone[-1].name if self._undone else None

    @property
    def done_names(self) -> list[str]:
        """All steps that can be undone, oldest first."""
        return [step.name for step in self._done]

    @property
    def undone_names(self) -> list[str]:
        """All undone steps, the next one to redo first."""
        return [step.name for step in reversed(self._undone)]

    def go_to(self, count: int) -> bool:
        """Undo or redo until `count` steps are done; False when that changes nothing."""
        before = self._session
        while len(self._done) > max(count, 0):
            self.undo()
        while len(self._done) < count and self._undone:
            self.redo()
        return self._session is not before

    def push(self, text: str, after: Session, merge_key: str | None = None) -> bool:
        """Make `after` the document. Returns False when it changes nothing.

        Consecutive steps with the same `merge_key` (moving a fader) become one entry.
        """
        if after == self._session:
            return False
        last = self._done[-1] if self._done else None
        if merge_key is not None and last is not None and last.merge_key == merge_key and not self._undone:
            self._nbytes -= self._done.pop().nbytes
            if after != last.before:  # a fader moved back to where it was leaves nothing to undo
                self._add(text, last.before, after, merge_key)
        else:
            self._add(text, self._session, after, merge_key)
        self._nbytes -= sum(step.nbytes for step in self._undone)
        self._undone.clear()
        self._session = after
        self._forget()
        return True

    def end_merge(self) -> None:
        """End merging: the next step is a separate entry, even with the same key."""
        if self._done and self._done[-1].merge_key is not None:
            self._done[-1] = replace(self._done[-1], merge_key=None)

    def cancel_merge(self) -> bool:
        """Discard the step that is still being merged, without a redo entry; False when there is none."""
        if not self._done or self._done[-1].merge_key is None:
            return False
        step = self._done.pop()
        self._nbytes -= step.nbytes
        self._session = step.before
        return True

    def undo(self) -> str | None:
        """Undo the last step; returns its text, or None when there is none."""
        if not self._done:
            return None
        step = self._done.pop()
        self._undone.append(step)
        self._session = step.before
        return step.text

    def redo(self) -> str | None:
        """Redo the last undone step; returns its text, or None when there is none."""
        if not self._undone:
            return None
        step = self._undone.pop()
        self._done.append(replace(step, merge_key=None))  # later steps must not merge into it
        self._session = step.after
        return step.text

    def mark_saved(self) -> None:
        """Record that the current document is the one on disk."""
        self._saved = self._session
        self.end_merge()

    def _add(self, text: str, before: Session, after: Session, merge_key: str | None) -> None:
        step = Step(text, step_name(text, before, after), before, after, merge_key, _added(before, after))
        self._done.append(step)
        self._nbytes += step.nbytes

    def _forget(self) -> None:
        """Drop the oldest steps above the limit, but never the last one."""
        count = 0
        while self._nbytes > self._max_bytes and count < len(self._done) - 1:
            self._nbytes -= self._done[count].nbytes
            count += 1
        del self._done[:count]
        self.forgotten += count


def _added(before: Session, after: Session) -> int:
    """The approximate memory of the parts of `after` that are not shared with `before`, in bytes."""
    size = _VALUE_BYTES
    for old, new in ((before.tracks, after.tracks), (before.media, after.media), (before.markers, after.markers)):
        if old is not new:
            size += _ENTRY_BYTES * len(new)
    if before.master.gain_points is not after.master.gain_points:
        size += _POINT_BYTES * len(after.master.gain_points)
    if after.morph is not None and after.morph is not before.morph:
        size += _POINT_BYTES * len(after.morph.points)
    kept = {id(snapshot) for snapshot in before.snapshots}
    size += sum(_POINT_BYTES * len(new.strips) for new in after.snapshots if id(new) not in kept)
    known = {id(track): track for track in before.tracks}
    by_id = {track.id: track for track in before.tracks}
    return size + sum(_added_track(by_id.get(track.id), track) for track in after.tracks if id(track) not in known)


def _added_track(before: Track | None, after: Track) -> int:
    size = _VALUE_BYTES
    if before is None or before.clips is not after.clips:
        known = {id(clip) for clip in before.clips} if before is not None else set()
        size += sum(_ENTRY_BYTES if id(clip) in known else _CLIP_BYTES for clip in after.clips)
    for points, old in (
        (after.gain_points, before.gain_points if before is not None else ()),
        (after.pan_points, before.pan_points if before is not None else ()),
    ):
        if points is not old:
            size += _POINT_BYTES * len(points)
    return size
