"""The training step, as a Lightning module. Lightning provides the loop, devices, precision and checkpoints.

All randomness in a step is determined by the recipe's seed, the step and the rank; the learning rate and all schedules
by the step. So a checkpoint needs only the weights, their average and the moments of the optimiser.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from lightning.pytorch import LightningModule
from torch import Tensor

from lincae_studio.codecs.lincae.autoencoder import Autoencoder
from lincae_studio.codecs.lincae.frontend import ScaledComplexStft
from lincae_studio.codecs.lincae.unet import UNet
from lincae_studio.training.ema import Ema
from lincae_studio.training.linearity import Combination, Gains, draw_combination, premixed
from lincae_studio.training.objective import NoiseLevels, consistency_loss, step_size
from lincae_studio.training.recipe import Recipe


class LinCaeTraining(LightningModule):
    """A U-Net trained by a recipe, and the moving average of its weights.

    Attributes:
        seen: figures of the last step, as scalars on the device: `noise_level` and `noise_level_teacher`, means of the
            batch, and `gradient_norm`.
    """

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.recipe = recipe
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            self.unet = UNet(recipe.generator)
        self.unet.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.ema = Ema(self.unet, recipe.ema_decay)
        self.frontend = ScaledComplexStft(recipe.frontend)
        self.levels = NoiseLevels(recipe.diffusion)
        self.seen: dict[str, Tensor] = {}
        self._network_loss: Callable[..., Tensor] = self._loss
        if recipe.compile:
            self._network_loss = torch.compile(self._loss, dynamic=False)

    def training_step(self, audio: Tensor, batch_idx: int) -> Tensor:
        """`audio` `(B, N)`. Random draws and schedules are computed here, so that the compiled part is pure."""
        recipe = self.recipe
        progress = self.global_step / recipe.steps
        generator = self._generator()
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

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.RAdam(self.unet.parameters(), lr=self.recipe.lr)

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Here gradients are no longer scaled, in every precision."""
        gradients = [value.grad for value in self.unet.parameters() if value.grad is not None]
        self.seen["gradient_norm"] = torch.nn.utils.get_total_norm(gradients)

    def optimizer_step(
        self, epoch: int, batch_idx: int, optimizer: Any, optimizer_closure: Callable[[], Any] | None = None
    ) -> None:
        """Also sets the learning rate, and updates the average of the weights before a callback may save it."""
        done = self.global_step
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(self.recipe, done)
        optimizer.step(closure=optimizer_closure)
        updates, rest = divmod(done + 1, self.recipe.ema_every)
        if rest == 0:
            self.ema.update(self.unet, updates - 1)

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

    def _generator(self) -> torch.Generator:
        """The random generator of this step, the same after resuming."""
        seed = (self.recipe.seed * 1_000_003 + self.global_rank) * 1_000_000_007 + self.global_step
        return torch.Generator(self.device).manual_seed(seed % 2**63)


def learning_rate(recipe: Recipe, step: int) -> float:
    """Rises to `lr` in `warmup` steps, then falls along half a cosine to `final_lr` at the last step."""
    if step < recipe.warmup:
        return recipe.lr * step / recipe.warmup
    position = (step - recipe.warmup) / max(recipe.steps - recipe.warmup, 1)
    return recipe.final_lr + 0.5 * (recipe.lr - recipe.final_lr) * (1.0 + math.cos(math.pi * min(position, 1.0)))
