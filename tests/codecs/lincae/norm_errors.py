"""Prints the relative errors of the norms that Triton computes: `{name: error}`. Run with TRITON_INTERPRET=1.

A process of its own, since Triton decides when it is imported whether it interprets.
"""

from __future__ import annotations

import json

import torch
from torch.nn import functional

from lincae_studio.codecs.lincae import kernels

CASES = (
    ("float32", (2, 64, 33, 21), 16, torch.float32),
    ("odd width", (1, 12, 40, 7), 3, torch.float32),
    ("bfloat16", (2, 128, 16, 25), 32, torch.bfloat16),
)


def main() -> None:
    found = {}
    for name, shape, groups, dtype in CASES:
        x = (torch.randn(shape, generator=torch.Generator().manual_seed(0)) + 0.5).to(dtype)
        x = x.to(memory_format=torch.channels_last)
        weight, bias = torch.randn(shape[1]), torch.randn(shape[1])
        normalized = functional.group_norm(x.double(), groups, weight.double(), bias.double(), 1e-5)
        for silu in (False, True):
            expected = functional.silu(normalized) if silu else normalized
            y = kernels.group_norm(x, groups, weight, bias, 1e-5, silu)
            assert y.dtype is dtype
            assert y.is_contiguous(memory_format=torch.channels_last)
            found[f"{name}, SiLU: {silu}"] = float((y.double() - expected).norm() / expected.norm())
    print(json.dumps(found))


if __name__ == "__main__":
    main()
