"""Options of `codecs import` and `codecs convert`, made from what the families of codecs ask for."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from lincae_studio.codecs import registry
from lincae_studio.codecs.family import ImportOption

_TYPES = {"number": float, "flag": bool, "text": str}


def with_import_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command an option for each import option; those given arrive as its keyword arguments, by name."""
    signature = inspect.signature(command, eval_str=True)
    own = [one for one in signature.parameters.values() if one.kind is not inspect.Parameter.VAR_KEYWORD]
    added = {option.name: _parameter(option) for option in registry.import_options()}

    @functools.wraps(command)
    def run(**values: Any) -> None:
        command(**{name: value for name, value in values.items() if name not in added or value is not None})

    parameters = [*own, *added.values()]
    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in parameters}
    return run


def _parameter(option: ImportOption) -> inspect.Parameter:
    name = option.name.replace("_", "-")
    declared = f"--{name}/--not-{name}" if option.kind == "flag" else f"--{name}"
    annotation: Any = Annotated[_TYPES[option.kind], typer.Option(declared, help=f"{option.help}.")]
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(option.name, kind, default=None, annotation=annotation)
