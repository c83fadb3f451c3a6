"""Peaks of the mix for drawing: of the rendered mix, and of the dry mix. Main thread."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QObject, QTimer, Signal

from lincae_studio.engine.analysis.residual import own_samples
from lincae_studio.engine.planning.plan import Plan
from lincae_studio.engine.rendering.dry_mix import DryMix
from lincae_studio.engine.rendering.stitch import window_slice
from lincae_studio.media.peaks import BLOCK, Audio, PeakPyramid, block_peaks
from lincae_studio.ui.rendering.chunk_worker import ChunkWorker
from lincae_studio.ui.rendering.rendering import Rendering

#: Peaks of the dry mix are computed once edits have paused for this long.
_PAUSE_MS = 250

#: Share of the time spent on peaks of the dry mix: playback and drawing take priority.
_SHARE = 0.15

#: More samples than this, of all tracks together, are not read while drawing.
_READ_AT_ONCE = 1 << 18


class ChunkPeaks:
    """A peak pyramid as long as a plan; each chunk fills the blocks that it owns."""

    def __init__(self, plan: Plan) -> None:
        self.pyramid = PeakPyramid(np.zeros((0, 2), np.float32))
        self._grid = plan.grid
        self._shown: dict[int, str | None] = {}

    def fit(self, plan: Plan) -> None:
        """Adapt to the length of a plan, keeping the peaks of its chunks."""
        blocks = -(-plan.length // BLOCK)
        if blocks != self.pyramid.blocks or plan.grid != self._grid:
            pairs = np.zeros((blocks, 2), np.float32)
            kept = self.pyramid.level_0[:blocks]
            pairs[: len(kept)] = kept
            self.pyramid = PeakPyramid(pairs)
            self._shown.clear()
            self._grid = plan.grid

    def shows(self, index: int, key: str | None) -> bool:
        """Whether the peaks of a chunk are those of this key; None stands for silence."""
        return self._shown.get(index, "") == key

    def forget(self) -> None:
        """Mark all peaks as outdated; they are shown until they are replaced."""
        self._shown.clear()

    def put(self, plan: Plan, index: int, key: str | None, pairs: Audio | None) -> None:
        """Set the level-0 pairs `(blocks, 2)` of a chunk; None for silence."""
        start, end = own_samples(plan, index)
        if pairs is None:
            pairs = np.zeros((-(-(end - start) // BLOCK), 2), np.float32)
        self.pyramid.update(start // BLOCK, pairs)
        self._shown[index] = key


class MixPeaks(ChunkPeaks):
    """Peaks of the rendered mix; stale chunks keep their last peaks until they are rendered again."""

    def __init__(self, rendering: Rendering) -> None:
        super().__init__(rendering.plan)
        self._rendering = rendering

    def follow_plan(self) -> None:
        """Follow a changed plan: adapt the length, and add the peaks of rendered chunks."""
        plan = self._rendering.plan
        self.fit(plan)
        for index in range(len(plan.chunks)):
            self.follow_chunk(index)

    def follow_chunk(self, index: int) -> None:
        """Update a chunk's peaks if it was rendered or became silent."""
        plan = self._rendering.plan
        if index >= len(plan.chunks):
            return
        chunk, rendered = plan.chunks[index], self._rendering.rendered(index)
        key = chunk.key if chunk else None
        if self.shows(index, key) or (chunk is not None and rendered is None):
            return
        pairs = None
        if rendered is not None:
            pairs = block_peaks(window_slice(plan, rendered.audio, index, *own_samples(plan, index)).T)
        self.put(plan, index, key, pairs)


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
        self._work = ChunkWorker[tuple[Plan, DryMix, int], Audio](
            "dry-peaks", _dry_peaks, self, rendering.idle_gate, share=_SHARE
        )
        self._work.found.connect(self._on_found)
        self._delay = QTimer(self)
        self._delay.setSingleShot(True)
        self._delay.timeout.connect(self._request)

    def follow_plan(self) -> None:
        """Follow a changed plan: adapt the length, and add the peaks available already."""
        plan = self._rendering.plan
        self.peaks.fit(plan)
        for index in range(len(plan.chunks)):
            self._update(index)
        self._delay.start(_PAUSE_MS)

    def set_visible(self, start: int, end: int) -> None:
        """Set the visible samples `[start, end)`, whose peaks are computed."""
        if (start, end) != self._visible:
            self._visible = start, end
            self._delay.start(_PAUSE_MS)

    def known(self, index: int) -> bool:
        """Whether the peaks of a chunk are those of the current dry mix."""
        chunk = self._rendering.plan.chunks[index]
        return self.peaks.shows(index, chunk.key if chunk else None)

    def audio(self, start: int, end: int) -> Audio | None:
        """Samples `[start, end)` of the dry mix, `(channels, n)`, if they are few enough to read while drawing."""
        dry = self._rendering.dry
        return dry.read(start, end - start) if (end - start) * dry.tracks <= _READ_AT_ONCE else None

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
        seen = range(plan.grid.owner(start), min(plan.grid.owner(end) + 1, len(plan.chunks)))
        chunks = (chunk for index in seen if (chunk := plan.chunks[index]) is not None)
        self._work.request((chunk.key, (plan, dry, chunk.index)) for chunk in chunks)

    def _on_found(self, key: str) -> None:
        for index in self._rendering.indices(key):
            if self._update(index):
                self.changed.emit(index)

    def _update(self, index: int) -> bool:
        plan = self._rendering.plan
        chunk = plan.chunks[index]
        key = chunk.key if chunk else None
        pairs = self._work.of(key) if key is not None else None
        if self.peaks.shows(index, key) or (key is not None and pairs is None):
            return False
        self.peaks.put(plan, index, key, pairs)
        return True


def _dry_peaks(task: tuple[Plan, DryMix, int]) -> Audio:
    plan, dry, index = task
    start, end = own_samples(plan, index)
    return block_peaks(dry.read(start, end - start).T)
