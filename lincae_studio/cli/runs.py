"""Options of the commands that train, and what they have in common: starting, resuming and interrupting a run."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from lincae_studio.cli.text import show_error
from lincae_studio.codecs.packages import require
from lincae_studio.errors import UsageError

if TYPE_CHECKING:
    from lincae_studio.training.recipe import Recipe

DataOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FOLDER[:FRACTION]", help="Audio folder and its share of the data; `synth` for procedural songs."
    ),
]
SettingsOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a setting of the recipe.")
]
ValidateOption = Annotated[
    str | None,
    typer.Option(
        metavar="SHARE|FOLDER|synth",
        help="Validation data: the share of the files to hold out, such as 0.05, another folder, or `synth`.",
    ),
]
OutOption = Annotated[Path | None, typer.Option(help="Folder for a new run.")]
ResumeOption = Annotated[Path | None, typer.Option(help="Folder of a run to resume, with its original settings.")]
MaxStepsOption = Annotated[
    int | None, typer.Option(min=1, help="Stop after this step; schedules still follow the steps of the recipe.")
]
MaxTimeOption = Annotated[
    float | None,
    typer.Option(min=0.0, max=1e8, help="Stop after this many seconds; the run can be resumed later."),
]
WorkersOption = Annotated[int | None, typer.Option(min=0, help="Number of processes that prepare audio.")]
DevicesOption = Annotated[int, typer.Option(min=1, help="Number of GPUs per node.")]
NodesOption = Annotated[int, typer.Option(min=1, help="Number of nodes.")]
MeasureOption = Annotated[
    bool, typer.Option("--evaluate/--no-evaluate", help="Whether to measure the codec that is exported at the end.")
]


@dataclass(frozen=True)
class RunOptions:
    """The values of the options above."""

    data: list[str] | None
    settings: list[str] | None
    validate: str | None
    out: Path | None
    resume: Path | None
    max_steps: int | None
    max_time: float | None
    workers: int | None
    devices: int
    nodes: int
    measure: bool


def start_or_resume(
    command: Literal["train", "distill"],
    what: str,
    given: str | None,
    plan: Callable[[str], tuple[str, Recipe]],
    options: RunOptions,
) -> Path | None:
    """Train, from the start or from where a run was interrupted, and export.

    Args:
        what: name of the argument that a new run needs, and a resumed one already has; `given` is its value.
        plan: from that value: the name of a preset, and the recipe of a new run.

    Returns:
        The folder of the run; None in all but the first of several processes.
    """
    for module in ("lightning", "tensorboard"):
        if importlib.util.find_spec(module) is None:
            raise UsageError(f"training needs {module}", "Install it with pip install 'lincae-studio[train]'")
    if options.resume is not None and (given or options.data or options.settings or options.validate or options.out):
        raise UsageError(
            "--resume continues a run with its original settings", f"Omit {what}, --data, --validate, --set, --out"
        )
    if options.max_time is not None and math.isnan(options.max_time):
        raise UsageError("--max-time is not a number", "Give a number of seconds")
    if options.resume is None and (given is None or options.out is None):
        raise UsageError(f"a new run needs {what} and --out", "Add them, or resume a run with --resume FOLDER")

    require("torch")
    from lincae_studio.training import data as audio, run
    from lincae_studio.training.presets import command_of
    from lincae_studio.training.recipe import Run
    from lincae_studio.training.validation import parse_validation

    def keep() -> None:
        """Leave a run that existed before as it is."""

    if options.resume is not None:
        folder, planned, withdraw = options.resume, run.read_run(options.resume), keep
        if command_of(planned.preset) != command:
            other = command_of(planned.preset)
            raise UsageError(f"{folder} is a run of {other}", f"Use lincae-studio {other} --resume {folder}")
    else:
        assert given is not None
        assert options.out is not None
        folder = options.out
        parts = audio.parse_data(options.data or [audio.SYNTH])
        preset, recipe = plan(given)
        held_out = None if options.validate is None else parse_validation(options.validate)
        planned = Run(preset=preset, recipe=recipe, data=[str(part) for part in parts], validate=held_out)
        withdraw = run.begin(folder, planned)
    try:
        run.train(
            folder,
            planned,
            max_steps=options.max_steps,
            max_time_s=options.max_time,
            workers=audio.default_workers() if options.workers is None else options.workers,
            devices=options.devices,
            nodes=options.nodes,
            measure=options.measure,
            withdraw=withdraw,
            say=show_error,
        )
    except KeyboardInterrupt:
        if run.is_first_process():
            step = run.saved_step(folder)
            saved = f"step {step:,} of {planned.recipe.steps:,} is saved" if step else "no step has been completed yet"
            show_error(f"{saved}: continue with lincae-studio {command} --resume {folder}")
        raise
    return folder if run.is_first_process() else None
