"""The queue of the engine process: what is heard next comes first, and nothing is rendered twice."""

from __future__ import annotations

import threading

import pytest
from msgspec.structs import replace

from lincae_studio.engine.planning.grid import Grid
from lincae_studio.engine.planning.plan import Chunk
from lincae_studio.engine.process.queue import ChunkQueue
from tests.helpers import made_up_media, plan_of, session_of

#: More results than there are: all have been received.
SEEN = 1000

GRID = Grid(256, 256, 8, 2)


def chunks(count: int) -> list[Chunk]:
    plan = plan_of(session_of(made_up_media(1, 20_000)), "mdct-2x", GRID)
    return plan.audible[:count]


def taken(queue: ChunkQueue) -> list[int]:
    found = []
    while taken := queue.take(timeout_s=0.0):
        for chunk in taken:
            queue.done(chunk.key)
            found.append(chunk.index)
    return found


@pytest.fixture
def waiting() -> list[Chunk]:
    """Chunks 0 to 8."""
    return chunks(9)


def test_live_chunks_come_by_distance_ahead_of_the_playhead_then_those_behind() -> None:
    queue = ChunkQueue()
    queue.set_playhead(4 * GRID.step_samples)
    queue.add(chunks(8), priority="live")
    assert taken(queue) == [4, 5, 6, 7, 3, 2, 1, 0]


def test_in_a_loop_its_start_follows_its_end() -> None:
    queue = ChunkQueue()
    step = GRID.step_samples
    queue.set_playhead(4 * step, loop=(2 * step, 6 * step))
    queue.add(chunks(8), priority="live")
    assert taken(queue) == [4, 5, 2, 3, 6, 7, 1, 0]
    queue.set_playhead(7 * step, loop=(2 * step, 6 * step))  # it will never be reached
    queue.add(chunks(8), priority="live", seen=SEEN)
    assert taken(queue) == [7, 6, 5, 4, 3, 2, 1, 0]


def test_an_export_continues_while_live_chunks_keep_coming(waiting: list[Chunk]) -> None:
    queue = ChunkQueue()
    queue.add(waiting[:6], priority="live")
    queue.add(waiting[6:], priority="export")
    assert taken(queue) == [0, 1, 2, 3, 6, 4, 5, 7, 8]
    queue.add(waiting[6:], priority="export", seen=SEEN)
    order = []
    for _ in range(15):  # as when a fader is moved again and again
        queue.add(waiting[:6], priority="live", seen=SEEN)
        for chunk in queue.take():
            order.append(chunk.index)
            queue.done(chunk.key)
    assert order == [0, 0, 0, 0, 6, 0, 0, 0, 0, 7, 0, 0, 0, 0, 8]


def test_a_request_for_what_is_being_rendered_is_not_a_second_one() -> None:
    queue = ChunkQueue()
    first, second = chunks(2)
    queue.add([first, second], priority="live")
    assert queue.take() == (first,)
    queue.add([first], priority="export")
    queue.add([first], priority="live")
    queue.done(first.key)
    queue.add([first], priority="live")  # its sender has not seen the result yet
    assert taken(queue) == [1]
    queue.add([first], priority="live", seen=1)
    assert taken(queue) == [0]  # now it has, and requests it again: there was no room to keep it


def test_a_batch_is_of_the_most_urgent_chunks_that_are_alike() -> None:
    queue = ChunkQueue()
    several = chunks(8)
    other = replace(several[3], key="other seed", seed=7)
    queue.add([*several[:3], other, *several[4:]], priority="live")
    assert [chunk.index for chunk in queue.take(batch=lambda _: 4)] == [0, 1, 2, 4]
    assert queue.take(batch=lambda _: 4) == (other,)
    assert [chunk.index for chunk in queue.take(batch=lambda _: 4)] == [5, 6, 7]
    assert queue.take(timeout_s=0.0) == ()


def test_a_suspected_chunk_is_rendered_alone() -> None:
    queue = ChunkQueue()
    several = chunks(5)
    queue.add(several, priority="live", alone=[several[1].key])
    assert [chunk.index for chunk in queue.take(batch=lambda _: 3)] == [0, 2, 3]
    assert [chunk.index for chunk in queue.take(batch=lambda _: 3)] == [1]
    assert [chunk.index for chunk in queue.take(batch=lambda _: 3)] == [4]


def test_the_newest_playhead_decides_at_every_take(waiting: list[Chunk]) -> None:
    queue = ChunkQueue()
    queue.add(waiting, priority="live")
    assert [chunk.index for chunk in queue.take()] == [0]
    queue.set_playhead(7 * GRID.step_samples)
    assert taken(queue) == [7, 8, 6, 5, 4, 3, 2, 1]


def test_live_chunks_come_before_those_for_export(waiting: list[Chunk]) -> None:
    queue = ChunkQueue()
    queue.add(reversed(waiting), priority="export")
    queue.add(waiting[6:7], priority="live")
    assert taken(queue) == [6, 0, 1, 2, 3, 4, 5, 7, 8]


def test_only_live_chunks_taken_while_exports_wait_count(waiting: list[Chunk]) -> None:
    queue = ChunkQueue()
    queue.add(waiting[:6], priority="live")
    for _ in range(4):
        queue.take()
    queue.add(waiting[6:], priority="export")
    assert taken(queue) == [4, 5, 6, 7, 8]


def test_dropped_requests_are_forgotten(waiting: list[Chunk]) -> None:
    queue = ChunkQueue()
    queue.add(waiting[:4], priority="live")
    queue.add(waiting[3:6], priority="export")
    queue.drop([waiting[0].key, waiting[3].key, "unknown"], priority="live")
    assert taken(queue) == [1, 2, 3, 4, 5]
    queue.add(waiting[:2], priority="live", seen=SEEN)
    queue.drop([chunk.key for chunk in waiting], priority="export")
    assert taken(queue) == [0, 1]


def test_taking_waits_for_a_request(waiting: list[Chunk]) -> None:
    queue = ChunkQueue()
    threading.Timer(0.02, queue.add, (waiting[:1], "live")).start()
    assert queue.take(timeout_s=10.0) == (waiting[0],)


def test_analyses_come_in_the_order_of_their_requests_and_take_turns_with_exports(waiting: list[Chunk]) -> None:
    queue = ChunkQueue()
    queue.add([waiting[8], waiting[2]], priority="analysis")
    queue.add(waiting[4:6], priority="export")
    queue.add([waiting[0], waiting[1], waiting[3], waiting[6], waiting[7]], priority="live")
    assert taken(queue) == [0, 1, 3, 6, 4, 7, 8, 5, 2]


def test_a_chunk_of_two_priorities_is_rendered_once(waiting: list[Chunk]) -> None:
    queue = ChunkQueue()
    queue.add(waiting[:2], priority="analysis")
    queue.add(waiting[:1], priority="live")
    assert taken(queue) == [0, 1]
