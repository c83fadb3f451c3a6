"""The public checkpoints, and their download from the Hugging Face hub. No torch; any thread.

Data of the checkpoints: from the model cards of `BernardoTorres/linear_consistency_autoencoders` and the package
`linear-cae` 0.1.4.
"""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from lincae_studio.codecs import hub
from lincae_studio.codecs.family import Download

HUB_REPOSITORY = "BernardoTorres/linear_consistency_autoencoders"

#: The default checkpoint type.
LAST = "last"

#: Sample rate of configurations that do not specify it, as the public ones, in Hz.
DEFAULT_RATE = 44_100

#: Approximate size of the four files of a public model.
_BYTES = 223 << 20

PARTS = ("frontend", "generator", "diffusion")


class PublicModel(Struct, frozen=True):
    """A model on the hub.

    Attributes:
        folder: its folder there.
        scale_factor: scales its latents to about unit variance.
        linear: whether it was trained to be linear.
    """

    folder: str
    scale_factor: float
    title: str
    description: str
    linear: bool


PUBLIC_MODELS = {
    "lin-cae": PublicModel(
        "0a3afbec_weights",
        33.0,
        "Lin-CAE",
        "Linear Consistency Autoencoder: scaling and adding latents scales and adds the audio",
        linear=True,
    ),
    "lin-cae-2": PublicModel(
        "2f4c6d21_weights",
        40.0,
        "Lin-CAE 2",
        "Linear Consistency Autoencoder trained without gain annealing",
        linear=True,
    ),
    "m2l": PublicModel(
        "1511f18a_weights",
        15.0,
        "Music2Latent (baseline)",
        "Music2Latent retrained as the baseline: not trained to be linear, for comparison",
        linear=False,
    ),
}


def public_id(name: str) -> str | None:
    """The id of a public model, given that id or its folder on the hub, with or without `_weights`; None for others."""
    folder = f"{name.removesuffix('_weights')}_weights"
    return next((key for key, model in PUBLIC_MODELS.items() if name == key or folder == model.folder), None)


def official_names(ckpt_type: str = LAST) -> list[str]:
    """The four files of an official folder, weights first."""
    return [f"autoencoder_inference_model_{ckpt_type}.pth", *(f"{part}_kwargs_{ckpt_type}.yaml" for part in PARTS)]


def trainer_names() -> list[str]:
    """The four files that the reference's trainer writes at its end, weights first."""
    return ["autoencoder.pth", *(f"{part}_kwargs.yaml" for part in PARTS)]


def download(model_id: str, ckpt_type: str = LAST, revision: str | None = None, endpoint: str | None = None) -> Path:
    """The folder of a public model in the hub's own cache, downloaded if it is not there yet.

    `endpoint`: URL of a server to use instead of the hub.

    Raises:
        CodecError: when the hub cannot be reached or does not have the files.
    """
    import huggingface_hub
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    public = _download(model_id, PUBLIC_MODELS[model_id], ckpt_type)
    try:
        found = [
            huggingface_hub.hf_hub_download(HUB_REPOSITORY, path, revision=revision, endpoint=endpoint)
            for path in public.paths
        ]
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise hub.not_downloaded(public, error, public.paths, "Choose another checkpoint type") from error
    return Path(found[0]).parent


def _download(model_id: str, model: PublicModel, ckpt_type: str = LAST) -> Download:
    return Download(
        id=model_id,
        title=model.title,
        description=model.description,
        repository=HUB_REPOSITORY,
        subfolder=model.folder,
        files=tuple(official_names(ckpt_type)),
        bytes=_BYTES,
        sample_rate=DEFAULT_RATE,
        hop=4096,
        dim=64,
        linearity="trained" if model.linear else "none",
    )


#: The public models, as lists and downloads need them.
DOWNLOADS = tuple(_download(model_id, model) for model_id, model in PUBLIC_MODELS.items())
