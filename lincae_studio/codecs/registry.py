"""The available codecs: of a family's own, installed, or a model folder given by its path.

Infos are cheap and need no torch; a codec is loaded only where it runs. Device and precision affect a codec's identity,
so callers that plan or load pass them, while lists, names and geometry do not depend on them. Callers that plan pass
the result of `resolved`; the window asks the engine process for it.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lincae_studio.codecs import library
from lincae_studio.codecs.base import Codec, CodecInfo
from lincae_studio.codecs.computation import AUTO, Computation
from lincae_studio.codecs.family import CodecFamily, Download, Entry, ImportOption, ModelFolder
from lincae_studio.codecs.folders import names_in, read_config
from lincae_studio.codecs.library import CONFIG_NAME
from lincae_studio.codecs.packages import require
from lincae_studio.errors import CodecError, StudioError, os_error_reason
from lincae_studio.session.model import DEFAULT_RATE

#: One line per family: the module in this package whose `FAMILY` it is, in the order in which lists show their codecs.
_FAMILIES = (
    "mdct",
    "lincae.family",
)

Family = CodecFamily[Any]


@functools.cache
def families() -> tuple[Family, ...]:
    """All families."""
    return tuple(importlib.import_module(f"{__package__}.{name}").FAMILY for name in _FAMILIES)


def ids() -> tuple[str, ...]:
    """Ids of the families' own codecs, then of the installed ones."""
    return (*(entry.info.id for entry in _own(AUTO)), *library.installed())


def all_info() -> tuple[CodecInfo, ...]:
    """Infos of all codecs with an id, except those whose folder is damaged."""
    return info_and_errors()[0]


def info_and_errors() -> tuple[tuple[CodecInfo, ...], dict[str, StudioError]]:
    """Infos of all codecs with an id, and the errors of damaged ones, by id."""
    found = [entry.info for entry in _own(AUTO)]
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
    if found.sample_rate != DEFAULT_RATE:
        raise CodecError(
            f"the codec “{codec}” is for audio at {found.sample_rate} Hz, but the studio mixes at {DEFAULT_RATE} Hz",
            "Choose another codec; measure this one with lincae-studio evaluate",
        )
    return found


def resolved(codec: str, computation: Computation) -> Computation:
    """What a device and precision come to, if a codec depends on it; this loads torch, so not in the window process.

    Raises:
        CodecError: when there is no such codec, its folder is damaged, or the precision needs another device.
        UsageError: when the device does not exist or is not available.
    """
    return resolve(computation) if info(codec, computation).provisional else computation


def resolve(computation: Computation) -> Computation:
    """What a device and precision come to, for every codec that depends on it. As `resolved`."""
    require("torch")
    from lincae_studio.codecs.device import resolve

    return resolve(computation)


def load(codec: str, computation: Computation = AUTO) -> Codec:
    """The codec itself. Raises `CodecError` like `info`, and when its weights are damaged or a package is missing."""
    return _find(codec, computation).load()


def by_path(codec: str) -> str:
    """The codec name to store in a session: an id unchanged, or a folder as an absolute path."""
    if codec in ids() or download(codec) is not None:
        return codec
    return str(Path(codec).resolve()) if os.path.isdir(codec) else codec


# Folders


def folder(codec: str) -> ModelFolder | None:
    """The folder of a codec, read except for its weights; None if it has none. Raises `CodecError` if damaged."""
    path = _path_of(codec)
    return None if path is None else open_folder(path)[1]


def recognise(path: Path) -> Family:
    """The family of a model folder, by the names of its files and its `config.json`.

    Raises:
        CodecError: when it is of no family, or cannot be read.
    """
    with reading(path):
        names, config = names_in(path), {}
        if CONFIG_NAME in names:
            with contextlib.suppress(CodecError):  # the family reports it; other files tell which one
                config = read_config(path)
        for family in families():
            if family.recognises(names, config):
                return family
        if CONFIG_NAME in names:
            read_config(path)
            raise CodecError(
                f"{path / CONFIG_NAME} describes no kind of model that this version knows", "Update LinCAE Studio"
            )
    kinds = "; or ".join(filter(None, (family.contents for family in families())))
    raise CodecError(f"{path} is not a model", f"It must contain {kinds}")


def open_folder(path: Path) -> tuple[Family, ModelFolder]:
    """A model folder, read except for its weights, and its family. Raises `CodecError` if it is damaged."""
    family = recognise(path)
    with reading(path):
        return family, family.open(path)


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Report any error while reading an untrusted folder as a `CodecError`."""
    try:
        yield
    except OSError as error:
        reason, remedy = os_error_reason(error, path)
        raise CodecError(f"{error.filename or path} cannot be read: {reason}", remedy) from error
    except (ValueError, ArithmeticError, RecursionError) as error:
        problem = f"{path} cannot be read: {type(error).__name__}: {error}"
        raise CodecError(problem, "Export or download the model again") from error


# Downloads


def downloads() -> tuple[Download, ...]:
    """What can be downloaded from the hub and installed, in the order of lists."""
    return tuple(download for family in families() for download in family.downloads)


def download(codec: str) -> Download | None:
    """The download with an id, or None."""
    return next((download for download in downloads() if download.id == codec), None)


def family_of(download: Download) -> Family:
    return next(family for family in families() if download in family.downloads)


def import_options() -> tuple[ImportOption, ...]:
    """The options that importing a folder of any family may need; one of each name."""
    options = {option.name: option for family in reversed(families()) for option in family.import_options}
    return tuple(options.values())


# Looking up


def _own(computation: Computation) -> Iterator[Entry]:
    """The families' own codecs."""
    for family in families():
        yield from family.codecs(computation)


def _path_of(codec: str) -> Path | None:
    path = library.codec_folder(codec)
    # os.path.isdir, unlike Path.is_dir, returns False for names that no file can have.
    return Path(codec) if path is None and os.sep in codec and os.path.isdir(codec) else path


def _find(codec: str, computation: Computation) -> Entry:
    for entry in _own(computation):
        if entry.info.id == codec:
            return entry
    path = _path_of(codec)
    if path is not None:
        family, model = open_folder(path)
        with reading(path):
            found = model.info(codec, computation)
        return Entry(found, lambda: _load(family, model, codec, computation))
    if download(codec) is not None:
        remedy = f"Download it: Session > Codec, or lincae-studio codecs download {codec}"
        raise CodecError(f"the codec “{codec}” is not installed", remedy)
    if os.sep in codec:
        raise CodecError(f"there is no codec in {codec}", "Put the folder back, or choose another codec")
    raise CodecError(f"there is no codec “{codec}”", f"Choose one of {', '.join(ids())}, or the path of a folder")


def _load(family: Family, model: ModelFolder, codec_id: str, computation: Computation) -> Codec:
    require(*family.packages)
    codec: Codec = family.load(model, codec_id, computation)
    return codec
