"""Media that are derived from others by a chain of processes (`processes`). Pure functions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from lincae_studio.session.model import Derived, Media
from lincae_studio.session.processes import (
    MAX_FACTOR,
    MAX_PROCESSES,
    MAX_SEMITONES,
    MIN_FACTOR,
    Channels,
    Process,
    Reverse,
    Stretch,
    channels_of,
    digest_of,
    length_of,
    stretch_of,
)

Chain = tuple[Process, ...]


def derived(source: Media, chain: Chain) -> Media:
    """The media derived from others by a chain; without processes, those themselves."""
    if not chain:
        return source
    return replace(
        source,
        digest=digest_of(source.digest, chain),
        channels=channels_of(source.channels, chain),
        length=length_of(source.length, chain),
        derived=Derived(digest=source.digest, channels=source.channels, length=source.length, chain=chain),
    )


def found_again(media: Media, found: Media) -> Media:
    """The media that take the place of others, once their file has been found and imported as `found`."""
    before = media.original.chain if media.original is not None else ()
    return derived(found, _stretched_once((*before, *media.chain)))


def _stretched_once(chain: Chain) -> Chain:
    """A chain with one stretch in place of all: latents of stretched audio may have been stretched again."""
    stretches = [process for process in chain if isinstance(process, Stretch)]
    if len(stretches) < 2:
        return chain
    both = Stretch(math.prod(stretch.factor for stretch in stretches), sum(stretch.semitones for stretch in stretches))
    return tuple(
        both if process is stretches[0] else process
        for process in chain
        if process is stretches[0] or not isinstance(process, Stretch)
    )


def unstretched(media: Media) -> Media:
    """What media would be without their stretch."""
    return derived(media.source, tuple(process for process in media.chain if not isinstance(process, Stretch)))


def nearest(media: Media, others: Iterable[Media]) -> Media | None:
    """Of media that differ from these in their stretch only, those that sound most like them."""

    def apart(other: Media) -> float:
        one, two = stretch_of(media.chain), stretch_of(other.chain)
        return abs(math.log2(one.factor / two.factor)) + abs(one.semitones - two.semitones) / 12

    return min(others, key=apart, default=None)


class Course:
    """Maps positions of samples before and after processing. Places are those between samples, as fractions."""

    def __init__(self, length: int, chain: Chain) -> None:
        """`length`: of the audio before processing, in samples."""
        self._steps: list[tuple[Process, int]] = []
        for process in chain:
            self._steps.append((process, length))
            length = length_of(length, (process,))

    def forth(self, place: float) -> float:
        """The position in the media of a position in their source."""
        for process, length in self._steps:
            if isinstance(process, Reverse):
                place = length - place
            elif isinstance(process, Stretch):
                place *= length_of(length, (process,)) / length
        return place

    def back(self, place: float) -> float:
        """The place in what the media are made from of a place in them."""
        for process, length in reversed(self._steps):
            if isinstance(process, Reverse):
                place = length - place
            elif isinstance(process, Stretch):
                place /= length_of(length, (process,)) / length
        return place


def problem_of(media: Sequence[Media]) -> str:
    """The problem with derived media of a project; empty when nothing is."""
    for item in media:
        if item.derived is not None and derived(item.source, item.chain) != item:
            return f"the processed audio of {item.path} does not follow from its file"
        if sum(isinstance(process, Stretch) for process in item.chain) > 1:
            return f"the audio of {item.path} is stretched twice"
        if len(item.chain) > MAX_PROCESSES:
            return f"the audio of {item.path} is processed more than {MAX_PROCESSES} times"
        stretch = stretch_of(item.chain)
        if not MIN_FACTOR <= stretch.factor <= MAX_FACTOR or abs(stretch.semitones) > MAX_SEMITONES:
            return f"the audio of {item.path} is stretched too far"
        channels = item.source.channels
        for process in item.chain:
            if isinstance(process, Channels) and channels == 1:
                return f"the audio of {item.path} has no channels to choose from"
            channels = channels_of(channels, (process,))
    return ""
