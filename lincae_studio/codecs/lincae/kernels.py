"""Group norm, with or without SiLU, on channels-last images, as two kernels in Triton. Loads triton, so CUDA only.

The image is read twice and written once. Sums are of blocks in float32, which are added in float64 in a fixed order, so
results do not vary from run to run. Not run on a GPU yet: tests run the kernels in Triton's interpreter, on the CPU.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

#: Values of an image that a program reads at once, and how often it does so when it adds them up.
_VALUES = 4096
_STEPS = 8


def group_norm(x: Tensor, groups: int, weight: Tensor, bias: Tensor, eps: float, silu: bool) -> Tensor:
    """The norm of `(B, C, F, S)` in channels-last layout, which the result has, too; then its SiLU, if `silu`.

    Args:
        weight, bias: `(C,)`.
    """
    batch, channels, bins, frames = x.shape
    rows, padded = bins * frames, triton.next_power_of_2(channels)
    at_once = max(1, _VALUES // padded)
    blocks = triton.cdiv(rows, at_once * _STEPS)
    partial = torch.empty(batch, blocks, 2, channels, device=x.device)
    shape = {"channels": channels, "padded": padded, "at_once": at_once}
    _block_sums[(blocks, batch)](x, partial, rows, **shape, steps=_STEPS)
    sums = partial.double().sum(1).view(batch, 2, groups, -1)
    mean, square = (sums.sum(-1) / (rows * sums.shape[-1])).unbind(1)
    deviation = ((square - mean.square()).clamp_min(0.0) + eps).rsqrt()
    size = channels // groups
    scale = deviation.repeat_interleave(size, 1) * weight
    shift = bias - mean.repeat_interleave(size, 1) * scale
    out = torch.empty_like(x, memory_format=torch.channels_last)
    _applied[(triton.cdiv(rows, at_once), batch)](x, scale.float(), shift.float(), out, rows, **shape, silu=silu)
    return out


@triton.jit
def _block_sums(
    x, partial, rows, channels: tl.constexpr, padded: tl.constexpr, at_once: tl.constexpr, steps: tl.constexpr
):
    """Per block of `at_once * steps` pixels, the sums of each channel's values and of their squares."""
    block, item = tl.program_id(0), tl.program_id(1).to(tl.int64)
    channel = tl.arange(0, padded)
    total = tl.zeros((padded,), tl.float32)
    squares = tl.zeros((padded,), tl.float32)
    for step in range(steps):
        row = (block * steps + step) * at_once + tl.arange(0, at_once)
        inside = (row[:, None] < rows) & (channel[None, :] < channels)
        places = (item * rows + row[:, None]) * channels + channel[None, :]
        values = tl.load(x + places, mask=inside, other=0.0).to(tl.float32)
        total += tl.sum(values, axis=0)
        squares += tl.sum(values * values, axis=0)
    target = partial + (item * tl.num_programs(0) + block) * 2 * channels + channel
    tl.store(target, total, mask=channel < channels)
    tl.store(target + channels, squares, mask=channel < channels)


@triton.jit
def _applied(
    x,
    scale,
    shift,
    out,
    rows,
    channels: tl.constexpr,
    padded: tl.constexpr,
    at_once: tl.constexpr,
    silu: tl.constexpr,
):
    """Each channel times its factor plus its offset, then the SiLU of that."""
    block, item = tl.program_id(0), tl.program_id(1).to(tl.int64)
    channel = tl.arange(0, padded)
    known = channel < channels
    row = block * at_once + tl.arange(0, at_once)
    inside = (row[:, None] < rows) & known[None, :]
    places = (item * rows + row[:, None]) * channels + channel[None, :]
    factor = tl.load(scale + item * channels + channel, mask=known, other=0.0)
    offset = tl.load(shift + item * channels + channel, mask=known, other=0.0)
    values = tl.load(x + places, mask=inside, other=0.0).to(tl.float32) * factor[None, :] + offset[None, :]
    if silu:
        values = values * tl.sigmoid(values)
    tl.store(out + places, values.to(out.dtype.element_ty), mask=inside)
