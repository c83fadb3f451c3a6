"""The residual between latent mix and dry mix of each rendered chunk, computed in a thread. Main thread."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Signal

from lincae_studio.engine.analysis.residual import residual_db
from lincae_studio.engine.planning.plan import Plan
from lincae_studio.engine.rendering.dry_mix import DryMix
from lincae_studio.engine.rendering.renderer import Rendered
from lincae_studio.ui.rendering.chunk_worker import ChunkWorker
from lincae_studio.ui.rendering.rendering import Rendering

#: Renders in quick succession are processed together.
_GATHER_MS = 30


class Residuals(QObject):
    """Residuals of the rendered chunks, computed one by one while there are observers.

    A chunk's key identifies its dry mix as well, since it has the same terms.

    Signals:
        changed: the residual of the chunk with this index is available.
    """

    changed = Signal(int)

    def __init__(self, rendering: Rendering) -> None:
        super().__init__(rendering)
        self._rendering = rendering
        self._work = ChunkWorker[tuple[Plan, DryMix, Rendered, int], float | None](
            "residuals", lambda task: residual_db(*task), self, rendering.idle_gate
        )
        self._observers: set[object] = set()
        self._delay = QTimer(self)
        self._delay.setSingleShot(True)
        self._delay.timeout.connect(self.follow)
        self._work.found.connect(self._on_found)
        rendering.plan_changed.connect(self._follow_soon)
        rendering.chunk_changed.connect(self._follow_soon)

    def set_active(self, observer: object, active: bool) -> None:
        """Add or remove an observer; without any, nothing is computed."""
        (self._observers.add if active else self._observers.discard)(observer)
        self.follow()

    def follow(self) -> None:
        """Request the residuals of rendered chunks that are not available yet."""
        plan, dry = self._rendering.plan, self._rendering.dry
        tasks = (
            (chunk.key, (plan, dry, rendered, chunk.index))
            for chunk in plan.audible
            if not self._work.has(chunk.key) and (rendered := self._rendering.store.get(chunk.key)) is not None
        )
        self._work.request(tasks if self._observers else ())

    def _follow_soon(self) -> None:
        if self._observers and not self._delay.isActive():
            self._delay.start(_GATHER_MS)

    def of(self, index: int) -> float | None:
        """The residual of a chunk in dB; None while it is not available, or if the dry mix is silent."""
        chunk = self._rendering.plan.chunks.get(index)
        return self._work.of(chunk.key) if chunk is not None else None

    def close(self) -> None:
        """End the thread."""
        self._work.close()

    def _on_found(self, key: str) -> None:
        for index in self._rendering.indices(key):
            self.changed.emit(index)
