"""Envelopes at a sample, with time cut out of them, and with time inserted. Pure functions, without numpy.

Where they are computed for many samples, as for sound: `engine.planning.factors`.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from lincae_studio.session.model import Point

#: Envelopes of gain are straight lines in dB; a line to or from silence ends at this level, in dB.
SILENCE_DB: Final = -60.0

#: The value of an envelope at a sample.
Law = Callable[[Sequence[Point], int], float]

#: An envelope that differs by less than this, in amplitude or pan, is the same.
_SAME = 1e-9


def gain_at(points: Sequence[Point], at: int) -> float:
    """The amplitude factor of an envelope of gain at a sample; without points 1."""
    if not points:
        return 1.0
    level = _between([Point(point.at, _level_db(point.value)) for point in _around(points, at)], at)
    return 10.0 ** (level / 20.0) if level > SILENCE_DB else 0.0


def line_at(points: Sequence[Point], at: int) -> float:
    """The value at a sample of an envelope of straight lines, as those of pan and of a morph; without points 0."""
    return _between(_around(points, at), at) if points else 0.0


def cut(points: tuple[Point, ...], start: int, end: int, law: Law) -> tuple[Point, ...]:
    """An envelope without the time from `start` to `end`: what followed moves to `start`.

    Before and after the cut every sample keeps its value.
    """
    if not points or end <= start:
        return points
    before = [point for point in points if point.at < start]
    after = [Point(point.at - end + start, point.value) for point in points if point.at > end]
    edges = [Point(start, law(points, end))]
    if start > 0 and all(point.at < start - 1 for point in before[-1:]):
        edges.append(Point(start - 1, law(points, start - 1)))
    return _joined([*before, *after], edges, law)


def insert(points: tuple[Point, ...], at: int, length: int, law: Law, block: Sequence[Point] = ()) -> tuple[Point, ...]:
    """An envelope with `length` samples inserted at `at`, where it keeps its value, or follows `block` (`section`)."""
    if length <= 0 or not (points or block):
        return points
    before = [point for point in points if point.at < at]
    after = [Point(point.at + length, point.value) for point in points if point.at > at]
    value = law(points, at)
    if not block:
        return _joined([*before, *after], [Point(at, value), Point(at + length, value)], law)
    ends = (block[0], block[-1])
    inner = [Point(at + point.at, point.value) for point in block if point not in ends]
    edges = [Point(at + length, value), *(Point(at + end.at, end.value) for end in dict.fromkeys(ends))]
    if at > 0 and all(point.at < at - 1 for point in before[-1:]):
        edges.append(Point(at - 1, law(points, at - 1)))
    return _joined([*before, *inner, *after], edges, law)


def section(points: Sequence[Point], start: int, end: int, law: Law) -> tuple[Point, ...]:
    """The part of an envelope in `[start, end)`, from sample 0 on, with a point at both ends; none without points."""
    if not points or end <= start:
        return ()
    inner = {point.at: point.value for point in points if start <= point.at < end}
    inner |= {at: law(points, at) for at in (start, end - 1) if at not in inner}
    return tuple(Point(at - start, inner[at]) for at in sorted(inner))


def _joined(kept: Iterable[Point], edges: Iterable[Point], law: Law) -> tuple[Point, ...]:
    """Points with those of the edges that change the envelope."""
    found = sorted((*kept, *edges), key=lambda point: point.at)
    for edge in edges:
        rest = [point for point in found if point is not edge]
        if abs(law(rest, edge.at) - edge.value) <= _SAME:
            found = rest
    return tuple(found)


def _around(points: Sequence[Point], at: int) -> Sequence[Point]:
    """The one or two points that decide about the value at a sample."""
    place = bisect_right(points, at, key=lambda point: point.at)
    return points[max(place - 1, 0) : place + 1]


def _between(around: Sequence[Point], at: int) -> float:
    first, last = around[0], around[-1]
    if at <= first.at or len(around) == 1:
        return first.value
    return first.value + (last.value - first.value) * (at - first.at) / (last.at - first.at)


def _level_db(gain: float) -> float:
    return max(20.0 * math.log10(max(gain, 1e-9)), SILENCE_DB)
