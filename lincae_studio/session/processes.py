"""Processing of audio files: what a clip plays instead of the file itself, as values. Pure functions.

A chain of processes, applied in order to all of a file, gives audio with a digest of its own: that of the file's audio
with the chain. It has no parameter in samples, so that the digest at another sample rate is the same one but for its
end. How the audio is computed is in `media/deriving.py`; what an edit of the chain does to clips in `processing`.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

#: Part of each digest: increase it when the same chain gives other samples.
_VERSION: Final = 1

#: Most processes in a chain.
MAX_PROCESSES = 16

#: Shortest and longest length after stretching, as a factor, and the largest change of pitch in semitones.
MIN_FACTOR, MAX_FACTOR = 0.125, 8.0
MAX_SEMITONES = 24.0

#: Channels of a stereo file: one of them, both exchanged, their mean (mid), or half their difference (side).
Use = Literal["swap", "left", "right", "mono", "side"]

_USES: dict[Use, str] = {
    "swap": "swapped",
    "left": "left only",
    "right": "right only",
    "mono": "mono",
    "side": "side",
}

#: How much of the left and the right channel each channel gets.
_MATRICES: dict[Use, tuple[tuple[float, ...], ...]] = {
    "swap": ((0.0, 1.0), (1.0, 0.0)),
    "left": ((1.0, 0.0),),
    "right": ((0.0, 1.0),),
    "mono": ((0.5, 0.5),),
    "side": ((0.5, -0.5),),
}


class Reverse(Struct, frozen=True, forbid_unknown_fields=True, tag_field="process", tag="reverse"):
    """The audio backwards."""


class Invert(Struct, frozen=True, forbid_unknown_fields=True, tag_field="process", tag="invert"):
    """The audio with inverted polarity."""


class RemoveDC(Struct, frozen=True, forbid_unknown_fields=True, tag_field="process", tag="remove_dc"):
    """The audio without its DC offset: less the mean of each channel."""


class Channels(Struct, frozen=True, forbid_unknown_fields=True, tag_field="process", tag="channels"):
    """Other channels of a stereo file."""

    use: Use


class Stretch(Struct, frozen=True, forbid_unknown_fields=True, tag_field="process", tag="stretch"):
    """The audio longer or shorter, at another pitch, or both.

    Attributes:
        factor: the length, divided by that before.
        semitones: by how much the pitch is raised, in semitones; cents are fractions.
    """

    factor: Annotated[float, Meta(ge=MIN_FACTOR, le=MAX_FACTOR)] = 1.0
    semitones: Annotated[float, Meta(ge=-MAX_SEMITONES, le=MAX_SEMITONES)] = 0.0


Process = Reverse | Invert | RemoveDC | Channels | Stretch

Chain = Annotated[tuple[Process, ...], Meta(max_length=MAX_PROCESSES)]


def digest_of(source: str, chain: tuple[Process, ...]) -> str:
    """The digest of processed audio: of the audio that is processed, by its digest, and the chain."""
    if not chain:
        return source
    plain, at, rate = source.partition("@")
    content = f"{plain}:processed {_VERSION}:".encode() + msgspec.json.encode(chain)
    return hashlib.sha256(content).hexdigest() + at + rate


def length_of(length: int, chain: tuple[Process, ...]) -> int:
    """The length of processed audio, in samples, from that of the audio that is processed."""
    for process in chain:
        if isinstance(process, Stretch):
            length = max(1, round(length * process.factor))
    return length


def channels_of(channels: int, chain: tuple[Process, ...]) -> int:
    """The channels of processed audio, from those of the audio that is processed."""
    for process in chain:
        if isinstance(process, Channels) and process.use != "swap":
            channels = 1
    return channels


def matrix_of(process: Process) -> tuple[tuple[float, ...], ...] | None:
    """How much of the left and the right channel each channel gets; None if the process is not of that kind."""
    return _MATRICES[process.use] if isinstance(process, Channels) else None


def stretch_of(chain: tuple[Process, ...]) -> Stretch:
    """How much a chain stretches; a chain has one stretch at most."""
    return next((process for process in chain if isinstance(process, Stretch)), Stretch())


def words(process: Process) -> str:
    """A process in a word or two, as clips show it: “reversed”, “125 % · +3 st”."""
    if isinstance(process, Channels):
        return _USES[process.use]
    if isinstance(process, Stretch):
        parts = [f"{process.factor * 100:.4g} %"] if process.factor != 1.0 else []
        parts += [f"{process.semitones:+.4g} st"] if process.semitones else []
        return " · ".join(parts) or "100 %"
    return {Reverse: "reversed", Invert: "inverted", RemoveDC: "DC removed"}[type(process)]
