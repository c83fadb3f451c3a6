"""Spans of time in figures per block, and the gain that most of many estimates agree on. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

#: First block, and the one after the last.
Span = tuple[int, int]

_Values = npt.NDArray[np.float64]

#: Gains that differ by less than this factor agree: 0.8 dB.
_AGREE = 1.1

#: Share of a stem's energy for which gains must agree, else it has none.
_AGREEING = 0.15

#: Smallest contribution of a stem, relative to the energy of the mix: -60 dB.
_LEAST = 1e-6

#: The share of the residual that a stem explains by chance.
_CHANCE = 5e-3

#: Estimates that must agree, if there are as many.
_ENOUGH = 3

#: Stems agree in level within this, in dB.
_SAME_DB = 0.1


def runs(flags: npt.NDArray[np.bool_], gap: int, least: int) -> list[Span]:
    """The spans in which flags are set. Shorter gaps than `gap` are closed; shorter spans than `least` are left out."""
    set_at = np.flatnonzero(flags)
    if not len(set_at):
        return []
    breaks = np.flatnonzero(np.diff(set_at) > gap)
    firsts = [int(set_at[0]), *(int(set_at[one + 1]) for one in breaks)]
    lasts = [*(int(set_at[one]) for one in breaks), int(set_at[-1])]
    return [
        (first, last + 1)
        for first, last in zip(firsts, lasts, strict=True)
        if last + 1 - first >= least and int(flags[first : last + 1].sum()) >= least
    ]


def best_span(gains: _Values) -> Span | None:
    """The span with the largest sum (Kadane), without parts at its ends that add nothing; None if none is positive."""
    sums = np.concatenate([[0.0], np.cumsum(gains)])
    least = np.minimum.accumulate(sums)
    end = int((sums[1:] - least[:-1]).argmax()) + 1
    start = int(np.flatnonzero(sums[:end] == least[end - 1])[-1])
    return (start, end) if sums[end] > sums[start] else None


def steady_gain(gains: _Values, weights: _Values, unexplained: _Values, power: float) -> float:
    """The gain that a stem has most of the time: where estimates agree best; 0 if they do not, or it is inaudible.

    Args:
        gains: an estimate for each window of time.
        weights: the energy of the stem in each.
        unexplained: the energy of the mix in each that no stem explains.
        power: the energy of the mix in a window.
    """
    heard = gains**2 * weights
    known = (heard > _LEAST * power) & (heard > _CHANCE * unexplained)
    total = float(weights.sum())
    if not known.any():
        return 0.0
    values, shares = gains[known], weights[known]
    if float(shares[values < 0.0].sum()) > 0.5 * float(shares.sum()):
        return -steady_gain(-gains, weights, unexplained, power)
    values, shares = values[values > 0.0], shares[values > 0.0]
    order = np.argsort(values)
    values, shares = values[order], shares[order]
    sums = np.concatenate([[0.0], np.cumsum(shares)])
    ends = np.searchsorted(values, values * _AGREE, "right")
    inside = sums[ends] - sums[:-1]
    first = int(inside.argmax())
    agreed = slice(first, int(ends[first]))
    if inside[first] < _AGREEING * total or len(values[agreed]) < min(_ENOUGH, len(gains)):
        return 0.0
    half = np.searchsorted(np.cumsum(shares[agreed]), shares[agreed].sum() / 2.0)
    return float(values[agreed][min(int(half), len(values[agreed]) - 1)])


def common_gain(gains: Sequence[float]) -> float:
    """The level that stems have in common: 1 if half of them have it, else their median; 1 for no stems."""
    if not gains:
        return 1.0
    levels = 20.0 * np.log10(np.array(gains))
    if 2 * int((np.abs(levels) < _SAME_DB).sum()) >= len(gains):
        return 1.0
    return float(np.median(gains))
