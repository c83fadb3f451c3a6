"""Wheels are downloaded once: what an interrupted attempt has received is not sent again. The server is real."""

from __future__ import annotations

import errno
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from lincae_studio.codecs import wheels
from lincae_studio.errors import Cancelled, CodecError
from lincae_studio.jobs import CancelToken, Progress, ReportProgress, no_progress
from tests.codecs.package_index import PackageIndex

SMALL, LARGE = "small-1.0-py3-none-any.whl", "large_one-2.1+cpu-py3-none-any.whl"
CONTENT = {SMALL: b"small" * 100, LARGE: bytes(range(256)) * 5_000}
SIZE = len(CONTENT[LARGE])


@pytest.fixture
def index(tmp_path: Path) -> Iterator[PackageIndex]:
    folder = tmp_path / "served"
    folder.mkdir()
    for name, content in CONTENT.items():
        (folder / name).write_bytes(content)
    with PackageIndex(folder).running() as index:
        yield index


def report(urls: list[str], sha256: dict[str, str] | None = None) -> bytes:
    """As pip writes it."""
    entries = []
    for url in urls:
        name = url.rpartition("/")[2].replace("%2B", "+")
        digest = (sha256 or {}).get(name, hashlib.sha256(CONTENT[name]).hexdigest())
        hashes = {"hashes": {"sha256": digest}} if digest else {}
        entries.append({"download_info": {"url": url, "archive_info": hashes}})
    return json.dumps({"install": entries}).encode()


def chosen(index: PackageIndex) -> list[wheels.Wheel]:
    return wheels.chosen(report([index.url(SMALL), index.url(LARGE)]), CancelToken())


def fetch(
    index: PackageIndex, folder: Path, progress: ReportProgress = no_progress, cancel: CancelToken | None = None
) -> None:
    """Download both, and compare them."""
    paths = wheels.fetch(chosen(index), folder, progress, cancel or CancelToken())
    assert [path.name for path in paths] == [SMALL, LARGE]
    assert [path.read_bytes() for path in paths] == list(CONTENT.values())
    assert sorted(folder.iterdir()) == sorted(paths)


def test_all_are_downloaded_and_what_is_there_is_not_downloaded_again(index: PackageIndex, tmp_path: Path) -> None:
    folder, seen = tmp_path / "wheels", list[Progress]()
    assert wheels.missing_bytes(chosen(index), folder) == SIZE + 500
    fetch(index, folder, seen.append)
    assert seen[0] == Progress(0, SIZE + 500, "Downloading small, 0 of 1 MB")
    assert seen[-1] == Progress(SIZE + 500, SIZE + 500, "Downloading large_one, 1 of 1 MB")
    assert [progress.done for progress in seen] == sorted(progress.done for progress in seen)
    (folder / "of-an-older-choice.whl").touch()
    assert wheels.missing_bytes(chosen(index), folder) == 0
    fetch(index, folder)
    assert index.sent == [(SMALL, 0, 500), (LARGE, 0, SIZE)]


def test_a_damaged_file_is_downloaded_again(index: PackageIndex, tmp_path: Path) -> None:
    fetch(index, tmp_path / "wheels")
    (tmp_path / "wheels" / SMALL).write_bytes(b"small" * 99 + b"smell")
    fetch(index, tmp_path / "wheels")
    assert index.sent[2:] == [(SMALL, 0, 500)]


def test_a_connection_that_breaks_off_is_resumed(index: PackageIndex, tmp_path: Path) -> None:
    index.break_after = 400_000
    fetch(index, tmp_path / "wheels")
    starts = [start for name, start, _ in index.sent if name == LARGE]
    assert starts == [0, 400_000, 800_000, 1_200_000]
    assert sum(length for name, _, length in index.sent if name == LARGE) == SIZE


