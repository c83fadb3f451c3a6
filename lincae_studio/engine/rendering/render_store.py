"""The render store: decoded chunks by key, and the state of each chunk of the current plan. Thread-safe.

The engine's results are stored here; playback, views and export read them. Renders of the current plan are kept up to a
size limit; above it, those farthest from the playhead are evicted. Older ones (an undo away) are kept within a limit of
their own: every edit leaves some behind, so that it is always reached in a long session. Plans in passing, of a fader
that is still being moved, leave none: no undo leads back to them.
"""

from __future__ import annotations

import enum
import heapq
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Literal

import numpy as np

from lincae_studio.codecs.base import Array
from lincae_studio.engine.planning.plan import Chunk, Chunks, Plan
from lincae_studio.engine.planning.probes import is_probe
from lincae_studio.engine.rendering.dry_mix import DryMix
from lincae_studio.engine.rendering.renderer import Rendered
from lincae_studio.engine.rendering.stitch import stitch, window_slice
from lincae_studio.errors import EngineError
from lincae_studio.jobs import CancelToken

#: Room for chunks that the current plan does not need: about ten minutes of stereo.
_OLD_BYTES = 256 * 1024 * 1024

#: Room for all chunks unless another limit is set: about two hours of stereo.
_MAX_BYTES = 3 * 1024 * 1024 * 1024

#: Chunks of a plan in passing that are rendered during playback: the one that is heard, and the next.
_HEARD = 2

#: Previews that are kept: of more chunks than the engine makes them ahead of the playhead.
_MOST_PREVIEWS = 64

#: How often a wait checks whether it was cancelled.
_POLL_S = 0.1


class ChunkState(enum.IntEnum):
    """Whether a chunk's audio is available."""

    SILENT = 0
    STALE = 1
    RENDERING = 2
    RENDERED = 3
    FAILED = 4
    PREVIEWED = 5


