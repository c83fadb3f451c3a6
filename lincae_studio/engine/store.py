"""The render store: decoded chunks by key, and the state of each chunk of the current plan. Thread-safe.

The engine's results come in here; playback, views and export read here. Chunks of the current plan stay, older ones (an
undo away) stay as long as there is room.
"""

from __future__ import annotations

import enum
import threading
from collections import OrderedDict
from collections.abc import Callable

from lincae_studio.codecs.base import Array
from lincae_studio.engine.drymix import DryMix
from lincae_studio.engine.plan import Chunk, Plan
from lincae_studio.engine.renderer import Rendered
from lincae_studio.engine.stitch import stitch, window_part
from lincae_studio.errors import EngineError
from lincae_studio.jobs import CancelToken

#: Room for chunks that the current plan does not need.
_OLD_BYTES = 1024 * 1024 * 1024

#: How often a wait looks whether it was cancelled.
_POLL_S = 0.1


class ChunkState(enum.Enum):
    """What is known of a chunk's sound."""

    SILENT = "silent"
    STALE = "stale"
    RENDERING = "rendering"
    RENDERED = "rendered"
    FAILED = "failed"


class RenderStore:
    """Renders and states by chunk key."""

    def __init__(self, old_bytes: int = _OLD_BYTES) -> None:
        self._old_bytes = old_bytes
        self._renders: OrderedDict[str, Rendered] = OrderedDict()
        self._failures: dict[str, str] = {}
        self._rendering: str | None = None
        self._current: frozenset[str] = frozenset()
        self._changed = threading.Condition()

    def get(self, key: str) -> Rendered | None:
        """The render of a chunk, if it is here. Does not wait for the lock: playback calls it."""
        return self._renders.get(key)

    def put(self, rendered: Rendered) -> None:
        """Keep a render."""
        with self._changed:
            self._renders[rendered.key] = rendered
            self._failures.pop(rendered.key, None)
            self._rendering = None if self._rendering == rendered.key else self._rendering
            self._evict()
            self._changed.notify_all()

    def set_rendering(self, key: str | None) -> None:
        """Note which chunk is being rendered."""
        with self._changed:
            self._rendering = key

    def set_failed(self, key: str, message: str) -> None:
        """Note that a chunk cannot be rendered."""
        with self._changed:
            self._failures[key] = message
            self._rendering = None if self._rendering == key else self._rendering
            self._changed.notify_all()

    def forget_failures(self) -> None:
        """Let failed chunks be tried again."""
        with self._changed:
            self._failures.clear()

    def set_current(self, plan: Plan) -> None:
        """Tell which chunks must stay."""
        with self._changed:
            self._current = frozenset(chunk.key for chunk in plan.audible)
            for key in self._current & self._renders.keys():
                self._renders.move_to_end(key)
            self._evict()

    def state(self, chunk: Chunk | None) -> ChunkState:
        """The state of a chunk of a plan (None: a silent one)."""
        if chunk is None:
            return ChunkState.SILENT
        if chunk.key in self._renders:
            return ChunkState.RENDERED
        if chunk.key in self._failures:
            return ChunkState.FAILED
        return ChunkState.RENDERING if chunk.key == self._rendering else ChunkState.STALE

    def snapshot(self, plan: Plan) -> dict[str, Rendered]:
        """The renders of a plan that are here now, by key; what arrives later is not in it."""
        return {chunk.key: render for chunk in plan.audible if (render := self._renders.get(chunk.key)) is not None}

    def failure(self, key: str) -> str | None:
        """Why a chunk failed."""
        return self._failures.get(key)

    def missing(self, plan: Plan) -> list[Chunk]:
        """The chunks of a plan that are neither rendered nor failed."""
        return [chunk for chunk in plan.audible if chunk.key not in self._renders and chunk.key not in self._failures]

    def wait_for(self, chunk: Chunk, cancel: CancelToken) -> Rendered:
        """Wait until a chunk is rendered.

        Raises:
            EngineError: when it fails.
            Cancelled: when `cancel` was set.
        """
        with self._changed:
            while True:
                cancel.check()
                rendered = self._renders.get(chunk.key)
                if rendered is not None:
                    return rendered
                if chunk.key in self._failures:
                    reason = self._failures[chunk.key].rstrip(".")
                    raise EngineError(f"chunk {chunk.index} cannot be rendered: {reason}")
                self._changed.wait(_POLL_S)

    def _evict(self) -> None:
        old = [key for key in self._renders if key not in self._current]
        excess = sum(self._renders[key].nbytes for key in old) - self._old_bytes
        for key in old:
            if excess <= 0:
                break
            excess -= self._renders.pop(key).nbytes


class MixReader:
    """Reads the mix as it is heard: rendered chunks where there are any, else the dry mix."""

    def __init__(self, plan: Plan, dry: DryMix, get: Callable[[str], Rendered | None]) -> None:
        self.plan = plan
        self._dry = dry
        self._get = get

    @property
    def length(self) -> int:
        """Samples of the mix."""
        return self.plan.length

    def read(self, start: int, count: int) -> Array:
        """Samples `(channels, count)` from `start` on; zeros after the end."""
        return stitch(self.plan, self._chunk_audio, start, count)

    def _chunk_audio(self, chunk: Chunk, start: int, end: int) -> Array:
        rendered = self._get(chunk.key)
        if rendered is None:
            return self._dry.read(start, end - start)
        return window_part(self.plan, rendered.audio, chunk.index, start, end)
