"""The subcommands. Results go to standard output, progress and errors to standard error."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Annotated, Any, get_args

import typer
from typer.exceptions import TyperException

from lincae_studio import __version__
from lincae_studio.cli import exit_codes, options
from lincae_studio.cli.batch import run_all
from lincae_studio.cli.bench import bench_app
from lincae_studio.cli.cache import cache_app
from lincae_studio.cli.codecs import codecs_app
from lincae_studio.cli.datasets import dataset_app
from lincae_studio.cli.evaluation import evaluate
from lincae_studio.cli.inputs import parse_group, parse_input, parse_insert, parse_process
from lincae_studio.cli.operators import operator_app
from lincae_studio.cli.text import LogFormatter, show_figures
from lincae_studio.cli.training import distill, train
from lincae_studio.defaults import DEFAULT_CODEC
from lincae_studio.errors import UsageError
from lincae_studio.export_settings import LatentFormat
from lincae_studio.media.formats import FORMATS
from lincae_studio.media.probe import EXTENSIONS
from lincae_studio.session import files
from lincae_studio.session.model import DEFAULT_RATE
from lincae_studio.session.rates import in_khz
from lincae_studio.session.times import count_of

#: Suffixes of the files that `render` accepts.
_PROJECTS = (".lincae", ".lincaez")

app = typer.Typer(
    help="LinCAE Studio: a multitrack editor that mixes in the latent space of an autoencoder. "
    "Without a command it opens the window, with the audio files or the project given as arguments.",
    no_args_is_help=False,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(codecs_app, name="codecs")
app.add_typer(bench_app, name="bench")
app.add_typer(cache_app, name="cache")
app.add_typer(operator_app, name="operator")
app.add_typer(dataset_app, name="dataset")
app.command("train")(train)
app.command("distill")(distill)
app.command("evaluate")(evaluate)


def run_command(arguments: list[str]) -> int:
    """Run a subcommand; usage errors are reported in one line."""
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(LogFormatter())
    try:
        result = app(arguments, prog_name="lincae-studio", standalone_mode=False)
    except typer.Exit as stop:
        return stop.exit_code
    except typer.Abort:
        raise KeyboardInterrupt from None
    except TyperException as error:
        problem = " ".join(error.format_message().split()).rstrip(".")
        raise UsageError(problem, "See lincae-studio --help") from error
    if result == exit_codes.INTERRUPTED:  # how typer reports Ctrl+C
        raise KeyboardInterrupt
    return result if isinstance(result, int) else 0


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    if version:
        print(f"LinCAE Studio {__version__}")
        raise typer.Exit


@app.command("open")
def _open(
    paths: Annotated[list[str] | None, typer.Argument(metavar="FILES", help="A project, audio files, or both.")] = None,
    safe_mode: Annotated[
        bool, typer.Option("--safe-mode", help="Start with the default preferences, and save no changes to them.")
    ] = False,
    new_window: Annotated[
        bool, typer.Option("--new-window", help="Open the files in a new window even if one is open.")
    ] = False,
) -> int:
    """Open the window (the same as giving the files without a command); files go to one that is open already."""
    from lincae_studio.cli.window import open_window

    return open_window(paths or [], safe=safe_mode, own=new_window)


@app.command("engine")
def _engine(
    stdio: Annotated[
        bool, typer.Option("--stdio", help="Exchange messages on standard input and output, as ssh does.")
    ] = False,
) -> None:
    """Render for a window on another computer, which starts this command by ssh."""
    if not stdio:
        raise UsageError("engine needs --stdio", "Windows on other computers start it: Edit > Preferences > Engine")
    from lincae_studio.engine.process.stdio import serve
    from lincae_studio.preferences import cache_dir, make_cache_dir

    folder = cache_dir()
    make_cache_dir(folder)
    serve(folder)


@app.command("mix")
@options.with_request
def _mix(
    inputs: Annotated[list[str], typer.Argument(metavar="FILE[:GAIN_DB][@START_S]...", help="Files to mix.")],
    output: options.Output,
    request: options.Request,
    codec: options.Codec = DEFAULT_CODEC,
    session_rate: options.SessionRate = DEFAULT_RATE,
    from_channels: options.FromChannels = "",
    group: Annotated[
        list[str] | None, typer.Option("--group", help="Group of inputs: NAME[:GAIN_DB]=1,2,...; may be repeated.")
    ] = None,
    insert: Annotated[
        list[str] | None,
        typer.Option("--insert", help="Operator on inputs: FILE=1,2,... or FILE for all; may be repeated."),
    ] = None,
    process: Annotated[
        list[str] | None,
        typer.Option(
            "--process",
            help="Process inputs: reverse, invert, remove-dc, swap, left, right, mono, side, stretch:FACTOR or "
            "pitch:SEMITONES, with =1,2,... for some of them; may be repeated, in order.",
        ),
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Mix audio files in latent space: `lincae-studio mix drums.wav:-3 bass.wav vox.flac:+2@1.5 -o mix.wav`."""
    from lincae_studio.cli.mixing import mix_files

    channels = options.check_from_channels(from_channels)
    rate = options.check_session_rate(session_rate)
    grouped = [parse_group(text, len(inputs)) for text in group or ()]
    inserts = [parse_insert(text, len(inputs)) for text in insert or ()]
    processes = [parse_process(text, len(inputs)) for text in process or ()]
    files = [parse_input(text) for text in inputs]
    figures = mix_files(files, output, codec, request, rate, channels, grouped, inserts, processes)
    show_figures(figures, _exported(figures), as_json)


