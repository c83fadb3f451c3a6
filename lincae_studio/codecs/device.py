"""The devices that torch computes on: choosing one, what a precision comes to on it, its capabilities. Loads torch.

For all families that use torch, so that one device and precision mean the same for each.
"""

from __future__ import annotations

import importlib.util
import os

import torch
from msgspec.structs import replace

from lincae_studio import paths
from lincae_studio.codecs import tile_choice, tiles
from lincae_studio.codecs.computation import DEVICE_VARIABLE, Arithmetic, Computation
from lincae_studio.errors import CodecError, UsageError
from lincae_studio.preferences import Precision

#: The result of `tile_choice.narrowest` on this machine.
_TILES_NAME = "tiles.json"

#: Values of oneDNN's variable with which it multiplies bfloat16 in hardware.
BF16_ISA = {"", "DEFAULT", "ALL", "AVX512_CORE_BF16", "AVX512_CORE_FP16", "AVX512_CORE_AMX", "AVX512_CORE_AMX_FP16"}

#: The first CUDA GPUs with TF32: compute capability 8.0.
_TF32_SINCE = (8, 0)


def resolve(computation: Computation) -> Computation:
    """The device and precision with the arithmetic that they come to.

    Raises:
        CodecError: when the precision needs another device.
        UsageError: when the device does not exist or is not available.
    """
    device = chosen_device(computation.device)
    if computation.precision == "fp16" and device.type != "cuda":
        remedy = "Choose auto, fp32 or bf16, in Edit > Preferences > Engine or in the environment"
        raise CodecError("16-bit float (fp16) needs an NVIDIA GPU (cuda)", remedy)
    automatic = computation.precision == "auto"
    return replace(
        computation,
        resolved=decoder_arithmetic(device, computation.precision),
        kind=device.type,
        tiles=tile_choice.narrowest(paths.cache_dir() / _TILES_NAME) if automatic and device.type == "cpu" else 0,
        kernels=automatic and has_kernels(device),
    )


def has_kernels(device: torch.device) -> bool:
    """Whether there are kernels of our own: on the CPU the optional package, on CUDA Triton, which most builds have."""
    if device.type == "cpu":
        return tiles.has_library()
    return device.type == "cuda" and importlib.util.find_spec("triton") is not None


def chosen_device(name: str) -> torch.device:
    """The device with a name, or for `auto` the best one. Raises `UsageError` if it is not available."""
    if name == "auto":
        return default_device()
    try:
        return checked_device(name)
    except CodecError as error:
        remedy = (
            f"Choose another device in Edit > Preferences > Engine, or with {DEVICE_VARIABLE} (auto, cpu, cuda, mps)"
        )
        raise UsageError(error.problem, remedy) from error


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


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether an error means out of memory: CUDA has an error class for it, MPS only a message."""
    return isinstance(error, torch.OutOfMemoryError) or "out of memory" in str(error).lower()


def empty_cache(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


def default_device() -> torch.device:
    """CUDA if available, else Apple's GPU, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def native_bf16(device: torch.device) -> bool:
    """Whether a device multiplies bfloat16 in hardware."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        has_it = _cpu_has("_is_avx512_bf16_supported") or _cpu_has("_is_amx_tile_supported")
        return has_it and not _is_limited()
    return False


def decoder_arithmetic(device: torch.device, precision: Precision) -> Arithmetic:
    """The arithmetic that a precision means for decoders on a device."""
    if precision == "auto":
        precision = "bf16" if native_bf16(device) else "fp32"
    return "tf32" if precision == "fp32" and rounds_to_tf32(device) else precision


def rounds_to_tf32(device: torch.device) -> bool:
    """Whether convolutions in 32 bits round their factors to TF32."""
    if device.type != "cuda" or not torch.backends.cudnn.allow_tf32:
        return False
    return torch.cuda.get_device_capability(device) >= _TF32_SINCE


def _is_limited() -> bool:
    """Whether the environment keeps torch or oneDNN, its convolutions, from the processor's bfloat16."""
    limits = {os.environ.get(f"{library}_MAX_CPU_ISA", "").upper() for library in ("ONEDNN", "DNNL")}
    return torch.backends.cpu.get_cpu_capability() != "AVX512" or not limits <= BF16_ISA


def _cpu_has(check: str) -> bool:
    """The result of one of torch's private checks; False if torch no longer has it."""
    return bool(getattr(torch.cpu, check, bool)())
