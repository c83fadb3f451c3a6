"""Monitoring of a run: progress, curves and audio samples. The callbacks do not affect the training."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress as Bars, TextColumn, TimeRemainingColumn
from torch import Tensor

from lincae_studio.errors import StudioError
from lincae_studio.evaluation.metrics import limited, si_sdr
from lincae_studio.training.data import Array, Source, audible_window
from lincae_studio.training.module import Training, learning_rate
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
            if trainer.global_step == 0:
                _write_hyperparameters(writer_of(trainer), self._recipe)
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
            self._check_loss(trainer, pl_module)
            if time.monotonic() - self._line_at >= _LINE_EVERY_S:
                self._line(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.is_global_zero:
            if self._steps:
                self._check_loss(trainer, pl_module)
            self._line(trainer)
        self._bars.stop()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        self._bars.stop()

    def _check_loss(self, trainer: Trainer, module: LightningModule) -> None:
        assert isinstance(module, Training)
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
            "steps_per_s": speed,
            "windows_per_s": speed * recipe.batch * trainer.world_size,
        }
        curves |= module.curves(step) | {name: float(value) for name, value in module.seen.items()}
        writer = writer_of(trainer)
        for name, value in curves.items():
            if math.isfinite(value):  # gradients overflow in the first steps with fp16, which are left out
                writer.add_scalar(name, value, step)
        ratio = self._samples.si_sdr_db
        heard = "" if math.isnan(ratio) else f"SI-SDR {ratio:.1f} dB, "
        self._text = f"loss {loss:.4g}, {heard}{speed:.3g} steps/s"
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
        assert isinstance(pl_module, Training)
        if trainer.is_global_zero and trainer.global_step in self._steps:
            self.write(pl_module, writer_of(trainer), trainer.global_step)

    def write(self, module: Training, writer: Any, step: int) -> None:
        """Write the decoded samples at this step, and the originals the first time."""
        recipe = module.recipe
        rng = np.random.default_rng((recipe.seed, 2**32 - 1, 2**31))  # no training step draws these windows
        originals = windows_of(self._source(), recipe, _SAMPLES, SAMPLE_SECONDS, rng)
        decoded = module.reconstructed(originals)
        audible = originals[:, : decoded.shape[1]]
        ratios = [limited(si_sdr(ours, theirs)) for ours, theirs in zip(decoded, audible, strict=True)]
        self.si_sdr_db = float(np.mean(ratios))
        writer.add_scalar("si_sdr_db", self.si_sdr_db, step)
        for number, (ours, theirs) in enumerate(zip(decoded, audible, strict=True)):
            rate = recipe.sample_rate
            writer.add_audio(f"decoded/{number}", np.clip(ours, -1, 1)[None], step, rate)
            if not (self._folder / f"original-{number}.wav").exists():
                writer.add_audio(f"original/{number}", theirs[None], step, rate)
                write_wav(self._folder / f"original-{number}.wav", theirs, rate)
            write_wav(self._folder / f"step-{step:07d}-{number}.wav", ours, rate)


def windows_of(source: Source, recipe: Recipe, count: int, seconds: float, rng: np.random.Generator) -> Array:
    """`(count, N)` windows of some seconds, which the codec divides into whole frames."""
    samples = recipe.whole_samples(seconds)
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


def writer_of(trainer: Trainer) -> Any:
    assert isinstance(trainer.logger, TensorBoardLogger)
    return trainer.logger.experiment


def _write_hyperparameters(writer: Any, recipe: Recipe) -> None:
    """The recipe, for TensorBoard's table of runs."""
    from torch.utils.tensorboard.summary import hparams

    plain = msgspec.to_builtins(recipe)
    values = {name: value if isinstance(value, (int, float, str)) else str(value) for name, value in plain.items()}
    metrics = {"loss": 0.0, "si_sdr_db": 0.0, "validation/mr_stft": 0.0}  # their names alone matter
    for summary in hparams(values, metrics):  # type: ignore[no-untyped-call]
        writer.file_writer.add_summary(summary)
