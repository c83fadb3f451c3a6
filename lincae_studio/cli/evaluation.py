"""`lincae-studio evaluate`."""

from __future__ import annotations

import csv
import importlib.util
import json
import math
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lincae_studio import malloc
from lincae_studio.cli.progress import progress_bars
from lincae_studio.cli.text import plain, show_error
from lincae_studio.codecs import registry
from lincae_studio.codecs.computation import Computation
from lincae_studio.errors import UsageError

if TYPE_CHECKING:
    from lincae_studio.evaluation.figures import Statistics
    from lincae_studio.evaluation.measuring import Evaluation


def evaluate(
    codec: Annotated[str, typer.Argument(help="Codec id (see `codecs list`), or the folder of a trained codec.")],
    audio: Annotated[
        list[str], typer.Argument(metavar="AUDIO...", help="Audio files, or `synth` for procedural songs.")
    ],
    stems: Annotated[bool, typer.Option("--stems", help="The files are the stems of one song.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print figures as JSON.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print figures as CSV.")] = False,
    plots: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder for plots of the statistics of the latents.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Number of mixtures to measure, spread over the audio.")] = 32,
    seeds: Annotated[
        int, typer.Option(min=1, max=1000, help="Number of seeds of the decoder's noise to measure with, from 0 on.")
    ] = 1,
) -> None:
    """Measure a codec: reconstruction, homogeneity, additivity, removal of sources, latents."""
    if as_json and as_csv:
        raise UsageError("--json and --csv cannot be combined", "Use only one of them")
    if plots is not None and importlib.util.find_spec("matplotlib") is None:
        raise UsageError("plots need matplotlib", "Install it with pip install 'lincae-studio[train]'")

    from lincae_studio.evaluation import audio as evaluation_audio
    from lincae_studio.evaluation import measuring
    from lincae_studio.training.synth import synth_groups

    malloc.keep_freed()
    loaded = registry.load(registry.by_path(codec), Computation().overridden(os.environ))
    if audio == ["synth"]:
        groups = synth_groups(loaded.info, limit)
    else:
        groups = evaluation_audio.read_groups([Path(name) for name in audio], loaded.info, stems=stems, limit=limit)
    with progress_bars() as report:
        result = measuring.evaluate(loaded, groups, report("measuring"), range(seeds))
    _print(result, as_json, as_csv)
    if plots is not None:
        from lincae_studio.evaluation.plots import draw_latents

        for path in draw_latents(result, plots):
            show_error(str(path))


def _print(result: Evaluation, as_json: bool, as_csv: bool) -> None:
    if as_json:
        print(json.dumps(_as_json(result), indent=2))
    elif as_csv:
        csv.writer(sys.stdout).writerows(_as_csv(result))
    else:
        _print_table(result)


def _as_json(result: Evaluation) -> dict[str, Any]:
    from lincae_studio.evaluation.figures import finite

    rows = [
        {
            "seed": row.seed,
            "group": row.group,
            "source": row.source,
            **{name: finite(value) for name, value in row.values.items()},
        }
        for row in result.measured.rows()
    ]
    seeds = [
        {"seed": seed, "statistics": {name: one.plain() for name, one in result.measured.statistics(seed).items()}}
        for seed in result.seeds
    ]
    return {"codec": result.codec, **result.plain(), "seeds": seeds, "rows": rows}


def _as_csv(result: Evaluation) -> list[list[Any]]:
    """A line for each statistic of all seeds and of each seed, then a line for each window."""
    from lincae_studio.evaluation.figures import finite

    def line(kind: str, seed: int | str, group: int | str, source: int | str, values: dict[str, float]) -> list[Any]:
        cells = [finite(values.get(name, math.nan)) for name in result.figures]
        return [plain(result.codec), kind, seed, group, source, *("" if cell is None else cell for cell in cells)]

    lines: list[list[Any]] = [["codec", "row", "seed", "group", "source", *result.figures]]
    lines.append(line("mean", "", "", "", result.figures))
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


def _print_table(result: Evaluation) -> None:
    from lincae_studio.evaluation.figures import FIGURES

    several = len(result.seeds) > 1
    overall = result.measured.statistics()
    of_seeds = [result.measured.statistics(seed) for seed in result.seeds] if several else []
    heads = [f"seed {seed}" for seed in result.seeds] if several else []
    table = Table(
        "figure", "mean" if several else "value", "± 95 %", *heads, "better", "meaning", box=None, pad_edge=False
    )
    for name, value in result.figures.items():
        about = FIGURES[name]
        cells = [_cell(statistics[name]) if name in statistics else "" for statistics in of_seeds]
        if name in overall:
            half = overall[name].high - overall[name].mean
            table.add_row(about.title, _cell(overall[name]), _number(half), *cells, about.better, about.meaning)
        else:
            table.add_row(about.title, _number(value), "", *cells, about.better, about.meaning)
    console = Console(width=None if sys.stdout.isatty() else 160 + 12 * len(heads))
    console.print(escape(plain(f"{result.codec}, {result.windows} windows")), highlight=False)
    console.print(table)
    for name, one in overall.items():
        if one.undefined or (one.limited and not one.exact):
            limits = f"{one.limited} of {one.values} values limited to 160 dB" if one.limited else ""
            unknown = f"{one.undefined} left out, since the reference is silent" if one.undefined else ""
            console.print(f"{FIGURES[name].title}: {', '.join(filter(None, (limits, unknown)))}", highlight=False)


def _cell(one: Statistics) -> str:
    return "exact" if one.exact else _number(one.mean)


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.4g}"
