"""The time from an edit to its audio, by the client that the window uses: for any engine, here or elsewhere."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from lincae_studio.codecs.base import CodecInfo
from lincae_studio.codecs.computation import Computation
from lincae_studio.engine.planning.plan import Plan, Planner
from lincae_studio.engine.process import events as engine
from lincae_studio.engine.process.channel import Launcher
from lincae_studio.engine.process.client import EngineClient
from lincae_studio.session import edits
from lincae_studio.session.model import Session


@dataclass
class Window:
    """Uses the engine as the window does: keeps rendered chunks, and requests missing ones."""

    client: EngineClient = field(init=False)
    rendered: set[str] = field(default_factory=set)
    started: set[str] = field(default_factory=set)
    failed: list[str] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def receive(self, event: engine.Event) -> None:
        with self.changed:
            match event:
                case engine.ChunkStarted(key=key):
                    self.started.add(key)
                case engine.ChunkFinished(rendered=rendered):
                    self.rendered.add(rendered.key)
                case engine.ChunkFailed(message=message) | engine.EngineUnusable(reason=message):
                    self.failed.append(message)
            self.changed.notify_all()

    def request(self, plan: Plan) -> None:
        with self.changed:
            missing = [chunk for chunk in plan.audible if chunk.key not in self.rendered]
        self.client.request(missing)

    def wait_for(self, keys: set[str]) -> None:
        with self.changed:
            self.changed.wait_for(lambda: keys <= self.rendered or self.failed)
            if self.failed:
                raise engine.failure(self.failed[0])

    def wait_until_idle(self) -> None:
        """Withdraw all requests, and wait until nothing is being rendered."""
        self.client.request(())
        with self.changed:
            self.changed.wait_for(lambda: self.started <= self.rendered or self.failed)


class EditBench:
    """Edits a session as the window does, and waits for the chunk at the playhead.

    Attributes:
        requests_ms: how long the request of each edit took the calling thread.
    """

    def __init__(
        self, launcher: Launcher, computation: Computation, session: Session, info: CodecInfo, slow: bool
    ) -> None:
        """`slow`: of the whole session, only the chunk at the playhead is rendered."""
        self._window = Window()
        self._window.client = EngineClient(launcher, self._window.receive)
        self._window.client.configure(computation)
        self._session = session
        self._info = info
        self._slow = slow
        self._planner = Planner()
        self.requests_ms: list[float] = []

    def edit(self, repeats: int) -> list[float]:
        """The times from edits to their audio, in ms; the engine is started before and ended afterwards."""
        self._window.client.start()
        try:
            plan = self._planner.plan(self._session, self._info)
            self._window.client.set_playhead(plan.length // 2)
            self._window.request(plan)
            self._settle(plan)
            return [self._edit(0.5 + 0.01 * repeat) for repeat in range(repeats)]
        finally:
            self._window.client.close()

    def _edit(self, gain: float) -> float:
        started = time.perf_counter()
        self._session = edits.set_track_gain(self._session, self._session.tracks[0].id, gain)
        plan = self._planner.plan(self._session, self._info)
        requested = time.perf_counter()
        self._window.request(plan)
        self.requests_ms.append((time.perf_counter() - requested) * 1e3)
        self._window.wait_for({self._here(plan)})
        took_ms = (time.perf_counter() - started) * 1e3
        self._settle(plan)
        return took_ms

    def _here(self, plan: Plan) -> str:
        """The key of the chunk at the playhead."""
        chunk = plan.chunks[plan.grid.owner(plan.length // 2)]
        assert chunk is not None
        return chunk.key

    def _settle(self, plan: Plan) -> None:
        self._window.wait_for({self._here(plan)} if self._slow else {chunk.key for chunk in plan.audible})
        self._window.wait_until_idle()
