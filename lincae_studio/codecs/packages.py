"""The packages that neural codecs need besides the program's own, torch above all: they may be missing or broken."""

from __future__ import annotations

import importlib
import importlib.util
import shlex
import sys
from pathlib import Path

from lincae_studio import paths
from lincae_studio.codecs import neural
from lincae_studio.errors import CodecError

#: Packages that only some codecs need, with the extra of this program that installs each.
_EXTRAS = {"diffusers": "lincae-studio[diffusers]"}


def require(*names: str) -> None:
    """Import packages that are used next.

    Raises:
        CodecError: when one of them cannot be imported, with what to do about it in this installation.
    """
    for name in names:
        try:
            _import(name)
        except ModuleNotFoundError as error:
            raise _missing(error.name or name) from error
        except Exception as error:  # a library that fails to load can raise anything
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
            raise CodecError(f"neural codecs need {name}, which does not work here: {reason}", _remedy(name)) from error


def _import(name: str) -> None:
    """Import a package, if it is missing from where neural codecs have been added."""
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        added = str(neural.folder())
        if added in sys.path or not neural.installed():
            raise
        sys.path.append(added)
        importlib.invalidate_caches()
        importlib.import_module(name)


def require_installed(name: str) -> None:
    """Like `require`, but does not load the package: it may be large. Raises `CodecError` only if it is missing."""
    try:
        found = importlib.util.find_spec(name)
    except ValueError:  # how it answers if the import of the package is blocked
        found = None
    if found is None and not neural.installed():
        raise _missing(name)


def _missing(name: str) -> CodecError:
    return CodecError(f"neural codecs need {name}, which is not installed", _remedy(name))


def _remedy(package: str) -> str:
    if neural.installed() and not neural.torch_included():
        return "Remove neural codecs in the menu Session > Codec, then add them again"
    if paths.frozen():
        return "Add it with Session > Codec > Add Neural Codecs, or lincae-studio codecs add-neural"
    if Path(sys.prefix).parent.name == "tools" and Path(sys.prefix).parent.parent.name == "uv":
        name = shlex.quote(_EXTRAS.get(package, "lincae-studio"))
        return f"Install the program again with uv tool install --reinstall {name}, or choose a built-in codec"
    wanted = [_EXTRAS[package]] if package in _EXTRAS else ["--force-reinstall", package]
    command = shlex.join([sys.executable, "-m", "pip", "install", *wanted])
    return f"Install it with {command}, or choose a built-in codec"
