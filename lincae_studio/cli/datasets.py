"""`lincae-studio dataset ...`: data sets of latents, made in this process or on a cluster."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Literal, get_args

import typer

from lincae_studio import cores, malloc
from lincae_studio.cli import exit_codes, options
from lincae_studio.cli.progress import progress_bars
from lincae_studio.cli.text import show, show_error
from lincae_studio.codecs import registry
from lincae_studio.codecs.computation import Computation
from lincae_studio.datasets.mixtures import decoded_items, mixtures
from lincae_studio.datasets.reader import Reader
from lincae_studio.datasets.records import Container, Drawing, Failure, Item, Job
from lincae_studio.datasets.run import Report, run
from lincae_studio.datasets.sources import items_of
from lincae_studio.datasets.target import SHARD_BYTES
from lincae_studio.defaults import DEFAULT_CODEC
from lincae_studio.errors import UsageError
from lincae_studio.session.model import DEFAULT_RATE
from lincae_studio.session.times import count_of
from lincae_studio.studio.engine import preferred_computation

dataset_app = typer.Typer(
    help="Make data sets of latents from many audio files: shards with an index, in this process or on a cluster.",
    no_args_is_help=True,
)

_AUDIO = "A folder of audio, a list of files, a tar file of WebDataset, or a URL of object storage."

Source = Annotated[str, typer.Argument(metavar="SOURCE", help=_AUDIO)]
Latents = Annotated[Path, typer.Argument(metavar="SOURCE", help="A data set of latents.")]
Target = Annotated[
    Path,
    typer.Option("--output", "-o", metavar="TARGET", help="Folder of the data set; existing records are kept."),
]
Format = Annotated[str, typer.Option("--format", help="Format of the shards: safetensors or webdataset.")]
ShardMegabytes = Annotated[
    int, typer.Option("--shard-mb", metavar="MB", min=1, max=4096, help="Approximate size of a shard, in MB.")
]
Half = Annotated[bool, typer.Option("--half", help="Keep latents as float16, half the size.")]
Seed = Annotated[
    int, typer.Option("--seed", min=0, max=2**31 - 1, help="Seed of the mixtures, or of the decoder's noise.")
]


@dataset_app.command("encode")
def _encode(
    source: Source,
    target: Target,
    codec: options.Codec = DEFAULT_CODEC,
    cluster: options.Cluster = None,
    session_rate: options.SessionRate = DEFAULT_RATE,
    from_channels: options.FromChannels = "",
    span: Annotated[
        float, typer.Option("--span", metavar="SECONDS", min=1.0, max=3600.0, help="Longest span of one record.")
    ] = 60.0,
    half: Half = False,
    container: Format = "safetensors",
    shard_mb: ShardMegabytes = SHARD_BYTES >> 20,
    as_json: options.AsJson = False,
) -> int:
    """Encode audio files to a data set of latents."""
    job = Job(
        kind="encode",
        codec=registry.by_path(codec),
        rate=options.check_session_rate(session_rate),
        from_channels=options.check_from_channels(from_channels),
        span_s=span,
        half=half,
        container=_container(container),
        computation=preferred_computation(),
    )
    return _run(job, items_of(source), target, cluster, shard_mb, as_json)


@dataset_app.command("decode")
def _decode(
    source: Latents,
    target: Target,
    cluster: options.Cluster = None,
    seed: Seed = 0,
    container: Format = "safetensors",
    shard_mb: ShardMegabytes = SHARD_BYTES >> 20,
    as_json: options.AsJson = False,
) -> int:
    """Decode a data set of latents to one of audio, float32."""
    reader = Reader(source)
    job = _like(reader, "decode", seed, container, None, half=False)
    return _run(job, decoded_items(reader), target, cluster, shard_mb, as_json)


@dataset_app.command("mix")
def _mix(
    source: Latents,
    target: Target,
    count: Annotated[int, typer.Option("--count", min=1, max=100_000_000, help="Number of mixtures.")] = 1000,
    seed: Seed = 0,
    stems: Annotated[str, typer.Option("--stems", metavar="MIN:MAX", help="Stems of a mixture.")] = "2:4",
    gains: Annotated[str, typer.Option("--gains", metavar="LOW:HIGH", help="Range of gains in dB.")] = "-12:0",
    seconds: Annotated[
        float, typer.Option("--seconds", min=0.1, max=3600.0, help="About the length of a mixture, in whole chunks.")
    ] = 10.0,
    same_folder: Annotated[
        bool, typer.Option("--same-folder", help="Mix files of one folder at the same time, as stems of a song.")
    ] = False,
    cluster: options.Cluster = None,
    half: Half = False,
    container: Format = "safetensors",
    shard_mb: ShardMegabytes = SHARD_BYTES >> 20,
    as_json: options.AsJson = False,
) -> int:
    """Draw mixtures from a data set of latents, and write their latents with their recipes."""
    fewest, most = (int(value) for value in _pair(stems, "--stems", whole=True))
    if not 1 <= fewest <= most <= 256:
        raise UsageError(f"--stems {stems} is not a range", "Choose from 1:1 to 256:256")
    low, high = _pair(gains, "--gains")
    if not -200.0 <= low <= high <= 24.0:
        raise UsageError(f"--gains {gains} is not a range", "Choose from -200:-200 to 24:24")
    drawing = Drawing(stems=(fewest, most), gain_db=(low, high), seconds=seconds, same_folder=same_folder)
    reader = Reader(source)
    job = _like(reader, "mix", seed, container, drawing, half=half)
    return _run(job, mixtures(reader, drawing, count, seed), target, cluster, shard_mb, as_json)


@dataset_app.command("evaluate")
def _evaluate(
    source: Source,
    target: Target,
    codec: options.Codec = DEFAULT_CODEC,
    cluster: options.Cluster = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Number of mixtures to measure in each file.")] = 8,
    seed: Seed = 0,
    as_json: options.AsJson = False,
) -> int:
    """Measure a codec on each of many audio files, as `evaluate` does; the figures are in the index."""
    job = Job(
        kind="evaluate",
        codec=registry.by_path(codec),
        limit=limit,
        seed=seed,
        computation=preferred_computation(),
    )
    return _run(job, items_of(source), target, cluster, SHARD_BYTES >> 20, as_json)


def _run(
    job: Job, items: Iterable[Item | Failure], target: Path, cluster: str | None, shard_mb: int, as_json: bool
) -> int:
    """Make the data set and print the result. Returns the exit code: 2 when any item failed."""
    malloc.keep_freed()
    cores.use_one_per_product()
    with progress_bars() as progress:
        label = f"dataset {job.kind}"
        report = run(job, items, target, cluster=cluster, progress=progress(label), shard_bytes=shard_mb << 20)
    for failure in report.failures:
        show_error(f"error: {failure.name}: {failure.problem}")
    if as_json:
        print(json.dumps(_figures(report, target), indent=2))
    else:
        show(*_lines(report, target))
    return exit_codes.BAD_INPUT if report.failures else 0


def _figures(report: Report, target: Path) -> dict[str, object]:
    figures = dataclasses.asdict(report)
    figures |= {"output": str(target), "present": len(report.present)}
    figures["failures"] = [{"name": one.name, "problem": one.problem} for one in report.failures]
    figures["bytes"] = figures.pop("nbytes")
    return figures


def _lines(report: Report, target: Path) -> Iterator[str]:
    parts = [f"{count_of(report.made, 'item')} made"]
    parts += [f"{len(report.present)} already present"] if report.present else []
    parts += [f"{len(report.failures)} failed"] if report.failures else []
    size = f"{count_of(report.records, 'record')} in {count_of(report.shards, 'shard')}, {report.nbytes / 1e6:.1f} MB"
    yield f"{target}: {', '.join(parts)}; {size} in {report.seconds:.1f} s"


def _like(
    reader: Reader,
    kind: Literal["decode", "mix"],
    seed: int,
    container: str,
    drawing: Drawing | None,
    *,
    half: bool,
) -> Job:
    """A job with the codec of a data set of latents."""
    source = reader.job
    if source.kind not in ("encode", "mix"):
        raise UsageError(f"{reader.folder} has no latents", "Choose a data set that encode or mix has made")
    computation = Computation(preferred_computation().device, source.computation.precision)
    return Job(
        kind=kind,
        codec=source.codec,
        rate=source.rate,
        seed=seed,
        half=half,
        container=_container(container),
        computation=computation,
        drawing=drawing,
    )


def _container(name: str) -> Container:
    for container in get_args(Container):
        if container == name:
            found: Container = container
            return found
    raise UsageError(f"--format {name} is not a valid choice", f"Choose from {', '.join(get_args(Container))}")


def _pair(text: str, option: str, whole: bool = False) -> tuple[float, float]:
    try:
        low, high = (int(part) if whole else float(part) for part in text.split(":"))
    except ValueError as error:
        raise UsageError(f"{option} {text} is not LOW:HIGH", "Write it like 2:4") from error
    return low, high
