"""Statistics of an evaluation: limited values, excluded values, and confidence intervals."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lincae_studio.evaluation.figures import Measured


def test_an_exact_value_is_limited_before_averaging() -> None:
    measured = Measured()
    for value in (math.inf, 131.0, math.inf, 131.0):
        measured.add(0, 0, 0, "decoder_homogeneity_db", value)
    one = measured.statistics()["decoder_homogeneity_db"]
    assert one.mean == pytest.approx((160.0 + 131.0) / 2)
    assert (one.windows, one.values, one.limited, one.undefined) == (1, 4, 2, 0)
    assert not one.exact


def test_only_what_is_exact_everywhere_is_called_exact() -> None:
    measured = Measured()
    for window, ratio in enumerate((math.inf, math.inf)):
        measured.add(0, window, 0, "snr_db", ratio)
        measured.add(0, window, 0, "si_sdr_db", -ratio)
    assert measured.statistics()["snr_db"].exact
    worst = measured.statistics()["si_sdr_db"]
    assert (worst.mean, worst.limited, worst.exact) == (-160.0, 2, False)


def test_undefined_values_are_excluded_and_counted() -> None:
    measured = Measured()
    for window, value in enumerate((1.0, math.nan, 3.0)):
        measured.add(0, window, None, "mix_mr_stft", value)
    one = measured.statistics()["mix_mr_stft"]
    assert (one.mean, one.windows, one.undefined) == (2.0, 2, 1)
    assert [row.values["mix_mr_stft"] for row in measured.rows() if row.group != 1] == [1.0, 3.0]
    assert one.plain()["low"] == pytest.approx(2.0 - 12.706 * math.sqrt(2.0) / math.sqrt(2.0))


@pytest.mark.parametrize(("count", "quantile"), [(2, 12.706), (5, 2.776), (6, 2.571), (11, 2.228), (31, 2.042)])
def test_the_interval_is_that_of_students_t(count: int, quantile: float) -> None:
    values = np.random.default_rng(0).normal(size=count)
    measured = Measured()
    for window, value in enumerate(values):
        measured.add(0, window, 0, "mr_stft", float(value))
    one = measured.statistics()["mr_stft"]
    assert one.deviation == pytest.approx(values.std(ddof=1))
    assert one.high - one.mean == pytest.approx(quantile * values.std(ddof=1) / math.sqrt(count), rel=2e-3)


def test_seeds_do_not_count_as_independent_windows() -> None:
    measured = Measured()
    for seed in range(3):
        for window in range(2):
            measured.add(seed, window, 0, "mr_stft", 10.0 * window + seed)
    overall = measured.statistics()["mr_stft"]
    assert (overall.mean, overall.windows, overall.values) == (6.0, 2, 6)
    assert overall.deviation == pytest.approx(np.std([1.0, 11.0], ddof=1))
    assert [measured.statistics(seed)["mr_stft"].mean for seed in range(3)] == [5.0, 6.0, 7.0]
    assert [(row.seed, row.group) for row in measured.rows()] == [(s, w) for s in range(3) for w in range(2)]
