"""Data sets of latents for training with PyTorch. The only module of this package that imports torch."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.utils.data
from torch import Tensor

from lincae_studio.datasets.reader import Reader
from lincae_studio.datasets.records import Record
from lincae_studio.engine.bundles.latent_files import frames_of
from lincae_studio.errors import UsageError


class LatentWindows(torch.utils.data.Dataset[Tensor]):
    """Windows of latents as tensors, each channel of each record cut into consecutive windows.

    An item is float32 `(D, frames)`. The rest at the end of a record is left out, and so are records that are shorter
    than a window. Only the index is in memory; a few shards are open at a time, in each of a loader's workers.
    """

    def __init__(self, folder: str | Path, frames: int) -> None:
        """Open a data set of latents.

        Args:
            frames: length of a window in latent frames.

        Raises:
            UsageError: when no record is as long as a window.
            MediaError: when there is no data set in the folder, or it is damaged.
        """
        self.folder, self.frames = Path(folder), frames
        self._reader = Reader(self.folder)
        self._records: list[tuple[Record, int]] = []
        #: Windows up to the end of each record.
        self._ends: list[int] = []
        total = 0
        for record in self._reader.records:
            windows = record.frames // frames
            if record.header is not None and windows > 0:
                self._records.append((record, windows))
                total += windows * record.header.channels
                self._ends.append(total)
        if not total:
            raise UsageError(f"no latents in {folder} have {frames:,} frames", "Choose a shorter window")

    def __len__(self) -> int:
        return self._ends[-1]

    def __getitem__(self, number: int) -> Tensor:
        """Window `number`. Raises `IndexError`; `MediaError` when its shard is missing or damaged."""
        if not 0 <= number < len(self):
            raise IndexError(number)
        place = bisect.bisect_right(self._ends, number)
        record, windows = self._records[place]
        within = number - (self._ends[place - 1] if place else 0)
        channel, window = divmod(within, windows)
        values = frames_of(self._reader.latents(record))
        return torch.from_numpy(np.array(values[channel, :, window * self.frames : (window + 1) * self.frames]))

    def records(self) -> Sequence[Record]:
        """The records that windows are cut from, in their order."""
        return [record for record, _ in self._records]

    def __getstate__(self) -> dict[str, object]:
        """For the workers of a loader, which open files of their own."""
        return {"folder": self.folder, "frames": self.frames}

    def __setstate__(self, state: dict[str, object]) -> None:
        folder, frames = state["folder"], state["frames"]
        assert isinstance(folder, Path)
        assert isinstance(frames, int)
        self.__init__(folder, frames)  # type: ignore[misc]
