"""The test tone, to check left, right and the level."""

from __future__ import annotations

import numpy as np

from lincae_studio.codecs.base import Array

_HZ = 440.0
_LEVEL = 0.1
_RATE = 44_100
_FADE = _RATE // 100


class TestTone:
    """440 Hz at -20 dBFS: one second on the left, then one second on the right."""

    __test__ = False  # pytest would take a class of this name for tests

    @property
    def rate(self) -> int:
        return _RATE

    @property
    def length(self) -> int:
        return 2 * _RATE

    def read(self, start: int, count: int) -> Array:
        """Samples `(2, count)` from `start` on; silence after the end."""
        at = np.arange(start, start + count)
        within = at % _RATE
        edge = np.minimum(np.minimum(within, _RATE - 1 - within) / _FADE, 1.0)
        tone = _LEVEL * np.sin(2.0 * np.pi * _HZ * at / _RATE) * edge
        side = at // _RATE
        return np.stack([tone * (side == 0), tone * (side == 1)]).astype(np.float32)
