"""What the devices that torch computes on can do."""

from __future__ import annotations

import torch


def is_out_of_memory(error: RuntimeError) -> bool:
    """CUDA has an error class for it, MPS words only."""
    return isinstance(error, torch.OutOfMemoryError) or "out of memory" in str(error).lower()


def empty_cache(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


def default_device() -> torch.device:
    """CUDA where there is one, then Apple's GPU, then the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def native_bf16(device: torch.device) -> bool:
    """Whether a device multiplies bfloat16 in hardware."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        return _cpu_has("_is_avx512_bf16_supported") or _cpu_has("_is_amx_tile_supported")
    return False


def _cpu_has(question: str) -> bool:
    """What torch answers to one of its private questions; no, where it no longer knows it."""
    return bool(getattr(torch.cpu, question, bool)())
