"""Training the preview of a codec: a decoder of its latents that is quick, homogeneous and odd.

The codec encodes each window; the preview learns to decode its latents, and sums of two windows' latents, to the audio
or to what the codec decodes. The loss is that of linear codecs.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from lincae_studio.codecs import registry
from lincae_studio.codecs.base import Array, Codec, CodecInfo
from lincae_studio.codecs.linear.preview import PreviewConfig, load_preview, save_preview
from lincae_studio.codecs.linear.transform import basis
from lincae_studio.errors import UsageError
from lincae_studio.training.ema import Ema
from lincae_studio.training.linear import mixing_loss, random_gains
from lincae_studio.training.linear_net import DecoderNet, synthesised
from lincae_studio.training.module import Training
from lincae_studio.training.recipe import DistillRecipe

#: Least typical magnitude of a bin or of a latent, relative to that of audio or latents.
_LEAST = 1e-5


class PreviewNet(DecoderNet):
    """A preview in torch: the same arithmetic as `codecs.linear.preview`, with gradients."""

    basis: Tensor

    def __init__(self, config: PreviewConfig) -> None:
        model = config.model
        spread = np.zeros((model.sketched, model.filled), np.float32)
        super().__init__(model, spread, np.ones(model.dim, np.float32), np.ones(model.filled, np.float32))
        self.preview = config
        self.register_buffer("basis", torch.from_numpy(basis(config.bins)), persistent=False)

    def decode(self, latents: Tensor) -> Tensor:
        """`(B, T, D)` latents about the origin to windows `(B, T*hop + window_extra)`."""
        bins = self.bins(latents).reshape(len(latents), -1, self.preview.bins)
        return functional.pad(synthesised(bins, self.basis), self._padding)

    @torch.no_grad()
    def begin(self, latents: Tensor, audio: Tensor) -> None:
        """Begin with magnitudes as in this data: latents `(B, T, D)` about the origin, and windows."""
        deviation = latents.square().mean((0, 1)).sqrt()
        self.scale.copy_(deviation.clamp_min(_LEAST * float(deviation.max())).clamp_min(1e-12))
        frames = functional.pad(audio, [-one for one in self._padding]).unfold(1, len(self.basis), self.preview.bins)
        magnitudes = (frames @ self.basis).square().mean((0, 1)).sqrt()
        magnitudes = magnitudes.clamp_min(_LEAST * float(magnitudes.max())).clamp_min(1e-12)
        self.expect(magnitudes.repeat(self.config.filled // len(magnitudes)))

    @property
    def _padding(self) -> list[int]:
        """Samples of a window before and after what the transform gives; negative where that is cut off."""
        return [self.preview.lead, self.preview.window_extra - self.preview.bins - self.preview.lead]


class DistillTraining(Training):
    """A `PreviewNet` trained by a recipe, and the moving average of its weights.

    Attributes:
        seen: also what `mixing_loss` notes.
    """

    begun: Tensor

    def __init__(self, recipe: DistillRecipe) -> None:
        super().__init__(recipe)
        self.recipe: DistillRecipe = recipe
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            self.preview = PreviewNet(recipe.preview)
        self.ema = Ema(self.preview, recipe.ema_decay)
        #: Whether the network has seen data.
        self.register_buffer("begun", torch.zeros((), dtype=torch.bool))
        self._codec: Codec | None = None
        self._network_loss: Callable[..., Tensor] = self._loss
        if recipe.compile:
            self._network_loss = torch.compile(self._loss, dynamic=False)

    @property
    def net(self) -> PreviewNet:
        return self.preview

    @property
    def codec(self) -> Codec:
        """The codec, loaded on first use. Raises `StudioError` if it is not there, or not the same any more."""
        if self._codec is None:
            codec = registry.load(self.recipe.codec)
            if codec.info.latent_space != self.recipe.space:
                raise UsageError(
                    f"the codec {self.recipe.codec} has other weights than when the run began", "Start a new run"
                )
            self._codec = codec
        return self._codec

    def training_step(self, audio: Tensor, batch_idx: int) -> Tensor:
        """`audio` `(B, N)`. Each window is decoded alone, and in a sum with another one, at a random gain."""
        gains = random_gains(len(audio), self.step_generator())
        latents = self._encoded(audio)
        if not self.begun:
            for net in (self.preview, self.ema.net):
                net.begin(latents, audio)
            self.begun.fill_(True)
        latents = torch.cat([latents, latents + gains[..., None] * latents.roll(1, 0)])
        truth = torch.cat([audio, audio + gains * audio.roll(1, 0)])
        if self.recipe.target == "decoded":
            truth = self._decoded(latents)
        return self._network_loss(latents, truth, gains)

    @torch.no_grad()
    def reconstructed(self, audio: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        decoded = self.ema.net.decode(self._encoded(torch.from_numpy(audio).to(self.device)))
        return decoded.float().cpu().nan_to_num().numpy()

    def save(self, path: Path, title: str, description: str, windows: Callable[[CodecInfo], Array]) -> Codec:
        path.mkdir(parents=True, exist_ok=True)
        save_preview(path, self.recipe.preview, self.ema.net.weights())
        return load_preview(self.codec, path)

    def heading(self, preset: str) -> str:
        return f"A preview of the codec {self.recipe.codec}"

    def _loss(self, latents: Tensor, truth: Tensor, gains: Tensor) -> Tensor:
        return mixing_loss(self, self.preview.decode(latents), truth, gains, self.recipe.margin)

    def _encoded(self, audio: Tensor) -> Tensor:
        """Windows `(B, N)` to latents `(B, T, D)` about the origin, on this module's device."""
        latents = self.codec.encode(audio.float().cpu().numpy())
        latents = (latents - self.codec.silence(latents.shape[2])).transpose(0, 2, 1)
        return torch.from_numpy(np.ascontiguousarray(latents)).to(self.device)

    def _decoded(self, latents: Tensor) -> Tensor:
        """Latents `(B, T, D)` about the origin to windows, by the codec."""
        arrays = latents.float().cpu().numpy().transpose(0, 2, 1)
        arrays = np.ascontiguousarray(arrays + self.codec.silence(arrays.shape[2]))
        decoded = self.codec.decode(arrays, first_frames=[0] * len(arrays), seed=0)
        return torch.from_numpy(decoded).to(self.device)
