"""The engine as a process of its own: real ones are spawned, killed, and looked for afterwards."""

from __future__ import annotations

import logging
import multiprocessing
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import Pipe
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from lincae_studio.codecs.computation import Computation
from lincae_studio.codecs.lincae.pretrained import save_own
from lincae_studio.engine.planning.grid import Grid
from lincae_studio.engine.planning.plan import Chunk, CodecRef, Plan
from lincae_studio.engine.planning.probes import latents_only
from lincae_studio.engine.process import client as client_module, local, messages, worker
from lincae_studio.engine.process.client import EngineClient
from lincae_studio.engine.process.events import (
    ChunkFailed,
    ChunkFinished,
    ChunkStarted,
    Computed,
    EngineDown,
    EngineUnusable,
    EngineUp,
    Event,
)
from lincae_studio.engine.process.kernels import SentKernels
from lincae_studio.engine.process.local import LocalLauncher
from lincae_studio.engine.rendering.cache import LatentCache, latent_database
from lincae_studio.engine.rendering.disk import disk_usage
from lincae_studio.engine.rendering.renderer import StoreReader
from lincae_studio.media.store import MediaStore
from tests.codecs.lincae.models import small_model
from tests.engine import fakes
from tests.engine.rendering.test_inserts import operator, with_insert
from tests.helpers import eventually, import_audio, made_up_media, new_renderer, noise, plan_of, session_of

TIMEOUT_S = 60.0

pytestmark = pytest.mark.linux("looks for processes as Linux names them")


class Engine:
    """A client that notes its events; `on_event` is called in the reader thread, as the window's would be."""

    def __init__(self, cache_dir: Path, run: Callable[..., None] = worker.run, **options: Any) -> None:
        self.events: list[Event] = []
        self.on_event: Callable[[Event], None] = lambda _event: None
        self._changed = threading.Condition()
        self.client = EngineClient(LocalLauncher(cache_dir, run), self._note, **options)

    def _note(self, event: Event) -> None:
        self.on_event(event)
        with self._changed:
            self.events.append(event)
            self._changed.notify_all()

    def wait(self, condition: Callable[[], object]) -> None:
        with self._changed:
            assert self._changed.wait_for(condition, TIMEOUT_S), f"timed out; events: {self.events[-5:]}"

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def finished(self) -> dict[str, ChunkFinished]:
        return {event.rendered.key: event for event in self.of(ChunkFinished)}

    @property
    def pid(self) -> int:
        return int(self.of(EngineUp)[-1].pid)

    def wait_for(self, chunks: list[Chunk]) -> None:
        keys = {chunk.key for chunk in chunks}
        self.wait(lambda: keys <= self.finished().keys())


@pytest.fixture
def engine(cache_dir: Path) -> Iterator[Engine]:
    with closing(Engine(cache_dir)) as engine:
        yield engine


@contextmanager
def closing(engine: Engine) -> Iterator[Engine]:
    """Close it, and look whether anything is left."""
    try:
        yield engine
    finally:
        engine.client.close()
    assert multiprocessing.active_children() == []
    for event in engine.of(EngineUp):
        assert not alive(event.pid)
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("engine-client")] == []


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def plan(tmp_path: Path, store: MediaStore) -> Plan:
    """Some fifty chunks, mono and stereo."""
    one = import_audio(store, tmp_path / "one.wav", noise(1, 400_000))
    two = import_audio(store, tmp_path / "two.wav", noise(2, 200_000, 2))
    return plan_of(session_of(one, two), "mdct-2x", Grid(256, 256, 32, 2))


@pytest.fixture
def model_plan(tmp_path: Path, store: MediaStore) -> Plan:
    """A plan for a model, whose latents are kept on disk, unlike those of a built-in codec."""
    save_own(small_model(), tmp_path / "model", title="Mine", linear=True)
    media = import_audio(store, tmp_path / "three.wav", noise(3, 300_000))
    return plan_of(session_of(media), str(tmp_path / "model"))


