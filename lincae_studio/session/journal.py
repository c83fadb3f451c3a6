"""The journal: every edit on disk at once, so that a program that ends unexpectedly costs less than a second of work.

A document that differs from its project file has a folder: a snapshot of the session, and a journal of what was edited
since, a line for each edit with its checksum. A new snapshot (autosaving) begins a new journal; the older pair goes
when the newer is complete. A thread writes: edits that come faster than the disk takes them become one line. While the
program runs it holds a lock on the folder; a folder without its lock was left behind, and can be recovered.

The snapshot is a project file. Nothing in a folder is executed.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import threading
import time
import uuid
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import filelock
import msgspec
from msgspec import Struct

from lincae_studio import atomic
from lincae_studio.errors import EditError, ProjectError, StudioError, os_error_reason
from lincae_studio.session import files
from lincae_studio.session.delta import Delta, apply, delta
from lincae_studio.session.model import Session, check

_log = logging.getLogger(__name__)

_FORMAT = "lincae-studio-journal"
#: 2 has the names of fields of project files of version 5.
_VERSION = 2

_INFO, _LOCK, _TRIED = "info.json", "lock", "tried"

#: Lines are in the system's hands at once; on the disk itself, for a power cut, after so long.
_SYNC_S = 0.5

#: After a failure it is tried again so often.
_RETRY_S = 5.0

#: A journal of this many bytes is ended by a snapshot.
_LONG_BYTES = 8 * 1024 * 1024

#: A line longer than this is none of ours.
_MAX_LINE_BYTES = files.MAX_BYTES


class Info(Struct, frozen=True, kw_only=True):
    """What a recovery folder is of.

    Attributes:
        title: of the document.
        project: the file it was saved in, or "".
        changed: when it was last written, in seconds since 1970.
    """

    format: str = _FORMAT
    version: int = _VERSION
    title: str = "Untitled"
    project: str = ""
    changed: float = 0.0


class _Line(Struct, frozen=True):
    """One edit, as the journal holds it."""

    text: str
    change: Delta


@dataclass(frozen=True)
class Recovered:
    """What was read from a folder: the session, how many edits after its snapshot, and whether its end was damaged."""

    session: Session
    edits: int
    damaged: bool


@dataclass(frozen=True)
class Leftover:
    """A folder whose program has ended unexpectedly; `tried`: it was opened before, and the program ended again."""

    folder: Path
    info: Info
    tried: bool


class Journal:
    """Keeps one document, in a thread of its own. `record` and the others only leave a note for it.

    Attributes:
        folder: where, while there is anything to keep.
    """

    def __init__(self, root: Path, on_problem: Callable[[StudioError], None], fallback: Path | None = None) -> None:
        """`root`: the folder of all recovery folders; `fallback`: another one, for when it cannot be written."""
        self._roots = [root] if fallback is None else [root, fallback]
        self._on_problem = on_problem
        self.folder: Path | None = None
        self._lock: filelock.BaseFileLock | None = None
        #: Folders that could not be written any more, and their locks: they go once another one holds it all.
        self._left: list[tuple[Path, filelock.BaseFileLock | None]] = []
        self._changed = threading.Condition()
        #: The session as it is, what it is called, and the edit that led there; None when it is as saved.
        self._wanted: tuple[Session, Info, str] | None = None
        self._written: Session | None = None
        #: The title and the project file that were written with it.
        self._named = ("", "")
        self._snapshot_wanted = False
        self._closing = False
        self._busy = False
        self._failed_at: float | None = None
        self._generation = 0
        self._file: IO[bytes] | None = None
        self._unsynced_since: float | None = None
        self._thread = threading.Thread(target=self._run, name="job-journal", daemon=True)
        self._thread.start()

    def record(self, session: Session, text: str, title: str, project: Path | None) -> None:
        """The document has become this session, by an edit of this name."""
        info = Info(title=title, project=str(project) if project is not None else "")
        with self._changed:
            self._wanted = session, info, text
            self._changed.notify_all()

    def snapshot(self) -> None:
        """Write the session as a whole, if edits were written since the last time (autosaving)."""
        with self._changed:
            self._snapshot_wanted = True
            self._changed.notify_all()

    def clean(self) -> None:
        """The document is as its project file says: nothing is to be kept."""
        with self._changed:
            self._wanted = None
            self._changed.notify_all()

    def settle(self, limit_s: float = 10.0) -> bool:
        """Wait until all is written; False when it is not, for want of a disk or of time."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._busy and self._is_settled(), limit_s)

    def close(self, keep: bool = False) -> None:
        """End the thread. Unless `keep`, what was kept goes: the user has decided about it."""
        with self._changed:
            if not keep:
                self._wanted = None
            self._closing = True
            self._changed.notify_all()
        self._thread.join()

    # In the thread

    def _is_settled(self) -> bool:
        wanted = self._wanted[0] if self._wanted is not None else None
        return wanted is self._written and not self._snapshot_wanted

    def _run(self) -> None:
        while True:
            with self._changed:
                self._busy = False
                self._changed.notify_all()
                self._changed.wait_for(self._has_work, self._patience())
                closing = self._closing
                wanted, snapshot = self._wanted, self._snapshot_wanted
                self._snapshot_wanted = False
                self._busy = True
            try:
                self._write(wanted, snapshot)
                self._sync(now=closing)
                self._failed_at = None
            except (OSError, StudioError) as error:
                self._fail(error)
            if closing:
                self._leave(keep=wanted is not None)
                with self._changed:
                    self._busy = False
                    self._changed.notify_all()
                return

    def _has_work(self) -> bool:
        if self._closing:
            return True
        return not self._is_settled() and (self._failed_at is None or time.monotonic() > self._failed_at + _RETRY_S)

    def _patience(self) -> float | None:
        """How long there is nothing to do unless something comes."""
        if self._failed_at is not None:
            return _RETRY_S
        if self._unsynced_since is not None:
            return max(0.0, self._unsynced_since + _SYNC_S - time.monotonic())
        return None

    def _write(self, wanted: tuple[Session, Info, str] | None, snapshot: bool) -> None:
        if wanted is None:
            self._drop()
            return
        session, info, text = wanted
        if self._file is None or self._written is None or (info.title, info.project) != self._named:
            self._begin(session, info)
        elif session is not self._written:
            data = msgspec.json.encode(_Line(text, delta(self._written, session)))
            self._file.write(b"%08x " % zlib.crc32(data) + data + b"\n")
            self._file.flush()
            self._unsynced_since = self._unsynced_since or time.monotonic()
            self._written = session
            if snapshot or self._file.tell() > _LONG_BYTES:
                self._begin(session, info)
        elif snapshot and self._file.tell():
            self._begin(session, info)

    def _begin(self, session: Session, info: Info) -> None:
        """A snapshot and an empty journal of the next generation; the older ones go when these are on the disk."""
        if self.folder is None:
            self.folder = self._make_folder()
        generation = self._generation + 1
        files.save(session, self.folder / f"{generation}{files.SUFFIX}")
        file = open(self.folder / f"{generation}.journal", "wb")  # noqa: SIM115  (it stays open)
        stamped = msgspec.structs.replace(info, changed=time.time())
        atomic.write_bytes(self.folder / _INFO, msgspec.json.encode(stamped))
        if self._file is not None:
            self._file.close()
        self._file, self._generation, self._written = file, generation, session
        self._named = info.title, info.project
        self._unsynced_since = None
        for old in (f"{generation - 1}{files.SUFFIX}", f"{generation - 1}.journal"):
            with contextlib.suppress(OSError):
                (self.folder / old).unlink(missing_ok=True)
        while self._left:
            _let_go(*self._left.pop(), keep=False)

    def _make_folder(self) -> Path:
        error: OSError | None = None
        for root in self._roots:
            folder = root / uuid.uuid4().hex
            try:
                folder.mkdir(parents=True)
                self._lock = filelock.FileLock(folder / _LOCK)
                self._lock.acquire(timeout=0)
                return folder
            except (OSError, filelock.Timeout) as problem:
                error = problem if isinstance(problem, OSError) else error
        raise error or OSError("no folder for recovery")

    def _sync(self, now: bool) -> None:
        due = self._unsynced_since is not None and (now or time.monotonic() >= self._unsynced_since + _SYNC_S)
        if due and self._file is not None:
            os.fsync(self._file.fileno())
            self._unsynced_since = None

    def _fail(self, error: OSError | StudioError) -> None:
        first = self._failed_at is None
        self._failed_at = time.monotonic()
        self._unsynced_since = None
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
        self._file = None  # what follows a line that is half written would not be read
        folder = self.folder or self._roots[0]
        if len(self._roots) > 1:  # the next attempt is made elsewhere
            if self.folder is not None:
                self._left.append((self.folder, self._lock))
                self.folder = self._lock = None
            self._roots.append(self._roots.pop(0))
        _log.warning("the journal cannot be written", exc_info=error)
        if first:
            told = os_error_reason(error, folder) if isinstance(error, OSError) else (error.problem, error.remedy)
            problem = f"edits are not kept for recovery in {folder}: {told[0]}"
            self._on_problem(ProjectError(problem, f"{told[1]}; save often until then"))

    def _drop(self) -> None:
        if self.folder is not None:
            self._leave(keep=False)

    def _leave(self, keep: bool) -> None:
        """Let go of the folder."""
        if self._file is not None:
            self._file.close()
            self._file = None
        self._written = None
        self._unsynced_since = None
        if self.folder is not None:
            self._left.append((self.folder, self._lock))
            self.folder = self._lock = None
        while self._left:
            _let_go(*self._left.pop(), keep)


