"""Joining decoded chunks: overlap-add with linear crossfades."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor


def overlap_add(
    windows: Iterable[tuple[range, Tensor]],
    shape: tuple[int, int],
    out_length: int,
    out_step: int,
    device: torch.device,
) -> Tensor:
    """Join the windows of several items, batch by batch: only the output and one batch are in memory.

    Args:
        windows: ranges of rows with their audio `(rows, N)`, item by item, and chunk by chunk within an item.
        shape: number of items, and of chunks in each.
        out_length: samples of a window that are used.
        out_step: samples from one window to the next.

    Returns:
        `(items, N)`.
    """
    batch, chunks = shape
    overlap = out_length - out_step
    fade_in = torch.linspace(0.0, 1.0, overlap, device=device)
    out = torch.zeros(batch, out_step * (chunks - 1) + out_length, device=device)
    for rows, audio in windows:
        for row, window in zip(rows, audio, strict=True):
            item, chunk = divmod(row, chunks)
            faded = window[:out_length].clone()
            if overlap and chunk > 0:
                faded[:overlap] *= fade_in
            if overlap and chunk < chunks - 1:
                faded[-overlap:] *= 1.0 - fade_in
            out[item, chunk * out_step : chunk * out_step + out_length] += faded
    return out
