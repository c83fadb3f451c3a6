"""The audio of a run: for its batches, its validation, and the evaluation of its export."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import torch
from lightning.pytorch import LightningDataModule
from torch.utils.data import DataLoader

from lincae_studio.errors import UsageError
from lincae_studio.training.audio_folder import Selection, held_out, readable, real_paths
from lincae_studio.training.data import (
    SYNTH,
    Batches,
    DataPart,
    Source,
    UnheardSongs,
    leave_signals_to_the_parent,
    make_pool,
    open_source,
    parse_data,
)
from lincae_studio.training.recipe import Run
from lincae_studio.training.validation import share_of

SONGS_NAME = "songs.npy"


class Data(LightningDataModule):
    """The batches of a run, from the current step of the trainer on, and the audio that it is validated on."""

    def __init__(self, folder: Path, run: Run, workers: int) -> None:
        super().__init__()
        self._folder, self._run, self._workers = folder, run, workers
        self._parts = parse_data(run.data)
        self._find = functools.cache(readable)

    def prepare_data(self) -> None:
        """Runs in one process of each node. Folders are searched first, since songs may take minutes."""
        for folder in self._folders:
            self._find(folder)
        if self._run.validate is not None:
            _ = self.validation
        if any(part.folder is None for part in self._parts):
            self._pool()

    @functools.cached_property
    def source(self) -> Source:
        return self._open(self._parts, self._selection, self._pool)

    @functools.cached_property
    def validation(self) -> Source:
        """The files that are held out, or the folder or songs for validation."""
        recipe, validate = self._run.recipe, self._run.validate
        assert validate is not None
        if validate == SYNTH:
            return UnheardSongs(recipe.sample_rate)
        if share_of(validate) is None:
            parts, selection = [DataPart(Path(validate), 1.0)], Selection()
        else:
            parts = [part for part in self._parts if part.folder is not None]
            selection = Selection(only=self._kept_apart)
        return self._open(parts, selection, self._pool)

    @property
    def _folders(self) -> list[Path]:
        return [part.folder for part in self._parts if part.folder is not None]

    @functools.cached_property
    def _kept_apart(self) -> frozenset[str]:
        """Real paths of the files for validation, which are not trained on."""
        validate = self._run.validate
        if validate is None or validate == SYNTH:
            return frozenset()
        share = share_of(validate)
        if share is None:
            return real_paths(self._find(Path(validate)))
        if not self._folders:
            raise UsageError("there are no files that can be held out", "Use --validate synth for procedural songs")
        return frozenset().union(*(held_out(folder, self._find(folder), share) for folder in self._folders))

    @functools.cached_property
    def _selection(self) -> Selection:
        recipe = self._run.recipe
        shortest_s = recipe.window_samples / recipe.sample_rate if recipe.short_files == "skip" else 0.0
        return Selection(recipe.sampling, shortest_s, without=self._kept_apart)

    def _open(self, parts: list[DataPart], selection: Selection, pool: Callable[[], Source]) -> Source:
        return open_source(parts, self._run.recipe.sample_rate, pool, selection, self._find)

    def train_dataloader(self) -> DataLoader[torch.Tensor]:
        assert self.trainer is not None
        recipe = self._run.recipe
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
            worker_init_fn=_prepare_worker,
        )

    def _pool(self) -> Source:
        recipe = self._run.recipe
        path = self._folder / SONGS_NAME
        return make_pool(path, recipe.synth_minutes, recipe.sample_rate, recipe.seed, max(self._workers, 1))

    def measured_on(self) -> tuple[Source | None, str]:
        """The audio to measure an export with, and its description; None for songs that are in no training data."""
        if self._run.validate not in (None, SYNTH):
            return self.validation, "the validation data"
        if self._run.validate == SYNTH or not self._folders:
            return None, "procedural songs that are not in the training data"
        return self.source, "the training data"


def _prepare_worker(_: int) -> None:
    torch.set_num_threads(1)
    leave_signals_to_the_parent()
