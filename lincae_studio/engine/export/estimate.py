"""The expected level of an export, measured beforehand at the session rate. Any thread; memory is constant."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from msgspec import Struct

from lincae_studio.engine.export.levels import factor, gain_for
from lincae_studio.engine.export.spool import Samples
from lincae_studio.export_settings import Level
from lincae_studio.jobs import CancelToken
from lincae_studio.media import limiter
from lincae_studio.media.loudness import LoudnessMeter, blocks, decibels
from lincae_studio.media.writer import Converter

#: Reads a number of samples `(channels, n)` from a start on.
Read = Callable[[int, int], Samples]


class Source(Struct, frozen=True):
    """Audio that can be read repeatedly: samples `[start, end)` of the timeline, with the channels of a file.

    Attributes:
        rate: in Hz.
    """

    read: Read
    converter: Converter
    start: int
    end: int
    rate: int

    def blocks(self, cancel: CancelToken) -> Iterator[Samples]:
        """The samples `(channels, n)`. Raises `Cancelled`."""
        for at, count in blocks(self.end - self.start):
            cancel.check()
            yield self.converter.mixed(self.read(self.start + at, count).T).T


class Levels(Struct, frozen=True):
    """The levels of audio as it is: sample peak in dBFS, integrated loudness in LUFS, true peak in dBTP."""

    peak_db: float
    loudness: float
    true_peak_db: float

    def gain_db(self, level: Level) -> float:
        """The gain that takes audio with these levels to its target; not finite if it cannot be measured."""
        if level.normalize == "none":
            return 0.0 if math.isfinite(self.peak_db) else math.inf
        return level.target_db - (self.loudness if level.normalize == "loudness" else self.peak_db)

    def over_db(self, level: Level) -> float:
        """By how much that gain takes the true peak above its limit."""
        return self.true_peak_db + self.gain_db(level) - level.true_peak_db


class Limited(Struct, frozen=True):
    """What the limiter reaches: the gain in decibels before it, and the loudness in LUFS after it."""

    gain_db: float
    loudness: float


def measured(source: Source, cancel: CancelToken) -> Levels:
    """The levels of a source. Raises `Cancelled`."""
    meter, peak = LoudnessMeter(source.rate), 0.0
    for samples in source.blocks(cancel):
        meter.add(samples)
        peak = max(peak, float(np.abs(samples).max(initial=0.0)))
    found = meter.read()
    return Levels(decibels(peak), found.integrated, found.true_peak)


def limited(source: Source, levels: Levels, level: Level, cancel: CancelToken) -> Limited:
    """What an export with the limiter reaches, found as there. Raises `Cancelled`."""

    def loudness_at(gain_db: float) -> float:
        meter = LoudnessMeter(source.rate)
        gained = (samples * np.float32(factor(gain_db)) for samples in source.blocks(cancel))
        for samples in limiter.limited(gained, factor(level.true_peak_db), source.rate):
            meter.add(samples)
        return meter.read().integrated

    return Limited(*gain_for(loudness_at, level.target_db, levels.gain_db(level)))
