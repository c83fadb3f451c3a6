"""The time axis that all views share: which samples are shown, and how many per pixel. Main thread."""

from __future__ import annotations

import math

from PySide6.QtCore import QObject, Signal

from lincae_studio.session.model import SESSION_RATE

#: Closest zoom, in samples per pixel.
_CLOSEST = 1 / 16

#: An empty session shows this much.
_EMPTY_S = 30

#: Free room shown after the end of the session when it fits the window.
_ROOM = 1.04


class TimeAxis(QObject):
    """Maps samples to pixels from the left border of the lanes.

    Signals:
        changed: start, zoom, width or length changed.
    """

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.start = 0.0
        self.width_px = 1000
        self.length = 0
        self.samples_per_px = _EMPTY_S * SESSION_RATE / self.width_px
        self._before = (self.start, self.samples_per_px)
        #: Whether the whole session is shown, and nobody has zoomed or scrolled since.
        self._fitted = False
        #: Whether something is being dragged over it: it must not scroll by itself then.
        self.held = False
        #: Of the screen: device pixels in a pixel.
        self.ratio = 1.0

    @property
    def shown(self) -> float:
        """Samples across the width."""
        return self.samples_per_px * self.width_px

    @property
    def farthest(self) -> float:
        """Largest samples per pixel: twice the session across the width."""
        return max(_EMPTY_S * SESSION_RATE, 2.0 * self.length) / self.width_px

    @property
    def scroll_range(self) -> float:
        """Largest start: the session's end may be scrolled to the middle."""
        return max(0.0, self.length - self.shown / 2)

    def x_of(self, sample: float) -> float:
        return (sample - self.start) / self.samples_per_px

    def pixel_of(self, sample: float) -> int:
        """The nearest pixel; half a pixel goes up, whatever the rounding of the last digits."""
        return math.floor(self.x_of(sample) + 0.5 + 1e-6)

    def sample_at(self, x_px: float) -> int:
        """The sample under a pixel; never negative."""
        return max(0, round(self.start + x_px * self.samples_per_px))

    def start_and_end(self, left_px: float, right_px: float) -> tuple[int, int]:
        """The samples `[start, end)` between two places; never negative."""
        return self.sample_at(left_px), max(0, math.ceil(self.start + right_px * self.samples_per_px))

    def set_width(self, width_px: int) -> None:
        """The lanes were resized: the zoom stays, unless all was shown."""
        if width_px > 0 and width_px != self.width_px:
            self.width_px = width_px
            if self._fitted:
                self._show_all()
            self._limit()

    def set_length(self, length: int) -> None:
        """The session's length changed."""
        if length != self.length:
            self.length = length
            self._limit()

    def zoom(self, factor: float, anchor_px: float) -> None:
        """Show `factor` times as many samples; what is under `anchor_px` stays there."""
        self._fitted = False
        anchor = self.start + anchor_px * self.samples_per_px
        self.samples_per_px = min(max(self.samples_per_px * factor, _CLOSEST), self.farthest)
        self.start = anchor - anchor_px * self.samples_per_px
        self._limit()

    def scroll_to(self, start: float) -> None:
        """Put a sample at the left border, to the nearest place that is whole pixels of the screen from here."""
        self._fitted = False
        px = self.samples_per_px / self.ratio
        self.start += round((start - self.start) / px) * px
        self._limit()

    def shows(self, sample: float) -> bool:
        """Whether a sample is inside the view."""
        return self.start <= sample < self.start + self.shown

    def reveal(self, sample: float) -> None:
        """Scroll by pages so that a sample is visible."""
        if not self.shows(sample):
            self.scroll_to(sample - 0.1 * self.shown)

    def fit(self) -> None:
        """Show the whole session."""
        self._before = (self.start, self.samples_per_px)
        self._fitted = True
        self._show_all()
        self._limit()

    def show(self, start: int, end: int) -> None:
        """Show a part of the session, with a little room on both sides."""
        self._fitted = False
        self._before = (self.start, self.samples_per_px)
        room = (_ROOM - 1.0) * (end - start)
        self.samples_per_px = (end - start + 2.0 * room) / self.width_px
        self.start = start - room
        self._limit()

    def back(self) -> None:
        """Show what was shown before the last `fit` or `show`; again, what was shown after it."""
        self._fitted = False
        before, self._before = self._before, (self.start, self.samples_per_px)
        self.start, self.samples_per_px = before
        self._limit()

    def _show_all(self) -> None:
        self.start = 0.0
        self.samples_per_px = max((self.length * _ROOM or _EMPTY_S * SESSION_RATE) / self.width_px, _CLOSEST)

    def _limit(self) -> None:
        self.samples_per_px = min(max(self.samples_per_px, _CLOSEST), self.farthest)
        self.start = min(max(self.start, 0.0), self.scroll_range)
        self.changed.emit()
