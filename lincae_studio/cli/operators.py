"""`lincae-studio operator`: linear maps of latents that are learned from examples, without a window."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lincae_studio.cli import exit_codes, options
from lincae_studio.cli.text import show_figures
from lincae_studio.defaults import DEFAULT_CODEC
from lincae_studio.session.model import DEFAULT_RATE, MAX_REACH_FRAMES

operator_app = typer.Typer(help="Learn linear operators from examples, and show them.", no_args_is_help=True)

_Frames = Annotated[
    tuple[int, int],
    typer.Option(
        "--context",
        metavar="BEFORE AFTER",
        min=0,
        max=MAX_REACH_FRAMES,
        help="Latent frames before and after each frame that it is computed from.",
    ),
]


@operator_app.command("fit")
def _fit(
    before: Annotated[Path, typer.Argument(metavar="BEFORE", help="An audio file before a process.")],
    after: Annotated[Path, typer.Argument(metavar="AFTER", help="The same audio after it.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write (.safetensors).")],
    codec: options.Codec = DEFAULT_CODEC,
    context: _Frames = (4, 2),
    ridge: Annotated[
        float | None,
        typer.Option("--ridge", min=1e-9, max=100.0, help="Weight of the ridge; default: chosen by held-out error."),
    ] = None,
    name: Annotated[str, typer.Option("--name", help="Name of the operator; default: the file's name.")] = "",
    session_rate: options.SessionRate = DEFAULT_RATE,
    from_channels: options.FromChannels = "",
    as_json: options.AsJson = False,
) -> int:
    """Learn what a process (an equaliser, a room) does to latents, from a file before and after it.

    Nothing is written, and the exit code is 2, if it explains too little of the held-out part of the example.
    """
    from lincae_studio.cli.learning import fit

    rate, channels = options.check_session_rate(session_rate), options.check_from_channels(from_channels)
    figures, lines, accepted = fit(before, after, output, codec, context, ridge, name, rate, channels)
    show_figures(figures, lines, as_json)
    return 0 if accepted else exit_codes.BAD_INPUT


@operator_app.command("info")
def _info(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="An operator file.")],
    as_json: options.AsJson = False,
) -> None:
    """Show the size of an operator, and how well it explained its example."""
    from lincae_studio.cli.learning import info

    show_figures(*info(path), as_json)
