"""Requests chunks from the engine: for the mix, for an export, and for analysis by views and jobs."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Sequence

from lincae_studio.codecs import registry
from lincae_studio.engine.planning.plan import Chunk, Plan
from lincae_studio.engine.process.client import EngineClient
from lincae_studio.engine.rendering.render_store import RenderStore
from lincae_studio.engine.rendering.renderer import Rendered
from lincae_studio.jobs import CancelToken

#: Number of chunks requested ahead of the one that an export waits for.
_EXPORT_AHEAD = 8


class ChunkRequests:
    """Requests what the render store does not have from the engine's client. Any thread.

    The mix comes first; every fifth turn goes to the other requests while any are waiting.
    """

    def __init__(self, client: EngineClient, store: RenderStore) -> None:
        self._client = client
        self._store = store
        #: Whether previews are requested for codecs that have one.
        self.previews = True
        #: The chunks that each view or job analyses and has not received yet, by key.
        self._analysed: dict[object, dict[str, Chunk]] = {}
        self._lock = threading.Lock()

    def render_mix(self, plan: Plan) -> None:
        """Request the missing chunks of a plan, replacing the requests for the previous one."""
        previews = self.previews and registry.has_preview(plan.codec)
        self._client.request(self._store.missing(plan), previews=previews)

    def provide(self, plan: Plan, chunk: Chunk, cancel: CancelToken) -> Rendered:
        """For exports, in their thread: wait for a chunk, requesting it and the next ones if they are missing."""

        def request() -> None:
            ahead = list(itertools.islice(self._store.absent_from(plan, chunk.index), _EXPORT_AHEAD))
            self._client.request(ahead, "export")

        return self._store.wait_for(chunk, cancel, request)

    def end_export(self) -> None:
        """Withdraw the requests of an export."""
        self._client.request((), "export")

    def analyse(self, owner: object, chunks: Sequence[Chunk]) -> None:
        """Replace the analysis requests of a view or job, most urgent first."""
        with self._lock:
            self._analysed.pop(owner, None)
            if chunks:
                self._analysed[owner] = {chunk.key: chunk for chunk in chunks}
            requested = itertools.chain.from_iterable(waiting.values() for waiting in self._analysed.values())
            self._client.request(requested, "analysis")

    def wait_for_probes(self, owner: object, chunks: Sequence[Chunk], cancel: CancelToken) -> list[Rendered]:
        """For jobs, in their threads: wait for chunks of any kind, requesting the missing ones.

        Raises:
            EngineError: when one of them cannot be rendered.
            Cancelled: when `cancel` was set.
        """
        return self._store.wait_for_all(chunks, cancel, lambda missing: self.analyse(owner, missing))

    def settle(self, key: str) -> None:
        """Forget a finished or failed chunk, so that the next request of another view does not repeat it."""
        with self._lock:
            for waiting in self._analysed.values():
                waiting.pop(key, None)
