"""The nested timelines of an arrangement as a flat list of pieces of audio. Pure functions.

Every timeline has its own time unit, or that of its parent, or beats (schema reference, Timeline). Beats are those of
the arrangement wherever they are counted from, so they follow its tempo inside clips, too. A clip is a window on its
content, which may be more clips, warps, lanes, a loop, or the content of another clip (`reference`).
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple, TypeVar

from lincae_studio.errors import ProjectError
from lincae_studio.jobs import CancelToken
from lincae_studio.media.dawproject.document import MAX_DEPTH, RESTORE, Node
from lincae_studio.media.dawproject.pieces import Corner, FileRef, Flat, Piece, Stated
from lincae_studio.media.dawproject.tempo import TempoMap
from lincae_studio.session.model import RATES

#: Most clips and timelines visited, including the repetitions of loops.
MAX_STEPS = 100_000

#: Most warps and tempo changes that are converted, including the repetitions of loops: about a second of work.
MAX_WORK = 1_000_000

#: Times beyond this, about 11 days, and more beats than this, are limited.
_MAX_S, _MOST_BEATS = 1e6, 1e9

#: Warps closer to the original speed than this, relative to their length or in seconds, are rounding errors.
_WARP_SHARE, _WARP_S = 1e-5, 1e-3

#: Amplitude factors beyond this, +120 dB, are limited.
MOST = 1e6

#: Half a sample at the highest rate.
_NOTHING_S = 0.5 / max(RATES)

_TIMELINES = frozenset(
    {"Timeline", "Lanes", "Notes", "Clips", "ClipSlot", "Markers", "markers", "Warps", "Audio", "Video", "Points"}
)


_T = TypeVar("_T")


class _Place(NamedTuple):
    """The position of a timeline: its time 0, and the window in which it is heard, in seconds of the arrangement.

    `fades_in`, `fades_out`: edges of the enclosing clips with the lengths of their fades.
    """

    origin: float = 0.0
    first: float = -math.inf
    last: float = math.inf
    unit: str = "beats"
    track: str | None = None
    in_clip: bool = False
    gain: float = 1.0
    mute: bool = False
    name: str | None = None
    color: str | None = None
    fades_in: tuple[tuple[float, float], ...] = ()
    fades_out: tuple[tuple[float, float], ...] = ()
    stretched: bool = False
    depth: int = 0


def flatten(arrangement: Node, ids: dict[str, Node], tempo: TempoMap, path: str, cancel: CancelToken) -> Flat:
    """Flatten the audio, markers and automation of an arrangement.

    Args:
        ids: elements by their ids, for clips that refer to another's content.
        tempo: where quarter notes are, in seconds.
        path: path of the project, for errors.

    Raises:
        ProjectError: when clips are nested too deep (or in a cycle), or there are too many.
        Cancelled: when `cancel` was set.
    """
    walk = _Walk(ids, tempo, path, cancel)
    place = _Place(unit=arrangement.get("timeUnit") or "beats")
    for child in arrangement.children:
        walk.timeline(child, place)
    return walk.flat


class _Walk:
    """Visits timelines, as often as clips repeat them; what does not depend on the place is read once per element."""

    def __init__(self, ids: dict[str, Node], tempo: TempoMap, path: str, cancel: CancelToken) -> None:
        self._ids = ids
        self._tempo = tempo
        self._path = path
        self._cancel = cancel
        self._steps = self._work = 0
        self._read: dict[tuple[int, Callable[[Node], Any]], Any] = {}
        self.flat = Flat()

    def note(self, text: str) -> None:
        self.flat.notes[text] = None

    def timeline(self, node: Node, place: _Place) -> None:
        """Read a timeline of any kind and its content; other elements are ignored."""
        self._step(place)
        place = place._replace(
            unit=node.get("timeUnit") or place.unit,
            track=node.get("track") or place.track,
            depth=place.depth + 1,
        )
        if node.tag == "Lanes":
            if place.in_clip:
                gain, changes = self._once(node, _expression)
                if changes:
                    self.note("gain changes inside clips are left out; the first value is used")
                place = place._replace(gain=place.gain * gain)
            for child in node.children:
                self.timeline(child, place)
        elif node.tag in ("Clips", "ClipSlot"):
            for clip in self._once(node, _clips):
                self._clip(clip, place)
        elif node.tag == "Warps":
            self._warps(node, place)
        elif node.tag == "Audio":
            self._audio(node, place)
        elif node.tag == "Points":
            self._points(node, place)
        elif node.tag in ("Markers", "markers") and not place.in_clip:
            found = [child for child in node.children if child.tag == "Marker"]
            self.flat.markers += [(self._time(marker, "time", place), marker.get("name")) for marker in found]
        elif node.tag == "Notes" and node.filled:
            self.note("MIDI notes are left out: only audio is imported")
        elif node.tag == "Video":
            self.note("video is left out")

    def _once(self, node: Node, read: Callable[[Node], _T]) -> _T:
        """What a function reads from an element, which is read at the first visit."""
        key = id(node), read
        if key not in self._read:
            self._read[key] = read(node)
        found: _T = self._read[key]
        return found

    def _work_on(self, count: int) -> None:
        self._work += count
        if self._work > MAX_WORK:
            raise ProjectError(f"cannot open {self._path}: its clips repeat too much content", RESTORE)

    def _step(self, place: _Place) -> None:
        self._cancel.check()
        self._steps += 1
        self._check_steps(self._steps)
        if place.depth > MAX_DEPTH:
            problem = f"its clips are nested more than {MAX_DEPTH} levels deep, or refer to themselves"
            raise ProjectError(f"cannot open {self._path}: {problem}", RESTORE)

    def _check_steps(self, count: float) -> None:
        if count > MAX_STEPS:
            problem = f"it has more than {MAX_STEPS:,} clips, including loop repetitions"
            raise ProjectError(f"cannot open {self._path}: {problem}", RESTORE)

    def _after(self, second: float, value: float, unit: str) -> float:
        """The second that is a number of beats, or of seconds, after another; before it, if negative."""
        self.flat.beats = self.flat.beats or (unit == "beats" and value != 0.0)
        limited = min(max(value, -_MOST_BEATS), _MOST_BEATS)
        found = self._tempo.seconds(self._tempo.beat(second) + limited) if unit == "beats" else second + value
        if abs(found) > _MAX_S:
            self.note("times beyond the timeline are limited")
        return min(max(found, -_MAX_S), _MAX_S)

    def _time(self, node: Node, name: str, place: _Place) -> float:
        """The second of an attribute, in a timeline."""
        value = node.number(name)
        return place.origin if not value else self._after(place.origin, value, place.unit)

    def _clip(self, node: Node, place: _Place) -> None:
        """A window on the content of a clip, once or in a loop."""
        self._step(place)
        content = self._once(node, _content)
        if content is None:
            content = self._ids.get(node.get("reference") or "")
        if content is None or content.tag not in _TIMELINES:
            if node.get("reference"):
                self.note("clips that refer to content which is not in the file are left out")
            return
        inner = node.get("contentTimeUnit") or place.unit
        start = self._time(node, "time", place)
        play_start, play_stop = node.number("playStart") or 0.0, node.number("playStop")
        duration = node.number("duration")
        end = math.inf if duration is None else self._after(start, duration, place.unit)
        fade_unit = node.get("fadeTimeUnit") or place.unit
        fade_in, fade_out = node.number("fadeInTime") or 0.0, node.number("fadeOutTime") or 0.0
        # Negative: starts that much earlier, for a crossfade (reference, Clip).
        first, faded = sorted((start, self._after(start, fade_in, fade_unit)))
        fade_out = end - self._after(end, -abs(fade_out), fade_unit) if fade_out and end < math.inf else 0.0
        place = place._replace(
            unit=inner,
            in_clip=True,
            mute=place.mute or not node.flag("enable", True),
            name=place.name if node.get("name") is None else node.get("name"),
            color=node.get("color") or place.color,
            fades_in=(*place.fades_in, (first, faded - first)),
            fades_out=(*place.fades_out, (end, fade_out)),
        )
        bounds = max(first, place.first), min(end, place.last)
        loop = node.number("loopStart"), node.number("loopEnd")
        if (
            loop[0] is not None
            and loop[1] is not None
            and loop[1] > play_start
            and self._after(start, loop[1] - loop[0], inner) > start + _NOTHING_S
        ):
            if math.isfinite(bounds[1]):
                self._loop(content, place, start, play_start, (loop[0], loop[1]), bounds)
                return
            play_stop = loop[1]  # an endless loop is played once
        if play_stop is not None and play_stop > play_start:
            bounds = bounds[0], min(bounds[1], self._after(start, play_stop - play_start, inner))
        self._visible(content, place._replace(origin=self._after(start, -play_start, inner)), *bounds)

    def _loop(
        self,
        content: Node,
        place: _Place,
        start: float,
        play_start: float,
        loop: tuple[float, float],
        bounds: tuple[float, float],
    ) -> None:
        """From the clip's start position to the end of its loop, then the loop repeatedly; in the unit of `place`."""
        at, position = start, play_start
        first = bounds[0]  # before `start` for a crossfade
        # Too many repetitions are refused before the first is visited.
        looped = self._position(bounds[1], place._replace(origin=start)) - (loop[1] - play_start)
        self._check_steps(self._steps + looped / (loop[1] - loop[0]))
        while bounds[1] - at > _NOTHING_S:
            self._step(place)
            after = self._after(at, loop[1] - position, place.unit)
            if after > first:
                origin = self._after(at, -position, place.unit)
                self._visible(content, place._replace(origin=origin), first, min(after, bounds[1]))
                first = after
            at, position = after, loop[0]

    def _visible(self, content: Node, place: _Place, first: float, last: float) -> None:
        if last - first > _NOTHING_S:
            self.timeline(content, place._replace(first=first, last=last))

    def _warps(self, node: Node, place: _Place) -> None:
        """Time-stretched content: used from the start of the window, at its original speed."""
        content, corners, times = self._once(node, _warps)
        if content is None:
            return
        inner = node.get("contentTimeUnit") or place.unit
        # Only the visible part is converted: a loop may repeat a part of a long recording.
        from_, to = (self._position(second, place) for second in (place.first, place.last))
        heard = corners[_around(times, times[0] if math.isinf(from_) else from_, times[-1] if math.isinf(to) else to)]
        warps = [
            (one.at - place.origin, self._after(place.origin, one.value, inner) - place.origin)
            for one in self._on_timeline(heard, place)
        ]
        self._work_on(len(heard))
        first = place.first if math.isfinite(place.first) else place.origin + warps[0][0]
        last = place.last if math.isfinite(place.last) or len(warps) < 2 else place.origin + warps[-1][0]
        steps = [(after[0] - before[0], after[1] - before[1]) for before, after in pairwise(warps)]
        stretched = any(abs(wide - long) > max(_WARP_S, _WARP_SHARE * abs(long)) for wide, long in steps)
        position = _warped(warps, first - place.origin)
        warped = place._replace(unit=inner, origin=first - position, stretched=place.stretched or stretched)
        self._visible(content, warped, first, last)

    def _position(self, second: float, place: _Place) -> float:
        """The position of a second in a timeline, in its unit."""
        if math.isinf(second) or place.unit != "beats":
            return second - place.origin
        return self._tempo.beat(second) - self._tempo.beat(place.origin)

    def _audio(self, node: Node, place: _Place) -> None:
        found = self._once(node, _file)
        if found is None:
            self.note("audio without a file is left out")
            return
        if place.track is None:
            self.note("audio that is not on a track is left out")
            return
        file, stated = found
        self.flat.files.setdefault(file, stated)
        first, last = max(place.first, place.origin), place.last
        if not math.isfinite(last):
            last = place.origin + min(max(stated.seconds, 0.0), _MAX_S)
        if last - first <= _NOTHING_S:
            return
        if place.stretched:
            self.note(f"“{file.path}” is not time-stretched; it plays at its original speed")
        self.flat.pieces.append(
            Piece(
                track=place.track,
                file=file,
                start=first,
                end=last,
                position=first - place.origin,
                gain=place.gain,
                fade_in=_fade(place.fades_in, first),
                fade_out=_fade(place.fades_out, last),
                mute=place.mute,
                name=place.name,
                color=place.color,
            )
        )

    def _points(self, node: Node, place: _Place) -> None:
        """Automation of a parameter."""
        target = self._once(node, _target)
        parameter = target.get("parameter") if target is not None else None
        if place.in_clip:
            if target is None or target.get("expression") != "gain":
                self.note("automation and expressions inside clips are left out, except for clip gain")
            return
        if not parameter:
            self.note("automation of expressions is left out")
            return
        corners = [
            Corner(point.number("time") or 0.0, value, point.get("interpolation") == "linear")
            for point in node.children
            if (value := _value(point)) is not None
        ]
        corners = self._on_timeline(sorted(corners, key=lambda corner: corner.at), place)
        if not corners:
            return
        self.flat.automation.setdefault(parameter, (node.get("unit"), []))[1].extend(corners)

    def _on_timeline(self, found: list[Corner], place: _Place) -> list[Corner]:
        """Corners of a timeline, sorted, at their seconds; lines over beats get corners where the tempo changes."""
        start = self._tempo.beat(place.origin)
        cut: list[Corner] = []
        for number, one in enumerate(found):
            cut.append(one)
            if one.line and place.unit == "beats" and number + 1 < len(found):
                after = found[number + 1]
                for beat in self._tempo.between(start + one.at, start + after.at):
                    self._work_on(1)
                    share = (beat - start - one.at) / (after.at - one.at)
                    cut.append(Corner(beat - start, one.value + share * (after.value - one.value), one.line))
        return [Corner(self._after(place.origin, one.at, place.unit), one.value, one.line) for one in cut]


