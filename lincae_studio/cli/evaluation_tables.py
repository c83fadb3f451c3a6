"""The figures of `lincae-studio evaluate` as tables and CSV, the comparisons with the true signals first."""

from __future__ import annotations

import csv
import math
import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lincae_studio.cli.text import plain
from lincae_studio.evaluation.comparison import Measured
from lincae_studio.evaluation.figures import FIGURES, SECTIONS, Statistics, against, finite
from lincae_studio.session.times import count_of


def print_csv(measured: Sequence[Measured]) -> None:
    """For each codec a line for each statistic of all seeds and of each seed, then a line for each window."""
    lines: list[list[Any]] = [["codec", "row", "seed", "group", "source", *FIGURES]]
    for one in measured:
        lines += _csv_lines(one)
    csv.writer(sys.stdout).writerows(lines)


def _csv_lines(one: Measured) -> list[list[Any]]:
    result = one.evaluation

    def line(kind: str, seed: int | str, group: int | str, source: int | str, values: dict[str, float]) -> list[Any]:
        cells = [finite(values.get(name, math.nan)) for name in FIGURES]
        return [plain(result.codec), kind, seed, group, source, *("" if cell is None else cell for cell in cells)]

    lines = [line("mean", "", "", "", result.figures)]
    for seed in (None, *result.seeds):
        statistics = result.measured.statistics(seed)
        names = ["deviation", "low", "high", "windows", "values", "limited", "undefined"]
        for name in names if seed is None else ["mean", *names]:
            values = {figure: getattr(one, name) for figure, one in statistics.items()}
            lines.append(line(name, "" if seed is None else seed, "", "", values))
    for row in result.measured.rows():
        source = "mix" if row.source is None else row.source
        lines.append(line("window", row.seed, row.group, source, row.values))
    return lines


def print_table(measured: Sequence[Measured]) -> None:
    """A table of one codec, with intervals and a column for each seed; or of several, with a column for each codec."""
    if not measured:
        return
    overall = [one.evaluation.measured.statistics() for one in measured]
    if len(measured) == 1:
        columns, heads = _columns_of_one(measured[0])
    else:
        columns = [
            {name: _text(value, statistics.get(name)) for name, value in one.evaluation.figures.items()}
            for one, statistics in zip(measured, overall, strict=True)
        ]
        heads = [escape(plain(one.name)) for one in measured]
    table = Table("figure", *heads, "better", "meaning", box=None, pad_edge=False)
    for kind, section in SECTIONS.items():
        names = [name for name in against(kind) if any(name in column for column in columns)]
        if names:
            table.add_row()
            table.add_row(f"[bold]{section.partition(':')[0]}[/bold]")
        for name in names:
            about = FIGURES[name]
            cells = [column.get(name, "") for column in columns]
            table.add_row(about.title, *cells, about.better, about.meaning)
    console = Console(width=None if sys.stdout.isatty() else 160 + 12 * len(columns))
    for one in measured:
        rate = f"at {one.info.sample_rate} Hz"
        windows = count_of(one.evaluation.windows, "window")
        console.print(escape(plain(f"{one.evaluation.codec}, {windows}, {rate}")), highlight=False)
    console.print(table)
    for one, statistics in zip(measured, overall, strict=True):
        codec = "" if len(measured) == 1 else f"{plain(one.name)}: "
        for name, found in statistics.items():
            if found.undefined or (found.limited and not found.exact):
                limits = f"{found.limited} of {found.values} values limited to 160 dB" if found.limited else ""
                unknown = f"{found.undefined} left out, since the reference is silent" if found.undefined else ""
                # In the table, a figure without z0 follows the one with it.
                title = FIGURES[name.replace("_plain", "")].title + (" without z0" if "_plain" in name else "")
                note = f"{codec}{title}: {', '.join(filter(None, (limits, unknown)))}"
                console.print(escape(note), highlight=False)


def _columns_of_one(one: Measured) -> tuple[list[dict[str, str]], list[str]]:
    """Means, half widths of their confidence intervals, and the means of each of several seeds."""
    result = one.evaluation
    overall = result.measured.statistics()
    several = len(result.seeds) > 1
    means = {name: _text(value, overall.get(name)) for name, value in result.figures.items()}
    halves = {name: _number(found.high - found.mean) for name, found in overall.items()}
    of_seeds = [result.measured.statistics(seed) for seed in result.seeds] if several else []
    seeds = [{name: _text(found.mean, found) for name, found in one.items()} for one in of_seeds]
    heads = ["mean" if several else "value", "± 95 %", *(f"seed {seed}" for seed in result.seeds if several)]
    return [means, halves, *seeds], heads


def _text(value: float, statistics: Statistics | None) -> str:
    return "exact" if statistics is not None and statistics.exact else _number(value)


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.4g}"
