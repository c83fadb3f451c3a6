"""The audio files of a folder as a source of training windows: which files are used, and how one is drawn."""

from __future__ import annotations

import ctypes
import hashlib
import logging
import math
import multiprocessing
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from lincae_studio.errors import MediaError
from lincae_studio.session.times import count_of

if TYPE_CHECKING:
    from lincae_studio.media.reading.reader import FileInfo

Array = npt.NDArray[np.float32]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Selection:
    """The files of a folder to use.

    Attributes:
        sampling: whether a file is drawn with a probability proportional to its `length`, or each `file` with the same.
        shortest_s: files that are not longer than this are left out; 0 leaves out none.
        without: real paths of files that are left out.
        only: real paths of the only files used; None for all.
    """

    sampling: Literal["length", "file"] = "length"
    shortest_s: float = 0.0
    without: frozenset[str] = frozenset()
    only: frozenset[str] | None = None


def audio_files(folder: Path) -> list[Path]:
    """Files with the extension of an audio file in a folder and all folders in it, sorted.

    Links to folders are followed, each folder being visited once, so a link to a parent ends the search there. Files
    whose names begin with `._` are ignored: macOS stores attributes of other files in them.
    """
    from lincae_studio.media.probe import EXTENSIONS

    visited: set[tuple[int, int]] = set()
    found = []
    for name, subfolders, files in os.walk(folder, followlinks=True):
        status = os.stat(name)
        if (status.st_dev, status.st_ino) in visited:
            subfolders.clear()
            continue
        visited.add((status.st_dev, status.st_ino))
        subfolders.sort()  # of two links to one folder, always the same one is followed
        paths = (Path(name, file) for file in files if not file.startswith("._"))
        found += [path for path in paths if path.suffix.lower().lstrip(".") in EXTENSIONS]
    return sorted(found)


def readable(folder: Path) -> list[FileInfo]:
    """The audio files with valid headers; others are reported. Raises `MediaError` when there is none."""
    from lincae_studio.media.probe import EXTENSIONS, probe

    if not folder.is_dir():
        raise MediaError(f"{folder} is not a folder", "Give a folder of audio files, or synth")
    paths = audio_files(folder)
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


def real_paths(files: Iterable[FileInfo]) -> frozenset[str]:
    return frozenset(os.path.realpath(file.path) for file in files)


def held_out(folder: Path, files: Sequence[FileInfo], share: float) -> frozenset[str]:
    """Real paths of a share of the files, at least one of them, and not all.

    The choice depends on the files' names in the folder alone: neither on the seed, so that runs can be compared, nor
    on the folder's place.

    Raises:
        MediaError: when there is only one file.
    """
    if len(files) < 2:
        raise MediaError(
            f"{folder} contains only one audio file, so none can be held out", "Give other audio with --validate FOLDER"
        )

    def rank(file: FileInfo) -> bytes:
        return hashlib.sha256(os.fsencode(os.path.relpath(file.path, folder).replace(os.sep, "/"))).digest()

    count = min(max(1, round(share * len(files))), len(files) - 1)
    return real_paths(sorted(files, key=rank)[:count])


class AudioFolder:
    """The audio files in a folder. An unreadable file is reported once, by the first process that tries to read it."""

    def __init__(
        self,
        folder: Path,
        sample_rate: int,
        selection: Selection | None = None,
        find: Callable[[Path], Sequence[FileInfo]] = readable,
    ) -> None:
        """Raises `MediaError` when the folder contains no file that can be used."""
        self._folder = folder
        self._sample_rate = sample_rate
        selection = Selection() if selection is None else selection
        self.files = _selected(folder, find(folder), selection)
        seconds = [file.length / file.sample_rate if selection.sampling == "length" else 1.0 for file in self.files]
        self._weights = np.array(seconds)
        #: Shared by all worker processes: whether reading a file with a valid header has failed.
        self._bad = multiprocessing.get_context("spawn").Array(ctypes.c_bool, len(self.files))

    def window(self, rng: np.random.Generator, samples: int) -> Array:
        """A window of a file, which is drawn by the selection's rule; a shorter file is followed by silence."""
        while True:
            weights = self._weights * ~np.array(self._bad[:], bool)
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
        return padded(mono, samples)


def _selected(folder: Path, files: Sequence[FileInfo], selection: Selection) -> list[FileInfo]:
    chosen = []
    for file in files:
        path = os.path.realpath(file.path)
        if path not in selection.without and (selection.only is None or path in selection.only):
            chosen.append(file)
    long = [file for file in chosen if file.length / file.sample_rate > selection.shortest_s]
    if not chosen:
        raise MediaError(
            f"{folder} contains only files for validation", "Choose another folder for training or for validation"
        )
    if not long:
        raise MediaError(
            f"all audio files in {folder} are shorter than a window of {selection.shortest_s:.3g} s",
            "Choose another folder, or use --set short_files=pad",
        )
    if len(long) < len(chosen):
        short = count_of(len(chosen) - len(long), "audio file")
        log.warning("%s: %s shorter than a window of %.3g s left out", folder, short, selection.shortest_s)
    return long


def padded(audio: Array, samples: int) -> Array:
    """Exactly `samples` samples, padded with silence."""
    return np.pad(audio[:samples], (0, max(0, samples - audio.size))).astype(np.float32, copy=False)
