"""A file's blocks are decoded into one buffer: what is stored must not depend on a block after the next was read."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from lincae_studio.codecs.base import Array
from lincae_studio.media.peaks import BLOCK, block_peaks
from lincae_studio.media.reading.reader import BLOCK_FRAMES, AudioFile
from lincae_studio.media.store import MediaStore
from lincae_studio.session.model import DEFAULT_RATE
from tests.helpers import noise, write_audio

#: Lengths around those of blocks: what is left over is a sample, nearly a pair of peaks, one, or a little more.
LENGTHS = [
    BLOCK_FRAMES + more for more in (-BLOCK - 1, -1, 0, 1, BLOCK - 1, BLOCK, BLOCK + 1, BLOCK_FRAMES, BLOCK_FRAMES + 3)
]


def encoded(audio: Array, kind: str) -> tuple[bytes, Array]:
    """A file, and the samples that one call of the library decodes."""
    buffer = io.BytesIO()
    sf.write(buffer, audio, DEFAULT_RATE, format=kind)
    samples, _ = sf.read(io.BytesIO(buffer.getvalue()), dtype="float32", always_2d=True)
    return buffer.getvalue(), np.asarray(samples)


def assert_stored(store: MediaStore, digest: str, expected: Array) -> None:
    """Samples and peaks of an entry, read from the disk, and its checksums."""
    found = MediaStore(store._root.parent).open(digest)
    np.testing.assert_array_equal(found.frames(0, found.length), expected)
    np.testing.assert_array_equal(found.peaks.level_0, block_peaks(expected))
    for channel, wave in enumerate(found.waves):
        np.testing.assert_array_equal(wave.level_0, block_peaks(expected[:, channel]))


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("length", LENGTHS)
def test_files_a_little_over_a_block(tmp_path: Path, store: MediaStore, length: int, channels: int) -> None:
    audio = noise(length, length, channels)
    assert_stored(store, store.import_file(write_audio(tmp_path / "a.wav", audio)).digest, audio)


@pytest.mark.parametrize("kind", ["OGG", "MP3"])
@pytest.mark.parametrize("channels", [1, 2])
def test_parts_shorter_than_a_block(tmp_path: Path, store: MediaStore, kind: str, channels: int) -> None:
    lengths = (5000, BLOCK_FRAMES + 700, 1500, 2 * BLOCK_FRAMES, 3001)
    parts = [encoded(noise(number, length, channels), kind) for number, length in enumerate(lengths)]
    path = tmp_path / f"radio.{kind.lower()}"
    if kind == "OGG":
        path.write_bytes(b"".join(data for data, _ in parts))
        assert_stored(store, store.import_file(path).digest, np.concatenate([samples for _, samples in parts]))
    else:  # streams of MP3 that follow each other may be one to a decoder
        for data, samples in parts:
            path.write_bytes(data)
            assert_stored(store, store.import_file(path).digest, samples)


@pytest.mark.parametrize("selection", ["2,3", "4", "mix"])
def test_channels_of_a_wide_file(tmp_path: Path, store: MediaStore, selection: str) -> None:
    audio = noise(1, 2 * BLOCK_FRAMES + 300, 4)
    media = store.import_file(write_audio(tmp_path / "wide.wav", audio), channel_selection=selection)
    chosen = {"2,3": audio[:, 1:3], "4": audio[:, 3:], "mix": audio.mean(axis=1, keepdims=True)}[selection]
    assert_stored(store, media.digest, chosen)


def test_blocks_of_any_length_in_one_buffer(store: MediaStore) -> None:
    lengths = [256, 1, 700, 255, 512, 3, BLOCK_FRAMES, BLOCK_FRAMES - 1, 257, 256]
    audio = noise(1, sum(lengths), 2)

    def blocks() -> Iterator[Array]:
        buffer, at = np.empty((BLOCK_FRAMES, 2), np.float32), 0
        for length in lengths:
            buffer[:length] = audio[at : at + length]
            yield buffer[:length]
            buffer.fill(-1.0)
            at += length

    digest = "0" * 64
    store.put(digest, blocks(), "made up")
    assert_stored(store, digest, audio)


def test_two_files_decoded_at_once(tmp_path: Path) -> None:
    audio = [noise(number, 3 * BLOCK_FRAMES + 100 * number, 2) for number in (1, 2)]
    paths = [write_audio(tmp_path / f"{number}.wav", one) for number, one in enumerate(audio)]
    found: tuple[list[Array], list[Array]] = ([], [])
    with AudioFile(paths[0]) as one, AudioFile(paths[1]) as two:
        for pair in zip(one.blocks(), two.blocks(), strict=True):
            for kept, block in zip(found, pair, strict=True):
                kept.append(block.copy())
    for kept, expected in zip(found, audio, strict=True):
        np.testing.assert_array_equal(np.concatenate(kept), expected)
