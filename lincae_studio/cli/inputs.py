"""The input syntax of `lincae-studio mix`: FILE[:GAIN_DB][@START_S], and NAME[:GAIN_DB]=1,2,... for groups.

Operators are FILE=1,2,..., processes PROCESS[:VALUE][=1,2,...].
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from lincae_studio.errors import UsageError
from lincae_studio.session.levels import db_to_gain, gain_to_db
from lincae_studio.session.model import DEFAULT_RATE, MAX_GAIN, MAX_LENGTH
from lincae_studio.session.processes import Channels, Invert, Process, RemoveDC, Reverse, Use

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)"
_GROUP = re.compile(rf"(?P<name>.+?)(?::(?P<gain>{_NUMBER}|-inf)(?:dB)?)?=(?P<numbers>\d+(?:,\d+)*)", re.DOTALL)
_INSERT = re.compile(r"(?P<file>.+)=(?P<numbers>\d+(?:,\d+)*)", re.DOTALL)
_PROCESS = re.compile(rf"(?P<name>[a-z-]+)(?::(?P<value>{_NUMBER}))?(?:=(?P<numbers>\d+(?:,\d+)*))?")
_INPUT = re.compile(rf"(?P<file>.+?)(?::(?P<gain>{_NUMBER}|-inf)(?:dB)?)?(?:@(?P<start>{_NUMBER})s?)?", re.DOTALL)


@dataclass(frozen=True)
class MixInput:
    """An input file of a mix: linear gain, start in seconds."""

    path: Path
    gain: float
    start_s: float


@dataclass(frozen=True)
class MixInsert:
    """A file of an operator, and the numbers of the inputs that it is applied to, from 0."""

    path: Path
    inputs: tuple[int, ...]


@dataclass(frozen=True)
class MixProcess:
    """What inputs, by their numbers from 0, are processed with.

    Attributes:
        process: as it is added to their chains; None for a stretch.
        factor, semitones: of a stretch, where they are given.
    """

    inputs: tuple[int, ...]
    process: Process | None = None
    factor: float | None = None
    semitones: float | None = None


#: Processes without a value, by their names on the command line.
_PROCESSES: dict[str, Process] = {
    "reverse": Reverse(),
    "invert": Invert(),
    "remove-dc": RemoveDC(),
    **{use: Channels(use) for use in get_args(Use)},
}


@dataclass(frozen=True)
class MixGroup:
    """A group of inputs of a mix: its name, linear gain, and the numbers of its inputs, from 0."""

    name: str
    gain: float
    inputs: tuple[int, ...]


def parse_group(text: str, inputs: int) -> MixGroup:
    """Parse NAME[:GAIN_DB]=1,2,... with numbers of inputs, counted from 1; `inputs`: how many there are.

    Raises:
        UsageError: when it is something else, the gain is out of range, or there is no such input.
    """
    match = _GROUP.fullmatch(text)
    if match is None:
        raise UsageError(f"{text} is not a group of inputs", "Write it as NAME[:GAIN_DB]=1,2,..., such as Drums:-3=1,2")
    gain = _gain(match["gain"] or "0", match["name"])
    return MixGroup(match["name"], gain, _numbers(match["numbers"], f"the group {match['name']}", inputs))


def parse_insert(text: str, inputs: int) -> MixInsert:
    """Parse FILE=1,2,... with numbers of inputs, counted from 1, or FILE for all; `inputs`: how many there are.

    Raises:
        UsageError: when there is no such input.
    """
    match = _INSERT.fullmatch(text)
    if match is None or os.path.exists(text):
        return MixInsert(Path(text), tuple(range(inputs)))
    return MixInsert(Path(match["file"]), _numbers(match["numbers"], match["file"], inputs))


def parse_process(text: str, inputs: int) -> MixProcess:
    """Parse PROCESS[:VALUE][=1,2,...] with numbers of inputs, counted from 1; `inputs`: how many there are.

    Raises:
        UsageError: when there is no such process or input, or a value is missing or too much.
    """
    match = _PROCESS.fullmatch(text)
    name, value = (match["name"], match["value"]) if match is not None else ("", None)
    if match is None or name not in (*_PROCESSES, "stretch", "pitch"):
        choices = ", ".join((*_PROCESSES, "stretch:FACTOR", "pitch:SEMITONES"))
        raise UsageError(f"{text} is not a process", f"Choose from {choices}; with =1,2,... for some inputs only")
    numbers = _numbers(match["numbers"], name, inputs) if match["numbers"] else tuple(range(inputs))
    if (value is None) != (name in _PROCESSES):
        problem = f"{name} needs a number" if value is None else f"{name} takes no number"
        raise UsageError(problem, "Write stretch:1.25 or pitch:-3, for example" if value is None else f"Write {name}")
    if value is None:
        return MixProcess(numbers, _PROCESSES[name])
    if name == "stretch":
        return MixProcess(numbers, factor=float(value))
    return MixProcess(numbers, semitones=float(value))


def _numbers(text: str, what: str, inputs: int) -> tuple[int, ...]:
    """Numbers of inputs, counted from 0, from a text that counts from 1. `what`: what they are for."""
    numbers = tuple(int(number) for number in text.split(","))
    for number in numbers:
        if not 1 <= number <= inputs:
            raise UsageError(f"there is no input {number} for {what}", f"Use numbers from 1 to {inputs}")
    return tuple(number - 1 for number in numbers)


def _gain(text: str, name: str) -> float:
    gain = 0.0 if text == "-inf" else db_to_gain(float(text))
    if gain > MAX_GAIN:
        raise UsageError(f"the gain of {name}, {text} dB, is above {gain_to_db(MAX_GAIN):.0f} dB")
    return gain


def parse_input(text: str) -> MixInput:
    """Parse FILE[:GAIN_DB][@START_S]; if a file with the whole text as its name exists, that file is used.

    Raises:
        UsageError: when the gain or the start is out of range.
    """
    match = _INPUT.fullmatch(text)
    if match is None or os.path.exists(text):  # Path.exists raises for names that are too long
        return MixInput(Path(text), 1.0, 0.0)
    gain, start_text = _gain(match["gain"] or "0", match["file"]), match["start"] or "0"
    start_s = float(start_text)
    if not 0 <= start_s <= MAX_LENGTH / DEFAULT_RATE:
        raise UsageError(f"the start of {match['file']}, {start_text} s, is not between 0 and 24 hours")
    return MixInput(Path(match["file"]), gain, start_s)
