"""Audio that can be read anywhere, and what processes make of it, block by block. Any thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from msgspec import Struct

from lincae_studio.jobs import CancelToken
from lincae_studio.media.conformed import ConformedMedia
from lincae_studio.media.peaks import Audio
from lincae_studio.session.processes import Invert, Process, RemoveDC, Reverse, matrix_of

#: Samples that are read at a time.
BLOCK_FRAMES = 1 << 16


class Signal(Struct, frozen=True):
    """Audio of a known length; `read(first, last)` returns new samples `(n, C)`."""

    length: int
    channels: int
    read: Callable[[int, int], Audio]

    @classmethod
    def of(cls, conformed: ConformedMedia) -> Signal:
        """The samples of conformed audio, whose pages are unmapped once they are read."""

        def read(first: int, last: int) -> Audio:
            channels = [conformed.read(channel, first, last - first) for channel in range(conformed.channels)]
            return np.stack(channels, axis=1)

        return cls(conformed.length, conformed.channels, read)

    def blocks(self, cancel: CancelToken) -> Iterator[Audio]:
        """All samples in order, in blocks. Raises `Cancelled`, and what reading raises."""
        for first in range(0, self.length, BLOCK_FRAMES):
            cancel.check()
            yield self.read(first, min(first + BLOCK_FRAMES, self.length))


def processed(signal: Signal, process: Process, cancel: CancelToken) -> Signal:
    """What a process makes of a signal, except for a stretch, which cannot be read anywhere.

    Removing the DC offset reads all of the signal at once. Raises `Cancelled`, and what reading raises.
    """
    read, length = signal.read, signal.length
    if isinstance(process, Reverse):
        return Signal(length, signal.channels, lambda first, last: read(length - last, length - first)[::-1])
    if isinstance(process, Invert):
        return Signal(length, signal.channels, lambda first, last: -read(first, last))
    if isinstance(process, RemoveDC):
        sums = [block.sum(axis=0, dtype=np.float64) for block in signal.blocks(cancel)]
        means = (np.sum(sums, axis=0) / length).astype(np.float32)
        return Signal(length, signal.channels, lambda first, last: read(first, last) - means)
    rows = matrix_of(process)
    assert rows is not None, "a stretch is not a signal"
    matrix = np.array(rows, np.float32).T
    return Signal(length, len(rows), lambda first, last: read(first, last) @ matrix)
