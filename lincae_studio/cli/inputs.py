"""The input syntax of `lincae-studio mix`: FILE[:GAIN_DB][@START_S]."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from lincae_studio.errors import UsageError
from lincae_studio.session.levels import db_to_gain, gain_to_db
from lincae_studio.session.model import DEFAULT_RATE, MAX_GAIN, MAX_LENGTH

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)"
_INPUT = re.compile(rf"(?P<file>.+?)(?::(?P<gain>{_NUMBER}|-inf)(?:dB)?)?(?:@(?P<start>{_NUMBER})s?)?", re.DOTALL)


@dataclass(frozen=True)
class MixInput:
    """An input file of a mix: linear gain, start in seconds."""

    path: Path
    gain: float
    start_s: float


def parse_input(text: str) -> MixInput:
    """Parse FILE[:GAIN_DB][@START_S]; if a file with the whole text as its name exists, that file is used.

    Raises:
        UsageError: when the gain or the start is out of range.
    """
    match = _INPUT.fullmatch(text)
    if match is None or os.path.exists(text):  # Path.exists raises for names that are too long
        return MixInput(Path(text), 1.0, 0.0)
    gain_text, start_text = match["gain"] or "0", match["start"] or "0"
    gain = 0.0 if gain_text == "-inf" else db_to_gain(float(gain_text))
    start_s = float(start_text)
    if gain > MAX_GAIN:
        raise UsageError(f"the gain of {match['file']}, {gain_text} dB, is above {gain_to_db(MAX_GAIN):.0f} dB")
    if not 0 <= start_s <= MAX_LENGTH / DEFAULT_RATE:
        raise UsageError(f"the start of {match['file']}, {start_text} s, is not between 0 and 24 hours")
    return MixInput(Path(match["file"]), gain, start_s)
