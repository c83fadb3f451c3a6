"""Group norms of channels-last images in bfloat16, with or without SiLU, by compiled code. On the CPU only.

The image is read twice and written once, where torch reads and writes it once more for the SiLU. Sums of blocks of
pixels are in float32, and are added up by the caller in float64: results do not depend on the number of threads.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from lincae_studio.codecs import compiled

#: Pixels that are added up in float32.
_BLOCK = 256

#: Smaller images are left to torch: what follows the sums takes longer than what is saved.
_FEWEST_VALUES = 1 << 20

#: From sums `(B, 2, blocks, C)` and the mean number of pixels in a block, each channel's factor and offset `(B, C)`.
Factors = Callable[[Tensor, float], tuple[Tensor, Tensor]]


def computes(x: Tensor) -> bool:
    """Whether compiled code computes the norm of an image `(B, C, F, S)`."""
    if x.device.type != "cpu" or x.dtype is not torch.bfloat16 or x.numel() < _FEWEST_VALUES:
        return False
    found = _library()
    return found is not None and found.has(x.shape[1]) and x.is_contiguous(memory_format=torch.channels_last)


def group_norm(x: Tensor, factors: Factors, silu: bool) -> Tensor:
    """The norm of an image for which `computes` is true, in the same layout; then its SiLU, if `silu`."""
    library, threads = _library(), torch.get_num_threads()
    assert library is not None
    batch, channels, bins, frames = x.shape
    pixels = bins * frames
    images = x.permute(0, 2, 3, 1).contiguous()
    sums = torch.empty(batch, 2, -(-pixels // _BLOCK), channels)
    for image, found in zip(images, sums, strict=True):
        library.narrow_sums(image.data_ptr(), found.data_ptr(), pixels, _BLOCK, channels, threads)
    scale, shift = (part.contiguous() for part in factors(sums, pixels / sums.shape[2]))
    # The compiled code believes what it is given.
    assert scale.dtype is shift.dtype is torch.float32
    assert scale.shape == shift.shape == (batch, channels)
    out = torch.empty_like(images)
    for item in range(batch):
        image, factor, offset, into = (part[item].data_ptr() for part in (images, scale, shift, out))
        library.narrow_applied(image, factor, offset, into, pixels, channels, silu, threads)
    return out.permute(0, 3, 1, 2)


def _library() -> compiled.Library | None:
    return compiled.library(torch.backends.cpu.get_cpu_capability())
