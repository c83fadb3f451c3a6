"""What views of latents show: of the mix, of a track or clip, or a difference of two, chunk by chunk. Main thread.

A stereo mix is shown as the mean of its two buses, which by linearity are the latents of its mono sum.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import partial

import numpy as np
from PySide6.QtCore import QObject, Signal

from lincae_studio.codecs.base import Array
from lincae_studio.engine.planning.grid import Grid
from lincae_studio.engine.planning.plan import Chunk, Plan, Planner
from lincae_studio.engine.planning.probes import latents_only
from lincae_studio.engine.rendering.renderer import Rendered
from lincae_studio.session.model import Session
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.rendering.rendering import Rendering

#: Latents of parts that are kept for views, in bytes.
_KEPT_BYTES = 128 * 1024 * 1024

#: Gives the values of a chunk, in any thread.
Deferred = Callable[[], Array]


class ChunkSource(QObject):
    """Values `(rows, columns)` of each chunk: of the frames that begin inside its own step.

    Signals:
        restarted: what comes belongs to another document or codec.
        changed: any chunk may have another key.
        chunk_changed: the values of the chunk with this index have come, or are waited for.
    """

    restarted = Signal()
    changed = Signal()
    chunk_changed = Signal(int)

    @property
    def rows(self) -> int:
        """Values of a frame."""
        raise NotImplementedError

    def key(self, index: int) -> str | None:
        """Stands for the values that a chunk should have; None: it is silent."""
        raise NotImplementedError

    def deferred(self, index: int) -> Deferred | None:
        """Gives the values of that key, or None while they are not here."""
        raise NotImplementedError

    def look_at(self, first: int, last: int) -> None:
        """Chunks `first` to `last` are in view: their values are computed first."""

    def close(self) -> None:
        """Nobody looks any more."""
        self.deleteLater()

    def values(self, index: int) -> Array | None:
        """The values of a chunk, or None while they are not here."""
        found = self.deferred(index)
        return found() if found is not None else None


def own_frames(latents: Array, grid: Grid) -> Array:
    """`(buses, D, T)` of a chunk to `(D, step)`: the mono sum, without what neighbours show of the overlap."""
    own = latents[:, :, grid.lead_frames : grid.lead_frames + grid.step]
    return np.ascontiguousarray(own.mean(axis=0, dtype=np.float32))


class MixSource(ChunkSource):
    """The latents of the mix, following each render."""

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

    def deferred(self, index: int) -> Deferred | None:
        rendered = self._rendering.rendered(index)
        return partial(own_frames, rendered.latents, self._rendering.plan.grid) if rendered is not None else None


class PartSource(ChunkSource):
    """The latents of a part of the session, as it goes into the mix: summed by the engine, never decoded."""

    def __init__(
        self,
        rendering: Rendering,
        document: Document,
        part_of: Callable[[Session], Session | None],
        parent: QObject | None = None,
    ) -> None:
        """`part_of`: the part as a session, or None for nothing; `follow` when it would say something else."""
        super().__init__(parent)
        self._rendering = rendering
        self._document = document
        self._part_of = part_of
        self._planner = Planner()
        self._plan: Plan | None = None
        self._index_of: dict[str, list[int]] = {}
        self._kept: OrderedDict[str, Array] = OrderedDict()
        #: What has come, even if it is not kept any more.
        self._came: set[str] = set()
        self._seen = (0, -1)
        rendering.session_replaced.connect(self.restarted)
        rendering.plan_changed.connect(self.follow)
        rendering.probe_rendered.connect(self._on_part_rendered)
        rendering.chunk_changed.connect(self.chunk_changed)  # a mix of this part alone
        self.follow()

    @property
    def rows(self) -> int:
        return self._rendering.plan.codec.dim

    def follow(self) -> None:
        """The session or the part is another one."""
        part = self._part_of(self._rendering.playable(self._document.session))
        shown = self._rendering.plan
        self._plan = self._planner.plan(part, shown.codec, shown.grid) if part is not None else None
        self._index_of = {}
        for chunk in self._plan.audible if self._plan is not None else ():
            self._index_of.setdefault(chunk.key, []).append(chunk.index)
        self._came &= self._index_of.keys()
        self._request()
        self.changed.emit()

    def key(self, index: int) -> str | None:
        chunk = self._chunk(index)
        return chunk.key if chunk is not None else None

    def deferred(self, index: int) -> Deferred | None:
        chunk = self._chunk(index)
        if chunk is None:
            return None
        rendered = self._rendering.store.get(chunk.key)
        if rendered is not None:
            return partial(own_frames, rendered.latents, chunk.grid)
        found = self._kept.get(chunk.key)
        if found is None:
            if chunk.key in self._came:  # gone for want of room, and looked at again
                self._came.discard(chunk.key)
                self._request()
            return None
        self._kept.move_to_end(chunk.key)
        return partial(np.asarray, found)

    def look_at(self, first: int, last: int) -> None:
        if (first, last) != self._seen:
            self._seen = first, last
            self._request()

    def close(self) -> None:
        self._rendering.requests.analyse(self, ())
        super().close()

    def _chunk(self, index: int) -> Chunk | None:
        chunks = self._plan.chunks if self._plan is not None else ()
        return chunks[index] if index < len(chunks) else None

    def _request(self) -> None:
        first, last = self._seen
        requested = []
        for index in range(first, last + 1):
            chunk = self._chunk(index)
            if chunk is None or chunk.key in self._came or self._rendering.store.get(chunk.key) is not None:
                continue
            part = latents_only(chunk)
            if self._rendering.store.failure(part.key) is None:
                requested.append(part)
        self._rendering.requests.analyse(self, requested)

    def _on_part_rendered(self, rendered: Rendered) -> None:
        key = rendered.key.partition(" ")[2]
        indices = self._index_of.get(key, ())
        if not indices or self._plan is None or not rendered.key.startswith("latents "):
            return
        self._came.add(key)
        self._kept[key] = own_frames(rendered.latents, self._plan.grid)
        size = self._kept[key].nbytes
        while len(self._kept) * size > _KEPT_BYTES and len(self._kept) > 1:
            self._kept.popitem(last=False)
        for index in indices:
            self.chunk_changed.emit(index)


class DifferenceSource(ChunkSource):
    """One source less another."""

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
        return None if keys == (None, None) else f"{keys[0]} less {keys[1]}"

    def deferred(self, index: int) -> Deferred | None:
        one, other = (self._part(source, index) for source in (self._one, self._other))
        if one is None or other is None:
            return None
        return lambda: np.subtract(one(), other(), dtype=np.float32)

    def look_at(self, first: int, last: int) -> None:
        self._one.look_at(first, last)
        self._other.look_at(first, last)

    def close(self) -> None:
        self._one.close()
        self._other.close()
        super().close()

    @staticmethod
    def _part(source: ChunkSource, index: int) -> Deferred | None:
        """Zeros where one of the two is silent."""
        return source.deferred(index) if source.key(index) is not None else _silence


def _silence() -> Array:
    """Of any shape."""
    return np.zeros((), np.float32)
