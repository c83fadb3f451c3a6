"""Audio as a value of the Python interface: samples with their rate. Any thread."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lincae_studio.codecs.base import Array
from lincae_studio.engine.export.writer import ExportItem, export
from lincae_studio.engine.rendering.streams import Stream
from lincae_studio.errors import ExportError, UsageError
from lincae_studio.export_settings import AudioFormat, Level
from lincae_studio.media.formats import FORMATS, container_of
from lincae_studio.session.times import format_time
from lincae_studio.studio import display


class Audio:
    """Samples with their rate. numpy's functions take it as its array, and a notebook shows a player and the waveform.

        >>> import numpy as np
        >>> from lincae_studio import Audio
        >>> silence = Audio(np.zeros(44_100, np.float32), rate=44_100)
        >>> silence.shape, silence.duration
        ((1, 44100), 1.0)
        >>> float(np.abs(silence).max())
        0.0

    Attributes:
        samples: float32 `(channels, N)`; full scale is 1.
        rate: in Hz.
    """

    def __init__(self, samples: npt.ArrayLike, rate: int) -> None:
        """Samples `(channels, N)`, or `(N,)` for mono. They are not copied if they are float32 already.

        Raises:
            UsageError: for another number of dimensions, or more than two channels.
        """
        found = np.asarray(samples, np.float32)
        found = found[None] if found.ndim == 1 else found
        if found.ndim != 2 or len(found) not in (1, 2):
            raise UsageError(f"audio cannot have the shape {found.shape}", "Give an array (channels, N), of 1 or 2")
        self.samples: Array = found
        self.rate = int(rate)

    @property
    def shape(self) -> tuple[int, int]:
        """`(channels, N)`."""
        return len(self.samples), int(self.samples.shape[1])

    @property
    def channels(self) -> int:
        """1 or 2."""
        return len(self.samples)

    @property
    def duration(self) -> float:
        """In seconds."""
        return self.shape[1] / self.rate

    def save(self, path: str | Path) -> Path:
        """Write a file: 32-bit WAV, 24-bit FLAC, OGG or MP3, by the ending of its name. Returns its path.

        Raises:
            ExportError: when the ending is unknown, there are no samples, or the file cannot be written; an older file
                is kept.
        """
        samples, path = self.samples, Path(path)
        stream = Stream(self.channels, self.rate, lambda start, end: iter([samples[:, start:end]]))
        export([ExportItem(path, stream)], 0, samples.shape[1], format_of(path), Level())
        return path

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> npt.NDArray[Any]:
        if copy is False and dtype not in (None, self.samples.dtype):
            raise ValueError("samples of another type than float32 are a copy")
        return np.array(self.samples, dtype, copy=bool(copy)) if copy else self.samples.astype(dtype, copy=False)

    def __repr__(self) -> str:
        return f"<Audio {self.shape}, {format_time(self.duration)}, {self.rate:,} Hz>"

    def _repr_html_(self) -> str:
        channels = ("mono", "stereo")[self.channels - 1]
        peak = float(max(self.samples.max(initial=0.0), -self.samples.min(initial=0.0)))
        level = "silent" if peak == 0.0 else f"peak {20.0 * np.log10(peak):.1f} dBFS".replace("-", "−")
        about = f"{format_time(self.duration)}, {channels}, {self.rate:,} Hz, {level}"
        return display.block(
            display.player(self.samples, self.rate), display.waveform(self.samples), display.caption(about)
        )


def format_of(path: Path) -> AudioFormat:
    """The format of an audio file by its ending. Raises `ExportError` if that is unknown."""
    container = container_of(path)
    if container is None:
        endings = ", ".join(ending for one in FORMATS.values() for ending in one.endings)
        raise ExportError(f"cannot tell the format of {path.name}", f"Choose a name that ends in {endings}")
    sample_formats = FORMATS[container].sample_formats
    return AudioFormat(container=container, sample_format=sample_formats[0] if sample_formats else "32f")
