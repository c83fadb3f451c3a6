"""Previews: summed latents decoded by the quick decoder that a slow codec may have, as long as it is quick. One thread.

They are heard until the codec has decoded, and nothing else: they are never stored, exported or measured.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import numpy as np

from lincae_studio.codecs import registry
from lincae_studio.codecs.base import Array, Codec
from lincae_studio.errors import CodecError

_log = logging.getLogger(__name__)

#: Share of the time of a decode that previews may take before it.
_SHARE = 0.03

#: Previews at once, before it is known how long they take, and at most.
_AT_FIRST, _MOST = 8, 16


class Previews:
    """The preview of the codec in use, and how many are affordable."""

    def __init__(
        self,
        load: Callable[[Codec], Codec | None] = registry.preview_of,
        on_problem: Callable[[CodecError], None] = lambda error: _log.warning("%s", error),
    ) -> None:
        """`load` returns the preview of a codec, or None; `on_problem` is called with the error if it is damaged."""
        self._load = load
        self._on_problem = on_problem
        #: The codec that was looked up last, and its preview.
        self._codec: Codec | None = None
        self._preview: Codec | None = None
        #: Seconds that the last decode of a bus took, by the codec and by its preview; and whether that has run before,
        #: since the first time takes longer.
        self._decode_s: float | None = None
        self._preview_s: float | None = None
        self._warm = False

    @property
    def affordable(self) -> int:
        """How many chunks may be previewed before the next one is decoded."""
        if self._decode_s is None or self._preview_s is None:
            return _AT_FIRST
        return min(_MOST, int(_SHARE * self._decode_s / max(self._preview_s, 1e-6)))

    def has(self, codec: Codec) -> bool:
        """Whether a codec has a preview. It is loaded on first use."""
        if codec is not self._codec:
            self._codec, self._preview = codec, None
            self._decode_s, self._preview_s, self._warm = None, None, False
            try:
                self._preview = self._load(codec)
            except CodecError as error:
                self._on_problem(error)
        return self._preview is not None

    def decode(self, codec: Codec, latents: Array) -> Array | None:
        """Summed latents `(buses, D, T)` to audio `(buses, N)`; None without a preview, or one that takes too long."""
        if not self.has(codec) or not self.affordable:
            return None
        assert self._preview is not None
        started = time.perf_counter()
        audio = self._preview.decode(latents, first_frames=[0] * len(latents), seed=0)
        if self._warm:
            self._preview_s = (time.perf_counter() - started) / len(latents)
        self._warm = True
        return audio if np.isfinite(audio).all() else None

    def note_decode(self, codec: Codec, seconds: float) -> None:
        """Note how long a codec took to decode a bus."""
        if codec is self._codec:
            self._decode_s = seconds
