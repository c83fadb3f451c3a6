"""Guards against losing work: the journal of edits, autosaving, earlier versions and the lock on the project file.

Main thread; the journal writes in a thread of its own.
"""

from __future__ import annotations

import logging
from pathlib import Path

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from lincae_studio import paths
from lincae_studio.session import files, recovery, versions
from lincae_studio.session.journal import Journal
from lincae_studio.session.locks import ProjectLock
from lincae_studio.session.recovery import Leftover
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.model.preference_store import PreferenceStore

_log = logging.getLogger(__name__)


class Autosave(QObject):
    """Keeps the journal, the lock and the autosaves in step with the document.

    Signals:
        problem: a `StudioError` to show.
    """

    problem = Signal(object)

    _from_thread = Signal(object)

    def __init__(self, document: Document, preferences: PreferenceStore) -> None:
        super().__init__(document)
        self._document = document
        self._preferences = preferences
        self._roots = paths.recovery_dirs()
        self._from_thread.connect(self.problem, Qt.ConnectionType.QueuedConnection)
        self._journal = Journal(self._roots[0], self._from_thread.emit, self._roots[1])
        self._lock = ProjectLock(paths.data_dir() / "locks")
        #: The folder that the document was recovered from; removed once our own journal holds its content.
        self._recovered: Path | None = None
        #: Fingerprint of the project file as last opened or saved by this window.
        self._seen: str | None = None
        self._autosave_timer = QTimer(self)
        self._autosave_timer.timeout.connect(self._on_autosave)
        document.changed.connect(self._follow)
        document.saved.connect(self._on_saved)
        document.replaced.connect(self._on_replaced)
        preferences.changed.connect(self._follow_preferences)
        document.at_close(self.close)
        self._follow_preferences()

    @property
    def journal(self) -> Journal:
        return self._journal

    def leftovers(self) -> list[Leftover]:
        """Journals left behind by processes that crashed, newest first."""
        return recovery.leftovers(*self._roots)

    def lock(self, project: Path) -> bool:
        """Lock a project before opening or saving it; False if another window holds the lock."""
        return self._lock.acquire(project)

    def restore_lock(self, project: Path | None) -> None:
        """Release the lock taken last, as opening or saving failed, and lock the previous project again, if any."""
        self._lock.release()
        if project is not None:
            self._lock.acquire(project)

    def versions(self) -> list[versions.Version]:
        """Earlier versions of the open project."""
        path = self._document.path
        return versions.versions(paths.versions_dir(), path) if path is not None else []

    def keep_version(self, project: Path) -> None:
        """Keep a copy of a project file that is about to be replaced. A failure does not prevent saving."""
        try:
            versions.keep(paths.versions_dir(), project)
        except OSError:
            _log.warning("the earlier version of %s could not be kept", project, exc_info=True)

    def changed_on_disk(self, project: Path) -> bool:
        """Whether another program has written the project file since it was opened or saved here."""
        if project != self._document.path or self._seen is None:
            return False
        return files.fingerprint(project) not in (self._seen, None)

    def set_recovered_from(self, folder: Path) -> None:
        """Record that the document was recovered from a folder, which is removed once the journal is written."""
        self._recovered = folder
        self._follow()
        self._journal.settle()
        self._drop_recovered()

    def close(self) -> None:
        """Close the journal and release the lock, once the user has decided whether to save."""
        self._journal.close()
        self._lock.release()

    def _follow(self) -> None:
        document = self._document
        if document.modified:
            self._journal.record(document.session, document.undo_text or "", document.title, document.path)
        else:
            self._journal.clean()

    def _drop_recovered(self) -> None:
        """Remove the recovered folder once its content is in this journal or in a project file."""
        if self._recovered is not None and (self._journal.settle(0.0) or not self._document.modified):
            recovery.remove(self._recovered)
            self._recovered = None

    def _on_autosave(self) -> None:
        self._drop_recovered()
        self._journal.snapshot()

    def _on_saved(self) -> None:
        self._follow()
        self._drop_recovered()
        self._remember_fingerprint()

    def _on_replaced(self) -> None:
        if self._document.path is None:
            self._lock.release()
        self._remember_fingerprint()

    def _remember_fingerprint(self) -> None:
        path = self._document.path
        self._seen = files.fingerprint(path) if path is not None else None

    def _follow_preferences(self) -> None:
        minutes = self._preferences.value.autosave_minutes
        if minutes:
            self._autosave_timer.start(round(minutes * 60_000))
        else:
            self._autosave_timer.stop()
