"""The width of the column of headers, left of the time axis: of tracks, mix and views alike. Main thread."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from lincae_studio.preferences import Preferences

#: Narrowest: buttons, meter and some of a name.
LEAST_PX = 240

DEFAULT_PX = Preferences().header_px


class HeaderWidth(QObject):
    """One width for all.

    Signals:
        changed: the width in pixels.
    """

    changed = Signal(int)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.px = DEFAULT_PX

    def set(self, px: int) -> None:
        """Set the width, at least `LEAST_PX`."""
        px = max(px, LEAST_PX)
        if px != self.px:
            self.px = px
            self.changed.emit(px)

    def fix(self, column: QWidget) -> None:
        """Give a widget this width from now on."""
        column.setFixedWidth(self.px)
        self.changed.connect(column.setFixedWidth)
