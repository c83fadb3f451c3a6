"""`bench compare`: the ratios of two files of figures, and which of them exceed the spread of the repeats."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from lincae_studio.bench.suite import read_figures

#: Fields that name a row of a benchmark that has several.
_NAMES = ("codec", "batch", "step_s", "minutes", "seconds", "files")

_SPREAD = "spread"

#: The lowest and the highest of the repeats.
Span = tuple[float, float]


@dataclass(frozen=True)
class Ratio:
    """One figure in both files.

    Attributes:
        benchmark: its name; empty in files of one benchmark.
        figure: the path to it, joined by dots.
        a, b: the figure in each file.
        low, high: the range of B/A that the spread of the repeats allows; None where none was kept.
    """

    benchmark: str
    figure: str
    a: float
    b: float
    low: float | None
    high: float | None

    @property
    def ratio(self) -> float:
        """B / A; infinite where A is 0."""
        return 1.0 if self.a == self.b else self.b / self.a if self.a else math.copysign(math.inf, self.b)

    @property
    def differs(self) -> bool:
        """Whether no repeat of one file is within the repeats of the other."""
        return self.low is not None and self.high is not None and not self.low <= 1.0 <= self.high


@dataclass(frozen=True)
class Comparison:
    """The ratios, grouped by benchmark; names that only one file has; and what differs between the machines."""

    ratios: tuple[Ratio, ...]
    only: tuple[str, ...]
    machines: tuple[str, ...]


def compare(a: Path, b: Path) -> Comparison:
    """Compare two files of `bench all`, or of one benchmark.

    Raises:
        UsageError: when one of them cannot be read, or has other contents.
    """
    (machine_a, all_a), (machine_b, all_b) = read_figures(a), read_figures(b)
    ratios: list[Ratio] = []
    for name in all_a:
        if name in all_b:
            found, other = dict(_figures(all_a[name])), dict(_figures(all_b[name]))
            ratios += [_ratio(name, figure, found[figure], other[figure]) for figure in found if figure in other]
    return Comparison(
        tuple(ratios), tuple(sorted(all_a.keys() ^ all_b.keys())), tuple(_differences(machine_a, machine_b))
    )


def _ratio(name: str, figure: str, a: tuple[float, Span | None], b: tuple[float, Span | None]) -> Ratio:
    low = high = None
    if a[1] and b[1] and min(*a[1], *b[1]) > 0.0:
        low, high = b[1][0] / a[1][1], b[1][1] / a[1][0]
    return Ratio(name, figure, a[0], b[0], low, high)


def _figures(value: object, path: str = "", spreads: object = None) -> Iterator[tuple[str, tuple[float, Span | None]]]:
    """The numbers in a value, with their paths and spreads; true and false are none."""
    if isinstance(value, Mapping):
        own = value.get(_SPREAD, spreads)
        for name, part in value.items():
            if name != _SPREAD:
                there = own.get(name) if isinstance(own, Mapping) else None
                yield from _figures(part, f"{path}.{name}" if path else name, there)
    elif isinstance(value, list):
        for number, part in enumerate(value):
            named = [str(part[name]) for name in _NAMES if name in part] if isinstance(part, Mapping) else []
            name = (named or [str(number)])[0]
            yield from _figures(part, f"{path}.{name}" if path else name)
    elif isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        yield path, (float(value), _span(spreads))


def _span(value: object) -> Span | None:
    if isinstance(value, list) and len(value) == 2 and all(isinstance(part, int | float) for part in value):
        return float(value[0]), float(value[1])
    return None


def _differences(a: Mapping[str, object], b: Mapping[str, object], of: str = "") -> Iterator[str]:
    """What differs between two machines, except for their load."""
    for name in dict.fromkeys((*a, *b)):
        left, right = a.get(name), b.get(name)
        if isinstance(left, Mapping) and isinstance(right, Mapping):
            yield from _differences(left, right, f"{of}{name}.")
        elif left != right and name not in ("load", "features"):
            yield f"{of}{name}: {'unknown' if left is None else left} and {'unknown' if right is None else right}"
