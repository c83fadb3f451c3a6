"""Arrays on disk by content key: the storage behind the caches of latents and of renders.

One SQLite database in WAL mode, so that several engines may share it. As it is a cache, an error in it is reported once
and costs speed, never a result. One thread at a time uses an instance.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import queue
import sqlite3
import threading
import time
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from msgspec import Struct, field

from lincae_studio import private
from lincae_studio.codecs.base import Array
from lincae_studio.session.times import CLOCK_AHEAD_S

_log = logging.getLogger(__name__)

#: Increased when the storage format changes.
_VERSION = 3

#: Eviction frees space down to this fraction of the cap, so that it does not run at every write.
_EVICT_TO = 0.9

#: Transactions that may be queued for writing.
_QUEUED_WRITES = 16

#: How long nothing is written after another program has kept the database locked.
_PAUSE_S = 60.0

_EXISTS = "SELECT 1 FROM arrays WHERE key = ?"
_SELECT = "SELECT shape, crc, data FROM arrays WHERE key = ?"

# An ordinary rowid table: WITHOUT ROWID would put the large blobs into the B-tree that lookups traverse.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS arrays (
    key TEXT PRIMARY KEY, shape TEXT NOT NULL, crc INTEGER NOT NULL, used_at REAL NOT NULL, data BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS arrays_by_use ON arrays (used_at);
"""


class DiskArrays:
    """Float32 arrays by key: read here, written in a separate thread, so that rendering rarely waits for the disk."""

    def __init__(self, path: Path, cap_bytes: int) -> None:
        """Raises `sqlite3.Error`; see `open_disk`."""
        self._path = path
        self._reader: sqlite3.Connection | None = _connect(path)
        try:
            self._writer = _Writer(path, cap_bytes)
        except BaseException:
            self._reader.close()
            raise

    def get_many(self, keys: list[str]) -> dict[str, Array]:
        """The arrays that are stored and intact; reading a row counts as using it, which delays its eviction."""
        if self._reader is None:
            return {}
        found: dict[str, Array] = {}
        damaged = []
        try:
            for key in keys:
                row = self._reader.execute(_SELECT, (key,)).fetchone()
                if row is None:
                    continue
                array = _array(*row)
                if array is not None:
                    found[key] = array
                else:
                    damaged.append(key)
        except sqlite3.Error as error:
            _log.warning("the cache %s cannot be read and is disabled until the next start: %s", self._path, error)
            self.close()
            _delete_damaged(self._path, error)
            return found
        if found or damaged:
            self._writer.submit(_Write(used=tuple(found), damaged=tuple(damaged)))
        return found

    def has(self, key: str) -> bool:
        """Whether an array is stored; it may be damaged. Does not count as using it."""
        try:
            return self._reader is not None and self._reader.execute(_EXISTS, (key,)).fetchone() is not None
        except sqlite3.Error:  # the next read reports it
            return False

    def put_many(self, items: Mapping[str, Array]) -> None:
        if self._reader is not None:
            self._writer.submit(_Write(items=dict(items)))

    def set_cap(self, cap_bytes: int) -> None:
        """Set the size limit. Any thread."""
        self._writer.set_cap(cap_bytes)

    def flush(self) -> None:
        if self._reader is not None:
            self._writer.flush()

    def close(self) -> None:
        if self._reader is not None:
            self._writer.close()
            self._reader.close()
            self._reader = None


class _Write(Struct, frozen=True):
    """One transaction: rows to insert, rows that were used, and damaged rows to delete."""

    items: dict[str, Array] = field(default_factory=dict)
    used: tuple[str, ...] = ()
    damaged: tuple[str, ...] = ()


class _Writer:
    """Writes in order, in its own thread; when its queue is full, the renderer waits, which bounds memory.

    After the first error it discards everything; when another program keeps the database locked, for a minute.
    """

    def __init__(self, path: Path, cap_bytes: int) -> None:
        self._path = path
        self._cap_bytes = cap_bytes
        self._connection = _connect(path)
        try:
            self._size = self._measure()
        except BaseException:
            self._connection.close()
            raise
        self._broken = False
        self._paused_until = 0.0
        self._queue: queue.Queue[_Write | None] = queue.Queue(_QUEUED_WRITES)
        self._thread = threading.Thread(target=self._run, name="cache-writer", daemon=True)
        self._thread.start()

    def submit(self, write: _Write) -> None:
        self._queue.put(write)

    def set_cap(self, cap_bytes: int) -> None:
        """Set the size limit; it is enforced when something is next written or used."""
        self._cap_bytes = cap_bytes

    def flush(self) -> None:
        """Wait until everything submitted is written."""
        self._queue.join()

    def close(self) -> None:
        """Write queued entries, and stop."""
        self._queue.put(None)
        self._thread.join()
        self._connection.close()

    def _run(self) -> None:
        while True:
            write = self._queue.get()
            try:
                if write is None:
                    return
                if not self._broken and time.monotonic() >= self._paused_until:
                    self._write(write)
            except sqlite3.Error as error:
                if _is_locked(error):
                    self._paused_until = time.monotonic() + _PAUSE_S
                    _log.warning("the cache %s is locked by another program; writing pauses", self._path)
                    continue
                self._broken = True
                _log.warning("the cache %s cannot be written until the next start: %s", self._path, error)
                _delete_damaged(self._path, error)
            finally:
                self._queue.task_done()

    def _write(self, write: _Write) -> None:
        now = time.time()
        rows = []
        for key, array in write.items.items():
            data = np.ascontiguousarray(array, np.float32).tobytes()
            rows.append((key, ",".join(map(str, array.shape)), zlib.crc32(data), now, data))
        with self._transaction():
            execute = self._connection.executemany
            execute("INSERT OR REPLACE INTO arrays VALUES (?, ?, ?, ?, ?)", rows)
            execute("UPDATE arrays SET used_at = ? WHERE key = ?", [(now, key) for key in write.used])
            execute("DELETE FROM arrays WHERE key = ?", [(key,) for key in write.damaged])
        self._size += sum(len(row[-1]) for row in rows)
        if self._size > self._cap_bytes:
            self._evict()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def _forget_future(self) -> None:
        """Evict rows with a time in the future first: otherwise they would stay until then, and new ones would not."""
        limit = time.time() + CLOCK_AHEAD_S
        self._connection.execute("UPDATE arrays SET used_at = 0 WHERE used_at > ?", (limit,))

    def _measure(self) -> int:
        row = self._connection.execute("SELECT COALESCE(SUM(LENGTH(data)), 0) FROM arrays").fetchone()
        return int(row[0])

    def _evict(self) -> None:
        """Delete the least recently used rows until the size is well below the cap."""
        self._forget_future()
        excess = self._measure() - int(self._cap_bytes * _EVICT_TO)
        oldest = []
        for key, size in self._connection.execute("SELECT key, LENGTH(data) FROM arrays ORDER BY used_at"):
            if excess <= 0:
                break
            oldest.append((key,))
            excess -= size
        with self._transaction():
            self._connection.executemany("DELETE FROM arrays WHERE key = ?", oldest)
        self._size = self._measure()