@app.command("render")
@options.with_request
def _render(
    project: Annotated[Path, typer.Argument(help="A project, a bundle, or a folder of them.")],
    output: options.Output,
    request: options.Request,
    codec: Annotated[str | None, typer.Option("--codec", help="Codec to use instead of the project's.")] = None,
    snapshot: Annotated[str, typer.Option("--snapshot", help="Name of a snapshot of the mixer to recall.")] = "",
    cluster: options.Cluster = None,
    as_json: options.AsJson = False,
) -> int:
    """Render a project or a bundle, or each one in a folder, to audio files."""
    from lincae_studio.cli.mixing import render_project

    ending = FORMATS[request.settings.format.container].endings[0]
    return run_all(
        project,
        output,
        _PROJECTS,
        ending,
        lambda one, place: render_project(one, place, codec, request, snapshot, cluster),
        _exported,
        as_json,
    )


@app.command("info")
def _info(
    path: Annotated[Path | None, typer.Argument(help="A project, a bundle, a latents file, or an audio file.")] = None,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of project files.")] = False,
    as_json: options.AsJson = False,
) -> None:
    """Show the contents of a file."""
    from lincae_studio.cli.info import describe, lines

    if schema:
        print(json.dumps(files.schema(), indent=2, ensure_ascii=False))
        return
    if path is None:
        raise UsageError("no file was given", "Give a project, a bundle, a latents file or an audio file")
    figures = describe(path)
    show_figures(figures, lines(figures), as_json)


@app.command("bundle")
def _bundle(
    project: Annotated[Path, typer.Argument(help="A project, or a folder of them.")],
    output: options.Output,
    as_json: options.AsJson = False,
) -> int:
    """Write a project with the latents of its clips in place of audio (.lincaez); opening it needs its codec."""
    from lincae_studio.cli.bundling import bundle

    def summarize(figures: dict[str, object]) -> list[str]:
        size, pcm = (f"{int(str(figures[name])) / 1e6:.1f} MB" for name in ("bytes", "pcm24_bytes"))
        smaller = f"1/{figures['ratio']:.1f} of {pcm} of 24-bit PCM"
        return [f"{figures['output']}: {size}, {smaller}, codec {figures['codec']}"]

    return run_all(project, output, (".lincae",), ".lincaez", bundle, summarize, as_json)


@app.command("unbundle")
def _unbundle(
    bundle: Annotated[Path, typer.Argument(help="A bundle.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the project and its audio.")],
    as_json: options.AsJson = False,
) -> None:
    """Convert a bundle to a project with audio, which is decoded from the latents."""
    from lincae_studio.cli.bundling import unbundle

    figures = unbundle(bundle, output)
    count = len(figures["files"]) if isinstance(figures["files"], list) else 0
    text = f"{figures['output']}: {count_of(count, 'audio file')}, decoded from latents of {figures['codec']}"
    show_figures(figures, [text], as_json)


