"""Files that have moved are found by content, then by name and length; collecting loses and replaces nothing."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from msgspec.structs import replace

from lincae_studio.errors import Cancelled, MediaError
from lincae_studio.jobs import CancelToken
from lincae_studio.media import collect as collecting
from lincae_studio.media.collect import collect
from lincae_studio.media.search import Match, name_of, search
from lincae_studio.media.store import MediaStore
from lincae_studio.session.model import Media
from tests.helpers import FullDisk, files_below, noise, write_audio


@pytest.fixture
def media(store: MediaStore, tmp_path: Path) -> list[Media]:
    """Two files of one name in two folders, and one of four channels of which two are taken."""
    here = tmp_path / "stems"
    found = [
        store.import_file(write_audio(here / "a" / "kick.wav", noise(1, 5000))),
        store.import_file(write_audio(here / "b" / "kick.wav", noise(2, 6000, 2), rate=48_000)),
        store.import_file(write_audio(here / "surround.wav", noise(3, 7000, 4)), channel_selection="2,3"),
    ]
    assert len({item.digest for item in found}) == 3
    return found


def test_files_are_found_by_content_whatever_their_names(media: list[Media], tmp_path: Path) -> None:
    shutil.move(tmp_path / "stems", tmp_path / "elsewhere" / "deep")
    (tmp_path / "elsewhere" / "deep" / "a" / "kick.wav").rename(tmp_path / "elsewhere" / "renamed.wav")
    write_audio(tmp_path / "elsewhere" / "kick.wav", noise(9, 5000))  # the right name and length, but other audio
    found = search(tmp_path / "elsewhere", media)
    deep = tmp_path / "elsewhere" / "deep"
    assert found == {
        media[0].digest: Match(tmp_path / "elsewhere" / "renamed.wav", exact=True),
        media[1].digest: Match(deep / "b" / "kick.wav", exact=True),
        media[2].digest: Match(deep / "surround.wav", exact=True),
    }


def test_name_and_length_are_second_best(media: list[Media], tmp_path: Path) -> None:
    other = write_audio(tmp_path / "new" / "KICK.WAV", noise(9, 5000))
    write_audio(tmp_path / "new" / "more" / "kick.wav", noise(9, 4000))
    assert search(tmp_path / "new", media[:1]) == {media[0].digest: Match(other, exact=False)}
    assert search(tmp_path / "new", media[1:]) == {}, "the length is another"


def test_projects_that_know_no_sizes_and_paths_of_other_systems(media: list[Media], tmp_path: Path) -> None:
    old = replace(media[1], size=0, path="C:\\music\\stems\\kick.wav")
    assert name_of(old) == "kick.wav"
    assert search(tmp_path / "stems", [old])[old.digest].exact


def test_unreadable_files_are_skipped(media: list[Media], tmp_path: Path) -> None:
    folder = tmp_path / "odd"
    folder.mkdir()
    (folder / "kick.wav").write_bytes(b"RIFF")
    (folder / "gone.wav").symlink_to(tmp_path / "nowhere.wav")
    (folder / "round").symlink_to(folder)
    os.mkfifo(folder / "pipe.wav")
    assert search(folder, media) == {}
    assert search(tmp_path / "no such folder", media) == {}


def test_a_search_is_cancelled(media: list[Media], tmp_path: Path) -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        search(tmp_path / "stems", media, cancel=token)


def test_a_changed_or_missing_file_is_noticed(store: MediaStore, media: list[Media]) -> None:
    assert [store.file_state(item) for item in media] == ["here"] * 3
    first = Path(media[0].path)
    samples, rate = sf.read(first, dtype="float32")
    status = first.stat()
    os.utime(first, ns=(status.st_atime_ns, status.st_mtime_ns + 10**9))
    assert store.file_state(media[0]) == "here", "only touched"
    sf.write(first, samples[::-1], rate, subtype="FLOAT")
    os.utime(first, ns=(status.st_atime_ns, status.st_mtime_ns + 2 * 10**9))
    assert first.stat().st_size == status.st_size
    assert store.file_state(media[0]) == "changed"
    sf.write(first, samples[:-1], rate, subtype="FLOAT")
    assert store.file_state(media[0]) == "changed"
    first.unlink()
    assert store.file_state(media[0]) == "missing"
    assert store.file_state(replace(media[1], path="a\0b")) == "missing"


def test_a_file_that_was_seen_is_not_read_again(
    store: MediaStore, media: list[Media], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lincae_studio.media.store.digest_of", lambda *_: pytest.fail("it was read"))
    assert [store.file_state(item) for item in media] == ["here"] * 3


def test_collecting_copies_all_without_clashes(store: MediaStore, media: list[Media], tmp_path: Path) -> None:
    folder = tmp_path / "song audio"
    collected = collect(store, media, folder)
    names = sorted(path.name for path in files_below(folder))
    assert len(names) == 3
    assert "kick.wav" in names
    assert "surround.wav" in names
    for item in media:
        moved = collected[item.digest]
        assert moved.digest == item.digest
        assert Path(moved.path).parent == folder
        assert Path(moved.path).read_bytes() == Path(item.path).read_bytes()
        assert store.file_state(moved) == "here"
    again = collect(store, list(collected.values()), folder)
    assert again == collected
    assert len(files_below(folder)) == 3, "nothing is copied twice"


def test_collecting_replaces_no_file(store: MediaStore, media: list[Media], tmp_path: Path) -> None:
    folder = tmp_path / "song audio"
    mine = write_audio(folder / "kick.wav", noise(77, 100))
    before = mine.read_bytes()
    collect(store, media[:1], folder)
    assert mine.read_bytes() == before
    assert len(files_below(folder)) == 2


def test_a_lost_file_is_collected_from_the_cache(store: MediaStore, media: list[Media], tmp_path: Path) -> None:
    heard = np.array(store.open(media[1].digest).samples)
    Path(media[1].path).unlink()
    moved = collect(store, [media[1]], tmp_path / "song audio")[media[1].digest]
    assert moved.digest != media[1].digest
    assert (moved.length, moved.channels) == (media[1].length, media[1].channels)
    np.testing.assert_array_equal(store.open(moved.digest).samples, heard)


def test_a_failure_leaves_nothing_behind(
    store: MediaStore, media: list[Media], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "song audio"
    lost = replace(media[0], digest="0" * 64, path=str(tmp_path / "lost.wav"))
    with pytest.raises(MediaError, match="is missing"):
        collect(store, [*media, lost], folder)
    assert not folder.exists()
    with monkeypatch.context() as patch:
        patch.setattr(collecting, "open", FullDisk(10_000), raising=False)
        with pytest.raises(MediaError, match="disk is full"):
            collect(store, media, folder)
    assert not folder.exists()
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(MediaError, match="cannot collect"):
        collect(store, media, blocked)