def test_a_cancelled_download_is_resumed(index: PackageIndex, tmp_path: Path) -> None:
    index.break_after, index.hangs = 400_000, True
    cancel = CancelToken()

    def cancel_in_the_middle(progress: Progress) -> None:
        if progress.done >= 400_000:
            cancel.cancel()

    with pytest.raises(Cancelled):
        fetch(index, tmp_path / "wheels", cancel_in_the_middle, cancel)
    index.break_after = None
    left = wheels.missing_bytes(chosen(index), tmp_path / "wheels")
    assert 0 < left < SIZE
    seen: list[Progress] = []
    fetch(index, tmp_path / "wheels", seen.append)
    assert index.sent[2:] == [(LARGE, SIZE - left, left)]
    assert seen[1].done == SIZE + 500 - left


def test_a_server_that_cannot_resume_sends_all_again(index: PackageIndex, tmp_path: Path) -> None:
    index.break_after, index.knows_ranges = 400_000, False
    with pytest.raises(CodecError, match=r"large_one.*: it ends too early"):
        fetch(index, tmp_path / "wheels")
    assert wheels.missing_bytes(chosen(index), tmp_path / "wheels") == SIZE - 400_000
    index.break_after = None
    fetch(index, tmp_path / "wheels")
    assert index.sent[-1] == (LARGE, 0, SIZE)


def test_another_content_is_refused_and_forgotten(index: PackageIndex, tmp_path: Path) -> None:
    expected = chosen(index)
    (index.folder / LARGE).write_bytes(CONTENT[LARGE][::-1])
    with pytest.raises(CodecError, match=r"large_one.* damaged in transit"):
        wheels.fetch(expected, tmp_path / "wheels", no_progress, CancelToken())
    assert [path.name for path in (tmp_path / "wheels").iterdir()] == [SMALL]
    (index.folder / LARGE).write_bytes(CONTENT[LARGE])
    fetch(index, tmp_path / "wheels")


def test_without_network_the_reason_is_given(tmp_path: Path) -> None:
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / LARGE).write_bytes(CONTENT[LARGE])
    with PackageIndex(folder).running() as index:
        found = wheels.chosen(report([index.url(LARGE)]), CancelToken())
    with pytest.raises(CodecError, match=r"large_one.*: Connection refused. Check the network connection"):
        wheels.fetch(found, tmp_path / "wheels", no_progress, CancelToken())
    with pytest.raises(CodecError, match="Connection refused"):
        wheels.chosen(report([index.url(LARGE)]), CancelToken())


def test_an_answer_that_is_an_error_is_given(index: PackageIndex, tmp_path: Path) -> None:
    found = chosen(index)
    (index.folder / LARGE).unlink()
    with pytest.raises(CodecError, match=r"large_one.*: the server answers 404 Not Found"):
        wheels.fetch(found, tmp_path / "wheels", no_progress, CancelToken())


@pytest.mark.linux("/dev/full")
def test_a_full_disk_is_no_error_of_the_network(index: PackageIndex, tmp_path: Path) -> None:
    folder = tmp_path / "wheels"
    folder.mkdir()
    (folder / f"{hashlib.sha256(CONTENT[LARGE]).hexdigest()}.part").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left") as caught:
        fetch(index, folder)
    assert caught.value.errno == errno.ENOSPC


def test_local_files_need_no_server(tmp_path: Path) -> None:
    (tmp_path / LARGE).write_bytes(CONTENT[LARGE])
    found = wheels.chosen(report([(tmp_path / LARGE).as_uri()]), CancelToken())
    assert found[0].size == SIZE
    assert wheels.fetch(found, tmp_path / "wheels", no_progress, CancelToken())[0].read_bytes() == CONTENT[LARGE]


def test_a_wheel_without_hash_or_size_is_refused(index: PackageIndex) -> None:
    with pytest.raises(CodecError, match=re.escape(f"{SMALL} cannot be downloaded: the index provides no SHA-256")):
        wheels.chosen(report([index.url(SMALL)], {SMALL: ""}), CancelToken())
    index.tells_sizes = False
    with pytest.raises(CodecError, match="does not say how large it is"):
        chosen(index)
