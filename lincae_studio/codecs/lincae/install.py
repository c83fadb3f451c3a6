"""Installing models into the library of codecs, from the hub or from folders. No torch; any thread."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection
from pathlib import Path

from lincae_studio import bounded, jobs
from lincae_studio.codecs import library
from lincae_studio.codecs.library import CONFIG_NAME
from lincae_studio.codecs.lincae import public
from lincae_studio.codecs.lincae.folder import (
    ModelFolder,
    checked_scale_factor,
    describe,
    open_folder,
    public_description,
)
from lincae_studio.codecs.packages import require, require_installed
from lincae_studio.errors import CodecError


def install_public(
    model_id: str,
    progress: jobs.ReportProgress = jobs.no_progress,
    cancel: jobs.CancelToken | None = None,
    endpoint: str | None = None,
) -> Path:
    """Download and install a public model. A download that failed or was cancelled is resumed.

    An installed model is kept, but replaced if it is damaged.

    Raises:
        CodecError: for an unknown id, missing packages, a hub that cannot be reached, a damaged file, a full disk, a
            folder that is in the way, or while the same model is being installed elsewhere.
        Cancelled: after `cancel` was set.
    """
    if model_id not in public.PUBLIC_MODELS:
        raise CodecError(f"there is no public model “{model_id}”", f"Choose one of {', '.join(public.PUBLIC_MODELS)}")
    require_installed("torch")  # not loaded: this may be the process of the window
    require("huggingface_hub")
    place = library.place_of(model_id)
    if _is_whole(place, cancel):  # also on a read-only disk
        return place
    try:
        with library.alone(model_id):
            if _is_whole(place, cancel):  # installed by another process in the meantime
                return place
            replaced = library.codec_folder(model_id)  # a damaged one
            if replaced is None:
                library.check_free(place)
            staging = library.download_folder(model_id)
            staging.mkdir(exist_ok=True)
            public.fetch(model_id, staging, progress, cancel, endpoint)
            (staging / CONFIG_NAME).unlink(missing_ok=True)  # from an attempt that ended after writing it
            _describe(open_folder(staging), staging, public_description(model_id), cancel)
            if replaced is not None:
                library.delete(replaced)
            return staging.rename(place)
    except OSError as error:
        raise library.cannot_install(model_id, error) from error


def import_folder(
    source: Path,
    codec_id: str,
    *,
    taken: Collection[str],
    scale_factor: float | None = None,
    linear: bool | None = None,
    title: str | None = None,
    progress: jobs.ReportProgress = jobs.no_progress,
    cancel: jobs.CancelToken | None = None,
) -> Path:
    """Copy a model folder, in the official or the studio's format, to the library. Returns its folder there.

    Args:
        taken: ids that are already in use.
        scale_factor: scale factor of the latents; required if the folder does not specify it.
        linear: whether the model was trained to be linear; default: as in the folder, or False.
        progress: called with the number of bytes.

    Raises:
        CodecError: when the folder is not a model, the scale factor is not a positive number, the id is not allowed or
            already taken, or the disk is full.
        Cancelled: after `cancel` was set.
    """
    if not library.CODEC_ID.fullmatch(codec_id):
        raise CodecError(
            f"“{codec_id}” is not a valid codec id",
            "Use at most 64 lower-case letters, digits, '.', '_' and '-'; pass another --id",
        )
    if codec_id in taken:
        raise CodecError(f"a codec “{codec_id}” already exists", "Choose another id, or remove that one")
    model = open_folder(source)
    known = public_description(codec_id) if codec_id in public.PUBLIC_MODELS else {}
    scales = (scale_factor, model.scale_factor, known.get("scale_factor"))
    scale = next((scale for scale in scales if scale is not None), None)
    if scale is None:
        raise CodecError(
            f"{source} does not specify a scale factor",
            "Pass --scale-factor; the public models have 15 (m2l), 33 (lin-cae) and 40 (lin-cae-2)",
        )
    description = {
        "scale_factor": checked_scale_factor(scale),
        "title": title or known.get("title") or model.title,
        "description": known.get("description", model.description),
        "linear": bool(known.get("linear", model.linear) if linear is None else linear),
    }
    place = library.place_of(codec_id)
    staging = place.with_name(f".{codec_id}.import")
    try:
        with library.alone(codec_id):
            library.check_free(place)
            try:
                shutil.rmtree(staging, ignore_errors=True)
                staging.mkdir()
                _copy(model.weights, staging / model.weights.name, f"copying {codec_id}", progress, cancel)
                _describe(model, staging, description, cancel)
                return staging.rename(place)
            finally:
                shutil.rmtree(staging, ignore_errors=True)
    except OSError as error:
        raise library.cannot_install(codec_id, error) from error


def _is_whole(place: Path, cancel: jobs.CancelToken | None) -> bool:
    """Whether an installed codec can be opened and its weights are undamaged."""
    if not os.path.isfile(place / CONFIG_NAME):
        return False
    try:
        model = open_folder(place)
        return public.file_sha256(model.weights, cancel) == model.weights_sha256
    except (CodecError, OSError, ValueError, RecursionError):
        return False


def _copy(
    source: Path, target: Path, label: str, progress: jobs.ReportProgress, cancel: jobs.CancelToken | None
) -> None:
    total, done = os.path.getsize(source), 0
    with open(target, "wb") as writing:
        for block in bounded.blocks(source):
            if cancel is not None:
                cancel.check()
            writing.write(block)
            done += len(block)
            progress(jobs.Progress(done, total, label))


def _describe(
    model: ModelFolder, folder: Path, description: dict[str, object], cancel: jobs.CancelToken | None
) -> None:
    weights = folder / model.weights.name
    sha256 = public.file_sha256(weights, cancel)
    if model.weights_sha256 not in (None, sha256):
        raise CodecError(f"{model.weights} is damaged: its checksum is not the one in {CONFIG_NAME}", "Export it again")
    describe(folder, model.config, weights=weights.name, weights_sha256=sha256, **description)  # type: ignore[arg-type]
