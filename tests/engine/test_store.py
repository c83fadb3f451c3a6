"""The render store, the reader of the mix as it is heard, and the queue of what is wanted."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from lincae_studio.engine.drymix import DryMix
from lincae_studio.engine.grid import Grid
from lincae_studio.engine.plan import Chunk, Plan
from lincae_studio.engine.queue import ChunkQueue
from lincae_studio.engine.renderer import Rendered
from lincae_studio.engine.store import ChunkState, MixReader, RenderStore
from lincae_studio.errors import Cancelled, EngineError
from lincae_studio.jobs import CancelToken
from lincae_studio.session import edits
from lincae_studio.session.model import Session
from tests.helpers import MemoryAudio, made_up_media, new_renderer, plan_of, render_plan, session_of

GRID = Grid(256, 256, 20, 2)
MEDIA = made_up_media(1, 40_000)
READER = MemoryAudio.of(MEDIA)


def session_with_a_hole() -> Session:
    """Two clips with several silent chunks between them."""
    return edits.move_clips(session_of(MEDIA, MEDIA), {4}, 80_000)


@pytest.fixture
def plan() -> Plan:
    return plan_of(session_with_a_hole(), "mdct-4x", GRID)


@pytest.fixture
def renders(plan: Plan) -> dict[str, Rendered]:
    renderer = new_renderer(READER)
    return {chunk.key: renderer.render(chunk) for chunk in plan.audible}


def tiny(key: str, samples: int = 1000) -> Rendered:
    return Rendered(key, np.zeros((1, 1, 0), np.float32), np.zeros((1, samples), np.float32))


def test_states_follow_what_happens_to_a_chunk(plan: Plan, renders: dict[str, Rendered]) -> None:
    store = RenderStore()
    store.set_current(plan)
    chunk, other = plan.audible[:2]
    assert store.state(None) is ChunkState.SILENT
    assert store.state(chunk) is ChunkState.STALE
    store.set_rendering(chunk.key)
    assert store.state(chunk) is ChunkState.RENDERING
    assert store.state(other) is ChunkState.STALE
    store.put(renders[chunk.key])
    assert store.state(chunk) is ChunkState.RENDERED
    store.set_rendering(other.key)
    store.set_failed(other.key, "no such media")
    assert store.state(other) is ChunkState.FAILED
    assert store.failure(other.key) == "no such media"
    assert store.failure(chunk.key) is None
    store.forget_failures()
    assert store.state(other) is ChunkState.STALE


def test_missing_are_the_chunks_neither_rendered_nor_failed(plan: Plan, renders: dict[str, Rendered]) -> None:
    store = RenderStore()
    first, second, *rest = plan.audible
    store.put(renders[first.key])
    store.set_failed(second.key, "why")
    assert store.missing(plan) == [chunk for chunk in rest if chunk.key not in (first.key, second.key)]
    store.put(renders[second.key])
    assert store.failure(second.key) is None


def test_old_renders_go_first_and_current_ones_never(plan: Plan) -> None:
    keys = sorted({chunk.key for chunk in plan.audible})
    size = tiny("x").nbytes
    store = RenderStore(old_bytes=3 * size)
    store.set_current(plan)
    for key in keys:
        store.put(tiny(key))
    for number in range(6):
        store.put(tiny(f"old {number}"))
    assert all(store.get(key) for key in keys)
    assert [bool(store.get(f"old {number}")) for number in range(6)] == [False] * 3 + [True] * 3
    store.set_current(plan_of(Session(), "mdct-4x", GRID))
    assert sum(store.get(key) is not None for key in keys) <= 3


def test_waiting_returns_a_render_that_comes_later(plan: Plan, renders: dict[str, Rendered]) -> None:
    store = RenderStore()
    chunk = plan.audible[0]
    later = threading.Thread(target=store.put, args=(renders[chunk.key],))
    later.start()
    assert store.wait_for(chunk, CancelToken()) is renders[chunk.key]
    later.join()


def test_waiting_ends_with_a_failure_or_a_cancel(plan: Plan) -> None:
    store = RenderStore()
    chunk = plan.audible[0]
    token = CancelToken()
    threading.Timer(0.02, token.cancel).start()
    with pytest.raises(Cancelled):
        store.wait_for(chunk, token)
    threading.Timer(0.02, store.set_failed, (chunk.key, "no such media")).start()
    with pytest.raises(EngineError, match=f"chunk {chunk.index} cannot be rendered: no such media"):
        store.wait_for(chunk, CancelToken())


def test_the_mix_is_dry_until_it_is_rendered(plan: Plan, renders: dict[str, Rendered]) -> None:
    store = RenderStore()
    dry = DryMix(session_with_a_hole(), READER)
    reader = MixReader(plan, dry, store.get)
    heard = reader.read(0, plan.length)
    assert np.abs(heard - dry.read(0, plan.length)).max() < 1e-6
    chunk = plan.audible[3]
    store.put(renders[chunk.key])
    latent = render_plan(plan, new_renderer(READER))
    mixed = reader.read(0, plan.length)
    start, end = GRID.valid(chunk.index)
    inner = slice(start + GRID.fade, end - GRID.fade)
    assert np.array_equal(mixed[:, inner], latent[:, inner])
    assert np.abs(mixed[:, inner] - heard[:, inner]).max() > 0.01
    for rendered in renders.values():
        store.put(rendered)
    assert np.array_equal(reader.read(0, plan.length), latent)


def test_the_reader_gives_zeros_outside_the_mix(plan: Plan) -> None:
    reader = MixReader(plan, DryMix(session_with_a_hole(), READER), RenderStore().get)
    assert reader.read(plan.length - 10, 50).shape == (1, 50)
    assert not reader.read(plan.length, 100).any()
    assert not reader.read(-100, 100).any()
    assert not reader.read(60_000, 1000).any()
    assert reader.read(-50, 100)[:, 50:].any()


# The queue


def taken(queue: ChunkQueue) -> list[int]:
    order = []
    while (chunk := queue.take(timeout_s=0.0)) is not None:
        order.append(chunk.index)
    return order


@pytest.fixture
def waiting() -> list[Chunk]:
    """One chunk each for indices 0 to 8."""
    media = made_up_media(2, 9 * GRID.step_samples)
    chunks = plan_of(session_of(media), "mdct-4x", GRID).audible
    assert [chunk.index for chunk in chunks] == list(range(9))
    return chunks


def test_what_is_heard_next_comes_first_then_what_lies_behind(waiting: list[Chunk]) -> None:
    queue = ChunkQueue()
    queue.add(waiting, live=True)
    queue.set_playhead(5 * GRID.step_samples + 10)
    assert taken(queue) == [5, 6, 7, 8, 4, 3, 2, 1, 0]


def test_the_newest_playhead_decides_at_every_take(waiting: list[Chunk]) -> None:
    queue = ChunkQueue()
    queue.add(waiting, live=True)
    first = queue.take()
    assert first is not None
    assert first.index == 0
    queue.set_playhead(7 * GRID.step_samples)
    assert taken(queue) == [7, 8, 6, 5, 4, 3, 2, 1]


def test_live_chunks_come_before_those_for_export(waiting: list[Chunk]) -> None:
    queue = ChunkQueue()
    queue.add(reversed(waiting), live=False)
    queue.add(waiting[6:7], live=True)
    assert taken(queue) == [6, 0, 1, 2, 3, 4, 5, 7, 8]


def test_dropped_wishes_are_forgotten(waiting: list[Chunk]) -> None:
    queue = ChunkQueue()
    queue.add(waiting[:4], live=True)
    queue.add(waiting[3:6], live=False)
    queue.drop([waiting[0].key, waiting[3].key, "unknown"], live=True)
    assert taken(queue) == [1, 2, 3, 4, 5]
    queue.add(waiting[:2], live=True)
    queue.drop([chunk.key for chunk in waiting], live=False)
    assert taken(queue) == [0, 1]


def test_taking_waits_for_a_wish(waiting: list[Chunk]) -> None:
    queue = ChunkQueue()
    threading.Timer(0.02, queue.add, (waiting[:1], True)).start()
    assert queue.take(timeout_s=10.0) == waiting[0]
