"""Training windows from folders of audio or procedural songs, determined by seed, step and rank.

The batch of a step depends on nothing else, so it is the same with any number of worker processes and after resuming.
Windows are `(N,)` float32 mono at the recipe's rate.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import math
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import IterableDataset, get_worker_info

from lincae_studio import atomic
from lincae_studio.errors import MediaError, UsageError
from lincae_studio.training.audio_folder import AudioFolder, Selection, padded, readable
from lincae_studio.training.synth import make_song, unheard_song

if TYPE_CHECKING:
    from lincae_studio.media.reading.reader import FileInfo

Array = npt.NDArray[np.float32]

SYNTH = "synth"

#: Windows below this RMS (-60 dB) count as silence and are drawn again.
_SILENCE_RMS = 1e-3

#: Number of silent draws after which a source is rejected.
_MAX_DRAWS = 200

SONG_SECONDS = 20.0


class Source(Protocol):
    """A source of windows."""

    def window(self, rng: np.random.Generator, samples: int) -> Array:
        """A random window."""
        ...


@dataclass(frozen=True)
class DataPart:
    """One `--data` option: a folder, or None for procedural songs, and its share of the data."""

    folder: Path | None
    fraction: float

    def __str__(self) -> str:
        """The option as text, with an absolute path, since a run may be resumed from another folder."""
        return f"{SYNTH if self.folder is None else self.folder.absolute()}:{self.fraction:g}"


def default_workers() -> int:
    """One less than the number of cores, at most 16."""
    return max(0, min((os.cpu_count() or 1) - 1, 16))


def parse_data(texts: Sequence[str]) -> list[DataPart]:
    """Parse `FOLDER[:FRACTION]` or `synth[:FRACTION]`; without fractions all parts have the same share.

    Raises:
        UsageError: for a fraction that is not positive.
    """
    parts = []
    for text in texts:
        name, colon, number = text.rpartition(":")
        try:
            fraction = float(number) if colon else 1.0
        except ValueError:
            name, fraction = "", 1.0
        if not colon or not name or os.path.isdir(text):
            name, fraction = text, 1.0
        if not (fraction > 0.0 and math.isfinite(fraction)):
            raise UsageError(f"the fraction in --data {text} is not positive", "Use a positive number")
        parts.append(DataPart(None if name == SYNTH else Path(name), fraction))
    return parts


@dataclass(frozen=True)
class UnheardSongs:
    """Procedural songs that are in no pool, nor in evaluations: a window is the sum of all stems of one song."""

    sample_rate: int

    def window(self, rng: np.random.Generator, samples: int) -> Array:
        return unheard_song((1, int(rng.integers(2**31))), samples, self.sample_rate).sum(axis=0)


class SongPool:
    """Procedural songs, generated once and stored in a file that worker processes map."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._songs: Array | None = None

    def window(self, rng: np.random.Generator, samples: int) -> Array:
        """A single stem, or the sum of several stems of a song, with equal probability."""
        if self._songs is None:
            self._songs = np.load(self._path, mmap_mode="r")
        songs, stems, length = self._songs.shape
        chosen = [rng.integers(stems)] if rng.random() < 0.5 else np.flatnonzero(rng.random(stems) < 0.7)
        start = int(rng.integers(0, max(length - samples, 0) + 1))
        song = self._songs[int(rng.integers(songs))]
        return padded(song[chosen, start : start + samples].sum(axis=0), samples)

    def __getstate__(self) -> dict[str, Any]:
        return {"_path": self._path, "_songs": None}  # a worker process maps the file itself


