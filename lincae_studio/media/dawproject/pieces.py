"""The flat arrangement of a DAWproject: pieces of audio, markers and automation, in seconds. Values.

Named tuples, as the loops of an untrusted project make 100,000 of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


class FileRef(NamedTuple):
    """A file in the archive, or (`external`) outside it."""

    path: str
    external: bool


class Stated(NamedTuple):
    """A project's statements about an audio file; 0 or less where it does not say, or nothing usable."""

    seconds: float
    sample_rate: float
    channels: float


class Piece(NamedTuple):
    """A section of an audio file on the timeline; all times in seconds.

    Attributes:
        track: id of the track that the piece belongs to.
        position: position in the audio file that is heard at `start`.
        name, color: None where they are not specified.
    """

    track: str
    file: FileRef
    start: float
    end: float
    position: float
    gain: float
    fade_in: float
    fade_out: float
    mute: bool
    name: str | None
    color: str | None


class Corner(NamedTuple):
    """An automation point, in its own unit; `line`: linear to the next point, otherwise the value is held."""

    at: float
    value: float
    line: bool


@dataclass
class Flat:
    """The flattened arrangement: pieces, markers (seconds, name), automation by parameter with its unit, and notes."""

    pieces: list[Piece] = field(default_factory=list)
    files: dict[FileRef, Stated] = field(default_factory=dict)
    markers: list[tuple[float, str | None]] = field(default_factory=list)
    automation: dict[str, tuple[str | None, list[Corner]]] = field(default_factory=dict)
    notes: dict[str, None] = field(default_factory=dict)
    beats: bool = False
