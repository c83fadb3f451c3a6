"""How long the engine takes to decode a chunk, from the chunks that it has rendered. Main thread."""

from __future__ import annotations

import time
from collections import deque

import numpy as np

#: Chunks that the estimate is made from.
_KNOWN = 16

#: Less than this is not a decode of a neural codec, but a render that was read from disk.
_LEAST_S = 0.05


class DecodeTime:
    """The median of the latest chunks."""

    def __init__(self) -> None:
        self._known: deque[float] = deque(maxlen=_KNOWN)
        self._started: tuple[str, float] | None = None

    @property
    def seconds(self) -> float | None:
        """Seconds per chunk; None while it is not known."""
        return float(np.median(self._known)) if self._known else None

    def start(self, key: str) -> None:
        """The engine has started to render a chunk."""
        self._started = key, time.monotonic()

    def finish(self, key: str) -> None:
        """The engine has rendered a chunk."""
        if self._started is not None and self._started[0] == key:
            taken_s = time.monotonic() - self._started[1]
            if taken_s >= _LEAST_S:
                self._known.append(taken_s)
        self._started = None