class RenderStore:
    """Renders and states by chunk key.

    Attributes:
        playing: whether the chunk at the playhead is heard.
    """

    def __init__(self, old_bytes: int = _OLD_BYTES, max_bytes: int = _MAX_BYTES) -> None:
        self._old_bytes = old_bytes
        self._max_bytes = max_bytes
        self._playhead = 0
        self._renders: OrderedDict[str, Rendered] = OrderedDict()
        #: Bytes of all renders, and of those that the current plan does not have.
        self._bytes = self._unused_bytes = 0
        #: What is heard of chunks of the current plan until they are rendered.
        self._previews: OrderedDict[str, Rendered] = OrderedDict()
        self._failures: dict[str, str] = {}
        self._rendering: str | None = None
        self._current = self._lasting = Chunks((), 0)
        #: Whether the current plan is one in passing; the last one that is not is `_lasting`.
        self._passing = False
        self.playing = False
        self._awaited: Counter[str] = Counter()
        self._delivered: dict[str, Rendered] = {}
        self._changed = threading.Condition()

    @property
    def nbytes(self) -> int:
        """Size of all stored renders, in bytes."""
        return self._bytes

    def get(self, key: str) -> Rendered | None:
        """The render of a chunk, if it is stored. Does not take the lock: views call it while they draw."""
        return self._renders.get(key)

    def put(self, rendered: Rendered) -> list[str]:
        """Store a render, and pass it to callers waiting for it, even if there is no room to keep it.

        Returns:
            The keys of the renders of the current plan that were evicted: their chunks are stale again.
        """
        with self._changed:
            if is_probe(rendered.key):  # of use only to callers waiting for it
                if self._awaited[rendered.key]:
                    self._delivered[rendered.key] = rendered
                    self._changed.notify_all()
                return []
            if not self._passing or self._is_wanted(rendered.key):
                replaced = self._renders.get(rendered.key)
                if replaced is not None:
                    self._count(replaced, -1)
                self._renders[rendered.key] = rendered
                self._count(rendered, 1)
            self._previews.pop(rendered.key, None)
            self._failures.pop(rendered.key, None)
            self._rendering = None if self._rendering == rendered.key else self._rendering
            if self._awaited[rendered.key]:
                self._delivered[rendered.key] = rendered
            evicted = self._evict()
            self._changed.notify_all()
            return evicted

    def put_preview(self, preview: Rendered) -> None:
        """Store the preview of a chunk of the current plan that is not rendered; the oldest are dropped."""
        with self._changed:
            key = preview.key
            if key in self._current.keys and key not in self._renders and key not in self._failures:
                self._previews[key] = preview
                while len(self._previews) > _MOST_PREVIEWS:
                    self._previews.popitem(last=False)

    def preview(self, key: str) -> Rendered | None:
        """The preview of a chunk that is not rendered, if there is one. Does not take the lock."""
        return self._previews.get(key)

    def drop_previews(self) -> None:
        """Drop all previews."""
        with self._changed:
            self._previews.clear()

    def _drop(self, key: str) -> None:
        """Drop a render, if it is stored."""
        rendered = self._renders.pop(key, None)
        if rendered is not None:
            self._count(rendered, -1)

    def _count(self, rendered: Rendered, sign: int) -> None:
        """Add the bytes of a render, or subtract them."""
        self._bytes += sign * rendered.nbytes
        if rendered.key not in self._current.keys:
            self._unused_bytes += sign * rendered.nbytes

    def _is_wanted(self, key: str) -> bool:
        """Whether the current plan, or the last lasting one, has a chunk with this key."""
        return key in self._current.keys or key in self._lasting.keys

    def set_limit(self, max_bytes: int) -> list[str]:
        """Limit the size of all renders together. Returns the evicted keys of the current plan, as `put` does."""
        with self._changed:
            self._max_bytes = max_bytes
            return self._evict()

    def set_rendering(self, key: str | None) -> None:
        """Set the key of the chunk that is being rendered, if any."""
        with self._changed:
            self._rendering = key

    def set_failed(self, key: str, message: str) -> None:
        """Mark a chunk as failed."""
        with self._changed:
            self._failures[key] = message
            self._previews.pop(key, None)
            self._rendering = None if self._rendering == key else self._rendering
            self._changed.notify_all()

    def forget_failures(self) -> None:
        """Allow failed chunks to be tried again."""
        with self._changed:
            self._failures.clear()

    def set_current(self, plan: Plan, passing: bool = False) -> None:
        """Set the plan whose renders are kept; `passing`: only until the next one is set."""
        with self._changed:
            before, self._current = self._current.keys if self._passing else (), plan.chunks
            current = self._current.keys
            for key in before:
                if not self._is_wanted(key):
                    self._drop(key)
            self._unused_bytes = sum(self._renders[key].nbytes for key in self._renders.keys() - current)
            self._passing = passing
            if not passing:
                self._lasting = self._current
            for key in current & self._renders.keys():
                self._renders.move_to_end(key)
            for key in self._previews.keys() - current:
                del self._previews[key]
            if self._failures:  # those of older plans are forgotten: they are tried again if they come back
                keys = current | self._awaited.keys()
                self._failures = {key: reason for key, reason in self._failures.items() if key in keys}
            self._evict()

    def set_playhead(self, sample: int, playing: bool = False) -> None:
        """Set the playhead, in timeline samples: chunks near it are rendered first and evicted last."""
        with self._changed:
            self._playhead, self.playing = sample, playing

    def state(self, chunk: Chunk | None) -> ChunkState:
        """The state of a chunk of a plan (None for a silent one)."""
        if chunk is None:
            return ChunkState.SILENT
        if chunk.key in self._renders:
            return ChunkState.RENDERED
        if chunk.key in self._failures:
            return ChunkState.FAILED
        if chunk.key in self._previews:
            return ChunkState.PREVIEWED
        return ChunkState.RENDERING if chunk.key == self._rendering else ChunkState.STALE

    def states(self, plan: Plan) -> dict[int, ChunkState]:
        """The states of the audible chunks of a plan, by index."""
        chunks = plan.chunks
        states = dict.fromkeys((chunk.index for chunk in chunks.audible), ChunkState.STALE)
        with self._changed:
            known = [
                key
                for stored in (self._renders, self._failures, self._previews)
                for key in stored
                if key in chunks.keys
            ]
            known += [self._rendering] if self._rendering is not None else []
        for key in known:
            for chunk in chunks.with_key(key):
                states[chunk.index] = self.state(chunk)
        return states

    def snapshot(self, previews: bool = False) -> dict[str, Rendered]:
        """The renders of the current plan that are stored now, by key; those that arrive later are not included.

        `previews`: with previews for chunks that are not rendered, as they are heard. Never for measurements.
        """
        with self._changed:
            current = self._current.keys
            found = dict(self._previews) if previews else {}
            found.update((key, rendered) for key, rendered in self._renders.items() if key in current)
            return found

    def failure(self, key: str) -> str | None:
        """Why a chunk failed."""
        return self._failures.get(key)

    def absent(self, plan: Plan) -> list[Chunk]:
        """The chunks of a plan that are neither rendered nor failed."""
        renders, failures = self._renders, self._failures
        return [chunk for chunk in plan.chunks.audible if chunk.key not in renders and chunk.key not in failures]

    def absent_from(self, plan: Plan, first: int) -> Iterator[Chunk]:
        """The absent chunks of a plan from index `first` on, each looked for when it is needed."""
        for index, _ in plan.chunks.spans(first, len(plan.chunks), together=1):
            chunk = plan.chunks.get(index)
            if chunk is not None and chunk.key not in self._renders and chunk.key not in self._failures:
                yield chunk

    def missing(self, plan: Plan) -> list[Chunk]:
        """The absent chunks of a plan that would be kept once rendered: those near enough to the playhead to have room.

        As long as the playhead does not move, rendering them all leaves nothing missing. Of a plan in passing, only
        those that the last lasting one has, too, and during playback those that are heard.
        """
        absent = self.absent(plan)
        if self._passing:
            here = plan.grid.owner(self._playhead)
            heard = plan.chunks.between(here, here + _HEARD - 1) if self.playing else ()
            absent = [chunk for chunk in absent if chunk.key in self._lasting.keys or chunk in heard]
        if self.has_room(plan):
            return absent
        near = self._near(plan)
        return [chunk for chunk in absent if chunk.key in near]

    def has_room(self, plan: Plan) -> bool:
        """Whether the whole plan can be kept once rendered, wherever the playhead is."""
        audible = plan.chunks.audible
        stereo = sum(chunk.buses for chunk in audible)
        return not audible or stereo * _nbytes(audible[0], plan) // audible[0].buses <= self._max_bytes

    def wait_for(self, chunk: Chunk, cancel: CancelToken, request: Callable[[], object] = lambda: None) -> Rendered:
        """Wait until a chunk is rendered.

        Args:
            request: requests the chunk from the engine. It is called at once if the chunk is not stored, and again at
                intervals: an earlier render may arrive and be evicted meanwhile. Repeated calls must be harmless.

        Raises:
            EngineError: when the chunk cannot be rendered.
            Cancelled: when `cancel` was set.
        """
        return self.wait_for_all([chunk], cancel, lambda _: request())[0]

    def wait_for_all(
        self, chunks: Sequence[Chunk], cancel: CancelToken, request: Callable[[Sequence[Chunk]], object]
    ) -> list[Rendered]:
        """As `wait_for`, for several chunks of any kind; `request` is passed those that are not stored."""
        found: dict[str, Rendered] = {}
        keys = {chunk.key for chunk in chunks}
        with self._changed:
            self._awaited.update(keys)
        try:
            while True:
                cancel.check()
                for chunk in chunks:
                    rendered = self._renders.get(chunk.key) or self._delivered.get(chunk.key)
                    if rendered is not None:
                        found[chunk.key] = rendered
                    elif chunk.key not in found and (reason := self._failures.get(chunk.key)) is not None:
                        raise EngineError(f"chunk {chunk.index} cannot be rendered: {reason.rstrip('.')}")
                missing = [chunk for chunk in chunks if chunk.key not in found]
                if not missing:
                    return [found[chunk.key] for chunk in chunks]
                request(missing)
                with self._changed:
                    self._changed.wait_for(partial(self._any_settled, [chunk.key for chunk in missing]), _POLL_S)
        finally:
            with self._changed:
                for key in keys:
                    self._awaited[key] -= 1
                    if not self._awaited[key]:
                        del self._awaited[key]
                        self._delivered.pop(key, None)

    def _any_settled(self, keys: Sequence[str]) -> bool:
        return any(key in self._renders or key in self._delivered or key in self._failures for key in keys)

    def _near(self, plan: Plan) -> set[str]:
        """Keys of the chunks nearest to the playhead that there is room for; failed ones take up none."""
        near: set[str] = set()
        room = self._max_bytes
        # Only as many are visited as there is room for.
        here = plan.grid.owner(self._playhead)
        ahead, behind = plan.chunks.between(here, len(plan.chunks)), plan.chunks.between(0, here - 1)
        for chunk in heapq.merge(ahead, reversed(behind), key=self._distance):
            if chunk.key in near or chunk.key in self._failures:
                continue
            room -= _nbytes(chunk, plan)
            if room < 0:
                break
            near.add(chunk.key)
        return near

    def _distance(self, chunk: Chunk) -> tuple[int, int]:
        """Distance from the playhead in chunks, doubled behind it: those are heard only after seeking back.

        The index breaks ties, so that `_evict` and `missing` always agree.
        """
        ahead = chunk.index - chunk.grid.owner(self._playhead)
        return (ahead if ahead >= 0 else -2 * ahead), chunk.index

    def _distance_of(self, key: str) -> tuple[int, int]:
        """Distance of the nearest chunk of the current plan with this key."""
        return min(map(self._distance, self._current.with_key(key)))

    def _evict(self) -> list[str]:
        """Make room: old renders first, then the farthest of the current plan. Returns the keys of the latter."""
        if self._unused_bytes > self._old_bytes or self._bytes > self._max_bytes:
            current = self._current.keys
            for key in [key for key in self._renders if key not in current]:
                if self._unused_bytes <= self._old_bytes and self._bytes <= self._max_bytes:
                    break
                self._drop(key)
        evicted: list[str] = []
        if self._bytes > self._max_bytes:
            nearest_first = sorted(self._renders, key=self._distance_of)
            while self._bytes > self._max_bytes:
                evicted.append(nearest_first.pop())
                self._drop(evicted[-1])
        return evicted


