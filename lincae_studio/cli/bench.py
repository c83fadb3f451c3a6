"""`lincae-studio bench ...`: measurements anyone can repeat."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

bench_app = typer.Typer(help="Measure this installation.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print figures as JSON.")]


@bench_app.command("builtin")
def _builtin(as_json: AsJson = False) -> None:
    """Quality of the built-in codecs on the demo song: reconstruction, stem removal, additivity, speed."""
    from lincae_studio.bench.builtin import measure_builtin

    _print_rows(measure_builtin(), as_json)


@bench_app.command("chunks")
def _chunks(
    codec: Annotated[str, typer.Option("--codec", help="Codec to measure.")] = "mdct-2x", as_json: AsJson = False
) -> None:
    """Render times of the demo song for several chunk lengths: what a codec's default is chosen from."""
    from lincae_studio.bench.chunks import measure_chunks

    _print_rows(measure_chunks(codec), as_json)


@bench_app.command("start")
def _start(as_json: AsJson = False, runs: Annotated[int, typer.Option(help="Starts to measure.")] = 5) -> None:
    """Time from the command to the window's first paint, in fresh processes, and what they imported."""
    from lincae_studio.bench.start import measure_start

    figures = measure_start(runs)
    if as_json:
        print(json.dumps(figures, indent=2))
        return
    for name, value in figures.items():
        print(f"{name}: {value}")


def _print_rows(rows: list[dict[str, object]], as_json: bool) -> None:
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    table = Table(*rows[0], box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(f"{value:.3g}" if isinstance(value, float) else str(value) for value in row.values()))
    Console(width=None if sys.stdout.isatty() else 160).print(table)
