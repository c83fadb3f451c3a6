"""The journal: every edit goes to disk immediately, so that a crash costs less than a second of work.

A document that differs from its project file has a recovery folder with a snapshot of the session and a journal of the
edits since, one line with a checksum for each edit. A new snapshot (autosave) starts a new journal; the older pair is
deleted once the new one is complete. A thread does the writing: edits that come faster than the disk can take them
become one line. The running program locks the folder; an unlocked folder was left behind and can be recovered.

The snapshot is a project file. Each line is read back, as recovery would, before it is written. Nothing in the folder
is executed. Only the user may read it (`private`), and recovery follows no links.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
import uuid
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import filelock
import msgspec

from lincae_studio import atomic, private
from lincae_studio.errors import ProjectError, StudioError, os_error_reason
from lincae_studio.session import files
from lincae_studio.session.delta import delta
from lincae_studio.session.model import Session
from lincae_studio.session.recovery import INFO, LOCK, LONG_BYTES, MAX_LINE_BYTES, Info, Line, applied, remove
from lincae_studio.session.rules import check_change

_log = logging.getLogger(__name__)

#: Each line is handed to the operating system immediately, and synced to the disk (against power cuts) after this time.
_SYNC_S = 0.5

#: How long to wait after a failure before trying again.
_RETRY_S = 5.0

#: How long to wait for the lock of a new folder: another window may be checking whether it is in use.
_LOCK_S = 2.0


class Journal:
    """Records one document in a thread of its own; `record` and the other methods only queue work for it.

    Attributes:
        folder: the recovery folder, while there is anything to record.
    """

    def __init__(self, root: Path, on_problem: Callable[[StudioError], None], fallback: Path | None = None) -> None:
        """`root`: the parent of all recovery folders; `fallback`: used instead when `root` cannot be written."""
        self._roots = [root] if fallback is None else [root, fallback]
        self._on_problem = on_problem
        self.folder: Path | None = None
        self._lock: filelock.BaseFileLock | None = None
        #: Folders that can no longer be written, and their locks; deleted once another folder has everything.
        self._abandoned: list[tuple[Path, filelock.BaseFileLock | None]] = []
        self._changed = threading.Condition()
        #: The current session, its title and file, and the last edit; None when the document is as saved.
        self._current: tuple[Session, Info, str] | None = None
        self._written: Session | None = None
        #: The title and the project file that were written with it.
        self._written_names = ("", "")
        self._snapshot_requested = False
        self._closing = False
        self._busy = False
        self._failed_at: float | None = None
        self._generation = 0
        self._file: BinaryIO | None = None
        self._unsynced_since: float | None = None
        self._thread = threading.Thread(target=self._run, name="job-journal", daemon=True)
        self._thread.start()

    def record(self, session: Session, text: str, title: str, project: Path | None) -> None:
        """Record the session after an edit; `text` describes the edit."""
        info = Info(title=title, project=str(project) if project is not None else "")
        with self._changed:
            self._current = session, info, text
            self._changed.notify_all()

    def snapshot(self) -> None:
        """Write the whole session if there were edits since the last snapshot (autosave)."""
        with self._changed:
            self._snapshot_requested = True
            self._changed.notify_all()

    def clean(self) -> None:
        """Discard the recovery data: the document equals its project file."""
        with self._changed:
            self._current = None
            self._changed.notify_all()

    def settle(self, limit_s: float = 10.0) -> bool:
        """Wait until everything is written; False when writing fails or takes longer than `limit_s`."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._busy and self._is_settled(), limit_s)

    def close(self, keep: bool = False) -> None:
        """End the thread. The recovery data is deleted unless `keep`: the user has saved or discarded the edits."""
        with self._changed:
            if not keep:
                self._current = None
            self._closing = True
            self._changed.notify_all()
        self._thread.join()

    # In the thread

    def _is_settled(self) -> bool:
        current = self._current[0] if self._current is not None else None
        return current is self._written and not self._snapshot_requested

    def _run(self) -> None:
        while True:
            with self._changed:
                self._busy = False
                self._changed.notify_all()
                self._changed.wait_for(self._has_work, self._timeout())
                closing = self._closing
                current, snapshot = self._current, self._snapshot_requested
                self._snapshot_requested = False
                self._busy = True
            try:
                self._write(current, snapshot)
                self._sync(now=closing)
                self._failed_at = None
            except Exception as error:  # otherwise the thread would end, and nothing more would be recorded
                self._fail(error)
            if closing:
                self._release(keep=current is not None)
                with self._changed:
                    self._busy = False
                    self._changed.notify_all()
                return

    def _has_work(self) -> bool:
        if self._closing:
            return True
        return not self._is_settled() and (self._failed_at is None or time.monotonic() > self._failed_at + _RETRY_S)

    def _timeout(self) -> float | None:
        """Seconds until there is something to do even without a new edit; None for never."""
        if self._failed_at is not None:
            return _RETRY_S
        if self._unsynced_since is not None:
            return max(0.0, self._unsynced_since + _SYNC_S - time.monotonic())
        return None

    def _write(self, current: tuple[Session, Info, str] | None, snapshot: bool) -> None:
        if current is None:
            if self.folder is not None:
                self._release(keep=False)
            return
        session, info, text = current
        if self._file is None or self._written is None or (info.title, info.project) != self._written_names:
            self._begin(session, info)
        elif session is not self._written:
            line = _line(text, self._written, session)
            if line is None:
                self._begin(session, info)  # a snapshot, whose error names the problem
                return
            self._file.write(line)
            self._file.flush()
            self._unsynced_since = self._unsynced_since or time.monotonic()
            self._written = session
            if snapshot or self._file.tell() > LONG_BYTES:
                self._begin(session, info)
        elif snapshot and self._file.tell():
            self._begin(session, info)

    def _begin(self, session: Session, info: Info) -> None:
        """Write a snapshot and an empty journal of the next generation, then delete the previous ones."""
        if self.folder is None:
            self.folder = self._make_folder()
        generation = self._generation + 1
        private.check(self.folder)
        files.save(session, self.folder / f"{generation}{files.SUFFIX}", private=True)
        stamped = msgspec.structs.replace(info, changed=time.time())
        atomic.write_bytes(self.folder / INFO, msgspec.json.encode(stamped), private=True)
        file = private.open_to_write(self.folder / f"{generation}.journal")  # last, so that no failure leaves it open
        if self._file is not None:
            self._file.close()
        self._file, self._generation, self._written = file, generation, session
        self._written_names = info.title, info.project
        self._unsynced_since = None
        for old in (f"{generation - 1}{files.SUFFIX}", f"{generation - 1}.journal"):
            with contextlib.suppress(OSError):
                (self.folder / old).unlink(missing_ok=True)
        while self._abandoned:
            _unlock(*self._abandoned.pop(), keep=False)

    def _make_folder(self) -> Path:
        error: OSError | None = None
        for root in self._roots:
            folder = root / uuid.uuid4().hex
            try:
                private.make(root)
                private.make(folder)
                self._lock = filelock.FileLock(folder / LOCK, mode=0o600)
                self._lock.acquire(timeout=_LOCK_S)
                return folder
            except (OSError, filelock.Timeout) as problem:
                error = problem if isinstance(problem, OSError) else error
        raise error or OSError("no recovery folder could be created")

    def _sync(self, now: bool) -> None:
        due = self._unsynced_since is not None and (now or time.monotonic() >= self._unsynced_since + _SYNC_S)
        if due and self._file is not None:
            os.fsync(self._file.fileno())
            self._unsynced_since = None

    def _fail(self, error: Exception) -> None:
        first = self._failed_at is None
        self._failed_at = time.monotonic()
        self._unsynced_since = None
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
        self._file = None  # nothing after a half-written line could be read
        folder = self.folder or self._roots[0]
        of_disk = isinstance(error, OSError) or isinstance(error.__cause__, OSError)
        if len(self._roots) > 1 and of_disk:  # the next attempt is made elsewhere
            if self.folder is not None:
                self._abandoned.append((self.folder, self._lock))
                self.folder = self._lock = None
            self._roots.append(self._roots.pop(0))
        _log.warning("the journal cannot be written", exc_info=error)
        if first:
            if isinstance(error, OSError):
                reason, remedy = os_error_reason(error, folder)
            elif isinstance(error, StudioError):
                reason, remedy = error.problem, error.remedy
            else:
                reason, remedy = f"internal error: {error}", "Report this with the log file"
            problem = f"edits cannot be recorded for recovery in {folder}: {reason}"
            self._on_problem(ProjectError(problem, f"{remedy}; save often until this is fixed"))

    def _release(self, keep: bool) -> None:
        """Unlock the folder, and delete it unless `keep`."""
        if self._file is not None:
            self._file.close()
            self._file = None
        self._written = None
        self._unsynced_since = None
        if self.folder is not None:
            self._abandoned.append((self.folder, self._lock))
            self.folder = self._lock = None
        while self._abandoned:
            _unlock(*self._abandoned.pop(), keep)


def _unlock(folder: Path, lock: filelock.BaseFileLock | None, keep: bool) -> None:
    """Unlock a folder, and delete it unless `keep`. No other program can see it unlocked with data in it."""
    if not keep:
        for path in folder.iterdir() if folder.is_dir() else ():
            if path.name != LOCK:
                with contextlib.suppress(OSError):
                    path.unlink()
    if lock is not None:
        lock.release()
    if not keep:
        remove(folder)


def _line(text: str, before: Session, after: Session) -> bytes | None:
    """The line of an edit; None when reading it again would not lead from one session to the other."""
    try:
        data = msgspec.json.encode(Line(text, delta(before, after)))
        line = b"%08x " % zlib.crc32(data) + data + b"\n"
        if len(line) <= MAX_LINE_BYTES and applied(before, line) == after:
            check_change(before, after)
            return line
    except (StudioError, msgspec.MsgspecError, ValueError) as error:
        _log.warning("an edit cannot be recorded: %s", error)
    return None
