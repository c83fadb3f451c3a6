"""`lincae-studio codecs ...`: listing, installing and removing codecs."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lincae_studio.cli.import_options import parse_settings, with_import_options
from lincae_studio.cli.progress import progress_bars
from lincae_studio.cli.text import plain, show, show_error
from lincae_studio.codecs import install, library, neural, registry
from lincae_studio.codecs.base import CodecInfo
from lincae_studio.codecs.computation import Computation
from lincae_studio.codecs.family import Download, OptionValue
from lincae_studio.errors import CodecError, UsageError

codecs_app = typer.Typer(help="Manage codecs: list, download, import, convert, remove.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print as JSON.")]
Source = Annotated[Path, typer.Argument(metavar="SRC", help="A model folder, published or exported.")]
Title = Annotated[str | None, typer.Option("--title", help="Name in lists; default: the folder's name.")]

Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="An option of a family from an installed package."),
]

#: Ids of the downloads for which no package has to be looked at.
_OURS = ", ".join(download.id for download in registry.downloads(packages=False))

_LINEARITY = {"exact": "exactly", "trained": "nearly", "none": "no"}


@codecs_app.command("list")
def _list(as_json: AsJson = False) -> None:
    """List the codecs with their latent geometry, and the public ones that can be downloaded."""
    found, errors = registry.info_and_errors()
    rows = [_row(info) for info in found]
    damaged = [
        {"id": codec_id, "installed": False, "error": str(error)}
        for codec_id, error in (*errors.items(), *registry.package_errors().items())
    ]
    here = {info.id for info in found} | errors.keys()
    offered = [_offer(download) for download in registry.downloads() if download.id not in here]
    if as_json:
        print(json.dumps([*rows, *damaged, *offered], indent=2))
        return
    table = Table("id", "size", "kHz", "hop", "dim", "ratio", "linear", "description", box=None, pad_edge=False)
    for row in rows + offered:
        table.add_row(
            str(row["id"]),
            _size(row),
            "any" if row.get("any_rate") else f"{int(str(row['sample_rate'])) / 1000:g}",
            str(row["hop"]),
            str(row["dim"]),
            f"{row['compression']:g}x",
            _LINEARITY[str(row["linearity"])],
            escape(plain(str(row["description"]))),
        )
    for row in damaged:
        table.add_row(str(row["id"]), *[""] * 6, escape(f"damaged: {plain(str(row['error']))}"))
    Console(width=None if sys.stdout.isatty() else 200).print(table)


@codecs_app.command("show")
def _show(
    codec: Annotated[str, typer.Argument(help="Codec id, or a model folder.")],
    as_json: AsJson = False,
) -> None:
    """Show everything known about a codec."""
    codec = registry.by_path(codec)
    computation = Computation().overridden(os.environ)
    with contextlib.suppress(CodecError):  # without torch, what the precision comes to is not shown
        computation = registry.resolved(codec, computation)
    info = registry.info(codec, computation)
    row = _row(info)
    folder = registry.folder(info.id)
    row |= {
        "window_extra": info.window_extra,
        "context": info.context,
        "chunk_frames": info.chunk_frames,
        "overlap_frames": info.overlap_frames,
        "identity": None if info.provisional else info.identity,
        "arithmetic": info.arithmetic or None,
        **(folder.details() if folder else {}),
    }
    if as_json:
        print(json.dumps(row, indent=2))
        return
    for name, value in row.items():
        if value is not None:
            show(f"{name.replace('_', ' ')}: {value}")


@codecs_app.command("download")
def _download(
    codec_id: Annotated[str, typer.Argument(metavar="ID", help=f"One of {_OURS}, or of an installed package.")],
    accepted: Annotated[
        bool, typer.Option("--accept-licence", help="Accept the licence, which some models require.")
    ] = False,
) -> None:
    """Download a public model from the Hugging Face Hub and install it. An interrupted download is resumed."""
    download = install.possible_download(codec_id)
    if download.accept and not accepted:
        remedy = f"Read it, then run lincae-studio codecs download {codec_id} --accept-licence"
        raise UsageError(f"the licence of {codec_id} has to be accepted ({download.terms})", remedy)
    show_error(f"licence of {codec_id}: {download.terms}")
    with progress_bars() as report:
        place = install.install_download(codec_id, report(f"downloading {codec_id}"))
    show(f"{codec_id} is installed in {place}")


@codecs_app.command("import")
@with_import_options
def _import(
    source: Source,
    codec_id: Annotated[
        str | None, typer.Option("--id", help="Id of the installed codec; default: the folder's name.")
    ] = None,
    title: Title = None,
    settings: Settings = None,
    **given: OptionValue,
) -> None:
    """Install a model from a folder, after checking that its weights load."""
    chosen = (codec_id or source.resolve().name).lower().replace(" ", "-")
    given |= parse_settings(settings or (), registry.recognise(source).import_options)
    install.check_folder(source)
    with progress_bars() as report:
        place = install.import_folder(source, chosen, given, title, report(f"importing {chosen}"))
    show(f"{chosen} is installed in {place}")


@codecs_app.command("convert")
@with_import_options
def _convert(
    source: Source,
    target: Annotated[Path, typer.Argument(metavar="DST", help="A new folder.")],
    to: Annotated[str | None, typer.Option("--to", help="safetensors or official; default: the other one.")] = None,
    title: Title = None,
    settings: Settings = None,
    **given: OptionValue,
) -> None:
    """Convert between the official format (.pth and YAML) and the LinCAE Studio format (safetensors and JSON)."""
    family = registry.recognise(source)
    given |= parse_settings(settings or (), family.import_options)
    written = family.convert(source, target, to, given, title)
    show(f"wrote the model in {written} format to {target}")


@codecs_app.command("remove")
def _remove(codec_id: Annotated[str, typer.Argument(metavar="ID", help="An installed codec.")]) -> None:
    """Delete an installed codec, and the remains of an unfinished download of it."""
    library.remove(codec_id)
    show(f"removed {codec_id}")


@codecs_app.command("add-neural")
def _add_neural() -> None:
    """Install torch, diffusers and the Hub's client, which neural codecs need, where the program came without them."""
    if neural.torch_included():
        show("torch is part of this installation")
        return
    with progress_bars() as report:
        neural.install(report("neural codecs"))
    show(f"installed {neural.NAMES} in {neural.folder()}")


