"""Times and counts as text. No state."""

from __future__ import annotations

import math
from collections.abc import Sequence

#: The last moment of the year 9999, in seconds since 1970.
LAST_TIME_S = 253_402_300_799.0

#: Anything dated later than this from now, in seconds, was written while the clock was wrong.
CLOCK_AHEAD_S = 24 * 3600.0


def format_time(seconds: float, decimals: int = 3) -> str:
    """A time as `m:ss.mmm`, or `h:mm:ss.mmm` from one hour on."""
    total = round(seconds * 10**decimals)
    whole, fraction = divmod(total, 10**decimals)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    text = f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"
    return f"{text}.{fraction:0{decimals}d}" if decimals else text


def count_of(number: int, noun: str) -> str:
    """A number with its noun: `1 clip`, `2 clips`, `1,000 clips`. For nouns whose plural adds an s."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def listed(names: Sequence[str], most: int = 3) -> str:
    """The first names of a list: `a`, `a, b`, `a, b, c and 4 others`."""
    others = len(names) - most
    return ", ".join(names[:most]) + (f" and {count_of(others, 'other')}" if others > 0 else "")


def parse_time(text: str) -> float:
    """The seconds of a typed time: `12.5`, `1:02.5`, `1:00:00`, `500 ms`.

    Raises:
        ValueError: when it is not a time, or is negative.
    """
    cleaned = text.strip().lower().replace(",", ".")
    if cleaned.endswith("ms"):
        seconds = float(cleaned.removesuffix("ms")) / 1000.0
    else:
        seconds = 0.0
        parts = cleaned.removesuffix("s").strip().split(":")
        if len(parts) > 3:
            raise ValueError(f"“{text}” is not a time")
        for part in parts:
            seconds = 60.0 * seconds + float(part)
    if not 0.0 <= seconds < math.inf:
        raise ValueError(f"“{text}” is not a time")
    return seconds


def about(seconds: float) -> str:
    """How long something will take, as text: about 40 s, about 12 min, about 1.5 h."""
    if seconds < 90.0:
        return f"about {max(seconds, 1.0):.0f} s"
    minutes = seconds / 60.0
    return f"about {minutes:.0f} min" if minutes < 90.0 else f"about {minutes / 60.0:.1f} h"
