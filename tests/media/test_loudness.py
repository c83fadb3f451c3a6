"""Loudness, against the test signals of EBU Tech 3341 and 3342, made here."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lincae_studio.errors import MediaError
from lincae_studio.media.loudness import SILENT, LoudnessMeter, available, blocks
from lincae_studio.session.model import SESSION_RATE


def sine(dbfs: float, seconds: float, hz: float = 1000.0) -> np.ndarray:
    """On both sides."""
    at = np.arange(round(seconds * SESSION_RATE)) / SESSION_RATE
    return np.tile(10 ** (dbfs / 20) * np.sin(2 * np.pi * hz * at), (2, 1)).astype(np.float32)


def measured(*parts: np.ndarray) -> LoudnessMeter:
    meter = LoudnessMeter()
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


@pytest.mark.parametrize(("one", "other", "expected"), [(-20.0, -30.0, 10.0), (-20.0, -15.0, 5.0)])
def test_the_range_is_that_between_two_levels(one: float, other: float, expected: float) -> None:
    """Tech 3342, cases 1 and 2."""
    assert measured(sine(one, 20.0), sine(other, 20.0)).read().range == pytest.approx(expected, abs=1.0)


def test_a_true_peak_lies_between_the_samples() -> None:
    """A quarter of the rate, sampled at 45 degrees: each sample is 3 dB below the peak."""
    at = np.arange(SESSION_RATE)
    wave = np.tile(0.5 * np.sin(2 * np.pi * at / 4 + np.pi / 4), (2, 1)).astype(np.float32)
    assert np.abs(wave).max() == pytest.approx(0.5 / math.sqrt(2), rel=1e-4)
    assert measured(wave).read().true_peak == pytest.approx(-6.0, abs=0.4)


def test_mono_counts_on_both_sides() -> None:
    stereo = sine(-20.0, 5.0)
    assert measured(stereo[:1]).read() == measured(stereo).read()


def test_silence_has_no_loudness() -> None:
    loudness = measured(np.zeros((2, 5 * SESSION_RATE), np.float32)).read()
    assert loudness.integrated == loudness.momentary == loudness.true_peak == SILENT
    assert LoudnessMeter().read().integrated == SILENT


def test_without_the_library_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lincae_studio.media.loudness.pyebur128", None)
    assert not available()
    with pytest.raises(MediaError, match=r"pyebur128 is missing\. Install"):
        LoudnessMeter()


def test_blocks_cover_everything() -> None:
    assert list(blocks(10, 4)) == [(0, 4), (4, 4), (8, 2)]
    assert list(blocks(0, 4)) == []
