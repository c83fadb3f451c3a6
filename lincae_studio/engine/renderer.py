"""The renderer: a chunk in, its latents and audio out. In any process; one thread uses an instance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from lincae_studio.codecs.base import Array, Codec
from lincae_studio.engine.algebra import combine
from lincae_studio.engine.cache import LatentCache
from lincae_studio.engine.plan import Chunk, Term
from lincae_studio.engine.sources import AudioReader, read_source
from lincae_studio.media.store import MediaStore

#: Windows encoded at once: bounds memory, large enough for efficient products.
_ENCODE_BATCH = 16


@dataclass(frozen=True)
class Rendered:
    """A decoded chunk.

    Attributes:
        key: of the chunk it belongs to.
        latents: `(buses, D, T)`, the sums that were decoded.
        audio: `(buses, window_samples)`, edges included.
    """

    key: str
    latents: Array
    audio: Array

    @property
    def nbytes(self) -> int:
        return self.latents.nbytes + self.audio.nbytes


@dataclass
class Counters:
    """How much work was done since the renderer was made."""

    encodes: int = 0
    decodes: int = 0


class StoreReader:
    """Reads sources from the media store."""

    def __init__(self, store: MediaStore) -> None:
        self._store = store

    def read(self, digest: str, channel: int, start: int, count: int) -> Array:
        return self._store.open(digest).read(channel, start, count)


@dataclass
class Renderer:
    """Encodes what the cache does not hold, sums, decodes."""

    load_codec: Callable[[str], Codec]
    reader: AudioReader
    cache: LatentCache
    counters: Counters = field(default_factory=Counters)
    _codecs: dict[str, Codec] = field(default_factory=dict)

    def render(self, chunk: Chunk) -> Rendered:
        """Render one chunk.

        Raises:
            StudioError: when the codec is unknown or a media is missing.
        """
        codec = self._codec(chunk.codec)
        latents = self._latents(chunk.terms, codec, chunk.grid.window_samples)
        origin = codec.silence(chunk.grid.frames)
        mixed = combine(latents, [term.coefficients for term in chunk.terms], origin)
        audio = codec.decode(mixed, first_frames=[chunk.first_frame] * len(mixed), seed=chunk.seed)
        self.counters.decodes += len(mixed)
        return Rendered(chunk.key, mixed, audio)

    def _codec(self, codec_id: str) -> Codec:
        if codec_id not in self._codecs:
            self._codecs[codec_id] = self.load_codec(codec_id)
        return self._codecs[codec_id]

    def _latents(self, terms: Sequence[Term], codec: Codec, window_samples: int) -> list[Array]:
        """Latents `(D, T)` of each term, from the cache or encoded now."""
        found = self.cache.get_many(term.key for term in terms)
        missing = list({term.key: term for term in terms if term.key not in found}.values())
        for start in range(0, len(missing), _ENCODE_BATCH):
            batch = missing[start : start + _ENCODE_BATCH]
            windows = np.stack([read_source(term.source, window_samples, self.reader) for term in batch])
            encoded = codec.encode(windows)
            self.counters.encodes += len(batch)
            fresh = {term.key: latents for term, latents in zip(batch, encoded, strict=True)}
            self.cache.put_many(fresh)
            found.update(fresh)
        return [found[term.key] for term in terms]