class DiskUsage(Struct, frozen=True):
    """How much is stored. `file_bytes` is the space taken on disk, free pages and journal included."""

    rows: int
    array_bytes: int
    file_bytes: int


def disk_usage(path: Path) -> DiskUsage:
    """The disk usage of a database. Raises `sqlite3.Error` when it is damaged or locked, or `OSError`."""
    if not path.exists():
        return DiskUsage(0, 0, 0)
    with contextlib.closing(_connect(path)) as connection:
        rows, array_bytes = connection.execute("SELECT COUNT(*), COALESCE(SUM(LENGTH(data)), 0) FROM arrays").fetchone()
    return DiskUsage(rows, array_bytes, sum(file.stat().st_size for file in _files(path) if file.exists()))


def clear_disk(path: Path) -> None:
    """Empty a database; engines that have it open can continue to use it. A damaged one is deleted.

    Raises:
        sqlite3.OperationalError: when another program keeps it locked.
        OSError: when it cannot be deleted.
    """
    if not path.exists():
        return
    try:
        with contextlib.closing(_connect(path)) as connection:
            connection.execute("DELETE FROM arrays")
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError:
        _delete(path)


def database(folder: Path, name: str) -> Path:
    """The path of the database with this name in a folder."""
    return folder / f"{name}-v{_VERSION}.sqlite"


def _array(shape: str, crc: int, data: bytes) -> Array | None:
    """A row's array; None if it is damaged."""
    try:
        sizes = tuple(int(size) for size in shape.split(","))
        intact = zlib.crc32(data) == crc and len(data) == 4 * math.prod(sizes)
        return np.frombuffer(data, np.float32).reshape(sizes) if intact else None
    except (ValueError, TypeError, AttributeError):
        return None


def _files(path: Path) -> list[Path]:
    return [path.with_name(path.name + suffix) for suffix in ("", "-wal", "-shm")]


def _delete(path: Path) -> None:
    for file in _files(path):
        file.unlink(missing_ok=True)


def _delete_damaged(path: Path, error: sqlite3.Error) -> None:
    """Delete a damaged file, so that the next start recreates it; any other error may be gone by then."""
    if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
        with contextlib.suppress(OSError):  # in use elsewhere: the damage is found when it is next opened
            _delete(path)


def _is_locked(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _connect(path: Path) -> sqlite3.Connection:
    """Open a database. Raises `sqlite3.Error`, or `OSError` where the system does not let SQLite open the file."""
    with contextlib.suppress(OSError):  # SQLite reports the error, and gives its other files the same permissions
        private.keep_from_others(path)
    try:
        connection = sqlite3.connect(path, timeout=5.0, isolation_level=None, check_same_thread=False)
    except sqlite3.OperationalError:
        _check_openable(path)
        raise
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=OFF")  # after a power cut, a lost or damaged row is a cache miss
        connection.executescript(_SCHEMA)
    except BaseException as error:
        try:
            if isinstance(error, sqlite3.OperationalError):
                _check_openable(path)
        finally:
            connection.close()
        raise
    return connection


def _check_openable(path: Path) -> None:
    """Open the file as SQLite does, which does not say why it cannot. Raises `OSError`."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NONBLOCK", 0), 0o600))


def open_disk(path: Path, cap_bytes: int) -> DiskArrays | None:
    """Open a database, replacing a damaged one; None if there can be none there."""
    try:
        private.make(path.parent, tighten=False, checked=False)
        try:
            return DiskArrays(path, cap_bytes)
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError as error:
            _log.warning("the cache %s is damaged and will be recreated: %s", path, error)
            _delete(path)
            return DiskArrays(path, cap_bytes)
    except (OSError, ValueError, sqlite3.Error) as error:  # ValueError: a path with NUL
        _log.warning("no cache on disk at %s: %s", path, error)
        return None
