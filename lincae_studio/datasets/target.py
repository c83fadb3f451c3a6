"""Writing a data set: shards, the index, and the records that exist already. One process writes; a lock keeps others
out.

A shard is written completely before the lines of its records are added to the index, in one write. So every record in
the index has its arrays, even if the program is killed: an incomplete line is dropped, and a shard that no line names
is deleted when the data set is written to again. Each key is in the index once, even if it was made several times.
"""

from __future__ import annotations

import contextlib
import csv
import io
import os
import re
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

import filelock
import msgspec

from lincae_studio import atomic
from lincae_studio.datasets.reader import DESCRIPTION, INDEX, REPORT, Description, read_description, read_index
from lincae_studio.datasets.records import Failure, Item, Job, Made, Record
from lincae_studio.datasets.shards import shard_of
from lincae_studio.errors import ExportError, UsageError, os_error_reason

_LOCK = ".lock"
_SHARD = re.compile(r"[a-z]{1,16}-[0-9a-f]{32}\.(safetensors|tar)")

#: A shard is written when its arrays have this size, or when its first record has waited for this time: what is lost
#: when the program is killed.
SHARD_BYTES = 64 << 20
KEEP_S = 30.0


class Target:
    """The data set that a run writes to. A context manager: leaving it always writes pending records.

    Attributes:
        written: records added to the index by this run.
        shards: files written by this run; `nbytes`: their size.
    """

    def __init__(self, folder: Path, job: Job, *, shard_bytes: int = SHARD_BYTES, keep_s: float = KEEP_S) -> None:
        """Make a data set, or continue one.

        Raises:
            UsageError: when another run writes to it, or it was made by another job, or the folder has other files.
            ExportError: when the folder cannot be written.
            MediaError: when the data set is damaged.
        """
        self.folder = folder
        self._job = job
        self._shard_bytes, self._keep_s = shard_bytes, keep_s
        self._waiting: list[Made] = []
        self._waiting_bytes, self._since = 0, 0.0
        self.written = self.shards = self.nbytes = 0
        #: The shard of each key.
        self._shard_of: dict[str, str] = {}
        #: By name and stamp: number of spans, and the keys of those that are there or wait.
        self._items: dict[tuple[str, str], tuple[int, set[str]]] = {}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = filelock.FileLock(folder / _LOCK)
            self._lock.acquire(timeout=0)
        except filelock.Timeout:
            raise UsageError(f"another program is writing to {folder}", "Wait until it has finished") from None
        except OSError as error:
            raise self._failed(folder, error) from error
        try:
            self._describe()
            self._read_index()
        except BaseException:
            self._lock.release()
            raise

    def __enter__(self) -> Target:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if not isinstance(error, ExportError):  # the disk is full: trying again would hide why
                self.flush()
        finally:
            self._lock.release()

    def known(self, key: str) -> bool:
        """Whether a record with a key is in the index, or pending."""
        return key in self._shard_of

    def have(self, item: Item) -> tuple[str, ...] | None:
        """The existing keys of an item; None if it is complete."""
        spans, keys = self._items.get((item.name, item.stamp), (0, set()))
        return None if spans and len(keys) >= spans else tuple(sorted(keys))

    def add(self, made: Made) -> bool:
        """Add a record; False if it is in the index already, for example because a worker was replaced.

        Raises:
            ExportError: when a file cannot be written; the index stays valid.
        """
        record = made.record
        assert record is not None
        own = (record.name, record.stamp)
        keys = self._items.setdefault(own, (record.spans, set()))[1]
        if record.key in keys:
            return False
        keys.add(record.key)
        if record.key in self._shard_of:
            made = msgspec.structs.replace(made, record=msgspec.structs.replace(record, same=True), arrays={})
        self._shard_of.setdefault(record.key, "")
        self._since = self._since if self._waiting else time.monotonic()
        self._waiting.append(made)
        self._waiting_bytes += made.nbytes
        if self._waiting_bytes >= self._shard_bytes or time.monotonic() - self._since >= self._keep_s:
            self.flush()
        return True

    def flush(self) -> None:
        """Write pending records. Raises `ExportError`."""
        waiting, self._waiting, self._waiting_bytes = self._waiting, [], 0
        with_arrays = [made for made in waiting if made.arrays]
        records = [made.record for made in waiting if made.record is not None and not made.arrays]
        path, before = self.folder, self._size()
        try:
            if with_arrays:
                name, data, named = shard_of(self._job.kind, with_arrays, self._job.container)
                path = self.folder / name
                atomic.write_bytes(path, data)
                self._shard_of.update((record.key, name) for record in named)
                self.shards += 1
                self.nbytes += len(data)
                records = named + records
            if records:
                path = self.folder / INDEX
                self._append(records)
        except OSError as error:
            raise self._failed(path, error) from error
        except BaseException:  # an interrupt: what the index lacks is written on leaving
            if self._size() == before:
                self._waiting, self._waiting_bytes = waiting, 1
            raise
        self.written += len(records)

    def report(self, failures: Iterable[Failure], present: Iterable[str]) -> None:
        """Write `report.csv`: a row for each item of this run. Raises `ExportError`."""
        made = {name: len(keys) for (name, _), (_, keys) in self._items.items()}
        failed = {failure.name: failure.problem for failure in failures}
        there = set(present)
        file = io.StringIO()
        rows = csv.writer(file)
        rows.writerow(("name", "state", "records", "problem"))
        for name in sorted({*made, *failed}):
            state = "failed" if name in failed else "present" if name in there else "made"
            rows.writerow((name, state, made.get(name, 0), failed.get(name, "")))
        try:
            atomic.write_bytes(self.folder / REPORT, file.getvalue().encode())
        except OSError as error:
            raise self._failed(self.folder / REPORT, error) from error

    def _describe(self) -> None:
        path = self.folder / DESCRIPTION
        if path.exists():
            job = read_description(self.folder)
            if _settings(job) != _settings(self._job):
                problem = f"{self.folder} was made with other settings: {_difference(job, self._job)}"
                raise UsageError(problem, "Use the same ones, or another folder")
            return
        others = [one for one in os.listdir(self.folder) if one != _LOCK]
        if others:
            raise UsageError(f"{self.folder} has other files", "Choose a new or empty folder, or a data set")
        try:
            atomic.write_bytes(path, msgspec.json.format(msgspec.json.encode(Description(job=self._job)), indent=1))
        except OSError as error:
            raise self._failed(path, error) from error

    def _read_index(self) -> None:
        path, whole = self.folder / INDEX, 0
        for record, end in read_index(self.folder):
            whole = end
            self._shard_of.setdefault(record.key, record.shard)
            self._items.setdefault((record.name, record.stamp), (record.spans, set()))[1].add(record.key)
        try:
            if path.exists() and path.stat().st_size > whole:
                os.truncate(path, whole)  # a line that was cut
            atomic.sweep(self.folder)
            named = set(self._shard_of.values())
            for name in os.listdir(self.folder):
                if _SHARD.fullmatch(name) and name not in named:
                    (self.folder / name).unlink()
        except OSError as error:
            raise self._failed(path, error) from error

    def _append(self, records: Iterable[Record]) -> None:
        data = b"".join(msgspec.json.encode(record) + b"\n" for record in records)
        with open(self.folder / INDEX, "ab", buffering=0) as file:
            before = file.tell()
            try:
                if file.write(data) < len(data):
                    raise OSError(28, "No space left on device")
                os.fsync(file.fileno())
            except OSError:
                with contextlib.suppress(OSError):
                    os.truncate(self.folder / INDEX, before)
                raise

    def _size(self) -> int:
        """Size of the index in bytes."""
        try:
            return (self.folder / INDEX).stat().st_size
        except OSError:
            return 0

    def _failed(self, path: Path, error: OSError) -> ExportError:
        reason, remedy = os_error_reason(error, path)
        return ExportError(f"cannot write {path}: {reason}", f"{remedy}; then run the command again: it goes on there")


def _settings(job: Job) -> dict[str, object]:
    """The settings that must be equal to continue a data set: not where or how fast it is computed."""
    found: dict[str, object] = msgspec.to_builtins(job)
    found["precision"] = job.computation.precision
    del found["computation"]
    return found


def _difference(before: Job, now: Job) -> str:
    old, new = _settings(before), _settings(now)
    return ", ".join(f"{name} {old[name]}, not {new[name]}" for name in old if old[name] != new[name])
