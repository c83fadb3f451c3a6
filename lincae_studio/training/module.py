"""A codec in training, as a Lightning module. Lightning provides the loop, devices, precision and checkpoints.

All randomness in a step is determined by the recipe's seed, the step and the rank; the learning rate and all schedules
by the step. So a checkpoint needs only the weights, their average and the moments of the optimiser.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn

from lincae_studio.codecs.base import Array, Codec, CodecInfo
from lincae_studio.training.ema import Ema
from lincae_studio.training.recipe import Recipe


class Training(LightningModule):
    """A network trained by a recipe, and the moving average of its weights; each kind of codec has its subclass.

    Attributes:
        ema: the average, set by the subclass.
        seen: figures of the last step, as scalars on the device; among them `gradient_norm`.
    """

    ema: Ema[Any]

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.recipe = recipe
        self.seen: dict[str, Tensor] = {}

    @property
    def net(self) -> nn.Module:
        """The network that is trained."""
        raise NotImplementedError

    def training_step(self, audio: Tensor, batch_idx: int) -> Tensor:
        """The loss of a step; `audio` `(B, N)`."""
        raise NotImplementedError

    def reconstructed(self, audio: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """`(B, N)` encoded and decoded with the averaged weights, always from the same noise; NaN becomes 0."""
        raise NotImplementedError

    def curves(self, step: int) -> dict[str, float]:
        """What the schedules of this kind come to at a step, for TensorBoard."""
        return {}

    def save(self, path: Path, title: str, description: str, windows: Callable[[CodecInfo], Array]) -> Codec:
        """Write the averaged weights in the studio's format, and load the codec from there.

        Args:
            windows: gives audio `(n, N)`, from which statistics of latents can be computed.

        Raises:
            OSError: when the folder cannot be written.
        """
        raise NotImplementedError

    def save_official(self, path: Path, codec: Codec, kind: str) -> None:
        """Write a codec that `save` has returned in another format, if there is one; `kind` is `last` or `best`."""

    def heading(self, preset: str) -> str:
        """The heading of the card of what `save` writes."""
        return f"A {preset} codec"

    def facts(self, codec: Codec) -> list[str]:
        """What the card of a codec says about this kind alone, a line each."""
        return []

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.RAdam(self.net.parameters(), lr=self.recipe.lr)

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Here gradients are no longer scaled, in every precision."""
        gradients = [value.grad for value in self.net.parameters() if value.grad is not None]
        self.seen["gradient_norm"] = torch.nn.utils.get_total_norm(gradients)

    def optimizer_step(
        self, epoch: int, batch_idx: int, optimizer: Any, optimizer_closure: Callable[[], Any] | None = None
    ) -> None:
        """Also sets the learning rate, and updates the average of the weights before a callback may save it."""
        done = self.global_step
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(self.recipe, done) * group.get("share", 1.0)
        optimizer.step(closure=optimizer_closure)
        updates, rest = divmod(done + 1, self.recipe.ema_every)
        if rest == 0:
            self.ema.update(self.net, updates - 1)

    def step_generator(self) -> torch.Generator:
        """The random generator of this step, the same after resuming."""
        seed = (self.recipe.seed * 1_000_003 + self.global_rank) * 1_000_000_007 + self.global_step
        return torch.Generator(self.device).manual_seed(seed % 2**63)


def learning_rate(recipe: Recipe, step: int) -> float:
    """Rises to `lr` in `warmup` steps, then falls along half a cosine to `final_lr` at the last step."""
    if step < recipe.warmup:
        return recipe.lr * step / recipe.warmup
    position = (step - recipe.warmup) / max(recipe.steps - recipe.warmup, 1)
    return recipe.final_lr + 0.5 * (recipe.lr - recipe.final_lr) * (1.0 + math.cos(math.pi * min(position, 1.0)))
