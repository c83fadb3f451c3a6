"""Where tracks lie vertically: one height for all, which can be changed, and a scroll offset. Main thread."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

#: Height of a track, in pixels: at first, which is the least that a header needs, and at most.
ROW_PX = 76
_MOST_PX = 304

#: Width of the column of track headers, beside which the time axis begins.
HEADER_PX = 250

#: One notch of the wheel, or one press of a key, changes it by this.
_STEP = 1.25


class TrackRows(QObject):
    """Maps track positions to y.

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
        """Make all tracks taller, or lower where `steps` is negative."""
        height = round(min(max(self.height_px * _STEP**steps, ROW_PX), _MOST_PX))
        if height != self.height_px:
            self.offset_px = round(self.offset_px * height / self.height_px)
            self.height_px = height
            self.changed.emit()

    def top(self, position: int) -> int:
        """y of a track's upper border."""
        return position * self.height_px - self.offset_px

    def position_at(self, y_px: float) -> int:
        """The track position under y; may be past the last track, or negative."""
        return int((y_px + self.offset_px) // self.height_px)
