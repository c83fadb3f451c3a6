"""The renderer: a chunk in, its latents and audio out. In any process; one thread uses an instance."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from lincae_studio.codecs.base import Array, Codec
from lincae_studio.engine.algebra import combine
from lincae_studio.engine.cache import LatentCache
from lincae_studio.engine.plan import AnyChunk, CodecRef, Term
from lincae_studio.engine.sources import AudioReader, read_source
from lincae_studio.errors import CodecError, StudioError
from lincae_studio.media.store import MediaStore

#: Windows encoded at once: bounds memory, large enough for efficient products.
_ENCODE_BATCH = 16

#: How long a codec that could not be loaded is not tried again, in seconds.
_FAILURE_S = 5.0


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
    _failures: dict[CodecRef, tuple[StudioError, float]] = field(default_factory=dict)

    def render(self, planned: AnyChunk) -> Rendered:
        """Render one chunk.

        Raises:
            StudioError: when the codec is unknown or a media is missing.
        """
        chunk = planned.concrete()
        codec = self.codec(chunk.codec)
        latents = self.latents(chunk.terms, chunk)
        origin = codec.silence(chunk.grid.frames)
        mixed = combine(latents, [term.coefficients for term in chunk.terms], origin)
        audio = codec.decode(mixed, first_frames=[chunk.first_frame] * len(mixed), seed=chunk.seed)
        self.counters.decodes += len(mixed)
        return Rendered(chunk.key, mixed, audio)

    def codec(self, wanted: CodecRef) -> Codec:
        """A codec, loaded when it is first asked for, and again when it has become another one.

        A failure holds for a while: not every chunk is to read a broken file of hundreds of megabytes.

        Raises:
            StudioError: when it cannot be loaded, or is not the one that was planned with.
        """
        codec = self._codecs.get(wanted.id)
        if codec is not None and codec.facts.identity == wanted.identity:
            return codec
        error, until = self._failures.get(wanted, (None, 0.0))
        if error is not None and time.monotonic() < until:
            raise error
        self._codecs.pop(wanted.id, None)
        try:
            codec = self.load_codec(wanted.id)
            if codec.facts.identity != wanted.identity:
                raise CodecError(f"the codec {wanted.id!r} has been replaced", "Choose it again in Session > Codec")
        except StudioError as problem:
            self._failures[wanted] = problem, time.monotonic() + _FAILURE_S
            raise
        self._codecs[wanted.id] = codec
        return codec

    def latents(self, terms: Sequence[Term], chunk: AnyChunk) -> list[Array]:
        """Latents `(D, T)` of each of a chunk's terms, from the cache or encoded now."""
        codec, window_samples = self.codec(chunk.codec), chunk.grid.window_samples
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
