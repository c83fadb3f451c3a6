"""Asks the engine for chunks: those of the mix, of an export, and those that views and jobs analyse."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Sequence

from lincae_studio.engine.planning.plan import Chunk, Plan
from lincae_studio.engine.process.client import EngineClient
from lincae_studio.engine.rendering.render_store import RenderStore
from lincae_studio.engine.rendering.renderer import Rendered
from lincae_studio.jobs import CancelToken

#: Chunks requested ahead of the one an export waits for.
_EXPORT_AHEAD = 8


class ChunkRequests:
    """Requests of the engine's client for what the store lacks. Any thread.

    The mix comes first; one take in five is for the other requests while any of them waits.
    """

    def __init__(self, client: EngineClient, store: RenderStore) -> None:
        self._client = client
        self._store = store
        #: What each view or job analyses and has not received yet, by key.
        self._analysed: dict[object, dict[str, Chunk]] = {}
        self._lock = threading.Lock()

    def render_mix(self, plan: Plan) -> None:
        """Request what is missing of a plan, in place of the one before."""
        self._client.request(self._store.missing(plan))

    def provide(self, plan: Plan, chunk: Chunk, cancel: CancelToken) -> Rendered:
        """For export, in its thread: wait for a chunk, requesting it and the next ones where they are missing."""

        def ask() -> None:
            ahead = [other for other in self._store.absent(plan) if other.index >= chunk.index][:_EXPORT_AHEAD]
            self._client.request(ahead, "export")

        return self._store.wait_for(chunk, cancel, ask)

    def end_export(self) -> None:
        """Withdraw what an export still waited for."""
        self._client.request((), "export")

    def analyse(self, owner: object, chunks: Sequence[Chunk]) -> None:
        """Replace what a view or job requests beside the mix, the most urgent first; latents alone cost no decode."""
        with self._lock:
            self._analysed.pop(owner, None)
            if chunks:
                self._analysed[owner] = {chunk.key: chunk for chunk in chunks}
            requested = itertools.chain.from_iterable(waiting.values() for waiting in self._analysed.values())
            self._client.request(requested, "analysis")

    def wait_for_probes(self, owner: object, chunks: Sequence[Chunk], cancel: CancelToken) -> list[Rendered]:
        """For jobs, in their threads: wait for chunks of any kind, requesting those that are missing.

        Raises:
            EngineError: when one of them cannot be rendered.
            Cancelled: when `cancel` was set.
        """
        return self._store.wait_for_all(chunks, cancel, lambda missing: self.analyse(owner, missing))

    def settle(self, key: str) -> None:
        """A chunk is finished or failed: the next request of another view must not bring it again."""
        with self._lock:
            for waiting in self._analysed.values():
                waiting.pop(key, None)