def test_an_engine_that_hangs_is_replaced(cache_dir: Path, plan: Plan, caplog: pytest.LogCaptureFixture) -> None:
    with closing(Engine(cache_dir, silent_s=3 * messages.ALIVE_EVERY_S)) as engine:
        engine.client.start()
        engine.wait(lambda: engine.of(EngineUp))
        stuck = engine.pid
        os.kill(stuck, signal.SIGSTOP)
        engine.client.request(plan.audible)
        engine.wait_for(plan.audible)
        assert len(engine.of(EngineDown)) == 1
        assert engine.pid != stuck
        assert not alive(stuck)
    assert "has sent nothing for 6 s" in caplog.text


def test_the_process_renders_what_this_one_would(engine: Engine, plan: Plan, store: MediaStore) -> None:
    engine.client.request(plan.audible)
    engine.client.start()
    engine.wait_for(plan.audible)
    assert engine.pid != os.getpid()
    renderer = new_renderer(StoreReader(store))
    for chunk in plan.audible:
        there, here = engine.finished()[chunk.key].rendered, renderer.render(chunk)
        assert np.array_equal(there.latents, here.latents)
        assert np.array_equal(there.audio, here.audio)
    assert len(engine.of(ChunkFinished)) == len(plan.audible)
    assert len(engine.of(ChunkStarted)) == len(plan.audible)
    assert not engine.of(ChunkFailed)
    assert not engine.of(EngineDown)


def test_limits_of_the_caches_reach_the_process_and_the_next_one(
    engine: Engine, model_plan: Plan, cache_dir: Path
) -> None:
    limit = 12_000
    engine.client.set_limits(messages.Limits(1_000_000, limit, limit))
    engine.client.start()
    engine.client.request(model_plan.audible[:1])
    engine.wait_for(model_plan.audible[:1])
    os.kill(engine.pid, signal.SIGKILL)
    engine.wait(lambda: engine.of(EngineDown))
    engine.client.request(model_plan.audible)
    engine.wait_for(model_plan.audible)
    engine.client.close()
    grid, terms = model_plan.grid, [term for chunk in model_plan.audible for term in chunk.terms]
    assert 4 * model_plan.codec.dim * grid.frames * len(terms) > limit
    assert 0 < disk_usage(latent_database(cache_dir)).array_bytes <= limit


def test_a_restart_for_another_computation_is_not_a_crash(
    engine: Engine, plan: Plan, caplog: pytest.LogCaptureFixture
) -> None:
    engine.client.start()
    engine.client.request(plan.audible)
    engine.wait(lambda: len(engine.of(ChunkFinished)) > 3)
    before = engine.pid

    def came_up_again(count: int) -> bool:
        return len(engine.of(EngineUp)) > count

    for number in range(client_module._CRASHES_REPORTED + 1):
        count = len(engine.of(EngineUp))
        engine.client.configure(Computation(precision="fp32" if number % 2 else "bf16"))
        engine.wait(partial(came_up_again, count))
    engine.wait_for(plan.audible)
    assert engine.pid != before
    assert not engine.of(EngineUnusable)
    assert not engine.of(ChunkFailed)
    assert "unexpectedly" not in caplog.text


def test_a_batch_that_fails_is_rendered_one_by_one_and_only_the_culprit_fails(cache_dir: Path, plan: Plan) -> None:
    first, *rest = plan.audible
    with closing(Engine(cache_dir, fakes.decodes_four_at_once_but_never_the_first)) as engine:
        engine.client.set_playhead(5 * plan.grid.step_samples)  # so that it comes last, with others
        engine.client.request(plan.audible)
        engine.client.start()
        engine.wait_for(rest)
        engine.wait(lambda: engine.of(ChunkFailed))
        assert [event.key for event in engine.of(ChunkFailed)] == [first.key]
        assert "too much for me" in engine.of(ChunkFailed)[0].message
        # The first by itself, the others in fours, all four started before one is finished.
        kinds = [type(event) for event in engine.events if isinstance(event, ChunkStarted | ChunkFinished)]
        assert [ChunkStarted] * 4 + [ChunkFinished] * 4 in [kinds[at : at + 8] for at in range(len(kinds))]
        plain = new_renderer(StoreReader(MediaStore(cache_dir)))
        for chunk in rest:
            assert np.allclose(engine.finished()[chunk.key].rendered.audio, plain.render(chunk).audio, atol=1e-6)


