"""The audio of an evaluation: files in mono at any rate, and groups of windows of them that are mixed with each other.

Files are decoded once for each rate, into temporary files: memory does not depend on their length.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr

from lincae_studio import paths, private
from lincae_studio.codecs.base import Array, CodecInfo
from lincae_studio.errors import MediaError, UsageError, os_error_reason
from lincae_studio.media.probe import check_width
from lincae_studio.media.reading.reader import AudioFile

#: Windows below this RMS (-60 dB) count as silence; figures relative to them would be meaningless.
SILENCE_RMS = 1e-3

#: The steps in which the loudest part is looked for.
_STEP_S = 0.1

#: Signals are read in blocks of this length, to look for the loudest part.
_BLOCK_S = 60.0


class Recordings:
    """Audio files, mixed to mono."""

    def __init__(self, files: Sequence[Path], *, stems: bool = False) -> None:
        """`stems`: the files are stems; those of one folder are a song.

        Raises:
            UsageError: for `stems` with a single file of a song.
        """
        self.files = tuple(files)
        self.stems = stems
        folders: dict[Path, list[int]] = {}
        for row, path in enumerate(files):
            folders.setdefault(path.absolute().parent, []).append(row)
        #: The rows of the stems of each song.
        self.songs = tuple(folders.values())
        if stems and min(map(len, self.songs)) < 2:
            raise UsageError("--stems needs at least two files of a song", "Give all its stems, in one folder")
        self._known: dict[int, list[Array]] = {}

    def at(self, sample_rate: int) -> list[Array]:
        """The signals `(N,)` at a rate.

        Raises:
            MediaError: for a file that cannot be read, or has more than two channels.
        """
        if sample_rate not in self._known:
            self._known[sample_rate] = [_mono(path, sample_rate) for path in self.files]
        return self._known[sample_rate]


@dataclass(frozen=True)
class Excerpt:
    """A few seconds of signals that are mixed with each other.

    Attributes:
        names: of the signals.
        starts_s: where they start in their files.
        sample_rate: of `signals`, in Hz.
        signals: `(S, N)`.
    """

    names: tuple[str, ...]
    starts_s: tuple[float, ...]
    sample_rate: int
    signals: Array

    def at(self, sample_rate: int) -> Array:
        """The signals `(S, N)` at another rate."""
        if sample_rate == self.sample_rate:
            return self.signals
        resampled = soxr.resample(self.signals.T, self.sample_rate, sample_rate)
        return np.ascontiguousarray(resampled.T, np.float32)


def read_groups(recordings: Recordings, info: CodecInfo, *, limit: int) -> Array:
    """`(groups, sources, N)` windows of audio files, mono at the codec's rate, one chunk of the codec each.

    A group of stems is all those of a song at the same time, after which silence stands for the stems that other songs
    have more. Otherwise a group is two windows of any files. At most `limit` groups are used, spread evenly.

    Raises:
        MediaError: for a file that cannot be read, or audio that is too short or silent.
    """
    samples = info.window_samples(info.chunk_frames)
    signals = recordings.at(info.sample_rate)
    if recordings.stems:
        places: list[list[tuple[int, int]]] = []
        most = max(map(len, recordings.songs))
        nothing = [(len(signals), 0)]
        signals = [*signals, np.zeros(0, np.float32)]
        for song in recordings.songs:
            count = max(1, max(len(signals[row]) for row in song) // samples)
            groups = [[(row, window) for row in song] + nothing * (most - len(song)) for window in range(count)]
            places += [group for group in groups if audible(_windows(signals, group, samples)).sum() >= 2]
    else:
        windows = [
            (row, window) for row, signal in enumerate(signals) for window in range(max(1, len(signal) // samples))
        ]
        windows = [one for one in windows if audible(_windows(signals, [one], samples))[0]]
        if len(windows) == 1:
            raise MediaError("there is only one window of audio", "Give more files: windows are mixed with each other")
        # Pair each window with the one half the list away, which is usually from another file.
        half = len(windows) // 2
        places = [[one, windows[number - half]] for number, one in enumerate(windows)]
    if not places:
        raise MediaError("there is nothing to measure: the audio is silent", "Give other files")
    chosen = np.linspace(0, len(places) - 1, min(limit, len(places))).round().astype(int)
    return np.stack([_windows(signals, places[number], samples) for number in chosen])


def loudest_excerpt(recordings: Recordings, sample_rate: int, seconds: float) -> Excerpt:
    """The loudest part of the mix of the first song's stems; or of two files, or of the two halves of a single one.

    Raises:
        MediaError: for a file that cannot be read.
    """
    signals = recordings.at(sample_rate)
    names = [path.stem for path in recordings.files]
    offsets = [0] * len(signals)
    if recordings.stems:
        song = recordings.songs[0]
        signals, names, offsets = [signals[row] for row in song], [names[row] for row in song], [0] * len(song)
        starts = [_loudest(signals, sample_rate, seconds)] * len(signals)
    else:
        if len(signals) == 1:
            half = len(signals[0]) // 2
            signals, offsets = [signals[0][:half], signals[0][half:]], [0, half]
            names = [f"{names[0]}, first half", f"{names[0]}, second half"]
        signals, names, offsets = signals[:2], names[:2], offsets[:2]
        starts = [_loudest([signal], sample_rate, seconds) for signal in signals]
    longest = max(len(signal) - start for signal, start in zip(signals, starts, strict=True))
    count = min(round(seconds * sample_rate), longest)
    parts = [_part(signal, start, count) for signal, start in zip(signals, starts, strict=True)]
    starts_s = tuple((start + offset) / sample_rate for start, offset in zip(starts, offsets, strict=True))
    return Excerpt(tuple(names), starts_s, sample_rate, np.stack(parts))


def audible(windows: Array) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which of `(B, N)` windows are not silent."""
    return np.asarray(np.sqrt(np.mean(np.square(windows), axis=1)) >= SILENCE_RMS)


