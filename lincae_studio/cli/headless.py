"""The engine of a command, in its own process."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from lincae_studio import cores, malloc
from lincae_studio.cli.text import warn
from lincae_studio.studio.engine import Engine, preferred_computation

__all__ = ["headless", "preferred_computation"]


@contextlib.contextmanager
def headless(host: str = "") -> Iterator[Engine]:
    """An engine, here or on another machine, that prints warnings, and is closed at the end.

    Memory and cores are used as in the engine process.

    Raises:
        UsageError: for a precision that does not exist, or a name that no machine can have.
        PreferencesError: for an unusable cache folder.
    """
    malloc.keep_freed()
    cores.use_one_per_product()
    with Engine(host=host, warn=warn) as engine:
        yield engine
