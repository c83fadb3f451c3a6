"""Data sources of the latent views: the mix, a track, a clip or a difference, chunk by chunk. Main thread.

A stereo mix is shown as the mean of its two buses, which by linearity are the latents of its mono sum.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from PySide6.QtCore import QObject, Signal

from lincae_studio.codecs.base import Array
from lincae_studio.engine.planning.grid import Grid
from lincae_studio.engine.planning.plan import Chunk, Plan, Planner
from lincae_studio.engine.planning.probes import latents_only
from lincae_studio.engine.rendering.render_store import ChunkState
from lincae_studio.engine.rendering.renderer import Rendered
from lincae_studio.session.model import Session
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.rendering.rendering import Rendering

#: Size of the cache of latents of tracks and clips, in bytes.
_KEPT_BYTES = 128 * 1024 * 1024

#: Returns the values of a chunk; can be called in any thread.
Deferred = Callable[[], Array]


class ChunkSource(QObject):
    """Values `(rows, columns)` of each chunk, for the frames that start within its own step.

    Signals:
        restarted: the document or the codec was replaced.
        changed: the key of any chunk may have changed.
        chunk_changed: the values of the chunk with this index have arrived or become outdated.
    """

    restarted = Signal()
    changed = Signal()
    chunk_changed = Signal(int)

    @property
    def rows(self) -> int:
        """Number of values per frame."""
        raise NotImplementedError

    def key(self, index: int) -> str | None:
        """Identifies the current values of a chunk; None if it is silent."""
        raise NotImplementedError

    def audible(self, first: int, last: int) -> list[int]:
        """The chunks from `first` to `last` that are not silent. Silence costs nothing."""
        raise NotImplementedError

    def keys(self, count: int) -> dict[int, str]:
        """The keys of those of the first `count` chunks that are not silent, by index."""
        return {index: key for index in self.audible(0, count - 1) if (key := self.key(index)) is not None}

    def stored(self, count: int) -> Sequence[int]:
        """Those of the first `count` chunks whose values may be available now."""
        return self.audible(0, count - 1)

    def deferred(self, index: int) -> Deferred | None:
        """A function returning the values of the current key, or None while they are not available."""
        raise NotImplementedError

    def set_visible_chunks(self, first: int, last: int) -> None:
        """Set the visible chunks, whose values take priority."""

    def close(self) -> None:
        """Stop: the source is no longer shown."""
        self.deleteLater()

    def values(self, index: int) -> Array | None:
        """The values of a chunk, or None while they are not available."""
        found = self.deferred(index)
        return found() if found is not None else None


def own_frames(latents: Array, grid: Grid) -> Array:
    """Reduce a chunk `(buses, D, T)` to `(D, step)`: the mean of the buses without the overlap of neighbours."""
    own = latents[:, :, grid.lead_frames : grid.lead_frames + grid.step]
    return np.ascontiguousarray(own.mean(axis=0, dtype=np.float32))


class MixSource(ChunkSource):
    """The latents of the mix, updated with each render."""

    def __init__(self, rendering: Rendering, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rendering = rendering
        rendering.session_replaced.connect(self.restarted)
        rendering.plan_changed.connect(self.changed)
        rendering.chunk_changed.connect(self.chunk_changed)

    @property
    def rows(self) -> int:
        return self._rendering.plan.codec.dim

    def key(self, index: int) -> str | None:
        chunk = self._rendering.plan.chunks[index]
        return chunk.key if chunk is not None else None

    def audible(self, first: int, last: int) -> list[int]:
        return [chunk.index for chunk in self._rendering.plan.chunks.between(first, last)]

    def keys(self, count: int) -> dict[int, str]:
        return {chunk.index: chunk.key for chunk in self._rendering.plan.chunks.between(0, count - 1)}

    def stored(self, count: int) -> Sequence[int]:
        states = self._rendering.states
        found: list[int] = states.indices[states.states == ChunkState.RENDERED].tolist()
        return found

    def deferred(self, index: int) -> Deferred | None:
        rendered = self._rendering.rendered(index)
        return partial(own_frames, rendered.latents, self._rendering.plan.grid) if rendered is not None else None


class ExcerptSource(ChunkSource):
    """The latents of a track or clip as they go into the mix: summed by the engine, never decoded."""

    def __init__(
        self,
        rendering: Rendering,
        document: Document,
        excerpt_of: Callable[[Session], Session | None],
        parent: QObject | None = None,
    ) -> None:
        """`excerpt_of`: reduces a session to what is shown; None for nothing. Call `follow` when its result changes."""
        super().__init__(parent)
        self._rendering = rendering
        self._document = document
        self._excerpt_of = excerpt_of
        self._planner = Planner()
        self._plan: Plan | None = None
        self._index_of: dict[str, list[int]] = {}
        self._kept: OrderedDict[str, Array] = OrderedDict()
        #: Keys that have arrived, even if evicted from the cache since.
        self._arrived: set[str] = set()
        self._seen = (0, -1)
        rendering.session_replaced.connect(self.restarted)
        rendering.plan_changed.connect(self.follow)
        rendering.probe_rendered.connect(self._on_excerpt_rendered)
        rendering.chunk_changed.connect(self.chunk_changed)  # in case the mix consists of this excerpt only
        self.follow()

    @property
    def rows(self) -> int:
        return self._rendering.plan.codec.dim

    def follow(self) -> None:
        """Follow a change of the session or of the excerpt."""
        part = self._excerpt_of(self._rendering.playable(self._document.session))
        shown = self._rendering.plan
        self._plan = self._planner.plan(part, shown.codec, shown.grid) if part is not None else None
        self._index_of = {}
        for chunk in self._plan.audible if self._plan is not None else ():
            self._index_of.setdefault(chunk.key, []).append(chunk.index)
        self._arrived &= self._index_of.keys()
        self._request()
        self.changed.emit()

    def key(self, index: int) -> str | None:
        chunk = self._chunk(index)
        return chunk.key if chunk is not None else None

    def audible(self, first: int, last: int) -> list[int]:
        return [chunk.index for chunk in self._plan.chunks.between(first, last)] if self._plan is not None else []

    def deferred(self, index: int) -> Deferred | None:
        chunk = self._chunk(index)
        if chunk is None:
            return None
        rendered = self._rendering.store.get(chunk.key)
        if rendered is not None:
            return partial(own_frames, rendered.latents, chunk.grid)
        found = self._kept.get(chunk.key)
        if found is None:
            if chunk.key in self._arrived:  # evicted from the cache, and visible again
                self._arrived.discard(chunk.key)
                self._request()
            return None
        self._kept.move_to_end(chunk.key)
        return partial(np.asarray, found)

    def set_visible_chunks(self, first: int, last: int) -> None:
        if (first, last) != self._seen:
            self._seen = first, last
            self._request()

    def close(self) -> None:
        self._rendering.requests.analyse(self, ())
        super().close()

    def _chunk(self, index: int) -> Chunk | None:
        return self._plan.chunks.get(index) if self._plan is not None else None

    def _request(self) -> None:
        first, last = self._seen
        requested = []
        for chunk in self._plan.chunks.between(first, last) if self._plan is not None else ():
            if chunk.key in self._arrived or self._rendering.store.get(chunk.key) is not None:
                continue
            part = latents_only(chunk)
            if self._rendering.store.failure(part.key) is None:
                requested.append(part)
        self._rendering.requests.analyse(self, requested)

    def _on_excerpt_rendered(self, rendered: Rendered) -> None:
        key = rendered.key.partition(" ")[2]
        indices = self._index_of.get(key, ())
        if not indices or self._plan is None or not rendered.key.startswith("latents "):
            return
        self._arrived.add(key)
        self._kept[key] = own_frames(rendered.latents, self._plan.grid)
        size = self._kept[key].nbytes
        while len(self._kept) * size > _KEPT_BYTES and len(self._kept) > 1:
            self._kept.popitem(last=False)
        for index in indices:
            self.chunk_changed.emit(index)


class DifferenceSource(ChunkSource):
    """The difference of two sources."""

    def __init__(self, one: ChunkSource, other: ChunkSource, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._one, self._other = one, other
        for source in (one, other):
            source.restarted.connect(self.restarted)
            source.changed.connect(self.changed)
            source.chunk_changed.connect(self.chunk_changed)

    @property
    def rows(self) -> int:
        return self._one.rows

    def key(self, index: int) -> str | None:
        keys = self._one.key(index), self._other.key(index)
        return None if keys == (None, None) else f"{keys[0]} minus {keys[1]}"

    def audible(self, first: int, last: int) -> list[int]:
        return sorted({*self._one.audible(first, last), *self._other.audible(first, last)})

    def deferred(self, index: int) -> Deferred | None:
        one, other = (self._part(source, index) for source in (self._one, self._other))
        if one is None or other is None:
            return None
        return lambda: np.subtract(one(), other(), dtype=np.float32)

    def set_visible_chunks(self, first: int, last: int) -> None:
        self._one.set_visible_chunks(first, last)
        self._other.set_visible_chunks(first, last)

    def close(self) -> None:
        self._one.close()
        self._other.close()
        super().close()

    @staticmethod
    def _part(source: ChunkSource, index: int) -> Deferred | None:
        """The values of a source, or zeros where it is silent."""
        return source.deferred(index) if source.key(index) is not None else _silence


def _silence() -> Array:
    """A zero that broadcasts to any shape."""
    return np.zeros((), np.float32)
