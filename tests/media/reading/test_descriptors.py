"""Files that need no repair are decoded by their descriptor: the same samples, and none stays open."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from lincae_studio.codecs.base import Array
from lincae_studio.errors import MediaError
from lincae_studio.media.reading.reader import AudioFile
from lincae_studio.media.reading.view import FileView
from lincae_studio.session.model import DEFAULT_RATE
from tests.helpers import noise
from tests.media.reading.test_one_buffer import encoded

pytestmark = pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="descriptors are counted in /proc")


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def samples_of(path: Path) -> Array:
    with AudioFile(path) as file:
        return np.concatenate([block.copy() for block in file.blocks()])


@pytest.mark.parametrize("kind", ["WAV", "W64", "AIFF", "FLAC", "OGG", "MP3"])
def test_both_ways_decode_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    path = tmp_path / f"song.{kind.lower()}"
    path.write_bytes(encoded(noise(1, 3 * DEFAULT_RATE, 2), kind)[0])
    before = open_descriptors()
    by_descriptor = samples_of(path)
    assert open_descriptors() == before
    monkeypatch.setattr(FileView, "descriptor", lambda _: None)
    np.testing.assert_array_equal(samples_of(path), by_descriptor)


@pytest.mark.parametrize("content", [b"not audio " * 100, b"RIFF\xff\xff\xff\x7fWAVEfmt ", b"fLaC" + bytes(100)])
def test_a_refused_file_leaves_none_open(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "song.wav"
    path.write_bytes(content)
    before = open_descriptors()
    with pytest.raises(MediaError):
        samples_of(path)
    assert open_descriptors() == before


def test_a_file_with_replaced_bytes_is_not_read_by_descriptor(tmp_path: Path) -> None:
    path = tmp_path / "song"
    path.write_bytes(bytes(range(100)))
    with open(path, "rb") as file:
        assert FileView(file, [range(50), b"x", range(51, 100)]).descriptor() is None
        assert FileView(file, [range(99)]).descriptor() is None
        found = FileView(file, [range(100)]).descriptor()
        assert found is not None
        os.close(found)