def _let_go(folder: Path, lock: filelock.BaseFileLock | None, keep: bool) -> None:
    """Unlock a folder, and delete it unless it is to be kept; nobody ever sees it unlocked with anything in it."""
    if not keep:
        for path in folder.iterdir() if folder.is_dir() else ():
            if path.name != _LOCK:
                with contextlib.suppress(OSError):
                    path.unlink()
    if lock is not None:
        lock.release()
    if not keep:
        remove(folder)


def leftovers(*roots: Path) -> list[Leftover]:
    """The folders whose programs have ended without tidying up, newest first; those of running programs are not."""
    found = []
    for root in roots:
        for folder in root.glob("*") if root.is_dir() else ():
            if not folder.is_dir() or _in_use(folder):
                continue
            try:
                info = msgspec.json.decode((folder / _INFO).read_bytes(), type=Info)
            except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
                if _is_empty(folder):
                    remove(folder)  # it ended before anything was written
                    continue
                info = Info(changed=folder.stat().st_mtime)
            found.append(Leftover(folder, info, (folder / _TRIED).exists()))
    return sorted(found, key=lambda leftover: -leftover.info.changed)


def recover(folder: Path) -> Recovered:
    """Read the newest whole snapshot of a folder and what was edited since, up to the first line that is not whole.

    Raises:
        ProjectError: when there is no whole snapshot.
    """
    with contextlib.suppress(OSError):
        (folder / _TRIED).touch()
    snapshots = [path.stem for path in folder.glob(f"*{files.SUFFIX}") if path.stem.isdigit()]
    problem = ProjectError(f"nothing can be recovered from {folder}", "Discard it")
    for generation in sorted(map(int, snapshots), reverse=True):
        try:
            session = files.load(folder / f"{generation}{files.SUFFIX}")
        except ProjectError as error:
            problem = error
            continue
        if _info(folder).version > _VERSION:
            raise ProjectError(f"{folder} was left by a newer version", "Update LinCAE Studio, or discard it")
        if _info(folder).version < _VERSION:  # its lines have other names
            lines = folder / f"{generation}.journal"
            return Recovered(session, 0, damaged=os.path.exists(lines) and os.path.getsize(lines) > 0)
        return _replay(session, folder / f"{generation}.journal")
    raise problem


