"""Data sets on a Ray cluster: equal to those of one process, whatever happens to workers and to the program."""

from __future__ import annotations

import importlib.util
import os
import random
import signal
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from lincae_studio.cli import run as command
from lincae_studio.codecs.lincae import pretrained
from lincae_studio.datasets.reader import read_index
from tests.codecs.lincae.models import tiny_model
from tests.datasets.cases import CODEC, content, encode, rows, write_files
from tests.datasets.clusters import Cluster, cluster_of, needs_ray
from tests.helpers import eventually

FILES = 200

pytestmark = [pytest.mark.process, pytest.mark.slow, pytest.mark.linux("/proc, signals")]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster of two workers, with a cache of its own."""
    folder = tmp_path_factory.mktemp("cluster")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LINCAE_STUDIO_CACHE", str(folder))
        with cluster_of(2) as found:
            yield found


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_files(tmp_path_factory.mktemp("files"), FILES, 60_000)


@pytest.fixture(scope="module")
def expected(files: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, str, bytes]]:
    """What one process without Ray makes."""
    target = tmp_path_factory.mktemp("expected") / "z"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LINCAE_STUDIO_CACHE", str(target.with_name("cache")))
        encode(files, target)
    found = content(target)
    assert len(found) == FILES
    return found


def started(cluster: Cluster, files: Path, target: Path) -> subprocess.Popen[str]:
    """The command, at work on the cluster, with a shard for every few files."""
    arguments = ("dataset", "encode", str(files), "-o", str(target), "--codec", CODEC, "--shard-mb", "1")
    return cluster.command(*arguments, "--cluster", cluster.address)


def written(target: Path) -> int:
    return len(rows(target)) if (target / "index.jsonl").exists() else 0


def has_made(run: subprocess.Popen[str], target: Path, records: int, cluster: Cluster) -> bool:
    """Whether a run has ended, or has written more records than these and has workers."""
    return run.poll() is not None or (written(target) > records and bool(cluster.workers()))


@needs_ray
def test_workers_that_are_killed_are_replaced_and_nothing_changes(
    cluster: Cluster, files: Path, expected: dict[str, tuple[str, str, bytes]], tmp_path: Path
) -> None:
    chance = random.Random(0)
    killed: list[int] = []
    run = started(cluster, files, tmp_path / "z")
    for least in (0, FILES // 3, FILES * 2 // 3):
        eventually(partial(has_made, run, tmp_path / "z", least, cluster), 120.0)
        if run.poll() is None:
            killed.append(chance.choice(cluster.workers()))
            os.kill(killed[-1], signal.SIGKILL)
    output, errors = run.communicate(timeout=300)
    assert run.returncode == 0, errors
    assert f"{FILES} items made" in output
    assert len(killed) >= 2
    assert content(tmp_path / "z") == expected
    assert len(rows(tmp_path / "z")) == FILES


@needs_ray
@pytest.mark.parametrize("cut", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_is_cut_goes_on_and_makes_nothing_twice(
    cluster: Cluster, files: Path, expected: dict[str, tuple[str, str, bytes]], tmp_path: Path, cut: signal.Signals
) -> None:
    run = started(cluster, files, tmp_path / "z")
    eventually(lambda: run.poll() is not None or written(tmp_path / "z") > FILES // 4, 120.0)
    run.send_signal(cut)
    run.communicate(timeout=120)
    assert run.returncode == (130 if cut == signal.SIGINT else -signal.SIGKILL)
    kept = rows(tmp_path / "z")
    assert FILES // 4 < len(kept) < FILES
    again = started(cluster, files, tmp_path / "z")
    output, errors = again.communicate(timeout=300)
    assert again.returncode == 0, errors
    assert f"{FILES - len(kept)} items made, {len(kept)} already present; {FILES - len(kept)} records" in output
    assert rows(tmp_path / "z")[: len(kept)] == kept
    assert len({key for _, key, _ in rows(tmp_path / "z")}) == len(rows(tmp_path / "z")) == FILES
    assert content(tmp_path / "z") == expected
    named = {record.shard for record, _ in read_index(tmp_path / "z")}
    assert {path.name for path in (tmp_path / "z").glob("*.safetensors")} == named


@needs_ray
def test_a_codec_of_a_folder_goes_to_the_workers(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The workers have no codecs installed: the cluster was started with another folder for them."""
    monkeypatch.setenv("LINCAE_STUDIO_CODECS", str(tmp_path / "codecs"))
    pretrained.save_own(tiny_model(), tmp_path / "codecs" / "tiny", title="Tiny", linear=True)
    write_files(tmp_path / "in", 4)
    for name, options in (("here", []), ("there", ["--cluster", cluster.address])):
        arguments = ["dataset", "encode", str(tmp_path / "in"), "-o", str(tmp_path / name), "--codec", "tiny"]
        run = cluster.command(*arguments, *options)
        _, errors = run.communicate(timeout=120)
        assert run.returncode == 0, errors
    assert content(tmp_path / "here") == content(tmp_path / "there")


def test_without_the_extra_one_line_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "ray" else find(name))
    write_files(tmp_path / "in", 1)
    target = tmp_path / "out"
    assert command(["dataset", "encode", str(tmp_path / "in"), "-o", str(target), "--cluster", "auto"]) == 2
    error = capfd.readouterr().err
    assert error == (
        'error: clusters need Ray, which is not installed. Install it: pip install "lincae-studio[cluster]".\n'
    )
    assert not target.exists()


@needs_ray
@pytest.mark.parametrize("address", ["127.0.0.1:1", "nowhere", "host:port"])
def test_a_cluster_that_does_not_answer_is_an_error_at_once(
    tmp_path: Path, address: str, capfd: pytest.CaptureFixture[str]
) -> None:
    write_files(tmp_path / "in", 1)
    target = tmp_path / "out"
    assert command(["dataset", "encode", str(tmp_path / "in"), "-o", str(target), "--cluster", address]) == 2
    assert f"there is no cluster at {address}" in capfd.readouterr().err
    assert not target.exists()