def _nbytes(chunk: Chunk, plan: Plan) -> int:
    """Bytes of a chunk's render: float32 latents and audio for each bus."""
    return 4 * chunk.buses * (plan.codec.dim * plan.grid.frames + plan.grid.window_samples)


#: What is monitored: "auto", the latent mix, and the dry mix until a chunk is rendered; "latent" or "dry", one of them;
#: "difference", the latent mix minus the dry mix. With "latent" and "difference", chunks not rendered yet are silent.
Monitor = Literal["auto", "latent", "dry", "difference"]


class MixReader:
    """Reads the mix as it is heard, depending on `monitor`: by default rendered chunks, and the dry mix elsewhere."""

    def __init__(
        self, plan: Plan, dry: DryMix, get: Callable[[str], Rendered | None], monitor: Monitor = "auto"
    ) -> None:
        self.plan = plan
        self._dry = dry
        self._get = get
        self._monitor = monitor

    @property
    def length(self) -> int:
        """Length of the mix, in samples."""
        return self.plan.length

    @property
    def rate(self) -> int:
        """Sample rate of the mix, in Hz."""
        return self._dry.rate

    def read(self, start: int, count: int) -> Array:
        """Samples `(channels, count)` from `start` on; zeros after the end."""
        return stitch(self.plan, self._chunk_audio, start, count)

    def _chunk_audio(self, chunk: Chunk, start: int, end: int) -> Array:
        rendered = self._get(chunk.key) if self._monitor != "dry" else None
        if rendered is None:
            if self._monitor in ("auto", "dry"):
                return self._dry.read(start, end - start)
            return np.zeros((self.plan.channels, end - start), np.float32)
        latent = window_slice(self.plan, rendered.audio, chunk.index, start, end)
        return latent - self._dry.read(start, end - start) if self._monitor == "difference" else latent
