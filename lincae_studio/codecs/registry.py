"""The available codecs: of families' own, installed, or a model folder given by its path.

Families of packages (`third_party`) come last, and are loaded only when nothing else has what is looked for, or all is
listed: `packages=False` leaves them out, so that neither the window's start nor commands wait for them.

Infos are cheap and need no torch; a codec is loaded only where it runs. Device and precision affect a codec's identity,
so callers that plan or load pass them, while lists, names and geometry do not depend on them. Callers that plan pass
the result of `resolved`; the window asks the engine process for it.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lincae_studio.codecs import library, third_party
from lincae_studio.codecs.base import Codec, CodecInfo
from lincae_studio.codecs.computation import AUTO, Computation
from lincae_studio.codecs.family import CodecFamily, Download, Entry, ImportOption, ModelFolder
from lincae_studio.codecs.folders import names_in, read_config
from lincae_studio.codecs.library import CONFIG_NAME
from lincae_studio.codecs.packages import require
from lincae_studio.codecs.resampled import at_own_rate, at_rate, info_at
from lincae_studio.errors import CodecError, StudioError, os_error_reason
from lincae_studio.session.model import DEFAULT_RATE, RATES, Session

#: One line per family: the module in this package whose `FAMILY` it is, in the order in which lists show their codecs.
_FAMILIES = (
    "mdct",
    "linear.family",
    "lincae.family",
    "diffusers.family",
)

#: The module in this package that loads previews of codecs of any family.
_PREVIEWS = "linear.preview"

Family = CodecFamily[Any]


def families(packages: bool = True) -> Iterator[Family]:
    """All families, ours first."""
    yield from _ours()
    if packages:
        yield from third_party.found()[0]


def ids(packages: bool = True) -> tuple[str, ...]:
    """Ids of our families' own codecs, of the installed ones, then of those of packages."""
    added = _of_packages(AUTO)[0] if packages else ()
    ours = (entry.info.id for _, entry in _own(AUTO))
    return (*ours, *library.installed(), *(entry.info.id for _, entry in added))


def all_info(packages: bool = True) -> tuple[CodecInfo, ...]:
    """Infos of all codecs with an id, except those whose folder is damaged."""
    return info_and_errors(packages)[0]


def info_and_errors(packages: bool = True) -> tuple[tuple[CodecInfo, ...], dict[str, StudioError]]:
    """Infos of all codecs with an id, in the order of `ids`, and the errors of damaged ones, by id."""
    found = [entry.info for _, entry in _own(AUTO)]
    errors: dict[str, StudioError] = {}
    for codec_id in library.installed():
        try:
            found.append(info(codec_id))
        except StudioError as error:
            errors[codec_id] = error
    found += [entry.info for _, entry in (_of_packages(AUTO)[0] if packages else ())]
    return tuple(found), errors


def package_errors() -> Mapping[str, StudioError]:
    """What is wrong with packages that add codecs, by their names and versions."""
    return _of_packages(AUTO)[1]


def info(codec: str, computation: Computation = AUTO) -> CodecInfo:
    """Info of a codec by its id, or by the path of a model's folder.

    Raises:
        CodecError: when there is no such codec (the message lists the ids), or its folder is damaged.
    """
    return _find(codec, computation)[1].info


def read_ahead(session: Session) -> Session:
    """The session, once its codec's folder has been read as far as infos need it. For jobs: weights may be hashed."""
    with contextlib.suppress(StudioError):  # reported where the codec is used
        for_session(session.codec, rate=session.rate)
    return session


def family_of(codec: str) -> Family:
    """The family of a codec. Raises `CodecError` like `info`."""
    return _find(codec, AUTO)[0]


def for_session(codec: str, computation: Computation = AUTO, rate: int = DEFAULT_RATE) -> CodecInfo:
    """Info of a codec for sessions of a rate in Hz. Raises `CodecError` like `info`, or if no session has that rate."""
    if rate not in RATES:
        raise CodecError(f"sessions cannot have a sample rate of {rate:,} Hz", "Use 44.1 or 48 kHz")
    return info_at(info(codec, computation), rate)


def resolved(codec: str, computation: Computation) -> Computation:
    """A device and precision, resolved if a codec depends on them; this loads torch, so not in the window process.

    Raises:
        CodecError: when there is no such codec, its folder is damaged, or the precision needs another device.
        UsageError: when the device does not exist or is not available.
    """
    return resolve(computation) if info(codec, computation).provisional else computation


def resolve(computation: Computation) -> Computation:
    """A resolved device and precision, for every codec that depends on them. As `resolved`."""
    require("torch")
    from lincae_studio.codecs.device import resolve

    return resolve(computation)


def load(codec: str, computation: Computation = AUTO, rate: int | None = None) -> Codec:
    """The codec itself, at a session's rate in Hz or by default at its own. Families get a resolved computation.

    Raises:
        CodecError: like `resolved`, and when its weights are damaged or a package is missing.
        UsageError: when the device does not exist or is not available.
    """
    found = _find(codec, resolved(codec, computation))[1].load()
    return found if rate is None else at_rate(found, rate)


