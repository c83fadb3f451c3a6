"""The latent cache: latents by content key, in memory and on disk.

The disk part is one SQLite database in WAL mode, so that several engines may share it. It is a cache: whatever is
wrong with it is reported once and costs speed, never a result. One thread uses an instance.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import sqlite3
import threading
import time
import zlib
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lincae_studio.codecs.base import Array

_log = logging.getLogger(__name__)

#: Raised when the stored form changes.
_CACHE_VERSION = 1

MEMORY_BYTES = 512 * 1024 * 1024
DISK_BYTES = 4 * 1024 * 1024 * 1024

#: Evicting goes down to this share of the cap, so that it does not happen at every write.
_EVICT_TO = 0.9

#: Transactions that may wait to be written.
_QUEUED_WRITES = 64

_SELECT = "SELECT dim, frames, crc, data FROM latents WHERE key = ?"

# An ordinary rowid table: WITHOUT ROWID would put the large blobs into the tree that lookups walk.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS latents (
    key TEXT PRIMARY KEY, dim INTEGER NOT NULL, frames INTEGER NOT NULL,
    crc INTEGER NOT NULL, used_at REAL NOT NULL, data BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS latents_by_use ON latents (used_at);
"""


class LatentCache:
    """Least recently used latents stay, up to a number of bytes in memory and another on disk."""

    def __init__(
        self, folder: Path | None = None, memory_bytes: int = MEMORY_BYTES, disk_bytes: int = DISK_BYTES
    ) -> None:
        """`folder` None keeps everything in memory."""
        self._memory: OrderedDict[str, Array] = OrderedDict()
        self._memory_bytes = memory_bytes
        self._used_bytes = 0
        self._disk = _open_disk(folder, disk_bytes) if folder is not None else None

    def get_many(self, keys: Iterable[str]) -> dict[str, Array]:
        """The latents `(D, T)` that are here, by key; they must not be changed."""
        wanted = list(dict.fromkeys(keys))
        found = {key: self._memory[key] for key in wanted if key in self._memory}
        for key in found:
            self._memory.move_to_end(key)
        missing = [key for key in wanted if key not in found]
        if missing and self._disk is not None:
            for key, latents in self._disk.get_many(missing).items():
                found[key] = latents
                self._remember(key, latents)
        return found

    def put_many(self, items: Mapping[str, Array]) -> None:
        """Keep latents."""
        for key, latents in items.items():
            self._remember(key, latents)
        if self._disk is not None:
            self._disk.put_many(items)

    def flush(self) -> None:
        """Wait until what was put is on disk."""
        if self._disk is not None:
            self._disk.flush()

    def close(self) -> None:
        """Write what is left and close the database."""
        if self._disk is not None:
            self._disk.close()
            self._disk = None

    def _remember(self, key: str, latents: Array) -> None:
        if key in self._memory:
            self._memory.move_to_end(key)
            return
        self._memory[key] = latents
        self._used_bytes += latents.nbytes
        while self._used_bytes > self._memory_bytes and len(self._memory) > 1:
            _, dropped = self._memory.popitem(last=False)
            self._used_bytes -= dropped.nbytes


class _Disk:
    """The SQLite part: reads here, writes in a thread of its own, so that rendering never waits for the disk."""

    def __init__(self, path: Path, cap_bytes: int) -> None:
        self._reader: sqlite3.Connection | None = _connect(path)
        try:
            self._writer = _Writer(path, cap_bytes)
        except BaseException:
            self._reader.close()
            raise

    def get_many(self, keys: list[str]) -> dict[str, Array]:
        """What is there and undamaged; using a row keeps it from being evicted."""
        if self._reader is None:
            return {}
        found: dict[str, Array] = {}
        damaged = []
        try:
            for key in keys:
                row = self._reader.execute(_SELECT, (key,)).fetchone()
                if row is None:
                    continue
                dim, frames, crc, data = row
                if zlib.crc32(data) == crc and len(data) == dim * frames * 4:
                    found[key] = np.frombuffer(data, np.float32).reshape(dim, frames)
                else:
                    damaged.append(key)
        except sqlite3.Error as error:
            _log.warning("the latent cache on disk cannot be read and is off until the next start: %s", error)
            self.close()
            return found
        if found or damaged:
            self._writer.submit(_Write(used=tuple(found), damaged=tuple(damaged)))
        return found

    def put_many(self, items: Mapping[str, Array]) -> None:
        if self._reader is not None:
            self._writer.submit(_Write(items=dict(items)))

    def flush(self) -> None:
        if self._reader is not None:
            self._writer.flush()

    def close(self) -> None:
        if self._reader is not None:
            self._writer.close()
            self._reader.close()
            self._reader = None


@dataclass(frozen=True)
class _Write:
    """One transaction: rows to keep, rows that were used, rows that are damaged."""

    items: dict[str, Array] = field(default_factory=dict)
    used: tuple[str, ...] = ()
    damaged: tuple[str, ...] = ()


