"""Building a network of diffusers and filling it with the weights of a folder. Loads torch and diffusers."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.nn.utils import parametrize, remove_weight_norm

from lincae_studio import bounded
from lincae_studio.codecs.diffusers.config import Config
from lincae_studio.codecs.diffusers.folder import DiffusersFolder
from lincae_studio.errors import CodecError, os_error_reason

_REMEDY = "Copy or download it again"

#: Largest header of a file of safetensors: names and shapes of all its tensors.
_MAX_HEADER_BYTES = 16 << 20

#: Data types allowed for weights, as safetensors names them.
_FLOATS = {"F16": torch.float16, "BF16": torch.bfloat16, "F32": torch.float32, "F64": torch.float64}


def build(config: Config) -> nn.Module:
    """The network with random weights, on the current default device.

    Raises:
        CodecError: when the installed diffusers does not have its class.
    """
    try:
        with _quietly():
            module = importlib.import_module(f"diffusers.models.autoencoders.{config.module}")
            network = getattr(module, config.class_name)
    except (ImportError, AttributeError) as error:
        remedy = "Install a newer one: pip install --upgrade 'lincae-studio[diffusers]'"
        raise CodecError(f"the installed diffusers has no {config.class_name}: {error}", remedy) from error
    # As in a `config.json`: its names, and lists, which diffusers joins with others.
    options = msgspec.json.decode(msgspec.json.encode(config))
    with _quietly():
        built: nn.Module = network(**options)
    return built


def load(folder: DiffusersFolder) -> nn.Module:
    """The network of a folder in 32 bits on the CPU, ready for inference.

    Memory is allocated only if the weights fit the configuration, which may specify any size.

    Raises:
        CodecError: when the weights are damaged or do not fit, or the installed diffusers does not have the class.
    """
    check(folder)
    network = build(folder.config)
    for path in folder.weights_files:
        with _open(path) as file:
            tensors: dict[str, Tensor] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        with _quietly():
            network.load_state_dict(tensors, strict=False)  # together they are complete, as `check` has found
    _fold_weight_norm(network)
    return network.requires_grad_(False).eval()


def check(folder: DiffusersFolder) -> None:
    """Check that the weights fit the configuration, without reading them. Raises `CodecError`."""
    with torch.device("meta"):
        network = build(folder.config)
    tensors: dict[str, Tensor] = {}
    for path in folder.weights_files:
        tensors |= _described(path)
    try:
        network.load_state_dict(tensors, strict=True, assign=True)
    except RuntimeError as error:
        reason = " ".join(str(error).partition(":\n")[2].split())[:300].rstrip(".")
        files = ", ".join(str(path) for path in folder.weights_files)
        raise CodecError(f"{files} does not fit {folder.path / 'config.json'}: {reason}", _REMEDY) from error


def cast(network: nn.Module, dtype: torch.dtype) -> nn.Module:
    """The network with another data type, changed in place."""
    return nn.Module.to(network, dtype=dtype)  # that of diffusers logs a warning about layers that it does not have


def mode(encoded: Any) -> Tensor:
    """The latents in what a network's `encode` returns: of a distribution the mode."""
    latents: Tensor = encoded.latent_dist.mode() if hasattr(encoded, "latent_dist") else encoded.latents
    return latents


def _described(path: Path) -> dict[str, Tensor]:
    """The tensors of a file by name, with their shapes and without values."""
    with _open(path) as file:
        found = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
        for name, tensor in found.items():
            if tensor.get_dtype() not in _FLOATS:
                raise CodecError(f"{path}: {name} has the type {tensor.get_dtype()}, not floating point", _REMEDY)
        return {
            name: torch.empty(tensor.get_shape(), dtype=_FLOATS[tensor.get_dtype()], device="meta")
            for name, tensor in found.items()
        }


@contextmanager
def _open(path: Path) -> Iterator[Any]:
    """A file of safetensors. Raises `CodecError` when it is damaged or cannot be read."""
    try:
        with bounded.open_regular(path) as file:
            header_bytes = int.from_bytes(file.read(8), "little")
        if header_bytes > _MAX_HEADER_BYTES:
            raise CodecError(f"{path} is damaged: its header is too large", _REMEDY)
        with safe_open(path, "pt") as opened:
            yield opened
    except OSError as error:
        reason, remedy = os_error_reason(error, path)
        raise CodecError(f"{path} cannot be read: {reason}", remedy) from error
    except (SafetensorError, ValueError) as error:
        raise CodecError(f"{path} is damaged: {error}", _REMEDY) from error


def _fold_weight_norm(network: nn.Module) -> None:
    """Replace magnitude and direction of weights by their product, which would be computed in every pass."""
    for module in network.modules():
        if hasattr(module, "weight_g"):
            with _quietly():
                remove_weight_norm(module)
        elif parametrize.is_parametrized(module, "weight"):
            parametrize.remove_parametrizations(module, "weight")


@contextmanager
def _quietly() -> Iterator[None]:
    """Without warnings of deprecated functions that diffusers calls."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
