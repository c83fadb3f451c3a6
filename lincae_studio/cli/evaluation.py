"""`lincae-studio evaluate`."""

from __future__ import annotations

import datetime
import importlib.util
import json
import os
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lincae_studio import atomic, cores, malloc
from lincae_studio.cli import exit_codes
from lincae_studio.cli.progress import progress_bars
from lincae_studio.cli.text import plain, show_error
from lincae_studio.codecs import registry
from lincae_studio.codecs.base import Array, CodecInfo
from lincae_studio.codecs.computation import Computation
from lincae_studio.errors import ExportError, StudioError, UsageError, os_error_reason
from lincae_studio.session.times import count_of, listed

if TYPE_CHECKING:
    from lincae_studio.evaluation.audio import Excerpt, Recordings
    from lincae_studio.evaluation.comparison import Measured, Result

#: Stands for procedural songs among the inputs.
_SYNTH = "synth"

#: The rate of excerpts if no codec can be loaded.
_USUAL_RATE = 44_100


def evaluate(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="CODEC... AUDIO",
            help="Codecs: ids (see `codecs list`) or folders. Audio: files, or `synth` for procedural songs.",
        ),
    ],
    stems: Annotated[bool, typer.Option("--stems", help="The files are stems, those of a folder a song.")] = False,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="HTML page to write: tables, sound and pictures in one file.")
    ] = None,
    excerpt: Annotated[
        float, typer.Option(metavar="SECONDS", min=1.0, max=60.0, help="Length of each sound on the page.")
    ] = 10.0,
    lossless: Annotated[bool, typer.Option("--lossless", help="Sounds on the page as FLAC, not Ogg Vorbis.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print figures as JSON.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print figures as CSV.")] = False,
    plots: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder for plots of the statistics of the latents.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Number of mixtures to measure, spread over the audio.")] = 32,
    seeds: Annotated[
        int, typer.Option(min=1, max=1000, help="Number of seeds of the decoder's noise to measure with, from 0 on.")
    ] = 1,
) -> int:
    """Measure codecs: reconstruction, mixing, scaling and removal against the true signals, linearity, latents."""
    if as_json and as_csv:
        raise UsageError("--json and --csv cannot be combined", "Use only one of them")
    if plots is not None and importlib.util.find_spec("matplotlib") is None:
        raise UsageError("plots need matplotlib", "Install it with pip install 'lincae-studio[train]'")
    codecs, audio = codecs_and_audio(inputs)

    from lincae_studio.cli import evaluation_tables
    from lincae_studio.evaluation.audio import Recordings, read_groups
    from lincae_studio.evaluation.comparison import Failed, Measured, compare
    from lincae_studio.training.synth import synth_groups

    malloc.keep_freed()
    cores.use_one_per_product()
    computation = Computation().overridden(os.environ)
    recordings = Recordings([Path(name) for name in audio], stems=stems) if audio else None
    rates = _rates(codecs)
    if recordings is not None:
        for rate in rates:
            recordings.at(rate)  # errors of files are reported before anything is measured

    def groups(info: CodecInfo) -> Array:
        return synth_groups(info, limit) if recordings is None else read_groups(recordings, info, limit=limit)

    heard = _excerpt(recordings, max(rates, default=_USUAL_RATE), excerpt) if html is not None else None
    with progress_bars() as report:
        results = compare(
            codecs,
            lambda name: registry.load(registry.by_path(name), computation),
            groups,
            heard,
            range(seeds),
            lambda name: report(f"measuring {name}"),
        )
    failed = [one for one in results if isinstance(one, Failed)]
    measured = [one for one in results if isinstance(one, Measured)]
    if len(results) == 1 and failed and html is None:
        raise failed[0].error
    if as_json:
        print(json.dumps(_as_json(results), indent=2))
    elif as_csv:
        evaluation_tables.print_csv(measured)
    else:
        evaluation_tables.print_table(measured)
    if plots is not None:
        _draw(measured, plots, single=len(results) == 1)
    if html is not None:
        assert heard is not None
        options = {"--stems": stems, "--lossless": lossless, "--limit": limit, "--seeds": seeds, "--excerpt": excerpt}
        _write_page(html, results, heard, inputs, audio, options)
    for one in failed:
        show_error(f"error: {one.name}: {one.error}")
    return exit_codes.BAD_INPUT if failed else 0


