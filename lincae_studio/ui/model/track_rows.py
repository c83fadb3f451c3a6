"""Vertical layout of the tracks: one adjustable height for all, and a scroll offset. Main thread."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

#: Height of a track in pixels: initial and smallest (what a header needs), and largest.
ROW_PX = 76
_MOST_PX = 304

#: Width of the column of track headers, left of the time axis.
HEADER_PX = 250

#: Factor for one wheel notch or one key press.
_STEP = 1.25


class TrackRows(QObject):
    """Maps track positions to y coordinates.

    Signals:
        changed: the offset or the height changed.
    """

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.offset_px = 0
        self.height_px = ROW_PX

    def set_offset(self, offset_px: int) -> None:
        if offset_px != self.offset_px:
            self.offset_px = offset_px
            self.changed.emit()

    def grow(self, steps: float) -> None:
        """Make all tracks taller, or shorter where `steps` is negative."""
        height = round(min(max(self.height_px * _STEP**steps, ROW_PX), _MOST_PX))
        if height != self.height_px:
            self.offset_px = round(self.offset_px * height / self.height_px)
            self.height_px = height
            self.changed.emit()

    def top(self, position: int) -> int:
        """y of the top of a track."""
        return position * self.height_px - self.offset_px

    def position_at(self, y_px: float) -> int:
        """The track position at y; may be negative or past the last track."""
        return int((y_px + self.offset_px) // self.height_px)