@codecs_app.command("remove-neural")
def _remove_neural() -> None:
    """Delete what add-neural has installed; codecs are kept."""
    added = neural.installed()
    neural.remove()
    show(f"removed {neural.NAMES}" if added else f"{neural.NAMES} have not been added")


def _row(info: CodecInfo) -> dict[str, object]:
    names = ("id", "title", "description", "sample_rate", "any_rate", "hop", "dim", "compression", "linearity")
    row: dict[str, object] = {name: getattr(info, name) for name in (*names, "stochastic")}
    try:
        folder = registry.folder(info.id)
        weights = sum(path.stat().st_size for path in folder.weights_files) if folder else 0
    except (CodecError, OSError):
        weights = 0
    family = registry.family_of(info.id)
    return row | {"installed": True, "bytes": weights, "family": family.name, "package": family.package or None}


def _offer(download: Download) -> dict[str, object]:
    """The row of a download that is not installed; the size is that of its files."""
    names = ("id", "title", "sample_rate", "hop", "dim", "compression", "linearity", "bytes", "licence", "gated")
    row: dict[str, object] = {name: getattr(download, name) for name in names}
    install_it = f"not installed: lincae-studio codecs download {download.id}"
    return row | {"description": f"{download.description} ({install_it})", "installed": False}


def _size(row: dict[str, object]) -> str:
    """The size of the weights, or where a codec without weights comes from."""
    size = row["bytes"]
    if isinstance(size, int) and size:
        return f"{size / 2**20:.0f} MiB"
    return plain(str(row.get("package") or "built in"))
