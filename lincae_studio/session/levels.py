"""Gains and pans: decibels, the fader's taper, and the pan law. Plain numbers, no state."""

from __future__ import annotations

import math

#: Gains below this are shown and treated as silence, in dB.
FLOOR_DB = -100.0

#: Steps up from silence start here: from lower levels it would take many steps to hear anything.
_LOWEST_STEP_DB = -60.0

#: Top of a track's fader, in dB (20*log10(2), where the taper below reaches position 1).
FADER_TOP_DB = 6.02


def db_to_gain(level_db: float) -> float:
    """Amplitude factor of a level; exactly 0 at or below `FLOOR_DB`, infinite where it overflows a float."""
    try:
        return 0.0 if level_db <= FLOOR_DB else 10.0 ** (level_db / 20.0)
    except OverflowError:
        return math.inf


def gain_to_db(gain: float) -> float:
    """Level of an amplitude factor in dB; minus infinity for 0."""
    return 20.0 * math.log10(gain) if gain > 0.0 else -math.inf


def format_db(gain: float) -> str:
    """A gain as text: `−6.0 dB`, with a minus sign, `+3.0 dB`, `0.0 dB`, and `−inf dB` for silence."""
    if gain_to_db(gain) <= FLOOR_DB:
        return "−inf dB"
    text = f"{gain_to_db(gain):+.1f}".replace("-", "−")
    return f"{'0.0' if text in ('+0.0', '−0.0') else text} dB"


def parse_db(text: str) -> float:
    """The gain of a typed level: `-6`, `-6 dB`, `+3,5`, `-inf`.

    Raises:
        ValueError: when it is not a number of decibels.
    """
    cleaned = text.strip().lower().removesuffix("db").strip().replace(",", ".").replace("−", "-")
    if cleaned in ("-inf", "-∞"):
        return 0.0
    level_db = float(cleaned)
    if not math.isfinite(level_db):
        raise ValueError(f"“{text}” is not a level in dB")
    return db_to_gain(level_db)


def format_pan(pan: float) -> str:
    """A pan as text: `C`, `L30`, `R100`."""
    percent = round(abs(pan) * 100)
    return "C" if percent == 0 else f"{'L' if pan < 0 else 'R'}{percent}"


def parse_pan(text: str) -> float:
    """The pan of a typed position: `L45`, `30 R`, `C`, `-45` (left), `+30`, `50 %`; at most 100 to either side.

    Raises:
        ValueError: when it is not a position.
    """
    cleaned = text.strip().lower().replace("%", "").replace(",", ".").replace("−", "-").replace(" ", "")
    if cleaned in ("c", "center", "centre"):
        return 0.0
    words = cleaned.replace("left", "l").replace("right", "r")
    side = words[:1] if words[:1] in ("l", "r") else words[-1:]
    number = words.strip("lr")
    if side not in ("l", "r"):
        percent = float(number)
    elif words in (f"{side}{number}", f"{number}{side}") and number.replace(".", "", 1).isdecimal():
        percent = -float(number) if side == "l" else float(number)
    elif words == side:
        percent = -100.0 if side == "l" else 100.0
    else:
        raise ValueError(f"“{text}” is not a position")
    if not math.isfinite(percent):
        raise ValueError(f"“{text}” is not a position")
    return min(max(percent / 100.0, -1.0), 1.0)


def stepped_gain(gain: float, by_db: float, most: float) -> float:
    """A gain one step higher or lower. Steps up from silence start at -60 dB.

    `most` is the upper limit; a gain already above it is not lowered to it.
    """
    level_db = max(gain_to_db(gain), _LOWEST_STEP_DB if by_db > 0.0 else FLOOR_DB)
    return min(db_to_gain(level_db + by_db), max(gain, most))


def gain_to_fader(gain: float) -> float:
    """Fader position in [0, 1] of a gain, with Ardour's taper: 0 dB at 0.782, +6.02 dB at the top."""
    if gain <= 0.0:
        return 0.0
    base = (6.0 * math.log2(gain) + 192.0) / 198.0
    return min(1.0, base**8) if base > 0.0 else 0.0


def fader_to_gain(position: float) -> float:
    """Inverse of `gain_to_fader`; the lowest position is silence."""
    if position <= 0.0:
        return 0.0
    return float(2.0 ** ((198.0 * position**0.125 - 192.0) / 6.0))


def mono_pan(pan: float) -> tuple[float, float]:
    """Left and right gains of a mono source: sin/cos (-3 dB) pan law, compensated so that the centre is 1.

    With the compensation an unpanned mono track is as loud in a stereo mix as in a mono one, and a mix without panning
    is the plain sum; hard left or right is +3 dB on that side.
    """
    if pan == 0.0:
        return 1.0, 1.0
    angle = (pan + 1.0) * math.pi / 4.0
    left = math.sqrt(2.0) * math.cos(angle) if pan < 1.0 else 0.0
    return left, math.sqrt(2.0) * math.sin(angle)


def stereo_balance(pan: float) -> tuple[float, float]:
    """Left and right gains of a stereo source: only the far side is attenuated, the centre is 1."""
    return min(1.0, 1.0 - pan), min(1.0, 1.0 + pan)
