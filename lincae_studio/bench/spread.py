"""How far repeats of a measurement lie apart, for `bench compare`."""

from __future__ import annotations

from collections.abc import Iterable


def spread(values: Iterable[float]) -> list[float]:
    """The lowest and the highest of the repeats.

    In the figures of a benchmark, `spread` holds such pairs under the names of the figures beside it.
    """
    repeats = list(values)
    return [min(repeats), max(repeats)]
