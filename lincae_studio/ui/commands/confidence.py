"""Shows how much decodes from other seeds differ, after stating the cost. Main thread."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from lincae_studio.errors import CodecError
from lincae_studio.session.times import about, count_of
from lincae_studio.ui.actions.handlers import Handlers
from lincae_studio.ui.notify import confirm
from lincae_studio.ui.rendering.rendering import Rendering
from lincae_studio.ui.rendering.spread import DECODES, Spread


class ConfidenceCommands(QObject):
    """Turns the spread on and off.

    Signals:
        refused: it cannot be turned on; a `StudioError`.
        turned: it is on or off.
    """

    refused = Signal(object)
    turned = Signal(bool)

    def __init__(self, rendering: Rendering, spread: Spread, window: QWidget) -> None:
        super().__init__(window)
        self._rendering = rendering
        self._spread = spread
        self._window = window

    @property
    def handlers(self) -> Handlers:
        return {"confidence": self.on_confidence}

    def on_confidence(self, on: bool) -> None:
        codec = self._rendering.update_plan().codec
        if on and not codec.stochastic:
            problem = f"codec {codec.title} does not decode from noise: all its decodes are equal"
            self.refused.emit(CodecError(problem, "Choose another one in Session > Codec"))
            on = False
        elif on:
            count = len(self._spread.missing())
            each_s = self._rendering.decode_time.seconds
            took = "the time is not known yet" if each_s is None else about((DECODES - 1) * count * each_s)
            cost = f"{count_of((DECODES - 1) * count, 'further render')} of the {count_of(count, 'chunk')} in view"
            on = confirm(self._window, f"Confidence needs {cost}: {took}.", "Start?") if count else True
        self._spread.turn(on)
        self.turned.emit(on)