@app.command("export-dawproject")
def _export_dawproject(
    project: Annotated[Path, typer.Argument(help="A project or a bundle.")],
    output: options.Output,
    as_json: options.AsJson = False,
) -> None:
    """Export a project with its audio for other DAWs (.dawproject)."""
    from lincae_studio.cli.interchange import export_dawproject

    _print_interchange(export_dawproject(project, output), as_json)


@app.command("import-dawproject")
def _import_dawproject(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="A DAWproject.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the project and its audio.")],
    session_rate: options.SessionRate = DEFAULT_RATE,
    as_json: options.AsJson = False,
) -> None:
    """Convert a DAWproject, as exported by Bitwig Studio, Studio One, Cubase and others, to a project."""
    from lincae_studio.cli.interchange import import_dawproject

    _print_interchange(import_dawproject(path, output, options.check_session_rate(session_rate)), as_json)


@app.command("encode")
def _encode(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="An audio file, or a folder of them.")],
    output: options.Output,
    codec: options.Codec = DEFAULT_CODEC,
    latents: options.LatentsAs = None,
    session_rate: options.SessionRate = DEFAULT_RATE,
    from_channels: options.FromChannels = "",
    as_json: options.AsJson = False,
) -> int:
    """Encode audio files to latents, as safetensors or npz."""
    from lincae_studio.cli.latents import encode

    def summarize(figures: dict[str, object]) -> list[str]:
        return [f"{figures['output']}: {figures['shape']} (chunks, buses, dim, frames), codec {figures['codec']}"]

    channels = options.check_from_channels(from_channels)
    kinds = get_args(LatentFormat)
    if latents is not None and latents not in kinds:
        raise UsageError(f"--latents {latents} is not a valid choice", f"Choose one of {', '.join(kinds)}")
    if latents is not None and not path.is_dir() and not output.is_dir() and output.suffix.lower() != f".{latents}":
        raise UsageError(f"the name {output} does not match --latents {latents}", f"Use a name ending in .{latents}")
    ending = f".{latents or kinds[0]}"
    suffixes = [f".{ending}" for ending in EXTENSIONS]
    rate = options.check_session_rate(session_rate)
    return run_all(
        path, output, suffixes, ending, lambda one, place: encode(one, place, codec, rate, channels), summarize, as_json
    )


@app.command("decode")
def _decode(
    path: Annotated[Path, typer.Argument(metavar="LATENTS", help="A latents file, or a folder of them.")],
    output: options.Output,
    container: options.Format = None,
    bits: options.Bits = None,
    rate: options.SampleRate = None,
    as_json: options.AsJson = False,
) -> int:
    """Decode latents files to audio."""
    from lincae_studio.cli.info import LATENT_SUFFIXES
    from lincae_studio.cli.latents import decode

    request = options.request(output, container=container, bits=bits, rate=rate)

    def summarize(figures: dict[str, object]) -> list[str]:
        return [f"{figures['output']}: {figures['duration_s']:.3f} s, codec {figures['codec']}"]

    ending = FORMATS[request.settings.format.container].endings[0]
    return run_all(
        path, output, LATENT_SUFFIXES, ending, lambda one, place: decode(one, place, request), summarize, as_json
    )


@app.command("check")
def _check(
    master: Annotated[Path, typer.Argument(help="The audio file with the whole mix.")],
    stems: Annotated[list[Path], typer.Argument(metavar="STEM...", help="The audio files of its stems.")],
    codec: options.Codec = DEFAULT_CODEC,
    session_rate: options.SessionRate = DEFAULT_RATE,
    from_channels: options.FromChannels = "",
    csv: Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Table to write.")] = None,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Page to write.")] = None,
    as_json: options.AsJson = False,
) -> None:
    """Compare a master with its stems: which is too loud, too quiet, late, missing or another version, and when."""
    from lincae_studio.cli.comparing import check

    rate, channels = options.check_session_rate(session_rate), options.check_from_channels(from_channels)
    figures, lines = check(master, stems, codec, rate, channels, csv, html)
    show_figures(figures, lines, as_json)


