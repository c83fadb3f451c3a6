"""Conformed audio that was damaged on disk is never used: it is rebuilt from its file, or is missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lincae_studio.engine.rendering.renderer import StoreReader
from lincae_studio.errors import Cancelled, MediaError
from lincae_studio.jobs import CancelToken
from lincae_studio.media.conformed import CHECKED_BYTES, DamagedMediaError
from lincae_studio.media.peaks import block_peaks
from lincae_studio.media.store import MediaStore
from lincae_studio.session.model import Media
from tests.helpers import damage, noise, write_audio

LENGTH = 200_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_audio(tmp_path / "kick.wav", noise(1, LENGTH, 2))


@pytest.fixture
def media(store: MediaStore, path: Path) -> Media:
    return store.import_file(path)


@pytest.fixture
def entry(cache_dir: Path, media: Media) -> Path:
    """The folder of the entry."""
    (found,) = cache_dir.glob(f"media-v1/*/{media.digest}")
    return found


def test_damage_is_found_before_anything_of_the_block_is_used(
    cache_dir: Path, path: Path, media: Media, entry: Path
) -> None:
    damage(entry / "audio.f32", CHECKED_BYTES + 77)
    store = MediaStore(cache_dir)
    conformed = store.open(media.digest)
    frames = CHECKED_BYTES // 8
    np.testing.assert_array_equal(conformed.read(0, 0, frames), noise(1, LENGTH, 2)[:frames, 0])
    found: list[str] = []
    store.on_damage = found.append
    with pytest.raises(DamagedMediaError, match="damaged on the disk"):
        conformed.read(1, 2 * frames - 1, 5)
    with pytest.raises(DamagedMediaError):
        conformed.frames(frames, frames + 1)
    assert found == [media.digest, media.digest]
    assert store.get(media.digest) is None
    with pytest.raises(MediaError, match="damaged"):
        StoreReader(store).read(media.digest, 0, 0, 10)
    assert MediaStore(cache_dir).get(media.digest) is None, "other processes use it neither"
    store.ensure(media)
    np.testing.assert_array_equal(store.open(media.digest).frames(0, LENGTH), noise(1, LENGTH, 2))
    assert store.import_file(path) == media


@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_silence_is_not_mistaken_for_damage(cache_dir: Path, tmp_path: Path, zero: float) -> None:
    audio = np.full((LENGTH, 1), zero, np.float32)
    digest = MediaStore(cache_dir).import_file(write_audio(tmp_path / "silent.wav", audio)).digest
    assert MediaStore(cache_dir).is_whole(digest, CancelToken())


def test_importing_a_file_repairs_its_audio(cache_dir: Path, path: Path, media: Media, entry: Path) -> None:
    damage(entry / "audio.f32", 8 * LENGTH - 4)
    store = MediaStore(cache_dir)
    assert store.import_file(path) == media
    np.testing.assert_array_equal(store.open(media.digest).frames(0, LENGTH), noise(1, LENGTH, 2))


def test_damaged_audio_without_its_file_is_missing(cache_dir: Path, path: Path, media: Media, entry: Path) -> None:
    damage(entry / "audio.f32", 0)
    path.unlink()
    store = MediaStore(cache_dir)
    assert not store.is_whole(media.digest, CancelToken())
    with pytest.raises(MediaError, match=r"audio of kick\.wav is damaged and could not be recreated: .*no such file"):
        store.ensure(media)
    assert not store.fits(media)


@pytest.mark.parametrize("name", ["peaks.npy", "checksums.crc32", "info.json"])
@pytest.mark.parametrize("at", [5, -5])
def test_the_files_that_describe_the_audio_are_verified(
    cache_dir: Path, path: Path, media: Media, entry: Path, name: str, at: int
) -> None:
    size = (entry / name).stat().st_size
    damage(entry / name, at % size, 1)
    store = MediaStore(cache_dir)
    assert not store.is_whole(media.digest, CancelToken())
    assert store.import_file(path) == media
    assert store.is_whole(media.digest, CancelToken())


@pytest.mark.parametrize(
    "text",
    [
        "[" * 4000,
        '{"length": 1e999, "channels": 2}',
        '{"length": 200000, "channels": 1e0}',
        '{"length": -200000, "channels": -2}',
        '{"length": true, "channels": true}',
        '{"length": 9' + "9" * 4000 + ', "channels": 2}',
        '{"length": 200000, "channels": 2}' + " " * 5000,
        "null",
    ],
)
def test_entries_with_invalid_information_are_ignored(cache_dir: Path, media: Media, entry: Path, text: str) -> None:
    (entry / "info.json").write_text(text)
    assert MediaStore(cache_dir).get(media.digest) is None


def test_entries_of_older_versions_are_compared_with_their_peaks(
    cache_dir: Path, path: Path, media: Media, entry: Path
) -> None:
    (entry / "checksums.crc32").unlink()
    store = MediaStore(cache_dir)
    assert store.is_whole(media.digest, CancelToken())
    audio = np.memmap(entry / "audio.f32", np.float32, "r+", shape=(LENGTH, 2))
    audio[LENGTH - 1] = np.nan
    audio[100_000] = 8.9e37  # 759 dB
    audio.flush()
    store = MediaStore(cache_dir)
    conformed = store.open(media.digest)
    assert np.abs(conformed.frames(0, 1000)).max() < 1.0
    for first, last in ((100_000, 100_001), (LENGTH - 10, LENGTH)):
        with pytest.raises(DamagedMediaError):
            conformed.frames(first, last)
    peaks = np.load(entry / "peaks.npy")
    peaks[3, 1] = np.nan
    store.ensure(media)
    (entry / "checksums.crc32").unlink()
    np.save(entry / "peaks.npy", peaks)
    assert MediaStore(cache_dir).get(media.digest) is None, "drawn, it would be nothing"


def test_repairs_by_another_process_are_kept(cache_dir: Path, media: Media, entry: Path) -> None:
    damage(entry / "audio.f32", 0)
    window, engine = MediaStore(cache_dir), MediaStore(cache_dir)
    found: list[str] = []
    window.on_damage = found.append
    for store in (window, engine):
        store.open(media.digest)
    with pytest.raises(MediaError):
        StoreReader(engine).read(media.digest, 0, 0, 10)
    window.close_discarded()
    assert found == [media.digest]
    window.close_discarded()
    assert len(found) == 1
    window.ensure(media)
    expected = noise(1, LENGTH, 2)[:10, 0]
    np.testing.assert_array_equal(StoreReader(window).read(media.digest, 0, 0, 10), expected)
    np.testing.assert_array_equal(StoreReader(engine).read(media.digest, 0, 0, 10), expected)
    assert len(found) == 1


def test_a_map_of_the_damaged_file_is_replaced_by_the_repaired_one(cache_dir: Path, media: Media, entry: Path) -> None:
    damage(entry / "audio.f32", 0)
    late, early = MediaStore(cache_dir), MediaStore(cache_dir)
    late.open(media.digest)
    assert not early.is_whole(media.digest, CancelToken())
    early.ensure(media)
    np.testing.assert_array_equal(StoreReader(late).read(media.digest, 0, 0, 10), noise(1, LENGTH, 2)[:10, 0])
    assert early.is_whole(media.digest, CancelToken())


def test_a_hard_link_elsewhere_that_is_written_to_is_noticed(
    cache_dir: Path, tmp_path: Path, media: Media, entry: Path
) -> None:
    (tmp_path / "link").hardlink_to(entry / "audio.f32")
    (tmp_path / "link").write_bytes(bytes(8 * LENGTH))
    store = MediaStore(cache_dir)
    assert not store.is_whole(media.digest, CancelToken())
    store.ensure(media)
    assert store.is_whole(media.digest, CancelToken())
    assert not any((tmp_path / "link").read_bytes()), "the other file is not written to"


def test_peaks_of_each_channel(cache_dir: Path, media: Media, entry: Path) -> None:
    left, right = MediaStore(cache_dir).open(media.digest).waves
    audio = noise(1, LENGTH, 2)
    np.testing.assert_array_equal(left.level_0, block_peaks(audio[:, 0]))
    np.testing.assert_array_equal(right.level_0, block_peaks(audio[:, 1]))
    np.testing.assert_array_equal(np.load(entry / "peaks.npy"), block_peaks(audio))


def test_entries_of_older_versions_get_peaks_of_each_channel(cache_dir: Path, media: Media, entry: Path) -> None:
    before = (entry / "channel_peaks.npy").read_bytes()
    (entry / "channel_peaks.npy").unlink()
    conformed = MediaStore(cache_dir).open(media.digest)
    shown = [len(conformed.waves)]
    with pytest.raises(Cancelled):
        conformed.complete(cancelled())
    assert conformed.complete(CancelToken())
    assert (entry / "channel_peaks.npy").read_bytes() == before
    shown.append(len(conformed.waves))
    assert shown == [1, 2], "at first one wave for both channels"
    assert not conformed.complete(CancelToken()), "once"


def test_damaged_peaks_of_channels_are_not_used(cache_dir: Path, media: Media, entry: Path) -> None:
    size = (entry / "channel_peaks.npy").stat().st_size
    for data in (b"", b"\x93NUMPY", b"\x93NUMPY" + bytes(size)):
        (entry / "channel_peaks.npy").write_bytes(data)
        assert len(MediaStore(cache_dir).open(media.digest).waves) == 1
    damage(entry / "audio.f32", 77)
    (entry / "channel_peaks.npy").unlink()
    with pytest.raises(DamagedMediaError):
        MediaStore(cache_dir).open(media.digest).complete(CancelToken())
    assert not (entry / "channel_peaks.npy").exists()


def cancelled() -> CancelToken:
    token = CancelToken()
    token.cancel()
    return token
