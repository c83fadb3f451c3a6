"""Room for the panels at the sides of the window: they scroll, or become tabs where there is none. Main thread."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QDockWidget, QFrame, QMainWindow, QScrollArea, QWidget

from lincae_studio.ui.model.wheel import WheelNeedsFocus

#: The height that a panel needs to be useful, if its content is higher; and the lowest, with a scroll bar.
_USEFUL_PX = 240
_LEAST_PX = 90

#: Property of a panel that has been open: from then on its height is as the user left it.
_OPENED = "opened"

_SIDES = (Qt.DockWidgetArea.LeftDockWidgetArea, Qt.DockWidgetArea.RightDockWidgetArea)


class PanelBody(QScrollArea):
    """The content of a panel, which scrolls where the window is too low for it."""

    def __init__(self, content: QWidget, parent: QWidget) -> None:
        super().__init__(parent)
        self._content = content
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setWidgetResizable(True)
        self.setWidget(content)
        WheelNeedsFocus(content)
        for part in (content, self.viewport()):
            part.setAutoFillBackground(False)

    # Qt overrides

    def sizeHint(self) -> QSize:
        return self._around(self._content.sizeHint())

    def minimumSizeHint(self) -> QSize:
        needed = self._around(self._content.minimumSizeHint().expandedTo(self._content.minimumSize()))
        return QSize(needed.width(), min(needed.height(), _LEAST_PX))

    def _around(self, content: QSize) -> QSize:
        return QSize(content.width() + self.verticalScrollBar().sizeHint().width(), content.height())


def open_panel(window: QMainWindow, dock: QDockWidget) -> None:
    """Show a panel; on a side that is full it becomes a tab of the highest panel there."""
    if dock.isHidden() and not dock.isFloating() and not window.tabifiedDockWidgets(dock):
        area = window.dockWidgetArea(dock)
        beside = [
            other
            for other in window.findChildren(QDockWidget)
            if other is not dock and window.dockWidgetArea(other) == area and is_in_front(other)
        ]
        center = window.centralWidget()
        room = center.height() if center is not None else 0
        if area in _SIDES and beside and sum(map(_useful_height, [dock, *beside])) > room:
            window.tabifyDockWidget(max(beside, key=lambda other: other.height()), dock)
    dock.show()
    dock.raise_()
    if not dock.property(_OPENED) and window.dockWidgetArea(dock) in _SIDES and not dock.isFloating():
        dock.setProperty(_OPENED, True)
        if not window.tabifiedDockWidgets(dock):
            # Plots have no height of their own, and a title may turn out higher than its panel's hint.
            height = max(dock.sizeHint().height(), _USEFUL_PX)
            window.resizeDocks([dock], [height], Qt.Orientation.Vertical)


def is_in_front(dock: QDockWidget) -> bool:
    """Whether a panel is shown, in the window and not behind another tab."""
    return not dock.isHidden() and not dock.isFloating() and not dock.visibleRegion().isEmpty()


def _useful_height(dock: QDockWidget) -> int:
    return max(dock.minimumSizeHint().height(), min(dock.sizeHint().height(), _USEFUL_PX))
