"""Curves as few points: which values an envelope of straight lines needs. Pure functions."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_Values = npt.NDArray[np.float64]


def thinned(positions: _Values, values: _Values, tolerances: _Values) -> list[tuple[int, float]]:
    """The points between which straight lines are nowhere further from a curve than the tolerance there.

    As by Ramer (1972) and by Douglas and Peucker (1973), but distances are those of values, not of places.

    Args:
        positions: in samples, rising.
        values, tolerances: at these.
    """
    if not len(positions):
        return []
    kept = {0, len(positions) - 1}
    waiting = [(0, len(positions) - 1)]
    while waiting:
        first, last = waiting.pop()
        if last - first < 2:
            continue
        inside = slice(first + 1, last)
        line = np.interp(positions[inside], positions[[first, last]], values[[first, last]])
        excess = np.abs(values[inside] - line) / tolerances[inside]
        farthest = int(excess.argmax())
        if excess[farthest] > 1.0:
            middle = first + 1 + farthest
            kept.add(middle)
            waiting += [(first, middle), (middle, last)]
    found: dict[int, float] = {}
    for place in sorted(kept):
        found.setdefault(round(float(positions[place])), float(values[place]))
    return list(found.items())
