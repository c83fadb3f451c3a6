"""The subcommands. Results go to standard output, progress and errors to standard error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from typer.exceptions import TyperException

from lincae_studio import __version__
from lincae_studio.cli import EXIT_INTERRUPTED
from lincae_studio.cli.bench import bench_app
from lincae_studio.cli.cache import cache_app
from lincae_studio.cli.codecs import codecs_app
from lincae_studio.cli.inputs import parse_input
from lincae_studio.cli.training import evaluate, train
from lincae_studio.errors import UsageError
from lincae_studio.media.writer import SampleFormat

app = typer.Typer(
    help="LinCAE Studio: a multitrack editor that mixes in the latent space of an autoencoder. "
    "Without a command it opens the window; audio files or a project given as arguments are loaded.",
    no_args_is_help=False,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(codecs_app, name="codecs")
app.add_typer(bench_app, name="bench")
app.add_typer(cache_app, name="cache")
app.command("train")(train)
app.command("evaluate")(evaluate)

Output = Annotated[Path, typer.Option("--output", "-o", help="WAV to write; replaced only when complete.")]
Bits = Annotated[str, typer.Option("--bits", help="Sample format: 16, 24 (integer) or 32f (float).")]
AsJson = Annotated[bool, typer.Option("--json", help="Print figures as JSON.")]


def run_command(arguments: list[str]) -> int:
    """Run a subcommand; usage errors become one line."""
    try:
        result = app(arguments, prog_name="lincae-studio", standalone_mode=False)
    except typer.Exit as stop:
        return stop.exit_code
    except typer.Abort:
        raise KeyboardInterrupt from None
    except TyperException as error:
        problem = " ".join(error.format_message().split()).rstrip(".")
        raise UsageError(problem, "See lincae-studio --help") from error
    if result == EXIT_INTERRUPTED:  # how typer reports Ctrl+C
        raise KeyboardInterrupt
    return result if isinstance(result, int) else 0


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    if version:
        print(f"LinCAE Studio {__version__}")
        raise typer.Exit


@app.command("open")
def _open(
    files: Annotated[list[str] | None, typer.Argument(help="Audio files, or one project.")] = None,
    safe_mode: Annotated[
        bool, typer.Option("--safe-mode", help="Start with the default preferences, and keep none.")
    ] = False,
) -> int:
    """Open the window (the same as naming the files without a command)."""
    from lincae_studio.cli.window import open_window

    return open_window(files or [], safe=safe_mode)


@app.command("mix")
def _mix(
    inputs: Annotated[list[str], typer.Argument(metavar="FILE[:GAIN_DB][@START_S]...", help="Files to mix.")],
    output: Output,
    codec: Annotated[str, typer.Option("--codec", help="Codec to mix with; see `codecs list`.")] = "mdct-2x",
    bits: Bits = "32f",
    as_json: AsJson = False,
) -> None:
    """Mix audio files in latent space: `lincae-studio mix drums.wav:-3 bass.wav vox.flac:+2@1.5 -o mix.wav`."""
    from lincae_studio.cli.mixing import mix_files

    _print_result(mix_files([parse_input(text) for text in inputs], output, codec, _sample_format(bits)), as_json)


@app.command("render")
def _render(
    project: Annotated[Path, typer.Argument(help="A .lincae project.")],
    output: Output,
    codec: Annotated[str | None, typer.Option("--codec", help="Another codec than the project's.")] = None,
    bits: Bits = "32f",
    as_json: AsJson = False,
) -> None:
    """Render a project to a WAV."""
    from lincae_studio.cli.mixing import render_project

    _print_result(render_project(project, output, codec, _sample_format(bits)), as_json)


@app.command("demo")
def _demo(
    headless: Annotated[bool, typer.Option("--headless", help="Write a mixdown and a screenshot instead.")] = False,
    folder: Annotated[Path | None, typer.Option("--out", help="Folder for what --headless writes.")] = None,
) -> int:
    """Open the demo song; without a display (or with --headless) write its mixdown and a screenshot."""
    from lincae_studio.cli.window import has_display

    if headless or not has_display():
        from lincae_studio.cli.demo import write_demo

        return write_demo(folder)
    from lincae_studio.ui.app import run_app

    return run_app([], demo=True)


def _sample_format(bits: str) -> SampleFormat:
    choices: tuple[SampleFormat, ...] = ("16", "24", "32f")
    for choice in choices:
        if bits in (choice, choice.removesuffix("f")):
            return choice
    raise UsageError(f"--bits {bits} is not offered", f"Choose one of {', '.join(choices)}")


def _print_result(figures: dict[str, object], as_json: bool) -> None:
    if as_json:
        print(json.dumps(figures, indent=2))
        return
    channels = "stereo" if figures["channels"] == 2 else "mono"
    print(
        f"{figures['output']}: {figures['duration_s']:.3f} s, {channels}, codec {figures['codec']}, "
        f"peak {figures['peak_dbfs']:.1f} dBFS, rendered at {figures['x_realtime']:.0f}x realtime"
    )
    if figures["clipped_samples"]:
        print(f"{figures['clipped_samples']} samples were clipped: lower the gains, or use --bits 32f")
