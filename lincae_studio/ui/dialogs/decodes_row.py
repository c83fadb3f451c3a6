"""The row of the export dialog for decodes that are averaged: how many, and what that costs. Main thread."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QWidget

from lincae_studio.engine.export.items import stems_of
from lincae_studio.export_settings import MAX_DECODES, ExportSettings
from lincae_studio.session.times import about, count_of
from lincae_studio.ui import theme
from lincae_studio.ui.dialogs.number_field import NumberField
from lincae_studio.ui.plain_text import shown
from lincae_studio.ui.rendering.rendering import Rendering

_TIP = (
    "For codecs that decode from noise: decode each chunk with this many seeds, and write the mean. "
    "The export measures how much closer the mean is to the dry mix"
)


class DecodesRow(QWidget):
    """A number, and the cost of that many decodes.

    Signals:
        changed: another number was chosen.
    """

    changed = Signal()

    def __init__(self, rendering: Rendering, parent: QWidget) -> None:
        super().__init__(parent)
        self._rendering = rendering
        self.number = NumberField(1, MAX_DECODES, self, name="Decodes averaged")
        self.number.setToolTip(_TIP)
        self.cost = QLabel(self)
        self.cost.setAccessibleName("Cost of the decodes")
        theme.dim(self.cost)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.number)
        layout.addWidget(self.cost, 1)
        self.number.valueChanged.connect(self.changed)

    def show_cost(self, settings: ExportSettings, span: tuple[int, int] | None) -> None:
        """Say what an export with these settings decodes, and about how long that takes."""
        plan = self._rendering.plan
        self.number.setEnabled(plan.codec.stochastic)
        if not plan.codec.stochastic:
            self.cost.setText(shown(f"{plan.codec.title} does not decode from noise: all decodes are equal"))
            return
        if settings.decodes == 1 or span is None:
            self.cost.setText("one decode of each chunk")
            return
        chunks = plan.chunks.between(plan.grid.owner(span[0]), plan.grid.owner(max(span[0], span[1] - 1)))
        files = len({"mix", "difference"}.intersection(settings.contents))
        files += len(stems_of(self._rendering.session, settings))
        total = len(chunks) * files * settings.decodes
        each_s = self._rendering.decode_time.seconds
        took = "time not known yet" if each_s is None else about(total * each_s)
        self.cost.setText(f"{count_of(total, 'render')}, {took}")
