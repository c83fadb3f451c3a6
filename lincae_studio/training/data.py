"""Training windows from folders of audio or procedural songs, determined by seed, step and rank.

The batch of a step depends on nothing else, so it is the same with any number of worker processes and after resuming.
Windows are `(N,)` float32 mono at the recipe's rate.
"""

from __future__ import annotations

import concurrent.futures
import ctypes
import logging
import math
import multiprocessing
import os
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
from lincae_studio.session.times import count_of
from lincae_studio.training.synth import make_song

if TYPE_CHECKING:
    from lincae_studio.media.reading.reader import FileInfo

Array = npt.NDArray[np.float32]

log = logging.getLogger(__name__)

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
        return _padded(song[chosen, start : start + samples].sum(axis=0), samples)

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
    with concurrent.futures.ProcessPoolExecutor(min(processes, len(tasks)), mp_context=spawn) as pool:
        yield from pool.map(make_song, *zip(*tasks, strict=True), chunksize=1)


class AudioFolder:
    """The audio files in a folder. An unreadable file is reported once, by the first process that tries to read it."""

    def __init__(self, folder: Path, sample_rate: int) -> None:
        """Raises `MediaError` when the folder contains no readable file."""
        self._folder = folder
        self._sample_rate = sample_rate
        self.files = _readable(folder)
        self._seconds = np.array([file.length / file.sample_rate for file in self.files])
        #: Shared by all worker processes: whether reading a file with a valid header has failed.
        self._bad = multiprocessing.get_context("spawn").Array(ctypes.c_bool, len(self.files))

    def window(self, rng: np.random.Generator, samples: int) -> Array:
        """A window of a file, which is drawn with probability proportional to its length."""
        while True:
            weights = self._seconds * ~np.array(self._bad[:], bool)
            if not weights.any():
                raise MediaError(f"none of the audio files in {self._folder} can be read", "Choose another folder")
            index = int(rng.choice(len(self.files), p=weights / weights.sum()))
            try:
                return self._read(self.files[index], rng, samples)
            except (RuntimeError, OSError) as error:
                with self._bad.get_lock():
                    if not self._bad[index]:
                        self._bad[index] = True
                        log.warning("%s is skipped: %s", self.files[index].path, error)

    def _read(self, file: FileInfo, rng: np.random.Generator, samples: int) -> Array:
        import soundfile
        import soxr

        needed = math.ceil(samples * file.sample_rate / self._sample_rate)
        start = int(rng.integers(0, max(file.length - needed, 0) + 1))
        audio, _ = soundfile.read(file.path, needed, start, dtype="float32", always_2d=True)
        if len(audio) < min(needed, file.length):
            raise RuntimeError("it is shorter than its header says")
        if not np.isfinite(audio).all():
            raise RuntimeError("it contains NaN or infinite samples")
        mono = audio.mean(axis=1)
        if file.sample_rate != self._sample_rate:
            mono = soxr.resample(mono, file.sample_rate, self._sample_rate)
        return _padded(mono, samples)


def _readable(folder: Path) -> list[FileInfo]:
    from lincae_studio.media.probe import EXTENSIONS, probe

    if not folder.is_dir():
        raise MediaError(f"{folder} is not a folder", "Give a folder of audio files with --data, or synth")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower().lstrip(".") in EXTENSIONS)
    files = []
    for path in paths:
        try:
            files.append(probe(path))
        except MediaError as error:
            log.warning("%s is skipped: %s", path, error.problem)
    if not files:
        count = count_of(len(paths), "audio file")
        found = f"it contains {count}, but none can be read" if paths else "it contains no audio files"
        raise MediaError(f"{folder} cannot be used: {found}", f"Supported files are {', '.join(EXTENSIONS)}")
    return files


@dataclass(frozen=True)
class Mixed:
    """Several sources, each drawn from according to its share."""

    sources: tuple[Source, ...]
    shares: tuple[float, ...]

    def window(self, rng: np.random.Generator, samples: int) -> Array:
        return self.sources[int(rng.choice(len(self.sources), p=self.shares))].window(rng, samples)


def open_source(parts: Sequence[DataPart], sample_rate: int, pool: Callable[[], SongPool]) -> Source:
    """Open the sources of all parts. Raises `MediaError` for a folder without readable audio."""
    total = sum(part.fraction for part in parts)
    sources = tuple(pool() if part.folder is None else AudioFolder(part.folder, sample_rate) for part in parts)
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


def _padded(audio: Array, samples: int) -> Array:
    """Exactly `samples` samples, padded with silence."""
    return np.pad(audio[:samples], (0, max(0, samples - audio.size))).astype(np.float32, copy=False)
