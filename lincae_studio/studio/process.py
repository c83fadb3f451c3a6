"""An engine process of the Python interface: renders requested chunks there, and waits for them. Never loads torch.

It is the process that the window uses, with one client of its own. Chunks that it crashed on twice are errors; else it
is restarted, and asked again.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence

from lincae_studio.codecs.computation import Computation
from lincae_studio.engine.bundles.store import BundledLatents
from lincae_studio.engine.planning.plan import Chunk, CodecRef
from lincae_studio.engine.process import messages
from lincae_studio.engine.process.channel import Launcher
from lincae_studio.engine.process.client import (
    ChunkFailed,
    ChunkFinished,
    EngineClient,
    EngineUnusable,
    Event,
    PrecisionResolved,
)
from lincae_studio.engine.rendering.render_store import RenderStore
from lincae_studio.engine.rendering.renderer import Rendered
from lincae_studio.errors import EngineError
from lincae_studio.jobs import CancelToken

#: Chunks that are requested together: enough to keep the process busy, few enough to bound memory.
_BATCH = 8


class EngineProcess:
    """Renders chunks like a `Renderer`, in another process. For one thread at a time."""

    def __init__(
        self, launcher: Launcher, computation: Computation, memory_bytes: int, latent_bytes: int, render_bytes: int
    ) -> None:
        """Start the process by a launcher. The sizes limit its latents in memory, and the caches on disk."""
        self._events = _Events()
        self._client = EngineClient(launcher, self._events)
        self._client.configure(computation)
        self._client.set_limits(messages.Limits(memory=memory_bytes, latents=latent_bytes, renders=render_bytes))
        self._client.start()

    def render_many(self, chunks: Sequence[Chunk]) -> list[Rendered]:
        """Render chunks. Raises `EngineError` when one of them cannot be rendered, or the process cannot be started."""
        events = self._events
        events.store.forget_failures()
        self._client.forget_crashes()

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
        self._client.resolve()
        with self._events.changed:
            self._events.changed.wait_for(lambda: self._events.computation is not None or self._events.unusable)
            computation, unusable = self._events.computation, self._events.unusable
        if computation is None:
            assert unusable is not None
            raise _error(unusable)
        return computation

    def close(self) -> None:
        """End the process."""
        self._client.close()


class _Events:
    """What the process has answered: renders and failures, and what device and precision come to. Any thread."""

    def __init__(self) -> None:
        #: Keeps only the renders that a caller is waiting for.
        self.store = RenderStore(old_bytes=0, max_bytes=0)
        self.changed = threading.Condition()
        self.computation: Computation | None = None
        self.unusable: EngineUnusable | None = None

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
            case EngineUnusable():
                with self.changed:
                    self.unusable = event
                    self.changed.notify_all()


def _error(event: EngineUnusable) -> EngineError:
    """The error when there is no engine."""
    return EngineError(
        f"the engine process cannot be used: {event.reason}", event.remedy or "Use Engine(process=False)"
    )
