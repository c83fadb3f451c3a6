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

from lincae_studio.cli.progress import progress_bars
from lincae_studio.cli.text import plain, show
from lincae_studio.codecs import library, neural, registry
from lincae_studio.codecs.base import CodecInfo
from lincae_studio.codecs.computation import Computation
from lincae_studio.codecs.lincae import install
from lincae_studio.codecs.lincae.public import PUBLIC_MODELS, PublicModel
from lincae_studio.codecs.packages import require
from lincae_studio.errors import CodecError

codecs_app = typer.Typer(help="Manage codecs: list, download, import, convert, remove.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print as JSON.")]
ScaleFactor = Annotated[
    float | None, typer.Option("--scale-factor", help="Scale factor of the latents, missing in official folders.")
]
Linear = Annotated[
    bool | None, typer.Option("--linear/--not-linear", help="Whether the model was trained to be linear.")
]
Title = Annotated[str | None, typer.Option("--title", help="Name in lists; default: the folder's name.")]

_LINEARITY = {"exact": "exactly", "trained": "nearly", "none": "no"}


@codecs_app.command("list")
def _list(as_json: AsJson = False) -> None:
    """List the codecs with their latent geometry, and the public ones that can be downloaded."""
    found, errors = registry.info_and_errors()
    rows = [_row(info) for info in found]
    damaged = [{"id": codec_id, "installed": False, "error": str(error)} for codec_id, error in errors.items()]
    here = {info.id for info in found} | errors.keys()
    offered = [_offer(model_id, public) for model_id, public in PUBLIC_MODELS.items() if model_id not in here]
    if as_json:
        print(json.dumps([*rows, *damaged, *offered], indent=2))
        return
    table = Table("id", "size", "hop", "dim", "ratio", "linear", "description", box=None, pad_edge=False)
    for row in rows + offered:
        table.add_row(
            str(row["id"]),
            _mebibytes(row["bytes"]),
            str(row["hop"]),
            str(row["dim"]),
            f"{row['compression']:g}x",
            _LINEARITY[str(row["linearity"])],
            escape(plain(str(row["description"]))),
        )
    for row in damaged:
        table.add_row(str(row["id"]), *[""] * 5, escape(f"damaged: {plain(str(row['error']))}"))
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
        "edge": info.edge,
        "chunk_frames": info.chunk_frames,
        "overlap_frames": info.overlap_frames,
        "identity": None if info.provisional else info.identity,
        "arithmetic": info.arithmetic or None,
        "scale_factor": folder.scale_factor if folder else None,
        "weights_sha256": folder.weights_sha256 if folder else None,
    }
    if as_json:
        print(json.dumps(row, indent=2))
        return
    for name, value in row.items():
        if value is not None:
            show(f"{name.replace('_', ' ')}: {value}")


@codecs_app.command("download")
def _download(
    model_id: Annotated[str, typer.Argument(metavar="ID", help=f"One of {', '.join(PUBLIC_MODELS)}.")],
) -> None:
    """Download a public model from the Hugging Face Hub and install it. An interrupted download is resumed."""
    with progress_bars() as report:
        place = install.install_public(model_id, report(f"downloading {model_id}"))
    show(f"{model_id} is installed in {place}")


@codecs_app.command("import")
def _import(
    source: Annotated[
        Path, typer.Argument(metavar="SRC", help="A model folder, in the official or LinCAE Studio format.")
    ],
    codec_id: Annotated[
        str | None, typer.Option("--id", help="Id of the installed codec; default: the folder's name.")
    ] = None,
    scale_factor: ScaleFactor = None,
    linear: Linear = None,
    title: Title = None,
) -> None:
    """Install a model from a folder, after checking that its weights load."""
    require("torch")
    from lincae_studio.codecs.lincae.pretrained import check_folder

    chosen = (codec_id or source.resolve().name).lower().replace(" ", "-")
    check_folder(source)
    with progress_bars() as report:
        place = install.import_folder(
            source,
            chosen,
            taken=registry.ids(),
            scale_factor=scale_factor,
            linear=linear,
            title=title,
            progress=report(f"importing {chosen}"),
        )
    show(f"{chosen} is installed in {place}")


@codecs_app.command("convert")
def _convert(
    source: Annotated[
        Path, typer.Argument(metavar="SRC", help="A model folder, in the official or LinCAE Studio format.")
    ],
    target: Annotated[Path, typer.Argument(metavar="DST", help="A new folder.")],
    to: Annotated[str | None, typer.Option("--to", help="safetensors or official; default: the other one.")] = None,
    scale_factor: ScaleFactor = None,
    linear: Linear = None,
    title: Title = None,
) -> None:
    """Convert between the official format (.pth and YAML) and the LinCAE Studio format (safetensors and JSON)."""
    require("torch")
    from lincae_studio.codecs.lincae.pretrained import convert

    written = convert(source, target, to, scale_factor=scale_factor, linear=linear, title=title)
    show(f"wrote the model in {written} format to {target}")


@codecs_app.command("remove")
def _remove(codec_id: Annotated[str, typer.Argument(metavar="ID", help="An installed codec.")]) -> None:
    """Delete an installed codec, and the remains of an unfinished download of it."""
    library.remove(codec_id)
    show(f"removed {codec_id}")


@codecs_app.command("add-neural")
def _add_neural() -> None:
    """Install torch and the Hub's client, which neural codecs need, where the program came without them."""
    if neural.torch_included():
        show("torch is part of this installation")
        return
    with progress_bars() as report:
        neural.install(report("neural codecs"))
    show(f"installed torch and the Hub’s client in {neural.folder()}")


@codecs_app.command("remove-neural")
def _remove_neural() -> None:
    """Delete what add-neural has installed; codecs are kept."""
    added = neural.installed()
    neural.remove()
    show("removed torch and the Hub’s client" if added else "torch and the Hub’s client have not been added")


def _row(info: CodecInfo) -> dict[str, object]:
    names = ("id", "title", "description", "sample_rate", "hop", "dim", "compression", "linearity", "stochastic")
    row: dict[str, object] = {name: getattr(info, name) for name in names}
    try:
        folder = registry.folder(info.id)
        weights = folder.weights.stat().st_size if folder else 0
    except (CodecError, OSError):
        weights = 0
    return row | {"installed": True, "bytes": weights}


def _offer(model_id: str, public: PublicModel) -> dict[str, object]:
    """The row of a public model that is not installed; the size is that of the download."""
    return {
        "id": model_id,
        "title": public.title,
        "description": f"{public.description} (not installed: lincae-studio codecs download {model_id})",
        "hop": public.hop,
        "dim": public.dim,
        "compression": public.compression,
        "linearity": "trained" if public.linear else "none",
        "installed": False,
        "bytes": public.mebibytes * 2**20,
    }


def _mebibytes(size: object) -> str:
    return f"{size / 2**20:.0f} MiB" if isinstance(size, int) and size else "built in"
