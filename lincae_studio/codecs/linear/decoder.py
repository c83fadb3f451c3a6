"""The decoder's network: how the bins that the encoder has only sketched are filled. numpy only; any thread.

With z the latents `(T, K)` of frames, the exact bins are the first latents, and the bins above are

    y = exp(a_0) * (sketch . spread) + L * sum_j exp(a_j) * e_j / sqrt(1 + h_j * e_j**2),

e_j linear in the normalised latents z / L of three frames, L the level around the frame, h_j constants, and a_j what a
network computes from magnitudes of normalised latents alone: levels of each bin, as logarithms. Where h_j is large the
fraction is a sign, so that a bin has the level that the network says; where it is 0 it is linear. Scaling z by any
factor, also a negative one, leaves the a_j as they are, so that y scales by the same factor: the decoder is
homogeneous and odd by construction. Training asks that it is additive too; exact bins always are.

The blocks are those of Liu et al., "A ConvNet for the 2020s" (CVPR 2022), over frames.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from lincae_studio.codecs.base import Array
from lincae_studio.codecs.linear.config import LinearConfig

_Wide = npt.NDArray[np.float64]

#: Added to what a logarithm or a root is taken of, all relative to the level: magnitudes, powers, squares of pairs.
MAGNITUDE_FLOOR, POWER_FLOOR, PAIR_FLOOR = 1e-3, 1e-6, 1e-4

#: Frames that the powers of a channel are averaged over, besides those of the level.
SHORT_FRAMES = 5

#: Largest logarithm of a level: what a network from a stranger may amplify, and far above what a trained one does.
HIGHEST_LOG_LEVEL = 10.0

#: Of the normalisation of a block's input, as in torch.
NORM_FLOOR = 1e-5


class Decoder:
    """Turns latents into the bins of the transform.

    Weights have the names and shapes of `config.shapes`.
    """

    def __init__(self, config: LinearConfig, weights: Mapping[str, Array]) -> None:
        self._config = config
        self._weights = weights
        self._windows = [hann(config.level_frames), hann(SHORT_FRAMES)]

    def bins(self, latents: Array) -> Array:
        """`(T, K)` latents to `(T, M)` bins."""
        config, weights = self._config, self._weights
        bins = np.empty((len(latents), config.hop), np.float32)
        bins[:, : config.exact] = latents[:, : config.exact]
        filled = latents[:, config.exact :] @ weights["spread"]
        if config.blocks:
            level, powers = self._powers(latents)
            normal = np.divide(latents, weights["scale"] * level, where=level > 0.0, out=np.zeros_like(latents))
            around = _with_neighbours(normal)
            levels = self._levels(normal, powers, around)
            excited = (around @ weights["excitations.weight"].T).reshape(len(latents), config.excitations, -1)
            excited /= np.sqrt(1.0 + weights["hardness"] * np.square(excited))
            fill = np.einsum("tjm,tjm->tm", levels[:, 1:], excited)
            filled = filled * levels[:, 0] + (fill * level).astype(np.float32)
        bins[:, config.exact :] = filled
        return bins

    def _powers(self, latents: Array) -> tuple[_Wide, list[Array]]:
        """The level `(T, 1)`, and the powers `(T, K)` relative to it over a longer and a shorter time.

        In float64, since squares of faint latents are no float32.
        """
        power = np.square(latents / self._weights["scale"], dtype=np.float64)
        averages = [_averaged(power, window) for window in self._windows]
        squared = averages[0].mean(axis=1, keepdims=True)
        relative = [
            np.divide(average, squared, where=squared > 0.0, out=np.zeros_like(average)).astype(np.float32)
            for average in averages
        ]
        return np.sqrt(squared), relative

    def _levels(self, normal: Array, powers: list[Array], around: Array) -> Array:
        """`(T, 1 + excitations, filled)`."""
        features = [np.log(np.abs(normal) + np.float32(MAGNITUDE_FLOOR))]
        features += [np.log(power + np.float32(POWER_FLOOR)) for power in powers]
        pairs = np.sqrt(np.square(around @ self._weights["pairs.weight"].T) + np.float32(PAIR_FLOOR))
        hidden = self._linear("features", np.concatenate(features, axis=1)) + self._linear("paired", pairs)
        for number in range(self._config.blocks):
            hidden = self._block(f"blocks.{number}", hidden)
        logs = np.minimum(self._linear("levels", self._normalised("norm", hidden)), np.float32(HIGHEST_LOG_LEVEL))
        return np.exp(logs).reshape(len(normal), 1 + self._config.excitations, -1)

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


def hann(frames: int) -> _Wide:
    """Weights of the frames around one in an average: a Hann window that sums up to 1."""
    n = np.arange(1, frames + 1)
    window = 0.5 - 0.5 * np.cos(2.0 * np.pi * n / (frames + 1))
    return window / window.sum()


def _averaged(power: _Wide, window: _Wide) -> _Wide:
    """`(T, K)` averaged over frames, with zeros beyond the ends."""
    padded = np.pad(power, ((len(window) // 2,) * 2, (0, 0)))
    return np.tensordot(window, np.lib.stride_tricks.sliding_window_view(padded, len(window), axis=0), (0, 2))


def _with_neighbours(frames: Array) -> Array:
    """`(T, K)` to `(T, 3 K)`: the frame before, the frame, and the one after, zeros beyond the ends."""
    padded = np.pad(frames, ((1, 1), (0, 0)))
    return np.concatenate([padded[:-2], padded[1:-1], padded[2:]], axis=1)
