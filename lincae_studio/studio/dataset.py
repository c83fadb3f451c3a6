"""Data sets of latents in Python: what `lincae-studio dataset` has written, read with numpy. Any one thread."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lincae_studio.codecs.base import Array
from lincae_studio.datasets.reader import Reader
from lincae_studio.datasets.records import Job, Record
from lincae_studio.engine.bundles.latent_files import frames_of
from lincae_studio.errors import UsageError
from lincae_studio.studio import display
from lincae_studio.studio.audio import Audio
from lincae_studio.studio.engine import Engine
from lincae_studio.studio.latents import Latents

if TYPE_CHECKING:
    from lincae_studio.datasets.torch_data import LatentWindows

#: Records that a notebook lists.
_SHOWN = 10


class Dataset:
    """A data set of latents, of decoded audio, or of a codec's figures: a sequence of records.

    A record is a span of a file, or a mixture: `name`, `start` and `length` in samples, `digest` of the file, `header`
    with codec and geometry, `recipe` of a mixture, `figures` of a codec. Only the index is kept in memory; arrays are
    read when they are asked for, a record at a time.

        >>> import lincae_studio as ls
        >>> data = ls.open_dataset("latents")
        >>> len(data), data[0].name
        (3, 'bass.wav')
        >>> data.values(0).shape
        (1, 64, 690)
        >>> data.latents(0).decode()
        <Audio (1, 176400), 0:04.000, 44,100 Hz>
    """

    def __init__(self, path: str | Path, *, engine: Engine | None = None) -> None:
        """As `open_dataset`."""
        self._reader = Reader(Path(path))
        self._records = self._reader.records
        self._engine = engine

    @property
    def path(self) -> Path:
        """The folder."""
        return self._reader.folder

    @property
    def job(self) -> Job:
        """How it was made: kind, codec, rate in Hz, seed and more."""
        return self._reader.job

    @property
    def records(self) -> Sequence[Record]:
        """All records, sorted by name and start."""
        return self._records

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, number: int) -> Record:
        return self._records[number]

    def __iter__(self) -> Iterator[Record]:
        return iter(self._records)

    def values(self, record: Record | int) -> Array:
        """The latent frames of a record in a row: float32 `(channels, D, T)`.

        Raises:
            MediaError: when it has no latents, or its shard is missing or damaged.
            IndexError: when there is no record with this number.
        """
        return frames_of(self._reader.latents(self._record(record)))

    def latents(self, record: Record | int) -> Latents:
        """The latents of a record as chunks, to be decoded or calculated with. Raises like `values`."""
        if self._engine is None:
            self._engine = Engine()
        return Latents(self._reader.latents(self._record(record)), self._engine)

    def audio(self, record: Record | int) -> Audio:
        """The audio of a record of `lincae-studio dataset decode`: float32 `(channels, N)`. Raises like `values`."""
        found = self._record(record)
        return Audio(self._reader.audio(found), found.rate)

    def windows(self, frames: int, batch: int, *, seed: int = 0) -> Iterator[Array]:
        """Batches of windows, drawn by seed without end: float32 `(batch, D, frames)`.

        Each window is drawn from the records that are long enough, with a chance in proportion to their length, and
        from their channels and places evenly. A batch reads as many records as it has windows.

        Raises:
            UsageError: when no record has `frames` frames. Like other errors, when the first batch is taken.
            MediaError: when a shard is missing or damaged.
        """
        usable = [(one, count) for one in self._records if (count := one.frames) >= frames]
        if not usable:
            raise UsageError(f"no latents in {self.path} have {frames:,} frames", "Choose a shorter window")
        ends = np.cumsum([count for _, count in usable])
        random = np.random.default_rng(seed)
        while True:
            found = []
            for place in np.searchsorted(ends, random.integers(ends[-1], size=batch), side="right"):
                values = self.values(usable[int(place)][0])
                start = int(random.integers(values.shape[2] - frames + 1))
                found.append(values[int(random.integers(len(values))), :, start : start + frames])
            yield np.stack(found)

    def torch(self, frames: int) -> LatentWindows:
        """A `torch.utils.data.Dataset` of windows: item i is float32 `(D, frames)`, in the order of the records.

        Raises:
            UsageError: when no record has `frames` frames.
            CodecError: when torch is not installed.
        """
        from lincae_studio.codecs.packages import require

        require("torch")
        from lincae_studio.datasets.torch_data import LatentWindows

        return LatentWindows(self.path, frames)

    def __repr__(self) -> str:
        return f"<Dataset of {len(self):,} records, {self.job.kind}, {self.job.codec}>"

    def _repr_html_(self) -> str:
        rows = [
            (display.text(one.name), f"{one.start:,}", f"{one.length:,}", f"{one.frames:,}")
            for one in self._records[:_SHOWN]
        ]
        more = f"; the first {_SHOWN} are shown" if len(self) > _SHOWN else ""
        about = f"{len(self):,} records made by {self.job.kind} with {self.job.codec}{more}"
        return display.block(display.table(("Name", "Start", "Samples", "Frames"), rows), display.caption(about))

    def _record(self, record: Record | int) -> Record:
        return record if isinstance(record, Record) else self._records[record]


def open_dataset(path: str | Path, *, engine: Engine | None = None) -> Dataset:
    """Open a data set that `lincae-studio dataset` has written; nothing in it is executed.

    Args:
        engine: decodes latents; None for one that is made when it is needed.

    Raises:
        MediaError: when there is no data set in the folder, or its index is damaged.
    """
    return Dataset(path, engine=engine)
