"""Validation of arguments of the autoencoder; errors say what is allowed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from lincae_studio.errors import CodecError

_MAX_SEED = 2**64 - 1


def checked_integer(name: str, value: object, low: int, high: int | None = None) -> int:
    """The value as an int. Raises `CodecError` when it is not an integer or out of range."""
    integer = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not integer or value < low or (high is not None and value > high):  # type: ignore[operator]
        allowed = f"at least {low}" if high is None else f"from {low} to {high}"
        raise CodecError(f"{name} is {value}", f"It must be an integer, {allowed}")
    return int(value)  # type: ignore[call-overload]


def checked_seeds(seed: int | Sequence[int] | npt.NDArray[Any] | Tensor, count: int) -> list[int]:
    """One seed for each of `count` items, from one for all or a list. Raises `CodecError` for anything else."""
    values = seed.tolist() if isinstance(seed, np.ndarray | Tensor) else seed
    if not isinstance(values, Sequence) or isinstance(values, str):
        values = [values] * count
    if len(values) != count:
        raise CodecError(f"{len(values)} seeds for {count} items", "Pass one seed for all, or one for each item")
    return [checked_integer("seed", value, 0, _MAX_SEED) for value in values]


def checked_floats(values: Tensor | npt.NDArray[Any], what: str) -> Tensor:
    """The values as a float32 tensor, on their device.

    Raises:
        CodecError: for integers, complex numbers, anything but tensors and arrays, and values that are not finite.
    """
    if isinstance(values, np.ndarray):
        values = np.require(values, requirements=["C", "W"])  # torch supports no reversed or read-only arrays
    try:
        tensor = torch.as_tensor(values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise CodecError(
            f"{what} cannot be converted to a tensor: {error}", "Pass a float32 tensor or array"
        ) from error
    if not tensor.is_floating_point():
        remedy = "Convert it to float32; divide integer samples by their full scale, 32768 for 16 bits"
        raise CodecError(f"{what} has the type {str(tensor.dtype).removeprefix('torch.')}", remedy)
    tensor = tensor.to(torch.float32)
    # A compiled graph cannot depend on values.
    if not torch.compiler.is_compiling() and not is_finite(tensor.detach()):
        raise CodecError(f"{what} contains NaN or infinite values", "Replace them first")
    return tensor


def checked_audio(x: Tensor | npt.NDArray[Any], shortest: int) -> Tensor:
    """Audio as float32 `(B, N)`. Raises `CodecError` for other ranks, and for fewer than `shortest` samples."""
    audio = checked_floats(x, "audio")
    if audio.ndim not in (1, 2):
        raise CodecError(f"audio has shape {tuple(audio.shape)}", "It must be (batch, samples) or (samples,)")
    if audio.shape[-1] < shortest:
        raise CodecError(f"audio of {audio.shape[-1]} samples is too short", f"It needs at least {shortest} samples")
    if len(audio) == 0:
        raise CodecError("audio is an empty batch", "Pass at least one item")
    return audio.unsqueeze(0) if audio.ndim == 1 else audio


def checked_latents(z: Tensor | npt.NDArray[Any], dim: int) -> Tensor:
    """Latents as float32 `(B, D, T)` or `(B, chunks, D, T)`. Raises `CodecError` for other shapes."""
    latents = checked_floats(z, "latents")
    if latents.ndim not in (3, 4) or latents.shape[-2] != dim or latents.numel() == 0:
        shape = f"(batch, {dim}, frames) or (batch, chunks, {dim}, frames), with no dimension of zero"
        raise CodecError(f"latents have shape {tuple(latents.shape)}", f"It must be {shape}")
    return latents


def is_finite(values: Tensor) -> bool:
    """Whether all values are finite, without allocating another tensor of the same size."""
    return values.numel() == 0 or bool(torch.isfinite(torch.stack([values.amin(), values.amax()])).all())


def checked_noise(noise: Tensor | npt.NDArray[Any], shape: tuple[int, ...], steps: int) -> Tensor:
    """Noise of `shape`, or `(at least steps, *shape)`. Raises `CodecError` for anything else."""
    tensor = checked_floats(noise, "noise")
    if tensor.shape[-4:] != shape or tensor.ndim not in (4, 5) or (tensor.ndim == 5 and len(tensor) < steps):
        allowed = f"It must be {shape}, or that for each of {steps} steps: {(steps, *shape)}"
        raise CodecError(f"noise has shape {tuple(tensor.shape)}", allowed)
    return tensor
