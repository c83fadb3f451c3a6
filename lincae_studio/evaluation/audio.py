"""The audio of an evaluation: groups of windows that are mixed with each other, from files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lincae_studio.codecs.base import Array, CodecInfo
from lincae_studio.errors import MediaError, UsageError

#: Windows below this RMS (-60 dB) count as silence; figures relative to them would be meaningless.
SILENCE_RMS = 1e-3


def read_groups(paths: Sequence[Path], info: CodecInfo, *, stems: bool, limit: int) -> Array:
    """`(groups, sources, N)` windows of audio files, mono at the codec's rate.

    With `stems` the files are the stems of one song, and a group is all of them at the same time. Otherwise a group is
    two windows of any files. At most `limit` groups are used, spread evenly.

    Raises:
        MediaError: for a file that cannot be read, or audio that is too short or silent.
        UsageError: for `stems` with a single file.
    """
    samples = info.window_samples(info.chunk_frames)
    signals = [_read(path, info.sample_rate) for path in paths]
    if stems:
        if len(signals) < 2:
            raise UsageError("--stems needs at least two files", "Give the stems of one song")
        longest = max(len(signal) for signal in signals)
        song = np.stack([np.pad(signal, (0, longest - len(signal))) for signal in signals])
        groups = _windows(song, samples).transpose(1, 0, 2)
        groups = groups[[audible(group).sum() >= 2 for group in groups]]
    else:
        windows = np.concatenate([_windows(signal[None], samples)[0] for signal in signals])
        windows = windows[audible(windows)]
        if len(windows) == 1:
            raise MediaError("there is only one window of audio", "Give more files: windows are mixed with each other")
        # Pair each window with the one half the list away, which is usually from another file.
        groups = np.stack([windows, np.roll(windows, len(windows) // 2, axis=0)], axis=1)
    if not len(groups):
        raise MediaError("there is nothing to measure: the audio is silent", "Give other files")
    return np.asarray(groups[np.linspace(0, len(groups) - 1, min(limit, len(groups))).round().astype(int)])


def _windows(signals: Array, samples: int) -> Array:
    """`(B, N)` to `(B, windows, samples)` without overlap; a short signal is padded to one window."""
    count = max(1, signals.shape[1] // samples)
    padded = np.pad(signals, ((0, 0), (0, max(0, samples - signals.shape[1]))))
    return padded[:, : count * samples].reshape(len(signals), count, samples)


def _read(path: Path, sample_rate: int) -> Array:
    import soxr

    from lincae_studio.media.probe import check_width
    from lincae_studio.media.reading.reader import AudioFile

    with AudioFile(path) as file:
        check_width(file.info)
        audio = np.concatenate([block.mean(axis=1) for block in file.blocks()])
        return np.asarray(soxr.resample(audio, file.info.sample_rate, sample_rate), np.float32)


def audible(windows: Array) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which of `(B, N)` windows are not silent."""
    return np.asarray(np.sqrt(np.mean(np.square(windows), axis=1)) >= SILENCE_RMS)
