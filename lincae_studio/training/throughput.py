"""Training speed of a recipe on this machine, without data loading: steps, windows and floating-point operations."""

from __future__ import annotations

import time

import torch
from msgspec.structs import replace
from torch.utils.flop_counter import FlopCounterMode

from lincae_studio import malloc
from lincae_studio.training.modules import training_of
from lincae_studio.training.recipe import Recipe, resolved_precision

#: Steps before the clock starts: compilation, choice of kernels, the optimiser's state.
_WARM_UP = 5


def measure_training(recipe: Recipe, seconds: float, peak_tflops: float | None = None) -> dict[str, object]:
    """Train on noise for `seconds`.

    Operations are counted for the convolutions and matrix products of a whole step.

    Args:
        peak_tflops: peak of the device at the precision used; adds the fraction of it that was reached.
    """
    malloc.keep_freed()  # as in training
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.backends.cudnn.benchmark = device.type == "cuda"  # as in training
    module = training_of(recipe).to(device)
    optimiser = module.configure_optimizers()
    audio = 0.1 * torch.randn(recipe.batch, recipe.window_samples, device=device)

    precision = resolved_precision(recipe)
    reduced = torch.float16 if precision == "fp16" else torch.bfloat16
    scaler = torch.amp.GradScaler(device.type, enabled=precision == "fp16")

    def step() -> None:
        with torch.autocast(device.type, reduced, enabled=precision != "fp32"):
            loss = module.training_step(audio, 0)
        scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        scaler.step(optimiser)
        scaler.update()
        optimiser.zero_grad()

    tflop = _count(recipe, device) / 1e12
    for _ in range(_WARM_UP):
        step()
    _wait(device)
    started, steps = time.perf_counter(), 0
    while True:
        step()
        steps += 1
        if steps % 5 == 0 or device.type == "cpu":
            _wait(device)
            if time.perf_counter() - started >= seconds:
                break
    speed = steps / (time.perf_counter() - started)
    figures: dict[str, object] = {
        "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
        "precision": precision,
        "compile": recipe.compile,
        "parameters": sum(value.numel() for value in module.net.parameters()),
        "steps_per_s": round(speed, 3),
        "windows_per_s": round(speed * recipe.batch, 2),
        "tflop_per_step": round(tflop, 4),
        "tflops": round(tflop * speed, 3),
    }
    if peak_tflops is not None:
        figures["fraction_of_peak"] = round(tflop * speed / peak_tflops, 4)
    if device.type == "cuda":
        figures["memory_gib"] = round(torch.cuda.max_memory_allocated() / 2**30, 2)
    return figures


def _count(recipe: Recipe, device: torch.device) -> int:
    """Operations of a step, extrapolated from two windows without compilation (compiled code cannot be counted)."""
    module = training_of(replace(recipe, compile=False, batch=2)).to(device)
    with FlopCounterMode(display=False) as counter:
        module.training_step(0.1 * torch.randn(2, recipe.window_samples, device=device), 0).backward()  # type: ignore[no-untyped-call]
    return int(counter.get_total_flops() * recipe.batch / 2)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()