def test_without_shared_memory_renders_are_sent_through_the_pipe(
    engine: Engine, plan: Plan, store: MediaStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "_shared_memory", lambda _context: None)
    engine.client.request(plan.audible[:5])
    engine.client.start()
    engine.wait_for(plan.audible[:5])
    chunk = plan.audible[4]
    assert np.array_equal(
        engine.finished()[chunk.key].rendered.audio, new_renderer(StoreReader(store)).render(chunk).audio
    )


def test_the_start_of_a_loop_is_rendered_before_what_follows_the_loop(engine: Engine, plan: Plan) -> None:
    step = plan.grid.step_samples
    engine.client.set_playhead(6 * step, loop=(4 * step, 8 * step))
    engine.client.request(plan.audible)
    engine.client.start()
    engine.wait_for(plan.audible[:12])
    by_key = {chunk.key: chunk.index for chunk in plan.audible}
    assert [by_key[event.key] for event in engine.of(ChunkStarted)][:6] == [6, 7, 4, 5, 8, 9]


def test_chunks_are_rendered_from_the_playhead_on(engine: Engine, plan: Plan) -> None:
    middle = len(plan.chunks) // 2
    engine.client.set_playhead(middle * plan.grid.step_samples)
    engine.client.request(plan.audible)
    engine.client.start()
    engine.wait_for(plan.audible)
    by_key = {chunk.key: chunk.index for chunk in plan.audible}
    order = [by_key[event.key] for event in engine.of(ChunkStarted)]
    assert order == [*range(middle, len(plan.chunks)), *range(middle - 1, -1, -1)]


def test_a_killed_engine_is_restarted_and_all_is_rendered(engine: Engine, plan: Plan) -> None:
    def kill(event: Event) -> None:
        if isinstance(event, ChunkFinished) and len(engine.of(ChunkFinished)) == 5:
            os.kill(engine.pid, signal.SIGKILL)

    engine.on_event = kill
    engine.client.request(plan.audible)
    engine.client.start()
    engine.wait_for(plan.audible)
    assert [event.exit_code for event in engine.of(EngineDown)] == [-signal.SIGKILL]
    assert len({event.pid for event in engine.of(EngineUp)}) == 2
    assert not engine.of(ChunkFailed)


def test_what_inserts_compute_is_sent_to_each_engine_once(engine: Engine, store: MediaStore, tmp_path: Path) -> None:
    session = session_of(import_audio(store, tmp_path / "one.wav", noise(1, 400_000)))
    session = with_insert(replace(session, codec="mdct-1x"), operator(reach=2, past=3, future=1))
    plan = plan_of(session, "mdct-1x", Grid(256, 256, 32, 2))
    chunks, expected = list(plan.audible), new_renderer(StoreReader(store))
    engine.client.start()
    engine.client.request(chunks[:2])
    engine.wait_for(chunks[:2])
    os.kill(engine.pid, signal.SIGKILL)
    engine.wait(lambda: len(engine.of(EngineUp)) == 2)
    engine.client.request(chunks[2:4])
    engine.wait_for(chunks[2:4])
    for chunk in chunks[:4]:
        np.testing.assert_array_equal(engine.finished()[chunk.key].rendered.audio, expected.render(chunk).audio)
    sent = SentKernels()
    sizes = [len(messages.encode(sent.render([chunk]))) for chunk in chunks[:3]]
    weights = len(session.operators[0].weights)
    assert sizes[0] > weights > 5 * max(sizes[1:])


