"""The figures of an evaluation: their definitions, the values per window, and statistics of them.

Letters as in `evaluation`. Figures whose names begin with `reference` follow the evaluation code of the authors of
Lin-CAE, so that they can be compared with theirs; ours beside them say more about mixing in the studio.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import Literal

import numpy as np

from lincae_studio.evaluation.metrics import LIMIT_DB, limited

#: What figures compare with, in the order of all tables: the true signal first.
Against = Literal["truth", "latents", "decodes", "reference", "nothing"]

#: Headings of tables.
SECTIONS: dict[Against, str] = {
    "truth": "Decoded audio against the true signals",
    "latents": "Latents against latents",
    "decodes": "Decoded audio against decoded audio: a codec that decodes everything alike can be perfect here",
    "reference": "As the authors of Lin-CAE measure",
    "nothing": "Statistics of latents",
}


@dataclass(frozen=True)
class Figure:
    """A figure of the report.

    Attributes:
        title: for tables.
        meaning: its definition.
        better: `higher`, `lower`, or empty where neither is.
        against: what it compares with.
    """

    title: str
    meaning: str
    better: str = ""
    against: Against = "truth"


def _against_truth(name: str, title: str, meaning: str) -> dict[str, Figure]:
    """The three measures of a decoded signal; `name` begins their names, `title` their titles."""
    return {
        f"{name}snr_db": Figure(f"{title}: SNR, dB", meaning, "higher"),
        f"{name}si_sdr_db": Figure(f"{title}: SI-SDR, dB", meaning, "higher"),
        f"{name}mr_stft": Figure(f"{title}: MR-STFT", meaning, "lower"),
    }


FIGURES = {
    **_against_truth("", "autoencoded", "D(z_i) against the true x_i"),
    "mel_db": Figure("autoencoded: mel distance, dB", "D(z_i) against the true x_i", "lower"),
    **_against_truth("mix_", "mixed", "D(sum . z_i) against the true mix"),
    **_against_truth("scaled_", "scaled", "D(a . z_i) against the true a x_i"),
    **_against_truth("rest_", "removed", "D(z - z_i) against the true rest"),
    "encoder_homogeneity": Figure("encoder homogeneity", "|E(a x_i) - a . z_i| / |E(a x_i) - z0|", "lower", "latents"),
    "encoder_homogeneity_plain": Figure("- without z0", "the same with 0 for z0", "lower", "latents"),
    "encoder_additivity": Figure("encoder additivity", "|z - sum . z_i| / |z - z0|", "lower", "latents"),
    "encoder_additivity_plain": Figure("- without z0", "the same with 0 for z0", "lower", "latents"),
    "decoder_homogeneity_db": Figure(
        "decoder homogeneity, dB", "SNR of D(a . z_i) against a D(z_i)", "higher", "decodes"
    ),
    "decoder_homogeneity_plain_db": Figure("- without z0", "the same with 0 for z0", "higher", "decodes"),
    "decoder_additivity_db": Figure(
        "decoder additivity, dB", "SNR of D(sum . z_i) against sum D(z_i)", "higher", "decodes"
    ),
    "decoder_additivity_plain_db": Figure("- without z0", "the same with 0 for z0", "higher", "decodes"),
    "separability_db": Figure("separability, dB", "SI-SDR of D(z - z_i) against D(E(x - x_i))", "higher", "decodes"),
    "reference_mr_stft": Figure(
        "reference: MR-STFT", "D(z_i) against the true x_i, windows of auraloss", "lower", "reference"
    ),
    "reference_separability": Figure(
        "reference: separability",
        "MR-STFT of D(z - z_i) against the true rest, windows of auraloss",
        "lower",
        "reference",
    ),
    "reference_encoder_homogeneity": Figure(
        "reference: encoder homogeneity", "|E(a x_i) - a z_i| / |a z_i|", "lower", "reference"
    ),
    "reference_decoder_additivity": Figure(
        "reference: decoder additivity",
        "MR-STFT of D(sum z_i) against D(z), windows of auraloss",
        "lower",
        "reference",
    ),
    "reference_silence_norm": Figure("reference: norm of silence", "mean of |z0| of a channel", "lower", "reference"),
    "effective_rank": Figure(
        "effective rank", "exp of the entropy of the latents' normalised singular values", "", "nothing"
    ),
    "latent_std": Figure("latent deviation", "standard deviation of all latent values", "", "nothing"),
    "scale_factor": Figure(
        "suggested scale", "1 / deviation: times the factor in use, it gives unit variance", "", "nothing"
    ),
    "silence_norm": Figure("norm of silence", "mean |z0| of a frame over mean |z_i| of a frame", "lower", "nothing"),
}


def against(kind: Against) -> list[str]:
    """The names of the figures of one kind, in order."""
    return [name for name, one in FIGURES.items() if one.against == kind]


@dataclass(frozen=True)
class Row:
    """The figures of one window: of a source, or of the mixture of all sources of its group.

    Attributes:
        seed: of the decoder's noise.
        group: number of the mixture.
        source: number of the source in it; None for the mixture.
        values: by name; several gains are averaged, NaN where nothing can be measured.
    """

    seed: int
    group: int
    source: int | None
    values: dict[str, float]


@dataclass(frozen=True)
class Statistics:
    """Statistics of a figure over windows.

    Attributes:
        mean, deviation: over windows; NaN without a window, or, for the deviation, with one.
        low, high: limits of the 95 % confidence interval of the mean, by Student's t. It treats windows as
            independent of each other, which windows of one song are not.
        windows: number of windows.
        values: number of values: with several gains, there are several in a window.
        limited: number of values that were limited to plus or minus 160 dB.
        undefined: number of values left out because the reference was silent.
    """

    mean: float
    deviation: float
    low: float
    high: float
    windows: int
    values: int
    limited: int
    undefined: int

    @property
    def exact(self) -> bool:
        """Whether every value reached the limit, as those of an exact codec do."""
        return self.values > 0 and self.limited == self.values and self.mean == LIMIT_DB

    def plain(self) -> dict[str, float | int | None]:
        """For JSON, which has no NaN."""
        return {name: finite(getattr(self, name)) for name in self.__dataclass_fields__}


class Measured:
    """Values collected while a codec is measured. Ratios in dB (`*_db`) are limited; see `metrics.limited`."""

    def __init__(self) -> None:
        self._windows: dict[tuple[int, int | None], dict[str, list[tuple[int, float]]]] = {}

    def add(self, seed: int, group: int, source: int | None, name: str, value: float) -> None:
        """Add a value of a window, of which there may be several, such as for several gains; see `Row`."""
        window = self._windows.setdefault((group, source), defaultdict(list))
        window[name].append((seed, limited(value) if name.endswith("_db") else value))

    def rows(self) -> list[Row]:
        """A row for each seed and window."""
        rows = []
        for (group, source), window in self._windows.items():
            for seed in sorted({seed for values in window.values() for seed, _ in values}):
                means = {name: _mean(_of_seed(values, seed)) for name, values in window.items()}
                rows.append(Row(seed, group, source, means))
        return sorted(rows, key=lambda row: row.seed)

    def statistics(self, seed: int | None = None) -> dict[str, Statistics]:
        """Statistics of the values of one seed, or of the windows' means over all seeds."""
        windows: dict[str, list[list[float]]] = defaultdict(list)
        for window in self._windows.values():
            for name, values in window.items():
                windows[name].append(_of_seed(values, seed))
        return {name: _statistics(name, windows[name]) for name in FIGURES if name in windows}


