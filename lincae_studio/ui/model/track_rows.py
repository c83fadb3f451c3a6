"""Vertical layout of the tracks: the height of each row, and a scroll offset. Main thread."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate

from PySide6.QtCore import QObject, Signal

from lincae_studio.session.model import MAX_HEIGHT, MIN_HEIGHT
from lincae_studio.ui.model.document import Document

#: Height of a row in pixels, unless its track has a height of its own: what all controls of a header need.
ROW_PX = 76

#: Bounds of the factor by which all rows are taller: from a name alone to four rows' height.
_LEAST_ZOOM, _MOST_ZOOM = 34 / ROW_PX, 4.0

#: Stands for the height of a track that is not shown.
_HIDDEN = -1

#: Factor for one wheel notch or one key press.
_STEP = 1.25


class TrackRows(QObject):
    """Maps track positions to y coordinates.

    Tracks in folded groups have rows of no height. Positions above the first track and below the last one are rows of
    the common height, so that what is dragged there has a place.

    Attributes:
        offset_px: how far the rows are scrolled up.
        tops: the y of each row's top below the first one's, and of the last one's bottom; another object once a height
            has changed.

    Signals:
        changed: the offset or a height changed. Emitted before other parts hear of the change of the document.
    """

    changed = Signal()

    def __init__(self, document: Document, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self.offset_px = 0
        self._zoom = 1.0
        #: Heights by track id that are tried out by a drag.
        self._tried: Mapping[int, int] = {}
        self.tops: Sequence[int] = (0,)
        #: The positions of the tracks that are shown.
        self.shown: Sequence[int] = ()
        #: The heights of the tracks and the zoom that `tops` was made from.
        self._laid_out: tuple[list[int], float] = ([], 1.0)
        document.changed.connect(self._lay_out)

    def set_offset(self, offset_px: int) -> None:
        if offset_px != self.offset_px:
            self.offset_px = offset_px
            self.changed.emit()

    def grow(self, steps: float) -> None:
        """Make all tracks taller, or shorter where `steps` is negative."""
        zoom = min(max(self._zoom * _STEP**steps, _LEAST_ZOOM), _MOST_ZOOM)
        if zoom != self._zoom:
            self.offset_px = round(self.offset_px * zoom / self._zoom)
            self._zoom = zoom
            self._lay_out()

    def try_heights(self, heights: Mapping[int, int]) -> None:
        """Show tracks with other heights than their own, by track id, until this is called with none."""
        self._tried = heights
        self._lay_out()

    def own_height(self, px: float) -> int:
        """The height of a track (as in `Track.height`) whose row is `px` high now."""
        return min(max(round(px / self._zoom), MIN_HEIGHT), MAX_HEIGHT)

    @property
    def common_px(self) -> int:
        """The height of a row whose track has no height of its own."""
        return self._px_of(0)

    @property
    def total_px(self) -> int:
        """The height of all rows."""
        return self.tops[-1]

    def top(self, position: int) -> int:
        """y of the top of a row."""
        if 0 <= position < len(self.tops):
            return self.tops[position] - self.offset_px
        inside = 0 if position < 0 else len(self.tops) - 1
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
        gap = min(max(position + (y_px >= middle), 0), len(self.tops) - 1)
        while gap < len(self.tops) - 1 and gap > 0 and self.height(gap) == 0:  # below a folded group, not in it
            gap += 1
        return gap

    def shown_between(self, top_px: float, bottom_px: float, margin: int = 0) -> Sequence[int]:
        """The positions of the tracks that are shown from one y to another, and `margin` more above and below."""
        first = bisect_left(self.shown, self.position_at(top_px))
        last = bisect_right(self.shown, self.position_at(bottom_px))
        return self.shown[max(first - margin, 0) : last + margin]

    def _lay_out(self) -> None:
        tracks, tried = self._document.session.tracks, self._tried
        hidden = self._document.session.hidden
        heights = [track.height for track in tracks]
        if tried or hidden:
            heights = [_HIDDEN if track.id in hidden else tried.get(track.id, track.height) for track in tracks]
        if (heights, self._zoom) == self._laid_out:  # as after nearly every edit
            return
        self._laid_out = heights, self._zoom
        self.shown = [position for position, height in enumerate(heights) if height != _HIDDEN]
        self.tops = tuple(accumulate(map(self._px_of, heights), initial=0))
        self.changed.emit()

    def _px_of(self, height: int) -> int:
        if height == _HIDDEN:
            return 0
        return min(max(round((height or ROW_PX) * self._zoom), MIN_HEIGHT), MAX_HEIGHT)
