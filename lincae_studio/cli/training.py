"""`lincae-studio train` and `lincae-studio distill`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lincae_studio.cli.runs import (
    DataOption,
    DevicesOption,
    MaxStepsOption,
    MaxTimeOption,
    MeasureOption,
    NodesOption,
    OutOption,
    ResumeOption,
    RunOptions,
    SettingsOption,
    ValidateOption,
    WorkersOption,
    start_or_resume,
)
from lincae_studio.cli.text import show
from lincae_studio.codecs import registry
from lincae_studio.errors import UsageError

if TYPE_CHECKING:
    from lincae_studio.training.recipe import Recipe


def train(
    preset: Annotated[
        str | None, typer.Option(help="lin-cae, lin-cae-2, m2l, augmentation, mini, mini-44k, linear-8x or linear-15x.")
    ] = None,
    data: DataOption = None,
    settings: SettingsOption = None,
    validate: ValidateOption = None,
    out: OutOption = None,
    resume: ResumeOption = None,
    max_steps: MaxStepsOption = None,
    max_time: MaxTimeOption = None,
    workers: WorkersOption = None,
    devices: DevicesOption = 1,
    nodes: NodesOption = 1,
    measure: MeasureOption = True,
) -> None:
    """Train a codec: `lincae-studio train --preset mini --data synth --out runs/mini`."""

    def plan(name: str) -> tuple[str, Recipe]:
        from lincae_studio.training.presets import preset as make_recipe

        return name, make_recipe(name, settings or ())

    options = RunOptions(data, settings, validate, out, resume, max_steps, max_time, workers, devices, nodes, measure)
    folder = start_or_resume("train", "--preset", preset, plan, options)
    if folder is not None:
        _summarise(folder)


def distill(
    codec: Annotated[str | None, typer.Argument(help="Codec, by its id or the path of its folder.")] = None,
    data: DataOption = None,
    settings: SettingsOption = None,
    validate: ValidateOption = None,
    out: OutOption = None,
    resume: ResumeOption = None,
    max_steps: MaxStepsOption = None,
    max_time: MaxTimeOption = None,
    workers: WorkersOption = None,
    devices: DevicesOption = 1,
    nodes: NodesOption = 1,
    measure: MeasureOption = True,
) -> None:
    """Train the preview of a codec, a quick decoder: `lincae-studio distill lin-cae --data synth --out runs/preview`.

    It is installed at the end, and heard until the codec itself has decoded.
    """

    def plan(name: str) -> tuple[str, Recipe]:
        from lincae_studio.training.presets import DISTILL, distillation

        name = registry.by_path(name)
        info = registry.info(name)
        if info.quick:
            raise UsageError(f"{info.title} decodes so quickly that it needs no preview", "Choose another codec")
        return DISTILL, distillation(name, info, settings or ())

    options = RunOptions(data, settings, validate, out, resume, max_steps, max_time, workers, devices, nodes, measure)
    folder = start_or_resume("distill", "CODEC", codec, plan, options)
    if folder is not None:
        from lincae_studio.training.export import best_exported

        _summarise(folder)
        show(f"installed in {registry.install_preview(best_exported(folder))}")


def _summarise(folder: Path) -> None:
    from lincae_studio.training.export import summary

    show(summary(folder))
