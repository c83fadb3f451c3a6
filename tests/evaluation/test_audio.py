"""Files of an evaluation: mono at any rate, their loudest part, and what cannot be read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lincae_studio import paths
from lincae_studio.errors import MediaError
from lincae_studio.evaluation.audio import Excerpt, Recordings, loudest_excerpt
from tests.helpers import noise, tone, write_audio


def quiet_but(
    start: int, end: int, count: int = 80_000, seed: int = 1
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Noise that is loud in `[start, end)`."""
    signal = 0.01 * noise(seed, count)
    signal[start:end] *= 100.0
    return signal


def test_two_channels_are_mixed_to_mono_at_any_rate(tmp_path: Path) -> None:
    left, right = noise(1, 8_000)[:, 0], noise(2, 8_000)[:, 0]
    recordings = Recordings([write_audio(tmp_path / "a.wav", np.stack([left, right], axis=1), 8_000)])
    np.testing.assert_allclose(recordings.at(8_000)[0], (left + right) / 2, atol=1e-6)
    (faster,) = recordings.at(12_000)
    assert len(faster) == 12_000
    assert isinstance(faster, np.memmap), "memory does not grow with the length"
    assert recordings.at(12_000)[0] is faster, "a file is decoded once for each rate"
    assert not list(paths.cache_dir().iterdir()), "temporary files have no names"


def test_the_excerpt_of_stems_is_the_loudest_part_of_their_mix(tmp_path: Path) -> None:
    files = [
        write_audio(tmp_path / "a.wav", quiet_but(10_000, 11_000), 8_000),
        write_audio(tmp_path / "b.wav", quiet_but(40_000, 48_000, seed=2), 8_000),
    ]
    found = loudest_excerpt(Recordings(files, stems=True), 8_000, 1.0)
    assert found.names == ("a", "b")
    assert found.starts_s == (5.0, 5.0)
    assert found.signals.shape == (2, 8_000)
    np.testing.assert_allclose(found.signals[1], quiet_but(40_000, 48_000, seed=2)[40_000:48_000, 0], atol=1e-6)
    assert found.at(12_000).shape == (2, 12_000)


def test_other_files_have_their_own_loudest_parts(tmp_path: Path) -> None:
    files = [
        write_audio(tmp_path / "a.wav", quiet_but(8_000, 16_000), 8_000),
        write_audio(tmp_path / "b.wav", quiet_but(40_000, 48_000), 8_000),
        write_audio(tmp_path / "c.wav", noise(3, 8_000), 8_000),
    ]
    assert loudest_excerpt(Recordings(files), 8_000, 1.0).starts_s == (1.0, 5.0)
    halves = loudest_excerpt(Recordings(files[1:2]), 8_000, 1.0)
    assert halves.names == ("b, first half", "b, second half")
    assert halves.starts_s[1] == 5.0


def test_a_song_that_is_shorter_than_the_excerpt_is_used_whole(tmp_path: Path) -> None:
    files = [write_audio(tmp_path / f"{seed}.wav", noise(seed, 900 * seed), 8_000) for seed in (1, 2)]
    found = loudest_excerpt(Recordings(files, stems=True), 8_000, 10.0)
    assert found.signals.shape == (2, 1_800)
    assert not found.signals[0, 900:].any()


def test_an_excerpt_is_the_same_signal_at_another_rate() -> None:
    low, high = (np.stack([tone(hz, rate, rate, 0.5)[:, 0] for hz in (440.0, 3000.0)]) for rate in (44_100, 48_000))
    found = Excerpt(("a", "b"), (0.0, 0.0), 44_100, low).at(48_000)
    assert found.shape == high.shape
    assert np.abs(found - high)[:, 500:-500].max() < 1e-4


def test_more_than_two_channels_are_refused(tmp_path: Path) -> None:
    path = write_audio(tmp_path / "a.wav", np.repeat(noise(1, 100), 3, axis=1), 8_000)
    with pytest.raises(MediaError, match="3 channels"):
        Recordings([path]).at(8_000)
