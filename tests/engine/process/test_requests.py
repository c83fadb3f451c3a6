"""The order in which the engine renders: chunks nearest to playback first, and no chunk twice."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st
from msgspec.structs import replace

from lincae_studio.engine.planning.grid import Grid
from lincae_studio.engine.planning.plan import Chunk, CodecRef
from lincae_studio.engine.process.requests import CRASHES_ALLOWED, Loop, Requests
from tests.helpers import made_up_media, plan_of, session_of

GRID = Grid(256, 256, 8, 2)
STEP = GRID.step_samples


def chunks(count: int) -> list[Chunk]:
    plan = plan_of(session_of(made_up_media(1, 20_000)), "mdct-2x", GRID)
    return plan.audible[:count]


def take(requests: Requests, batch: int = 1) -> list[int]:
    """Indices of the next batch."""
    return [chunk.index for chunk in requests.take({"mdct-2x": batch})]


def take_all(requests: Requests) -> list[int]:
    """Indices in the order of rendering, each one ended before the next is taken."""
    found = []
    while taken := requests.take({}):
        for chunk in taken:
            requests.remove(chunk.key)
            found.append(chunk.index)
    return found


@pytest.fixture
def waiting() -> list[Chunk]:
    """Chunks 0 to 8."""
    return chunks(9)


@pytest.fixture
def requests() -> Requests:
    return Requests()


def test_live_chunks_come_by_distance_ahead_of_the_playhead_then_those_behind(
    requests: Requests, waiting: list[Chunk]
) -> None:
    requests.playhead = 4 * STEP
    requests.replace(waiting[:8], "live")
    assert take_all(requests) == [4, 5, 6, 7, 3, 2, 1, 0]


def test_in_a_loop_its_start_follows_its_end(requests: Requests, waiting: list[Chunk]) -> None:
    requests.playhead, requests.loop = 4 * STEP, (2 * STEP, 6 * STEP)
    requests.replace(waiting[:8], "live")
    assert take_all(requests) == [4, 5, 2, 3, 6, 7, 1, 0]
    requests.playhead = 7 * STEP  # the loop will never be reached
    requests.replace(waiting[:8], "live")
    assert take_all(requests) == [7, 6, 5, 4, 3, 2, 1, 0]


def urgency(chunk: Chunk, playhead: int, loop: Loop | None) -> tuple[int, int]:
    """Sorts live chunks as `Requests` orders them, one by one."""
    owner = chunk.grid.owner
    here, index = owner(playhead), chunk.index
    if loop is not None and loop[0] <= playhead < loop[1]:
        first, last = owner(loop[0]), owner(loop[1] - 1)
        if first <= index <= last:
            return 0, index - here if index >= here else last - here + 1 + index - first
    else:
        last = here - 1
    return (1, index) if index > last else (2, -index)


def chunk_at(index: int) -> Chunk:
    return Chunk(f"key {index}", index, CodecRef("mdct-2x", ""), Grid(256, 256, 360, 16), 0, 1, ())


@given(
    indices=st.sets(st.integers(0, 300), min_size=1),
    gone=st.sets(st.integers(0, 300)),
    playhead=st.integers(0, 40_000_000),
    loop=st.sampled_from([None, (0, 3_000_000), (2_000_000, 9_000_000)]),
)
def test_live_chunks_come_in_the_order_of_their_urgency(
    indices: set[int], gone: set[int], playhead: int, loop: Loop | None
) -> None:
    requests = Requests()
    chunks = [chunk_at(index) for index in sorted(indices)]
    requests.replace(chunks, "live")
    list(requests.in_order("live"))
    requests.playhead, requests.loop = playhead, loop
    for index in gone & indices:
        requests.remove(chunk_at(index).key)
    left = [chunk for chunk in chunks if chunk.index not in gone]
    expected = sorted(left, key=lambda chunk: urgency(chunk, playhead, loop))
    assert list(requests.in_order("live")) == expected


def test_the_newest_playhead_decides_each_time(requests: Requests, waiting: list[Chunk]) -> None:
    requests.replace(waiting, "live")
    assert take(requests) == [0]
    requests.playhead = 7 * STEP
    assert take_all(requests) == [7, 8, 6, 5, 4, 3, 2, 1]


def test_live_chunks_come_before_those_for_export(requests: Requests, waiting: list[Chunk]) -> None:
    requests.replace(reversed(waiting), "export")
    requests.replace(waiting[6:7], "live")
    assert take_all(requests) == [6, 0, 1, 2, 3, 4, 5, 7, 8]


def test_an_export_goes_on_while_live_chunks_keep_coming(requests: Requests, waiting: list[Chunk]) -> None:
    requests.replace(waiting[:6], "live")
    requests.replace(waiting[6:], "export")
    assert take_all(requests) == [0, 1, 2, 3, 6, 4, 5, 7, 8]
    requests.replace(waiting[6:], "export")
    order = []
    for _ in range(15):  # as when a fader is moved again and again
        requests.replace(waiting[:6], "live")
        for chunk in requests.take({}):
            order.append(chunk.index)
            requests.remove(chunk.key)
    assert order == [0, 0, 0, 0, 6, 0, 0, 0, 0, 7, 0, 0, 0, 0, 8]


def test_only_live_chunks_taken_while_exports_wait_count(requests: Requests, waiting: list[Chunk]) -> None:
    requests.replace(waiting[:6], "live")
    for _ in range(4):
        requests.take({})
    requests.replace(waiting[6:], "export")
    assert take_all(requests) == [4, 5, 6, 7, 8]


def test_analyses_come_in_the_order_of_their_requests_and_take_turns_with_exports(
    requests: Requests, waiting: list[Chunk]
) -> None:
    requests.replace([waiting[8], waiting[2]], "analysis")
    requests.replace(waiting[4:6], "export")
    requests.replace([waiting[0], waiting[1], waiting[3], waiting[6], waiting[7]], "live")
    assert take_all(requests) == [0, 1, 3, 6, 4, 7, 8, 5, 2]


def test_new_requests_replace_those_of_their_priority_only(requests: Requests, waiting: list[Chunk]) -> None:
    requests.replace(waiting[:4], "live")
    requests.replace(waiting[3:6], "export")
    requests.replace(waiting[1:3], "live")
    assert take_all(requests) == [1, 2, 3, 4, 5]


def test_a_chunk_of_two_priorities_is_rendered_once(requests: Requests, waiting: list[Chunk]) -> None:
    requests.replace(waiting[:2], "analysis")
    requests.replace(waiting[:1], "live")
    assert take_all(requests) == [0, 1]


def test_a_chunk_that_is_being_rendered_is_not_taken_again(requests: Requests, waiting: list[Chunk]) -> None:
    first, second = waiting[:2]
    requests.replace([first, second], "live")
    assert requests.take({}) == (first,)
    requests.replace([first], "export")
    requests.replace([first, second], "live")
    assert requests.take({}) == (second,)
    assert requests.take({}) == ()
    requests.remove(first.key)
    assert requests.take({}) == ()
    requests.replace([first], "live")  # requested again: there was no room to keep it
    assert requests.take({}) == (first,)


def test_a_new_process_gets_what_the_one_before_had(requests: Requests, waiting: list[Chunk]) -> None:
    requests.replace(waiting[:3], "live")
    assert take(requests, 2) == [0, 1]
    requests.restart()
    assert take_all(requests) == [0, 1, 2]


def test_a_batch_is_of_the_most_urgent_chunks_that_are_alike(requests: Requests, waiting: list[Chunk]) -> None:
    other = replace(waiting[3], key="other seed", seed=7)
    requests.replace([*waiting[:3], other, *waiting[4:8]], "live")
    assert take(requests, 4) == [0, 1, 2, 4]
    assert requests.take({"mdct-2x": 4}) == (other,)
    assert take(requests, 4) == [5, 6, 7]
    assert take(requests, 4) == []


def test_only_codecs_with_a_batch_get_more_than_one(requests: Requests, waiting: list[Chunk]) -> None:
    requests.replace(waiting, "live")
    assert requests.take({"another": 4}) == (waiting[0],)


def test_a_chunk_during_which_the_engine_crashed_is_taken_alone(requests: Requests, waiting: list[Chunk]) -> None:
    requests.crashes[waiting[1].key] = CRASHES_ALLOWED - 1
    requests.replace(waiting[:5], "live")
    assert [take(requests, 3), take(requests, 3), take(requests, 3)] == [[0, 2, 3], [1], [4]]


def test_a_chunk_during_which_the_engine_crashed_too_often_is_not_requested(
    requests: Requests, waiting: list[Chunk]
) -> None:
    requests.crashes[waiting[0].key] = CRASHES_ALLOWED
    requests.replace(waiting[:2], "live")
    assert take_all(requests) == [1]


def test_a_preview_of_each_chunk_near_the_playhead_is_requested_once(requests: Requests, waiting: list[Chunk]) -> None:
    requests.playhead = 4 * STEP
    requests.replace(waiting[:8], "live")
    assert requests.take_previews(8) == (), "the codec has none"
    requests.previews = True
    assert requests.take_previews(0) == ()
    assert [chunk.index for chunk in requests.take_previews(3)] == [4, 5, 6]
    assert [chunk.index for chunk in requests.take_previews(8)] == [7, 3, 2, 1, 0]
    assert requests.take_previews(8) == ()
    requests.replace(waiting[:7], "live")
    requests.replace(waiting[:8], "live")
    assert [chunk.index for chunk in requests.take_previews(8)] == [7], "it was not requested in between"
    requests.restart()
    assert len(requests.take_previews(8)) == 8


def test_a_chunk_is_rendered_with_its_preview_unless_that_has_come(requests: Requests, waiting: list[Chunk]) -> None:
    requests.previews = True
    requests.replace(waiting[:2], "live")
    requests.replace(waiting[2:3], "export")
    requests.note_preview(waiting[0].key)
    assert [requests.previews_with([chunk]) for chunk in waiting[:3]] == ["none", "too", "none"]
    assert requests.previews_with(waiting[:2]) == "too"
