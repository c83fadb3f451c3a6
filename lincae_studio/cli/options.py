"""Options shared by several commands, and the export settings made from them."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec
import typer

from lincae_studio.errors import UsageError
from lincae_studio.export_settings import PRESETS, AudioFormat, ExportSettings, Level
from lincae_studio.media.formats import FORMATS, container_of, format_problem
from lincae_studio.session.model import DEFAULT_RATE, MAX_LENGTH, RATES, Rate

Output = Annotated[
    Path,
    typer.Option("--output", "-o", help="File to write, replaced only when complete; or a folder if the input is one."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print figures as JSON.")]
Codec = Annotated[str, typer.Option("--codec", help="Codec id; see `codecs list`.")]
Cluster = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar="auto|ADDRESS",
        help="Compute on a Ray cluster: auto for the one of this machine (started if there is none), or HOST:PORT.",
    ),
]
Bits = Annotated[
    str | None, typer.Option("--bits", help="Sample format: 16, 24 (integer) or 32f (float). FLAC: 16 or 24.")
]
Format = Annotated[
    str | None, typer.Option("--format", help="wav, flac, ogg or mp3; default: from the name of the output.")
]
SampleRate = Annotated[int | None, typer.Option("--rate", help="Sample rate in Hz; default: that of the session.")]
SessionRate = Annotated[
    int, typer.Option("--session-rate", help="Sample rate of the session in Hz, 44100 or 48000: files are converted.")
]
ChannelCount = Annotated[str | None, typer.Option("--channels", help="mix, mono or stereo.")]
FromChannels = Annotated[
    str,
    typer.Option(
        "--from-channels",
        help="Channels to use of files with more than two: one or two numbers, such as 1,2, or mix for their mean.",
    ),
]
Dither = Annotated[bool | None, typer.Option("--dither/--no-dither", help="TPDF dither for 16 bits; default: on.")]
Quality = Annotated[float | None, typer.Option("--quality", help="Quality of OGG and MP3, from 0 to 1.")]
Normalize = Annotated[str | None, typer.Option("--normalize", help="Normalise to: none, peak or loudness.")]
Target = Annotated[
    float | None, typer.Option("--target", help="Target peak in dBFS (default -1) or loudness in LUFS (default -14).")
]
TruePeak = Annotated[float | None, typer.Option("--true-peak", help="True peak limit in dBTP (default -1).")]
Limiter = Annotated[
    bool | None,
    typer.Option("--limiter/--no-limiter", help="Keep to the true peak limit with a limiter instead of less gain."),
]
Each = Annotated[bool, typer.Option("--each", help="Normalise each file separately, not all by the same gain.")]
Write = Annotated[
    str | None,
    typer.Option("--write", help="What to write: mix, dry, difference, tracks, latents; separate several by commas."),
]
Stems = Annotated[str | None, typer.Option("--stems", help="Stems: heard (audible tracks), all, or groups.")]
Span = Annotated[
    str | None,
    typer.Option("--span", help="Range to export: all, loop, START:END in seconds, or sections, each to a file."),
]
Tail = Annotated[float | None, typer.Option("--tail", help="Seconds to add after the end.")]
LatentsAs = Annotated[str | None, typer.Option("--latents", help="Format of latents files: safetensors or npz.")]
Decodes = Annotated[
    int | None,
    typer.Option("--decodes", help="Decodes to average, each from another seed; for codecs that decode from noise."),
]
Title = Annotated[str, typer.Option("--title", help="Title tag; default: the file's name.")]
Artist = Annotated[str | None, typer.Option("--artist", help="Artist tag.")]
Engine = Annotated[
    str, typer.Option("--engine", metavar="HOST", help="Render on another machine, by the name that ssh knows.")
]
Preset = Annotated[
    str | None,
    typer.Option("--preset", help=f"Export preset, which other options override: {'; '.join(PRESETS)}."),
]


def check_from_channels(text: str) -> str:
    """The value of `--from-channels`. Raises `UsageError` if it is none."""
    if text and not re.fullmatch(r"mix|[1-9][0-9]{0,3}(,[1-9][0-9]{0,3})?", text):
        raise UsageError(f"--from-channels {text} is not a valid choice", "Use 1, 1,2, or mix, for example")
    return text


def check_session_rate(rate: int) -> Rate:
    """The value of `--session-rate`. Raises `UsageError` if no session has that rate."""
    for known in RATES:
        if rate == known:
            return known
    raise UsageError(f"--session-rate {rate} is not a valid choice", f"Choose from {', '.join(map(str, RATES))}")


_Struct = TypeVar("_Struct", AudioFormat, Level, ExportSettings)

_LOUDNESS_TARGET_DB = -14.0


@dataclass(frozen=True)
class Request:
    """An export request: the settings, a range of seconds if one was given, a title, and the machine that renders."""

    settings: ExportSettings
    selection_s: tuple[float, float] | None = None
    title: str = ""
    engine: str = ""


def request(
    output: Path,
    *,
    container: Format = None,
    bits: Bits = None,
    rate: SampleRate = None,
    channels: ChannelCount = None,
    dither: Dither = None,
    quality: Quality = None,
    normalize: Normalize = None,
    target: Target = None,
    true_peak: TruePeak = None,
    limiter: Limiter = None,
    each: Each = False,
    write: Write = None,
    stems: Stems = None,
    span: Span = None,
    tail: Tail = None,
    latents: LatentsAs = None,
    decodes: Decodes = None,
    title: Title = "",
    artist: Artist = None,
    preset: Preset = None,
    engine: Engine = "",
) -> Request:
    """The export request from the options.

    Raises:
        UsageError: naming the option that is wrong.
    """
    if preset is not None and preset not in PRESETS:
        raise UsageError(f"there is no preset “{preset}”", f"Choose one of: {'; '.join(PRESETS)}")
    settings = PRESETS[preset] if preset is not None else ExportSettings()
    chosen = container or container_of(output) or settings.format.container
    offered = [bits for name, one in FORMATS.items() if name == chosen for bits in one.sample_formats]
    if bits is None and offered and settings.format.sample_format not in offered:
        bits = offered[0]
    audio_format = _changed(
        settings.format,
        {
            "container": ("--format", chosen),
            "sample_format": ("--bits", "32f" if bits == "32" else bits),
            "sample_rate": ("--rate", rate),
            "channels": ("--channels", channels),
            "dither": ("--dither", dither),
            "quality": ("--quality", quality),
        },
    )
    problem = format_problem(audio_format)
    if problem:
        raise UsageError(problem, "Choose another --format, --bits or --rate")
    if normalize == "loudness" and target is None:
        target = _LOUDNESS_TARGET_DB
    elif normalize == "peak" and target is None:
        target = Level().target_db
    level = _changed(
        settings.level,
        {
            "normalize": ("--normalize", normalize),
            "target_db": ("--target", target),
            "true_peak_db": ("--true-peak", true_peak),
            "limiter": ("--limiter", limiter),
            "together": ("--each", False if each else None),
        },
    )
    if level.normalize == "none":
        if target is not None:
            raise UsageError("--target needs --normalize", "Add --normalize loudness or --normalize peak")
        if true_peak is not None and not level.limiter:
            raise UsageError("--true-peak needs --normalize or --limiter", "Add one of them")
    selection = None
    if span is not None and ":" in span:
        span, selection = "selection", _seconds(span)
    settings = _changed(
        settings,
        {
            "contents": ("--write", tuple(write.split(",")) if write is not None else None),
            "stems": ("--stems", stems),
            "span": ("--span", span),
            "tail_s": ("--tail", tail),
            "latents": ("--latents", latents),
            "decodes": ("--decodes", decodes),
            "artist": ("--artist", artist),
        },
    )
    return Request(msgspec.structs.replace(settings, format=audio_format, level=level), selection, title, engine)


def with_request(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of `request`; it receives the result as its argument of that name.

    typer reads options from signatures, so the command's signature gets the options of `request` in place of its
    argument.
    """
    hints = get_type_hints(request, include_extras=True) | get_type_hints(command, include_extras=True)
    offered = {name: option for name, option in inspect.signature(request).parameters.items() if name != "output"}

    @functools.wraps(command)
    def run(**given: Any) -> Any:
        options = {name: given.pop(name) for name in offered}
        return command(**given, request=request(given["output"], **options))

    parameters: list[inspect.Parameter] = []
    for name, parameter in inspect.signature(command).parameters.items():
        parameters += offered.values() if name == "request" else [parameter]
    typed = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=hints[one.name]) for one in parameters]
    run.__signature__ = inspect.Signature(typed)  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in typed}
    return run


