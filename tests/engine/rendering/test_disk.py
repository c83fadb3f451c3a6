"""Arrays on disk: only the user can read them, and neither locks nor wrong clocks disable them for long."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from lincae_studio.engine.rendering import disk
from lincae_studio.engine.rendering.disk import DiskArrays, database, open_disk

ONE = np.ones((2, 3), np.float32)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return database(tmp_path / "cache", "latents")


@pytest.fixture
def arrays(path: Path) -> Iterator[DiskArrays]:
    found = open_disk(path, 10**9)
    assert found is not None
    yield found
    found.close()


@pytest.mark.linux("permissions")
def test_all_files_of_a_database_are_private(path: Path) -> None:
    path.parent.mkdir(mode=0o755)
    path.touch(mode=0o644)  # as an older version made it
    arrays = open_disk(path, 10**9)
    assert arrays is not None
    arrays.put_many({"a": ONE})
    arrays.flush()
    files = list(path.parent.iterdir())
    assert {file.name.removeprefix(path.name) for file in files} == {"", "-wal", "-shm"}
    assert [file for file in files if os.stat(file).st_mode & 0o077] == []
    arrays.close()


def test_a_database_that_another_program_locks_is_used_again_later(
    path: Path, arrays: DiskArrays, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrays._writer._connection.execute("PRAGMA busy_timeout = 0")
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        arrays.put_many({"a": ONE})
        arrays.flush()
        other.execute("ROLLBACK")
    other.close()
    arrays.put_many({"b": ONE})
    arrays.flush()
    assert not arrays.get_many(["a", "b"]), "it waits before it tries again"
    monkeypatch.setattr(arrays._writer, "_paused_until", 0.0)
    arrays.put_many({"b": ONE})
    arrays.flush()
    np.testing.assert_array_equal(arrays.get_many(["b"])["b"], ONE)


def test_rows_used_in_the_future_do_not_crowd_out_new_ones(
    path: Path, arrays: DiskArrays, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    with monkeypatch.context() as patch:
        patch.setattr(disk.time, "time", lambda: now + 10**9)  # type: ignore[attr-defined]
        arrays.put_many({f"old {number}": ONE for number in range(10)})
        arrays.flush()
    arrays.set_cap(10 * ONE.nbytes)
    arrays.put_many({f"new {number}": ONE for number in range(5)})
    arrays.flush()
    found = arrays.get_many([f"new {number}" for number in range(5)])
    assert len(found) == 5


@pytest.mark.linux("links and named pipes")
def test_a_file_that_is_not_a_database_is_left_unharmed(tmp_path: Path) -> None:
    victim = tmp_path / "notes.txt"
    victim.write_text("mine")
    victim.chmod(0o644)
    linked = database(tmp_path / "cache", "latents")
    linked.parent.mkdir()
    os.link(victim, linked)
    arrays = open_disk(linked, 10**9)  # it is no database, so its name is used for one
    assert arrays is not None
    arrays.close()
    assert (victim.read_text(), victim.stat().st_mode & 0o777) == ("mine", 0o644)
    pipe = database(tmp_path / "cache", "renders")
    os.mkfifo(pipe)
    assert open_disk(pipe, 10**9) is None
