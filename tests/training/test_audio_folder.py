"""Which files of a folder become training windows, and how often."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import numpy as np
import pytest

from lincae_studio.errors import MediaError
from lincae_studio.training.audio_folder import AudioFolder, Selection, audio_files, held_out, readable, real_paths
from tests.helpers import noise, tone, write_audio

RATE = 8_000


def test_linked_folders_are_followed_without_loops(tmp_path: Path) -> None:
    music, elsewhere = tmp_path / "music", tmp_path / "elsewhere"
    write_audio(music / "a.wav", noise(1, 100), RATE)
    write_audio(elsewhere / "deep" / "b.wav", noise(2, 100), RATE)
    (music / "link").symlink_to(elsewhere, target_is_directory=True)
    (music / "same").symlink_to(elsewhere, target_is_directory=True)
    (elsewhere / "deep" / "back").symlink_to(music, target_is_directory=True)
    names = [os.path.relpath(path, music) for path in audio_files(music)]
    assert names == ["a.wav", os.path.join("link", "deep", "b.wav")]


def test_macos_attribute_files_are_ignored(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_audio(tmp_path / "a.wav", noise(1, 100), RATE)
    (tmp_path / "._a.wav").write_bytes(b"attributes")
    with caplog.at_level(logging.WARNING):
        assert [file.path for file in readable(tmp_path)] == [tmp_path / "a.wav"]
    assert not caplog.records


@pytest.mark.parametrize(("sampling", "share"), [("length", 0.9), ("file", 0.5)])
def test_files_are_drawn_by_length_or_uniformly(tmp_path: Path, sampling: str, share: float) -> None:
    write_audio(tmp_path / "long.wav", tone(200.0, 9 * RATE, RATE), RATE)
    write_audio(tmp_path / "short.wav", tone(2000.0, RATE, RATE), RATE)
    source = AudioFolder(tmp_path, RATE, Selection(sampling))  # type: ignore[arg-type]
    rng = np.random.default_rng(0)
    long = [np.argmax(np.abs(np.fft.rfft(source.window(rng, 800)))) < 50 for _ in range(300)]
    assert np.mean(long) == pytest.approx(share, abs=0.06)


def test_files_shorter_than_a_window_may_be_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_audio(tmp_path / "long.wav", noise(1, RATE), RATE)
    write_audio(tmp_path / "short.wav", noise(2, 400), RATE)
    assert len(AudioFolder(tmp_path, RATE).files) == 2
    with caplog.at_level(logging.WARNING):
        source = AudioFolder(tmp_path, RATE, Selection(shortest_s=0.1))
    assert [file.path.name for file in source.files] == ["long.wav"]
    assert "1 audio file shorter than a window of 0.1 s" in caplog.text
    with pytest.raises(MediaError, match=r"shorter than a window of 2 s.*short_files=pad"):
        AudioFolder(tmp_path, RATE, Selection(shortest_s=2.0))


def test_the_held_out_files_do_not_depend_on_the_folder_or_the_order(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there):
        for number in range(10):
            write_audio(folder / f"{number}.wav", noise(number, 200), RATE)
    files = readable(here)
    kept = held_out(here, files, 0.3)
    assert len(kept) == 3
    assert kept == held_out(here, files[::-1], 0.3)
    assert {Path(path).name for path in kept} == {Path(path).name for path in held_out(there, readable(there), 0.3)}
    training = AudioFolder(here, RATE, Selection(without=kept))
    validation = AudioFolder(here, RATE, Selection(only=kept))
    assert real_paths(training.files).isdisjoint(kept)
    assert real_paths(validation.files) == kept
    assert len(held_out(here, files[:2], 0.01)) == len(held_out(here, files[:2], 0.99)) == 1
    with pytest.raises(MediaError, match="only one audio file"):
        held_out(here, files[:1], 0.5)
