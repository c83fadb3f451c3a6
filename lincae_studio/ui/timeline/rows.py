"""Where tracks lie vertically: one height for all, and a scroll offset. Main thread."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

#: Height of a track, in pixels.
ROW_PX = 76


class Rows(QObject):
    """Maps track positions to y.

    Signals:
        changed: the offset changed.
    """

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.offset_px = 0

    def set_offset(self, offset_px: int) -> None:
        if offset_px != self.offset_px:
            self.offset_px = offset_px
            self.changed.emit()

    def top(self, position: int) -> int:
        """y of a track's upper border."""
        return position * ROW_PX - self.offset_px

    def position_at(self, y_px: float) -> int:
        """The track position under y; may be past the last track, or negative."""
        return int((y_px + self.offset_px) // ROW_PX)
