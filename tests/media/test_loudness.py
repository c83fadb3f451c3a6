"""Loudness, against the test signals of EBU Tech 3341 and 3342, made here."""

from __future__ import annotations

import math

import numpy as np
import pytest
import soundfile as sf

from lincae_studio.media import bs1770
from lincae_studio.media.loudness import SILENT, FileMeter, LoudnessMeter, blocks
from lincae_studio.paths import resource
from lincae_studio.session.model import DEFAULT_RATE
from tests.helpers import tone


def sine(dbfs: float, seconds: float, hz: float = 1000.0) -> np.ndarray:
    """On both sides."""
    at = np.arange(round(seconds * DEFAULT_RATE)) / DEFAULT_RATE
    return np.tile(10 ** (dbfs / 20) * np.sin(2 * np.pi * hz * at), (2, 1)).astype(np.float32)


def measured(*parts: np.ndarray) -> LoudnessMeter:
    meter = LoudnessMeter(DEFAULT_RATE)
    whole = np.concatenate(parts, axis=1)
    for start, count in blocks(whole.shape[1], 7919):
        meter.add(whole[:, start : start + count])
    return meter


@pytest.mark.parametrize("level", [-23.0, -33.0])
def test_a_steady_tone_has_its_level(level: float) -> None:
    """Tech 3341, cases 1 and 2."""
    loudness = measured(sine(level, 20.0)).read()
    for value in (loudness.momentary, loudness.short_term, loudness.integrated):
        assert value == pytest.approx(level, abs=0.1)


def test_quiet_parts_are_gated_away() -> None:
    """Tech 3341, cases 3 and 4."""
    tones = (sine(-36.0, 10.0), sine(-23.0, 60.0), sine(-36.0, 10.0))
    assert measured(*tones).read().integrated == pytest.approx(-23.0, abs=0.1)
    silence = (sine(-72.0, 10.0), *tones, sine(-72.0, 10.0))
    assert measured(*silence).read().integrated == pytest.approx(-23.0, abs=0.1)


@pytest.mark.parametrize(
    ("levels", "expected"), [((-20.0, -30.0), 10.0), ((-20.0, -15.0), 5.0), ((-40.0, -20.0), 20.0)]
)
def test_the_range_is_that_between_two_levels(levels: tuple[float, ...], expected: float) -> None:
    """Tech 3342, cases 1 to 3."""
    assert measured(*(sine(level, 20.0) for level in levels)).read().range == pytest.approx(expected, abs=1.0)


def test_the_range_ignores_very_quiet_parts() -> None:
    """Tech 3342, case 4."""
    tones = [sine(level, 20.0) for level in (-50.0, -35.0, -20.0, -35.0, -50.0)]
    assert measured(*tones).read().range == pytest.approx(15.0, abs=1.0)


