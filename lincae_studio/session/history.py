"""Undo and redo by values: a stack of (text, before, after).

Plain Python rather than `QUndoStack`: the states are values, so there is nothing to execute, and subclassed
`QUndoCommand`s are known to crash when the garbage collector meets them.
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
    """The document's past and future. Unlimited: states share all that did not change."""

    def __init__(self, session: Session, saved: bool = True) -> None:
        """`saved`: the session lies on a disk as it is."""
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
        """Whether the document differs from what was last saved or opened."""
        return self._session != self._saved

    @property
    def undo_text(self) -> str | None:
        """What undo would take back, or None."""
        return self._done[-1].text if self._done else None

    @property
    def redo_text(self) -> str | None:
        """What redo would bring back, or None."""
        return self._undone[-1].text if self._undone else None

    @property
    def done_texts(self) -> list[str]:
        """Every step that was done, the first first."""
        return [step.text for step in self._done]

    @property
    def undone_texts(self) -> list[str]:
        """Every step that was undone, the next to be redone first."""
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

        Consecutive steps with one `merge_key` (a fader's sweep) become one entry.
        """
        if after == self._session:
            return False
        last = self._done[-1] if self._done else None
        if merge_key is not None and last is not None and last.merge_key == merge_key and not self._undone:
            self._done.pop()
            if after != last.before:  # a sweep back to where it began leaves nothing to undo
                self._done.append(Step(text, last.before, after, merge_key))
        else:
            self._done.append(Step(text, self._session, after, merge_key))
        self._undone.clear()
        self._session = after
        return True

    def end_merge(self) -> None:
        """The sweep is over: what comes next is a step of its own even with the same key."""
        if self._done and self._done[-1].merge_key is not None:
            last = self._done[-1]
            self._done[-1] = Step(last.text, last.before, last.after)

    def cancel_merge(self) -> bool:
        """Take a sweep back that is not over, without a trace; False when there is none."""
        if not self._done or self._done[-1].merge_key is None:
            return False
        self._session = self._done.pop().before
        return True

    def undo(self) -> str | None:
        """Take the last step back; returns its text, or None when there is none."""
        if not self._done:
            return None
        step = self._done.pop()
        self._undone.append(step)
        self._session = step.before
        return step.text

    def redo(self) -> str | None:
        """Do the last undone step again; returns its text, or None when there is none."""
        if not self._undone:
            return None
        step = self._undone.pop()
        self._done.append(Step(step.text, step.before, step.after))  # what comes next does not merge into it
        self._session = step.after
        return step.text

    def mark_saved(self) -> None:
        """The document as it is now is what lies on disk."""
        self._saved = self._session
        self.end_merge()
