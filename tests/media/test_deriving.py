"""Derived media: exact samples, made again when they are gone, whatever the file is called."""

from __future__ import annotations

import shutil
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from lincae_studio.codecs.base import Array
from lincae_studio.errors import Cancelled, MediaError
from lincae_studio.jobs import CancelToken, Progress
from lincae_studio.media import signals
from lincae_studio.media.collect import collect
from lincae_studio.media.store import MediaStore
from lincae_studio.session.derived import derived
from lincae_studio.session.model import Media
from lincae_studio.session.processes import Channels, Invert, Process, RemoveDC, Reverse, Stretch, Use
from tests.helpers import damage, import_audio, noise


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals, "BLOCK_FRAMES", 1000)


@pytest.fixture
def audio() -> Array:
    return noise(1, 5001, 2) + np.array([0.25, -0.125], np.float32)


@pytest.fixture
def file(store: MediaStore, tmp_path: Path, audio: Array) -> Media:
    return import_audio(store, tmp_path / "stems" / "kick.wav", audio)


def made(store: MediaStore, file: Media, *chain: Process) -> Array:
    media = derived(file, chain)
    store.ensure(media)
    assert store.fits(media)
    return np.array(store.open(media.digest).samples)


def test_reversed_and_inverted_samples_are_those_of_the_file(store: MediaStore, file: Media, audio: Array) -> None:
    assert (made(store, file, Reverse()) == audio[::-1]).all()
    assert (made(store, file, Invert()) == -audio).all()
    assert (made(store, file, Reverse(), Invert()) == -audio[::-1]).all()


@pytest.mark.parametrize(
    ("use", "matrix"),
    [
        ("swap", [[0, 1], [1, 0]]),
        ("left", [[1], [0]]),
        ("right", [[0], [1]]),
        ("mono", [[0.5], [0.5]]),
        ("side", [[0.5], [-0.5]]),
    ],
)
def test_channels(store: MediaStore, file: Media, audio: Array, use: Use, matrix: list[list[float]]) -> None:
    assert made(store, file, Channels(use)) == pytest.approx(audio @ np.array(matrix, np.float32), abs=1e-7)


def test_the_dc_offset_of_each_channel_is_removed(store: MediaStore, file: Media, audio: Array) -> None:
    result = made(store, file, RemoveDC())
    assert np.abs(result.mean(axis=0, dtype=np.float64)).max() < 1e-7
    assert result == pytest.approx(audio - audio.mean(axis=0), abs=1e-6)


def test_what_was_deleted_is_made_again(store: MediaStore, file: Media, tmp_path: Path) -> None:
    first = made(store, file, Reverse(), Stretch(1.5))
    store.clear()
    assert (made(store, file, Reverse(), Stretch(1.5)) == first).all()
    assert store.file_state(derived(file, (Reverse(),))) == "here"
    shutil.rmtree(tmp_path / "stems")
    store.clear()
    with pytest.raises(MediaError, match=r"kick\.wav"):
        store.ensure(derived(file, (Reverse(),)))
    assert store.file_state(derived(file, (Reverse(),))) == "missing"


def test_damaged_audio_is_found_when_it_is_processed(
    store: MediaStore, file: Media, audio: Array, tmp_path: Path
) -> None:
    damage(next(tmp_path.rglob("audio.f32")), 20_000)
    assert (made(store, file, Reverse()) == audio[::-1]).all()


def test_all_that_a_stretch_gives_is_kept_for_what_follows_it(store: MediaStore, file: Media) -> None:
    made(store, file, Stretch(1.5), Reverse())
    kept = store.get(derived(file, (Stretch(1.5),)).digest)
    assert kept is not None
    assert (made(store, file, Stretch(1.5), Reverse()) == kept.samples[::-1]).all()


def test_cancelling_leaves_nothing(store: MediaStore, file: Media) -> None:
    cancel, media = CancelToken(), derived(file, (RemoveDC(), Reverse()))
    seen: list[Progress] = []

    def progress(now: Progress) -> None:
        seen.append(now)
        if now.fraction > 0.6:
            cancel.cancel()

    with pytest.raises(Cancelled):
        store.ensure(media, progress, cancel)
    assert store.get(media.digest) is None
    assert store.usage()[0] == 1
    assert seen[0].fraction < 0.6


def test_long_files_take_no_more_memory(store: MediaStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals, "BLOCK_FRAMES", 1 << 16)
    file = import_audio(store, tmp_path / "long.wav", noise(2, 44_100 * 120, 2))
    tracemalloc.start()
    try:
        store.ensure(derived(file, (RemoveDC(), Reverse(), Channels("swap"))))
        assert tracemalloc.get_traced_memory()[1] < 8 << 20  # the audio has 42 MB
    finally:
        tracemalloc.stop()


def test_the_file_of_a_processed_clip_is_collected(store: MediaStore, file: Media, tmp_path: Path) -> None:
    media = derived(file, (Reverse(),))
    copied = collect(store, [media], tmp_path / "song audio")[media.digest]
    assert copied.digest == media.digest
    assert Path(copied.path).read_bytes() == Path(file.path).read_bytes()


def test_a_file_that_is_gone_is_collected_from_the_store(store: MediaStore, file: Media, tmp_path: Path) -> None:
    Path(file.path).unlink()
    media = derived(file, (Reverse(),))
    copied = collect(store, [media], tmp_path / "song audio")[media.digest]
    assert copied.chain == (Reverse(),)
    store.ensure(copied)
    assert (store.open(copied.digest).samples == store.open(file.digest).samples[::-1]).all()
