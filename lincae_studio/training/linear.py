"""Training a linear codec: encoder and decoder together, on windows and sums of two.

As the encoder is linear, latents of a sum are the sum of latents, so that decoding sums is trained by itself. The loss
is the MR-STFT distance, the ratio of error and signal, and the error of additivity where it is above a limit.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from lincae_studio.codecs.base import Array, CodecInfo
from lincae_studio.codecs.computation import AUTO
from lincae_studio.codecs.linear.codec import LinearCodec, load_codec
from lincae_studio.codecs.linear.folder import save_folder
from lincae_studio.training.ema import Ema
from lincae_studio.training.linear_net import LinearNet
from lincae_studio.training.module import Training
from lincae_studio.training.recipe import DecoderRecipe, LinearRecipe
from lincae_studio.training.spectral import mr_stft

#: Range of the gain of the second signal of a sum, in dB.
_GAIN_DB = 12.0

#: Added to ratios whose logarithm is taken: errors below -60 dB gain nothing.
_RATIO_FLOOR = 1e-6


class LinearTraining(Training):
    """A `LinearNet` trained by a recipe, and the moving average of its weights.

    Attributes:
        seen: also `mr_stft`, `snr_db` and `additivity_db`, means of the batch.
    """

    def __init__(self, recipe: LinearRecipe) -> None:
        super().__init__(recipe)
        self.recipe: LinearRecipe = recipe
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            self.linear = LinearNet(recipe.config)
        self.ema = Ema(self.linear, recipe.ema_decay)
        self._network_loss: Callable[..., Tensor] = self._loss
        if recipe.compile:
            self._network_loss = torch.compile(self._loss, dynamic=False)

    @property
    def net(self) -> LinearNet:
        return self.linear

    def training_step(self, audio: Tensor, batch_idx: int) -> Tensor:
        """`audio` `(B, N)`. Each window is decoded alone, and in a sum with another one, at a random gain."""
        return self._network_loss(audio, random_gains(len(audio), self.step_generator()))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """The encoder and the linear estimate learn more slowly than the network, or not at all."""
        fixed = {id(self.linear.sketch), id(self.linear.spread)}
        groups: list[dict[str, Any]] = [
            {"params": [value for value in self.linear.parameters() if id(value) not in fixed]},
            {"params": [self.linear.sketch, self.linear.spread], "share": self.recipe.encoder_share},
        ]
        return torch.optim.RAdam(groups, lr=self.recipe.lr)

    @torch.no_grad()
    def reconstructed(self, audio: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        net = self.ema.net
        decoded: Tensor = net.decode(net.encode(torch.from_numpy(audio).to(self.device)))
        return decoded.float().cpu().nan_to_num().numpy()

    def save(self, path: Path, title: str, description: str, windows: Callable[[CodecInfo], Array]) -> LinearCodec:
        path.mkdir(parents=True, exist_ok=True)
        weights = self.ema.net.weights()
        folder = save_folder(path, self.recipe.config, weights, title=title, description=description)
        return load_codec(folder, str(path), AUTO)

    def _loss(self, audio: Tensor, gains: Tensor) -> Tensor:
        recipe, net = self.recipe, self.linear
        latents = net.encode(audio)
        other = gains * audio.roll(1, 0)
        decoded = net.decode(torch.cat([latents, latents + gains[..., None] * latents.roll(1, 0)]))
        return mixing_loss(self, decoded, torch.cat([audio, audio + other]), gains, recipe.hop)


def mixing_loss(module: Training, decoded: Tensor, truth: Tensor, gains: Tensor, margin: int) -> Tensor:
    """The loss of windows decoded alone, and then of each summed with the one before it; notes its parts in `seen`.

    Args:
        module: trained by a `DecoderRecipe`.
        decoded, truth: `(2 B, N)`: windows alone, then sums.
        gains: `(B, 1)` of the second window of each sum.
        margin: samples at both ends of a window that are not decoded reliably, and left out.
    """
    recipe = module.recipe
    assert isinstance(recipe, DecoderRecipe)
    whole = slice(margin, truth.shape[1] - margin)
    decoded, truth = decoded[:, whole].float(), truth[:, whole]
    alone, mixed = decoded.chunk(2)
    distance = mr_stft(decoded, truth)
    error_db = _ratio_db(decoded - truth, truth).mean()
    additivity_db = _ratio_db(mixed - alone - gains * alone.roll(1, 0), mixed)
    module.seen["mr_stft"], module.seen["snr_db"] = distance.detach(), -error_db.detach()
    module.seen["additivity_db"] = -additivity_db.detach().mean()
    excess = (additivity_db + recipe.additivity_db).relu().mean()
    return distance + recipe.waveform_weight * error_db + recipe.additivity_weight * excess


def random_gains(count: int, generator: torch.Generator) -> Tensor:
    """`(B, 1)` gains of the second signals of sums."""
    gain_db = _GAIN_DB * (2.0 * torch.rand(count, 1, device=generator.device, generator=generator) - 1.0)
    return 10.0 ** (gain_db / 20.0)


def _ratio_db(error: Tensor, signal: Tensor) -> Tensor:
    """`(B,)` ratios of the energies of `(B, N)` in dB."""
    ratio = error.square().sum(1) / signal.square().sum(1).clamp_min(1e-12)
    return 10.0 * (ratio + _RATIO_FLOOR).log10()
