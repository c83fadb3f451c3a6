"""Untrusted files must be regular, of a limited size, and open without blocking."""

from __future__ import annotations

import os
import struct
import zipfile
from pathlib import Path

import pytest

from lincae_studio import bounded, preferences
from lincae_studio.codecs.folders import file_sha256
from lincae_studio.codecs.lincae.folder import open_folder
from lincae_studio.codecs.lincae.public import official_names
from lincae_studio.engine.bundles.latent_files import load_latents
from lincae_studio.engine.bundles.store import BundleStore
from lincae_studio.engine.bundles.writer import open_bundle
from lincae_studio.errors import CodecError, PreferencesError, ProjectError, StudioError
from lincae_studio.media.dawproject.reader import read_dawproject
from lincae_studio.media.store import MediaStore
from lincae_studio.session import files

#: A regular file of the kernel that is longer than its size says, as long as anyone reads.
ENDLESS = Path("/proc/self/pagemap")


def test_a_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"12345")
    assert bounded.read(path, 5) == b"12345"
    with pytest.raises(OSError, match="more than 4 bytes"):
        bounded.read(path, 4)
    assert b"".join(bounded.blocks(path)) == b"12345"


def test_archives_with_large_directories_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", b"1" * 10_000_000)
    with bounded.open_regular(path) as file, bounded.open_archive(file) as archive:
        assert archive.read("a") == b"1" * 10_000_000
    data = path.read_bytes()
    entry, end = data.index(b"PK\x01\x02"), data.index(b"PK\x05\x06")
    directory = data[entry:end] * 100_000
    for ending in ("lincaez", "dawproject", "npz"):
        place = path.with_suffix(f".{ending}")
        place.write_bytes(directory + data[end : end + 12] + struct.pack("<LLH", len(directory), 0, 0))
    for read in (
        lambda: open_bundle(path.with_suffix(".lincaez"), BundleStore(tmp_path / "bundles")),
        lambda: read_dawproject(path.with_suffix(".dawproject"), tmp_path / "audio", MediaStore(tmp_path / "cache")),
        lambda: load_latents(path.with_suffix(".npz")),
    ):
        with pytest.raises(StudioError, match="its directory is too large"):
            read()


@pytest.mark.linux("files of the kernel")
def test_pipes_devices_and_folders_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, reason in (
        (tmp_path / "pipe", "not a regular"),
        (Path("/dev/zero"), "not a regular"),
        (tmp_path, "director"),
    ):
        with pytest.raises(OSError, match=reason):
            bounded.open_regular(path)


@pytest.mark.linux("files of the kernel")
def test_files_without_an_end_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="longer than its size says"):
        file_sha256(ENDLESS)
    for name in ("a.lincae", "preferences.json", *official_names()):
        (tmp_path / name).symlink_to(ENDLESS)
    with pytest.raises(ProjectError, match="too large"):
        files.load(tmp_path / "a.lincae")
    assert files.fingerprint(tmp_path / "a.lincae") == "too large for a project"
    with pytest.raises(PreferencesError, match="more than 1,000,000 bytes"):
        preferences.load(tmp_path / "preferences.json")
    with pytest.raises(CodecError, match="more than 16,384 bytes"):
        open_folder(tmp_path)
