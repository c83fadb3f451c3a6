"""The open document: the session's history and its file, as Qt signals. Main thread."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from lincae_studio.errors import EditError
from lincae_studio.session import files
from lincae_studio.session.history import History
from lincae_studio.session.model import Session

#: Wheel notches and key presses this close together are one step of the history.
_MERGE_MS = 500


class Document(QObject):
    """Everything that changes the session goes through `apply`, `undo`, `redo`, `replace`.

    Signals:
        changed: the session is another value; `continuous` (bool) tells an edit of a row, as of a fader being dragged.
        state_changed: what undo and redo offer, the modified mark, or the file name may have changed.
        refused: an edit was refused (the `EditError`).
        replaced: another document was opened; comes before `changed`.
        saved: the document was written to its file.
    """

    changed = Signal(bool)
    state_changed = Signal()
    refused = Signal(object)
    replaced = Signal()
    saved = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._history = History(Session())
        self._path: Path | None = None
        self._name = "Untitled"
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
        """The project file, or None for a session that was never saved."""
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
    def title(self) -> str:
        """The name for the title bar."""
        return self._path.stem if self._path else self._name

    def apply(self, text: str, edit: Callable[[Session], Session], merge_key: str | None = None) -> bool:
        """Make one undoable edit; False when it was refused or changes nothing.

        Edits with one `merge_key` become one step, until `end_merge` or `end_merge_soon`.
        """
        self._merging.stop()
        try:
            after = edit(self.session)
        except EditError as error:
            self.refused.emit(error)
            return False
        if not self._history.push(text, after, merge_key):
            return False
        self._announce(continuous=merge_key is not None)
        return True

    def end_merge(self) -> None:
        """A fader was let go: the next change of it is a step of its own."""
        self._history.end_merge()

    def cancel_merge(self) -> None:
        """The fader that is held goes back, as if it had not been touched."""
        if self._history.cancel_merge():
            self._announce()

    def end_merge_soon(self) -> None:
        """A wheel notch or a key was pressed: further ones within half a second belong to the same step."""
        self._merging.start()

    def undo(self) -> None:
        if self._history.undo() is not None:
            self._announce()

    def redo(self) -> None:
        if self._history.redo() is not None:
            self._announce()

    @property
    def steps(self) -> tuple[list[str], list[str]]:
        """Names of the steps that were done, and of those that were undone and can be redone, in order."""
        return self._history.done_texts, self._history.undone_texts

    def go_to(self, count: int) -> None:
        """Undo or redo until so many steps are done."""
        if self._history.go_to(count):
            self._announce()

    def replace(self, session: Session, path: Path | None, name: str = "Untitled", modified: bool = False) -> None:
        """Another document: a new or an opened one; `modified`: it is on no disk as it is (a copy of something)."""
        self._history = History(session, saved=not modified)
        self._path, self._name = path, name
        self.replaced.emit()
        self._announce()

    def save(self, path: Path) -> None:
        """Save under a name, which becomes the document's. Raises `ProjectError`; nothing changes then."""
        files.save(self.session, path)
        self._path = path
        self._history.mark_saved()
        self.saved.emit()
        self.state_changed.emit()

    def at_close(self, close: Callable[[], object]) -> None:
        """Have `close` called when the window closes, the last registered first: it may need the others."""
        self._closing.callback(close)

    def close(self) -> None:
        """The window closes: jobs, threads and the engine end."""
        self._closing.close()

    def _announce(self, continuous: bool = False) -> None:
        self.changed.emit(continuous)
        self.state_changed.emit()
