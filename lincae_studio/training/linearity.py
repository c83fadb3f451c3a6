"""The linearity augmentation, which makes an autoencoder linear, independent of its architecture and loss.

The method of "Learning Linearity in Audio Consistency Autoencoders via Implicit Regularization" (arXiv 2510.23530),
section 3, in the training step of any autoencoder:

    combination = draw_combination(audio, gains)    # mixtures of the batch, and a gain for each of them
    target = combination(audio)                     # applied to the audio ...
    latents = combination(encode(audio))            # ... and in the same way to the latents
    loss = distance(decode(latents), target)

The decoder can reconstruct a mixture from the sum of latents, and a scaled signal from scaled latents, only if encoder
and decoder are additive and homogeneous. There is no additional loss term. For plain augmentation, the baseline, the
third line is `latents = encode(target)`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Gains:
    """How gains are drawn: uniform in [low, high] with `probability`, else 1; those under `zero_below` are 0."""

    probability: float = 0.8
    low: float = 0.0
    high: float = 3.0
    zero_below: float = 0.05

    def narrowed(self, progress: float, hold: float, rest: float) -> Gains:
        """The range at a share `progress` of the training: constant for `hold`, then narrowed along half a cosine to 1,
        where it stays for the last `rest`."""
        position = min(max((progress - hold) / (1.0 - rest - hold), 0.0), 1.0)
        width = 0.5 * (1.0 + math.cos(math.pi * position))
        return Gains(self.probability, 1.0 - (1.0 - self.low) * width, 1.0 + (self.high - 1.0) * width, self.zero_below)


@dataclass(frozen=True)
class Combination:
    """Linear combinations of the items of a batch: each item itself, then its mixture with the item before it.

    Attributes:
        weights: `(B,)`: a mixture is `w * x + (1 - w) * previous`.
        gains: `(2B,)`, of the items, then of the mixtures.
    """

    weights: Tensor
    gains: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        """`(B, ...)` audio or latents to `(2B, ...)`."""
        one_per_item = (-1, *[1] * (x.ndim - 1))
        return torch.cat([x, _mixtures(x, self.weights)]) * self.gains.reshape(one_per_item).to(x.dtype)


def draw_combination(audio: Tensor, gains: Gains, generator: torch.Generator | None = None) -> Combination:
    """Weights uniform in [0.5, 1], and gains that raise no peak of `audio` `(B, N)`, or of its mixtures, above 1.

    With a probability of 0 all gains are 1, regardless of the peaks.
    """
    batch = len(audio)

    def uniform(count: int) -> Tensor:
        return torch.rand(count, device=audio.device, generator=generator)

    weights = 0.5 + 0.5 * uniform(batch)
    drawn = gains.low + (gains.high - gains.low) * uniform(2 * batch)
    drawn = torch.where(drawn < gains.zero_below, 0.0, drawn)
    drawn = torch.where(uniform(2 * batch) < gains.probability, drawn, 1.0)
    if gains.probability == 0.0:
        return Combination(weights, torch.ones_like(drawn))
    peaks = torch.cat([audio, _mixtures(audio, weights)]).abs().amax(dim=1)
    return Combination(weights, torch.minimum(drawn, 1.0 / (peaks + 1e-7)))


def premixed(audio: Tensor, probability: float, generator: torch.Generator | None = None) -> Tensor:
    """`audio` `(B, N)` with some items replaced by half the sum of themselves and an item drawn from the batch.

    The authors' augmentation of their baseline `m2l`; an item may be drawn for itself, and then stays as it is.
    """
    partners = torch.randperm(len(audio), device=audio.device, generator=generator)
    mixed = torch.rand(len(audio), device=audio.device, generator=generator) < probability
    return torch.where(mixed[:, None], 0.5 * (audio + audio[partners]), audio)


def _mixtures(x: Tensor, weights: Tensor) -> Tensor:
    w = weights.reshape(-1, *[1] * (x.ndim - 1)).to(x.dtype)
    return w * x + (1.0 - w) * x.roll(1, dims=0)
