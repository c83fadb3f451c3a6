"""Checkpoints: the public ones on the hub, official folders, and our own format, read so that no file runs code.

Official folder: `autoencoder_inference_model_{type}.pth` (a state dict) and `frontend_kwargs_{type}.yaml`,
`generator_kwargs_{type}.yaml`, `diffusion_kwargs_{type}.yaml`. Our format: `model.safetensors` and `config.json`.
"""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import torch
import yaml
from msgspec import Struct
from torch import Tensor

from lincae_studio.codecs.lincae.config import ModelConfig, parse_config
from lincae_studio.errors import CodecError

if TYPE_CHECKING:
    from lincae_studio.codecs.lincae.autoencoder import Autoencoder, Precision

HUB_REPOSITORY = "BernardoTorres/linear_consistency_autoencoders"


class PublicModel(Struct, frozen=True):
    """A model on the hub: its folder there, and the factor that gives its latents about unit variance."""

    folder: str
    scale_factor: float


PUBLIC_MODELS = {
    "m2l": PublicModel("1511f18a_weights", 15.0),
    "lin-cae": PublicModel("0a3afbec_weights", 33.0),
    "lin-cae-2": PublicModel("2f4c6d21_weights", 40.0),
}

#: Our own format.
CONFIG_NAME = "config.json"
WEIGHTS_NAME = "model.safetensors"
FORMAT_VERSION = 1

_PARTS = ("frontend", "generator", "diffusion")

AnyAutoencoder = TypeVar("AnyAutoencoder", bound="Autoencoder")


class _SavedConfig(Struct, frozen=True, forbid_unknown_fields=True):
    format: str
    version: int
    scale_factor: float
    model: ModelConfig


_FORMAT = "lincae-studio-autoencoder"


def official_names(ckpt_type: str) -> list[str]:
    """The four files of an official folder."""
    return [
        f"autoencoder_inference_model_{ckpt_type}.pth",
        *(f"{part}_kwargs_{ckpt_type}.yaml" for part in _PARTS),
    ]


def load_pretrained(
    kind: type[AnyAutoencoder],
    model_id_or_path: str | PathLike[str],
    *,
    scale_factor: float | None = None,
    max_chunk_size: int | None = None,
    overlap_percentage: float = 0.25,
    max_batch_size: int = 1,
    ckpt_type: str = "last",
    device: str | torch.device | None = None,
    precision: Precision = "auto",
    revision: str | None = None,
) -> AnyAutoencoder:
    """Load a public model by id, or a local folder in either format.

    Args:
        scale_factor: instead of the id's, or of the one in our format; an official folder has none and needs it.
        ckpt_type: which checkpoint of an official folder.
        device: `cuda`, `mps` or `cpu`; None leaves the model on the CPU.
        revision: of the hub repository.

    Raises:
        CodecError: for an unknown id, a missing file, weights that do not fit, or a hub that cannot be reached.
    """
    folder = Path(model_id_or_path)
    public = PUBLIC_MODELS.get(str(model_id_or_path))
    if public is not None:
        folder = download(str(model_id_or_path), ckpt_type, revision)
        scale_factor = public.scale_factor if scale_factor is None else scale_factor
    elif not folder.is_dir():
        ids = ", ".join(PUBLIC_MODELS)
        raise CodecError(
            f"there is no model {str(model_id_or_path)!r}", f"Choose one of {ids}, or a folder that exists"
        )
    config, state, own_scale = read_folder(folder, ckpt_type)
    scale = own_scale if scale_factor is None else scale_factor
    if scale is None:
        raise CodecError(f"{folder} names no scale factor", "Pass scale_factor; the public models have 15, 33 and 40")
    model = kind(
        config.frontend,
        config.generator,
        config.diffusion,
        scale_factor=scale,
        max_chunk_size=max_chunk_size,
        overlap_percentage=overlap_percentage,
        max_batch_size=max_batch_size,
        precision=precision,
        name=str(model_id_or_path),
    )
    load_weights(model, state, str(folder))
    return model if device is None else model.to(device)


def download(model_id: str, ckpt_type: str = "last", revision: str | None = None) -> Path:
    """The local folder of a public model, downloaded where it is not cached yet.

    Raises:
        CodecError: when the hub cannot be reached or does not have the files.
    """
    import huggingface_hub
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    folder = PUBLIC_MODELS[model_id].folder
    try:
        paths = [
            huggingface_hub.hf_hub_download(HUB_REPOSITORY, f"{folder}/{name}", revision=revision)
            for name in official_names(ckpt_type)
        ]
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise CodecError(
            f"{model_id} cannot be downloaded: {str(error).splitlines()[0]}",
            "Check the connection, or download its four files elsewhere and load their folder",
        ) from error
    return Path(paths[0]).parent


