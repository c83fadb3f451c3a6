"""The latent cache: latents by content key, in memory and on disk.

The disk part is one SQLite database in WAL mode, so that several engines may share it. It is a cache: whatever is
wrong with it is reported once and costs speed, never a result. One thread uses an instance.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import time
import zlib
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
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

_SCHEMA = """
CREATE TABLE IF NOT EXISTS latents (
    key TEXT PRIMARY KEY, dim INTEGER NOT NULL, frames INTEGER NOT NULL,
    crc INTEGER NOT NULL, used_at REAL NOT NULL, data BLOB NOT NULL
) WITHOUT ROWID;
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

    def close(self) -> None:
        """Close the database."""
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
    """The SQLite part. After the first error that is not a damaged row it gives up and stays silent."""

    def __init__(self, path: Path, cap_bytes: int) -> None:
        self._cap_bytes = cap_bytes
        self._connection: sqlite3.Connection | None = sqlite3.connect(path, timeout=5.0, isolation_level=None)
        try:
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=OFF")  # a lost row is a miss
            self._connection.executescript(_SCHEMA)
            self._size = self._measure()
        except BaseException:
            self._connection.close()
            raise

    def get_many(self, keys: list[str]) -> dict[str, Array]:
        if self._connection is None:
            return {}
        found: dict[str, Array] = {}
        damaged = []
        try:
            for key in keys:
                row = self._connection.execute(
                    "SELECT dim, frames, crc, data FROM latents WHERE key = ?", (key,)
                ).fetchone()
                if row is None:
                    continue
                dim, frames, crc, data = row
                if zlib.crc32(data) == crc and len(data) == dim * frames * 4:
                    found[key] = np.frombuffer(data, np.float32).reshape(dim, frames)
                else:
                    damaged.append((key,))
            now = time.time()
            with self._transaction() as connection:
                connection.executemany("UPDATE latents SET used_at = ? WHERE key = ?", [(now, key) for key in found])
                connection.executemany("DELETE FROM latents WHERE key = ?", damaged)
        except sqlite3.Error as error:
            self._give_up(error)
        return found

    def put_many(self, items: Mapping[str, Array]) -> None:
        if self._connection is None:
            return
        now = time.time()
        rows = []
        for key, latents in items.items():
            data = np.ascontiguousarray(latents, np.float32).tobytes()
            rows.append((key, latents.shape[0], latents.shape[1], zlib.crc32(data), now, data))
        try:
            with self._transaction() as connection:
                connection.executemany("INSERT OR REPLACE INTO latents VALUES (?, ?, ?, ?, ?, ?)", rows)
            self._size += sum(len(row[-1]) for row in rows)
            if self._size > self._cap_bytes:
                self._evict()
        except sqlite3.Error as error:
            self._give_up(error)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        assert self._connection is not None
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield self._connection
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def _measure(self) -> int:
        assert self._connection is not None
        row = self._connection.execute("SELECT COALESCE(SUM(LENGTH(data)), 0) FROM latents").fetchone()
        return int(row[0])

    def _evict(self) -> None:
        """Delete the least recently used rows until the size is well below the cap."""
        assert self._connection is not None
        excess = self._measure() - int(self._cap_bytes * _EVICT_TO)
        oldest = []
        for key, size in self._connection.execute("SELECT key, LENGTH(data) FROM latents ORDER BY used_at"):
            if excess <= 0:
                break
            oldest.append((key,))
            excess -= size
        with self._transaction() as connection:
            connection.executemany("DELETE FROM latents WHERE key = ?", oldest)
        self._size = self._measure()

    def _give_up(self, error: sqlite3.Error) -> None:
        _log.warning("the latent cache on disk is off until the next start: %s", error)
        self.close()


def _open_disk(folder: Path, cap_bytes: int) -> _Disk | None:
    """Open the database; a file that is not one is moved out of the way, a folder that cannot be written means none."""
    path = folder / f"latents-v{_CACHE_VERSION}.sqlite"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            return _Disk(path, cap_bytes)
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError as error:
            _log.warning("the latent cache %s is damaged and made anew: %s", path, error)
            for suffix in ("", "-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
            return _Disk(path, cap_bytes)
    except (OSError, sqlite3.Error) as error:
        _log.warning("no latent cache on disk: %s", error)
        return None
