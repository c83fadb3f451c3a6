"""`lincae-studio train` and `lincae-studio evaluate`."""

from __future__ import annotations

import csv
import importlib.util
import json
import math
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lincae_studio import malloc
from lincae_studio.cli.progress import progress_bars
from lincae_studio.cli.text import plain, show, show_error
from lincae_studio.codecs import registry
from lincae_studio.codecs.computation import Computation
from lincae_studio.errors import UsageError

if TYPE_CHECKING:
    from lincae_studio.training.evaluation import Evaluation


def train(
    preset: Annotated[str | None, typer.Option(help="lin-cae, lin-cae-2, m2l, mini or mini-44k.")] = None,
    data: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FOLDER[:FRACTION]", help="Audio folder and its share of the data; `synth` for procedural songs."
        ),
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a setting of the recipe.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for a new run.")] = None,
    resume: Annotated[Path | None, typer.Option(help="Folder of a run to resume, with its original settings.")] = None,
    max_steps: Annotated[
        int | None, typer.Option(min=1, help="Stop after this step; schedules still follow the steps of the recipe.")
    ] = None,
    max_time: Annotated[
        float | None, typer.Option(min=0.0, help="Stop after this many seconds; the run can be resumed later.")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=0, help="Number of processes that prepare audio.")] = None,
    devices: Annotated[int, typer.Option(min=1, help="Number of GPUs per node.")] = 1,
    nodes: Annotated[int, typer.Option(min=1, help="Number of nodes.")] = 1,
) -> None:
    """Train a codec: `lincae-studio train --preset mini --data synth --out runs/mini`."""
    for module in ("lightning", "tensorboard"):
        if importlib.util.find_spec(module) is None:
            raise UsageError(f"training needs {module}", "Install it with pip install 'lincae-studio[train]'")
    if resume is not None and (preset or data or settings or out):
        raise UsageError("--resume continues a run with its original settings", "Omit --preset, --data, --set, --out")
    if resume is None and (preset is None or out is None):
        raise UsageError("a new run needs --preset and --out", "Add them, or resume a run with --resume FOLDER")

    from lincae_studio.training import data as audio
    from lincae_studio.training import run
    from lincae_studio.training.recipe import Run
    from lincae_studio.training.recipe import preset as make_recipe

    if resume is not None:
        folder, plan = resume, run.read_run(resume)
    else:
        assert preset is not None
        assert out is not None
        parts = audio.parse_data(data or [audio.SYNTH])
        recipe = make_recipe(preset, settings or ())
        folder, plan = out, Run(preset=preset, recipe=recipe, data=[str(part) for part in parts])
        run.begin(folder, plan)
    workers = audio.default_workers() if workers is None else workers
    _, evaluation = run.train(
        folder, plan, max_steps=max_steps, max_time_s=max_time, workers=workers, devices=devices, nodes=nodes
    )
    if evaluation is not None:
        ratio, additivity = (evaluation.figures.get(name, math.nan) for name in ("si_sdr_db", "encoder_additivity"))
        show(f"{folder / 'codec'}: SI-SDR {ratio:.1f} dB, encoder additivity error {additivity:.2f}")


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
) -> None:
    """Measure a codec: reconstruction, homogeneity, additivity, removal of sources, latents."""
    if as_json and as_csv:
        raise UsageError("--json and --csv cannot be combined", "Use only one of them")
    if plots is not None and importlib.util.find_spec("matplotlib") is None:
        raise UsageError("plots need matplotlib", "Install it with pip install 'lincae-studio[train]'")

    from lincae_studio.training import evaluation

    malloc.keep_freed()
    loaded = registry.load(registry.by_path(codec), Computation().overridden(os.environ))
    if audio == ["synth"]:
        groups = evaluation.synth_groups(loaded.info, limit)
    else:
        groups = evaluation.read_groups([Path(name) for name in audio], loaded.info, stems=stems, limit=limit)
    with progress_bars() as report:
        result = evaluation.evaluate(loaded, groups, report("measuring"))
    _print(result, as_json, as_csv)
    if plots is not None:
        from lincae_studio.training.plots import draw_latents

        for path in draw_latents(result, plots):
            show_error(str(path))


def _print(result: Evaluation, as_json: bool, as_csv: bool) -> None:
    from lincae_studio.training.evaluation import FIGURES, finite

    figures = finite(result.figures)
    if as_json:
        print(json.dumps({"codec": result.codec, "windows": result.windows, **figures}, indent=2))
        return
    if as_csv:
        writer = csv.writer(sys.stdout)
        writer.writerow(["codec", "windows", *figures])
        writer.writerow([plain(result.codec), result.windows, *("" if v is None else v for v in figures.values())])
        return
    table = Table("figure", "value", "better", "meaning", box=None, pad_edge=False)
    for name, value in figures.items():
        about = FIGURES[name]
        table.add_row(about.title, "exact" if value is None else f"{value:.4g}", about.better, about.meaning)
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(escape(plain(f"{result.codec}, {result.windows} windows")), highlight=False)
    console.print(table)
