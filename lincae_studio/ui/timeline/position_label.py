"""The position of the playhead as text, in the unit of the ruler. Main thread."""

from __future__ import annotations

from PySide6.QtWidgets import QLabel, QWidget

from lincae_studio.session.model import SESSION_RATE
from lincae_studio.session.times import format_time
from lincae_studio.ui.playback.transport import Transport
from lincae_studio.ui.rendering.rendering import Rendering
from lincae_studio.ui.timeline.counting import Counting


class PositionLabel(QLabel):
    """Follows the transport and the unit of the ruler."""

    def __init__(self, transport: Transport, counting: Counting, rendering: Rendering, parent: QWidget) -> None:
        super().__init__(parent)
        self._transport = transport
        self._counting = counting
        self._rendering = rendering
        self.setObjectName("position")
        self.setAccessibleName("Playhead position")
        transport.moved.connect(self._show)
        counting.changed.connect(self._show)
        self._show()

    def _show(self) -> None:
        position = self._transport.position
        self.setText(self._counting.text(position))
        frame = position // self._rendering.plan.grid.hop
        self.setToolTip(f"{format_time(position / SESSION_RATE)}, sample {position}, latent frame {frame}")
