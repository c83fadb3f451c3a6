"""A ring buffer between one feeder thread and one audio callback.

No locks: each side only ever increases its own counter. The consumer allocates nothing. Discarded frames stay where
they are until the consumer has passed them, as it may be reading them; twice the capacity leaves room for new ones.
"""

from __future__ import annotations

import numpy as np

from lincae_studio.codecs.base import Array

CHANNELS = 2


class RingBuffer:
    """Frames `(n, 2)` of float32, numbered from the first one ever written."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._places = 2 * capacity
        self._frames = np.zeros((self._places, CHANNELS), np.float32)
        self._discard_before = 0
        #: Total number of frames written, and consumed or discarded.
        self.written = 0
        self.consumed = 0

    @property
    def ready(self) -> int:
        """Frames that can be read now."""
        return self.written - max(self.consumed, self._discard_before)

    @property
    def free(self) -> int:
        """Frames that can be written now."""
        return min(self._capacity - self.ready, self._places - (self.written - self.consumed))

    def write(self, block: Array) -> None:
        """Feeder: append `(n, 2)` frames; the caller must make sure that `n <= free`."""
        count = len(block)
        at = self.written % self._places
        first = min(count, self._places - at)
        self._frames[at : at + first] = block[:first]
        self._frames[: count - first] = block[first:]
        self.written += count

    def discard(self) -> None:
        """Feeder: discard the frames in the buffer."""
        self._discard_before = self.written

    def read_into(self, out: Array) -> int:
        """Consumer: fill `out` `(n, 2)`, with zeros for missing frames; returns the number of frames read."""
        start = max(self.consumed, self._discard_before)
        count = min(self.written - start, len(out))
        at = start % self._places
        first = min(count, self._places - at)
        out[:first] = self._frames[at : at + first]
        out[first:count] = self._frames[: count - first]
        out[count:] = 0.0
        self.consumed = start + count
        return count