def amplitude(value: float, unit: str | None) -> float:
    """A level as an amplitude factor from 0 to `MOST`; decibels and percent are converted."""
    if unit == "decibel":
        value = 10.0 ** (min(value, 400.0) / 20.0)
    elif unit == "percent":
        value /= 100.0
    return min(max(0.0, value), MOST)


def _value(point: Node) -> float | None:
    """The value of an automation point; that of a switch is 1 or 0."""
    if point.tag == "BoolPoint":
        return float(point.flag("value", False))
    return point.number("value") if point.tag.endswith("Point") else None


def _content(node: Node) -> Node | None:
    """The first timeline in a clip or in warps."""
    return next((child for child in node.children if child.tag in _TIMELINES), None)


def _clips(node: Node) -> list[Node]:
    return [child for child in node.children if child.tag == "Clip"]


def _target(node: Node) -> Node | None:
    return node.child("Target")


def _file(node: Node) -> tuple[FileRef, Stated] | None:
    """The file of audio, and what the project says about it."""
    file = node.child("File")
    path = file.get("path") if file is not None else None
    if file is None or not path:
        return None
    # A file URL is outside the archive, regardless of other attributes.
    external = file.flag("external", False) or path[:5].lower() == "file:"
    return FileRef(path, external), Stated(
        *(node.number(name) or 0.0 for name in ("duration", "sampleRate", "channels"))
    )


