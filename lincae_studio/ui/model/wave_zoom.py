"""The vertical zoom of the waveforms: of clips and of the mix. Main thread; not part of the document."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

#: Factor of one wheel notch or key press, 3 dB, and the largest number of them, 36 dB.
_STEP = 2.0**0.5
_MOST_STEPS = 12


class WaveZoom(QObject):
    """How much taller waveforms are drawn than their levels. Levels themselves do not change.

    Signals:
        changed: the factor has changed.
    """

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._steps = 0.0

    @property
    def factor(self) -> float:
        """Full scale divided by the level that fills the height; at least 1."""
        return float(_STEP**self._steps)

    def zoom(self, steps: float) -> None:
        """Zoom in, or out where `steps` is negative."""
        self._set(min(max(self._steps + steps, 0.0), _MOST_STEPS))

    def reset(self) -> None:
        """Let full scale fill the height again."""
        self._set(0.0)

    def _set(self, steps: float) -> None:
        if steps != self._steps:
            self._steps = steps
            self.changed.emit()