class _Writer:
    """Writes in order, in its own thread; a full queue makes the renderer wait, so memory is bounded.

    After the first error it takes everything and writes nothing.
    """

    def __init__(self, path: Path, cap_bytes: int) -> None:
        self._cap_bytes = cap_bytes
        self._connection = _connect(path, any_thread=True)
        try:
            self._size = self._measure()
        except BaseException:
            self._connection.close()
            raise
        self._broken = False
        self._queue: queue.Queue[_Write | None] = queue.Queue(_QUEUED_WRITES)
        self._thread = threading.Thread(target=self._run, name="latent-cache-writer", daemon=True)
        self._thread.start()

    def submit(self, write: _Write) -> None:
        self._queue.put(write)

    def flush(self) -> None:
        """Wait until all that was submitted is written."""
        self._queue.join()

    def close(self) -> None:
        """Write what is left and end."""
        self._queue.put(None)
        self._thread.join()
        self._connection.close()

    def _run(self) -> None:
        while True:
            write = self._queue.get()
            try:
                if write is None:
                    return
                if not self._broken:
                    self._write(write)
            except sqlite3.Error as error:
                self._broken = True
                _log.warning("the latent cache on disk cannot be written until the next start: %s", error)
            finally:
                self._queue.task_done()

    def _write(self, write: _Write) -> None:
        now = time.time()
        rows = []
        for key, latents in write.items.items():
            data = np.ascontiguousarray(latents, np.float32).tobytes()
            rows.append((key, latents.shape[0], latents.shape[1], zlib.crc32(data), now, data))
        with self._transaction():
            execute = self._connection.executemany
            execute("INSERT OR REPLACE INTO latents VALUES (?, ?, ?, ?, ?, ?)", rows)
            execute("UPDATE latents SET used_at = ? WHERE key = ?", [(now, key) for key in write.used])
            execute("DELETE FROM latents WHERE key = ?", [(key,) for key in write.damaged])
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

    def _measure(self) -> int:
        row = self._connection.execute("SELECT COALESCE(SUM(LENGTH(data)), 0) FROM latents").fetchone()
        return int(row[0])

    def _evict(self) -> None:
        """Delete the least recently used rows until the size is well below the cap."""
        excess = self._measure() - int(self._cap_bytes * _EVICT_TO)
        oldest = []
        for key, size in self._connection.execute("SELECT key, LENGTH(data) FROM latents ORDER BY used_at"):
            if excess <= 0:
                break
            oldest.append((key,))
            excess -= size
        with self._transaction():
            self._connection.executemany("DELETE FROM latents WHERE key = ?", oldest)
        self._size = self._measure()


@dataclass(frozen=True)
class DiskUsage:
    """What lies in a latent cache on disk. `file_bytes` is what the disk loses, free pages and journal included."""

    rows: int
    latent_bytes: int
    file_bytes: int


def disk_usage(folder: Path) -> DiskUsage:
    """What the latent cache in a folder holds. Raises `sqlite3.Error` when it is damaged, `OSError`."""
    path = _database(folder)
    if not path.exists():
        return DiskUsage(0, 0, 0)
    with contextlib.closing(_connect(path)) as connection:
        rows, latent_bytes = connection.execute(
            "SELECT COUNT(*), COALESCE(SUM(LENGTH(data)), 0) FROM latents"
        ).fetchone()
    return DiskUsage(rows, latent_bytes, sum(file.stat().st_size for file in _files(path) if file.exists()))


def clear_disk(folder: Path) -> None:
    """Empty the latent cache in a folder; engines that have it open go on. A damaged one is deleted.

    Raises:
        sqlite3.OperationalError: when another program keeps it locked.
        OSError: when it cannot be deleted.
    """
    path = _database(folder)
    if not path.exists():
        return
    try:
        with contextlib.closing(_connect(path)) as connection:
            connection.execute("DELETE FROM latents")
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError:
        _delete(path)


def _database(folder: Path) -> Path:
    return folder / f"latents-v{_CACHE_VERSION}.sqlite"


def _files(path: Path) -> list[Path]:
    return [path.with_name(path.name + suffix) for suffix in ("", "-wal", "-shm")]


def _delete(path: Path) -> None:
    for file in _files(path):
        file.unlink(missing_ok=True)


def _connect(path: Path, any_thread: bool = False) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=5.0, isolation_level=None, check_same_thread=not any_thread)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=OFF")  # after a power cut a lost or damaged row is a miss
        connection.executescript(_SCHEMA)
    except BaseException:
        connection.close()
        raise
    return connection


def _open_disk(folder: Path, cap_bytes: int) -> _Disk | None:
    """Open the database; a file that is not one is moved out of the way, a folder that cannot be written means none."""
    path = _database(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            return _Disk(path, cap_bytes)
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError as error:
            _log.warning("the latent cache %s is damaged and made anew: %s", path, error)
            _delete(path)
            return _Disk(path, cap_bytes)
    except (OSError, sqlite3.Error) as error:
        _log.warning("no latent cache on disk: %s", error)
        return None
