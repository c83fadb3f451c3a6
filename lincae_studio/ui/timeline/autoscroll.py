"""Scrolling while a drag is held near a border. No state."""

from __future__ import annotations

#: Interval of the steps, and their height where tracks are scrolled.
STEP_MS = 30
STEP_PX = 8

#: What a step scrolls in time, as a share of the width.
STEP_SHARE = 0.02

#: A drag this close to a border scrolls, if it has come this much closer to it.
_NEAR_PX = 20
_CLOSER_PX = 5


def direction(place: float, pressed: float, size: int) -> int:
    """-1 or 1 if a place is near the start or end of a span, and nearer than the press was, else 0."""
    if place > size - _NEAR_PX and place > pressed + _CLOSER_PX:
        return 1
    return -int(place < _NEAR_PX and place < pressed - _CLOSER_PX)