def _info(folder: Path) -> Info:
    """What a folder says of itself; where that is damaged, what a new one would say."""
    try:
        return msgspec.json.decode((folder / _INFO).read_bytes(), type=Info)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return Info()


def remove(folder: Path) -> None:
    """Delete a recovery folder; what cannot be deleted stays."""
    shutil.rmtree(folder, ignore_errors=True)


def _replay(session: Session, path: Path) -> Recovered:
    """A session after the edits of a journal: all of them, or those up to the first that is not whole or not valid."""
    reached, count, damaged = _read(session, path, checked=False)
    try:
        check(reached)
    except EditError:  # one of them breaks a rule
        reached, count, damaged = _read(session, path, checked=True)
    return Recovered(reached, count, damaged)


def _read(session: Session, path: Path, checked: bool) -> tuple[Session, int, bool]:
    count = 0
    try:
        with open(path, "rb") as file:
            while line := file.readline(_MAX_LINE_BYTES):
                changed = _applied(session, line)
                if checked:
                    check(changed)
                session, count = changed, count + 1
    except FileNotFoundError:
        return session, 0, False
    except (OSError, StudioError, msgspec.MsgspecError, ValueError, RecursionError) as error:
        _log.warning("the journal %s ends after %d edits: %s", path, count, error)
        return session, count, True
    return session, count, False


def _applied(session: Session, line: bytes) -> Session:
    checksum, _, data = line.rstrip(b"\n").partition(b" ")
    if not line.endswith(b"\n") or int(checksum, 16) != zlib.crc32(data):
        raise ValueError("a line is not whole")
    return apply(session, msgspec.json.decode(data, type=_Line).change)


def _in_use(folder: Path) -> bool:
    lock = filelock.FileLock(folder / _LOCK)
    try:
        lock.acquire(timeout=0)
    except (filelock.Timeout, OSError):
        return True
    lock.release()
    return False


def _is_empty(folder: Path) -> bool:
    return not any(path.suffix == files.SUFFIX for path in folder.iterdir())
