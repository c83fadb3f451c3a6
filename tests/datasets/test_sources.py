"""What is found in folders, lists, tar files and object storage; nothing of a stranger is unpacked or followed."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import fsspec  # type: ignore[import-untyped]
import pytest

from lincae_studio.datasets.records import Failure, Item
from lincae_studio.datasets.sources import fetched, items_of
from lincae_studio.errors import MediaError, UsageError
from tests.helpers import noise, write_audio


def names(source: str | Path) -> list[str]:
    return [item.name for item in items_of(str(source)) if isinstance(item, Item)]


def failures(source: str | Path) -> dict[str, str]:
    return {item.name: item.problem for item in items_of(str(source)) if isinstance(item, Failure)}


def content(item: Item | Failure) -> bytes:
    assert isinstance(item, Item)
    with fetched(item) as path:
        return path.read_bytes()


def write_tar(path: Path, members: dict[str, bytes], kind: bytes = tarfile.REGTYPE, link: str = "") -> Path:
    with tarfile.open(path, "w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, link
            info.size = len(data) if kind == tarfile.REGTYPE else 0
            archive.addfile(info, io.BytesIO(data))
    return path


def test_a_folder_has_its_audio_and_that_of_folders_in_it(tmp_path: Path) -> None:
    for name in ("b.wav", "song/a.flac", "song/.hidden.wav", ".cache/c.wav", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    assert names(tmp_path) == ["b.wav", "song/a.flac"]
    assert [content(item) for item in items_of(str(tmp_path))] == [b"b.wav", b"song/a.flac"]


def test_a_list_names_files_beside_it_and_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"1")
    other = write_tar(tmp_path / "x.tar", {"m.wav": b"22"})
    lines = ["# drums", "a.wav", str(other), "gone.wav", "", str(tmp_path)]
    (tmp_path / "list.txt").write_text("\n".join(lines))
    assert names(tmp_path / "list.txt") == ["a.wav", f"{other}/m.wav"]
    assert failures(tmp_path / "list.txt") == {
        "gone.wav": "there is no such file or folder",
        str(tmp_path): "it is a folder",
    }


def test_members_of_tar_files_are_read_where_they_are(tmp_path: Path) -> None:
    data = {"0001.wav": b"one", "0001.json": b"{}", "dir/0002.FLAC": b"two!"}
    write_tar(tmp_path / "shard.tar", data)
    found = list(items_of(str(tmp_path)))
    assert [item.name for item in found] == ["shard.tar/0001.wav", "shard.tar/dir/0002.FLAC"]
    assert [content(item) for item in found] == [b"one", b"two!"]


def test_names_in_tar_files_are_no_paths(tmp_path: Path, cache_dir: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    write_tar(source / "s.tar", {"../../escaped.wav": b"x", "/etc/absolute.wav": b"y"})
    before = sorted(path for path in tmp_path.rglob("*") if not path.is_relative_to(tmp_path / "user"))
    for item in items_of(str(source)):
        assert isinstance(item, Item)
        with fetched(item) as path:
            assert path.parent == cache_dir
            assert "escaped" not in path.name
        assert not path.exists()
    assert sorted(path for path in tmp_path.rglob("*") if not path.is_relative_to(tmp_path / "user")) == before


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE])
def test_links_and_devices_in_tar_files_are_left_out(tmp_path: Path, kind: bytes) -> None:
    write_tar(tmp_path / "s.tar", {"a.wav": b""}, kind, "/etc/passwd")
    assert names(tmp_path / "s.tar") == []


def test_a_damaged_tar_file_is_one_failure(tmp_path: Path) -> None:
    (tmp_path / "bad.tar").write_bytes(os.urandom(2048))
    write_tar(tmp_path / "good.tar", {"a.wav": b"x"})
    assert names(tmp_path) == ["good.tar/a.wav"]
    assert "not a tar file" in failures(tmp_path)["bad.tar"]


def test_a_header_of_a_tar_file_cannot_ask_for_much_memory(tmp_path: Path) -> None:
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, 1 << 32
    (tmp_path / "s.tar").write_bytes(info.tobuf(tarfile.USTAR_FORMAT) + b"\0" * 4096)
    assert "a header is too long" in failures(tmp_path / "s.tar")["s.tar"]


def test_object_storage_is_read_through_fsspec(tmp_path: Path) -> None:
    memory = fsspec.filesystem("memory")
    write_audio(tmp_path / "a.wav", noise(0, 100))
    write_tar(tmp_path / "t.tar", {"in.wav": b"inside"})
    for name in ("a.wav", "t.tar"):
        memory.pipe(f"/bucket/songs/{name}", (tmp_path / name).read_bytes())
    try:
        found = list(items_of("memory://bucket/songs"))
        assert [item.name for item in found] == ["a.wav", "t.tar/in.wav"]
        assert content(found[0]) == (tmp_path / "a.wav").read_bytes()
        assert content(found[1]) == b"inside"
        assert names("memory://bucket/songs/a.wav") == ["a.wav"]
        assert names(f"file://{tmp_path}") == ["a.wav", "t.tar/in.wav"]
    finally:
        memory.rm("/bucket", recursive=True)


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    for source, why in (
        (tmp_path / "gone", "no such file"),
        (tmp_path / "gone.wav", "there is no file"),
        ("memory://nowhere", "there is nothing"),
        ("nonsense://x", "cannot read"),
    ):
        with pytest.raises(UsageError, match=why):
            list(items_of(str(source)))
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="there is no audio"):
        list(items_of(str(tmp_path / "empty")))
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\0\0")
    with pytest.raises(UsageError, match="neither a list nor audio"):
        list(items_of(str(tmp_path / "picture.png")))


def test_an_object_that_shrinks_is_an_error_of_its_own(tmp_path: Path) -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe("/b/a.wav", b"12345678")
    try:
        [item] = items_of("memory://b")
        memory.pipe("/b/a.wav", b"123")
        assert isinstance(item, Item)
        with pytest.raises(MediaError, match="5 bytes less"), fetched(item):
            pass
    finally:
        memory.rm("/b", recursive=True)