def codecs_and_audio(inputs: Sequence[str]) -> tuple[list[str], list[str]]:
    """Tell codecs from audio files; no files stand for procedural songs.

    An id of a codec is a codec, even if there is a file with that name; so is a folder. All else must be a file.

    Raises:
        UsageError: for what is none of them (the message lists it), and when codecs or audio are missing.
    """
    ids = {*registry.ids(), *(one.id for one in registry.downloads())}
    codecs = [name for name in dict.fromkeys(inputs) if name in ids or os.path.isdir(name)]
    audio = [name for name in inputs if name not in codecs]
    unknown = [name for name in audio if name != _SYNTH and not os.path.lexists(name)]
    if unknown:
        reasons = "".join(f"; {error.problem}" for error in registry.package_errors().values())
        raise UsageError(
            f"neither a codec nor a file: {listed(unknown, len(unknown))}{reasons}",
            f"Codecs are {', '.join(registry.ids())}, and folders; audio is given as paths of files, or {_SYNTH}",
        )
    if not codecs:
        raise UsageError("there is no codec to measure", f"Give one of {', '.join(registry.ids())}, or a folder")
    if not audio:
        raise UsageError("there is no audio to measure with", f"Give audio files, or {_SYNTH}")
    if _SYNTH in audio and len(audio) > 1:
        raise UsageError(f"{_SYNTH} and audio files cannot be combined", "Give only one of them")
    return codecs, [] if audio == [_SYNTH] else audio


def _rates(codecs: Sequence[str]) -> list[int]:
    """The sample rates of those codecs whose info can be read."""
    rates = set()
    for name in codecs:
        try:
            rates.add(registry.info(registry.by_path(name)).sample_rate)
        except StudioError:
            continue  # it will fail again, and be reported, when it is loaded
    return sorted(rates)


def _excerpt(recordings: Recordings | None, sample_rate: int, seconds: float) -> Excerpt:
    from lincae_studio.evaluation.audio import Excerpt, loudest_excerpt
    from lincae_studio.training.synth import STEMS, unheard_song

    if recordings is not None:
        return loudest_excerpt(recordings, sample_rate, seconds)
    song = unheard_song((0, 0), round(seconds * sample_rate), sample_rate)
    return Excerpt(STEMS, (0.0,) * len(STEMS), sample_rate, song)


def _as_json(results: Sequence[Result]) -> dict[str, object]:
    """The figures of a single codec, or a list for several."""
    return results[0].plain() if len(results) == 1 else {"codecs": [one.plain() for one in results]}


def _draw(measured: Sequence[Measured], folder: Path, *, single: bool) -> None:
    from lincae_studio.evaluation.plots import draw_latents

    for number, one in enumerate(measured, 1):
        own = folder if single else folder / f"{number}-{re.sub(r'[^A-Za-z0-9._-]+', '-', one.name).strip('-.')}"
        for path in draw_latents(one.evaluation, own):
            show_error(str(path))


def _write_page(
    path: Path,
    results: Sequence[Result],
    excerpt: Excerpt,
    inputs: Sequence[str],
    audio: Sequence[str],
    options: dict[str, bool | float],
) -> None:
    """Write the page. Raises `ExportError`."""
    from lincae_studio.evaluation.page import Origin, page

    words = ["lincae-studio", "evaluate", *inputs]
    for name, value in options.items():
        words += [name] if value is True else [] if value is False else [name, f"{value:g}"]
    described = count_of(len(audio), "stem" if options["--stems"] else "file") if audio else "procedural songs"
    origin = Origin(
        shlex.join([*words, "--html", str(path)]),
        f"{described}: {listed([Path(name).name for name in audio], 6)}" if audio else described,
        datetime.date.today().isoformat(),
        bool(options["--lossless"]),
    )
    try:
        atomic.write_bytes(path, page(results, excerpt, origin).encode())
    except OSError as error:
        reason, remedy = os_error_reason(error, path)
        raise ExportError(f"cannot write {path}: {reason}", remedy) from error
    show_error(plain(str(path)))
