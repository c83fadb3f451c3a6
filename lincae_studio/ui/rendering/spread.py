"""How much decodes of the same latents differ, for codecs that decode from noise, chunk by chunk. Main thread.

While it is on, the visible chunks are decoded from further seeds, after everything else that is requested.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from msgspec import Struct
from PySide6.QtCore import QObject, QTimer, Signal

from lincae_studio.codecs.base import Array
from lincae_studio.engine.analysis.residual import own_samples, ratio_db
from lincae_studio.engine.planning.plan import Chunk, Plan
from lincae_studio.engine.rendering.averaging import other_seeds
from lincae_studio.engine.rendering.renderer import Rendered
from lincae_studio.engine.rendering.stitch import window_slice
from lincae_studio.media.peaks import BLOCK, Audio
from lincae_studio.ui.rendering.chunk_worker import ChunkWorker
from lincae_studio.ui.rendering.mix_peaks import ChunkPeaks
from lincae_studio.ui.rendering.rendering import Rendering

#: Decodes that are compared, the one that is heard included.
DECODES = 4

#: Changes in quick succession are followed together.
_GATHER_MS = 100


class ChunkSpread(Struct, frozen=True):
    """The spread of a chunk.

    Attributes:
        level_db: 20 log10 of the standard deviation over the mean's level; None where that is silent.
        pairs: the standard deviation in each block of samples, as peaks `(blocks, 2)` below and above 0.
    """

    level_db: float | None
    pairs: Audio


@dataclass
class _Gathered:
    """The decodes of one chunk that have arrived, by key."""

    chunk: Chunk
    needed: dict[str, Chunk]
    found: dict[str, Array] = field(default_factory=dict)


class Spread(QObject):
    """Spreads of the visible chunks.

    Signals:
        changed: the spread of the chunk with this index is known, or no longer is.
        turned: it was turned on or off.
    """

    changed = Signal(int)
    turned = Signal()

    def __init__(self, rendering: Rendering) -> None:
        super().__init__(rendering)
        self._rendering = rendering
        self.on = False
        self.peaks = ChunkPeaks(rendering.plan)
        self._visible = (0, 0)
        self._gathered: dict[str, _Gathered] = {}
        self._work = ChunkWorker[tuple[Plan, Chunk, list[Array]], ChunkSpread](
            "spread", lambda task: spread_of(*task), self, rendering.idle_gate
        )
        self._tasks: dict[str, tuple[Plan, Chunk, list[Array]]] = {}
        self._delay = QTimer(self)
        self._delay.setSingleShot(True)
        self._delay.timeout.connect(self._follow)
        self._work.found.connect(self._on_found)
        rendering.plan_changed.connect(self._follow_soon)
        rendering.chunk_changed.connect(self._follow_soon)
        rendering.probe_rendered.connect(self._on_probe)

    def turn(self, on: bool) -> None:
        """Start or stop; what is known is kept."""
        self.on = on
        self._follow()
        self.turned.emit()

    def set_visible(self, start: int, end: int) -> None:
        """Set the samples `[start, end)` that are visible, whose chunks are decoded."""
        self._visible = start, end
        self._follow_soon()

    def of(self, index: int) -> float | None:
        """The spread of a chunk in dB; None while it is not known."""
        chunk = self._rendering.plan.chunks.get(index)
        found = self._work.of(chunk.key) if chunk is not None and self.on else None
        return found.level_db if found is not None else None

    def known(self, start: int, end: int) -> list[int]:
        """The indices of the chunks in samples `[start, end)` whose spread is in the peaks."""
        plan = self._rendering.plan
        chunks = plan.chunks.between(plan.grid.owner(start), plan.grid.owner(max(start, end - 1)))
        return [chunk.index for chunk in chunks if self.peaks.shows(chunk)]

    def missing(self) -> list[Chunk]:
        """The visible chunks whose spread is not known."""
        plan = self._rendering.plan
        start, end = self._visible
        visible = plan.chunks.between(plan.grid.owner(start), plan.grid.owner(max(start, end - 1)))
        return [chunk for chunk in visible if not self._work.has(chunk.key)] if plan.codec.stochastic else []

    def close(self) -> None:
        """End the thread."""
        self._work.close()

    def _follow_soon(self) -> None:
        if self.on and not self._delay.isActive():
            self._delay.start(_GATHER_MS)

    def _follow(self) -> None:
        """Show what is known, and request the decodes of what is not."""
        plan, store = self._rendering.plan, self._rendering.store
        self.peaks.fit(plan)
        for chunk in self.peaks.outdated(plan):
            known = self._work.of(chunk.key)
            if known is not None:
                self.peaks.put(plan, chunk, known.pairs)
                self.changed.emit(chunk.index)
        waiting = [chunk for chunk in self.missing() if store.get(chunk.key) is not None] if self.on else []
        before = self._gathered
        self._gathered = {
            chunk.key: before.get(chunk.key)
            or _Gathered(chunk, {other.key: other for other in other_seeds(chunk, DECODES)})
            for chunk in waiting
            if chunk.key not in self._tasks
        }
        self._rendering.requests.analyse(
            self,
            [other for one in self._gathered.values() for key, other in one.needed.items() if key not in one.found],
        )

    def _on_probe(self, rendered: Rendered) -> None:
        for key, gathered in self._gathered.items():
            if rendered.key in gathered.needed:
                gathered.found[rendered.key] = rendered.audio
                first = self._rendering.store.get(key)
                if len(gathered.found) == len(gathered.needed) and first is not None:
                    audio = [first.audio, *gathered.found.values()]
                    self._tasks[key] = self._rendering.plan, gathered.chunk, audio
                    del self._gathered[key]
                    self._work.request(self._tasks.items())
                return

    def _on_found(self, key: str) -> None:
        self._tasks.pop(key, None)
        known, plan = self._work.of(key), self._rendering.plan
        for chunk in plan.chunks.with_key(key):
            if known is not None:
                self.peaks.put(plan, chunk, known.pairs)
                self.changed.emit(chunk.index)


def spread_of(plan: Plan, chunk: Chunk, audio: list[Array]) -> ChunkSpread:
    """The spread of decodes `(buses, window_samples)` over the samples that a chunk owns; any thread."""
    start, end = own_samples(plan, chunk.index)
    decodes = np.stack([window_slice(plan, one, chunk.index, start, end) for one in audio]).astype(np.float64)
    variance = decodes.var(axis=0, ddof=1).mean(axis=0)
    blocks = -(-len(variance) // BLOCK)
    padded = np.pad(variance, (0, blocks * BLOCK - len(variance)))
    deviation = np.sqrt(padded.reshape(blocks, BLOCK).mean(axis=1)).astype(np.float32)
    level = ratio_db(np.sqrt(variance), decodes.mean(axis=0)) if len(variance) else None
    return ChunkSpread(level, np.stack([-deviation, deviation], axis=1))
