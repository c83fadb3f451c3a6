"""Arguments of the autoencoder, checked: a wrong one is an error that says what is allowed."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from lincae_studio.errors import CodecError


def checked_integer(name: str, value: object, low: int, high: int | None = None) -> int:
    """The value as an int. Raises `CodecError` when it is none, or out of its range."""
    integer = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not integer or value < low or (high is not None and value > high):  # type: ignore[operator]
        allowed = f"at least {low}" if high is None else f"from {low} to {high}"
        raise CodecError(f"{name} is {value!r}", f"It must be an integer, {allowed}")
    return int(value)  # type: ignore[call-overload]


def checked_floats(values: Tensor | npt.NDArray[Any], what: str) -> Tensor:
    """The values as a float32 tensor where they are.

    Raises:
        CodecError: for integers, complex numbers, what is no tensor, and values that are not finite.
    """
    if isinstance(values, np.ndarray):
        values = np.require(values, requirements=["C", "W"])  # torch knows no reversed or read-only arrays
    try:
        tensor = torch.as_tensor(values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise CodecError(f"{what} cannot be made a tensor: {error}", "Pass a float32 tensor or numpy array") from error
    if not tensor.is_floating_point():
        remedy = "Convert it to float32; integer samples are divided by their full scale, 32768 for 16 bits"
        raise CodecError(f"{what} has the type {str(tensor.dtype).removeprefix('torch.')}", remedy)
    tensor = tensor.to(torch.float32)
    if not is_finite(tensor):
        raise CodecError(f"{what} contains NaN or infinite values", "Replace them first")
    return tensor


def is_finite(values: Tensor) -> bool:
    """Whether all values are finite, without another tensor of that size."""
    return values.numel() == 0 or bool(torch.isfinite(torch.stack([values.amin(), values.amax()])).all())


def checked_noise(noise: Tensor | npt.NDArray[Any], shape: tuple[int, ...], steps: int) -> Tensor:
    """Noise of `shape`, or `(at least steps, *shape)`. Raises `CodecError` for anything else."""
    tensor = checked_floats(noise, "noise")
    if tensor.shape[-4:] != shape or tensor.ndim not in (4, 5) or (tensor.ndim == 5 and len(tensor) < steps):
        allowed = f"It must be {shape}, or that for each of {steps} steps: {(steps, *shape)}"
        raise CodecError(f"noise has shape {tuple(tensor.shape)}", allowed)
    return tensor


def checked_device(device: str | torch.device) -> torch.device:
    """A device that is there and computes. Raises `CodecError` for any other."""
    try:
        place = torch.device(device)
        torch.empty(1, device=place)
    except (RuntimeError, AssertionError, TypeError, ImportError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
        raise CodecError(f"there is no device {str(device)!r}: {reason}", "Choose cpu, or cuda or mps") from error
    if place.type == "meta":
        raise CodecError("the device 'meta' holds no values", "Choose cpu, or cuda or mps")
    return place
