"""Installing codecs into the library, from the hub or from folders of any family. No torch; any thread."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from lincae_studio import jobs
from lincae_studio.codecs import hub, library, registry
from lincae_studio.codecs.family import Download, OptionValue
from lincae_studio.codecs.library import CONFIG_NAME
from lincae_studio.codecs.packages import require, require_installed
from lincae_studio.errors import CodecError


def id_for(name: str) -> str:
    """Make a codec id from a folder's name or typed text; "codec" if it has no valid characters."""
    return re.sub(r"[^a-z0-9._-]", "-", name.strip().lower()).lstrip("._-")[:64] or "codec"


def possible_download(codec_id: str) -> Download:
    """The public codec with an id, if what it needs is installed. Raises `CodecError`."""
    download = registry.download(codec_id)
    if download is None:
        known = ", ".join(one.id for one in registry.downloads())
        remedy = f"Choose one of {known}"
        if "/" in codec_id:  # a repository whose content is not known
            remedy += ". To use another repository, download it yourself, then import its folder"
        raise CodecError(f"there is no public model “{codec_id}”", remedy)
    for package in registry.family_of_download(download).packages:
        require_installed(package)  # not loaded: this may be the process of the window
    require("huggingface_hub")
    return download


def install_download(
    codec_id: str,
    progress: jobs.ReportProgress = jobs.no_progress,
    cancel: jobs.CancelToken | None = None,
    endpoint: str | None = None,
) -> Path:
    """Download and install a public codec. A download that failed or was cancelled is resumed.

    An installed codec is kept, but replaced if it is damaged.

    Raises:
        CodecError: for an unknown id, missing packages, a hub that cannot be reached, a damaged file, a full disk, a
            folder that is in the way, or while the same codec is being installed elsewhere.
        Cancelled: after `cancel` was set.
    """
    download = possible_download(codec_id)
    family = registry.family_of_download(download)
    place = library.place_of(codec_id)
    if _is_whole(family, place, cancel):  # also on a read-only disk
        return place
    try:
        with library.alone(codec_id):
            if _is_whole(family, place, cancel):  # installed by another process in the meantime
                return place
            replaced = library.codec_folder(codec_id)  # a damaged one
            if replaced is None:
                library.check_free(place)
            staging = library.download_folder(codec_id)
            staging.mkdir(exist_ok=True)
            hub.fetch(download, staging, progress, cancel, endpoint)
            family.complete(download, staging, cancel)
            if replaced is not None:
                library.delete(replaced)
            return staging.rename(place)
    except OSError as error:
        raise library.cannot_install(codec_id, error) from error


def check_folder(source: Path) -> None:
    """Check that the model in a folder loads; this may load torch, so not in the window process.

    Raises:
        CodecError: when it is not a model, its weights do not fit, or a package is missing.
    """
    family, model = registry.open_folder(source)
    require(*family.packages)
    family.check(model)


def import_folder(
    source: Path,
    codec_id: str,
    given: Mapping[str, OptionValue] | None = None,
    title: str | None = None,
    progress: jobs.ReportProgress = jobs.no_progress,
    cancel: jobs.CancelToken | None = None,
) -> Path:
    """Copy a model folder to the library. Returns its folder there.

    Args:
        given: values of the family's import options, by name; those that the folder specifies need not be given.
        title: name in lists; default: the folder's.
        progress: called with the number of bytes.

    Raises:
        CodecError: when the folder is not a model, an option is missing or not valid, the id is not allowed or already
            taken, or the disk is full.
        Cancelled: after `cancel` was set.
    """
    if not library.CODEC_ID.fullmatch(codec_id):
        raise CodecError(
            f"“{codec_id}” is not a valid codec id",
            "Use at most 64 lower-case letters, digits, '.', '_' and '-'; pass another --id",
        )
    if codec_id in registry.ids():
        raise CodecError(f"a codec “{codec_id}” already exists", "Choose another id, or remove that one")
    family, model = registry.open_folder(source)
    settings = family.settings(model, codec_id, given or {}, title)
    place = library.place_of(codec_id)
    staging = place.with_name(f".{codec_id}.import")
    try:
        with library.alone(codec_id):
            library.check_free(place)
            try:
                shutil.rmtree(staging, ignore_errors=True)
                staging.mkdir()
                family.install(model, staging, settings, progress, cancel)
                return staging.rename(place)
            finally:
                shutil.rmtree(staging, ignore_errors=True)
    except OSError as error:
        raise library.cannot_install(codec_id, error) from error


def _is_whole(family: registry.Family, place: Path, cancel: jobs.CancelToken | None) -> bool:
    """Whether an installed codec is of the family, can be opened, and its weights are undamaged."""
    if not os.path.isfile(place / CONFIG_NAME):
        return False
    try:
        return registry.recognise(place) is family and family.is_whole(place, cancel)
    except (CodecError, OSError, ValueError, RecursionError):
        return False
