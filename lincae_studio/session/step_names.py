"""The names of steps of the history: which track, clip or marker it changed, and to what. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from lincae_studio.session.levels import format_db, format_pan
from lincae_studio.session.model import Clip, Marker, Master, Operator, Session, Snapshot, Track
from lincae_studio.session.rates import in_khz
from lincae_studio.session.times import count_of, format_time

_Thing = TypeVar("_Thing", bound=Track | Clip | Marker | Snapshot | Operator)

_Strip = Track | Master

_Named = _Strip | Clip | Marker | Snapshot | Operator

#: Longer names of tracks and clips are cut, in characters.
_MOST = 48

#: Whether more than this many things got the same value is not looked at: an edit must not take long.
_MOST_COMPARED = 500

#: The beginning of the texts of steps that recall a snapshot; a colon and its name follow.
RECALL = "Recall Snapshot"

#: The name of a field, without its value.
_FIELDS = {"gain": "gain", "pan": "pan", "fade_in": "fade in", "fade_out": "fade out", "at": "move", "start": "move"}

#: What turns a switch on, and off.
_SWITCHES = {"mute": ("mute", "unmute"), "solo": ("solo", "unsolo"), "subtract": ("subtract", "add to mix")}


def step_name(text: str, before: Session, after: Session) -> str:
    """The name of a step: “Drums: pan L45”, “3 tracks: mute”, “Remove Track: Drums”.

    `text` names the kind of edit: “Pan”. It is the whole name of edits that concern nothing with a name, or too much.
    """
    rate = after.rate
    if text.startswith(RECALL):  # by far the most strips change, and it has a name
        return f"{RECALL}: {_short(text.removeprefix(RECALL + ': '))}"
    if before.snapshots is not after.snapshots:
        return _of_things(text, before.snapshots, after.snapshots, rate)
    if before.operators is not after.operators:
        return _of_things(text, before.operators, after.operators, rate)
    if before.rate != rate:
        return f"{text}: {in_khz(rate)}"
    if before.master is not after.master and before.master != after.master:
        return f"Master: {_what(text.replace('Master ', ''), [(before.master, after.master)], rate)}"
    if before.markers is not after.markers:
        return _of_things(text, before.markers, after.markers, rate)
    old, new = _by_id(before.tracks), _by_id(after.tracks)
    if old.keys() != new.keys():
        return _of_things(text, before.tracks, after.tracks, rate)
    touched = [(track, new[track.id]) for track in before.tracks if new[track.id] is not track]
    strips = [(one, two) for one, two in touched if _changed(one, two) - {"clips"}]
    if strips:
        return _of_pairs(text, strips, "track", rate)
    moved = [track.clips for pair in touched for track in pair]
    return _of_things(text, _flat(moved[::2]), _flat(moved[1::2]), rate) if touched else text


def _of_things(text: str, before: Sequence[_Thing], after: Sequence[_Thing], rate: int) -> str:
    """The name of a step that adds, removes or changes clips, markers or tracks."""
    old: Mapping[int, _Thing] = _by_id(before)
    new: Mapping[int, _Thing] = _by_id(after)
    added = [thing for name, thing in new.items() if name not in old]
    removed = [thing for name, thing in old.items() if name not in new]
    changed = [(thing, new[name]) for name, thing in old.items() if name in new and new[name] != thing]
    if changed and not removed:
        first = changed[0][0]
        kind = type(first).__name__.lower()
        return _of_pairs(text, changed, kind, rate)
    alone = [*added, *removed]
    if len(alone) == 1 and not changed:
        return f"{text.removesuffix('s') if text.endswith('Clips') else text}: {_short(alone[0].name)}"
    return text


def _of_pairs(text: str, pairs: Sequence[tuple[_Thing, _Thing]], kind: str, rate: int) -> str:
    who = _short(pairs[0][0].name) if len(pairs) == 1 else count_of(len(pairs), kind)
    return f"{who}: {_what(text, pairs, rate)}"


def _what(text: str, pairs: Sequence[tuple[_Named, _Named]], rate: int) -> str:
    """The change: the new value if it is the same for all, or the common change of gain."""
    looked_at = pairs if len(pairs) <= _MOST_COMPARED else ()
    fields = set[str]().union(*(_changed(one, two) for one, two in looked_at)) - {"clips"}
    field = next(iter(fields)) if len(fields) == 1 else ""
    values = {getattr(two, field) for _, two in pairs} if field in (*_FIELDS, *_SWITCHES, "name") else set()
    value = values.pop() if len(values) == 1 else None
    if field in _SWITCHES and value is not None:
        return _SWITCHES[field][0 if value else 1]
    if field == "name" and value is not None:
        return f"rename to {_short(value)}"
    if field in ("at", "start") and value is not None and len(pairs) == 1:
        return f"move to {format_time(value / rate)}"
    plain = text.lower()
    for kind in ("clips", "clip", "tracks", "track", "marker", "snapshot", "operator"):
        plain = plain.removesuffix(f" {kind}")
    change = _gain_change(pairs) if field == "gain" and value is None else None
    if change is not None:
        return f"gain by {format_db(change)}"
    if value is None:
        return plain
    return f"{_FIELDS[field]} {_format(field, value, rate)}"


def _gain_change(pairs: Iterable[tuple[object, object]]) -> float | None:
    """The factor by which all gains changed; None if it is not the same, or one was or became silent."""
    factors = [two.gain / one.gain if one.gain else 0.0 for one, two in pairs]  # type: ignore[attr-defined]
    same = min(factors) > 0.0 and math.isclose(min(factors), max(factors), rel_tol=1e-6)
    return factors[0] if same else None


def _format(field: str, value: float, rate: int) -> str:
    if field == "gain":
        return format_db(value)
    return format_pan(value) if field == "pan" else format_time(value / rate)


def _changed(one: object, two: object) -> set[str]:
    """The names of the fields that differ."""
    names = one.__struct_fields__  # type: ignore[attr-defined]
    return {name for name in names if getattr(one, name) != getattr(two, name)}


def _by_id(things: Iterable[_Thing]) -> Mapping[int, _Thing]:
    return {thing.id: thing for thing in things}


def _flat(rows: Iterable[Sequence[Clip]]) -> list[Clip]:
    return [clip for row in rows for clip in row]


def _short(name: str) -> str:
    return name if len(name) <= _MOST else f"{name[: _MOST - 1].rstrip()}…"
