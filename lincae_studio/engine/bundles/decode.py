"""Audio of media that are there as latents only: decoded once, for drawing, the dry mix, and edits that need audio."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np

from lincae_studio.codecs import registry
from lincae_studio.codecs.base import Array
from lincae_studio.codecs.computation import Computation
from lincae_studio.engine.bundles.store import BundledLatents
from lincae_studio.engine.bundles.writer import Render
from lincae_studio.engine.planning.grid import Grid
from lincae_studio.engine.planning.plan import Chunk, CodecRef, Term
from lincae_studio.engine.planning.probes import term_alone
from lincae_studio.engine.planning.sources import Source, key_of
from lincae_studio.errors import CodecError
from lincae_studio.jobs import CancelToken, Progress, ReportProgress, no_progress
from lincae_studio.media.store import MediaStore
from lincae_studio.session.model import Media

#: Windows decoded at a time.
_BATCH = 16

#: Samples of silence at a time: a media may be much longer than what is known of it.
_SILENCE_BLOCK = 1 << 18


def decode_media(
    media: Media,
    latents: BundledLatents,
    seed: int,
    render: Render,
    store: MediaStore,
    computation: Computation,
    progress: ReportProgress = no_progress,
    cancel: CancelToken | None = None,
) -> None:
    """Decode the windows of a media, and keep the audio in the store. Where there is no window it is silent.

    Raises:
        MediaError: when the store cannot be written.
        CodecError: when the codec is not here, or is another one.
        Cancelled: when `cancel` was set; nothing stays behind.
    """
    cancel = cancel or CancelToken()
    problem = latents.problem(computation)
    if problem:
        raise CodecError(f"the latents in {media.path} cannot be decoded: {problem}", "Find the audio instead")
    blocks = _blocks(media, latents, seed, render, computation, progress, cancel)
    store.put(media.digest, blocks, media.original.path if media.original is not None else media.path)


def _blocks(
    media: Media,
    latents: BundledLatents,
    seed: int,
    render: Render,
    computation: Computation,
    progress: ReportProgress,
    cancel: CancelToken,
) -> Iterator[Array]:
    """The audio `(n, C)` from the media's start to its end."""
    header = latents.header
    grid = Grid(header.hop, header.edge, header.frames, header.overlap)
    places = _places(media, latents, grid)
    done, tail = 0, np.zeros((0, media.channels), np.float32)
    for start in range(0, len(places), _BATCH):
        cancel.check()
        batch = places[start : start + _BATCH]
        for (position, _), audio in zip(
            batch, _decoded(batch, start, latents, grid, seed, render, computation), strict=True
        ):
            begin = max(0, position + grid.edge)
            end = min(media.length, position + grid.frames * grid.hop)
            if end <= done or end <= begin:
                continue
            begin = max(begin, done)
            settled = tail[: begin - done]
            yield settled
            yield from _silence(begin - done - len(settled), media.channels, cancel)
            fresh = audio[begin - position : end - position]
            done, tail = begin, _crossfaded(tail[len(settled) :], fresh)
        progress(Progress(min(start + _BATCH, len(places)), len(places), "decoding latents"))
    yield tail
    yield from _silence(media.length - done - len(tail), media.channels, cancel)


def _silence(count: int, channels: int, cancel: CancelToken) -> Iterator[Array]:
    while count > 0:
        cancel.check()
        yield np.zeros((min(count, _SILENCE_BLOCK), channels), np.float32)
        count -= _SILENCE_BLOCK


def _places(media: Media, latents: BundledLatents, grid: Grid) -> list[tuple[int, list[Source]]]:
    """The windows without cuts and fades, by their position, with a source for each channel."""
    whole = []
    for source in latents.sources(media.digest):
        bounds = max(0, -source.position), min(grid.window_samples, media.length - source.position)
        plain = source.fade_in is None and source.fade_out is None
        if plain and (source.first, source.last) == bounds and source.channel < media.channels:
            whole.append(source)
    whole.sort(key=lambda source: (source.position, source.channel))
    found = [(position, list(sources)) for position, sources in groupby(whole, key=lambda source: source.position)]
    return [(position, sources) for position, sources in found if len(sources) == media.channels]


def _decoded(
    places: Sequence[tuple[int, list[Source]]],
    first: int,
    latents: BundledLatents,
    grid: Grid,
    seed: int,
    render: Render,
    computation: Computation,
) -> list[Array]:
    """The audio `(window, C)` of each place."""
    header = latents.header
    codec = CodecRef(header.codec, registry.info(header.codec, computation).identity)
    chunks = []
    for number, (_, sources) in enumerate(places):
        for source in sources:
            term = Term(key_of(source, grid.window_samples, header.identity), source, (1.0,))
            chunks.append(term_alone(term, Chunk("", first + number, codec, grid, seed, 1, ())))
    audio = iter(rendered.audio[0] for rendered in render(chunks))
    return [np.stack([next(audio) for _ in sources], axis=1) for _, sources in places]


def _crossfaded(old: Array, new: Array) -> Array:
    """Two estimates of the same audio that begin together, `(n, C)`; the longer one goes on alone."""
    both = min(len(old), len(new))
    if not both:
        return new if len(new) else old
    rise = ((np.arange(both) + 0.5) / both).astype(np.float32)[:, None]
    joined = old[:both] * (1.0 - rise) + new[:both] * rise
    result: Array = np.concatenate([joined, new[both:] if len(new) > both else old[both:]])
    return result