def _expression(lanes: Node) -> tuple[float, bool]:
    """The gain of a clip, an expression beside its content, and whether it changes: the first value is used."""
    gain, changes = 1.0, False
    for points in lanes.children:
        target = points.child("Target")
        if points.tag != "Points" or target is None or target.get("expression") != "gain":
            continue
        values = [value for point in points.children if (value := point.number("value")) is not None]
        changes = changes or any(value != values[0] for value in values)
        gain *= amplitude(values[0], points.get("unit")) if values else 1.0
    return gain, changes


def _warps(node: Node) -> tuple[Node | None, list[Corner], list[float]]:
    """The content of warps; their corners, content time over time, at least one, sorted; and the times of these."""
    pairs = sorted(_warp(child) for child in node.children if child.tag == "Warp") or [(0.0, 0.0)]
    return _content(node), [Corner(at, value, True) for at, value in pairs], [at for at, _ in pairs]


def _warp(node: Node) -> tuple[float, float]:
    time, content_time = (node.number(name) or 0.0 for name in ("time", "contentTime"))
    return max(time, -_MOST_BEATS), max(content_time, -_MOST_BEATS)


def _around(times: list[float], first: float, last: float) -> slice:
    """The sorted times between two others, with one of each neighbour, and with two that differ if there are any."""
    begin = max(0, bisect_right(times, first) - 1)
    if times[begin] == times[-1]:
        begin = max(0, bisect_left(times, times[-1]) - 1)
    return slice(begin, max(bisect_left(times, last), bisect_right(times, times[begin])) + 1)


def _warped(warps: list[tuple[float, float]], at: float) -> float:
    """The content time at a time of the warps; extrapolated before the first and after the last."""
    pairs = [pair for pair in pairwise(warps) if pair[1][0] > pair[0][0]]
    if not pairs:
        return at - warps[0][0] + warps[0][1]
    (t0, c0), (t1, c1) = next((pair for pair in pairs if at < pair[1][0]), pairs[-1])
    return c0 + (at - t0) * (c1 - c0) / (t1 - t0)


def _fade(fades: tuple[tuple[float, float], ...], edge: float) -> float:
    """The longest fade at an edge."""
    return max((length for at, length in fades if abs(at - edge) <= _NOTHING_S), default=0.0)
