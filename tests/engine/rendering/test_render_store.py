"""The render store, and the reader of the mix as it is heard."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from lincae_studio.engine.planning.grid import Grid
from lincae_studio.engine.planning.plan import Chunk, Plan
from lincae_studio.engine.rendering.dry_mix import DryMix
from lincae_studio.engine.rendering.render_store import ChunkState, MixReader, RenderStore
from lincae_studio.engine.rendering.renderer import Rendered
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
    store.set_rendering(plan.audible[2].key)
    assert store.states(plan) == {chunk.index: store.state(chunk) for chunk in plan.audible}
    assert len(set(store.states(plan).values())) == min(4, len(plan.audible))
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


def test_a_plan_in_passing_leaves_no_renders_and_asks_for_what_stays(long_plan: Plan) -> None:
    store = RenderStore()
    store.set_current(long_plan)
    store.put(blank(long_plan.audible[3], long_plan))
    # A second clip over the first ten chunks, of a gain that changes.
    session = session_of(made_up_media(2, 20 * GRID.step_samples), made_up_media(3, 10 * GRID.step_samples))
    plans = [plan_of(edits.set_track_gain(session, 3, gain), "mdct-4x", GRID) for gain in (0.5, 0.6, 0.7)]
    same = [chunk.index for chunk in plans[0].audible if chunk.key in long_plan.chunks.keys]
    assert 5 < len(same) < 15
    for plan in plans:
        store.set_current(plan, passing=True)
        assert indices(store.missing(plan)) == same, "stopped: the others will not be heard"
        store.set_playhead(4 * GRID.step_samples, playing=True)
        assert indices(store.missing(plan)) == [4, 5, *same]
        store.put(blank(plan.audible[4], plan))
        store.set_playhead(0)
    assert [here(store, plan) for plan in plans] == [[], [], [4]]
    store.put(blank(plans[0].audible[5], plans[0]))
    assert here(store, plans[0]) == [], "comes too late"
    store.set_current(plans[2])
    assert indices(store.missing(plans[2])) == [index for index in range(20) if index != 4]
    assert here(store, long_plan) == [3], "an undo away"


def test_renders_of_earlier_states_are_limited_in_size(plan: Plan) -> None:
    store = RenderStore()
    store.set_current(plan)
    for number in range(400):
        store.put(tiny(f"old {number}", 500_000))  # 800 MB, of which no page is touched
    assert store.nbytes <= 256 * 2**20
    assert store.get("old 399") is not None


def test_a_lower_limit_applies_at_once_and_returns_the_evicted_keys(plan: Plan, renders: dict[str, Rendered]) -> None:
    store = RenderStore()
    store.set_current(plan)
    for key, rendered in renders.items():
        store.put(rendered)
        store.put(tiny(f"old {key}"))
    evicted = store.set_limit(max(rendered.nbytes for rendered in renders.values()))
    assert evicted
    assert set(evicted) < renders.keys()
    assert {key for key in renders if store.get(key) is None} == set(evicted)
    assert not any(store.get(f"old {key}") for key in renders)


def test_sizes_are_right_whatever_happens() -> None:
    """They are kept up to date, not summed over all renders for each that arrives."""
    rng = np.random.default_rng(0)
    base = session_with_a_hole()
    plans = [
        plan_of(edits.set_track_gain(base, base.tracks[0].id, 0.5 + 0.1 * step), "mdct-4x", GRID) for step in range(4)
    ]
    chunks = [chunk for plan in plans for chunk in plan.audible]
    size = blank(chunks[0], plans[0]).nbytes
    store = RenderStore(old_bytes=3 * size)
    plan = plans[0]
    store.set_current(plan)
    for _ in range(400):
        event = rng.integers(8)
        if event == 0:
            plan = plans[rng.integers(4)]
            store.set_current(plan, passing=bool(rng.integers(2)))
        elif event == 1:
            store.set_limit(int(rng.integers(1, 12)) * size)
        else:
            chunk = chunks[rng.integers(len(chunks))]
            store.put(blank(chunk, plan))
        stored = {chunk.key for chunk in chunks if store.get(chunk.key) is not None}
        assert store.nbytes == len(stored) * size
        unused = stored - {chunk.key for chunk in plan.audible}
        assert store._unused_bytes == len(unused) * size <= 3 * size


def test_failures_of_older_plans_are_forgotten(plan: Plan) -> None:
    store = RenderStore()
    now = plan.audible[0].key
    store.set_failed("of an older plan", "why")
    store.set_failed(now, "why")
    store.set_current(plan)
    assert (store.failure("of an older plan"), store.failure(now)) == (None, "why")


# A session larger than the store


def blank(chunk: Chunk, plan: Plan) -> Rendered:
    """A render of the right size."""
    latents = np.zeros((chunk.buses, plan.codec.dim, plan.grid.frames), np.float32)
    return Rendered(chunk.key, latents, np.zeros((chunk.buses, plan.grid.window_samples), np.float32))


@pytest.fixture
def long_plan() -> Plan:
    """Twenty chunks, all different."""
    plan = plan_of(session_of(made_up_media(2, 20 * GRID.step_samples)), "mdct-4x", GRID)
    assert [chunk.index for chunk in plan.audible] == list(range(20))
    return plan


def small_store(plan: Plan, chunks: float) -> tuple[RenderStore, int]:
    """A store with room for this number of chunks of a plan, and its size in bytes."""
    room = int(chunks * blank(plan.audible[0], plan).nbytes)
    store = RenderStore(max_bytes=room)
    store.set_current(plan)
    return store, room


def indices(chunks: list[Chunk]) -> list[int]:
    return [chunk.index for chunk in chunks]


def here(store: RenderStore, plan: Plan) -> list[int]:
    return [chunk.index for chunk in plan.audible if store.get(chunk.key)]


def fill(store: RenderStore, plan: Plan) -> None:
    """Render the missing chunks, farthest first: the worst order."""
    for chunk in reversed(store.missing(plan)):
        store.put(blank(chunk, plan))


def test_a_render_has_the_size_that_the_store_assumes(plan: Plan, renders: dict[str, Rendered]) -> None:
    assert {item.nbytes for item in renders.values()} == {blank(plan.audible[0], plan).nbytes}
    stereo = plan_of(edits.set_track_pan(session_of(MEDIA), 1, 0.5), "mdct-4x", GRID)
    chunk = stereo.audible[0]
    assert chunk.buses == 2
    assert new_renderer(READER).render(chunk).nbytes == blank(chunk, stereo).nbytes


def test_only_what_has_room_around_the_playhead_is_missing(long_plan: Plan) -> None:
    store, room = small_store(long_plan, 6.5)
    assert indices(store.missing(long_plan)) == [0, 1, 2, 3, 4, 5]
    assert indices(store.absent(long_plan)) == list(range(20))
    fill(store, long_plan)
    assert store.missing(long_plan) == []
    store.set_playhead(10 * GRID.step_samples + 5)
    # Behind counts double: 9 is as far as 12, and 8 as 14.
    assert indices(store.missing(long_plan)) == [8, 9, 10, 11, 12, 13]
    fill(store, long_plan)
    assert here(store, long_plan) == [8, 9, 10, 11, 12, 13]
    assert store.nbytes <= room


@pytest.mark.parametrize("room_in_chunks", [1.0, 2.5, 5.0, 6.0, 7.9, 19.0])
def test_chunks_near_the_playhead_are_rendered_once_and_kept(long_plan: Plan, room_in_chunks: float) -> None:
    store, room = small_store(long_plan, room_in_chunks)
    for playhead in (0, 1, 2, 7, 3, 19, 0):
        store.set_playhead(playhead * GRID.step_samples)
        wanted = store.missing(long_plan)
        for chunk in reversed(wanted):  # the farthest first: the worst order
            store.put(blank(chunk, long_plan))
            assert store.nbytes <= room
        assert all(store.get(chunk.key) for chunk in wanted)
        assert store.missing(long_plan) == []
        assert len(here(store, long_plan)) == int(room_in_chunks)
        assert playhead in here(store, long_plan)


def test_evicted_chunks_are_reported_and_stale_again(long_plan: Plan) -> None:
    store, _ = small_store(long_plan, 3.0)
    fill(store, long_plan)
    store.set_playhead(5 * GRID.step_samples)
    assert store.put(blank(long_plan.audible[5], long_plan)) == [long_plan.audible[0].key]
    assert store.state(long_plan.audible[0]) is ChunkState.STALE
    far = long_plan.audible[19]
    assert store.put(blank(far, long_plan)) == [far.key]


def test_old_renders_make_room_for_the_current_plan(long_plan: Plan) -> None:
    store, room = small_store(long_plan, 3.0)
    fill(store, long_plan)
    other = plan_of(session_of(made_up_media(3, 20 * GRID.step_samples)), "mdct-4x", GRID)
    store.set_current(other)
    assert here(store, long_plan) == [0, 1, 2]
    fill(store, other)
    assert here(store, other) == [0, 1, 2]
    assert here(store, long_plan) == []
    assert store.nbytes <= room


def test_a_failed_chunk_takes_no_room(long_plan: Plan) -> None:
    store, _ = small_store(long_plan, 3.0)
    store.set_failed(long_plan.audible[1].key, "why")
    assert indices(store.missing(long_plan)) == [0, 2, 3]


def test_equal_chunks_take_room_once_where_they_are_nearest() -> None:
    media = made_up_media(2, 4 * GRID.step_samples)
    session = edits.move_clips(session_of(media, media), {4}, 12 * GRID.step_samples)
    plan = plan_of(session, "mdct-4x", GRID)
    assert len({chunk.key for chunk in plan.audible}) < len(plan.audible)
    store, _ = small_store(plan, 2.0)
    store.set_playhead(14 * GRID.step_samples)
    fill(store, plan)
    assert store.missing(plan) == []
    assert {14, 15} <= set(here(store, plan))


def test_an_awaited_chunk_is_delivered_even_without_room(long_plan: Plan) -> None:
    store, room = small_store(long_plan, 3.0)
    fill(store, long_plan)
    asked: list[int] = []

    def ask() -> None:
        assert len(asked) < 5, "the answer was not delivered"
        asked.append(store.absent(long_plan)[0].index)
        store.put(blank(far, long_plan))

    for far in long_plan.audible[15:]:
        assert store.wait_for(far, CancelToken(), ask).key == far.key
        assert store.get(far.key) is None
        assert store.nbytes <= room
    assert asked == [3] * 5
    assert here(store, long_plan) == [0, 1, 2]
    # Nothing of it is kept for a wait that comes later.
    token = CancelToken()
    threading.Timer(0.02, token.cancel).start()
    with pytest.raises(Cancelled):
        store.wait_for(far, token)


def test_a_request_that_crossed_with_its_result_is_repeated(long_plan: Plan) -> None:
    store, _ = small_store(long_plan, 3.0)
    fill(store, long_plan)
    far = long_plan.audible[15]
    asked = []

    def ask() -> None:
        asked.append(far)
        if len(asked) == 2:
            store.put(blank(far, long_plan))

    assert store.wait_for(far, CancelToken(), ask).key == far.key


def test_waiting_for_a_stored_chunk_requests_nothing(long_plan: Plan) -> None:
    store, _ = small_store(long_plan, 3.0)
    fill(store, long_plan)
    asked: list[int] = []
    store.wait_for(long_plan.audible[0], CancelToken(), lambda: asked.append(0))
    assert asked == []


def test_waiting_returns_a_render_that_arrives_later(plan: Plan, renders: dict[str, Rendered]) -> None:
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


def test_a_preview_is_heard_until_its_chunk_is_rendered_and_nothing_else(
    plan: Plan, renders: dict[str, Rendered]
) -> None:
    store = RenderStore()
    store.set_current(plan)
    chunk, other = plan.audible[:2]
    preview = Rendered(chunk.key, renders[chunk.key].latents, 2.0 * renders[chunk.key].audio)
    store.set_rendering(chunk.key)
    store.put_preview(preview)
    assert store.state(chunk) is store.states(plan)[chunk.index] is ChunkState.PREVIEWED
    assert store.preview(chunk.key) is preview
    assert store.get(chunk.key) is None
    assert store.snapshot() == {}
    assert store.snapshot(previews=True) == {chunk.key: preview}
    assert chunk in store.missing(plan)
    cancel = CancelToken()
    with pytest.raises(Cancelled):
        store.wait_for(chunk, cancel, cancel.cancel)

    store.put(renders[chunk.key])
    assert store.state(chunk) is ChunkState.RENDERED
    store.put_preview(preview)
    assert store.preview(chunk.key) is None, "it came too late"
    assert store.snapshot(previews=True) == store.snapshot()

    store.put_preview(Rendered(other.key, preview.latents, preview.audio))
    store.set_failed(other.key, "no such media")
    assert store.state(other) is ChunkState.FAILED
    assert store.preview(other.key) is None


def test_previews_end_with_the_plan_that_they_are_of(plan: Plan) -> None:
    store = RenderStore()
    store.set_current(plan)
    chunk = plan.audible[0]
    store.put_preview(tiny(chunk.key))
    store.set_current(plan_of(session_of(MEDIA), "mdct-2x", GRID))
    store.put_preview(tiny(chunk.key))
    store.set_current(plan)
    assert store.state(chunk) is ChunkState.STALE
    store.put_preview(tiny(chunk.key))
    store.drop_previews()
    assert store.state(chunk) is ChunkState.STALE
