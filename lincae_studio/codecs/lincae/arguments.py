"""Validation of arguments of the autoencoder; errors say what is allowed."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from lincae_studio.errors import CodecError


def checked_integer(name: str, value: object, low: int, high: int | None = None) -> int:
    """The value as an int. Raises `CodecError` when it is not an integer or out of range."""
    integer = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not integer or value < low or (high is not None and value > high):  # type: ignore[operator]
        allowed = f"at least {low}" if high is None else f"from {low} to {high}"
        raise CodecError(f"{name} is {value}", f"It must be an integer, {allowed}")
    return int(value)  # type: ignore[call-overload]


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
    if not is_finite(tensor):
        raise CodecError(f"{what} contains NaN or infinite values", "Replace them first")
    return tensor


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


def checked_device(device: str | torch.device) -> torch.device:
    """The device, if it is available and works. Raises `CodecError` otherwise."""
    try:
        place = torch.device(device)
        torch.empty(1, device=place)
    except (RuntimeError, AssertionError, TypeError, ImportError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
        raise CodecError(f"the device “{device}” is not available: {reason}", "Choose cpu, cuda or mps") from error
    if place.type == "meta":
        raise CodecError("the device “meta” stores no values", "Choose cpu, cuda or mps")
    return place
