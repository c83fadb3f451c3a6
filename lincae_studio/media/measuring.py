"""How loud a section of conformed audio is, and where in it there is sound. Any thread; block by block."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

import numpy as np

from lincae_studio.errors import MediaError
from lincae_studio.jobs import CancelToken
from lincae_studio.media.conformed import ConformedMedia
from lincae_studio.media.loudness import SHORTEST_S, LoudnessMeter
from lincae_studio.media.peaks import Audio
from lincae_studio.session.levels import db_to_gain, gain_to_db
from lincae_studio.session.model import Clip
from lincae_studio.session.ripple import Span
from lincae_studio.session.silence import Stripping, silences

#: The largest sample in dBFS, or the integrated loudness in LUFS.
Measure = Literal["peak", "loudness"]

_BLOCK_FRAMES = 1 << 16


def level_of(
    media: ConformedMedia, first: int, last: int, measure: Measure, rate: int, name: str, cancel: CancelToken
) -> float:
    """The level of samples `[first, last)`, in dBFS or LUFS. `name`: of the clip, for errors.

    Raises:
        MediaError: when they are silent, or too short or quiet for a loudness.
        DamagedMediaError, Cancelled.
    """
    meter, peak = LoudnessMeter(rate), 0.0
    for block in _blocks(media, first, last, cancel):
        peak = max(peak, float(np.abs(block).max()))
        if measure == "loudness":
            meter.add(np.ascontiguousarray(block.T))
    if peak == 0.0:
        raise MediaError(f"{name} cannot be normalised: it is silent", "Leave it out")
    if measure == "peak":
        return gain_to_db(peak)
    if last - first < SHORTEST_S * rate:
        problem = f"it is shorter than {SHORTEST_S * 1000:g} ms, and has no loudness"
        raise MediaError(f"{name} cannot be normalised: {problem}", "Normalise its peak instead")
    loudness = meter.read().integrated
    if not np.isfinite(loudness):
        problem = "it is too quiet to have a loudness"
        raise MediaError(f"{name} cannot be normalised: {problem}", "Normalise its peak instead")
    return loudness


def sounds_of(
    media: ConformedMedia, first: int, last: int, threshold: float, gap: int, cancel: CancelToken
) -> list[tuple[int, int]]:
    """The spans of `[first, last)` that are louder than a threshold (an amplitude), and `gap` samples or more apart.

    Raises:
        DamagedMediaError, Cancelled.
    """
    found: list[tuple[int, int]] = []
    at = first
    for block in _blocks(media, first, last, cancel):
        loud = np.flatnonzero((np.abs(block) > threshold).any(axis=1)) + at
        at += len(block)
        if not len(loud):
            continue
        breaks = np.flatnonzero(np.diff(loud) > gap)
        starts, ends = loud[[0, *(breaks + 1)]].tolist(), (loud[[*breaks, -1]] + 1).tolist()
        if found and starts[0] - found[-1][1] < gap:
            starts[0] = found.pop()[0]
        found += zip(starts, ends, strict=True)
    return found


def sounding(
    media: ConformedMedia, first: int, last: int, threshold: float, name: str, cancel: CancelToken
) -> tuple[int, int]:
    """The first sample of `[first, last)` that is louder than a threshold (an amplitude), and the last one plus 1.

    Raises:
        MediaError: when none is.
        DamagedMediaError, Cancelled.
    """
    found = sounds_of(media, first, last, threshold, last - first, cancel)
    if not found:
        raise MediaError(f"{name} has nothing louder than {gain_to_db(threshold):.4g} dB", "Choose a lower threshold")
    return found[0][0], found[-1][1]


def silences_of(
    media: ConformedMedia, clip: Clip, scopes: Iterable[Span], stripping: Stripping, rate: int, cancel: CancelToken
) -> tuple[Span, ...]:
    """What is silent of a clip in spans of the timeline, and is to be taken out of it; also spans of the timeline.

    Raises:
        DamagedMediaError, Cancelled.
    """
    threshold, gap = db_to_gain(stripping.threshold_db), max(1, round(stripping.silence_s * rate))
    found: list[Span] = []
    shift = clip.start - clip.offset
    for start, end in scopes:
        sounds = sounds_of(media, start - shift, end - shift, threshold, gap, cancel)
        placed = ((first + shift, last + shift) for first, last in sounds)
        found += silences(placed, (start, end), stripping, rate)
    return tuple(found)


def _blocks(media: ConformedMedia, first: int, last: int, cancel: CancelToken) -> Iterator[Audio]:
    """Samples `(n, C)`; pages that were read are unmapped again."""
    for start in range(first, last, _BLOCK_FRAMES):
        cancel.check()
        count = min(_BLOCK_FRAMES, last - start)
        yield np.stack([media.read(channel, start, count) for channel in range(media.channels)], axis=1)
