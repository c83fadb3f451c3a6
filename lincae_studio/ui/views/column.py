"""The column of controls beside a view over time, as wide as the track headers. Main thread."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLayout, QScrollArea, QWidget

from lincae_studio.ui.model.header_width import HeaderWidth
from lincae_studio.ui.model.wheel import WheelNeedsFocus


class ViewColumn(QWidget):
    """Controls that scroll where the view is too low for all of them, and a scale beside them.

    So a view may be made low, and the window small, without a caption being cut.
    """

    def __init__(self, controls: QLayout, width: HeaderWidth, parent: QWidget, scale: QWidget | None = None) -> None:
        super().__init__(parent)
        width.fix(self)
        inside = QWidget()
        inside.setLayout(controls)
        WheelNeedsFocus(inside)
        area = QScrollArea(self)
        area.setObjectName("column")
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidgetResizable(True)
        area.setWidget(inside)
        for part in (inside, area.viewport()):
            part.setAutoFillBackground(False)
        area.setMinimumHeight(2 * self.fontMetrics().height())
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(area, 1)
        if scale is not None:
            layout.addWidget(scale)
