"""The tempo of a DAWproject: converting between quarter notes and seconds, across steps and ramps. Pure functions.

A ramp is a straight line of the tempo, over beats or over seconds as the unit of its points says. In beats, the time
from beat `a` at tempo `p` with slope `s` is the integral of 60 / (p + s x), a logarithm; in seconds, the beats are the
integral of (p + s t) / 60, a parabola.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace

from lincae_studio.media.dawproject.document import Node

#: Range of tempos accepted for converting beats; the range of a session's tempo is smaller.
_SLOWEST_BPM, _FASTEST_BPM = 1.0, 10_000.0

#: Times of tempo changes beyond this, in beats or seconds, are limited.
_LIMIT = 1e9

#: Sections of a ramp, within each of which it is nearly a constant tempo.
_SECTIONS = 16


class _Stretch(Struct, frozen=True):
    """From a beat, and the second at which it is, up to the next stretch: a tempo and its slope, per beat or second."""

    beat: float
    second: float
    bpm: float
    slope: float = 0.0
    in_beats: bool = True

    def seconds(self, beats: float) -> float:
        """Seconds from the start for a number of beats."""
        if self.slope == 0.0:
            return 60.0 * beats / self.bpm
        if self.in_beats:
            return 60.0 / self.slope * math.log1p(self.slope * beats / self.bpm)
        root = math.sqrt(max(0.0, self.bpm**2 + 120.0 * self.slope * beats))
        return 120.0 * beats / (self.bpm + root)

    def beats(self, seconds: float) -> float:
        """Beats from the start for a number of seconds."""
        if self.in_beats and self.slope != 0.0:
            return self.bpm / self.slope * math.expm1(self.slope * seconds / 60.0)
        return (self.bpm + self.slope * seconds / 2.0) * seconds / 60.0


class TempoMap:
    """Beats and seconds of an arrangement. Before the first point its tempo holds, after the last its own."""

    def __init__(self, points: list[tuple[float, float, bool]], in_beats: bool = True) -> None:
        """`points`: time, tempo, and whether a straight line leads to the next; at least one. Sorted by time."""
        self.changes = any(point[1] != points[0][1] for point in points)
        self.bpm = points[0][1]
        stretches: list[_Stretch] = []
        beat = second = points[0][0]
        for (time, bpm, line), after in zip(points, [*points[1:], (math.inf, 0.0, False)], strict=True):
            if stretches:
                before = stretches[-1]
                beat = time if in_beats else before.beat + before.beats(time - before.second)
                second = time if not in_beats else before.second + before.seconds(time - before.beat)
            slope = (after[1] - bpm) / (after[0] - time) if line and time < after[0] < math.inf else 0.0
            stretches.append(_Stretch(beat, second, bpm, slope if math.isfinite(slope) else 0.0, in_beats))
        self._set(stretches)
        # Beat 0 is at second 0.
        beat, second = (0.0, self.seconds(0.0)) if in_beats else (self.beat(0.0), 0.0)
        self._set([replace(one, beat=one.beat - beat, second=one.second - second) for one in stretches])

    def _set(self, stretches: list[_Stretch]) -> None:
        self._stretches = stretches
        self._beats = [one.beat for one in stretches]
        self._seconds = [one.second for one in stretches]

    def seconds(self, beat: float) -> float:
        """The second at a beat."""
        one = self._stretches[max(0, bisect_right(self._beats, beat) - 1)]
        before = beat < one.beat
        return one.second + (replace(one, slope=0.0) if before else one).seconds(beat - one.beat)

    def beat(self, second: float) -> float:
        """The beat at a second."""
        one = self._stretches[max(0, bisect_right(self._seconds, second) - 1)]
        before = second < one.second
        return one.beat + (replace(one, slope=0.0) if before else one).beats(second - one.second)

    def between(self, first: float, last: float) -> Iterator[float]:
        """The beats after the first and before the last at which the tempo changes; a ramp is cut into sections."""
        if not self.changes:
            return
        for number in range(max(0, bisect_right(self._beats, first) - 1), len(self._stretches)):
            here = self._stretches[number]
            if here.beat >= last:
                return
            count = _SECTIONS if here.slope else 1
            length = self._beats[number + 1] - here.beat if count > 1 else 0.0
            for part in range(count):
                beat = here.beat + length * part / count
                if first < beat < last:
                    yield beat


def tempo_map(project: Node, notes: dict[str, None]) -> TempoMap | None:
    """The tempo of a project, by its automation if there is any; None when it has none. Adds to `notes`."""
    transport = project.child("Transport") or Node("Transport", {})
    arrangement = project.child("Arrangement") or Node("Arrangement", {})
    fixed, automation = transport.child("Tempo"), arrangement.child("TempoAutomation")
    unit = arrangement.get("timeUnit") or "beats"
    points = []
    if automation is not None:
        unit = automation.get("timeUnit") or unit
        for point in automation.children:
            if point.tag == "RealPoint" and (bpm := _usable(point, notes)) is not None:
                time = min(max(point.number("time") or 0.0, -_LIMIT), _LIMIT)
                points.append((time, bpm, point.get("interpolation") == "linear"))
    if not points and fixed is not None and (bpm := _usable(fixed, notes)) is not None:
        points = [(0.0, bpm, False)]
    if not points:
        return None
    found = TempoMap(sorted(points, key=lambda point: point[0]), in_beats=unit != "seconds")
    if found.changes:
        notes[f"clips, automation and markers follow the tempo, but the ruler shows {found.bpm:g} BPM throughout"] = (
            None
        )
    return found


def _usable(node: Node, notes: dict[str, None]) -> float | None:
    bpm = node.number("value")
    if bpm is None or _SLOWEST_BPM <= bpm <= _FASTEST_BPM:
        return bpm
    notes[f"tempos outside {_SLOWEST_BPM:g} to {_FASTEST_BPM:,.0f} BPM are left out"] = None
    return None
