"""The residual between latent mix and dry mix of each rendered chunk, computed in a thread. Main thread."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Signal

from lincae_studio.engine.analysis.residual import residual_db
from lincae_studio.engine.planning.plan import Plan
from lincae_studio.engine.rendering.dry_mix import DryMix
from lincae_studio.engine.rendering.renderer import Rendered
from lincae_studio.ui.rendering.chunk_worker import ChunkWorker
from lincae_studio.ui.rendering.rendering import Rendering

#: Renders that come in a burst are looked at together.
_GATHER_MS = 30


class Residuals(QObject):
    """Residuals of the rendered chunks, computed one after the other while there are observers.

    A chunk's key stands for its dry mix as well: the same terms, the same sum.

    Signals:
        changed: the residual of the chunk with this index is known.
    """

    changed = Signal(int)

    def __init__(self, rendering: Rendering) -> None:
        super().__init__(rendering)
        self._rendering = rendering
        self._work = ChunkWorker[tuple[Plan, DryMix, Rendered, int], float | None](
            "residuals", lambda task: residual_db(*task), self, rendering.idle_gate
        )
        self._observers: set[object] = set()
        self._gathering = QTimer(self)
        self._gathering.setSingleShot(True)
        self._gathering.timeout.connect(self.follow)
        self._work.found.connect(self._on_found)
        rendering.plan_changed.connect(self._follow_soon)
        rendering.chunk_changed.connect(self._follow_soon)

    def set_active(self, observer: object, active: bool) -> None:
        """Add or remove an observer; without any, nothing is computed."""
        (self._observers.add if active else self._observers.discard)(observer)
        self.follow()

    def follow(self) -> None:
        """Request the residuals of what is rendered and not known yet."""
        shown, dry = self._rendering.plan, self._rendering.dry
        tasks = (
            (chunk.key, (shown, dry, rendered, chunk.index))
            for chunk in shown.audible
            if not self._work.knows(chunk.key) and (rendered := self._rendering.rendered(chunk.index)) is not None
        )
        self._work.request(tasks if self._observers else ())

    def _follow_soon(self) -> None:
        if self._observers and not self._gathering.isActive():
            self._gathering.start(_GATHER_MS)

    def of(self, index: int) -> float | None:
        """The residual of a chunk in dB; None while it is not known, or where nothing can be said."""
        chunk = self._rendering.plan.chunks[index] if index < len(self._rendering.plan.chunks) else None
        return self._work.of(chunk.key) if chunk is not None else None

    def close(self) -> None:
        """End the thread."""
        self._work.close()

    def _on_found(self, key: str) -> None:
        for index in self._rendering.indices(key):
            self.changed.emit(index)