def test_loudness_is_that_of_the_last_seconds() -> None:
    """Tech 3341, cases 9 and 12: levels alternate within a window that has one loudness as a whole."""
    three_seconds = [sine(-20.0, 1.34), sine(-30.0, 1.66)] * 5
    meter = LoudnessMeter(DEFAULT_RATE)
    signal = np.concatenate(three_seconds, axis=1)
    heard = []
    for start, count in blocks(signal.shape[1], DEFAULT_RATE // 10):
        meter.add(signal[:, start : start + count])
        heard.append(meter.read().short_term)
    assert heard[30:] == pytest.approx([-23.0] * len(heard[30:]), abs=0.1)
    four_tenths = [sine(-20.0, 0.18), sine(-30.0, 0.22)] * 25
    meter, heard = LoudnessMeter(DEFAULT_RATE), []
    signal = np.concatenate(four_tenths, axis=1)
    for start, count in blocks(signal.shape[1], DEFAULT_RATE // 10):
        meter.add(signal[:, start : start + count])
        heard.append(meter.read().momentary)
    assert heard[10:] == pytest.approx([-23.0] * len(heard[10:]), abs=0.1)


@pytest.mark.parametrize(
    ("divisor", "degrees", "level"), [(4, 0.0, -6.0), (4, 45.0, -6.0), (6, 60.0, -6.0), (8, 67.5, -6.0)]
)
def test_a_true_peak_lies_between_the_samples(divisor: int, degrees: float, level: float) -> None:
    """Tech 3341, cases 15 to 18: fractions of the rate, whose samples miss the peaks."""
    at = np.arange(DEFAULT_RATE)
    wave = np.tile(0.5 * np.sin(2 * np.pi * at / divisor + np.radians(degrees)), (2, 1)).astype(np.float32)
    fade = np.minimum(1.0, np.minimum(at, at[::-1]) / 1000.0)
    assert -0.4 <= measured(wave * fade.astype(np.float32)).read().true_peak - level <= 0.2


def test_a_peak_just_before_the_end_counts() -> None:
    wave = np.zeros((2, 5000), np.float32)
    wave[1, -2:] = 0.5
    assert measured(wave).read().true_peak > 20 * math.log10(0.55)


def test_blocks_are_filtered_as_samples_one_after_the_other() -> None:
    signal = np.random.default_rng(3).normal(0.0, 0.1, (2, 2 * DEFAULT_RATE)).astype(np.float32)
    filtered, _ = bs1770.weighted(signal.T.astype(np.float64), np.zeros((4, 2)), DEFAULT_RATE)
    power = (filtered[-4 * DEFAULT_RATE // 10 :] ** 2).mean(axis=0).sum()
    assert measured(signal).read().momentary == pytest.approx(-0.691 + 10 * math.log10(power), abs=1e-6)


@pytest.mark.parametrize("size", [1, 333, 4410, 100_000])
def test_it_does_not_matter_how_samples_come_in(size: int) -> None:
    count = 5_000 if size == 1 else 3 * DEFAULT_RATE + 77
    signal = np.random.default_rng(4).normal(0.0, 0.1, (2, count)).astype(np.float32)
    pieces, whole = LoudnessMeter(DEFAULT_RATE), LoudnessMeter(DEFAULT_RATE)
    whole.add(signal)
    for start, length in blocks(count, size):
        pieces.add(signal[:, start : start + length])
    for name in ("momentary", "short_term", "integrated", "range", "true_peak"):
        assert getattr(pieces.read(), name) == pytest.approx(getattr(whole.read(), name), abs=1e-4), name


def test_figures_are_those_of_libebur128() -> None:
    """Of the demo's drums and of noise whose level wanders, to the end of a tenth of a second."""
    library = pytest.importorskip("pyebur128", reason="there is no wheel for this Python")
    drums, rate = sf.read(resource("demo/drums.ogg"), dtype="float32", always_2d=True)
    assert rate == DEFAULT_RATE
    drums = np.broadcast_to(drums.T, (2, len(drums)))
    random = np.random.default_rng(5)
    levels = np.repeat(10 ** (random.uniform(-50.0, -5.0, 40) / 20), DEFAULT_RATE // 2)
    noise = (random.normal(0.0, 0.3, (2, len(levels))) * levels).astype(np.float32)
    mode = library.MeasurementMode
    for signal in (drums[:, : len(drums.T) // 4410 * 4410], noise):
        state = library.R128State(
            2, DEFAULT_RATE, mode.MODE_M | mode.MODE_S | mode.MODE_I | mode.MODE_LRA | mode.MODE_TRUE_PEAK
        )
        for start, count in blocks(signal.shape[1]):
            part = np.ascontiguousarray(signal[:, start : start + count].T, np.float32)
            state.add_frames(part.reshape(-1), count)
        ours = measured(signal).read()
        assert ours.momentary == pytest.approx(library.get_loudness_momentary(state), abs=0.01)
        assert ours.short_term == pytest.approx(library.get_loudness_shortterm(state), abs=0.01)
        assert ours.integrated == pytest.approx(library.get_loudness_global(state), abs=0.01)
        assert ours.range == pytest.approx(library.get_loudness_range(state), abs=0.1)
        peak = max(library.get_true_peak(state, channel) for channel in range(2))
        assert ours.true_peak == pytest.approx(20 * math.log10(peak), abs=0.1)


def test_mono_counts_on_both_sides() -> None:
    stereo = sine(-20.0, 5.0)
    assert measured(stereo[:1]).read() == measured(stereo).read()


def test_silence_has_no_loudness() -> None:
    loudness = measured(np.zeros((2, 5 * DEFAULT_RATE), np.float32)).read()
    assert loudness.integrated == loudness.momentary == loudness.true_peak == SILENT
    assert LoudnessMeter(DEFAULT_RATE).read().integrated == SILENT


def test_blocks_cover_everything() -> None:
    assert list(blocks(10, 4)) == [(0, 4), (4, 4), (8, 2)]
    assert list(blocks(0, 4)) == []


@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000, 192_000])
def test_files_of_any_rate_are_measured_alike(rate: int) -> None:
    """Also from blocks that are too short for the rate conversion to return any samples at first."""
    audio = tone(1000.0, 3 * rate, rate, 0.5).T
    meter = FileMeter(1, rate)
    for at in range(0, 500, 5):
        meter.add(audio[:, at : at + 5])
    meter.add(audio[:, 500:])
    loudness, true_peak = meter.read()
    expected = LoudnessMeter(DEFAULT_RATE)
    expected.add(tone(1000.0, 3 * DEFAULT_RATE, level=0.5).T)
    assert loudness == pytest.approx(expected.read().integrated, abs=0.02)
    assert true_peak == pytest.approx(20.0 * math.log10(0.5), abs=0.02)