def has_preview(info: CodecInfo) -> bool:
    """Whether a codec has a preview that is worth using: a quick codec needs none."""
    return not info.quick and (_previews().folder_of(info) / CONFIG_NAME).is_file()


def preview_of(codec: Codec) -> Codec | None:
    """A codec with the decoder of its preview, at the same rate; None if it has none.

    Raises:
        CodecError: when the preview is damaged.
    """
    if not has_preview(codec.info):
        return None
    own = at_own_rate(codec)
    preview: Codec = _previews().load_preview(own, _previews().folder_of(own.info))
    return at_rate(preview, codec.info.sample_rate)


def install_preview(path: Path) -> Path:
    """Install a preview, for the codec that it was trained for. Returns its folder; raises `CodecError`."""
    installed: Path = _previews().install(path)
    return installed


def _previews() -> Any:
    return importlib.import_module(f"{__package__}.{_PREVIEWS}")


def by_path(codec: str) -> str:
    """The codec name to store in a session: an id unchanged, or a folder as an absolute path."""
    if not os.path.isdir(codec) or codec in ids() or download(codec) is not None:
        return codec
    return str(Path(codec).resolve())


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
        failed: CodecError | None = None
        for family in families():
            try:
                if family.recognises(names, config):
                    return family
            except CodecError as error:
                failed = failed or error
        if failed is not None:
            raise failed
        if CONFIG_NAME in names:
            read_config(path)
            raise CodecError(
                f"{path / CONFIG_NAME} describes an unknown kind of model",
                "Update LinCAE Studio, or install the package that the model is for",
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


def downloads(packages: bool = True) -> tuple[Download, ...]:
    """What can be downloaded from the hub and installed, in the order of lists; of equal ids only the first."""
    found: dict[str, Download] = {}
    for family in families(packages):
        for download in family.downloads:
            found.setdefault(download.id, download)
    return tuple(found.values())


def download(codec: str) -> Download | None:
    """The download with an id, or None."""
    return next((download for family in families() for download in family.downloads if download.id == codec), None)


def family_of_download(download: Download) -> Family:
    return next(family for family in families() if download in family.downloads)


def import_options() -> tuple[ImportOption, ...]:
    """The options that importing a folder of our families may need; one of each name."""
    options: dict[str, ImportOption] = {}
    for family in families(packages=False):
        for option in family.import_options:
            options.setdefault(option.name, option)
    return tuple(options.values())


# Looking up


@functools.cache
def _family(name: str) -> Family:
    family: Family = importlib.import_module(f"{__package__}.{name}").FAMILY
    return family


def _ours() -> Iterator[Family]:
    """Our families, each loaded when it is reached: the window starts with the built-in one alone."""
    return map(_family, _FAMILIES)


def _own(computation: Computation) -> Iterator[tuple[Family, Entry]]:
    """Our families' own codecs."""
    for family in _ours():
        for entry in family.codecs(computation):
            yield family, entry


def _of_packages(computation: Computation) -> tuple[list[tuple[Family, Entry]], dict[str, StudioError]]:
    """The codecs of packages, and what is wrong with packages. An id that is taken stays that of the other codec."""
    families, load_errors = third_party.found()
    errors: dict[str, StudioError] = dict(load_errors)
    taken = {*ids(packages=False), *(download.id for download in downloads(packages=False))}
    found: list[tuple[Family, Entry]] = []
    for family in families:
        try:
            entries = family.codecs(computation)
        except CodecError as error:
            errors[family.package] = error
            continue
        for entry in entries:
            if entry.info.id in taken:
                errors[family.package] = family.clash(entry.info.id)
            else:
                taken.add(entry.info.id)
                found.append((family, entry))
    return found, errors


def _path_of(codec: str) -> Path | None:
    path = library.codec_folder(codec)
    # os.path.isdir, unlike Path.is_dir, returns False for names that no file can have.
    return Path(codec) if path is None and os.sep in codec and os.path.isdir(codec) else path


def _find(codec: str, computation: Computation) -> tuple[Family, Entry]:
    for family, entry in _own(computation):
        if entry.info.id == codec:
            return family, entry
    path = _path_of(codec)
    if path is not None:
        family, model = open_folder(path)
        with reading(path):
            found = model.info(codec, computation)
        return family, Entry(found, lambda: _load(family, model, codec, computation))
    if os.sep in codec:
        raise CodecError(f"there is no codec in {codec}", "Put the folder back, or choose another codec")
    if codec not in {download.id for download in downloads(packages=False)}:
        for family, entry in _of_packages(computation)[0]:
            if entry.info.id == codec:
                return family, entry
    if download(codec) is not None:
        remedy = f"Download it: Session > Codec, or lincae-studio codecs download {codec}"
        raise CodecError(f"the codec “{codec}” is not installed", remedy)
    reasons = "".join(f"; {error.problem}" for error in package_errors().values())
    choices = f"Choose one of {', '.join(ids())}, or the path of a folder"
    raise CodecError(f"there is no codec “{codec}”{reasons}", choices)


def _load(family: Family, model: ModelFolder, codec_id: str, computation: Computation) -> Codec:
    require(*family.packages)
    codec: Codec = family.load(model, codec_id, computation)
    return codec
