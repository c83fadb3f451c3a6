"""Rendering a session or one of its tracks: audio, latents and figures of its mix, whole or in streams.

Any thread. Streams hold two chunks at a time, however long the session is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from lincae_studio.codecs import registry
from lincae_studio.codecs.base import Array
from lincae_studio.engine.bundles.latent_files import latents_of
from lincae_studio.engine.export.writer import ExportItem, export, refuse_overwriting
from lincae_studio.engine.planning.plan import Plan, make_plan
from lincae_studio.engine.planning.probes import latents_only, silence_of
from lincae_studio.engine.rendering import streams
from lincae_studio.engine.rendering.dry_mix import DryMix
from lincae_studio.engine.rendering.streams import Stream
from lincae_studio.errors import UsageError
from lincae_studio.export_settings import Level
from lincae_studio.session import edits
from lincae_studio.session.model import Rate, Session as Document
from lincae_studio.studio.audio import Audio, format_of
from lincae_studio.studio.engine import Engine
from lincae_studio.studio.figures import Linearity, linearity_of
from lincae_studio.studio.latents import Latents

#: Start and end in seconds.
Span = tuple[float, float]

#: What to render: the decoded mix, the plain sum of the waveforms, or the first minus the second.
Content = Literal["mix", "dry", "difference"]


class Mix:
    """A session, or one of its tracks, that can be rendered.

    In all methods, `codec` is an id or the path of a model's folder; None is the session's codec. `span` is `(start,
    end)` in seconds, cut off at the end of the last clip; None is everything. Calls raise `CodecError` for a codec that
    is missing, `MediaError` for audio that cannot be read, and `EngineError` for a chunk that cannot be rendered; all
    of them are `StudioError`s.
    """

    def __init__(self, heard: Document, engine: Engine) -> None:
        #: The document that is rendered.
        self._heard = heard
        self._engine = engine

    @property
    def engine(self) -> Engine:
        """The engine that renders it."""
        return self._engine

    @property
    def rate(self) -> Rate:
        """The session's sample rate in Hz, that of all audio here: 44100 or 48000."""
        return self._heard.rate

    @property
    def channels(self) -> int:
        """2 if any clip of the session is stereo or any track is panned, else 1."""
        return self._heard.channels

    @property
    def duration(self) -> float:
        """The end of the session's last clip, in seconds."""
        return self._heard.length / self.rate

    def render(
        self,
        *,
        codec: str | None = None,
        span: Span | None = None,
        content: Content = "mix",
        out: Array | None = None,
    ) -> Audio:
        """The mix as audio: float32 `(channels, N)`.

        Args:
            content: "mix", decoded from latents; "dry", the plain sum of the waveforms, which needs no codec; or
                "difference", the first minus the second.
            out: an array to write the samples to, such as a `numpy.memmap` for a session longer than memory.

        Raises:
            UsageError: when the span is empty or negative, or `out` has another shape or type.
        """
        start, end = self._samples(span)
        shape = (self.channels, end - start)
        if out is None:
            out = np.empty(shape, np.float32)
        elif out.shape != shape or out.dtype != np.float32:
            raise UsageError(f"out is {out.dtype} {out.shape}", f"Give a float32 array of the shape {shape}")
        done = 0
        for block in self.stream(codec=codec, span=span, content=content):
            out[:, done : done + block.shape[1]] = block
            done += block.shape[1]
        return Audio(out, self.rate)

    def stream(
        self, *, codec: str | None = None, span: Span | None = None, content: Content = "mix"
    ) -> Iterator[Array]:
        """The audio of `render` in blocks: float32 `(channels, n)`, one after the other, as chunks are rendered.

        Raises:
            UsageError: when the span is empty or negative. Like other errors, when the first block is taken.
        """
        start, end = self._samples(span)
        if end > start:
            yield from self._stream(codec, content).blocks(start, end)

    def latents(self, *, codec: str | None = None, span: Span | None = None) -> Latents:
        """The latents that are decoded to the mix, with `values` of the shape `(channels, D, T)`.

        Raises:
            UsageError: when the span is empty or negative.
            ExportError: when the span is silent, so that there are no latents.
        """
        plan = self._plan(codec)
        return Latents(latents_of(plan, *self._samples(span), self._engine.render), self._engine)

    def stream_latents(self, *, codec: str | None = None, span: Span | None = None) -> Iterator[Array]:
        """The latents in the order of the timeline: float32 `(channels, D, n)`, n frames of one chunk.

        Together they are the frames of the chunks that own a sample of the span; frames that chunks share come once.
        In silence, they are the latents of silence.

        Raises:
            UsageError: when the span is empty or negative. Like other errors, when the first block is taken.
        """
        start, end = self._samples(span)
        plan = self._plan(codec)
        grid, shape = plan.grid, (plan.channels, plan.codec.dim, plan.grid.step)
        owned = slice(grid.lead_frames, grid.lead_frames + grid.step)
        silence: Array | None = None
        for index in range(grid.owner(start), grid.owner(end - 1) + 1 if end > start else 0):
            chunk = plan.chunks.get(index)
            if chunk is not None:
                [found] = self._engine.render([latents_only(chunk)])
                yield np.array(np.broadcast_to(found.latents[:, :, owned], shape))
                continue
            if silence is None:
                heard = plan.chunks.audible
                found_silence = self._engine.render([silence_of(heard[0])])[0].latents if heard else None
                silence = np.zeros(shape, np.float32) if found_silence is None else found_silence[:, :, owned]
            yield np.array(np.broadcast_to(silence, shape))

    def export(
        self,
        path: str | Path,
        *,
        codec: str | None = None,
        span: Span | None = None,
        content: Content = "mix",
        level: Level | None = None,
    ) -> Path:
        """Write the audio of `render` to a file, chunk by chunk: WAV, FLAC, OGG or MP3 by its ending.

        Args:
            level: to normalise or limit, as `export_settings.Level`; None for the level of the mix.

        Raises:
            UsageError: when the span is empty or negative.
            ExportError: when the ending is unknown, there is nothing to write, the file is one of the session's own, or
                it cannot be written; an older file is kept.
        """
        path = Path(path)
        audio_format = format_of(path)
        refuse_overwriting([Path(media.path) for media in self._heard.media], path)
        start, end = self._samples(span)
        export([ExportItem(path, self._stream(codec, content))], start, end, audio_format, level or Level())
        return path

    def linearity(self, *, codec: str | None = None, span: Span | None = None) -> Linearity:
        """How far the mix of latents is from the true mix, chunk by chunk and for each track.

        Raises:
            UsageError: when the span is empty or negative.
        """
        start, end = self._samples(span)
        document, plan = self._document(codec), self._plan(codec)
        self._engine.prepare(plan, document, audio=True)
        return linearity_of(document, plan, start, end, self._engine)

    def _document(self, codec: str | None) -> Document:
        return self._heard if codec is None else edits.set_codec(self._heard, registry.by_path(codec))

    def _plan(self, codec: str | None) -> Plan:
        document = self._document(codec)
        plan = make_plan(document, self._engine.info(document.codec, document.rate))
        self._engine.prepare(plan, document, audio=False)
        return plan

    def _stream(self, codec: str | None, content: Content) -> Stream:
        engine = self._engine
        if content == "dry":
            return streams.dry(self._dry())
        plan = self._plan(codec)
        if content == "mix":
            return streams.rendered(plan, engine.provide(plan))
        if content == "difference":
            return streams.difference(plan, engine.provide(plan), self._dry())
        raise UsageError(f"there is no content “{content}”", "Choose mix, dry or difference")

    def _dry(self) -> DryMix:
        for media in self._heard.used_media():
            self._engine.decode(media, self._heard.seed)
        return DryMix(self._heard, self._engine.reader)

    def _samples(self, span: Span | None) -> tuple[int, int]:
        """The samples `[start, end)` of a span. Raises `UsageError`."""
        length = self._heard.length
        if span is None:
            return 0, length
        start, end = _pair(span)
        if not 0.0 <= start < end:
            raise UsageError(f"the span from {start:g} to {end:g} s is not one", "Give (start, end), from 0 on")
        first = round(start * self.rate)
        if first >= length:
            raise UsageError(f"there is nothing from {start:g} s on", f"The last clip ends at {self.duration:.3f} s")
        return first, min(round(end * self.rate), length)


def _pair(span: Sequence[float]) -> tuple[float, float]:
    try:
        start, end = span
        return float(start), float(end)
    except (TypeError, ValueError) as error:
        raise UsageError("a span is two times in seconds", "Give (start, end), such as (10.0, 20.0)") from error