@app.command("match")
def _match(
    reference: Annotated[Path, typer.Argument(help="The audio file with the mix to match.")],
    stems: Annotated[list[Path], typer.Argument(metavar="STEM...", help="The audio files of the stems.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Project to write (.lincae).")],
    codec: options.Codec = DEFAULT_CODEC,
    session_rate: options.SessionRate = DEFAULT_RATE,
    from_channels: options.FromChannels = "",
    smoothing: Annotated[
        float,
        typer.Option(
            "--smoothing", metavar="SECONDS", min=0.0, max=10.0, help="Time constant with which levels follow the mix."
        ),
    ] = 0.2,
    as_json: options.AsJson = False,
) -> None:
    """Write a project with faders, pans and envelopes that match a reference mix."""
    from lincae_studio.cli.comparing import match

    rate, channels = options.check_session_rate(session_rate), options.check_from_channels(from_channels)
    figures, lines = match(reference, stems, output, codec, rate, channels, smoothing)
    show_figures(figures, lines, as_json)


@app.command("demo")
def _demo(
    headless: Annotated[bool, typer.Option("--headless", help="Write a mixdown and a screenshot instead.")] = False,
    folder: Annotated[Path | None, typer.Option("--out", help="Folder for the files that --headless writes.")] = None,
) -> int:
    """Open the demo song. Without a display (or with --headless), write its mixdown and a screenshot."""
    from lincae_studio.cli.window import has_display

    if headless or not has_display():
        from lincae_studio.cli.demo import write_demo

        return write_demo(folder)
    from lincae_studio.ui.app import run_app

    return run_app([], demo=True)


def _print_interchange(figures: dict[str, object], as_json: bool) -> None:
    notes = figures["notes"]
    assert isinstance(notes, list)
    tracks, clips = (count_of(int(str(figures[name])), name.removesuffix("s")) for name in ("tracks", "clips"))
    lines = [f"{figures['output']}: {tracks}, {clips}"]
    lines += [f"note: {note}" for note in notes]
    show_figures(figures, lines, as_json)


def _exported(figures: dict[str, object]) -> list[str]:
    """The result of an export as lines of text."""
    rows = figures["files"]
    assert isinstance(rows, list)
    latents = figures["latents"]
    assert isinstance(latents, list)
    count = len(rows) + len(latents)
    lines = [f"{row['output']}: {_measured(row)}" for row in rows] + [f"{name}: latents" for name in latents]
    averaging = figures["averaging"]
    if isinstance(averaging, dict):
        lines.append(averaging["text"])
    clipped = sum(row["clipped_samples"] for row in rows)
    how = f"{figures['duration_s']:.3f} s, codec {figures['codec']}, rendered at {figures['x_realtime']:.0f}x realtime"
    if count > 1:
        lines.append(f"{count_of(count, 'file')}, {how}")
    else:
        lines[0] = f"{lines[0]}, {how}"
    for row in rows:
        if row["not_normalized"]:
            lines.append(f"{row['output']} was not normalised: {row['not_normalized']}")
        if row["shortfall"]:
            limiter = "add --limiter, " if row["limiter_helps"] else ""
            remedy = f"{limiter}choose a lower --target or a higher --true-peak"
            lines.append(f"{row['output']} is {row['shortfall']}; {remedy}")
    if clipped:
        verb = "was" if clipped == 1 else "were"
        clipping = f"{count_of(clipped, 'sample')} {verb} clipped"
        lines.append(f"{clipping}: lower the gains, use --normalize peak, or --bits 32f")
    return lines


def _measured(row: dict[str, Any]) -> str:
    channels = "stereo" if row["channels"] == 2 else "mono"
    parts = [channels, in_khz(row["sample_rate"]), f"peak {row['peak_dbfs']:.1f} dBFS"]
    if row["loudness_lufs"] is not None:
        parts.append(f"{row['loudness_lufs']:.1f} LUFS")
    if row["true_peak_dbtp"] is not None:
        parts.append(f"true peak {row['true_peak_dbtp']:.1f} dBTP")
    if row["gain_db"]:
        parts.append(f"level changed by {row['gain_db']:+.1f} dB")
    if row["reduction_db"]:
        parts.append(f"peaks limited by up to {row['reduction_db']:.1f} dB")
    return ", ".join(parts)
