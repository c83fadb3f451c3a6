"""An engine process of the Python interface: renders requested chunks there, and waits for them. Never loads torch.

It is the process that the window uses, with one client of its own. Chunks that it crashed on twice are errors; else it
is restarted, and asked again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Literal, TypeVar

import msgspec
import numpy as np

from lincae_studio.codecs.base import Array, CodecInfo
from lincae_studio.codecs.computation import Computation
from lincae_studio.engine.bundles.store import BundledLatents
from lincae_studio.engine.planning.plan import Chunk, CodecRef
from lincae_studio.engine.process import messages
from lincae_studio.engine.process.channel import Launcher
from lincae_studio.engine.process.client import EngineClient
from lincae_studio.engine.process.events import (
    ChunkFailed,
    ChunkFinished,
    Computed,
    EngineUnusable,
    Event,
    PrecisionResolved,
)
from lincae_studio.engine.process.packing import pack, unpack
from lincae_studio.engine.rendering.render_store import RenderStore
from lincae_studio.engine.rendering.renderer import Rendered
from lincae_studio.errors import CodecError, EngineError
from lincae_studio.jobs import CancelToken

_Found = TypeVar("_Found")

#: Numbers that are sent to it at once, in bytes.
_PART_BYTES = 16 << 20

#: Chunks that are requested together: enough to keep the process busy, few enough to bound memory.
_BATCH = 8


class EngineProcess:
    """Renders chunks like a `Renderer`, in another process. For one thread at a time."""

    def __init__(
        self, launcher: Launcher, computation: Computation, memory_bytes: int, latent_bytes: int, render_bytes: int
    ) -> None:
        """Start the process by a launcher. The sizes limit its latents in memory, and the caches on disk."""
        self._events = _Events()
        #: Held during a computation, whose number this is.
        self._computing, self._number = threading.Lock(), 0
        self._closed = False
        self._client = EngineClient(launcher, self._events)
        self._client.configure(computation)
        self._client.set_limits(messages.Limits(memory=memory_bytes, latents=latent_bytes, renders=render_bytes))
        self._client.start()

    def render_many(self, chunks: Sequence[Chunk]) -> list[Rendered]:
        """Render chunks. Raises `EngineError` when one of them cannot be rendered, or the process cannot be started."""
        events = self._events
        events.store.forget_failures()
        self._try_again()

        def request(missing: Sequence[Chunk]) -> None:
            if events.unusable is not None:
                raise _error(events.unusable)
            self._client.request(missing, "export")

        try:
            return events.store.wait_for_all(chunks, CancelToken(), request)
        finally:
            self._client.request((), "export")

    def batch_of(self, _: CodecRef) -> int:
        """Chunks that are best requested at once."""
        return _BATCH

    def attach(self, latents: Iterable[BundledLatents]) -> None:
        """Let the process use the latents of these bundles, which replace those attached before."""
        self._client.attach(one.path for one in latents)

    def resolved(self) -> Computation:
        """The device and precision, resolved by the process. Raises `EngineError` if it cannot."""
        if self._events.computation is None:
            self._try_again()
            self._client.resolve()
        return self._events.wait_for(lambda: self._events.computation)

    def compute(self, request: messages.Compute) -> Array:
        """What a codec makes of the numbers of a request, whose own number is set here. Any thread.

        Raises:
            CodecError: when it is not available, or fails.
            EngineError: when the process cannot be started, or ends again and again.
        """
        events = self._events

        def answer() -> messages.Computed | None:
            return events.answer if events.answer is not None and events.answer.number == self._number else None

        with self._computing:
            self._number += 1
            self._try_again()
            self._client.compute(msgspec.structs.replace(request, number=self._number))
            try:
                found = events.wait_for(answer)
            finally:
                self._client.compute(None)
        if found.problem:
            raise CodecError(found.problem.rstrip("."))
        return unpack(found.data, found.shape)

    def _try_again(self) -> None:
        """Start the process now if it is to be, and hear again if it cannot be used."""
        with self._events.changed:
            if self._closed:
                raise EngineError("the engine is closed", "Make another one: Engine()")
            self._events.unusable = None
        self._client.forget_crashes()

    def close(self) -> None:
        """End the process, and all waiting for it."""
        with self._events.changed:
            self._closed = True
        self._client.close()
        self._events(EngineUnusable("the engine is closed"))


class ProcessCodec:
    """A codec that computes in an engine process. Any thread."""

    batch = _BATCH

    def __init__(self, info: CodecInfo, ref: CodecRef, process: EngineProcess) -> None:
        self._info = info
        self._ref = ref
        self._process = process
        self._silence: dict[int, Array] = {}

    @property
    def info(self) -> CodecInfo:
        return self._info

    def encode(self, audio: Array) -> Array:
        return self._in_parts("encode", audio, (), 0)

    def decode(self, latents: Array, *, first_frames: Sequence[int], seed: int) -> Array:
        return self._in_parts("decode", latents, first_frames, seed)

    def silence(self, frames: int) -> Array:
        if frames not in self._silence:
            self._silence[frames] = self._process.compute(messages.Compute(0, self._ref, "silence", (frames,)))
        return self._silence[frames]

    def _in_parts(self, what: Literal["encode", "decode"], values: Array, frames: Sequence[int], seed: int) -> Array:
        """Send as many items of a batch at once as are a message of moderate size."""
        size = max(1, _PART_BYTES // max(1, values[:1].nbytes))
        found = []
        for first in range(0, max(1, len(values)), size):
            part = np.ascontiguousarray(values[first : first + size], np.float32)
            their_frames = tuple(frames[first : first + size])
            request = messages.Compute(0, self._ref, what, part.shape, pack(part), their_frames, seed)
            found.append(self._process.compute(request))
        return np.concatenate(found)


class _Events:
    """What the process has answered: renders and failures, and what device and precision come to. Any thread."""

    def __init__(self) -> None:
        #: Keeps only the renders that a caller is waiting for.
        self.store = RenderStore(old_bytes=0, max_bytes=0)
        self.changed = threading.Condition()
        self.computation: Computation | None = None
        self.answer: messages.Computed | None = None
        self.unusable: EngineUnusable | None = None

    def wait_for(self, found: Callable[[], _Found | None]) -> _Found:
        """Wait until something is known. Raises `EngineError` when there is no engine."""
        with self.changed:
            self.changed.wait_for(lambda: found() is not None or self.unusable is not None)
            value = found()
            if value is not None:
                return value
            assert self.unusable is not None
            raise _error(self.unusable)

    def __call__(self, event: Event) -> None:
        match event:
            case ChunkFinished(rendered=rendered):
                self.store.put(rendered)
            case ChunkFailed(key=key, message=message):
                self.store.set_failed(key, message)
            case PrecisionResolved(computation=computation):
                with self.changed:
                    self.computation = computation
                    self.changed.notify_all()
            case Computed(answer=answer):
                with self.changed:
                    self.answer = answer
                    self.changed.notify_all()
            case EngineUnusable():
                with self.changed:
                    self.unusable = event
                    self.changed.notify_all()


def _error(event: EngineUnusable) -> EngineError:
    """The error when there is no engine."""
    return EngineError(
        f"the engine process cannot be used: {event.reason}", event.remedy or "Use Engine(process=False)"
    )
