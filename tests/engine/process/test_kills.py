"""The engine process killed at random moments, over caches in any state: the mix and the export are always complete."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from lincae_studio.codecs import registry
from lincae_studio.engine.export.mixdown import mixdown
from lincae_studio.engine.planning.grid import Grid
from lincae_studio.engine.planning.plan import Chunk, Planner
from lincae_studio.engine.process import events as engine, worker
from lincae_studio.engine.process.client import EngineClient
from lincae_studio.engine.process.local import LocalLauncher
from lincae_studio.engine.rendering.cache import latent_database, render_database
from lincae_studio.engine.rendering.render_store import RenderStore
from lincae_studio.engine.rendering.renderer import Rendered, StoreReader
from lincae_studio.jobs import CancelToken
from lincae_studio.media.store import MediaStore
from lincae_studio.session import edits
from lincae_studio.session.model import Session
from tests.engine import fakes
from tests.helpers import eventually, import_audio, new_renderer, noise, plan_of, read_audio, render_plan, session_of

pytestmark = pytest.mark.linux("kills processes as Linux does")

GRID = Grid(256, 256, 32, 2)
KILLS = 10

#: As many edits are made at least.
EDITS = 11


class Killed:
    """The engine side of a window whose process is killed after random numbers of events, and moments later."""

    def __init__(self, cache_dir: Path, rng: random.Random, run: Callable[..., None] = worker.run) -> None:
        self.store = RenderStore()
        self.kills, self.most = 0, KILLS
        self.client = EngineClient(LocalLauncher(cache_dir, run), self._receive)
        self._rng = rng
        self._planner = Planner()
        self._pid = 0
        self._events_left = rng.randint(1, 12)
        self.plan = self._planner.plan(Session(), registry.info("mdct-2x"), GRID)

    def show(self, session: Session) -> None:
        """As the window does after each edit."""
        self.plan = self._planner.plan(session, registry.info("mdct-2x"), GRID)
        self.store.set_current(self.plan)
        self.client.request(self.store.missing(self.plan))

    def _receive(self, event: engine.Event) -> None:
        match event:
            case engine.EngineUp(pid=pid):
                self._pid = pid
            case engine.ChunkFinished(rendered=rendered):
                self.store.put(rendered)
            case engine.ChunkFailed(message=message):
                # The same chunk was being rendered at two kills, which is as if it had caused them. A user may retry.
                assert "ended 2 times" in message
                self.client.forget_crashes()
                self.client.request(self.store.missing(self.plan))
        self._events_left -= 1
        if self._events_left == 0 and self.kills < self.most:
            self._events_left = self._rng.randint(1, 12)
            threading.Timer(self._rng.uniform(0.0, 0.01), self._kill, [self._pid]).start()

    def _kill(self, pid: int) -> None:
        with contextlib.suppress(ProcessLookupError):  # dead already, of an earlier kill
            if pid:
                os.kill(pid, signal.SIGKILL)
                self.kills += 1


def nothing(_cache_dir: Path) -> None:
    """The caches are as the last engine left them."""


def cut(cache_dir: Path) -> None:
    for path in (latent_database(cache_dir), render_database(cache_dir)):
        path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])


def overwrite(cache_dir: Path) -> None:
    for path in (latent_database(cache_dir), render_database(cache_dir)):
        path.write_bytes(np.random.default_rng(0).bytes(100_000))


def random_edit(session: Session, rng: random.Random) -> Session:
    track = rng.choice(session.tracks)
    clip = rng.choice([clip for track in session.tracks for clip in track.clips])
    return rng.choice(
        [
            lambda: edits.set_track_gain(session, track.id, rng.uniform(0.0, 1.0)),
            lambda: edits.set_track_pan(session, track.id, rng.uniform(-1.0, 1.0)),
            lambda: edits.move_clips(session, {clip.id}, rng.randint(0, 5_000)),
            lambda: edits.split_clips(session, {clip.id}, (clip.start + clip.end) // 2),
            lambda: edits.set_track_subtract(session, track.id, not track.subtract),
        ]
    )()


def check_edits_and_export(killed: Killed, session: Session, store: MediaStore, path: Path, rng: random.Random) -> None:
    """Edit and export until it has been killed often enough: the mix and the file are as if it never were."""
    renderer = new_renderer(StoreReader(store))
    exported = plan_of(session, "mdct-2x", GRID)

    def provide(chunk: Chunk) -> Rendered:
        return killed.store.wait_for(chunk, CancelToken(), lambda: killed.client.request([chunk], priority="export"))

    def moved_on(done: int) -> bool:
        return killed.kills > done or not killed.store.missing(killed.plan)

    killed.show(session)
    killed.client.start()
    try:
        export = threading.Thread(target=mixdown, args=(exported, provide, path), daemon=True)
        export.start()
        history = [session]
        while killed.kills < killed.most or len(history) < EDITS:
            done = killed.kills
            history.append(random_edit(history[-1], rng))
            killed.show(history[-1])
            eventually(partial(moved_on, done))
        killed.show(history[0])  # undone, all of it
        killed.show(history[-1])  # and redone
        eventually(lambda: not killed.store.missing(killed.plan), timeout_s=60.0)
        export.join(60.0)
        assert not export.is_alive()
    finally:
        killed.client.close()
    for chunk in killed.plan.audible:
        rendered, expected = killed.store.get(chunk.key), renderer.render(chunk)
        assert rendered is not None
        assert np.array_equal(rendered.audio, expected.audio)
        assert np.array_equal(rendered.latents, expected.latents)
    assert np.array_equal(read_audio(path), render_plan(exported, renderer))


@pytest.mark.parametrize(
    ("number", "damage", "run"),
    [
        (0, nothing, worker.run),
        (1, nothing, worker.run),
        (2, cut, worker.run),
        (3, overwrite, worker.run),
        (4, nothing, fakes.on_a_full_disk),
    ],
    ids=["fresh", "caches of before", "cut caches", "garbage", "full disk"],
)
@pytest.mark.slow
def test_the_mix_and_the_export_are_complete_after_ten_kills(
    number: int, damage: Callable[[Path], None], run: Callable[..., None], tmp_path: Path, store: MediaStore,
    cache_dir: Path,
) -> None:  # fmt: skip
    rng = random.Random(number)
    one = import_audio(store, tmp_path / "one.wav", noise(1, 400_000))
    two = import_audio(store, tmp_path / "two.wav", noise(2, 200_000, 2))
    session = session_of(one, two)
    if number:  # what an engine of yesterday left, whole or not
        old = Killed(cache_dir, rng)
        old.most = 0
        old.show(session)
        old.client.start()
        eventually(lambda: not old.store.missing(old.plan))
        old.client.close()
        damage(cache_dir)
    check_edits_and_export(Killed(cache_dir, rng, run), session, store, tmp_path / "mix.wav", rng)
