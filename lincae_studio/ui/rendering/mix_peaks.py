"""Peaks of the mix for drawing: of the rendered mix, and of the dry mix. Main thread."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QObject, QTimer, Signal

from lincae_studio.engine.analysis.residual import own_samples
from lincae_studio.engine.planning.plan import Chunk, Plan
from lincae_studio.engine.rendering.dry_mix import DryMix
from lincae_studio.engine.rendering.stitch import window_slice
from lincae_studio.media.peaks import BLOCK, Audio, SparsePyramid, block_peaks
from lincae_studio.ui.rendering.chunk_worker import ChunkWorker
from lincae_studio.ui.rendering.rendering import Rendering

#: Peaks of the dry mix are computed once edits have paused for this long.
_PAUSE_MS = 250

#: Share of the time spent on peaks of the dry mix: playback and drawing take priority.
_SHARE = 0.15

#: Chunks whose peaks are added in a step, about a millisecond of work.
_AT_ONCE = 8

#: More samples than this, of all tracks together, are not read while drawing.
_READ_AT_ONCE = 1 << 18


class ChunkPeaks:
    """A peak pyramid of a plan; each audible chunk fills the blocks that it owns. Silence is not visited."""

    def __init__(self, plan: Plan) -> None:
        self.pyramid = SparsePyramid()
        self._grid, self._length = plan.grid, plan.length
        #: The key of the peaks that are shown of each chunk, "" for outdated ones, and their blocks `[first, last)`.
        self._shown: dict[int, tuple[str, int, int]] = {}
        #: Number of chunks whose peaks were set or cleared so far.
        self.updates = 0
        #: The indices of the plan's audible chunks, and whether the peaks of each are current.
        self._indices = np.zeros(0, np.int64)
        self.current = np.zeros(0, np.bool_)
        self.fit(plan)

    def fit(self, plan: Plan) -> None:
        """Adapt to a plan, keeping the last peaks of its audible chunks, and clearing those of the others."""
        if plan.grid != self._grid:
            self._change_grid(plan)
        for index in [index for index in self._shown if plan.chunks.get(index) is None]:
            self._clear(index)
        if plan.length != self._length:
            # What a chunk owns ends where the mix ends.
            last = plan.grid.owner(min(plan.length, self._length))
            for index in (last - 1, last):
                if index in self._shown:
                    self._shown[index] = ("", *self._shown[index][1:])
            self._length = plan.length
        shown, none = self._shown, ("", 0, 0)
        audible = plan.chunks.audible
        self._indices = np.fromiter((chunk.index for chunk in audible), np.int64, len(audible))
        keys = (shown.get(chunk.index, none)[0] == chunk.key for chunk in audible)
        self.current = np.fromiter(keys, np.bool_, len(audible))

    def outdated(self, plan: Plan) -> list[Chunk]:
        """The audible chunks of the plan that was fitted to whose peaks are not current."""
        return [plan.chunks.audible[place] for place in np.flatnonzero(~self.current).tolist()]

    def shows(self, chunk: Chunk) -> bool:
        """Whether the peaks of a chunk are current."""
        shown = self._shown.get(chunk.index)
        return shown is not None and shown[0] == chunk.key

    def forget(self) -> None:
        """Mark all peaks as outdated; they are shown until they are replaced."""
        self._shown = {index: ("", first, last) for index, (_, first, last) in self._shown.items()}
        self.current[:] = False

    def put(self, plan: Plan, chunk: Chunk, pairs: Audio, current: bool = True) -> None:
        """Set the level-0 pairs `(blocks, 2)` of a chunk; those of a preview are not its current ones."""
        first = own_samples(plan, chunk.index)[0] // BLOCK
        last = first + len(pairs)
        before = self._shown.get(chunk.index)
        if before is not None and before[2] > last:
            self.pyramid.clear(last, before[2])
        self.pyramid.update(first, pairs)
        self._shown[chunk.index] = chunk.key if current else "", first, last
        self.current[np.searchsorted(self._indices, chunk.index)] = current
        self.updates += 1

    def _clear(self, index: int) -> None:
        _, first, last = self._shown.pop(index)
        self.pyramid.clear(first, last)
        self.updates += 1

    def _change_grid(self, plan: Plan) -> None:
        """Give the peaks to the chunks of another grid, for which they are outdated."""
        before, self.pyramid, self._shown, self._grid = self.pyramid, SparsePyramid(), {}, plan.grid
        for chunk in plan.chunks.audible:
            start, end = own_samples(plan, chunk.index)
            first, last = start // BLOCK, -(-end // BLOCK)
            self.pyramid.update(first, before.level_0(first, last))
            self._shown[chunk.index] = "", first, last


class MixPeaks(ChunkPeaks):
    """Peaks of the rendered mix and of previews; stale chunks keep their last peaks until there are others."""

    def __init__(self, rendering: Rendering) -> None:
        super().__init__(rendering.plan)
        self._rendering = rendering
        self._todo: list[Chunk] = []

    def follow_plan(self) -> None:
        """Follow a changed plan: adapt the length, and list the rendered chunks for `follow_some`."""
        plan, rendered = self._rendering.plan, self._rendering.store.get
        self.fit(plan)
        self._todo = [chunk for chunk in self.outdated(plan) if rendered(chunk.key) is not None]

    def follow_some(self) -> bool:
        """Add the peaks of some chunks that were rendered before. Whether there are more."""
        self._todo, some = self._todo[_AT_ONCE:], self._todo[:_AT_ONCE]
        for chunk in some:
            self._follow(chunk)
        return bool(self._todo)

    def follow_chunk(self, index: int) -> None:
        """Update a chunk's peaks if it was rendered, or previewed."""
        chunk = self._rendering.plan.chunks.get(index)
        if chunk is not None:
            self._follow(chunk)

    def _follow(self, chunk: Chunk) -> None:
        store = self._rendering.store
        rendered = store.get(chunk.key)
        heard = rendered or store.preview(chunk.key)
        if self.shows(chunk) or heard is None:
            return
        plan = self._rendering.plan
        own = window_slice(plan, heard.audio, chunk.index, *own_samples(plan, chunk.index))
        self.put(plan, chunk, block_peaks(own.T), current=rendered is not None)


