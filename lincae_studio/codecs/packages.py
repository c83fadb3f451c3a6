"""The packages that neural codecs need besides the program's own, torch above all: they may be missing or broken."""

from __future__ import annotations

import importlib
import importlib.util
import shlex
import sys
from pathlib import Path

from lincae_studio.errors import CodecError


def require(*names: str) -> None:
    """Import packages that are used next.

    Raises:
        CodecError: when one of them cannot be imported, with what to do about it in this installation.
    """
    for name in names:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            raise _missing(error.name or name) from error
        except Exception as error:  # a library that does not load or fit, in whatever way it says so
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
            raise CodecError(f"neural codecs need {name}, which does not work here: {reason}", _remedy(name)) from error


def require_installed(name: str) -> None:
    """Like `require`, but does not load the package: it may be large. Raises `CodecError` only if it is missing."""
    try:
        found = importlib.util.find_spec(name)
    except ValueError:  # how it answers if the import of the package is blocked
        found = None
    if found is None:
        raise _missing(name)


def _missing(name: str) -> CodecError:
    return CodecError(f"neural codecs need {name}, which is not installed", _remedy(name))


def _remedy(package: str) -> str:
    if getattr(sys, "frozen", False):
        return "Choose a built-in codec, or install LinCAE Studio with pip or uv, which include it"
    if Path(sys.prefix).parent.name == "tools" and Path(sys.prefix).parent.parent.name == "uv":
        return "Install the program again with uv tool install --reinstall lincae-studio, or choose a built-in codec"
    command = shlex.join([sys.executable, "-m", "pip", "install", "--force-reinstall", package])
    return f"Install it with {command}, or choose a built-in codec"
