"""A training run and its folder: starting, stopping at a limit, resuming exactly, exporting.

recipe.json     what the run is: preset, recipe, data
songs.npy       procedural songs, if the data uses them
last.ckpt       weights, their average, the optimiser's moments, the step
best.ckpt       the same at the step with the lowest MR-STFT on the validation data, if there is any
tensorboard/    loss, learning rate, speed, and audio samples
samples/        the same samples as WAV files
codec/          the exported codec, in the studio's format, with its card; codec-best/ is that of best.ckpt;
                of a run of `distill`, its preview
official/       the exported codec, or both, in the format of linear-cae
"""

from __future__ import annotations

import contextlib
import logging
import signal
import warnings
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint, Timer
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.plugins.precision import MixedPrecision
from lightning.pytorch.utilities import rank_zero_only

from lincae_studio import atomic, malloc
from lincae_studio.errors import ExportError, UsageError, os_error_reason
from lincae_studio.evaluation.measuring import Evaluation
from lincae_studio.training.callbacks import Progress, Samples
from lincae_studio.training.export import Weights, export, exported
from lincae_studio.training.interruption import Interruption
from lincae_studio.training.module import Training
from lincae_studio.training.modules import training_of
from lincae_studio.training.presets import kind_of
from lincae_studio.training.recipe import Recipe, Run, parse_recipe, resolved_precision
from lincae_studio.training.run_data import SONGS_NAME, Data
from lincae_studio.training.validation import Validation

RECIPE_NAME = "recipe.json"
CHECKPOINT_NAME = "last.ckpt"
BEST_NAME = "best.ckpt"
_TENSORBOARD_FOLDER = "tensorboard"
_SAMPLES_FOLDER = "samples"

#: Interval of checkpoints.
_CHECKPOINT_EVERY = timedelta(minutes=2)


