"""Undo and redo by values: a stack of (text, before, after).

Plain Python rather than `QUndoStack`: the states are values, so there is nothing to execute, and Python subclasses of
`QUndoCommand` are known to crash when they are garbage-collected.
"""

from __future__ import annotations

from dataclasses import dataclass

from lincae_studio.session.model import Session


@dataclass(frozen=True)
class Step:
    """One entry: what the menu shows, and the document before and after it."""

    text: str
    before: Session
    after: Session
    merge_key: str | None = None


class History:
    """The undo and redo stacks of the document. They are unlimited: states share whatever has not changed."""

    def __init__(self, session: Session, saved: bool = True) -> None:
        """`saved`: the session is on disk as it is."""
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
        """The step that Undo would undo, or None."""
        return self._done[-1].text if self._done else None

    @property
    def redo_text(self) -> str | None:
        """The step that Redo would redo, or None."""
        return self._undone[-1].text if self._undone else None

    @property
    def done_texts(self) -> list[str]:
        """All steps that can be undone, oldest first."""
        return [step.text for step in self._done]

    @property
    def undone_texts(self) -> list[str]:
        """All undone steps, the next one to redo first."""
        return [step.text for step in reversed(self._undone)]

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
            self._done.pop()
            if after != last.before:  # a fader moved back to where it was leaves nothing to undo
                self._done.append(Step(text, last.before, after, merge_key))
        else:
            self._done.append(Step(text, self._session, after, merge_key))
        self._undone.clear()
        self._session = after
        return True

    def end_merge(self) -> None:
        """End merging: the next step is a separate entry, even with the same key."""
        if self._done and self._done[-1].merge_key is not None:
            last = self._done[-1]
            self._done[-1] = Step(last.text, last.before, last.after)

    def cancel_merge(self) -> bool:
        """Discard the step that is still being merged, without a redo entry; False when there is none."""
        if not self._done or self._done[-1].merge_key is None:
            return False
        self._session = self._done.pop().before
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
        self._done.append(Step(step.text, step.before, step.after))  # later steps must not merge into it
        self._session = step.after
        return step.text

    def mark_saved(self) -> None:
        """Record that the current document is the one on disk."""
        self._saved = self._session
        self.end_merge()
