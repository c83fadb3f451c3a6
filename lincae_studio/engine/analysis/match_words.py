"""The balance of a reference mix in words, and as what tracks are set to. No state; any thread."""

from __future__ import annotations

from collections.abc import Callable

from lincae_studio.engine.analysis.reference_match import ReferenceMatch, StemLevel
from lincae_studio.session.balance import TrackBalance
from lincae_studio.session.levels import format_db, format_pan
from lincae_studio.session.times import count_of

#: A reference of which more than this is left, in dB, has more in it than the stems.
_MUCH_LEFT_DB = -20.0


def balances(match: ReferenceMatch) -> dict[int, TrackBalance]:
    """The setting of each track, by id."""
    return {
        track_id: TrackBalance(level.lag, level.gain, level.gain_points, level.pan, level.pan_points)
        for track_id, level in match.levels.items()
    }


def level_text(level: StemLevel) -> str:
    """The level of a stem: `−6.0 dB`, or `−12.3 to −1.0 dB` with an envelope."""
    if not level.gain_points:
        return format_db(level.gain)
    lowest, highest = (f"{value:+.1f}".replace("+0.0", "0.0").replace("-0.0", "0.0") for value in _range(level))
    return f"{lowest} to {highest} dB".replace("-", "−")


def pan_text(level: StemLevel) -> str:
    """The pan of a stem: `C`, `L30`, or `moves` with an envelope."""
    return "moves" if level.pan_points else format_pan(level.pan)


def stem_line(level: StemLevel) -> str:
    """The level, pan and place of a stem in one line."""
    parts = [level_text(level), f"pan {pan_text(level)}"]
    points = len(level.gain_points) + len(level.pan_points)
    parts += [count_of(points, "envelope point")] if points else []
    parts += [f"moved by {level.lag:+d} samples".replace("-", "−")] if level.lag else []
    return ", ".join(parts)


def match_notes(match: ReferenceMatch, name_of: Callable[[int], str]) -> list[str]:
    """Further notes on a match."""
    notes = []
    for group in match.inseparable:
        names = " and ".join(f"“{name_of(track_id)}”" for track_id in group)
        notes.append(f"{names} cannot be distinguished, and share one level")
    notes += [f"“{name_of(track_id)}” is silent and stays as it is" for track_id in match.silent]
    if match.residual_db > _MUCH_LEFT_DB:
        left = f"{match.residual_db:.1f} dB".replace("-", "−")
        notes.append(f"{left} of the reference remains: it contains more than these stems, or was processed")
    return notes


def _range(level: StemLevel) -> tuple[float, float]:
    return level.lowest_db, level.highest_db