class Budget(Timer):
    """Stops after a time that starts again when a run is resumed; Lightning's own timer adds up all parts."""

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Nothing is restored."""


def is_first_process() -> bool:
    """Whether this is the first of the processes of a run, which alone writes to its folder and reports."""
    return not getattr(rank_zero_only, "rank", 0)


def begin(folder: Path, run: Run) -> Callable[[], None]:
    """Create the folder of a run; only the first of several processes does so.

    Returns:
        A function that removes what the run has written, and nothing that was there before, for a run that could not
        start.

    Raises:
        UsageError: when it already contains a run.
        ExportError: when it cannot be written.
    """
    if not is_first_process():
        return lambda: None
    if (folder / RECIPE_NAME).exists():
        raise UsageError(f"{folder} already contains a run", f"Use --resume {folder}, or choose another --out")
    new = [path for path in (folder, *folder.parents) if not path.exists()]
    before = set(_written(folder))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        atomic.write_bytes(folder / RECIPE_NAME, msgspec.json.format(msgspec.json.encode(run), indent=2) + b"\n")
    except OSError as error:
        reason, remedy = os_error_reason(error, folder)
        raise ExportError(f"cannot write {folder}: {reason}", remedy) from error

    def withdraw() -> None:
        with contextlib.suppress(OSError):  # another program uses the folder
            for path in (*(path for path in _written(folder) if path not in before), *new):
                if path.is_dir() and not path.is_symlink():
                    path.rmdir()
                else:
                    path.unlink()

    return withdraw


def _written(folder: Path) -> list[Path]:
    """What is in the places of a folder that a run writes to before its first step; contents before their folders."""
    places = [folder / name for name in (RECIPE_NAME, SONGS_NAME, _TENSORBOARD_FOLDER, _SAMPLES_FOLDER)]
    return [path for place in places if place.exists() for path in (*sorted(place.rglob("*"), reverse=True), place)]


def read_run(folder: Path) -> Run:
    """Read the run of a folder. Raises `UsageError` when the folder is not that of a run."""
    path = folder / RECIPE_NAME
    try:
        options = msgspec.json.decode(path.read_bytes())
        recipe = parse_recipe(options.pop("recipe"), str(path), kind_of(options["preset"]))
        return Run(recipe=recipe, **options)
    except (OSError, msgspec.DecodeError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{folder} is not the folder of a training run: {error}", "Give its --out folder") from error


def saved_step(folder: Path) -> int:
    """Number of trained steps in the last checkpoint, 0 without one. Raises `UsageError` when it is damaged."""
    path = folder / CHECKPOINT_NAME
    return int(_read_checkpoint(path)["global_step"]) if path.exists() else 0


def train(
    folder: Path,
    run: Run,
    *,
    max_steps: int | None = None,
    max_time_s: float | None = None,
    workers: int = 0,
    devices: int = 1,
    nodes: int = 1,
    measure: bool = True,
    withdraw: Callable[[], None] = lambda: None,
    say: Callable[[str], None] = print,
) -> tuple[Training, Evaluation | None]:
    """Train from the run's last checkpoint, or from the start, until its last step or a limit; then export.

    Where there is nothing left to do, nothing is: a finished run is exported only if it has not been.

    Args:
        max_steps: stop at this step of the run. Schedules still follow the recipe's number of steps.
        max_time_s: stop after this many seconds, at the end of a step.
        workers: number of processes that prepare windows; with 0 the training process does it between steps.
        devices, nodes: number of GPUs per node (of processes, without GPUs), and of nodes.
        measure: whether the exported codec is evaluated.
        withdraw: called if an error ends the run before the first step.
        say: called with a line about each step after training.

    Returns:
        The module, and the evaluation of its export, if it was made (only in the first of several processes).

    Raises:
        StudioError: for data that cannot be used, or a loss that became NaN or infinite.
        KeyboardInterrupt: after Ctrl+C or SIGTERM. The step in progress is finished, and a checkpoint written.
    """
    malloc.keep_freed()
    if torch.cuda.is_available() and devices > torch.cuda.device_count():
        withdraw()
        raise UsageError(f"this machine has fewer than {devices} GPUs", f"Use --devices {torch.cuda.device_count()}")
    data = Data(folder, run, workers)
    done, goal = saved_step(folder), min(run.recipe.steps, max_steps or run.recipe.steps)
    with Interruption() as interruption:
        if done < goal:
            try:
                module, done = _fit(folder, run, data, interruption, goal, max_time_s, devices, nodes)
            except BaseException as error:
                if isinstance(error, Exception) and not interruption.stepped and not done:
                    withdraw()
                raise
            if interruption.requested:
                raise KeyboardInterrupt
        else:
            module = _restored(folder / CHECKPOINT_NAME, run.recipe)[0]
        if not is_first_process():
            return module, None
        state = exported(folder)
        if state is not None and state.steps == done and (state.measured or not measure):
            say(f"{folder}: all {done:,} steps are trained and the codec is exported; there is nothing to do")
            return module, None
        best = _restored(folder / BEST_NAME, run.recipe) if (folder / BEST_NAME).exists() else None
        source, heard = data.measured_on()
        return module, export(
            folder,
            run,
            Weights(module, done),
            best=None if best is None else Weights(*best),
            source=source,
            heard=heard,
            measure=measure,
            say=say,
        )


def _fit(
    folder: Path,
    run: Run,
    data: Data,
    interruption: Interruption,
    goal: int,
    max_time_s: float | None,
    devices: int,
    nodes: int,
) -> tuple[Training, int]:
    """Train up to a step, and write a checkpoint. Returns the module and the number of trained steps."""
    recipe = run.recipe
    module = training_of(recipe)
    checkpoint = folder / CHECKPOINT_NAME
    samples = Samples(folder / _SAMPLES_FOLDER, recipe, lambda: data.source)
    callbacks: list[Callback] = [samples, Progress(recipe, samples)]
    if run.validate is not None:
        callbacks.append(Validation(folder / BEST_NAME, recipe, lambda: data.validation))
    callbacks += [
        interruption,
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
            max_steps=goal,
            max_epochs=-1,
            logger=TensorBoardLogger(folder, name=_TENSORBOARD_FOLDER, version=""),
            callbacks=callbacks,
            log_every_n_steps=1_000_000_000,  # `Progress` logs; logging each step would wait for the GPU
            enable_progress_bar=False,
            enable_model_summary=False,
            benchmark=torch.cuda.is_available(),
            **_precision(recipe),
        )
        with _interruptible():
            # `weights_only`: checkpoints from other people run no code.
            trainer.fit(module, data, ckpt_path=str(checkpoint) if checkpoint.exists() else None, weights_only=True)
        trainer.save_checkpoint(checkpoint)
        interruption.saved()
    return module, trainer.global_step


def _restored(checkpoint: Path, recipe: Recipe) -> tuple[Training, int]:
    """The module of a checkpoint, and its number of trained steps."""
    state = _read_checkpoint(checkpoint)
    module = training_of(recipe)
    try:
        module.load_state_dict(state["state_dict"])
    except RuntimeError as error:
        raise UsageError(f"{checkpoint} does not fit {RECIPE_NAME}", "Restore the original files") from error
    return module, int(state["global_step"])


def _read_checkpoint(path: Path) -> dict[str, Any]:
    """Open a checkpoint; its tensors are read when they are used. Raises `UsageError` when it is damaged."""
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
        assert "global_step" in state
        return state
    except Exception as error:  # unpickling damaged data raises anything
        best = path.with_name(BEST_NAME)
        remedy = f", or replace it with {BEST_NAME}" if path != best and best.exists() else ""
        reason = " ".join(str(error).split()).partition(". ")[0]
        raise UsageError(f"{path} is damaged or not a checkpoint: {reason}", f"Delete it{remedy}") from error


def _precision(recipe: Recipe) -> dict[str, Any]:
    """Options of the trainer."""
    precision = resolved_precision(recipe)
    if precision == "fp16" and not (torch.cuda.is_available() or torch.backends.mps.is_available()):
        # Lightning would silently use bf16.
        return {"plugins": [MixedPrecision("16-mixed", "cpu", torch.amp.GradScaler("cpu"))]}
    return {"precision": {"fp16": "16-mixed", "bf16": "bf16-mixed", "fp32": "32-true"}[precision]}


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Keep Ctrl+C a KeyboardInterrupt: Lightning would ignore further ones and end the process."""
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as ended:
        signal.signal(signal.SIGINT, handler)
        raise KeyboardInterrupt from ended


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