def test_a_chunk_that_ends_the_engine_twice_is_given_up_and_the_rest_rendered(engine: Engine, plan: Plan) -> None:
    culprit, *rest = plan.audible

    def kill(event: Event) -> None:
        if isinstance(event, ChunkStarted) and event.key == culprit.key:
            os.kill(engine.pid, signal.SIGKILL)

    engine.on_event = kill
    engine.client.request(plan.audible)
    engine.client.start()
    engine.wait_for(rest)
    assert [event.key for event in engine.of(ChunkFailed)] == [culprit.key]
    assert "ended 2 times" in engine.of(ChunkFailed)[0].message
    engine.client.request([culprit, rest[0]])
    engine.wait(lambda: len([e for e in engine.of(ChunkFinished) if e.rendered.key == rest[0].key]) == 2)
    assert len(engine.of(EngineDown)) == 2


def test_withdrawn_requests_are_not_rendered(engine: Engine, plan: Plan, tmp_path: Path, store: MediaStore) -> None:
    long = import_audio(store, tmp_path / "long.wav", noise(3, 60 * 44_100))
    many = plan_of(session_of(long), "mdct-1x", Grid(256, 256, 32, 2)).audible

    def change_of_mind(event: Event) -> None:
        if isinstance(event, ChunkFinished) and not engine.of(ChunkFinished):
            engine.client.request([many[-1]])

    engine.on_event = change_of_mind
    engine.client.request(many)
    engine.client.start()
    engine.wait_for([many[-1]])
    engine.client.request(plan.audible[:1])
    engine.wait_for(plan.audible[:1])
    assert len(engine.of(ChunkFinished)) < len(many) // 2


def test_exports_come_after_live_chunks(engine: Engine, plan: Plan) -> None:
    live = plan.audible[-3:]
    engine.client.request(plan.audible[:-3], priority="export")
    engine.client.request(live)
    engine.client.start()
    engine.wait_for(plan.audible)
    assert {event.key for event in engine.of(ChunkStarted)[:3]} == {chunk.key for chunk in live}


def test_only_exports_are_rendered_during_a_pause(cache_dir: Path, plan: Plan) -> None:
    pausing = [True]
    live, exported = plan.audible[:2], plan.audible[2:4]
    with closing(Engine(cache_dir, pause_s=lambda _: 0.01 if pausing else 0.0)) as engine:
        engine.client.request(live)
        engine.client.start()
        engine.client.compute(messages.Compute(1, plan.audible[0].codec, "silence", (4,)))
        engine.wait(lambda: engine.of(Computed))
        assert not engine.of(ChunkStarted), "this engine has asked for chunks before it could be ready"
        engine.client.request(exported, priority="export")
        engine.wait(lambda: engine.finished().keys() & {chunk.key for chunk in exported})
        engine.client.request((), priority="export")
        pausing.clear()
        engine.wait_for(live)


def test_what_is_asked_for_during_a_pause_comes_after_it(cache_dir: Path, plan: Plan) -> None:
    left = [0]

    def pause_s(_: float) -> float:
        left[0] -= 1
        return 0.01 if left[0] > 0 else 0.0

    with closing(Engine(cache_dir, pause_s=pause_s, silent_s=10 * TIMEOUT_S)) as one:

        def begin(event: Event) -> None:
            if isinstance(event, ChunkStarted) and not one.of(ChunkStarted):
                left[0] = 5

        one.on_event = begin
        one.client.request(plan.audible)
        one.client.start()
        one.wait_for(plan.audible)


def test_a_missing_media_fails_its_chunks_and_no_others(engine: Engine, plan: Plan) -> None:
    missing = plan_of(session_of(made_up_media(9, 5000)), "mdct-2x").audible
    engine.client.request([*missing, *plan.audible[:3]])
    engine.client.start()
    engine.wait_for(plan.audible[:3])
    engine.wait(lambda: len(engine.of(ChunkFailed)) == len(missing))
    assert [event.key for event in engine.of(ChunkFailed)] == [chunk.key for chunk in missing]
    assert "not in the cache" in engine.of(ChunkFailed)[0].message
    assert not engine.of(EngineDown)


