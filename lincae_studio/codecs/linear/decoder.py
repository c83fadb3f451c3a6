"""The decoder's network: how the bins that the encoder has only sketched are filled. numpy only; any thread.

With z the latents `(T, K)` of frames, the exact bins are the first latents, and the bins above are

    y = (1 + m_0) * (sketch . spread) + L * sum_j m_j * e_j,

e_j linear in the normalised latents z / L of three frames, L the level around the frame, and masks m_j that a network
computes from magnitudes of normalised latents alone. Scaling z by any factor, also a negative one, leaves the masks as
they are, so that y scales by the same factor: the decoder is homogeneous and odd by construction. It is additive where
masks of sums agree with those of the parts, which training asks for; exact bins always are.

The blocks are those of Liu et al., "A ConvNet for the 2020s" (CVPR 2022), over frames.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from lincae_studio.codecs.base import Array
from lincae_studio.codecs.linear.config import LinearConfig

_Wide = npt.NDArray[np.float64]

#: Added to what a logarithm or a root is taken of: a magnitude relative to the level, and a mean of squares.
MAGNITUDE_FLOOR, POWER_FLOOR, PAIR_FLOOR = 1e-2, 1e-3, 1e-4

#: Of the normalisation of a block's input, as in torch.
NORM_FLOOR = 1e-5


class Decoder:
    """Turns latents into the bins of the transform.

    Weights have the names and shapes of `config.shapes`.
    """

    def __init__(self, config: LinearConfig, weights: Mapping[str, Array]) -> None:
        self._config = config
        self._weights = weights
        self._window = level_window(config)

    def bins(self, latents: Array) -> Array:
        """`(T, K)` latents to `(T, M)` bins."""
        config, weights = self._config, self._weights
        bins = np.empty((len(latents), config.hop), np.float32)
        bins[:, : config.exact] = latents[:, : config.exact]
        filled = latents[:, config.exact :] @ weights["spread"]
        if config.blocks:
            level = self._level(latents)
            normal = np.divide(latents, weights["scale"] * level, where=level > 0.0, out=np.zeros_like(latents))
            around = _with_neighbours(normal)
            masks = self._masks(normal, around)
            excited = (around @ weights["excitations.weight"].T).reshape(len(latents), config.excitations, -1)
            fill = np.einsum("tjm,tjm->tm", masks[:, 1:], excited)
            filled = filled * (1.0 + masks[:, 0]) + (fill * level).astype(np.float32)
        bins[:, config.exact :] = filled
        return bins

    def _level(self, latents: Array) -> _Wide:
        """`(T, 1)`, in float64: squares of faint latents are no float32."""
        power = np.square(latents / self._weights["scale"], dtype=np.float64).mean(axis=1)
        half = len(self._window) // 2
        level: _Wide = np.sqrt(np.convolve(power, self._window)[half : half + len(power)])[:, None]
        return level

    def _masks(self, normal: Array, around: Array) -> Array:
        """`(T, 1 + excitations, filled)`."""
        magnitudes = np.abs(normal)
        power = np.square(normal).mean(axis=1, keepdims=True)
        features = np.concatenate(
            [magnitudes, np.log(magnitudes + MAGNITUDE_FLOOR), np.log(power + POWER_FLOOR)], axis=1, dtype=np.float32
        )
        pairs = np.sqrt(np.square(around @ self._weights["pairs.weight"].T) + np.float32(PAIR_FLOOR))
        hidden = self._linear("features", features) + self._linear("paired", pairs)
        for number in range(self._config.blocks):
            hidden = self._block(f"blocks.{number}", hidden)
        masks = self._linear("masks", self._normalised("norm", hidden))
        return masks.reshape(len(normal), 1 + self._config.excitations, -1)

    def _block(self, name: str, hidden: Array) -> Array:
        kernel, half = self._weights[f"{name}.depthwise.weight"][:, 0], self._config.kernel // 2
        padded = np.pad(hidden, ((half, half), (0, 0)))
        mixed = self._weights[f"{name}.depthwise.bias"] + sum(
            padded[place : place + len(hidden)] * kernel[:, place] for place in range(self._config.kernel)
        )
        wide = self._linear(f"{name}.expand", self._normalised(f"{name}.norm", mixed))
        wide /= 1.0 + np.exp(-wide)  # SiLU
        return hidden + self._weights[f"{name}.gain"] * self._linear(f"{name}.contract", wide)

    def _linear(self, name: str, values: Array) -> Array:
        product: Array = values @ self._weights[f"{name}.weight"].T
        product += self._weights[f"{name}.bias"]
        return product

    def _normalised(self, name: str, values: Array) -> Array:
        centred = values - values.mean(axis=1, keepdims=True)
        centred /= np.sqrt(np.square(centred).mean(axis=1, keepdims=True) + np.float32(NORM_FLOOR))
        return centred * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]


def level_window(config: LinearConfig) -> _Wide:
    """Weights of the frames around one in its level: a Hann window that sums up to 1."""
    n = np.arange(1, config.level_frames + 1)
    window = 0.5 - 0.5 * np.cos(2.0 * np.pi * n / (config.level_frames + 1))
    return window / window.sum()


def _with_neighbours(frames: Array) -> Array:
    """`(T, K)` to `(T, 3 K)`: the frame before, the frame, and the one after, zeros beyond the ends."""
    padded = np.pad(frames, ((1, 1), (0, 0)))
    return np.concatenate([padded[:-2], padded[1:-1], padded[2:]], axis=1)
