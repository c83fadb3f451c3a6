"""Masks: by what regions multiply the latents of a chunk, as a few numbers per frame. Any thread.

A mask stands for a matrix `(D, T)` of factors. It is kept apart into frames and channels, and in most chunks it is one
number, since a plan may have many for each term of thousands of chunks, and their numbers are part of the keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from msgspec import Struct

from lincae_studio.codecs.base import Array, CodecInfo
from lincae_studio.engine.planning.factors import Positions
from lincae_studio.session.model import Region


class Mask(Struct, frozen=True, array_like=True, gc=False):
    """The factors of one region: `1 + amounts[t] * w[d]`.

    Attributes:
        amounts: by how much the factor differs from 1 where `w` is 1: one number, or one for each frame.
        low, high: the first and the last channel of the region.
        fade: channels over which `w` rises from 0 outside to 1 inside.
        keep: whether `w` is 1 outside and 0 inside instead.
    """

    amounts: float | tuple[float, ...]
    low: int
    high: int
    fade: int = 0
    keep: bool = False


def applicable(regions: Sequence[Region], codec: CodecInfo) -> tuple[Region, ...]:
    """The regions that are on and belong to the latents of a codec."""
    return tuple(region for region in regions if region.on and region.space == codec.latent_space)


def masks_of(regions: Iterable[Region], centres: Positions) -> tuple[Mask, ...]:
    """The masks of regions, without those that change nothing here, in an order that does not depend on theirs.

    `centres`: the centres of a chunk's frames `(T,)`, in samples of the regions.
    """
    found = []
    for region in regions:
        if region.start > centres[-1] or region.end <= centres[0] or region.gain == 1.0:
            continue
        amounts: float | tuple[float, ...] = region.gain - 1.0
        if not (region.start + region.fade <= centres[0] and centres[-1] < region.end - region.fade):
            weights = ((centres >= region.start) & (centres < region.end)).astype(np.float64)
            if region.fade:
                weights *= np.clip(np.minimum(centres - region.start, region.end - centres) / region.fade, 0.0, 1.0)
            if not weights.any():
                continue
            amounts = tuple(((region.gain - 1.0) * weights).tolist())
        found.append(Mask(amounts, region.low, region.high, region.fade_channels, region.keep))
    return tuple(sorted(found, key=repr))


def factors_of(masks: Sequence[Mask], channels: int) -> Array:
    """The product of masks: `(channels, T)`, or `(channels, 1)` where it is the same in all frames."""
    total = np.ones((channels, 1))
    for mask in masks:
        total = total * (1.0 + channel_weights(mask, channels)[:, None] * np.array(mask.amounts))
    return total.astype(np.float32)


def channel_weights(mask: Mask, channels: int) -> Positions:
    """`w` of each channel, `(channels,)`: a fade of n channels has n steps between 0 and 1."""
    channel = np.arange(channels)
    inside = np.minimum(channel - mask.low, mask.high - channel) + 1.0
    weights = np.clip(inside / (mask.fade + 1.0), 0.0, 1.0)
    return 1.0 - weights if mask.keep else weights