def read_folder(folder: Path, ckpt_type: str = "last") -> tuple[ModelConfig, dict[str, Tensor], float | None]:
    """Configuration, weights, and scale factor where the format has one.

    Raises:
        CodecError: naming what is missing or broken.
    """
    if (folder / CONFIG_NAME).exists():
        return _read_own(folder)
    names = official_names(ckpt_type)
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise CodecError(
            f"{folder} is not a model: {', '.join(missing)} missing",
            f"It must hold {', '.join(names)}, or {CONFIG_NAME} and {WEIGHTS_NAME}",
        )
    frontend, generator, diffusion = (_read_yaml(folder / name) for name in names[1:])
    config = parse_config(frontend, generator, diffusion, source=str(folder))
    return config, _read_state(folder / names[0]), None


def save_own(model: Autoencoder, folder: Path) -> None:
    """Write our format: safetensors and one JSON file."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    state = {key: value.detach().cpu().contiguous().clone() for key, value in model.state_dict().items()}
    save_file(state, folder / WEIGHTS_NAME)
    saved = _SavedConfig(_FORMAT, FORMAT_VERSION, model.scale_factor, model.config)
    (folder / CONFIG_NAME).write_bytes(msgspec.json.format(msgspec.json.encode(saved), indent=2) + b"\n")


def save_official(model: Autoencoder, folder: Path, ckpt_type: str = "last") -> None:
    """Write the four official files. The scale factor has no place in them: keep it elsewhere."""
    folder.mkdir(parents=True, exist_ok=True)
    names = official_names(ckpt_type)
    state = {key: value.detach().cpu() for key, value in model.state_dict().items()}
    torch.save(state, folder / names[0])
    for name, part in zip(names[1:], _PARTS, strict=True):
        options = msgspec.to_builtins(getattr(model.config, part))
        (folder / name).write_text(yaml.safe_dump(options, sort_keys=False), encoding="utf-8")


def load_weights(model: Autoencoder, state: Mapping[str, Tensor], source: str) -> None:
    """Copy weights into a model.

    Raises:
        CodecError: naming keys that are unknown or missing, and shapes that differ.
    """
    own = model.state_dict()
    problems = [f"{key} is unknown" for key in state if key not in own]
    problems += [f"{key} is missing" for key in own if key not in state]
    problems += [
        f"{key} is {tuple(value.shape)} instead of {tuple(own[key].shape)}"
        for key, value in state.items()
        if key in own and value.shape != own[key].shape
    ]
    if problems:
        more = f", and {len(problems) - 5} more" if len(problems) > 5 else ""
        raise CodecError(
            f"the weights in {source} do not fit its configuration: {'; '.join(problems[:5])}{more}",
            "Check that weights and configuration belong together",
        )
    model.load_state_dict(dict(state))


def _read_own(folder: Path) -> tuple[ModelConfig, dict[str, Tensor], float | None]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        saved = msgspec.json.decode((folder / CONFIG_NAME).read_bytes(), type=_SavedConfig)
        if saved.format != _FORMAT or saved.version != FORMAT_VERSION:
            raise CodecError(f"{folder / CONFIG_NAME} has another format or version", "Update LinCAE Studio")
        state = load_file(folder / WEIGHTS_NAME)
    except (msgspec.DecodeError, SafetensorError, OSError, ValueError) as error:
        raise CodecError(f"{folder} cannot be read: {error}", "Export or download the model again") from error
    return parse_config(saved.model.frontend, saved.model.generator, saved.model.diffusion), state, saved.scale_factor


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        options = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, OSError, UnicodeDecodeError) as error:
        raise CodecError(f"{path} cannot be read: {' '.join(str(error).split())}", "Download it again") from error
    if not isinstance(options, dict):
        raise CodecError(f"{path} is not a table of options", "Download it again")
    return options


def _read_state(path: Path) -> dict[str, Tensor]:
    """A state dict, unpickled by torch's restricted reader: tensors only, nothing is executed."""
    try:
        with warnings.catch_warnings(action="ignore"):  # about pickles it refuses anyway
            state = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise CodecError(
            f"{path} is damaged, or holds more than weights and is refused ({type(error).__name__})",
            "Download it again from its source",
        ) from error
    if not isinstance(state, dict) or not all(
        isinstance(key, str) and isinstance(value, Tensor) for key, value in state.items()
    ):
        raise CodecError(f"{path} is not a state dict", "Download it again from its source")
    return state