class DryPeaks(QObject):
    """Peaks of the dry mix, computed in a thread for the visible chunks.

    A chunk's key identifies its dry mix as well, since it has the same terms.

    Signals:
        changed: the peaks of the chunk with this index have changed.
    """

    changed = Signal(int)

    def __init__(self, rendering: Rendering) -> None:
        super().__init__(rendering)
        self._rendering = rendering
        self.peaks = ChunkPeaks(rendering.plan)
        self._visible = (0, 0)
        self._todo: list[Chunk] = []
        self._work = ChunkWorker[tuple[Plan, DryMix, int], Audio](
            "dry-peaks", _dry_peaks, self, rendering.idle_gate, share=_SHARE
        )
        self._work.found.connect(self._on_found)
        self._delay = QTimer(self)
        self._delay.setSingleShot(True)
        self._delay.timeout.connect(self._request)

    def follow_plan(self) -> None:
        """Follow a changed plan: adapt the length, and list the chunks whose peaks are available for `follow_some`."""
        plan = self._rendering.plan
        self.peaks.fit(plan)
        self._todo = [chunk for chunk in self.peaks.outdated(plan) if self._work.has(chunk.key)]
        self._delay.start(_PAUSE_MS)

    def follow_some(self) -> bool:
        """Add some of the peaks that were available before. Whether there are more."""
        self._todo, some = self._todo[_AT_ONCE:], self._todo[:_AT_ONCE]
        for chunk in some:
            self._update(chunk)
        return bool(self._todo)

    def set_visible(self, start: int, end: int) -> None:
        """Set the visible samples `[start, end)`, whose peaks are computed."""
        if (start, end) != self._visible:
            self._visible = start, end
            self._delay.start(_PAUSE_MS)

    def known(self, index: int) -> bool:
        """Whether the peaks of an audible chunk are those of the current dry mix."""
        chunk = self._rendering.plan.chunks.get(index)
        return chunk is not None and self.peaks.shows(chunk)

    def readable(self, samples: float) -> bool:
        """Whether the dry mix of a view of this many samples can be read while drawing."""
        return samples * self._rendering.dry.tracks <= _READ_AT_ONCE

    def forget(self) -> None:
        """Compute all peaks again, as media files that were silent now have audio."""
        self._work.forget()
        self.peaks.forget()
        self._delay.start(_PAUSE_MS)

    def close(self) -> None:
        """End the thread."""
        self._work.close()

    def _request(self) -> None:
        plan, dry = self._rendering.plan, self._rendering.dry
        start, end = self._visible
        chunks = plan.chunks.between(plan.grid.owner(start), plan.grid.owner(end))
        self._work.request((chunk.key, (plan, dry, chunk.index)) for chunk in chunks)

    def _on_found(self, key: str) -> None:
        for index in self._rendering.indices(key):
            chunk = self._rendering.plan.chunks.get(index)
            if chunk is not None and self._update(chunk):
                self.changed.emit(index)

    def _update(self, chunk: Chunk) -> bool:
        if self.peaks.shows(chunk) or (pairs := self._work.of(chunk.key)) is None:
            return False
        self.peaks.put(self._rendering.plan, chunk, pairs)
        return True


def _dry_peaks(task: tuple[Plan, DryMix, int]) -> Audio:
    plan, dry, index = task
    start, end = own_samples(plan, index)
    return block_peaks(dry.read(start, end - start).T)
