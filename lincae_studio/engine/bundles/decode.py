"""Audio for media files known only as latents: decoded once, for drawing, the dry mix, and edits that need audio."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np

from lincae_studio.codecs import registry
from lincae_studio.codecs.base import Array
from lincae_studio.codecs.computation import Computation
from lincae_studio.engine.bundles.store import BundledLatents
from lincae_studio.engine.bundles.writer import Render
from lincae_studio.engine.planning.contributions import Term
from lincae_studio.engine.planning.grid import Grid
from lincae_studio.engine.planning.plan import Chunk, CodecRef
from lincae_studio.engine.planning.probes import term_alone
from lincae_studio.engine.planning.sources import Source, key_of
from lincae_studio.errors import CodecError
from lincae_studio.jobs import CancelToken, Progress, ReportProgress, no_progress
from lincae_studio.media.store import MediaStore
from lincae_studio.session.model import Media

#: Windows decoded at a time.
_BATCH = 16

#: Samples of silence written at a time: an audio file may be much longer than its latents.
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
    """Decode the windows of an audio file, and keep the audio in the store. It is silent where there is no window.

    Raises:
        MediaError: when the store cannot be written.
        CodecError: when the codec is not installed, or has another identity.
        Cancelled: when `cancel` was set; nothing is left behind.
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
    """The audio `(n, channels)` of the media file, from start to end."""
    grid = latents.header.grid
    windows = _windows(media, latents, grid)
    done, tail = 0, np.zeros((0, media.channels), np.float32)
    for start in range(0, len(windows), _BATCH):
        cancel.check()
        batch = windows[start : start + _BATCH]
        for (position, _), audio in zip(
            batch, _decode(batch, start, latents, grid, seed, render, computation), strict=True
        ):
            begin = max(0, position + grid.margin)
            end = min(media.length, position + grid.window_samples - grid.margin)
            if end <= done or end <= begin:
                continue
            begin = max(begin, done)
            final = tail[: begin - done]
            yield final
            yield from _silence(begin - done - len(final), media.channels, cancel)
            new = audio[begin - position : end - position]
            done, tail = begin, _crossfade(tail[len(final) :], new)
        progress(Progress(min(start + _BATCH, len(windows)), len(windows), "decoding latents"))
    yield tail
    yield from _silence(media.length - done - len(tail), media.channels, cancel)


def _silence(count: int, channels: int, cancel: CancelToken) -> Iterator[Array]:
    while count > 0:
        cancel.check()
        yield np.zeros((min(count, _SILENCE_BLOCK), channels), np.float32)
        count -= _SILENCE_BLOCK


def _windows(media: Media, latents: BundledLatents, grid: Grid) -> list[tuple[int, list[Source]]]:
    """The windows without trims and fades, sorted by position, with a source for each channel."""
    whole = []
    for source in latents.sources(media.digest):
        bounds = max(0, -source.position), min(grid.window_samples, media.length - source.position)
        plain = source.fade_in is None and source.fade_out is None
        if plain and (source.first, source.last) == bounds and source.channel < media.channels:
            whole.append(source)
    whole.sort(key=lambda source: (source.position, source.channel))
    found = [(position, list(sources)) for position, sources in groupby(whole, key=lambda source: source.position)]
    return [(position, sources) for position, sources in found if len(sources) == media.channels]


def _decode(
    windows: Sequence[tuple[int, list[Source]]],
    first: int,
    latents: BundledLatents,
    grid: Grid,
    seed: int,
    render: Render,
    computation: Computation,
) -> list[Array]:
    """The decoded audio `(window_samples, channels)` of each window."""
    header = latents.header
    info = registry.for_session(header.codec, computation, header.rate)
    codec = CodecRef(header.codec, info.identity, header.rate)
    chunks = []
    for number, (_, sources) in enumerate(windows):
        for source in sources:
            term = Term(key_of(source, grid.window_samples, header.identity), source, (1.0,))
            chunks.append(term_alone(term, Chunk("", first + number, codec, grid, seed, 1, ())))
    audio = iter(rendered.audio[0] for rendered in render(chunks))
    return [np.stack([next(audio) for _ in sources], axis=1) for _, sources in windows]


def _crossfade(old: Array, new: Array) -> Array:
    """Crossfade two estimates `(n, channels)` of audio from the same start on; the longer one continues alone."""
    both = min(len(old), len(new))
    if not both:
        return new if len(new) else old
    rise = ((np.arange(both) + 0.5) / both).astype(np.float32)[:, None]
    joined = old[:both] * (1.0 - rise) + new[:both] * rise
    result: Array = np.concatenate([joined, new[both:] if len(new) > both else old[both:]])
    return result
