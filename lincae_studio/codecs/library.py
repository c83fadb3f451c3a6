"""The user's codecs: folders in the data folder, installed by download or import. No torch; any thread.

A codec is there entirely or not at all: it is made ready beside its place, under a hidden name, and renamed into it.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from lincae_studio import jobs, paths
from lincae_studio.codecs.lincae import public
from lincae_studio.codecs.lincae.folder import (
    CONFIG_NAME,
    ModelFolder,
    checked_scale_factor,
    describe,
    open_folder,
    public_description,
)
from lincae_studio.errors import CodecError, os_error_reason

_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")

_BLOCK_BYTES = 1 << 22


def installed() -> tuple[str, ...]:
    """Ids of the codecs that are installed, sorted; their folders may be broken."""
    try:
        names = sorted(os.listdir(paths.codecs_dir()))
    except OSError:
        return ()
    return tuple(name for name in names if _ID.fullmatch(name) and os.path.isfile(_place(name) / CONFIG_NAME))


def codec_folder(codec_id: str) -> Path | None:
    """The folder of an installed codec, or None."""
    return _place(codec_id) if codec_id in installed() else None


def install_public(
    model_id: str,
    progress: jobs.ReportProgress = jobs.no_progress,
    cancel: jobs.CancelToken | None = None,
    endpoint: str | None = None,
) -> Path:
    """Download a public model. What was loaded before a failure or cancel is taken up again.

    One that is installed is left alone, but replaced where it is broken.

    Raises:
        CodecError: for an unknown id, a hub that cannot be reached, a damaged file, a full disk, a folder that is in
            the way, or while the same model is being installed elsewhere.
        Cancelled: after `cancel` was set.
    """
    if model_id not in public.PUBLIC_MODELS:
        raise CodecError(f"there is no public model {model_id!r}", f"Choose one of {', '.join(public.PUBLIC_MODELS)}")
    place = _place(model_id)
    if _is_whole(place, cancel):  # also where nothing can be written
        return place
    try:
        with _alone(model_id):
            if _is_whole(place, cancel):  # somebody else was sooner
                return place
            replaced = codec_folder(model_id)  # a broken one
            if replaced is None:
                _check_free(place)
            staging = _download_folder(model_id)
            staging.mkdir(exist_ok=True)
            public.fetch(model_id, staging, progress, cancel, endpoint)
            (staging / CONFIG_NAME).unlink(missing_ok=True)  # of an attempt that ended after it was written
            _describe(open_folder(staging), staging, public_description(model_id), cancel)
            if replaced is not None:
                _delete(replaced)
            return staging.rename(place)
    except OSError as error:
        raise _cannot_install(model_id, error) from error


def import_folder(
    source: Path,
    codec_id: str,
    *,
    scale_factor: float | None = None,
    linear: bool | None = None,
    title: str | None = None,
    progress: jobs.ReportProgress = jobs.no_progress,
    cancel: jobs.CancelToken | None = None,
) -> Path:
    """Copy a model's folder, official or ours, into the library. Returns its place there.

    Args:
        scale_factor: of the latents; needed where the folder does not name it.
        linear: whether the model was trained to be linear; default: what the folder says, or False.
        progress: is told bytes.

    Raises:
        CodecError: when the folder is no model, the scale factor is no positive number, the id is not allowed or taken,
            or the disk is full.
        Cancelled: after `cancel` was set.
    """
    from lincae_studio.codecs import registry

    if not _ID.fullmatch(codec_id):
        raise CodecError(
            f"{codec_id!r} cannot be a codec's id",
            "Use lower-case letters, digits, '.', '_' and '-', at most 64 of them; pass another --id",
        )
    if codec_id in registry.ids():
        raise CodecError(f"there is a codec {codec_id!r} already", "Choose another id, or remove that one")
    model = open_folder(source)
    known = public_description(codec_id) if codec_id in public.PUBLIC_MODELS else {}
    scales = (scale_factor, model.scale_factor, known.get("scale_factor"))
    scale = next((scale for scale in scales if scale is not None), None)
    if scale is None:
        raise CodecError(
            f"{source} names no scale factor",
            "Pass --scale-factor; the public models have 15 (m2l), 33 (lin-cae) and 40 (lin-cae-2)",
        )
    description = {
        "scale_factor": checked_scale_factor(scale),
        "title": title or known.get("title") or model.title,
        "description": known.get("description", model.description),
        "linear": bool(known.get("linear", model.linear) if linear is None else linear),
    }
    place = _place(codec_id)
    staging = place.with_name(f".{codec_id}.import")
    try:
        with _alone(codec_id):
            _check_free(place)
            try:
                shutil.rmtree(staging, ignore_errors=True)
                staging.mkdir()
                _copy(model.weights, staging / model.weights.name, f"copying {codec_id}", progress, cancel)
                _describe(model, staging, description, cancel)
                return staging.rename(place)
            finally:
                shutil.rmtree(staging, ignore_errors=True)
    except OSError as error:
        raise _cannot_install(codec_id, error) from error


def remove(codec_id: str) -> None:
    """Delete a codec, broken ones too, and what an unfinished download of it left.

    Raises:
        CodecError: when there is nothing of that id, it cannot be deleted, or it is being installed.
    """
    there = []
    if _ID.fullmatch(codec_id):
        there = [path for path in (_place(codec_id), _download_folder(codec_id)) if os.path.lexists(path)]
    if not there:
        raise CodecError(f"{codec_id!r} is not installed", f"Installed are {', '.join(installed()) or 'none'}")
    try:
        with _alone(codec_id):
            for path in there:
                _delete(path)
    except OSError as error:
        reason, remedy = os_error_reason(error, there[0])
        raise CodecError(f"{codec_id} cannot be removed: {reason}", remedy) from error


def _place(codec_id: str) -> Path:
    return paths.codecs_dir() / codec_id


def _download_folder(codec_id: str) -> Path:
    return paths.codecs_dir() / f".{codec_id}.download"


@contextlib.contextmanager
def _alone(codec_id: str) -> Iterator[None]:
    """Keep others, in this process or another, from installing or removing the same codec. Frees itself on a crash.

    Raises:
        CodecError: when another one is at it.
        OSError: when the folder of codecs cannot be written.
    """
    import filelock

    paths.codecs_dir().mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(paths.codecs_dir() / f".{codec_id}.lock")
    try:
        lock.acquire(blocking=False)
    except filelock.Timeout:
        raise CodecError(
            f"{codec_id} is being installed or removed already", "Wait for that to end, or cancel it"
        ) from None
    try:
        yield
    finally:
        lock.release()


def _is_whole(place: Path, cancel: jobs.CancelToken | None) -> bool:
    """Whether an installed codec can be opened and its weights are what they were."""
    if not os.path.isfile(place / CONFIG_NAME):
        return False
    try:
        model = open_folder(place)
        return public.file_sha256(model.weights, cancel) == model.weights_sha256
    except (CodecError, OSError, ValueError, RecursionError):
        return False


def _check_free(place: Path) -> None:
    if os.path.lexists(place):
        raise CodecError(f"{place} is in the way", f"Move it, or delete it: lincae-studio codecs remove {place.name}")


def _delete(path: Path) -> None:
    """A folder, or a link or file in its place."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _copy(
    source: Path, target: Path, label: str, progress: jobs.ReportProgress, cancel: jobs.CancelToken | None
) -> None:
    with open(source, "rb") as reading, open(target, "wb") as writing:
        total, done = os.fstat(reading.fileno()).st_size, 0
        while block := reading.read(_BLOCK_BYTES):
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


def _cannot_install(codec_id: str, error: OSError) -> CodecError:
    reason, remedy = os_error_reason(error, paths.codecs_dir())
    return CodecError(f"{codec_id} cannot be installed: {reason}", remedy)
