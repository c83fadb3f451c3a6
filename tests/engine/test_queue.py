"""The queue of the engine process: what is heard next comes first, and nothing is rendered twice."""

from __future__ import annotations

from lincae_studio.engine.grid import Grid
from lincae_studio.engine.plan import Chunk
from lincae_studio.engine.queue import ChunkQueue
from tests.helpers import made_up_media, plan_of, session_of

GRID = Grid(256, 256, 8, 2)


def chunks(count: int) -> list[Chunk]:
    plan = plan_of(session_of(made_up_media(1, 60_000)), "mdct-2x", GRID)
    return [chunk.concrete() for chunk in plan.audible[:count]]


def taken(queue: ChunkQueue) -> list[int]:
    found = []
    while (chunk := queue.take(timeout_s=0.0)) is not None:
        queue.done()
        found.append(chunk.index)
    return found


def test_live_chunks_come_by_distance_ahead_of_the_playhead_then_those_behind() -> None:
    queue = ChunkQueue()
    queue.set_playhead(4 * GRID.step_samples)
    queue.add(chunks(8), live=True)
    assert taken(queue) == [4, 5, 6, 7, 3, 2, 1, 0]


def test_an_export_goes_on_while_live_chunks_keep_coming() -> None:
    queue = ChunkQueue()
    several = chunks(12)
    queue.add(several[:2], live=False)
    queue.add(several[2:], live=True)
    assert taken(queue).index(0) == 4


def test_a_wish_for_what_is_being_rendered_is_not_a_second_one() -> None:
    queue = ChunkQueue()
    first, second = chunks(2)
    queue.add([first, second], live=True)
    assert queue.take() == first
    queue.add([first], live=False)
    queue.add([first], live=True)
    queue.done()
    assert taken(queue) == [1]
    queue.add([first], live=True)  # it went for want of room
    assert taken(queue) == [0]
