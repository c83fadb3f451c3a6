"""Installing models of this family: what a folder lacks, copying its weights, describing a download. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lincae_studio import jobs
from lincae_studio.codecs.family import Download, ImportOption, OptionValue, Question
from lincae_studio.codecs.folders import copy_file, file_sha256
from lincae_studio.codecs.library import CONFIG_NAME
from lincae_studio.codecs.lincae.folder import (
    ModelFolder,
    checked_scale_factor,
    describe,
    open_folder,
    public_description,
)
from lincae_studio.codecs.lincae.public import DOWNLOADS, PUBLIC_MODELS
from lincae_studio.errors import CodecError

SCALE_FACTOR = ImportOption(
    name="scale_factor",
    title="Scale factor",
    help="Scale factor of the latents, missing in official folders",
    kind="number",
    suggestion=PUBLIC_MODELS["lin-cae"].scale_factor,
    lowest=0.01,
    highest=1000.0,
)
LINEAR = ImportOption(
    name="linear",
    title="Trained to be linear",
    help="Whether the model was trained to be linear: scaling and adding its latents scales and adds the audio",
    kind="flag",
    suggestion=False,
)


def download_of(folder: ModelFolder) -> Download | None:
    """The public model whose folder on the hub has the name of this one, which was downloaded by hand."""
    return next((download for download in DOWNLOADS if download.subfolder == folder.path.name), None)


def question(folder: ModelFolder, codec_id: str) -> Question | None:
    """Asks for the scale factor, where it is neither in the folder nor known."""
    if folder.scale_factor is not None or _known(folder, codec_id):
        return None
    known = ", ".join(f"{model_id}: {model.scale_factor:g}" for model_id, model in PUBLIC_MODELS.items())
    text = (
        f"“{folder.path.name}” does not contain its scale factor, which brings its latents to about unit variance. "
        f"Ask the author of the model for it. Public models: {known}."
    )
    return Question(text, (SCALE_FACTOR, LINEAR))


def settings(folder: ModelFolder, codec_id: str, given: Mapping[str, OptionValue], title: str | None) -> dict[str, Any]:
    """The arguments of `describe`. Raises `CodecError` when the scale factor is missing or not a positive number."""
    known = _known(folder, codec_id)
    named = public_description(codec_id) if codec_id in PUBLIC_MODELS else {}
    scales = (given.get("scale_factor"), folder.scale_factor, known.get("scale_factor"))
    scale = next((scale for scale in scales if scale is not None), None)
    if scale is None:
        raise CodecError(
            f"{folder.path} does not specify a scale factor",
            "Pass --scale-factor; the public models have 15 (m2l), 33 (lin-cae) and 40 (lin-cae-2)",
        )
    return {
        "scale_factor": checked_scale_factor(scale),
        "title": title or named.get("title") or folder.title,
        "description": named.get("description", folder.description),
        "linear": bool(given.get("linear", known.get("linear", folder.linear))),
    }


def install(
    folder: ModelFolder,
    target: Path,
    settings: Mapping[str, Any],
    progress: jobs.ReportProgress,
    cancel: jobs.CancelToken | None,
) -> None:
    """Copy the weights, and describe them."""
    copy_file(folder.weights, target / folder.weights.name, f"copying {settings['title']}", progress, cancel)
    _describe(folder, target, settings, cancel)


def complete(download: Download, target: Path, cancel: jobs.CancelToken | None) -> None:
    """Describe the weights of a download."""
    (target / CONFIG_NAME).unlink(missing_ok=True)  # from an attempt that ended after writing it
    _describe(open_folder(target), target, public_description(download.id), cancel)


def is_whole(path: Path, cancel: jobs.CancelToken | None) -> bool:
    """Whether the weights have their checksum."""
    model = open_folder(path)
    return file_sha256(model.weights, cancel) == model.weights_sha256


def _known(folder: ModelFolder, codec_id: str) -> dict[str, Any]:
    """The public model whose name or id a folder has."""
    download = download_of(folder)
    model_id = codec_id if download is None else download.id
    return public_description(model_id) if model_id in PUBLIC_MODELS else {}


def _describe(
    model: ModelFolder, folder: Path, description: Mapping[str, Any], cancel: jobs.CancelToken | None
) -> None:
    weights = folder / model.weights.name
    sha256 = file_sha256(weights, cancel)
    if model.weights_sha256 not in (None, sha256):
        raise CodecError(f"{model.weights} is damaged: its checksum is not the one in {CONFIG_NAME}", "Export it again")
    describe(folder, model.config, weights=weights.name, weights_sha256=sha256, **description)
