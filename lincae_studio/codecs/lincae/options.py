"""Options of a module as attributes that can be read, as code for the reference package reads them, but not set."""

from __future__ import annotations

from typing import Any


def option(name: str) -> Any:
    """An attribute of a module that is the option `name` of its `config`.

    Setting it raises an error: the network was built with the options, so a new value would have no effect.
    """
    return property(lambda module: getattr(module.config, name), doc=f"The option `{name}`.")