def test_an_unknown_codec_fails_the_chunk_with_the_known_ones(engine: Engine, plan: Plan) -> None:
    good = plan.audible[0]
    engine.client.request([Chunk("key", 0, CodecRef("nope", ""), good.grid, 0, 1, good.contributions)])
    engine.client.start()
    engine.wait(lambda: engine.of(ChunkFailed))
    assert "no codec “nope”" in engine.of(ChunkFailed)[0].message
    assert "mdct-2x" in engine.of(ChunkFailed)[0].message


def test_latents_are_left_for_the_next_engine(engine: Engine, model_plan: Plan, cache_dir: Path) -> None:
    engine.client.request(model_plan.audible)
    engine.client.start()
    engine.wait_for(model_plan.audible)
    cache = LatentCache(cache_dir)
    keys = {term.key for chunk in model_plan.audible for term in chunk.terms}
    # The engine writes behind its rendering, and closing would end it at once.
    eventually(lambda: cache.get_many(keys).keys() == keys)
    cache.close()


def test_closing_in_the_middle_of_work_leaves_no_process(engine: Engine, plan: Plan) -> None:
    engine.client.request(plan.audible)
    engine.client.start()
    engine.wait(lambda: engine.of(ChunkStarted))
    pid = engine.pid
    engine.client.close()
    assert not alive(pid)
    assert multiprocessing.active_children() == []


def test_closing_at_once_or_without_a_start_is_harmless(cache_dir: Path) -> None:
    Engine(cache_dir).client.close()
    engine = Engine(cache_dir)
    engine.client.start()
    engine.client.close()
    engine.client.close()
    assert multiprocessing.active_children() == []


