"""Training a Lin-CAE: consistency training with implicit linearity, or the baseline by augmentation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from lincae_studio.codecs.base import Array, Codec, CodecInfo
from lincae_studio.codecs.computation import AUTO
from lincae_studio.codecs.lincae.autoencoder import Autoencoder
from lincae_studio.codecs.lincae.codec import LinCaeCodec, load_codec
from lincae_studio.codecs.lincae.folder import open_folder
from lincae_studio.codecs.lincae.frontend import ScaledComplexStft
from lincae_studio.codecs.lincae.pretrained import save_official, save_own
from lincae_studio.codecs.lincae.unet import UNet
from lincae_studio.training.ema import Ema
from lincae_studio.training.linearity import Combination, Gains, draw_combination, premixed
from lincae_studio.training.module import Training
from lincae_studio.training.objective import NoiseLevels, consistency_loss, step_size
from lincae_studio.training.recipe import LinCaeRecipe


class LinCaeTraining(Training):
    """A U-Net trained by a recipe, and the moving average of its weights.

    Attributes:
        seen: also `noise_level` and `noise_level_teacher`, means of the batch.
    """

    def __init__(self, recipe: LinCaeRecipe) -> None:
        super().__init__(recipe)
        self.recipe: LinCaeRecipe = recipe
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            self.unet = UNet(recipe.generator)
        self.unet.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.ema = Ema(self.unet, recipe.ema_decay)
        self.frontend = ScaledComplexStft(recipe.frontend)
        self.levels = NoiseLevels(recipe.diffusion)
        self._network_loss: Callable[..., Tensor] = self._loss
        if recipe.compile:
            self._network_loss = torch.compile(self._loss, dynamic=False)

    @property
    def net(self) -> UNet:
        return self.unet

    def training_step(self, audio: Tensor, batch_idx: int) -> Tensor:
        """`audio` `(B, N)`. Random draws and schedules are computed here, so that the compiled part is pure."""
        recipe = self.recipe
        progress = self.global_step / recipe.steps
        generator = self.step_generator()
        if recipe.premix > 0.0:
            audio = premixed(audio, recipe.premix, generator)
        combination = draw_combination(audio, self.gains(progress), generator)
        clean = self._representation(combination(audio))
        heard = self._representation(audio) if recipe.linearity == "implicit" else clean
        noise = torch.empty_like(clean).normal_(generator=generator)
        index = self.levels.draw(len(clean), generator)
        sigma, sigma_step = self.levels.pair(index, step_size(recipe.diffusion, progress))
        self.seen["noise_level"], self.seen["noise_level_teacher"] = sigma.mean(), sigma_step.mean()
        return self._network_loss(heard, combination.weights, combination.gains, clean, noise, sigma, sigma_step)

    @torch.no_grad()
    def autoencoder(self, scale_factor: float = 1.0) -> Autoencoder:
        """An autoencoder with the averaged weights, on this module's device."""
        recipe = self.recipe
        model = Autoencoder(
            recipe.frontend, recipe.generator, recipe.diffusion, scale_factor=scale_factor, precision="auto"
        )
        model.generator.load_state_dict(self.ema.net.state_dict())
        return model.to(self.device)

    @torch.no_grad()
    def reconstructed(self, audio: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """`(B, N)` encoded and decoded with the averaged weights, always from the same noise; NaN becomes 0."""
        model = self.autoencoder()
        decoded = [model.decode(model.encode(one[None]), seed=0) for one in torch.from_numpy(audio).to(self.device)]
        return torch.cat(decoded).float().cpu().nan_to_num().numpy()

    def _loss(
        self,
        heard: Tensor,
        weights: Tensor,
        gains: Tensor,
        clean: Tensor,
        noise: Tensor,
        sigma: Tensor,
        sigma_step: Tensor,
    ) -> Tensor:
        latents = self.unet.encoder(heard)
        if self.recipe.linearity == "implicit":
            latents = Combination(weights, gains)(latents)
        return consistency_loss(self.unet, clean, latents, noise, sigma, sigma_step)

    def _representation(self, audio: Tensor) -> Tensor:
        representation: Tensor = self.frontend.to_representation(audio)
        return representation.contiguous(memory_format=torch.channels_last)

    def gains(self, progress: float) -> Gains:
        """The distribution of gains at a share `progress` of the training."""
        recipe = self.recipe
        gains = Gains(recipe.gain_probability, recipe.gain_min, recipe.gain_max, recipe.gain_zero_below)
        return gains.narrowed(progress, recipe.gain_hold, recipe.gain_rest) if recipe.gain_anneal else gains

    def curves(self, step: int) -> dict[str, float]:
        gains = self.gains((step - 1) / self.recipe.steps)
        return {
            "consistency_step": step_size(self.recipe.diffusion, step / self.recipe.steps),
            "gain_min": gains.low,
            "gain_max": gains.high,
            "gain_probability": gains.probability,
        }

    def save(self, path: Path, title: str, description: str, windows: Callable[[CodecInfo], Array]) -> LinCaeCodec:
        """The scale factor is chosen so that the latents of the windows have unit variance."""
        codec = self._saved(path, title, description, 1.0)
        deviation = codec.encode(windows(codec.info)).std()
        return self._saved(path, title, description, float(f"{1.0 / deviation:.4g}"))

    def save_official(self, path: Path, codec: Codec, kind: str) -> None:
        assert isinstance(codec, LinCaeCodec)
        save_official(codec.model, path, kind)

    def facts(self, codec: Codec) -> list[str]:
        assert isinstance(codec, LinCaeCodec)
        scale = codec.model.scale_factor
        return [f"Scale factor of the latents: {scale:g} (not in the official format: pass it to `from_pretrained`)"]

    def _saved(self, path: Path, title: str, description: str, scale_factor: float) -> LinCaeCodec:
        linear = self.recipe.linearity == "implicit"
        save_own(self.autoencoder(scale_factor), path, title=title, linear=linear, description=description)
        return load_codec(open_folder(path), str(path), AUTO)
