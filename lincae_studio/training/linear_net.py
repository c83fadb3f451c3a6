"""Encoder and decoder of a linear codec in torch: the same arithmetic as `codecs.linear`, with gradients."""

from __future__ import annotations

import itertools

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from lincae_studio.codecs.base import Array
from lincae_studio.codecs.linear.config import LinearConfig, shapes
from lincae_studio.codecs.linear.decoder import (
    MAGNITUDE_FLOOR,
    NORM_FLOOR,
    PAIR_FLOOR,
    POWER_FLOOR,
    level_window,
)
from lincae_studio.codecs.linear.transform import basis

#: How the gain of sketched bins rises before training, from g0 at the lowest: see `codecs.mdct`.
_LOWEST_GAIN, _RISE_HZ = 0.3, 3000.0


class LinearNet(nn.Module):
    """The weights of a codec, under the names of `codecs.linear.config.shapes`."""

    basis: Tensor
    window: Tensor
    scale: Tensor

    def __init__(self, config: LinearConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("basis", torch.from_numpy(basis(config.hop)), persistent=False)
        sketch, spread = _fixed_sketch(config)
        self.sketch = nn.Parameter(torch.from_numpy(sketch))
        self.spread = nn.Parameter(torch.from_numpy(spread))
        if not config.blocks:
            return
        window = torch.from_numpy(level_window(config).astype(np.float32))
        self.register_buffer("window", window[None, None], persistent=False)
        self.register_buffer("scale", torch.ones(config.dim))
        self.features = nn.Linear(2 * config.dim + 1, config.width)
        self.pairs = nn.Linear(3 * config.dim, config.pairs, bias=False)
        self.paired = nn.Linear(config.pairs, config.width)
        self.blocks = nn.ModuleList(_Block(config) for _ in range(config.blocks))
        self.norm = nn.LayerNorm(config.width, NORM_FLOOR)
        self.masks = nn.Linear(config.width, (1 + config.excitations) * config.filled)
        nn.init.zeros_(self.masks.weight)  # the linear estimate alone, to begin with
        nn.init.zeros_(self.masks.bias)
        self.excitations = nn.Linear(3 * config.dim, config.excitations * config.filled, bias=False)

    def weights(self) -> dict[str, Array]:
        """For `codecs.linear.folder.save_folder`."""
        state = self.state_dict()
        return {name: state[name].cpu().numpy() for name in shapes(self.config)}

    def encode(self, audio: Tensor) -> Tensor:
        """`(B, (T + 1) M)` samples to `(B, T, K)` latents."""
        bins = audio.unfold(1, 2 * self.config.hop, self.config.hop) @ self.basis
        return torch.cat([bins[..., : self.config.exact], bins[..., self.config.exact :] @ self.sketch.T], 2)

    def decode(self, latents: Tensor) -> Tensor:
        """`(B, T, K)` latents to `(B, (T + 1) M)` samples."""
        frames = self.bins(latents) @ self.basis.T
        first, second = frames[..., : self.config.hop], frames[..., self.config.hop :]
        return functional.pad(first.flatten(1), (0, self.config.hop)) + functional.pad(
            second.flatten(1), (self.config.hop, 0)
        )

    def bins(self, latents: Tensor) -> Tensor:
        """`(B, T, K)` latents to `(B, T, M)` bins."""
        config = self.config
        exact, sketched = latents[..., : config.exact], latents[..., config.exact :]
        filled = sketched @ self.spread
        if config.blocks:
            level = self._level(latents)
            normal = torch.where(level > 0.0, latents / self.scale / level.clamp_min(1e-30), 0.0)
            around = torch.cat(
                [functional.pad(normal, (0, 0, 1, -1)), normal, functional.pad(normal, (0, 0, -1, 1))], 2
            )
            shape = *latents.shape[:2], -1, config.filled
            masks = self._masks(normal, around).reshape(shape)
            excited = (self.excitations(around) * level).reshape(shape)
            filled = filled * (1.0 + masks[:, :, 0]) + (masks[:, :, 1:] * excited).sum(2)
        return torch.cat([exact, filled], 2)

    def _level(self, latents: Tensor) -> Tensor:
        """`(B, T, 1)`. The root is kept away from 0, where its slope is infinite."""
        power = (latents / self.scale).square().mean(2)[:, None]
        power = functional.conv1d(power, self.window, padding=self.config.level_frames // 2)[:, 0, :, None]
        return torch.where(power > 1e-30, power.clamp_min(1e-30).sqrt(), 0.0)

    def _masks(self, normal: Tensor, around: Tensor) -> Tensor:
        magnitudes = normal.abs()
        power = normal.square().mean(2, keepdim=True)
        features = [magnitudes, (magnitudes + MAGNITUDE_FLOOR).log(), (power + POWER_FLOOR).log()]
        pairs = (self.pairs(around).square() + PAIR_FLOOR).sqrt()
        hidden = self.features(torch.cat(features, 2)) + self.paired(pairs)
        for block in self.blocks:
            hidden = block(hidden)
        masks: Tensor = self.masks(self.norm(hidden))
        return masks


class _Block(nn.Module):
    def __init__(self, config: LinearConfig) -> None:
        super().__init__()
        width = config.width
        self.depthwise = nn.Conv1d(width, width, config.kernel, padding=config.kernel // 2, groups=width)
        self.norm = nn.LayerNorm(width, NORM_FLOOR)
        self.expand = nn.Linear(width, 2 * width)
        self.contract = nn.Linear(2 * width, width)
        self.gain = nn.Parameter(torch.full((width,), 0.1))

    def forward(self, hidden: Tensor) -> Tensor:
        mixed = self.depthwise(hidden.transpose(1, 2)).transpose(1, 2)
        return hidden + self.gain * self.contract(functional.silu(self.expand(self.norm(mixed))))


def _fixed_sketch(config: LinearConfig) -> tuple[Array, Array]:
    """`sketch` and `spread` before training: signed sums over bands of equal width in mel, as in `codecs.mdct`."""
    bin_hz = config.sample_rate / (2 * config.hop)
    low, high = (np.log1p(edge * bin_hz / 700.0) for edge in (config.exact, config.hop))
    edges = np.round(700.0 * np.expm1(np.linspace(low, high, config.sketched + 1)) / bin_hz).astype(int)
    edges -= config.exact
    signs = np.where(np.random.default_rng(0).random(config.filled) < 0.5, np.float32(-1.0), np.float32(1.0))
    sketch = np.zeros((config.sketched, config.filled), np.float32)
    spread = sketch.copy()
    for band, (first, last) in enumerate(itertools.pairwise(edges)):
        if last > first:
            count = last - first
            g = 1.0 - (1.0 - _LOWEST_GAIN) * np.exp(-(first + last) / 2 * bin_hz / _RISE_HZ)
            sketch[band, first:last] = signs[first:last] / np.sqrt(count)
            spread[band, first:last] = sketch[band, first:last] * max(1.0, g * np.sqrt(count))
    return sketch, spread