def _changed(settings: _Struct, options: dict[str, tuple[str, Any]]) -> _Struct:
    """Settings with the given options applied; each value is validated against the type of its field."""
    types = {field.name: field.type for field in msgspec.structs.fields(settings)}
    values = {}
    for name, (option, value) in options.items():
        if value is None:
            continue
        try:
            values[name] = msgspec.convert(value, types[name])
        except msgspec.ValidationError as error:
            shown = ",".join(value) if isinstance(value, tuple) else value
            choices = [str(choice) for choice in _choices(types[name])]
            remedy = f"Choose from {', '.join(choices)}" if choices else str(error)
            raise UsageError(f"{option} {shown} is not a valid choice", remedy) from error
    changed: _Struct = msgspec.structs.replace(settings, **values)
    return changed


def _choices(kind: object) -> tuple[object, ...]:
    """The possible values of a field, or of its items; empty where they cannot be listed."""
    if get_origin(kind) is Literal:
        return tuple(choice for choice in get_args(kind) if choice != 0)  # 0 stands for a default
    return next((found for inner in get_args(kind) if (found := _choices(inner))), ())


def _seconds(span: str) -> tuple[float, float]:
    try:
        start, end = (float(part) for part in span.split(":"))
    except (ValueError, OverflowError) as error:
        raise UsageError(f"--span {span} is not START:END in seconds", "Write it like 10:25.5") from error
    if not 0 <= start < end <= MAX_LENGTH / DEFAULT_RATE:
        raise UsageError(f"--span {span} is not a range of the timeline", "Start before the end, within 24 hours")
    return start, end