def make_pool(path: Path, minutes: float, sample_rate: int, seed: int, processes: int) -> SongPool:
    """The pool at `path`, `(songs, 4, N)`, generated in parallel if it does not exist."""
    if path.exists():
        return SongPool(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    songs = max(1, math.ceil(minutes * 60.0 / SONG_SECONDS))
    tasks = [((seed, song), SONG_SECONDS, sample_rate) for song in range(songs)]
    with atomic.replacing(path) as temporary:
        open_memmap: Any = np.lib.format.open_memmap  # not typed in every version of numpy
        out: Array = open_memmap(
            temporary, mode="w+", dtype=np.float32, shape=(songs, 4, round(SONG_SECONDS * sample_rate))
        )
        for index, song in enumerate(_songs(tasks, processes)):
            out[index] = song
        del out
    return SongPool(path)


def _songs(tasks: list[tuple[tuple[int, int], float, int]], processes: int) -> Iterator[Array]:
    if processes <= 1 or len(tasks) == 1:
        yield from (make_song(*task) for task in tasks)
        return
    spawn = multiprocessing.get_context("spawn")  # this process may have threads, or use a GPU
    workers = concurrent.futures.ProcessPoolExecutor(
        min(processes, len(tasks)), mp_context=spawn, initializer=leave_signals_to_the_parent
    )
    with workers:
        with _blocked_signals():  # until the processes run the initialiser
            songs = workers.map(make_song, *zip(*tasks, strict=True), chunksize=1)
        yield from songs


@contextlib.contextmanager
def _blocked_signals() -> Iterator[None]:
    """Delay Ctrl+C and SIGTERM; processes that are started meanwhile never receive them."""
    if not hasattr(signal, "pthread_sigmask"):  # on Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@dataclass(frozen=True)
class Mixed:
    """Several sources, each drawn from according to its share."""

    sources: tuple[Source, ...]
    shares: tuple[float, ...]

    def window(self, rng: np.random.Generator, samples: int) -> Array:
        return self.sources[int(rng.choice(len(self.sources), p=self.shares))].window(rng, samples)


def open_source(
    parts: Sequence[DataPart],
    sample_rate: int,
    pool: Callable[[], Source],
    selection: Selection | None = None,
    find: Callable[[Path], Sequence[FileInfo]] = readable,
) -> Source:
    """Open the sources of all parts. Raises `MediaError` for a folder without audio that can be used."""
    total = sum(part.fraction for part in parts)
    sources = tuple(
        pool() if part.folder is None else AudioFolder(part.folder, sample_rate, selection, find) for part in parts
    )
    return Mixed(sources, tuple(part.fraction / total for part in parts))


def audible_window(source: Source, rng: np.random.Generator, samples: int, level_min: float) -> Array:
    """A window that is not silent; if `level_min` is positive, its peak is drawn between `level_min` and 1.

    Raises:
        MediaError: when the source seems to contain only silence.
    """
    for _ in range(_MAX_DRAWS):
        window = source.window(rng, samples)
        if np.sqrt(np.mean(np.square(window))) >= _SILENCE_RMS:
            if level_min > 0.0:
                window = window * np.float32(rng.uniform(level_min, 1.0) / np.abs(window).max())
            return window
    raise MediaError("the training audio is silent", "Choose other folders with --data")


def leave_signals_to_the_parent() -> None:
    """Ignore Ctrl+C and SIGTERM, which terminals and job managers send to all processes of a run."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


class Batches(IterableDataset[torch.Tensor]):
    """`(B, N)` for each step from `first_step` on, endlessly."""

    def __init__(
        self, source: Source, *, batch: int, samples: int, level_min: float, seed: int, rank: int, first_step: int
    ) -> None:
        self._source = source
        self._batch, self._samples, self._level_min = batch, samples, level_min
        self._seed, self._rank, self._first_step = seed, rank, first_step

    def batch(self, step: int) -> torch.Tensor:
        rng = np.random.default_rng((self._seed, step, self._rank))
        windows = [audible_window(self._source, rng, self._samples, self._level_min) for _ in range(self._batch)]
        return torch.from_numpy(np.stack(windows))

    def __iter__(self) -> Iterator[torch.Tensor]:
        # A loader takes batches from its workers in turn, so worker w of W produces every W-th step.
        worker = get_worker_info()
        step = self._first_step + (worker.id if worker else 0)
        while True:
            yield self.batch(step)
            step += worker.num_workers if worker else 1
