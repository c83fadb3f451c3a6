"""Vertical layout of the tracks: the height of each row, and a scroll offset. Main thread."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate, repeat

from PySide6.QtCore import QObject, Signal

from lincae_studio.ui.model.document import Document

#: Height of a row in pixels: initial and smallest (what a header needs), and largest.
ROW_PX = 76
_MOST_PX = 304

#: Width of the column of track headers, left of the time axis.
HEADER_PX = 250

#: Factor for one wheel notch or one key press.
_STEP = 1.25


class TrackRows(QObject):
    """Maps track positions to y coordinates.

    Positions above the first track and below the last one are rows of the common height, so that what is dragged there
    has a place.

    Attributes:
        offset_px: how far the rows are scrolled up.
        tops: the y of each row's top below the first one's, and of the last one's bottom; another object once a height
            has changed.
        common_px: the height of a row whose track has no height of its own.

    Signals:
        changed: the offset or a height changed. Emitted before other parts hear of the change of the document.
    """

    changed = Signal()

    def __init__(self, document: Document, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self.offset_px = 0
        self.common_px = ROW_PX
        self.tops: Sequence[int] = (0,)
        document.changed.connect(self._lay_out)

    def set_offset(self, offset_px: int) -> None:
        if offset_px != self.offset_px:
            self.offset_px = offset_px
            self.changed.emit()

    def grow(self, steps: float) -> None:
        """Make all tracks taller, or shorter where `steps` is negative."""
        height = round(min(max(self.common_px * _STEP**steps, ROW_PX), _MOST_PX))
        if height != self.common_px:
            self.offset_px = round(self.offset_px * height / self.common_px)
            self.common_px = height
            self._lay_out()

    @property
    def total_px(self) -> int:
        """The height of all rows."""
        return self.tops[-1]

    def top(self, position: int) -> int:
        """y of the top of a row."""
        last = len(self.tops) - 1
        inside = min(max(position, 0), last)
        return self.tops[inside] + (position - inside) * self.common_px - self.offset_px

    def height(self, position: int) -> int:
        """The height of a row."""
        return self.top(position + 1) - self.top(position)

    def position_at(self, y_px: float) -> int:
        """The track position at y; may be negative or past the last track."""
        y = y_px + self.offset_px
        if y < 0:
            return int(y // self.common_px)
        if y >= self.total_px:
            return len(self.tops) - 1 + int((y - self.total_px) // self.common_px)
        return bisect_right(self.tops, y) - 1

    def gap_at(self, y_px: float) -> int:
        """The position of the gap between two rows nearest to y: 0 above the first row."""
        position = self.position_at(y_px)
        middle = self.top(position) + self.height(position) / 2
        return min(max(position + (y_px >= middle), 0), len(self.tops) - 1)

    def _lay_out(self) -> None:
        heights = repeat(self.common_px, len(self._document.session.tracks))
        tops = tuple(accumulate(heights, initial=0))
        if tops != self.tops:
            self.tops = tops
            self.changed.emit()
