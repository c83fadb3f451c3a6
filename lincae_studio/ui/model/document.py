"""The open document: the session with its history and its file, reporting changes as Qt signals. Main thread."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from lincae_studio.defaults import UNTITLED, is_untitled
from lincae_studio.errors import EditError
from lincae_studio.session import files
from lincae_studio.session.history import History
from lincae_studio.session.model import Session
from lincae_studio.session.rules import check_change
from lincae_studio.session.track_locks import check_locks

#: Wheel notches and key presses this close together are one step in the history.
_MERGE_MS = 500


class Document(QObject):
    """Every change of the session goes through `apply`, `undo`, `redo` or `replace`.

    Signals:
        changed: the session has a new value; `continuous` (bool): one of a series of edits, as while dragging a fader.
        state_changed: the undo and redo texts, the modified flag or the file name may have changed.
        refused: an edit was refused (the `EditError`).
        merge_ended: the next edit is a new step, regardless of its merge key: a fader was released, or has paused.
        replaced: another document was opened; emitted before `changed`.
        saved: the document was written to its file.
    """

    changed = Signal(bool)
    state_changed = Signal()
    refused = Signal(object)
    merge_ended = Signal()
    replaced = Signal()
    saved = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._history = History(Session())
        self._path: Path | None = None
        self._name = UNTITLED
        self._closing = ExitStack()
        self._merging = QTimer(self)
        self._merging.setSingleShot(True)
        self._merging.setInterval(_MERGE_MS)
        self._merging.timeout.connect(self.end_merge)

    @property
    def session(self) -> Session:
        return self._history.session

    @property
    def path(self) -> Path | None:
        """The project file, or None if the session was never saved."""
        return self._path

    @property
    def modified(self) -> bool:
        return self._history.modified

    @property
    def undo_text(self) -> str | None:
        return self._history.undo_text

    @property
    def redo_text(self) -> str | None:
        return self._history.redo_text

    @property
    def undo_name(self) -> str | None:
        """The edit that Undo would undo, in words: “Drums: pan L45”."""
        return self._history.undo_name

    @property
    def redo_name(self) -> str | None:
        return self._history.redo_name

    @property
    def title(self) -> str:
        """The name for the title bar."""
        return self._path.stem if self._path else self._name

    @property
    def given_title(self) -> str:
        """The title for the tags of files; empty if the document has no name yet."""
        return "" if self._path is None and is_untitled(self._name) else self.title

    def apply(self, text: str, edit: Callable[[Session], Session], merge_key: str | None = None) -> bool:
        """Make one undoable edit; False if it was refused or changed nothing.

        Consecutive edits with the same `merge_key` become one step, until `end_merge` or `end_merge_soon`.
        """
        self._merging.stop()
        try:
            after = edit(self.session)
            check_change(self.session, after)
            check_locks(self.session, after)
        except EditError as error:
            self.refused.emit(error)
            return False
        if not self._history.push(text, after, merge_key):
            return False
        self._announce(continuous=merge_key is not None)
        return True

    def end_merge(self) -> None:
        """End the current step when a fader is released: its next change is a new step."""
        self._history.end_merge()
        self.merge_ended.emit()

    def cancel_merge(self) -> None:
        """Undo the drag in progress, as if the fader had not been touched."""
        if self._history.cancel_merge():
            self._announce()

    def end_merge_soon(self) -> None:
        """End the current step half a second from now; further wheel notches or key presses restart the delay."""
        self._merging.start()

    def undo(self) -> None:
        if self._history.undo() is not None:
            self._announce()

    def redo(self) -> None:
        if self._history.redo() is not None:
            self._announce()

    @property
    def steps(self) -> tuple[list[str], list[str]]:
        """Names of the steps done, and of the undone steps that can be redone, in order."""
        return self._history.done_names, self._history.undone_names

    @property
    def forgotten(self) -> int:
        """The number of steps dropped for lack of room, which can no longer be undone."""
        return self._history.forgotten

    def go_to(self, count: int) -> None:
        """Undo or redo until `count` steps are done."""
        if self._history.go_to(count):
            self._announce()

    def replace(self, session: Session, path: Path | None, name: str = UNTITLED, modified: bool = False) -> None:
        """Replace the document by a new or opened one; `modified`: it has unsaved changes, as a recovered copy has."""
        self._history = History(session, saved=not modified)
        self._path, self._name = path, name
        self.replaced.emit()
        self._announce()

    def save(self, path: Path) -> None:
        """Save to a file, which becomes the document's file. Raises `ProjectError` and then changes nothing."""
        files.save(self.session, path)
        self._path = path
        self._history.mark_saved()
        self.saved.emit()
        self.state_changed.emit()

    def at_close(self, close: Callable[[], object]) -> None:
        """Register a function for when the window closes, called in reverse order: later ones may need earlier ones."""
        self._closing.callback(close)

    def close(self) -> None:
        """Call the functions registered with `at_close`, which end jobs, threads and the engine."""
        self._closing.close()

    def _announce(self, continuous: bool = False) -> None:
        self.changed.emit(continuous)
        self.state_changed.emit()
