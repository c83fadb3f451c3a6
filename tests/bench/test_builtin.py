"""The table of the built-in codecs, measured on the demo song, and the metrics it is made of."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from lincae_studio.bench import builtin
from lincae_studio.evaluation.metrics import mel_distance, mr_stft, si_sdr, snr

pytestmark = pytest.mark.slow  # the table is measured

RATE = 44_100

Rows = dict[str, dict[str, float]]


@pytest.fixture(scope="module")
def rows() -> Rows:
    """The rows by codec, without the name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(builtin, "_TIMED_RUNS", 1)  # speed is not judged
        table = builtin.measure_builtin()
    assert json.loads(json.dumps(table)) == table, "rows must survive --json"
    return {str(row["codec"]): {key: x for key, x in row.items() if isinstance(x, int | float)} for row in table}


@pytest.fixture
def noise() -> np.ndarray:
    return np.random.default_rng(7).standard_normal(RATE)


def test_the_table_lists_the_codecs_and_the_low_pass(rows: Rows) -> None:
    assert [(codec, row["ratio"]) for codec, row in rows.items()] == [
        ("mdct-1x", 1.0),
        ("mdct-2x", 2.0),
        ("mdct-4x", 4.0),
        ("lowpass-4x", 4.0),
    ]
    assert all(row["encode_x_realtime"] > 1.0 and row["decode_x_realtime"] > 1.0 for row in rows.values())


@pytest.mark.parametrize(("codec", "least_db"), [("mdct-1x", 100.0), ("mdct-2x", 19.0), ("mdct-4x", 12.0)])
def test_the_mix_and_what_is_left_of_it_come_back(rows: Rows, codec: str, least_db: float) -> None:
    assert rows[codec]["si_sdr_db"] >= least_db
    assert rows[codec]["stem_removal_db"] >= least_db


def test_fewer_values_cost_quality(rows: Rows) -> None:
    for better, worse in (("mdct-1x", "mdct-2x"), ("mdct-2x", "mdct-4x")):
        assert rows[better]["si_sdr_db"] > rows[worse]["si_sdr_db"]
        assert rows[better]["stem_removal_db"] > rows[worse]["stem_removal_db"]
        assert rows[better]["mr_stft"] < rows[worse]["mr_stft"]
        assert rows[better]["mel_db"] < rows[worse]["mel_db"]


def test_all_are_additive_to_rounding(rows: Rows) -> None:
    assert min(row["additivity_db"] for row in rows.values()) >= 100.0


def test_a_low_pass_wins_in_samples_and_loses_in_spectra(rows: Rows) -> None:
    sketch, low_pass = rows["mdct-4x"], rows["lowpass-4x"]
    assert low_pass["si_sdr_db"] > sketch["si_sdr_db"]
    assert low_pass["mr_stft"] > 3.0 * sketch["mr_stft"]
    assert low_pass["mel_db"] > 3.0 * sketch["mel_db"]


@pytest.mark.parametrize("level_db", [-40.0, -20.0, 0.0])
def test_si_sdr_and_snr_of_a_known_noise_level(noise: np.ndarray, level_db: float) -> None:
    # The error is made orthogonal to the signal and of known energy: the definition then gives its level exactly.
    error = np.random.default_rng(8).standard_normal(RATE)
    error -= noise * (error @ noise) / (noise @ noise)
    error *= np.linalg.norm(noise) / np.linalg.norm(error) * 10 ** (level_db / 20)
    assert si_sdr(noise + error, noise) == pytest.approx(-level_db)
    assert snr(noise + error, noise) == pytest.approx(-level_db)


def test_si_sdr_ignores_scale_and_snr_does_not(noise: np.ndarray) -> None:
    estimate = noise + 0.1 * np.random.default_rng(8).standard_normal(RATE)
    assert si_sdr(-3.0 * estimate, noise) == pytest.approx(si_sdr(estimate, noise))
    assert si_sdr(estimate, 0.25 * noise) == pytest.approx(si_sdr(estimate, noise))
    assert snr(0.5 * noise, noise) == pytest.approx(20 * math.log10(2))


def test_equal_signals(noise: np.ndarray) -> None:
    assert snr(noise, noise) == math.inf
    assert mr_stft(noise, noise) == 0.0
    assert mel_distance(noise, noise, RATE) == 0.0


def test_mr_stft_of_a_gain_is_known(noise: np.ndarray) -> None:
    # Halving all magnitudes: spectral convergence is 1/2, the log difference ln 2 at every point.
    assert mr_stft(0.5 * noise, noise) == pytest.approx(0.5 + math.log(2), rel=1e-6)


def test_mel_distance_of_a_gain_is_the_gain(noise: np.ndarray) -> None:
    assert mel_distance(0.5 * noise, noise, RATE) == pytest.approx(20 * math.log10(2), rel=1e-6)


def test_mel_distance_counts_at_most_its_range(noise: np.ndarray) -> None:
    assert 60.0 < mel_distance(np.zeros(RATE), noise, RATE) < 80.0
