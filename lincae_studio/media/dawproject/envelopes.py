"""Automation as envelopes, and envelopes as automation. Pure functions.

Volume envelopes are straight lines in dB here, and straight lines of amplitude in most DAWprojects. Where the two
differ audibly, points are added.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from lincae_studio.media.dawproject.pieces import Corner
from lincae_studio.session.model import MAX_GAIN, MAX_LENGTH, Point

#: Tolerance, so that a rounded quotient is not taken for a value out of range.
_ROUNDING = 1e-9

#: Within this ratio, 3 dB, lines of amplitude and lines in dB differ by less than 0.15 dB, (ln ratio)^2 / 8 neper.
_RATIO = 10.0 ** (3.0 / 20.0)

#: Ways shorter than this, in samples, are so short that rounding a place matters.
_SHORT = 2000

#: No points are added beyond this many in an envelope.
_MOST_POINTS = 100_000

#: Where lines in dB end in silence: -60 dB (`engine.planning.factors`).
_SILENCE = 10.0 ** (-60.0 / 20.0)


def gain_envelope(
    gain: float, levels: list[Corner], in_db: bool, notes: dict[str, None]
) -> tuple[float, tuple[Point, ...]]:
    """The fader, and the envelope that is multiplied by it, for automation that replaces the fader.

    The fader keeps its value if the envelope can be expressed with it, else it is set to 1. `in_db`: the lines of the
    automation are straight in dB, not in amplitude.
    """
    top = MAX_GAIN * (1.0 + _ROUNDING)
    if not (0.0 < gain <= MAX_GAIN) or any(corner.value > top * gain for corner in levels):
        gain = 1.0
    if any(corner.value > top for corner in levels if gain == 1.0):
        notes["levels above +24 dB are limited"] = None
    points = corners([Corner(one.at, one.value / gain, one.line) for one in levels])
    drawn = decibel_lines(points, in_db)
    if len(drawn) > _MOST_POINTS:
        notes["volume envelopes with very many points are straight in dB between some of them"] = None
    elif len(drawn) > len(points):
        notes["points are added to volume envelopes, whose lines are straight in dB here"] = None
    return gain, tuple(Point(point.at, min(point.value, MAX_GAIN)) for point in drawn)


def pan_envelope(pan: float, places: list[Corner]) -> tuple[float, tuple[Point, ...]]:
    """The pan, and the envelope that is added to it, for automation that replaces the pan; like `gain_envelope`."""
    if any(abs(corner.value - pan) > 1.0 + _ROUNDING for corner in places):
        pan = 0.0
    return pan, corners([Corner(one.at, min(max(one.value - pan, -1.0), 1.0), one.line) for one in places])


def muted(points: tuple[Point, ...], mutes: list[Corner]) -> tuple[Point, ...]:
    """A volume envelope that is silent where the automation of a mute is 1."""
    switches = corners([Corner(one.at, one.value, line=False) for one in mutes])
    places = sorted({point.at for point in (*points, *switches)})
    exact = {point.at: point.value for point in points}
    levels = _levels(points or (Point(0, 1.0),), places)
    states = np.interp(places, [point.at for point in switches], [point.value for point in switches])
    return tuple(
        Point(at, 0.0 if state > 0.0 else exact.get(at, float(level)))
        for at, level, state in zip(places, levels, states, strict=True)
    )


def decibel_lines(points: tuple[Point, ...], in_db: bool) -> tuple[Point, ...]:
    """The envelope of levels between which lines are straight in amplitude, or in dB (there to below -60 dB, too)."""
    found = list(points[:1])
    for before, after in pairwise(points):
        low, high = sorted((before.value, after.value))
        if len(found) > _MOST_POINTS:
            pass
        elif in_db:
            if 0.0 < low < _SILENCE < high:
                share = math.log(_SILENCE / before.value) / math.log(after.value / before.value)
                found += [Point(at, 0.0) for at in _inside(before, after, [share])]
        elif high > _SILENCE:
            low = max(low, _SILENCE)
            count = math.ceil(math.log(high / low) / math.log(_RATIO))
            wide = after.value - before.value
            levels = [low * (high / low) ** (part / count) for part in range(1, count)]
            for at in _inside(before, after, [(level - before.value) / wide for level in levels]):
                found.append(Point(at, before.value + wide * (at - before.at) / (after.at - before.at)))
        found.append(after)
    return tuple(found)


def amplitude_lines(points: Sequence[Point]) -> list[Point]:
    """The levels of an envelope, between which lines are straight in amplitude."""
    found = list(points[:1])
    for before, after in pairwise(points):
        low, high = (max(level, _SILENCE) for level in sorted((before.value, after.value)))
        count = math.ceil(math.log(high / low) / math.log(_RATIO))
        places = _inside(before, after, [part / count for part in range(1, count)])
        levels = _levels((before, after), places)
        found += [Point(at, float(level)) for at, level in zip(places, levels, strict=True)]
        found.append(after)
    return found


def _inside(before: Point, after: Point, shares: list[float]) -> list[int]:
    """The samples at shares of the way between two points, without these; on a short way those around the shares."""
    length = after.at - before.at
    rounded = (math.floor, math.ceil) if length < _SHORT else (round,)
    places = {before.at + way(share * length) for share in shares for way in rounded}
    return sorted(place for place in places if before.at < place < after.at)


def _levels(points: Sequence[Point], places: list[int]) -> npt.NDArray[np.float64]:
    """The envelope at samples, as it is played."""
    values = np.log10(np.maximum([point.value for point in points], _SILENCE))
    levels = 10.0 ** np.interp(places, [point.at for point in points], values)
    return np.where(levels > _SILENCE, levels, 0.0)


def corners(found: list[Corner]) -> tuple[Point, ...]:
    """Points of a piecewise linear envelope, at most one per sample; steps use two neighbouring samples.

    `found`: at samples, which are rounded.
    """
    places = sorted(((min(max(round(corner.at), 0), MAX_LENGTH), corner) for corner in found), key=lambda one: one[0])
    points: list[Point] = []
    for number, (at, corner) in enumerate(places):
        value, before = corner.value, places[number - 1][1] if number else None
        held = before is not None and not before.line
        jump = before is not None and places[number - 1][0] == at
        if before is not None and (held or jump) and before.value != value:
            if jump:
                points.pop()
            if not points or points[-1].at < at - 1:
                points += [Point(at - 1, before.value)] if at else []
        elif jump:
            points.pop()
        points.append(Point(at, value))
    return tuple(points)
