"""`lincae-studio bench ...`: reproducible measurements."""

from __future__ import annotations

import json
import math
import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from lincae_studio.atomic import write_bytes
from lincae_studio.bench.machine import machine
from lincae_studio.cli.text import plain, show, show_error, show_figures, warn
from lincae_studio.codecs.computation import Computation
from lincae_studio.codecs.packages import require
from lincae_studio.defaults import DEFAULT_CODEC
from lincae_studio.errors import StudioError, UsageError, os_error_reason

bench_app = typer.Typer(help="Run benchmarks of this installation.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print figures as JSON.")]


@bench_app.callback()
def _before(context: typer.Context) -> None:
    """Run benchmarks of this installation."""
    context.obj = machine()  # before measuring, for its load


@bench_app.command("all")
def _all(
    output: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="Where to write the figures.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Measure small sessions, in a few minutes.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run all benchmarks, and write their figures to one file after each. One that fails is listed in it."""
    from lincae_studio.bench.suite import measure_all

    found: dict[str, object] = {}
    for found in measure_all(quick, lambda name: show_error(f"bench {name} ...")):
        if output is not None:
            _write_figures(output, found)
    errors = found["errors"]
    assert isinstance(errors, dict)
    for name, reason in errors.items():
        warn(f"bench {name} failed: {reason}")
    if as_json or output is None:
        print(json.dumps(found, indent=2))
    else:
        show(f"{output}: the figures of all benchmarks" + (f", except {', '.join(errors)}" if errors else ""))


def _write_figures(output: Path, found: dict[str, object]) -> None:
    """Raises `StudioError` when the file cannot be written."""
    try:
        write_bytes(output, json.dumps(found, indent=2).encode())
    except OSError as error:
        reason, remedy = os_error_reason(error, output)
        raise StudioError(f"cannot write {output}: {reason}", remedy) from error


@bench_app.command("compare")
def _compare(
    a: Annotated[Path, typer.Argument(metavar="A", help="Figures of `bench all`, or of one benchmark with --json.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="Figures to divide by those of A.")],
    as_json: AsJson = False,
) -> None:
    """Ratios B / A of two files of figures; marks those that differ by more than the repeats within each file."""
    from lincae_studio.bench.compare import compare

    found = compare(a, b)
    for difference in found.machines:
        warn(f"the machines differ: {difference}")
    for name in found.only:
        warn(f"only one file has bench {name or 'figures of this kind'}")
    if as_json:
        rows = [
            {"benchmark": one.benchmark, "figure": one.figure, "a": one.a, "b": one.b}
            | {"ratio": one.ratio, "low": one.low, "high": one.high, "differs": one.differs}
            for one in found.ratios
        ]
        print(json.dumps({"ratios": rows, "machines": found.machines, "only": found.only}, indent=2))
        return
    table = Table("figure", "A", "B", "B / A", "spread", "", box=None, pad_edge=False)
    group = None
    for one in found.ratios:
        if one.benchmark != group:
            group = one.benchmark
            table.add_row(plain(group), style="bold")
        span = "" if one.low is None else f"{one.low:.3f} to {one.high:.3f}"
        mark = "differs" if one.differs else ""
        table.add_row(plain(one.figure), f"{one.a:.4g}", f"{one.b:.4g}", f"{one.ratio:.3f}", span, mark)
    _console().print(table)


@bench_app.command("builtin")
def _builtin(context: typer.Context, as_json: AsJson = False) -> None:
    """Quality of the built-in codecs on the demo song: reconstruction, stem removal, additivity, speed."""
    from lincae_studio.bench.builtin import measure_builtin

    _print_rows(measure_builtin(), as_json, context)


@bench_app.command("bundle")
def _bundle(
    context: typer.Context,
    codec: Annotated[
        str,
        typer.Option("--codec", help="Codec ids, separated by commas; random-lin-cae: full size, random weights."),
    ] = "mdct-1x,mdct-2x,mdct-4x",
    seconds: Annotated[
        float | None, typer.Option("--seconds", help="Seconds of the demo song to use; default: all of it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Size of the demo song as a latent bundle, compared with 24-bit PCM, and the difference of its render."""
    from lincae_studio.bench.bundle import measure_bundles

    _print_rows(measure_bundles(tuple(codec.split(",")), seconds), as_json, context)


@bench_app.command("chunks")
def _chunks(
    context: typer.Context,
    codec: Annotated[str, typer.Option("--codec", help="Codec to measure.")] = DEFAULT_CODEC,
    as_json: AsJson = False,
) -> None:
    """Render times of the demo song for several chunk lengths, the basis of a codec's default."""
    from lincae_studio.bench.chunks import measure_chunks

    _print_rows(measure_chunks(codec, Computation().overridden(os.environ)), as_json, context)


@bench_app.command("codec")
def _codec(
    context: typer.Context,
    against: Annotated[
        str | None, typer.Option("--against", help="Reference package to compare with: linear-cae.")
    ] = None,
    device: Annotated[
        str | None, typer.Option("--device", help="cpu, cuda or mps; default: the best available.")
    ] = None,
    seconds: Annotated[float, typer.Option("--seconds", help="Length of the audio.")] = 4.0,
    repeats: Annotated[int, typer.Option("--repeats", min=1, help="Repeats of each measurement.")] = 3,
    batch_sizes: Annotated[str, typer.Option("--batch-sizes", help="Batch sizes to measure too, like 1,4,16.")] = "",
    base_channels: Annotated[
        int, typer.Option("--base-channels", help="Width of the model, a multiple of 8; public models have 64.")
    ] = 64,
    as_json: AsJson = False,
) -> None:
    """Speed of a full-size Lin-CAE model with random weights, and its agreement with the reference package."""
    require("torch")
    from lincae_studio.bench.codec import measure_codec

    sizes = _counts("--batch-sizes", batch_sizes)
    figures = measure_codec(
        against=against, device=device, seconds=seconds, repeats=repeats, batch_sizes=sizes, base_channels=base_channels
    )
    if as_json:
        print(json.dumps(figures | {"machine": context.obj}, indent=2))
        return
    batches = figures.pop("batches", None)
    figures.pop("spread", None)
    for name, value in figures.items():
        print(f"{name}: {value:.4g}" if isinstance(value, float) else f"{name}: {value}")
    if isinstance(batches, list):
        _print_rows(batches, False, context)


@bench_app.command("dataset")
def _dataset(
    context: typer.Context,
    files: Annotated[int, typer.Option("--files", help="Number of files.")] = 48,
    seconds: Annotated[float, typer.Option("--seconds", help="Length of each file.")] = 3.0,
    codec: Annotated[
        str, typer.Option("--codec", help="A codec id, or random-lin-cae: narrow, random weights.")
    ] = "random-lin-cae",
    as_json: AsJson = False,
) -> None:
    """Measure data sets of latents: against a plain loop, and on one and two workers of a Ray cluster."""
    from lincae_studio.bench.dataset import measure_dataset

    _print_figures(measure_dataset(files, seconds, codec), as_json, context)


@bench_app.command("engine")
def _engine(
    context: typer.Context,
    codec: Annotated[
        str, typer.Option("--codec", help="A codec id, or random-lin-cae: full size, random weights.")
    ] = DEFAULT_CODEC,
    tracks: Annotated[str, typer.Option("--tracks", help="Numbers of tracks to measure.")] = "1,8,32,64",
    minutes: Annotated[float, typer.Option("--minutes", help="Length of the edited session.")] = 3.0,
    export_minutes: Annotated[
        str, typer.Option("--export-minutes", help="Lengths of the exports; the default depends on the codec.")
    ] = "",
    clips: Annotated[str, typer.Option("--clips", help="Numbers of clips to plan.")] = "125,500,2000",
    repeats: Annotated[int, typer.Option("--repeats", help="How many times each edit is measured.")] = 5,
    as_json: AsJson = False,
) -> None:
    """Latency from an edit to the sound, compared with a simple script; encodes and decodes; exports; plans."""
    from lincae_studio.bench.engine import EngineBench, measure_engine

    bench = EngineBench(
        codec,
        _counts("--tracks", tracks),
        minutes,
        _numbers("--export-minutes", export_minutes),
        _counts("--clips", clips),
        repeats=repeats,
        computation=Computation().overridden(os.environ),
    )
    _print_figures(measure_engine(bench), as_json, context)


@bench_app.command("import")
def _import(
    context: typer.Context,
    files: Annotated[int, typer.Option("--files", help="Number of stems.")] = 12,
    seconds: Annotated[float, typer.Option("--seconds", help="Length of each.")] = 60.0,
    repeats: Annotated[int, typer.Option("--repeats", min=1, help="How many times they are imported.")] = 3,
    as_json: AsJson = False,
) -> None:
    """Import of many stems, compared with only decoding and hashing the same files on all cores."""
    from lincae_studio.bench.importing import measure_import

    _print_figures(measure_import(files, seconds, repeats), as_json, context)


@bench_app.command("playback")
def _playback(
    context: typer.Context,
    seconds: Annotated[float, typer.Option("--seconds", help="How long to play.")] = 60.0,
    tracks: Annotated[int, typer.Option("--tracks", help="Tracks of the session.")] = 16,
    codec: Annotated[
        str, typer.Option("--codec", help="A codec id, or random-lin-cae: full size, random weights.")
    ] = "random-lin-cae",
    as_json: AsJson = False,
) -> None:
    """Dropouts while the engine is busy: the full window plays while a fader is moved twice a second."""
    from lincae_studio.bench.playback import measure_playback

    _print_figures(measure_playback(seconds, tracks, codec), as_json, context)


@bench_app.command("remote")
def _remote(
    context: typer.Context,
    host: Annotated[
        str, typer.Argument(metavar="[HOST]", help="Machine to measure; default: this one, behind delayed links.")
    ] = "",
    delays: Annotated[str, typer.Option("--delays", help="Round-trip times of these links, in ms.")] = "1,20,200",
    codec: Annotated[str, typer.Option("--codec", help="A codec id.")] = DEFAULT_CODEC,
    tracks: Annotated[int, typer.Option("--tracks", min=1, help="Tracks of the session.")] = 8,
    minutes: Annotated[float, typer.Option("--minutes", min=0.1, max=60.0, help="Its length.")] = 1.0,
    repeats: Annotated[int, typer.Option("--repeats", min=1, help="How many edits are measured.")] = 15,
    as_json: AsJson = False,
) -> None:
    """An engine on another machine against one here: from an edit to the sound, and how long callers wait."""
    from lincae_studio.bench.remote import measure_remote
    from lincae_studio.studio.engine import preferred_machine

    machine = preferred_machine(host) if host else None
    figures = measure_remote(machine, _numbers("--delays", delays), codec, tracks, minutes, repeats)
    _print_figures(figures, as_json, context)


@bench_app.command("start")
def _start(
    context: typer.Context,
    as_json: AsJson = False,
    runs: Annotated[int, typer.Option(min=1, help="Number of starts.")] = 5,
) -> None:
    """Time from the command to the first paint of the window, in fresh processes, and the modules they import."""
    from lincae_studio.bench.start import measure_start

    _print_figures(measure_start(runs), as_json, context)


@bench_app.command("training")
def _training(
    context: typer.Context,
    preset: Annotated[str, typer.Option(help="Training preset.")] = "mini",
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a setting of the recipe.")
    ] = None,
    seconds: Annotated[float, typer.Option(help="How long to measure, after warming up.")] = 10.0,
    peak_tflops: Annotated[
        float | None, typer.Option(help="Peak performance of the device in TFLOPS, for comparison.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Speed of training on this machine: steps, windows and operations per second."""
    require("torch")
    from lincae_studio.training.presets import preset as make_recipe
    from lincae_studio.training.throughput import measure_training

    _print_figures(measure_training(make_recipe(preset, settings or ()), seconds, peak_tflops), as_json, context)


@bench_app.command("ui")
def _ui(
    context: typer.Context,
    tracks: Annotated[int, typer.Option("--tracks", help="Tracks of the session.")] = 64,
    clips: Annotated[int, typer.Option("--clips", help="Clips on all tracks together.")] = 2000,
    minutes: Annotated[float, typer.Option("--minutes", help="Length of the session.")] = 60.0,
    frames: Annotated[int, typer.Option("--frames", help="Frames of each movement.")] = 200,
    starts: Annotated[int, typer.Option("--starts", help="Starts of an empty window.")] = 5,
    all_views: Annotated[bool, typer.Option("--all-views", help="Show all views, not only the heatmap.")] = False,
    opened_tracks: Annotated[int, typer.Option("--opened-tracks", help="Tracks of the project to open.")] = 1000,
    opened_clips: Annotated[int, typer.Option("--opened-clips", help="Clips of the project to open.")] = 20_000,
    as_json: AsJson = False,
) -> None:
    """Frame times of a dense session: scrolling, zooming, playhead, fader, clip drag; also start-up and memory.

    Also the longest time that the window freezes (longest_block_ms) while it opens a project of a day, half of whose
    audio is missing; that takes up about 500 MB in the temporary folder.
    """
    from lincae_studio.bench.ui import UiBench, measure_ui

    bench = UiBench(tracks, clips, minutes, frames, starts, all_views, opened_tracks, opened_clips)
    _print_figures(measure_ui(bench), as_json, context)


def _print_figures(figures: dict[str, object], as_json: bool, context: typer.Context) -> None:
    lines = [f"{name}: {value}" for name, value in figures.items() if name != "spread"]
    show_figures(figures | {"machine": context.obj}, lines, as_json)


def _console() -> Console:
    return Console(width=None if sys.stdout.isatty() else 160)


def _numbers(option: str, text: str) -> list[float]:
    try:
        numbers = [float(number) for number in text.split(",") if number]
    except ValueError:
        numbers = [math.nan]
    if not all(math.isfinite(number) and number > 0.0 for number in numbers):
        raise UsageError(f"{option} {text} is not a list of positive numbers", "Write it like 1,4,16")
    return numbers


def _counts(option: str, text: str) -> list[int]:
    numbers = _numbers(option, text)
    if not all(number.is_integer() for number in numbers):
        raise UsageError(f"{option} {text} is not a list of whole numbers", "Write it like 1,4,16")
    return [int(number) for number in numbers]


def _print_rows(rows: list[dict[str, object]], as_json: bool, context: typer.Context) -> None:
    if as_json:
        print(json.dumps([row | {"machine": context.obj} for row in rows], indent=2))
        return
    names = [name for name in rows[0] if name != "spread"]
    table = Table(*names, box=None, pad_edge=False)
    for row in rows:
        values = (row[name] for name in names)
        table.add_row(*(f"{value:.3g}" if isinstance(value, float) else str(value) for value in values))
    _console().print(table)
