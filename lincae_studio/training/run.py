"""A training run and its folder: starting, stopping at a limit, resuming exactly, exporting.

recipe.json     what the run is: preset, recipe, data
songs.npy       procedural songs, if the data uses them
last.ckpt       weights, their average, the optimiser's moments, the step
tensorboard/    loss, learning rate, speed, and audio samples
samples/        the same samples as WAV files
codec/          the exported codec, in the studio's format, with its card
official/       the exported codec, in the format of linear-cae
"""

from __future__ import annotations

import contextlib
import logging
import signal
import warnings
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import torch
from lightning.pytorch import LightningDataModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint, Timer
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only
from torch.utils.data import DataLoader

from lincae_studio import atomic, malloc
from lincae_studio.errors import ExportError, UsageError, os_error_reason
from lincae_studio.training.callbacks import Progress, Samples
from lincae_studio.training.data import Batches, DataPart, Source, make_pool, open_source, parse_data
from lincae_studio.training.evaluation import Evaluation
from lincae_studio.training.export import export
from lincae_studio.training.module import LinCaeTraining
from lincae_studio.training.recipe import Recipe, Run, parse_recipe, uses_bf16

RECIPE_NAME = "recipe.json"
CHECKPOINT_NAME = "last.ckpt"
SONGS_NAME = "songs.npy"

#: Interval of checkpoints.
_CHECKPOINT_EVERY = timedelta(minutes=2)


class Budget(Timer):
    """Stops after a time that starts again when a run is resumed; Lightning's own timer adds up all parts."""

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Nothing is restored."""


class Data(LightningDataModule):
    """The batches of a run, from the step that the trainer is at."""

    def __init__(self, folder: Path, recipe: Recipe, parts: list[DataPart], workers: int) -> None:
        super().__init__()
        self._folder, self._recipe, self._parts, self._workers = folder, recipe, parts, workers
        self._opened: Source | None = None

    def prepare_data(self) -> None:
        """Runs in one process of each node."""
        if any(part.folder is None for part in self._parts):
            self._pool()

    @property
    def source(self) -> Source:
        if self._opened is None:
            self._opened = open_source(self._parts, self._recipe.sample_rate, self._pool)
        return self._opened

    def train_dataloader(self) -> DataLoader[torch.Tensor]:
        assert self.trainer is not None
        recipe = self._recipe
        batches = Batches(
            self.source,
            batch=recipe.batch,
            samples=recipe.window_samples,
            level_min=recipe.level_min,
            seed=recipe.seed,
            rank=self.trainer.global_rank,
            first_step=self.trainer.global_step,
        )
        return DataLoader(
            batches,
            batch_size=None,  # an item is a whole batch
            num_workers=self._workers,
            pin_memory=torch.cuda.is_available(),
            prefetch_factor=4 if self._workers else None,
            worker_init_fn=_quiet_worker,
        )

    def _pool(self) -> Any:
        recipe = self._recipe
        path = self._folder / SONGS_NAME
        return make_pool(path, recipe.synth_minutes, recipe.sample_rate, recipe.seed, max(self._workers, 1))


def begin(folder: Path, run: Run) -> None:
    """Create the folder of a run; only the first of several processes does so.

    Raises:
        UsageError: when it already contains a run.
        ExportError: when it cannot be written.
    """
    if getattr(rank_zero_only, "rank", 0):
        return
    if (folder / RECIPE_NAME).exists():
        raise UsageError(f"{folder} already contains a run", f"Use --resume {folder}, or choose another --out")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        atomic.write_bytes(folder / RECIPE_NAME, msgspec.json.format(msgspec.json.encode(run), indent=2) + b"\n")
    except OSError as error:
        reason, remedy = os_error_reason(error, folder)
        raise ExportError(f"cannot write {folder}: {reason}", remedy) from error


def read_run(folder: Path) -> Run:
    """Read the run of a folder. Raises `UsageError` when the folder is not that of a run."""
    path = folder / RECIPE_NAME
    try:
        options = msgspec.json.decode(path.read_bytes())
        recipe = parse_recipe(options.pop("recipe"), str(path))
        return Run(recipe=recipe, **options)
    except (OSError, msgspec.DecodeError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{folder} is not the folder of a training run: {error}", "Give its --out folder") from error


def train(
    folder: Path,
    run: Run,
    *,
    max_steps: int | None = None,
    max_time_s: float | None = None,
    workers: int = 0,
    devices: int = 1,
    nodes: int = 1,
) -> tuple[LinCaeTraining, Evaluation | None]:
    """Train from the run's last checkpoint, or from the start, until its last step or a limit; then export.

    Args:
        max_steps: stop at this step of the run. Schedules still follow the recipe's number of steps.
        max_time_s: stop after this many seconds, at the end of a step.
        workers: number of processes that prepare windows; with 0 the training process does it between steps.
        devices, nodes: number of GPUs per node (of processes, without GPUs), and of nodes.

    Returns:
        The module, and the evaluation of its export (only in the first of several processes).

    Raises:
        StudioError: for data that cannot be used, or a loss that became NaN or infinite.
        KeyboardInterrupt: after Ctrl+C; the last checkpoint is kept.
    """
    malloc.keep_freed()
    recipe = run.recipe
    module = LinCaeTraining(recipe)
    parts = parse_data(run.data)
    data = Data(folder, recipe, parts, workers)
    checkpoint = folder / CHECKPOINT_NAME
    samples = Samples(folder / "samples", recipe, lambda: data.source)
    callbacks = [
        samples,
        Progress(recipe, samples),
        ModelCheckpoint(
            folder, filename=CHECKPOINT_NAME.removesuffix(".ckpt"), train_time_interval=_CHECKPOINT_EVERY,
            enable_version_counter=False,
        ),
    ]  # fmt: skip
    if max_time_s is not None:
        callbacks.append(Budget(timedelta(seconds=max_time_s), verbose=False))
    with _quiet_lightning():
        trainer = Trainer(
            devices=devices,
            num_nodes=nodes,
            # The noise level's projections in the pyramid are part of the format and never used.
            strategy="ddp_find_unused_parameters_true" if devices * nodes > 1 else "auto",
            precision=_precision(recipe),  # type: ignore[arg-type]
            max_steps=min(recipe.steps, max_steps or recipe.steps),
            max_epochs=-1,
            logger=TensorBoardLogger(folder, name="tensorboard", version=""),
            callbacks=callbacks,
            log_every_n_steps=1_000_000_000,  # `Progress` logs; logging each step would wait for the GPU
            enable_progress_bar=False,
            enable_model_summary=False,
            benchmark=torch.cuda.is_available(),
        )
        with _interruptible():
            trainer.fit(module, data, ckpt_path=str(checkpoint) if checkpoint.exists() else None)
        trainer.save_checkpoint(checkpoint)
    if not trainer.is_global_zero:
        return module, None
    only_synth = all(part.folder is None for part in parts)
    return module, export(folder, run, module, trainer.global_step, None if only_synth else data.source)


def _precision(recipe: Recipe) -> str:
    if recipe.precision == "fp16":
        return "16-mixed"
    return "bf16-mixed" if uses_bf16(recipe) else "32-true"


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Keep Ctrl+C a KeyboardInterrupt: Lightning would ignore further ones and end the process."""
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as ended:
        signal.signal(signal.SIGINT, handler)
        raise KeyboardInterrupt from ended


def _quiet_worker(_: int) -> None:
    torch.set_num_threads(1)


@contextlib.contextmanager
def _quiet_lightning() -> Iterator[None]:
    """Suppress Lightning's hints and banners; `Progress` shows what matters."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"lightning\..*")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
