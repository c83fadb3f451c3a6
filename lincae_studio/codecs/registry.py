"""The available codecs: built-in, installed, or a model folder given by its path.

Infos are cheap and need no torch; a codec is loaded only where it runs. Device and precision affect a codec's identity,
so callers that plan or load pass them, while lists, names and geometry do not depend on them. Callers that plan pass
the result of `resolved`; the window asks the engine process for it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lincae_studio.codecs import library, mdct
from lincae_studio.codecs.base import Codec, CodecInfo
from lincae_studio.codecs.computation import AUTO, Computation
from lincae_studio.codecs.lincae import family as lincae
from lincae_studio.errors import CodecError, StudioError, os_error_reason
from lincae_studio.session.model import SESSION_RATE


@dataclass(frozen=True)
class Entry:
    """A codec's info, and the function that loads it."""

    info: CodecInfo
    load: Callable[[], Codec]


#: One line per built-in codec, in the order in which lists show them.
_BUILT_IN = (
    Entry(mdct.MDCT_1X, mdct.load_mdct_1x),
    Entry(mdct.MDCT_2X, mdct.load_mdct_2x),
    Entry(mdct.MDCT_4X, mdct.load_mdct_4x),
)


def ids() -> tuple[str, ...]:
    """Ids of the built-in and the installed codecs."""
    return (*(entry.info.id for entry in _BUILT_IN), *library.installed())


def all_info() -> tuple[CodecInfo, ...]:
    """Infos of all built-in and installed codecs, except those whose folder is damaged."""
    return info_and_errors()[0]


def info_and_errors() -> tuple[tuple[CodecInfo, ...], dict[str, StudioError]]:
    """Infos of all built-in and installed codecs, and the errors of damaged ones, by id."""
    found = [entry.info for entry in _BUILT_IN]
    errors: dict[str, StudioError] = {}
    for codec_id in library.installed():
        try:
            found.append(info(codec_id))
        except StudioError as error:
            errors[codec_id] = error
    return tuple(found), errors


def info(codec: str, computation: Computation = AUTO) -> CodecInfo:
    """Info of a codec by its id, or by the path of a model's folder.

    Raises:
        CodecError: when there is no such codec (the message lists the ids), or its folder is damaged.
    """
    return _find(codec, computation).info


def for_session(codec: str, computation: Computation = AUTO) -> CodecInfo:
    """Info of a codec for mixing a session. Raises `CodecError` like `info`, or if its sample rate differs."""
    found = info(codec, computation)
    if found.sample_rate != SESSION_RATE:
        raise CodecError(
            f"the codec “{codec}” is for audio at {found.sample_rate} Hz, but the studio mixes at {SESSION_RATE} Hz",
            "Choose another codec; measure this one with lincae-studio evaluate",
        )
    return found


def resolved(codec: str, computation: Computation) -> Computation:
    """What a device and precision come to, if a codec depends on it; this loads torch, so not in the window process.

    Raises:
        CodecError: when the codec's folder is damaged, or the precision needs another device.
        UsageError: when the device does not exist or is not available.
    """
    built_in = any(entry.info.id == codec for entry in _BUILT_IN)
    if computation.arithmetic is not None or built_in or folder(codec) is None:
        return computation
    return lincae.resolved(computation)


def load(codec: str, computation: Computation = AUTO) -> Codec:
    """The codec itself. Raises `CodecError` like `info`, and when its weights are damaged."""
    return _find(codec, computation).load()


def folder(codec: str) -> lincae.ModelFolder | None:
    """The folder of a codec, read except for its weights; None if it has none. Raises `CodecError` if damaged."""
    path = library.codec_folder(codec)
    # os.path.isdir, unlike Path.is_dir, returns False for names that no file can have.
    if path is None and os.sep in codec and os.path.isdir(codec):
        path = Path(codec)
    if path is None:
        return None
    with _reading(path):
        return lincae.open_folder(path)


def by_path(codec: str) -> str:
    """The codec name to store in a session: an id unchanged, or a folder as an absolute path."""
    if codec in ids() or codec in lincae.PUBLIC_MODELS:
        return codec
    return str(Path(codec).resolve()) if os.path.isdir(codec) else codec


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Report any error while reading an untrusted folder as a `CodecError`."""
    try:
        yield
    except OSError as error:
        reason, remedy = os_error_reason(error, path)
        raise CodecError(f"{path} cannot be read: {reason}", remedy) from error
    except (ValueError, ArithmeticError, RecursionError) as error:
        problem = f"{path} cannot be read: {type(error).__name__}: {error}"
        raise CodecError(problem, "Export or download the model again") from error


def _find(codec: str, computation: Computation) -> Entry:
    for entry in _BUILT_IN:
        if entry.info.id == codec:
            return entry
    model = folder(codec)
    if model is not None:
        with _reading(model.path):
            return Entry(model.info(codec, computation), lambda: lincae.load(model, codec, computation))
    if codec in lincae.PUBLIC_MODELS:
        remedy = f"Download it: Session > Codec, or lincae-studio codecs download {codec}"
        raise CodecError(f"the codec “{codec}” is not installed", remedy)
    if os.sep in codec:
        raise CodecError(f"there is no codec in {codec}", "Put the folder back, or choose another codec")
    raise CodecError(f"there is no codec “{codec}”", f"Choose one of {', '.join(ids())}, or the path of a folder")
