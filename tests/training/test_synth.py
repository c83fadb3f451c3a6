"""Procedural songs: the same for a seed, different between seeds, four sounding stems."""

from __future__ import annotations

import numpy as np
import pytest

from lincae_studio.codecs.mdct import MDCT_1X
from lincae_studio.training.synth import STEMS, make_song, read_tables, synth_groups


def test_a_seed_is_a_song() -> None:
    first, again, other = make_song((1, 2), 3.0, 8000), make_song((1, 2), 3.0, 8000), make_song((1, 3), 3.0, 8000)
    assert first.dtype == np.float32
    assert first.shape == (len(STEMS), 24_000)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("rate", [8_000, 11_025, 44_100])
def test_stems_sound_at_their_level(rate: int) -> None:
    for seed in range(5):
        peaks = np.abs(make_song((seed,), 4.0, rate)).max(axis=1)
        assert (peaks > 0.29).all()
        assert (peaks <= 0.901).all()


def test_stems_and_songs_differ_in_sound() -> None:
    """Centroids of spectra: basses lie low, drums high, and instruments vary from song to song."""
    centroids = []
    for seed in range(8):
        spectra = np.abs(np.fft.rfft(make_song((9, seed), 3.0, 22_050), axis=1)) ** 2
        centroids.append((spectra * np.fft.rfftfreq(66_150, 1 / 22_050)).sum(axis=1) / spectra.sum(axis=1))
    drums, bass, chords, lead = np.array(centroids).T
    assert np.median(bass) < np.median(chords) < np.median(drums)
    assert np.median(bass) < np.median(lead)
    assert np.log(lead).std() > 0.15


def test_a_table_is_read_up_to_the_very_end_of_its_period() -> None:
    table = np.array([[0.0, 1.0, 2.0, 3.0, 0.0]], np.float32)
    phase = np.array([0.0, 0.25, 0.375, 0.875, 1.25, np.nextafter(1.0, 0.0), np.nextafter(8.0, 0.0)])
    np.testing.assert_allclose(read_tables(table, phase)[0], [0.0, 1.0, 1.5, 1.5, 1.0, 0.0, 0.0], atol=1e-6)


def test_songs_to_measure_with_are_the_same_each_time() -> None:
    first, again = synth_groups(MDCT_1X, 2), synth_groups(MDCT_1X, 2)
    assert first.shape == (2, 4, MDCT_1X.window_samples(MDCT_1X.chunk_frames))
    assert np.array_equal(first, again)
    assert not np.array_equal(first[0], first[1])
