"""Positions on the timeline as they are typed: in the unit of the ruler, or in another one that is named. No state."""

from __future__ import annotations

import math
import re

from msgspec import Struct

from lincae_studio.errors import EditError
from lincae_studio.preferences import RulerUnit
from lincae_studio.session.model import MAX_LENGTH, Tempo
from lincae_studio.session.times import parse_time

#: Units that may be named, in words and short forms, before or after the number.
_NAMED: dict[str, RulerUnit] = {
    "frames": "frames",
    "frame": "frames",
    "samples": "samples",
    "sample": "samples",
    "bars": "beats",
    "bar": "beats",
}

_EXAMPLES: dict[RulerUnit, str] = {
    "time": "minutes:seconds, as in 1:02.5, or seconds, as in 62.5",
    "beats": "a bar and a beat, as in 17.3, or a time, as in 1:02.5",
    "samples": "a number of samples, or a time, as in 1:02.5",
    "frames": "a number of latent frames, or a time, as in 1:02.5",
}


class Units(Struct, frozen=True):
    """What typed numbers count: the unit of the ruler, the tempo, and the samples per latent frame and per second."""

    unit: RulerUnit
    tempo: Tempo
    hop: int
    rate: int

    @property
    def beat(self) -> float:
        """Samples per beat."""
        return self.tempo.beat(self.rate)


def parse_position(text: str, units: Units, now: int) -> int:
    """The sample of a typed position; with a sign in front, as in +5 or -1:00, it is counted from `now`.

    `1:02.5`, `62.5 s` and `500 ms` are times with any unit of the ruler; `bar 5`, `44100 samples` and `frame 12`
    name another unit. Positions before the start become the start.

    Raises:
        EditError: if it is not a position, or is past the longest possible session.
    """
    bare = re.sub(r"[\s\u2009\u202f]+", "", text.casefold()).replace("−", "-")
    sign = bare[:1] if bare[:1] in ("+", "-") else ""
    try:
        samples = _samples(bare.removeprefix(sign), units, relative=bool(sign))
    except ValueError as error:
        raise EditError(f"“{text.strip()}” is not a position", f"Type {_EXAMPLES[units.unit]}") from error
    if sign:
        samples = now - samples if sign == "-" else now + samples
    if samples > MAX_LENGTH:
        raise EditError(f"“{text.strip()}” is past the end of the longest session", "Type an earlier position")
    return max(0, samples)


def _samples(text: str, units: Units, relative: bool) -> int:
    unit = units.unit
    for name, named in _NAMED.items():
        if text.startswith(name) or text.endswith(name):
            text, unit = text.removeprefix(name).removesuffix(name), named
            break
    else:
        if ":" in text or text.endswith("s"):
            unit = "time"
    if unit == "time":
        return round(parse_time(text) * units.rate)
    if unit == "beats":
        return _beats(text, units, relative)
    if re.fullmatch(r"[0-9]{1,3}(,[0-9]{3})+", text, re.ASCII):
        text = text.replace(",", "")
    return _whole(text) * (1 if unit == "samples" else units.hop)


def _beats(text: str, units: Units, relative: bool) -> int:
    """A bar, a bar and a beat, or with hundredths of a beat, all counted from 1; relative: bars and beats, from 0."""
    tempo = units.tempo
    parts = text.replace(",", ".").split(".")
    if len(parts) > 3 or (len(parts) == 3 and len(parts[2]) != 2):
        raise ValueError(text)
    numbers = [_whole(part) for part in parts]
    bar, beat, part = (*numbers, *(0 if relative else 1, 0)[len(numbers) - 1 :])
    if relative:
        return round((bar * tempo.beats + beat + part / 100) * units.beat)
    if not 1 <= beat <= tempo.beats or bar < 1:
        raise ValueError(text)
    exact = tempo.start + ((bar - 1) * tempo.beats + beat - 1 + part / 100) * units.beat
    return math.ceil(exact - 1e-6)  # as the clock shows it, which rounds down


def _whole(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,15}", text, re.ASCII):
        raise ValueError(text)
    return int(text)