def test_an_engine_that_dies_at_every_start_is_reported_once(
    cache_dir: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with closing(Engine(cache_dir, fakes.fails_at_every_start)) as engine:
        engine.client.start()
        engine.wait(lambda: len(engine.of(EngineDown)) == 4)  # it is still tried
    assert [event.exit_code for event in engine.of(EngineDown)] == [1] * 4
    (report,) = engine.of(EngineUnusable)
    assert report.reason == "the engine ended 3 times in a row: TypeError: 'NoneType' object is not callable"
    assert engine.events.index(report) == 3
    assert "in __init__" in caplog.text  # where in the engine it happened
    assert capfd.readouterr() == ("", "")


def test_an_engine_that_cannot_be_started_is_reported_once(cache_dir: Path) -> None:
    with closing(Engine(cache_dir, lambda *_: None)) as engine:  # a lambda cannot be sent to another process
        engine.client.start()
        engine.wait(lambda: len(engine.of(EngineDown)) == 4)
    (report,) = engine.of(EngineUnusable)
    assert "cannot be started" in report.reason
    assert "lambda" in report.reason


def test_an_engine_that_recovers_is_used_and_reported_if_it_fails_again(plan: Plan, cache_dir: Path) -> None:
    go = cache_dir / "go"
    with closing(Engine(cache_dir, fakes.ends_at_once_until_a_file_is_there)) as engine:
        engine.client.request(plan.audible[:3])
        engine.client.start()
        engine.wait(lambda: engine.of(EngineUnusable))
        go.touch()
        engine.wait_for(plan.audible[:3])
        assert [event.reason for event in engine.of(EngineUnusable)] == [
            "the engine ended 3 times in a row: exit code 3"
        ]
        go.unlink()
        os.kill(engine.pid, signal.SIGKILL)
        engine.wait(lambda: len(engine.of(EngineUnusable)) == 2)


def test_an_engine_that_only_fails_chunks_is_not_reported_as_unusable(engine: Engine, plan: Plan) -> None:
    """It dies three times, but never three times in a row."""
    missing = plan_of(session_of(made_up_media(9, 5000)), "mdct-2x").audible[:1]

    def kill_and_retry(event: Event) -> None:
        if isinstance(event, ChunkFailed) and len(engine.of(ChunkFailed)) < 3:
            os.kill(engine.pid, signal.SIGKILL)
            engine.client.request(missing)

    engine.on_event = kill_and_retry
    engine.client.request(missing)
    engine.client.start()
    engine.wait(lambda: len(engine.of(ChunkFailed)) == 4)
    assert len(engine.of(EngineDown)) == 3
    assert not engine.of(EngineUnusable)


def test_an_engine_of_another_version_is_ended_and_reported(cache_dir: Path) -> None:
    with closing(Engine(cache_dir, fakes.comes_from_another_version)) as engine:
        engine.client.start()
        engine.wait(lambda: engine.of(EngineUnusable))
    assert "another version" in engine.of(EngineUnusable)[0].reason
    assert not engine.of(EngineUp)


def test_an_engine_that_does_not_end_a_message_is_replaced(cache_dir: Path, caplog: pytest.LogCaptureFixture) -> None:
    with closing(Engine(cache_dir, fakes.never_ends_a_message, silent_s=1.5)) as engine:
        engine.client.start()
        engine.wait(lambda: "it has not finished a message for 2 s" in caplog.text)
    assert not engine.of(EngineUp)


def test_an_engine_that_sends_invalid_messages_is_replaced(
    cache_dir: Path, plan: Plan, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(Engine(cache_dir, fakes.talks_nonsense_at_first)) as engine:
        engine.client.request(plan.audible[:3])
        engine.client.start()
        engine.wait_for(plan.audible[:3])
    assert [event.exit_code for event in engine.of(EngineDown)] == [-signal.SIGKILL] * 3
    (report,) = engine.of(EngineUnusable)
    assert report.reason.endswith("it sent an invalid message: its length is impossible")
    assert caplog.text.count("it sent an invalid message") == 3
    assert {event.rendered.key for event in engine.of(ChunkFinished)} == {chunk.key for chunk in plan.audible[:3]}


def test_a_listener_that_fails_does_not_stop_the_engine(
    engine: Engine, plan: Plan, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(event: Event) -> None:
        if isinstance(event, EngineUp):
            raise RuntimeError("the window has a bug")

    engine.on_event = fail
    engine.client.request(plan.audible[:3])
    engine.client.start()
    engine.wait(lambda: len(engine.of(ChunkFinished)) == 3)
    assert "the window has a bug" in caplog.text
    assert not engine.of(EngineDown)


def test_an_engine_that_cannot_read_its_messages_says_so_and_ends(
    cache_dir: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    ours, theirs = Pipe()
    process = multiprocessing.get_context("spawn").Process(target=worker.run, args=(theirs, str(cache_dir)))
    process.start()
    theirs.close()
    ours.send_bytes(b"\xc1 is no msgpack")
    with ours:
        heard: messages.FromEngine | None = None
        while not isinstance(heard, messages.Dying):
            assert ours.poll(TIMEOUT_S)
            heard = messages.decode_from_engine(ours.recv_bytes())
    assert "MessagePack" in heard.reason
    process.join(TIMEOUT_S)
    assert process.exitcode == 1
    process.close()
    assert capfd.readouterr() == ("", "")


def test_warnings_of_the_engine_reach_the_log_of_the_window(
    engine: Engine, cache_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache_dir.mkdir(parents=True, exist_ok=True)
    (cache_dir / "latents").write_text("a file where a folder should be")
    engine.client.start()
    engine.wait(lambda: engine.of(EngineUp))
    assert [(r.levelname, r.name) for r in caplog.records if "no cache on disk" in r.getMessage()] == [
        ("WARNING", "lincae_studio.engine.process.client")
    ]


def test_messages_below_warning_level_stay_in_the_engine() -> None:
    ours, theirs = Pipe()
    logger = logging.Logger("engine", logging.DEBUG)
    logger.addHandler(worker._ForwardingHandler(worker.Window(theirs)))
    logger.info("quiet")
    logger.warning("loud")
    logger.error("louder")
    theirs.close()
    got = [messages.decode_from_engine(ours.recv_bytes()) for _ in range(2)]
    assert got == [messages.Log(logging.WARNING, "loud"), messages.Log(logging.ERROR, "louder")]
    with ours, pytest.raises(EOFError):
        ours.recv_bytes()


def test_a_retry_requested_while_the_failure_is_delivered_is_not_lost(engine: Engine) -> None:
    missing = plan_of(session_of(made_up_media(9, 5000)), "mdct-2x").audible[:1]

    def retry(event: Event) -> None:
        if isinstance(event, ChunkFailed) and not engine.of(ChunkFailed):
            engine.client.forget_crashes()
            engine.client.request(missing)

    engine.on_event = retry
    engine.client.request(missing)
    engine.client.start()
    engine.wait(lambda: len(engine.of(ChunkFailed)) == 2)


def test_a_chunk_that_is_requested_until_it_is_kept_is_rendered_once(engine: Engine, plan: Plan) -> None:
    """Plans come all the time while a fader moves: a request may be older than the render that is being kept."""

    def request_again(event: Event) -> None:
        if isinstance(event, ChunkFinished):
            kept = engine.finished().keys()  # this one is not among them yet
            engine.client.request(c for c in plan.audible if c.key not in kept)

    engine.on_event = request_again
    engine.client.request(plan.audible)
    engine.client.start()
    engine.wait_for(plan.audible)
    assert len(engine.of(ChunkStarted)) == len(plan.audible)


_WINDOW = """
import sys, threading
from pathlib import Path
from lincae_studio.engine.process.client import EngineClient, EngineUp
from lincae_studio.engine.process.local import LocalLauncher

def on_event(event):
    if isinstance(event, EngineUp):
        print(event.pid, flush=True)

if __name__ == "__main__":
    EngineClient(LocalLauncher(Path(sys.argv[1])), on_event).start()
    threading.Event().wait()
"""


def test_an_engine_whose_window_was_killed_ends_by_itself(tmp_path: Path) -> None:
    script = tmp_path / "window.py"
    script.write_text(_WINDOW)
    command = [sys.executable, str(script), str(tmp_path / "cache")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as window:
        try:
            assert window.stdout is not None
            pid = int(window.stdout.readline())
            descriptor = os.pidfd_open(pid)
        finally:
            window.kill()
    try:
        ended, _, _ = select.select([descriptor], [], [], TIMEOUT_S)  # readable once the process has ended
        assert ended
    finally:
        os.close(descriptor)


def test_a_jump_of_the_playhead_renders_nothing_twice(engine: Engine, plan: Plan) -> None:
    far = plan.length - 1

    def jump(event: Event) -> None:
        if isinstance(event, ChunkStarted):
            engine.client.set_playhead(far if len(engine.of(ChunkStarted)) % 2 else 0)

    engine.on_event = jump
    engine.client.request(plan.audible)
    engine.client.start()
    engine.wait_for(plan.audible)
    assert len(plan.audible) > 40
    assert len(engine.of(ChunkFinished)) == len(plan.audible)


@pytest.mark.parametrize("shared", [True, False])
def test_latents_without_audio_are_sent_between_the_processes(
    engine: Engine, plan: Plan, monkeypatch: pytest.MonkeyPatch, shared: bool
) -> None:
    if not shared:
        monkeypatch.setattr(local, "_shared_memory", lambda _context: None)
    chunks = [latents_only(chunk) for chunk in plan.audible]
    engine.client.request(chunks, "analysis")
    engine.client.request(plan.audible)
    engine.client.start()
    engine.wait_for([*chunks, *plan.audible])
    finished = engine.finished()
    for latents, chunk in zip(chunks, plan.audible, strict=True):
        alone, whole = finished[latents.key].rendered, finished[chunk.key].rendered
        np.testing.assert_array_equal(alone.latents, whole.latents)
        assert alone.audio.shape == (chunk.buses, 0)
