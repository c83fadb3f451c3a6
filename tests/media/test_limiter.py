"""The limiter: the ceiling holds for signals made to break it, and audio below it passes untouched."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest

from lincae_studio.media import limiter
from lincae_studio.media.bs1770 import AFTER, TruePeak
from lincae_studio.media.limiter import BLOCK, LOOK_AHEAD_S, RELEASE_S, Samples, limited
from lincae_studio.session.model import DEFAULT_RATE

CEILING_DB = -1.0
CEILING = 10.0 ** (CEILING_DB / 20.0)
LENGTH = DEFAULT_RATE


def nasty(name: str) -> Samples:
    """A second of a signal that peaks at or above full scale, between samples above all."""
    random, at = np.random.default_rng(1), np.arange(LENGTH)
    audio = np.zeros((1, LENGTH))
    if name == "quarter":  # its crests are 3 dB above its samples
        audio[0] = np.sin(np.pi / 2 * at + np.pi / 4)
    elif name == "square":
        audio[0] = np.sign(np.sin(2 * np.pi * 441.7 * at / DEFAULT_RATE))
    elif name == "high square":
        audio[0] = np.sign(np.sin(2 * np.pi * 5003.0 * at / DEFAULT_RATE))
    elif name == "impulses":
        audio[0, 500::7001] = 1.0
    elif name == "impulse in noise":
        audio[0] = 0.05 * random.standard_normal(LENGTH)
        audio[0, 20_000] = -1.0
    elif name == "noise":
        audio = random.uniform(-1.0, 1.0, (2, LENGTH))
    elif name == "burst":
        audio[0] = 0.02 * random.standard_normal(LENGTH)
        audio[0, 20_000:22_000] = random.choice([-1.0, 1.0], 2000)
    elif name == "alternating":
        audio[0] = (-1.0) ** at * np.where(at // 300 % 2, 1.0, 0.02)
    else:  # signs that add up in the point between two samples
        for place in range(500, LENGTH - 100, 1111):
            audio[0, place - 30 : place + 30] = np.sign(np.sinc(np.arange(-30, 30) - 0.5))
    return audio.astype(np.float32)


def parts(audio: Samples, size: int) -> Iterator[Samples]:
    return (audio[:, at : at + size] for at in range(0, audio.shape[1], size))


def limit(audio: Samples, size: int = 7001, ceiling: float = CEILING) -> Samples:
    return np.concatenate(list(limited(parts(audio, size), ceiling, DEFAULT_RATE)), axis=1)


def true_peak_db(audio: Samples) -> float:
    meter = TruePeak(len(audio))
    meter.add(audio)
    return 20.0 * math.log10(meter.read())


@pytest.mark.parametrize("drive_db", [3.0, 20.0])
@pytest.mark.parametrize(
    "name",
    ["quarter", "square", "high square", "impulses", "impulse in noise", "noise", "burst", "alternating", "worst"],
)
def test_the_true_peak_is_kept(name: str, drive_db: float) -> None:
    audio = nasty(name) * np.float32(10.0 ** (drive_db / 20.0))
    assert true_peak_db(audio) > CEILING_DB + 1.0
    found = limit(audio)
    assert found.shape == audio.shape
    assert found.dtype == np.float32
    assert true_peak_db(found) == pytest.approx(CEILING_DB, abs=0.01), "neither above, nor lower than needed"


def test_a_finer_meter_finds_the_same_true_peak() -> None:
    """Sixteen points for each sample, by zeros in the spectrum, of noise up to 8 kHz, where four are enough."""
    spectrum = np.fft.rfft(np.random.default_rng(2).standard_normal(LENGTH))
    spectrum[8000:] = 0.0
    found = limit(np.fft.irfft(spectrum)[None].astype(np.float32))
    fine = np.fft.irfft(np.fft.rfft(found[0]), 16 * LENGTH) * 16.0
    assert 20.0 * math.log10(np.abs(fine).max()) == pytest.approx(CEILING_DB, abs=0.1)


def test_what_is_below_the_ceiling_is_unchanged_bit_by_bit() -> None:
    audio = nasty("noise") * np.float32(0.45)
    assert true_peak_db(audio) < CEILING_DB
    np.testing.assert_array_equal(limit(audio), audio)


def test_results_do_not_depend_on_the_blocks_that_come_in() -> None:
    audio = np.tile(nasty("burst"), 4) * np.float32(2.0)
    whole = limit(audio, audio.shape[1])
    for size in (997, BLOCK, BLOCK + 1):
        np.testing.assert_array_equal(limit(audio, size), whole)
    np.testing.assert_array_equal(limit(audio[:, :2000], 1), limit(audio[:, :2000]), "sample by sample")


@pytest.mark.parametrize("frequency", [0.43, 0.4776, 0.4883])
def test_the_true_peak_is_kept_before_the_first_sample_and_after_the_last(frequency: float) -> None:
    """A high tone cut out of its middle: the steps at both ends peak where there are no samples."""
    tone = np.sin(2 * np.pi * frequency * np.arange(400) + 5.0)[None].astype(np.float32)
    for audio in (tone, tone[:, ::-1]):
        assert true_peak_db(limit(4 * audio)) == pytest.approx(CEILING_DB, abs=0.01)


@pytest.mark.parametrize("length", [0, 1, 30, BLOCK - 1, BLOCK, BLOCK + 1])
def test_as_many_samples_go_out_as_come_in(length: int) -> None:
    audio = np.full((2, length), 2.0, np.float32)
    found = list(limited(iter([audio]), CEILING, DEFAULT_RATE))
    assert sum(block.shape[1] for block in found) == length
    assert not length or true_peak_db(np.concatenate(found, axis=1)) == pytest.approx(CEILING_DB, abs=0.01)


def test_nothing_is_delayed_and_a_peak_changes_only_its_surroundings() -> None:
    audio = nasty("noise") * np.float32(0.3)
    place = BLOCK // 2
    audio = np.tile(audio, 2)
    audio[:, place] = 4.0
    found = limit(audio)
    before, after = place - AFTER - round(LOOK_AHEAD_S * DEFAULT_RATE), place + round(16 * RELEASE_S * DEFAULT_RATE)
    np.testing.assert_array_equal(found[:, :before], audio[:, :before])
    np.testing.assert_array_equal(found[:, after:], audio[:, after:])
    assert np.abs(found[:, place]).max() == pytest.approx(CEILING, rel=0.1), "the peak is where it was"
    gain = found[0] / audio[0]
    assert np.argmin(gain[before:after]) + before == pytest.approx(place, abs=50)


def test_it_does_not_matter_where_blocks_begin() -> None:
    """Peaks near the end of a block are released, and those after it are prepared, across the border."""
    audio = np.tile(nasty("impulse in noise"), 4)
    audio[0, BLOCK - 40] = audio[0, 2 * BLOCK + 40] = 3.0
    whole = limit(audio)
    for shift in (300, BLOCK // 2):
        later = limit(np.concatenate([np.zeros((1, shift), np.float32), audio], axis=1))
        np.testing.assert_allclose(later[:, shift:], whole, atol=1e-6)


@pytest.mark.parametrize("rate", [16_000, DEFAULT_RATE, 192_000])
def test_it_looks_ahead_as_long_at_every_rate(rate: int) -> None:
    envelope = np.full(BLOCK, 0.1, np.float32)
    envelope[10_000] = 1.0
    gain = np.concatenate(list(limiter.gains([envelope], CEILING, rate)))
    begin = int(np.flatnonzero(gain < 1.0)[0])
    assert (10_000 - begin) / rate == pytest.approx(LOOK_AHEAD_S, rel=0.05)


def test_channels_are_lowered_alike() -> None:
    audio = nasty("noise")
    audio[1] *= np.float32(0.01)
    found = limit(audio)
    np.testing.assert_allclose(found[0] / audio[0], found[1] / audio[1], rtol=1e-5)
    assert (found[0] / audio[0]).max() < 0.99


def test_gains_are_smooth_and_recover_within_the_release() -> None:
    envelope = np.full(BLOCK, 0.1, np.float32)
    envelope[10_000] = 4.0 * CEILING
    gain_db = 20.0 * np.log10(np.concatenate(list(limiter.gains([envelope], CEILING, DEFAULT_RATE))))
    lowest = -20.0 * math.log10(4.0)
    np.testing.assert_allclose(gain_db[10_000 - 12 : 10_000 + 13], lowest, atol=1e-6)
    assert np.abs(np.diff(gain_db)).max() < 0.2, "in decibels, from one sample to the next"
    later = 10_000 + round(RELEASE_S * DEFAULT_RATE)
    assert gain_db[later] == pytest.approx(lowest / math.e, abs=0.3)
    assert gain_db[-1] == pytest.approx(0.0, abs=0.01)