def _windows(signals: Sequence[Array], places: Sequence[tuple[int, int]], samples: int) -> Array:
    """`(B, samples)`: windows given by their signal and number; beyond the end of a signal there is silence."""
    return np.stack([_part(signals[row], window * samples, samples) for row, window in places])


def _part(signal: Array, start: int, count: int) -> Array:
    part = signal[start : start + count]
    return np.pad(part, (0, count - len(part)))


def _loudest(signals: Sequence[Array], sample_rate: int, seconds: float) -> int:
    """The start of the part of the mix with the most energy, on a grid of steps; the first of several."""
    step = round(_STEP_S * sample_rate)
    energies = np.concatenate(list(_energies(signals, step, round(_BLOCK_S * sample_rate) // step * step)))
    length = max(1, round(seconds / _STEP_S))
    if len(energies) <= length:
        return 0
    sums = np.concatenate([[0.0], np.cumsum(energies)])
    return int(np.argmax(sums[length:] - sums[:-length])) * step


def _energies(signals: Sequence[Array], step: int, block: int) -> Iterator[Array]:
    """The energy of each whole step of the mix."""
    longest = max(len(signal) for signal in signals)
    for start in range(0, longest, block):
        count = min(block, longest - start)
        mix = np.sum([_part(signal, start, count) for signal in signals], axis=0)
        yield np.square(mix[: count // step * step]).reshape(-1, step).sum(axis=1)


def _mono(path: Path, sample_rate: int) -> Array:
    """A file's samples `(N,)`, mapped from a temporary file."""
    folder = private.make(paths.cache_dir())
    with AudioFile(path) as source:
        check_width(source.info)
        rate = source.info.sample_rate
        resampler = soxr.ResampleStream(rate, sample_rate, 1, dtype="float32") if rate != sample_rate else None
        try:
            with tempfile.TemporaryFile(dir=folder) as file:
                for block in source.blocks():
                    mono = block.mean(axis=1, dtype=np.float32)
                    file.write((mono if resampler is None else resampler.resample_chunk(mono)).tobytes())
                if resampler is not None:
                    file.write(resampler.resample_chunk(np.zeros(0, np.float32), last=True).tobytes())
                file.flush()
                if not file.tell():
                    return np.zeros(0, np.float32)
                return np.memmap(file, np.float32, "r")
        except OSError as error:
            reason, remedy = os_error_reason(error, folder)
            raise MediaError(f"cannot decode {path.name} into {folder}: {reason}", remedy) from error
