"""What an export requests while it waits for a chunk, however long the mix is. Counted, not timed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from lincae_studio.engine.planning.grid import Grid
from lincae_studio.engine.planning.plan import Chunk, Chunks, Plan
from lincae_studio.engine.process.client import EngineClient
from lincae_studio.engine.process.local import LocalLauncher
from lincae_studio.engine.process.requests import Priority
from lincae_studio.engine.rendering.render_store import RenderStore
from lincae_studio.errors import Cancelled
from lincae_studio.jobs import CancelToken
from lincae_studio.ui.rendering.chunk_requests import ChunkRequests
from tests.helpers import MemoryAudio, made_up_media, new_renderer, plan_of, session_of

GRID = Grid(256, 256, 4, 2)
MEDIA = made_up_media(1, 2_000_000)


class Recorder(EngineClient):
    """A client that keeps what is requested, stops the job that waits for it, and has no process."""

    def __init__(self, folder: Path, cancel: CancelToken) -> None:
        super().__init__(LocalLauncher(folder), lambda _: None)
        self.requested: list[Chunk] = []
        self._stop = cancel

    def request(self, chunks: Iterable[Chunk], priority: Priority = "live", previews: bool = False) -> None:
        assert priority == "export"
        self.requested = list(chunks)
        self._stop.cancel()


class Counted(Chunks):
    """Chunks of a plan that count how many are visited."""

    visited = 0

    def spans(self, first: int, last: int, together: int) -> Iterator[tuple[int, int]]:
        for span in super().spans(first, last, together):
            self.visited += 1
            yield span

    def get(self, index: int) -> Chunk | None:
        self.visited += 1
        return super().get(index)


@pytest.fixture
def plan() -> Plan:
    made = plan_of(session_of(MEDIA), "mdct-4x", GRID)
    chunks = Counted(made.chunks.audible, len(made.chunks))
    return Plan(made.codec, made.grid, made.channels, made.length, chunks)


def test_an_export_looks_for_the_next_chunks_only(plan: Plan, tmp_path: Path) -> None:
    store, cancel = RenderStore(), CancelToken()
    here = len(plan.audible) // 2
    chunk, rendered = plan.audible[here], plan.audible[here + 1]
    store.put(new_renderer(MemoryAudio.of(MEDIA)).render(rendered))
    store.set_failed(plan.audible[here + 3].key, "no such media")
    client = Recorder(tmp_path, cancel)
    with pytest.raises(Cancelled):
        ChunkRequests(client, store).provide(plan, chunk, cancel)
    assert len(plan.audible) > 2000
    expected = [here, *(here + ahead for ahead in (2, 4, 5, 6, 7, 8, 9))]
    assert [one.index for one in client.requested] == [plan.audible[place].index for place in expected]
    assert isinstance(plan.chunks, Counted)
    assert 0 < plan.chunks.visited <= 20
