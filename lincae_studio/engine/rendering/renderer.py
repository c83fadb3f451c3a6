"""The renderer: takes a chunk, returns its latents and audio. In any process; one thread uses an instance."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from msgspec import Struct

from lincae_studio import cores
from lincae_studio.codecs.base import Array, Codec
from lincae_studio.engine.planning.contributions import Term
from lincae_studio.engine.planning.grid import Grid
from lincae_studio.engine.planning.plan import Chunk, CodecRef
from lincae_studio.engine.planning.sources import AudioReader, Source, read_source
from lincae_studio.engine.rendering import operators
from lincae_studio.engine.rendering.cache import LatentCache, LatentSource, RenderCache
from lincae_studio.engine.rendering.previewing import Previews
from lincae_studio.engine.rendering.sums import ChunkSums
from lincae_studio.errors import CodecError, EngineError, MediaError, StudioError
from lincae_studio.media.conformed import DamagedMediaError
from lincae_studio.media.finite import REMEDY, first_not_finite
from lincae_studio.media.store import MediaStore
from lincae_studio.session.times import format_time

#: Windows that are read in several threads if they are as many: starting these takes as long as reading a window.
_READ_IN_THREADS = 4

#: Windows encoded at once: few enough to bound memory, enough for efficient matrix products.
_ENCODE_BATCH = 16

#: Chunks that took at least this many seconds are worth keeping on disk: each takes up about a megabyte, and four
#: milliseconds to read.
_KEEP_FROM_S = 0.02

#: Audio that is damaged is read again if this or another process has repaired it.
_READ_ATTEMPTS = 3

#: Seconds before loading a codec is tried again after a failure.
_FAILURE_S = 5.0


class Rendered(Struct, frozen=True):
    """A decoded chunk.

    Attributes:
        key: key of the chunk.
        latents: `(buses, D, T)`, the sums that were decoded.
        audio: `(buses, window_samples)`, edges included; `(buses, 0)` where only latents were requested.
    """

    key: str
    latents: Array
    audio: Array

    @property
    def nbytes(self) -> int:
        return self.latents.nbytes + self.audio.nbytes


@dataclass
class Counters:
    """Windows encoded and decoded since the renderer was created."""

    encodes: int = 0
    decodes: int = 0


class StoreReader:
    """Reads sources from the media store."""

    def __init__(
        self,
        store: MediaStore,
        silent: Callable[[str], bool] = lambda _: False,
        repair: Callable[[str], None] | None = None,
    ) -> None:
        """Read from a store.

        Args:
            silent: whether the audio file with this digest is read as silence while it is missing, instead of raising
                an error.
            repair: imports the audio file with this digest again after its cached audio was found to be damaged, or
                raises `MediaError`.
        """
        self._store = store
        self._silent = silent
        self._repair = repair

    def read(self, digest: str, channel: int, start: int, count: int) -> Array:
        for attempt in range(_READ_ATTEMPTS):
            try:
                return self._store.open(digest).read(channel, start, count)
            except MediaError as error:
                if self._silent(digest):
                    return np.zeros(count, np.float32)
                if not isinstance(error, DamagedMediaError) or attempt == _READ_ATTEMPTS - 1:
                    raise
                if self._repair is not None and self._store.get(digest) is None:
                    self._repair(digest)
        raise AssertionError("the last attempt returns or raises")


@dataclass
class Renderer:
    """Encodes what is not cached, sums, and decodes.

    Attributes:
        load_codec: loads a codec by id, for sessions of a rate in Hz.
        renders: where chunks that took at least `keep_from_s` seconds to render are stored; None keeps none.
        sums: partial sums of chunks, reused when the same chunks are edited again.
        previews: the quick decoders of slow codecs.
    """

    load_codec: Callable[[str, int], Codec]
    reader: AudioReader
    cache: LatentCache
    renders: RenderCache | None = None
    keep_from_s: float = _KEEP_FROM_S
    sums: ChunkSums = field(default_factory=ChunkSums)
    previews: Previews = field(default_factory=Previews)
    counters: Counters = field(default_factory=Counters)
    _codecs: dict[str, Codec] = field(default_factory=dict)
    _failures: dict[CodecRef, tuple[StudioError, float]] = field(default_factory=dict)

    def batches(self) -> dict[str, int]:
        """Chunks that are best rendered at once, by codec id, for loaded codecs for which this is more than one."""
        return {name: codec.batch for name, codec in self._codecs.items() if codec.batch > 1}

    def batch_of(self, ref: CodecRef) -> int:
        """Chunks of a codec that are best rendered at once. Raises `StudioError` when it cannot be loaded."""
        return self.codec(ref).batch

    def attach(self, bundles: Iterable[LatentSource]) -> None:
        """Also use the latents of these bundles, which replace those attached before. Any thread."""
        self.cache.attach(bundles)

    def render(self, chunk: Chunk) -> Rendered:
        """Render one chunk, or read it from disk.

        Raises:
            StudioError: when the codec is unknown or an audio file is missing.
        """
        return self.render_many([chunk])[0]

    def preview(self, chunk: Chunk) -> Rendered | None:
        """The preview of a chunk whose latents are cached, unless its render is; None if there is none.

        Raises:
            StudioError: when the codec is unknown, or the latents are NaN or infinite.
        """
        if not chunk.audio or (self.renders is not None and self.renders.has(chunk.key)):
            return None
        codec = self.codec(chunk.codec)
        if not self.previews.has(codec) or self._unencoded(chunk):
            return None
        mixed = self._total(chunk, codec.silence(chunk.grid.frames))
        audio = self.previews.decode(codec, mixed)
        return None if audio is None else Rendered(chunk.key, mixed, audio)

    def render_many(
        self, chunks: Sequence[Chunk], on_preview: Callable[[Rendered], None] | None = None
    ) -> list[Rendered]:
        """Render chunks; those that have codec, grid and seed in common are decoded as one batch.

        Args:
            on_preview: called with the preview of each chunk that has to be decoded, before that, if there is one.

        Raises:
            StudioError: when the codec is unknown, an audio file is missing, or latents or audio are NaN or infinite;
                then none of them is rendered.
        """
        with np.errstate(over="ignore", invalid="ignore"):  # values that are not finite are refused below
            found = {chunk.key: self._stored(chunk.key) if chunk.audio else self._sum(chunk) for chunk in chunks}
            batches: dict[tuple[CodecRef, Grid, int], list[Chunk]] = {}
            for chunk in chunks:
                if found[chunk.key] is None:
                    batches.setdefault((chunk.codec, chunk.grid, chunk.seed), []).append(chunk)
            for batch in batches.values():
                found.update(self._decode(batch, on_preview))
        return [rendered for chunk in chunks if (rendered := found[chunk.key]) is not None]

    def set_limits(self, memory: int, latents: int, renders: int) -> None:
        """Limit the caches, in bytes: latents in memory, latents and renders on disk. Any thread."""
        self.cache.set_limits(memory, latents)
        if self.renders is not None:
            self.renders.set_disk_limit(renders)

    def flush(self) -> None:
        """Wait until everything to be stored is on disk."""
        self.cache.flush()
        if self.renders is not None:
            self.renders.flush()

    def close(self) -> None:
        """Finish writing, and close the caches."""
        self.cache.close()
        if self.renders is not None:
            self.renders.close()

    def _stored(self, key: str) -> Rendered | None:
        stored = self.renders.get(key) if self.renders is not None else None
        return Rendered(key, *stored) if stored is not None and np.isfinite(stored[1]).all() else None

    def _sum(self, chunk: Chunk) -> Rendered:
        """The summed latents of a chunk; they are not stored, as summing them again is cheap."""
        origin = self.codec(chunk.codec).silence(chunk.grid.frames)
        mixed = self._total(chunk, origin)
        return Rendered(chunk.key, mixed, np.zeros((len(mixed), 0), np.float32))

    def _decode(self, chunks: Sequence[Chunk], on_preview: Callable[[Rendered], None] | None) -> dict[str, Rendered]:
        """Decode chunks of one codec, grid and seed as one batch."""
        first = chunks[0]
        codec = self.codec(first.codec)
        started = time.perf_counter()
        origin = codec.silence(first.grid.frames)
        sums = [self._total(chunk, origin) for chunk in chunks]
        frames = [chunk.first_frame for chunk, buses in zip(chunks, sums, strict=True) for _ in buses]
        for chunk, mixed in zip(chunks, sums, strict=True) if on_preview is not None else ():
            quick = self.previews.decode(codec, mixed)
            if on_preview is not None and quick is not None:
                on_preview(Rendered(chunk.key, mixed, quick))
        decoding = time.perf_counter()
        audio = codec.decode(np.concatenate(sums), first_frames=frames, seed=first.seed)
        self.previews.note_decode(codec, (time.perf_counter() - decoding) / len(frames))
        self.counters.decodes += len(audio)
        rendered = {}
        row = 0
        for chunk, mixed in zip(chunks, sums, strict=True):
            heard = audio[row : row + len(mixed)]
            _check_finite(heard, chunk, 1)
            rendered[chunk.key] = Rendered(chunk.key, mixed, heard)
            row += len(mixed)
        lasting = first.codec.identity == codec.info.identity
        if self.renders is not None and lasting and time.perf_counter() - started >= self.keep_from_s * len(chunks):
            for key, result in rendered.items():
                self.renders.put(key, result.latents, result.audio)
        return rendered

    def _total(self, chunk: Chunk, origin: Array) -> Array:
        """The summed latents of a chunk. Raises `EngineError` if they are not finite."""
        mixed = self.sums.total(chunk.terms, partial(self.latents, chunk=chunk), origin, chunk.master, chunk.masks)
        _check_finite(mixed, chunk, chunk.grid.hop)
        return mixed

    def codec(self, ref: CodecRef) -> Codec:
        """A codec, loaded on first use, and again if its identity has changed.

        A failure is remembered for a while, so that not every chunk reads a damaged file of hundreds of megabytes.

        Raises:
            StudioError: when it cannot be loaded, or is not the one that the plan was made for.
        """
        codec = self._codecs.get(ref.id)
        if codec is not None and _fits(codec, ref):
            return codec
        error, until = self._failures.get(ref, (None, 0.0))
        if error is not None and time.monotonic() < until:
            raise error
        self._codecs.pop(ref.id, None)
        try:
            codec = self.load_codec(ref.id, ref.rate)
            if not _fits(codec, ref):
                raise CodecError(f"the codec “{ref.id}” has been replaced", "Choose it again in Session > Codec")
        except StudioError as problem:
            self._failures[ref] = problem, time.monotonic() + _FAILURE_S
            raise
        self._codecs[ref.id] = codec
        return codec

    def unencoded(self, chunk: Chunk) -> list[Source]:
        """The sources that must be read to render a chunk: neither its render nor their latents are cached."""
        if chunk.audio and self._stored(chunk.key) is not None:
            return []
        return self._unencoded(chunk)

    def _unencoded(self, chunk: Chunk) -> list[Source]:
        """The sources of a chunk whose latents are not cached."""
        windows = {key: source for term in chunk.terms for key, source in term.windows.items()}
        found = self.cache.get_many(windows)
        return [source for key, source in windows.items() if key not in found]

    def latents(self, terms: Sequence[Term], chunk: Chunk) -> list[Array]:
        """Latents `(D, T)` of each of a chunk's terms, from the cache, or encoded and passed through its insert now."""
        plain = self._windows({term.key: term.source for term in terms if term.insert is None}, chunk)
        inserts = {operators.key_of(term.insert): term.insert for term in terms if term.insert is not None}
        if not inserts:
            return [plain[term.key] for term in terms]
        found = self.cache.get_many(inserts)
        missing = {key: insert for key, insert in inserts.items() if key not in found}
        windows = self._windows({part.key: part.source for insert in missing.values() for part in insert.parts}, chunk)
        origin, kernels = self.codec(chunk.codec).silence(chunk.grid.frames), chunk.kernels

        def apply(key: str) -> Array:
            return operators.inserted(missing[key], kernels[missing[key].kernel], windows, origin)

        made = dict(zip(missing, cores.on_all(apply, list(missing)), strict=True))
        self.cache.put_many(made, on_disk=False)
        found.update(made)
        return [plain[term.key] if term.insert is None else found[operators.key_of(term.insert)] for term in terms]

    def _windows(self, sources: Mapping[str, Source], chunk: Chunk) -> dict[str, Array]:
        """Latents `(D, T)` of windows, by key, from the cache or encoded now."""
        codec, window_samples = self.codec(chunk.codec), chunk.grid.window_samples
        found = self.cache.get_many(sources)
        missing = [key for key in sources if key not in found]
        for start in range(0, len(missing), _ENCODE_BATCH):
            batch = missing[start : start + _ENCODE_BATCH]
            encoded = codec.encode(self._read([sources[key] for key in batch], window_samples))
            _check_finite(encoded, chunk, chunk.grid.hop)
            self.counters.encodes += len(batch)
            new = dict(zip(batch, encoded, strict=True))
            self.cache.put_many(new, on_disk=not codec.info.quick)
            found.update(new)
        return found

    def _read(self, sources: Sequence[Source], window_samples: int) -> Array:
        """The windows `(B, window_samples)` of sources, read on all cores where they are many."""
        windows = np.empty((len(sources), window_samples), np.float32)

        def read(row: int) -> None:
            windows[row] = read_source(sources[row], window_samples, self.reader)

        rows = range(len(sources))
        if len(rows) >= _READ_IN_THREADS:
            cores.on_all(read, rows)
        else:
            for row in rows:
                read(row)
        return windows


def _fits(codec: Codec, ref: CodecRef) -> bool:
    return codec.info.matches(ref.identity) and codec.info.sample_rate == ref.rate


def _check_finite(values: Array, chunk: Chunk, hop: int) -> None:
    """Refuse latents or audio of a chunk that are NaN or infinite. `hop`: samples per place on the last axis.

    Raises:
        EngineError: with the time on the timeline.
    """
    place = first_not_finite(values)
    if place is not None:
        seconds = max(0, chunk.grid.window_start(chunk.index) + place * hop) / chunk.codec.rate
        raise EngineError(f"the mix is NaN or infinite at {format_time(seconds)}", REMEDY)
