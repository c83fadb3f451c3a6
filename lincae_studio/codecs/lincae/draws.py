"""Where the noise of a decoder comes from: the seeded field, torch's own generator, or the caller.

A draw returns unit-variance noise `(rows, channels, bins, frames)` for a range of windows, one for each step of
sampling.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from lincae_studio.codecs.lincae.noise import noise_field

#: See the module.
Draw = Callable[[range], list[Tensor]]

#: Channels, bins, frames of one window's noise.
Shape = tuple[int, int, int]


def given_noise(noise: Tensor, device: torch.device, steps: int) -> Draw:
    """Noise of the caller: `(windows, *shape)` for all steps, or `(at least steps, windows, *shape)`."""
    by_step = list(noise[:steps]) if noise.ndim == 5 else [noise] * steps
    return lambda rows: [one[rows.start : rows.stop].to(device) for one in by_step]


def torch_noise(shape: Shape, device: torch.device, steps: int) -> Draw:
    """Noise of torch's generator, drawn as the reference package does, which draws once more after the last step."""

    def draw(rows: range) -> list[Tensor]:
        return [torch.randn(len(rows), *shape, device=device) for _ in range(steps + 1)][:steps]

    return _outside_graphs(draw)


def field_noise(
    shape: Shape, device: torch.device, seeds: Sequence[int], first_frames: Sequence[int], steps: int = 1
) -> Draw:
    """The seeded noise field, from which each window takes its own STFT frames."""
    channels, bins, frames = shape

    def one(rows: range, step: int) -> Tensor:
        fields = [noise_field(seeds[row], first_frames[row], frames, channels * bins, step) for row in rows]
        drawn = torch.from_numpy(np.stack(fields)).to(device)
        return drawn.reshape(len(rows), frames, channels, bins).permute(0, 2, 3, 1)

    return _outside_graphs(lambda rows: [one(rows, step) for step in range(steps)])


def _outside_graphs(draw: Draw) -> Draw:
    """The draw, not compiled by `torch.compile`, which would draw other numbers."""
    if not torch.compiler.is_compiling():  # else this loads the compiler, which takes seconds
        return draw
    outside: Draw = torch.compiler.disable(draw)  # type: ignore[no-untyped-call]
    return outside
