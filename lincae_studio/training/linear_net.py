"""Encoder and decoder of a linear codec in torch: the same arithmetic as `codecs.linear`, with gradients.

The decoder alone is that of previews, too.
"""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from lincae_studio.codecs.base import Array
from lincae_studio.codecs.linear.config import LinearConfig, decoder_shapes, shapes
from lincae_studio.codecs.linear.decoder import (
    HIGHEST_LOG_LEVEL,
    MAGNITUDE_FLOOR,
    NORM_FLOOR,
    PAIR_FLOOR,
    POWER_FLOOR,
    SHORT_FRAMES,
    hann,
)
from lincae_studio.codecs.linear.folder import Shapes
from lincae_studio.codecs.linear.transform import basis

#: How the gain of sketched bins rises before training, from g0 at the lowest: see `codecs.mdct`.
_LOWEST_GAIN, _RISE_HZ = 0.3, 3000.0


class DecoderNet(nn.Module):
    """The weights of a decoder, under the names of `codecs.linear.config.decoder_shapes`."""

    windows: Tensor
    scale: Tensor

    def __init__(self, config: LinearConfig, spread: Array, scale: Array, typical: Array) -> None:
        """Weights as they are before training.

        Args:
            spread: `(sketched, filled)`: the linear estimate.
            scale: `(dim,)`: typical magnitudes of latents, relative to the level.
            typical: `(filled,)`: those of the bins that are estimated.
        """
        super().__init__()
        self.config = config
        self.spread = nn.Parameter(torch.from_numpy(spread))
        if not config.blocks:
            return
        wide = [
            np.pad(hann(frames), (config.level_frames - frames) // 2) for frames in (config.level_frames, SHORT_FRAMES)
        ]
        self.register_buffer("windows", torch.from_numpy(np.stack(wide).astype(np.float32))[:, None], persistent=False)
        self.register_buffer("scale", torch.from_numpy(scale))
        self.features = nn.Linear(3 * config.dim, config.width)
        self.pairs = nn.Linear(3 * config.dim, config.pairs, bias=False)
        self.paired = nn.Linear(config.pairs, config.width)
        self.blocks = nn.ModuleList(_Block(config) for _ in range(config.blocks))
        self.norm = nn.LayerNorm(config.width, NORM_FLOOR)
        self.levels = nn.Linear(config.width, (1 + config.excitations) * config.filled)
        nn.init.zeros_(self.levels.weight)  # hardly more than the linear estimate, to begin with
        self.expect(torch.from_numpy(typical))
        self.excitations = nn.Linear(3 * config.dim, config.excitations * config.filled, bias=False)
        self.log_hardness = nn.Parameter(torch.zeros(config.excitations, config.filled))

    @torch.no_grad()
    def expect(self, typical: Tensor) -> None:
        """Begin with these magnitudes of bins `(filled,)`, relative to the level."""
        filled = typical.log()
        self.levels.bias.copy_(torch.cat([torch.zeros_like(filled), *[filled - 3.0] * self.config.excitations]))

    @property
    def shapes(self) -> Shapes:
        """Names and shapes of what `weights` gives."""
        return decoder_shapes(self.config)

    def weights(self) -> dict[str, Array]:
        """For `codecs.linear.folder.save_folder`."""
        state = self.state_dict()
        if self.config.blocks:
            state["hardness"] = self.log_hardness.detach().exp()
        return {name: state[name].cpu().numpy() for name in self.shapes}

    def bins(self, latents: Tensor) -> Tensor:
        """`(B, T, K)` latents to `(B, T, M)` bins."""
        config = self.config
        exact, sketched = latents[..., : config.exact], latents[..., config.exact :]
        filled = sketched @ self.spread
        if config.blocks:
            level, powers = self._powers(latents)
            normal = torch.where(level > 0.0, latents / self.scale / level.clamp_min(1e-15), 0.0)
            around = torch.cat(
                [functional.pad(normal, (0, 0, 1, -1)), normal, functional.pad(normal, (0, 0, -1, 1))], 2
            )
            shape = *latents.shape[:2], -1, config.filled
            levels = self._levels(normal, powers, around).reshape(shape)
            excited = self.excitations(around).reshape(shape)
            excited = excited * (1.0 + self.log_hardness.exp() * excited.square()).rsqrt()
            filled = filled * levels[:, :, 0] + level * (levels[:, :, 1:] * excited).sum(2)
        return torch.cat([exact, filled], 2)

    def _powers(self, latents: Tensor) -> tuple[Tensor, Tensor]:
        """The level `(B, T, 1)`, and powers relative to it `(B, T, 2 K)`, as in `Decoder`.

        The root is kept away from 0, where its slope is infinite.
        """
        power = (latents / self.scale).square().transpose(1, 2)
        averages = functional.conv1d(power.flatten(0, 1)[:, None], self.windows, padding=self.config.level_frames // 2)
        averages = averages.reshape(*power.shape[:2], 2, -1).permute(0, 3, 2, 1)  # (B, T, 2, K)
        squared = averages[:, :, :1].mean(3, keepdim=True)
        relative = torch.where(squared > 1e-30, averages / squared.clamp_min(1e-30), 0.0)
        level = torch.where(squared > 1e-30, squared.clamp_min(1e-30).sqrt(), 0.0)
        return level[:, :, 0], relative.flatten(2)

    def _levels(self, normal: Tensor, powers: Tensor, around: Tensor) -> Tensor:
        features = [(normal.abs() + MAGNITUDE_FLOOR).log(), (powers + POWER_FLOOR).log()]
        pairs = (self.pairs(around).square() + PAIR_FLOOR).sqrt()
        hidden = self.features(torch.cat(features, 2)) + self.paired(pairs)
        for block in self.blocks:
            hidden = block(hidden)
        levels: Tensor = self.levels(self.norm(hidden)).clamp_max(HIGHEST_LOG_LEVEL).exp()
        return levels


class LinearNet(DecoderNet):
    """The weights of a codec, under the names of `codecs.linear.config.shapes`."""

    basis: Tensor

    def __init__(self, config: LinearConfig) -> None:
        sketch, spread = _fixed_sketch(config)
        bins = _typical(config, np.arange(config.hop))
        sketched = np.sqrt(np.square(sketch) @ np.square(bins[config.exact :]))
        scale = np.concatenate([bins[: config.exact], sketched]).astype(np.float32)
        super().__init__(config, spread, scale, bins[config.exact :].astype(np.float32))
        self.register_buffer("basis", torch.from_numpy(basis(config.hop)), persistent=False)
        self.sketch = nn.Parameter(torch.from_numpy(sketch))

    @property
    def shapes(self) -> Shapes:
        return shapes(self.config)

    def encode(self, audio: Tensor) -> Tensor:
        """`(B, (T + 1) M)` samples to `(B, T, K)` latents."""
        bins = audio.unfold(1, 2 * self.config.hop, self.config.hop) @ self.basis
        return torch.cat([bins[..., : self.config.exact], bins[..., self.config.exact :] @ self.sketch.T], 2)

    def decode(self, latents: Tensor) -> Tensor:
        """`(B, T, K)` latents to `(B, (T + 1) M)` samples."""
        return synthesised(self.bins(latents), self.basis)


def synthesised(bins: Tensor, basis: Tensor) -> Tensor:
    """`(B, T, M)` bins of overlapping frames to `(B, (T + 1) M)` samples."""
    first, second = (bins @ basis.T).chunk(2, 2)
    hop = bins.shape[2]
    return functional.pad(first.flatten(1), (0, hop)) + functional.pad(second.flatten(1), (hop, 0))


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


def _typical(config: LinearConfig, bins: npt.NDArray[np.int_]) -> npt.NDArray[np.float64]:
    """Typical magnitudes of bins relative to the level, about as in the music of the data of the presets."""
    hz = (bins + 0.5) * config.sample_rate / (2 * config.hop)
    return 2.0 / (1.0 + (hz / 500.0) ** 1.5)


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
