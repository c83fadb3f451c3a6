"""`lincae-studio train`."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path
from typing import Annotated

import typer

from lincae_studio.cli.text import show, show_error
from lincae_studio.codecs.packages import require
from lincae_studio.errors import UsageError


def train(
    preset: Annotated[
        str | None, typer.Option(help="lin-cae, lin-cae-2, m2l, augmentation, mini, mini-44k, linear-8x or linear-15x.")
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FOLDER[:FRACTION]", help="Audio folder and its share of the data; `synth` for procedural songs."
        ),
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a setting of the recipe.")
    ] = None,
    validate: Annotated[
        str | None,
        typer.Option(
            metavar="SHARE|FOLDER|synth",
            help="Validation data: the share of the files to hold out, such as 0.05, another folder, or `synth`.",
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for a new run.")] = None,
    resume: Annotated[Path | None, typer.Option(help="Folder of a run to resume, with its original settings.")] = None,
    max_steps: Annotated[
        int | None, typer.Option(min=1, help="Stop after this step; schedules still follow the steps of the recipe.")
    ] = None,
    max_time: Annotated[
        float | None,
        typer.Option(min=0.0, max=1e8, help="Stop after this many seconds; the run can be resumed later."),
    ] = None,
    workers: Annotated[int | None, typer.Option(min=0, help="Number of processes that prepare audio.")] = None,
    devices: Annotated[int, typer.Option(min=1, help="Number of GPUs per node.")] = 1,
    nodes: Annotated[int, typer.Option(min=1, help="Number of nodes.")] = 1,
    measure: Annotated[
        bool, typer.Option("--evaluate/--no-evaluate", help="Whether to measure the codec that is exported at the end.")
    ] = True,
) -> None:
    """Train a codec: `lincae-studio train --preset mini --data synth --out runs/mini`."""
    for module in ("lightning", "tensorboard"):
        if importlib.util.find_spec(module) is None:
            raise UsageError(f"training needs {module}", "Install it with pip install 'lincae-studio[train]'")
    if resume is not None and (preset or data or settings or validate or out):
        raise UsageError(
            "--resume continues a run with its original settings", "Omit --preset, --data, --validate, --set, --out"
        )
    if max_time is not None and math.isnan(max_time):
        raise UsageError("--max-time is not a number", "Give a number of seconds")
    if resume is None and (preset is None or out is None):
        raise UsageError("a new run needs --preset and --out", "Add them, or resume a run with --resume FOLDER")

    require("torch")
    from lincae_studio.training import data as audio, run
    from lincae_studio.training.export import summary
    from lincae_studio.training.presets import preset as make_recipe
    from lincae_studio.training.recipe import Run
    from lincae_studio.training.validation import parse_validation

    def keep() -> None:
        """Leave a run that existed before as it is."""

    if resume is not None:
        folder, plan, withdraw = resume, run.read_run(resume), keep
    else:
        assert preset is not None
        assert out is not None
        parts = audio.parse_data(data or [audio.SYNTH])
        recipe = make_recipe(preset, settings or ())
        held_out = None if validate is None else parse_validation(validate)
        folder = out
        plan = Run(preset=preset, recipe=recipe, data=[str(part) for part in parts], validate=held_out)
        withdraw = run.begin(folder, plan)
    workers = audio.default_workers() if workers is None else workers
    try:
        run.train(
            folder,
            plan,
            max_steps=max_steps,
            max_time_s=max_time,
            workers=workers,
            devices=devices,
            nodes=nodes,
            measure=measure,
            withdraw=withdraw,
            say=show_error,
        )
    except KeyboardInterrupt:
        if run.is_first_process():
            step = run.saved_step(folder)
            saved = f"step {step:,} of {plan.recipe.steps:,} is saved" if step else "no step has been completed yet"
            show_error(f"{saved}: continue with lincae-studio train --resume {folder}")
        raise
    if run.is_first_process():
        show(summary(folder))
