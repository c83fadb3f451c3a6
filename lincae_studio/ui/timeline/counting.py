"""The unit of the ruler: minutes and seconds, bars and beats, samples, or latent frames."""

from __future__ import annotations

import math
from collections.abc import Callable

from msgspec import Struct
from PySide6.QtCore import QObject, Signal

from lincae_studio.preferences import RulerUnit
from lincae_studio.session.model import Tempo
from lincae_studio.session.times import format_time
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.timeline.positions import Units, parse_position
from lincae_studio.ui.timeline.snapping import Lines

#: Smallest distance between labels, and between the lines between them.
_LABEL_PX = 90
_LINE_PX = 6

#: Round distances between labels, in seconds.
_STEPS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)

#: For sessions without a tempo.
_DEFAULT_TEMPO = Tempo(bpm=120.0)


class Ticks(Struct, frozen=True):
    """Labels every `step` samples from `origin`, divided into `parts` intervals; `text` gives the text of label n."""

    step: float
    parts: int
    text: Callable[[int], str]
    origin: float = 0.0

    @property
    def lines(self) -> Lines:
        """Every tick."""
        return Lines(self.step / self.parts, self.origin)


class Counting(QObject):
    """The chosen unit for the ruler, the position display and the snap grid.

    Signals:
        changed: the unit, tempo, frame length or sample rate has changed, so labels and grid lines have too.
    """

    changed = Signal()

    def __init__(self, document: Document, hop: Callable[[], int]) -> None:
        """`hop`: returns the samples per latent frame of the session's codec."""
        super().__init__(document)
        self._document = document
        self._hop = hop
        self._unit: RulerUnit = "time"
        self._counted = self._basis()
        document.changed.connect(self.follow)

    @property
    def unit(self) -> RulerUnit:
        return self._unit

    def set_unit(self, unit: RulerUnit) -> None:
        self._unit = unit
        self.follow()

    def follow(self) -> None:
        """Follow changes of the tempo, the codec or the sample rate."""
        basis = self._basis()
        if basis != self._counted:
            self._counted = basis
            self.changed.emit()

    def ticks(self, samples_per_px: float) -> Ticks:
        """The labels and lines at a zoom level."""
        least, session = _LABEL_PX * samples_per_px, self._document.session
        if self._unit == "beats":
            return _beats(session.tempo or _DEFAULT_TEMPO, session.rate, least)
        if self._unit == "time":
            return _seconds(session.rate, least)
        unit = 1 if self._unit == "samples" else self._hop()
        count = _round_count(least / unit)
        parts = next(parts for parts in (5, 4, 2, 1) if count % parts == 0)
        return Ticks(count * unit, parts, lambda number: f"{number * count:,}".replace(",", "\u2009"))

    def text(self, sample: int) -> str:
        """A position as text, at the full resolution of the unit."""
        session = self._document.session
        if self._unit == "samples":
            return f"{sample:,}".replace(",", "\u2009")
        if self._unit == "frames":
            return f"frame {sample // self._hop()}"
        if self._unit == "beats":
            tempo = session.tempo or _DEFAULT_TEMPO
            beat, part = divmod((sample - tempo.start) / tempo.beat(session.rate), 1.0)
            return f"{_bar_and_beat(int(beat), tempo)}.{int(part * 100):02d}"
        return format_time(sample / session.rate)

    def parse(self, text: str, now: int) -> int:
        """The sample of a typed position; see `positions.parse_position`. Raises `EditError`."""
        session = self._document.session
        units = Units(self._unit, session.tempo or _DEFAULT_TEMPO, self._hop(), session.rate)
        return parse_position(text, units, now)

    def _basis(self) -> tuple[object, ...]:
        """Everything that the labels depend on."""
        return self._unit, self._document.session.tempo, self._hop(), self._document.session.rate


def _seconds(rate: int, least: float) -> Ticks:
    step_s = next((step for step in _STEPS_S if step * rate >= least), _STEPS_S[-1])
    decimals = max(0, -math.floor(math.log10(step_s))) if step_s < 1 else 0
    return Ticks(step_s * rate, 5, lambda number: format_time(number * step_s, decimals))


def _beats(tempo: Tempo, rate: int, least: float) -> Ticks:
    """Beats, or if they are too close, every bar, every 2nd, 4th and so on."""
    beat = tempo.beat(rate)
    if beat >= least:
        return Ticks(beat, 16 // tempo.unit, lambda number: _bar_and_beat(number, tempo), tempo.start)
    bars = 1
    while bars * tempo.beats * beat < least:
        bars *= 2
    parts = tempo.beats if bars == 1 else min(bars, 4)
    step = bars * tempo.beats * beat
    if step / parts < least * _LINE_PX / _LABEL_PX:
        parts = 1
    return Ticks(step, parts, lambda number: str(_number_of(number * bars)), tempo.start)


def _bar_and_beat(beat: int, tempo: Tempo) -> str:
    bar, within = divmod(beat, tempo.beats)
    return f"{_number_of(bar)}.{within + 1}"


def _number_of(bar: int) -> int:
    """The number of a bar: index 0 is bar 1, index -1 is bar -1, since there is no bar 0."""
    return bar + 1 if bar >= 0 else bar


def _round_count(least: float) -> int:
    """The smallest of 1, 2, 5, 10, 20, ... that is at least `least`."""
    decade = 1
    while True:
        for factor in (1, 2, 5):
            if factor * decade >= least:
                return factor * decade
        decade *= 10
