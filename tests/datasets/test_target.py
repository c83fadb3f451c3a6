"""Writing data sets: nothing twice, nothing half, nothing lost, whatever happens to the program or the disk."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from lincae_studio import atomic
from lincae_studio.datasets import target as module
from lincae_studio.datasets.reader import Reader, read_index
from lincae_studio.datasets.records import Item, Job, Record
from lincae_studio.datasets.run import run
from lincae_studio.datasets.sources import items_of
from lincae_studio.datasets.target import Target
from lincae_studio.errors import ExportError, MediaError, UsageError
from tests.datasets.cases import CODEC, content, encode, rows, write_files
from tests.helpers import FullDisk

JOB = Job(kind="encode", codec=CODEC)

#: A program that encodes CODEC SOURCE TARGET, and kills itself after it has written twelve shards.
KILLED = """
import os, signal, sys
from pathlib import Path
from lincae_studio.datasets import run, sources, target
from lincae_studio.datasets.records import Job
flush, left = target.Target.flush, [12]

def killed(self):
    flush(self)
    left[0] -= 1
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)

target.Target.flush = killed
job = Job(kind="encode", codec=sys.argv[1])
run.run(job, sources.items_of(sys.argv[2]), Path(sys.argv[3]), shard_bytes=1)
"""


def test_a_bad_file_is_a_row_and_the_others_are_made(tmp_path: Path) -> None:
    write_files(tmp_path / "in", 3)
    (tmp_path / "in" / "bad.wav").write_bytes(b"RIFF of nothing")
    report = encode(tmp_path / "in", tmp_path / "out")
    assert (report.items, report.made, report.records) == (4, 3, 3)
    assert [(one.name, "not a readable audio file" in one.problem) for one in report.failures] == [("bad.wav", True)]
    with open(tmp_path / "out" / "report.csv", newline="") as file:
        found = {row["name"]: row for row in csv.DictReader(file)}
    assert found["bad.wav"]["state"] == "failed"
    assert "not a readable audio file" in found["bad.wav"]["problem"]
    assert {row["state"] for name, row in found.items() if name != "bad.wav"} == {"made"}


def test_shards_are_bounded(tmp_path: Path) -> None:
    write_files(tmp_path / "in", 6)
    report = encode(tmp_path / "in", tmp_path / "out", shard_bytes=100_000)
    shards = [path for path in (tmp_path / "out").iterdir() if path.suffix == ".safetensors"]
    assert len(shards) == report.shards >= 3
    largest = max(len(data) for _, _, data in content(tmp_path / "out").values())
    assert max(path.stat().st_size for path in shards) < 100_000 + 2 * largest
    assert sum(path.stat().st_size for path in shards) == report.nbytes


def test_what_is_there_is_not_made_again_and_what_changed_is(tmp_path: Path) -> None:
    write_files(tmp_path / "in", 4)
    encode(tmp_path / "in", tmp_path / "out")
    before = rows(tmp_path / "out")
    again = encode(tmp_path / "in", tmp_path / "out")
    assert (again.made, len(again.present), again.shards) == (0, 4, 0)
    assert rows(tmp_path / "out") == before
    write_files(tmp_path / "more", 5)
    shutil.copy(tmp_path / "more" / "album 0" / "004.wav", tmp_path / "in" / "album 0" / "000.wav")
    changed = encode(tmp_path / "in", tmp_path / "out")
    assert (changed.made, changed.records) == (1, 1)
    assert len(rows(tmp_path / "out")) == 5


def test_equal_content_is_kept_once(tmp_path: Path) -> None:
    write_files(tmp_path / "in", 3)
    shutil.copy(tmp_path / "in" / "album 0" / "002.wav", tmp_path / "in" / "copy.wav")
    report = encode(tmp_path / "in", tmp_path / "out")
    assert report.made == 4
    assert len(content(tmp_path / "out")) == 3
    assert len({key for _, key, _ in rows(tmp_path / "out")}) == 3
    assert len(rows(tmp_path / "out")) == 4, "the copy is in the index, so that it is not read again"
    assert encode(tmp_path / "in", tmp_path / "out").made == 0


def test_a_line_that_was_cut_and_a_shard_without_one_are_made_again(tmp_path: Path) -> None:
    write_files(tmp_path / "in", 6)
    encode(tmp_path / "in", tmp_path / "whole")
    out = tmp_path / "out"
    encode(tmp_path / "in", out, shard_bytes=1)
    index = (out / "index.jsonl").read_bytes()
    lines = index.splitlines(keepends=True)
    (out / "index.jsonl").write_bytes(b"".join(lines[:3]) + lines[3][:50])
    report = encode(tmp_path / "in", out)
    assert (len(report.present), report.made) == (3, 3)
    assert content(out) == content(tmp_path / "whole")
    named = {record.shard for record, _ in read_index(out)}
    assert {path.name for path in out.glob("*.safetensors")} == named


def test_a_full_disk_is_an_error_in_words_and_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_files(tmp_path / "in", 6)
    encode(tmp_path / "in", tmp_path / "whole")
    out = tmp_path / "out"
    disk = FullDisk(400_000)

    def write(path: Path, data: bytes) -> None:
        with disk(path, "wb", 0) as file:
            file.write(data)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", write)
        with pytest.raises(ExportError, match=r"the disk is full.*run the command again"):
            encode(tmp_path / "in", out, shard_bytes=1)
    assert disk.refused
    kept = len(rows(out))
    assert 0 < kept < 6
    report = encode(tmp_path / "in", out)
    assert (len(report.present), report.made) == (kept, 6 - kept)
    assert content(out) == content(tmp_path / "whole")


def test_an_index_that_cannot_grow_keeps_its_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_files(tmp_path / "in", 2)
    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        patch.setattr(atomic, "write_bytes", lambda path, data: path.write_bytes(data))
        with pytest.raises(ExportError, match=r"index\.jsonl: the disk is full"):
            encode(tmp_path / "in", out, shard_bytes=1)
    assert rows(out) == []
    assert encode(tmp_path / "in", out).made == 2


def test_two_runs_cannot_write_to_one_folder(tmp_path: Path) -> None:
    with Target(tmp_path / "out", JOB), pytest.raises(UsageError, match="another program is writing"):
        Target(tmp_path / "out", JOB)
    with Target(tmp_path / "out", JOB):
        pass


def test_other_settings_and_other_files_are_refused(tmp_path: Path) -> None:
    with Target(tmp_path / "out", JOB):
        pass
    with pytest.raises(UsageError, match="half False, not True"):
        Target(tmp_path / "out", msgspec.structs.replace(JOB, half=True))
    (tmp_path / "music").mkdir()
    (tmp_path / "music" / "song.wav").write_bytes(b"")
    with pytest.raises(UsageError, match="has other files"):
        Target(tmp_path / "music", JOB)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ExportError, match="cannot write"):
        Target(tmp_path / "file", JOB)


@pytest.mark.process
@pytest.mark.slow
@pytest.mark.linux("signals")
def test_a_run_that_is_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    write_files(tmp_path / "in", 30, 100_000)
    encode(tmp_path / "in", tmp_path / "whole")
    out = tmp_path / "out"
    done = subprocess.run([sys.executable, "-c", KILLED, CODEC, str(tmp_path / "in"), str(out)], check=False)
    assert done.returncode == -9
    kept = len(rows(out))
    assert 0 < kept < 30
    report = encode(tmp_path / "in", out)
    assert (len(report.present), report.made, report.records) == (kept, 30 - kept, 30 - kept)
    assert content(out) == content(tmp_path / "whole")


def test_an_interrupt_keeps_what_was_made(tmp_path: Path) -> None:
    write_files(tmp_path / "in", 4)

    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        encode(tmp_path / "in", tmp_path / "out", progress=interrupt)
    assert len(rows(tmp_path / "out")) == 1
    assert encode(tmp_path / "in", tmp_path / "out").made == 3


@pytest.mark.parametrize(("at", "call"), [("write_bytes", 3), ("fsync", 5)])
def test_an_interrupt_while_a_shard_is_written_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str, call: int
) -> None:
    """After the second shard was written, and after the first line of the index was."""
    write_files(tmp_path / "in", 3)
    module_, original = (atomic, atomic.write_bytes) if at == "write_bytes" else (os, os.fsync)
    calls = []

    def interrupted(*arguments: object) -> None:
        original(*arguments)  # type: ignore[arg-type]
        calls.append(arguments)
        if len(calls) == call:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module_, at, interrupted)
        with pytest.raises(KeyboardInterrupt):
            encode(tmp_path / "in", tmp_path / "out", shard_bytes=1)
    kept = rows(tmp_path / "out")
    assert len({key for _, key, _ in kept}) == len(kept) == (2 if at == "write_bytes" else 1)
    encode(tmp_path / "in", tmp_path / "out")
    assert rows(tmp_path / "out")[: len(kept)] == kept
    assert len(rows(tmp_path / "out")) == 3


@pytest.mark.parametrize(
    ("field", "value"),
    [("shard", "../../secret.safetensors"), ("shard", "/etc/passwd"), ("key", "x"), ("channels", 3), ("spans", 10**9)],
)
def test_an_index_of_a_stranger_leads_nowhere_else(tmp_path: Path, field: str, value: object) -> None:
    write_files(tmp_path / "in", 1)
    encode(tmp_path / "in", tmp_path / "out")
    [line] = (tmp_path / "out" / "index.jsonl").read_bytes().splitlines()
    row = msgspec.json.decode(line) | {field: value}
    (tmp_path / "out" / "index.jsonl").write_bytes(msgspec.json.encode(row) + b"\n")
    with pytest.raises(MediaError, match="damaged at byte"):
        _ = Reader(tmp_path / "out").records


def test_damaged_shards_are_errors_that_name_them(tmp_path: Path) -> None:
    write_files(tmp_path / "in", 1)
    for container in ("safetensors", "webdataset"):
        out = tmp_path / container
        encode(tmp_path / "in", out, container=container)
        reader = Reader(out)
        [record] = reader.records
        data = (out / record.shard).read_bytes()
        for damaged in (b"", data[:100], data[: len(data) // 2], b"\xff" * len(data)):
            (out / record.shard).write_bytes(damaged)
            with pytest.raises(MediaError, match=record.shard):
                reader.latents(record)
            reader.close()
        (out / record.shard).unlink()
        with pytest.raises(MediaError, match="no such file"):
            reader.latents(record)


def test_records_that_come_again_are_not_written_again(tmp_path: Path) -> None:
    """As those of a worker that died after it had sent them."""
    write_files(tmp_path / "in", 1)
    from lincae_studio.datasets.making import Maker, load

    [item] = items_of(str(tmp_path / "in"))
    assert isinstance(item, Item)
    [made] = Maker(JOB, load(JOB)).make(item)
    with Target(tmp_path / "out", JOB) as target:
        assert target.add(made)
        assert not target.add(made)
        target.flush()
        assert not target.add(made)
    assert len(rows(tmp_path / "out")) == 1
    assert isinstance(made.record, Record)
    assert module.SHARD_BYTES > 0
    run(JOB, items_of(str(tmp_path / "in")), tmp_path / "out")
    assert len(rows(tmp_path / "out")) == 1
