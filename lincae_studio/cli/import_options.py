"""Options of `codecs import` and `codecs convert`, made from what the families of codecs ask for."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import msgspec
import typer

from lincae_studio.codecs import registry
from lincae_studio.codecs.family import ImportOption, OptionValue
from lincae_studio.errors import UsageError

_TYPES: dict[str, type[OptionValue]] = {"number": float, "flag": bool, "text": str}

#: What values of each kind look like, for messages.
_VALUES = {"number": "a number", "flag": "true or false", "text": "text"}


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


def parse_settings(settings: Sequence[str], options: Sequence[ImportOption]) -> dict[str, OptionValue]:
    """Values from `NAME=VALUE`, with the names and types of a family's options. Raises `UsageError`."""
    kinds = {option.name: option.kind for option in options}
    given: dict[str, OptionValue] = {}
    for setting in settings:
        name, _, text = setting.partition("=")
        name = name.replace("-", "_")
        if name not in kinds:
            known = f"Choose one of {', '.join(kinds)}" if kinds else "This kind of model has none"
            raise UsageError(f"--set {setting}: there is no such option", known)
        try:
            given[name] = msgspec.convert(text, _TYPES[kinds[name]], strict=False)
        except msgspec.ValidationError as error:
            raise UsageError(
                f"--set {setting}: the value is not valid", f"It must be {_VALUES[kinds[name]]}"
            ) from error
    return given


def _parameter(option: ImportOption) -> inspect.Parameter:
    name = option.name.replace("_", "-")
    declared = f"--{name}/--not-{name}" if option.kind == "flag" else f"--{name}"
    annotation: Any = Annotated[_TYPES[option.kind], typer.Option(declared, help=f"{option.help}.")]
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(option.name, kind, default=None, annotation=annotation)
