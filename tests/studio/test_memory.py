"""The memory of long renders is bounded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import lincae_studio as ls
from lincae_studio.engine.planning.grid import Grid
from lincae_studio.session import edits
from tests.helpers import noise, write_audio

HOUR_S = 3600.0


@pytest.fixture
def hour(tmp_path: Path) -> ls.Session:
    """An hour of the same audio: each clip starts a whole number of chunks later, so that it is encoded once."""
    song = ls.Session(codec="mdct-4x")
    grid = Grid.of(song.engine.info(song.codec, song.rate))
    path = write_audio(tmp_path / "part.wav", noise(1, 64 * grid.step_samples))
    media = song.engine.import_file(path)
    song = song.add_track("noise")
    [track] = song
    for number in range(round(HOUR_S * song.rate) // media.length + 1):
        song = song.apply(edits.add_clip, track.id, media, number * media.length)
    assert song.duration >= HOUR_S
    return song


class Watched(np.memmap):
    """An array in a file, which notes the largest memory of the process while it is written to."""

    most = 0

    def __setitem__(self, place: object, value: object) -> None:
        super().__setitem__(place, value)  # type: ignore[call-overload]
        self.most = max(self.most, private_bytes())


def private_bytes() -> int:
    """The memory of this process that belongs to no file."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return 1024 * int(line.split()[1])
    raise AssertionError("Linux says how much it is")


@pytest.mark.slow
@pytest.mark.linux("/proc")
def test_a_render_of_an_hour_takes_little_memory(hour: ls.Session, tmp_path: Path) -> None:
    """To an array in a file, and as a stream; the whole mix takes 635 MB."""
    length = round(hour.duration * hour.rate)
    out = Watched(tmp_path / "hour.f32", np.float32, "w+", shape=(1, length))
    hour.render(span=(0.0, 300.0))  # what is allocated once
    before = private_bytes()
    mix = hour.render(out=out)
    assert np.shares_memory(mix.samples, out)
    assert out.most - before < 150e6
    most = done = 0
    for block in hour.stream():
        np.testing.assert_array_equal(block, out[:, done : done + block.shape[1]])
        done += block.shape[1]
        most = max(most, private_bytes())
    assert done == length
    assert most - before < 150e6


def test_a_render_holds_two_chunks_and_a_batch(hour: ls.Session) -> None:
    """Each block is one step of the grid, and no array that a stream has given is kept."""
    grid = Grid.of(hour.engine.info(hour.codec, hour.rate))
    sizes = {block.shape[1] for block in hour.stream(span=(0.0, 60.0))}
    assert max(sizes) <= grid.step_samples + grid.window_samples
    frames = {block.shape[2] for block in hour.stream_latents(span=(0.0, 60.0))}
    assert frames == {grid.step}
