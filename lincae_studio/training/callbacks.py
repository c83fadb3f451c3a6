"""Monitoring of a run: progress, curves and audio samples. The callbacks do not affect the training."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from torch import Tensor

from lincae_studio.errors import StudioError
from lincae_studio.training.data import Source, audible_window
from lincae_studio.training.metrics import si_sdr
from lincae_studio.training.module import LinCaeTraining, learning_rate
from lincae_studio.training.objective import step_size
from lincae_studio.training.recipe import Recipe

#: Interval at which the loss is read, which waits for the device.
_LOOK_EVERY_S = 2.0

#: Interval of progress lines where there is no terminal.
_LINE_EVERY_S = 20.0

#: Steps at which samples are decoded, as shares of all steps: more often early on, when much changes.
SAMPLE_AT = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)

_SAMPLES = 4
SAMPLE_SECONDS = 3.0


class Progress(Callback):
    """A progress bar on a terminal, otherwise a line from time to time; curves in TensorBoard.

    The loss is averaged on the device and read every two seconds, so that steps need not wait for it.
    """

    def __init__(self, recipe: Recipe, samples: Samples) -> None:
        self._recipe = recipe
        self._samples = samples
        console = Console(stderr=True)
        text = TextColumn("{task.description}")
        self._bars = Bars(
            text, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console,
            disable=not console.is_terminal,
        )  # fmt: skip
        self._sum: Tensor | float = 0.0
        self._steps = 0
        self._text = ""
        self._checked_at = self._line_at = 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.is_global_zero:
            self._bars.start()
            self._task = self._bars.add_task("training", total=self._recipe.steps, completed=trainer.global_step)
        self._checked_at = self._line_at = time.monotonic()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if not trainer.is_global_zero:
            return
        self._sum = self._sum + outputs["loss"].detach()
        self._steps += 1
        if time.monotonic() - self._checked_at >= _LOOK_EVERY_S:
            self._check_loss(trainer)
            if time.monotonic() - self._line_at >= _LINE_EVERY_S:
                self._line(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.is_global_zero:
            if self._steps:
                self._check_loss(trainer)
            self._line(trainer)
        self._bars.stop()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        self._bars.stop()

    def _check_loss(self, trainer: Trainer) -> None:
        recipe, step = self._recipe, trainer.global_step
        loss = float(self._sum) / self._steps
        if not math.isfinite(loss):
            raise StudioError(
                f"the loss became NaN or infinite at step {step}", "Try a smaller --set lr, or --set precision=fp32"
            )
        seconds = time.monotonic() - self._checked_at  # reading the loss waited for the device
        speed = self._steps / seconds
        curves = {
            "loss": loss,
            "learning_rate": learning_rate(recipe, step),
            "consistency_step": step_size(recipe.diffusion, step / recipe.steps),
            "steps_per_s": speed,
            "windows_per_s": speed * recipe.batch * trainer.world_size,
        }
        writer = _writer(trainer)
        for name, value in curves.items():
            writer.add_scalar(name, value, step)
        self._text = f"loss {loss:.4g}, SI-SDR {self._samples.si_sdr_db:.1f} dB, {speed:.3g} steps/s"
        self._bars.update(self._task, completed=step, description=self._text)
        self._sum, self._steps, self._checked_at = 0.0, 0, time.monotonic()

    def _line(self, trainer: Trainer) -> None:
        """For logs and pipes."""
        if self._bars.disable:
            print(f"step {trainer.global_step} of {self._recipe.steps}: {self._text}", file=sys.stderr, flush=True)
        self._line_at = time.monotonic()


class Samples(Callback):
    """Decodes the same few windows of the data during the run, to WAV files and TensorBoard, with their SI-SDR.

    Attributes:
        si_sdr_db: mean over the latest samples; NaN before the first.
    """

    si_sdr_db = math.nan

    def __init__(self, folder: Path, recipe: Recipe, source: Callable[[], Source]) -> None:
        self._folder = folder
        self._source = source
        self._steps = {max(1, round(share * recipe.steps)) for share in SAMPLE_AT}

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        assert isinstance(pl_module, LinCaeTraining)
        if trainer.is_global_zero and trainer.global_step in self._steps:
            self.write(pl_module, _writer(trainer), trainer.global_step)

    def write(self, module: LinCaeTraining, writer: Any, step: int) -> None:
        """Write the decoded samples at this step, and the originals the first time."""
        recipe = module.recipe
        originals = same_windows(self._source(), recipe, _SAMPLES, SAMPLE_SECONDS)
        model = module.autoencoder()
        audio = torch.from_numpy(originals)
        with torch.no_grad():
            found = torch.cat([model.decode(model.encode(one[None]), seed=0) for one in audio])
        decoded = found.float().cpu().nan_to_num().numpy()
        audible = originals[:, : decoded.shape[1]]
        ratios = [si_sdr(ours, theirs) for ours, theirs in zip(decoded, audible, strict=True)]
        self.si_sdr_db = float(np.mean(ratios))
        writer.add_scalar("si_sdr_db", self.si_sdr_db, step)
        for number, (ours, theirs) in enumerate(zip(decoded, audible, strict=True)):
            rate = recipe.sample_rate
            writer.add_audio(f"decoded/{number}", np.clip(ours, -1, 1)[None], step, rate)
            if not (self._folder / f"original-{number}.wav").exists():
                writer.add_audio(f"original/{number}", theirs[None], step, rate)
                write_wav(self._folder / f"original-{number}.wav", theirs, rate)
            write_wav(self._folder / f"step-{step:07d}-{number}.wav", ours, rate)


def same_windows(source: Source, recipe: Recipe, count: int, seconds: float) -> np.ndarray[Any, np.dtype[np.float32]]:
    """`(count, N)` longer windows that no training step draws, always the same ones."""
    hop = recipe.hop * recipe.generator.time_factor
    frames = max(1, round(seconds * recipe.sample_rate / hop))
    samples = frames * hop + recipe.hop * (recipe.frontend.n_fft_factor - 1)
    rng = np.random.default_rng((recipe.seed, 2**32 - 1, 2**31))
    return np.stack([audible_window(source, rng, samples, recipe.level_min) for _ in range(count)])


def write_wav(path: Path, audio: Any, sample_rate: int) -> None:
    """16-bit WAV, clipped; standard library only."""
    import wave

    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes((np.clip(audio, -1.0, 1.0) * 32767.0).astype("<i2").tobytes())


def _writer(trainer: Trainer) -> Any:
    assert isinstance(trainer.logger, TensorBoardLogger)
    return trainer.logger.experiment
