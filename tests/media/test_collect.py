"""Collecting copies nothing but the audio of the project, regardless of the files that the project names."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from lincae_studio.errors import MediaError, ProjectError
from lincae_studio.media import collect as collecting
from lincae_studio.media.collect import NotCollectableError, collect
from lincae_studio.media.reading import reader
from lincae_studio.media.store import MediaStore
from lincae_studio.session.model import Media, Original
from tests.helpers import damage, files_below, import_audio, made_up_media, noise, read_audio

SECRET = b"-----BEGIN PRIVATE KEY-----" * 100


@pytest.fixture
def kick(store: MediaStore, tmp_path: Path) -> Media:
    return import_audio(store, tmp_path / "stems" / "kick.wav", noise(1, 5000))


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "home" / "secret"
    path.parent.mkdir()
    path.write_bytes(SECRET)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "song audio"


def no_secret(folder: Path) -> None:
    assert not any(b"PRIVATE KEY" in path.read_bytes() for path in files_below(folder))


@pytest.mark.parametrize("size", [0, len(SECRET)])
def test_a_file_that_is_not_the_audio_is_not_copied(
    store: MediaStore, kick: Media, secret: Path, folder: Path, size: int
) -> None:
    named = replace(made_up_media(1, 1000), path=str(secret), size=size)
    with pytest.raises(NotCollectableError, match=rf"{secret} is not the audio that the project expects") as caught:
        collect(store, [kick, named], folder)
    assert caught.value.media == (named,)
    assert not folder.exists()
    assert list(collect(store, [kick], folder)) == [kick.digest]


def test_a_file_that_is_no_bundle_is_not_copied_as_one(store: MediaStore, secret: Path, folder: Path) -> None:
    original = Original(digest="0" * 64, path="kick.wav", codec="mdct-2x")
    named = replace(made_up_media(1, 1000), path=str(secret), original=original)

    def refuse(path: Path) -> tuple[str, ...]:
        raise ProjectError(f"{path} is no bundle")

    for bundled in (refuse, lambda _: ("another",)):
        with pytest.raises(NotCollectableError, match="not the audio"):
            collect(store, [named], folder, bundled=bundled)
    assert not folder.exists()


def test_a_bundle_is_verified_as_it_was_copied(store: MediaStore, secret: Path, folder: Path) -> None:
    """What it contains is looked at in the copy, before the copy gets its name."""
    original = Original(digest="0" * 64, path="kick.wav", codec="mdct-2x")
    named = replace(made_up_media(1, 1000), path=str(secret), original=original)

    def swapped(path: Path) -> tuple[str, ...]:
        return (named.digest,) if path == secret else ()

    with pytest.raises(MediaError, match="not the audio"):
        collect(store, [named], folder, bundled=swapped)
    assert not folder.exists()
    collected = collect(store, [named], folder, bundled=lambda _: (named.digest,))
    assert Path(collected[named.digest].path).parent == folder


@pytest.mark.parametrize("cached", [True, False])
def test_content_replaced_after_verification_is_not_copied(
    store: MediaStore, cache_dir: Path, kick: Media, folder: Path, tmp_path: Path, cached: bool
) -> None:
    """Its size and time are those that were recorded, so only reading it tells."""
    path = Path(kick.path)
    status = path.stat()
    path.write_bytes(SECRET[: status.st_size].ljust(status.st_size))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert store.file_state(kick) == "here"
    if cached:
        moved = collect(store, [kick], folder)[kick.digest]
        np.testing.assert_array_equal(read_audio(Path(moved.path)), noise(1, 5000).T)
    else:
        for conformed in tmp_path.rglob(f"{kick.digest}/audio.f32"):
            damage(conformed, 0)
        with pytest.raises(NotCollectableError, match="not the audio"):
            collect(MediaStore(cache_dir), [kick], folder)
        assert not folder.exists()
    if folder.exists():
        no_secret(folder)


def test_a_link_put_in_place_of_the_file_changes_nothing(
    store: MediaStore, kick: Media, secret: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real: Callable[..., str] = reader.hash_of
    content = Path(kick.path).read_bytes()

    def swap(*arguments: object) -> str:
        digest = real(*arguments)
        Path(kick.path).unlink()
        Path(kick.path).symlink_to(secret)
        return digest

    monkeypatch.setattr(collecting, "hash_of", swap)
    collected = collect(store, [kick], folder)
    assert Path(collected[kick.digest].path).read_bytes() == content


def test_links_in_the_folder_are_not_written_through(
    store: MediaStore, kick: Media, folder: Path, tmp_path: Path
) -> None:
    folder.mkdir()
    (folder / "kick.wav").symlink_to(tmp_path / "autostart")
    (folder / f"kick-{kick.digest[:8]}.wav").mkdir()
    collected = collect(store, [kick], folder)
    assert not (tmp_path / "autostart").exists()
    assert Path(collected[kick.digest].path).name == f"kick-{kick.digest[:16]}.wav"


def test_a_folder_where_all_names_are_taken(store: MediaStore, kick: Media, folder: Path) -> None:
    for name in ("kick", *(f"kick-{kick.digest[:length]}" for length in (8, 16, 64))):
        (folder / f"{name}.wav").mkdir(parents=True)
    with pytest.raises(MediaError, match="all names are taken"):
        collect(store, [kick], folder)
