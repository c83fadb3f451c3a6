"""Validation during a run: figures of windows that are not trained on, and the checkpoint with the best ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from lightning.pytorch import Callback, LightningModule, Trainer

from lincae_studio.errors import UsageError
from lincae_studio.evaluation.metrics import limited, mr_stft, si_sdr
from lincae_studio.training.callbacks import windows_of, writer_of
from lincae_studio.training.data import SYNTH, Source
from lincae_studio.training.module import Training
from lincae_studio.training.recipe import Recipe

#: Number of windows, and their length in seconds.
WINDOWS = 16
SECONDS = 3.0

#: Seed of the windows; it does not depend on the recipe, so that runs with different seeds can be compared.
_SEED = (2**32 - 1, 2**31 + 2)


def parse_validation(text: str) -> str:
    """Normalise a `--validate` option: `synth`, a folder as an absolute path, or the share of files that is held out.

    Raises:
        UsageError: for a share that is not between 0 and 1, or a folder that does not exist.
    """
    path = Path(text)
    if text == SYNTH or path.is_dir():
        return text if text == SYNTH else str(path.absolute())
    share = share_of(text)
    if share is None:
        raise UsageError(
            f"--validate {text} is not a folder", "Give a folder, synth, or a share of the files like 0.05"
        )
    if not 0.0 < share < 1.0:
        raise UsageError(f"--validate {text} is not between 0 and 1", "Give the share of the files that is held out")
    return text


def share_of(text: str) -> float | None:
    """The share of files, or None if the text is not a number."""
    try:
        return float(text)
    except ValueError:
        return None


class Validation(Callback):
    """Measures the averaged weights at regular steps, and keeps the checkpoint with the lowest MR-STFT.

    Attributes:
        best_step, best_mr_stft: of the best checkpoint; 0 and infinity before the first.
    """

    best_step = 0
    best_mr_stft = math.inf

    def __init__(self, checkpoint: Path, recipe: Recipe, source: Callable[[], Source]) -> None:
        self._checkpoint = checkpoint
        self._source = source
        self._steps = {math.ceil(k * recipe.steps / recipe.validations) for k in range(1, recipe.validations + 1)}

    def state_dict(self) -> dict[str, Any]:
        return {"best_step": self.best_step, "best_mr_stft": self.best_mr_stft}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.best_step, self.best_mr_stft = state_dict["best_step"], state_dict["best_mr_stft"]

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        assert isinstance(pl_module, Training)
        if trainer.global_step not in self._steps:
            return
        distance = self._measured(trainer, pl_module) if trainer.is_global_zero else math.inf
        distance = trainer.strategy.broadcast(distance)  # all processes take part in writing a checkpoint
        if distance < self.best_mr_stft:
            self.best_step, self.best_mr_stft = trainer.global_step, distance
            trainer.save_checkpoint(self._checkpoint)

    def _measured(self, trainer: Trainer, module: Training) -> float:
        rng = np.random.default_rng(_SEED)
        originals = windows_of(self._source(), module.recipe, WINDOWS, SECONDS, rng)
        decoded = module.reconstructed(originals)
        pairs = list(zip(decoded, originals[:, : decoded.shape[1]], strict=True))
        distance = float(np.mean([mr_stft(*pair) for pair in pairs]))
        writer, step = writer_of(trainer), trainer.global_step
        writer.add_scalar("validation/mr_stft", distance, step)
        writer.add_scalar("validation/si_sdr_db", float(np.mean([limited(si_sdr(*pair)) for pair in pairs])), step)
        return distance