def finite(value: float) -> float | None:
    """None for NaN and infinity, which JSON cannot represent."""
    return value if math.isfinite(value) else None


def _of_seed(values: list[tuple[int, float]], seed: int | None) -> list[float]:
    return [value for own_seed, value in values if seed is None or own_seed == seed]


def _statistics(name: str, windows: list[list[float]]) -> Statistics:
    means = np.array([_mean(values) for values in windows])
    means = means[~np.isnan(means)]
    mean = float(means.mean()) if means.size else math.nan
    deviation = float(means.std(ddof=1)) if means.size > 1 else math.nan
    half = _student(means.size - 1) * deviation / math.sqrt(means.size) if means.size > 1 else math.nan
    values = [value for window in windows for value in window if not math.isnan(value)]
    return Statistics(
        mean=mean,
        deviation=deviation,
        low=mean - half,
        high=mean + half,
        windows=means.size,
        values=len(values),
        limited=sum(abs(value) == LIMIT_DB for value in values) if name.endswith("_db") else 0,
        undefined=sum(len(window) for window in windows) - len(values),
    )


def _mean(values: list[float]) -> float:
    """Mean of the values that are not NaN; NaN without any."""
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan


#: 97.5 % quantiles of Student's t for 1 to 4 degrees of freedom.
_STUDENT = (12.706, 4.303, 3.182, 2.776)


def _student(freedom: int) -> float:
    """97.5 % quantile of Student's t; from 5 degrees on, the expansion of Abramowitz and Stegun 26.7.5."""
    if freedom <= len(_STUDENT):
        return _STUDENT[freedom - 1]
    z = 1.959964
    first = (z**3 + z) / 4.0
    second = (5.0 * z**5 + 16.0 * z**3 + 3.0 * z) / 96.0
    third = (3.0 * z**7 + 19.0 * z**5 + 17.0 * z**3 - 15.0 * z) / 384.0
    return z + first / freedom + second / freedom**2 + third / freedom**3
