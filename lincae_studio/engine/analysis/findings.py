"""The findings of a check of stems against their master. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import numpy.typing as npt
from msgspec import Struct

Kind = Literal["gain", "delay", "missing", "other"]


class Finding(Struct, frozen=True):
    """One difference between the master and the stems.

    Attributes:
        tracks: ids of the stems' tracks: several if they cannot be told apart, none if it is of no stem.
        start, end: where it is, in samples of the timeline.
        amount: of `gain`, by how many dB the stem is too loud, negative if too quiet; of `delay`, by how many samples
            the stem is late, negative if early; else the level of what differs, in dB relative to the master.
        words: what is wrong there, without names and times.
    """

    tracks: tuple[int, ...]
    kind: Kind
    start: int
    end: int
    amount: float
    words: str


class CheckResult(Struct, frozen=True):
    """A comparison of a master with its stems.

    Attributes:
        findings: in order of time.
        residual_db: per chunk, the master less the sum of the aligned stems at their usual gains, in dB relative to
            the master; None where the master is silent.
        bands_db: `(chunks, bands)`, the same by bands of latent channels, from low to high.
        lags: by how many samples each track must be moved to be aligned, by id.
        gains: the usual amplitude factors of each track in the master on each bus, by id.
        master_gain_db: the level of the stems in the master that most of them have in common.
        chunk_samples: samples from one chunk to the next.
        codec: id of the codec whose latents were compared.
        notes: what else should be known.
    """

    findings: tuple[Finding, ...]
    residual_db: tuple[float | None, ...]
    bands_db: npt.NDArray[np.float64]
    lags: Mapping[int, int]
    gains: Mapping[int, tuple[float, ...]]
    master_gain_db: float
    chunk_samples: int
    codec: str
    notes: tuple[str, ...]
