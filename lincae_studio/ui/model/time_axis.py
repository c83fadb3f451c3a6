"""The time axis shared by all views: which samples are visible, and how many per pixel. Main thread."""

from __future__ import annotations

import math

from PySide6.QtCore import QObject, Signal

from lincae_studio.session.model import DEFAULT_RATE
from lincae_studio.ui.model.wheel import Scrolling

#: Closest zoom, in samples per pixel.
_CLOSEST = 1 / 16

#: Visible duration of an empty session.
_EMPTY_S = 30

#: Width of the view relative to the session when the session is fitted into it.
_ROOM = 1.04


class TimeAxis(QObject):
    """Maps samples to pixels from the left border of the lanes.

    Signals:
        changed: start, zoom, width, length or sample rate changed.
    """

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.start = 0.0
        self.width_px = 1000
        self.length = 0
        self.rate: int = DEFAULT_RATE
        self.samples_per_px = _EMPTY_S * self.rate / self.width_px
        self._before = (self.start, self.samples_per_px)
        #: What `changed` was last emitted for.
        self._announced: tuple[float, ...] = ()
        #: Whether the view was fitted to the session and not zoomed or scrolled since.
        self._fitted = False
        #: Whether a drag is in progress, during which the view must not follow the playhead.
        self.held = False
        #: The wheel, where it scrolls anything over time.
        self.scrolling = Scrolling()
        #: Device pixel ratio of the screen.
        self.ratio = 1.0

    @property
    def visible_samples(self) -> float:
        """Samples across the width."""
        return self.samples_per_px * self.width_px

    @property
    def max_samples_per_px(self) -> float:
        """Upper limit of samples per pixel: twice the session across the width."""
        return max(_EMPTY_S * self.rate, 2.0 * self.length) / self.width_px

    @property
    def scroll_range(self) -> float:
        """Upper limit of `start`: the session's end can be scrolled to the middle."""
        return max(0.0, self.length - self.visible_samples / 2)

    def x_of(self, sample: float) -> float:
        return (sample - self.start) / self.samples_per_px

    def pixel_of(self, sample: float, ratio: float = 1.0) -> int:
        """The nearest border of pixels, `ratio` to a point; halves round up, with a tolerance for rounding errors."""
        return math.floor(self.x_of(sample) * ratio + 0.5 + 1e-6)

    def sample_at(self, x_px: float) -> int:
        """The sample under a pixel; never negative."""
        return max(0, round(self.start + x_px * self.samples_per_px))

    def start_and_end(self, left_px: float, right_px: float) -> tuple[int, int]:
        """The samples `[start, end)` between two x positions; never negative."""
        return self.sample_at(left_px), max(0, math.ceil(self.start + right_px * self.samples_per_px))

    def set_width(self, width_px: int) -> None:
        """Follow the width of the lanes, keeping the zoom unless the view was fitted to the session."""
        if width_px > 0 and width_px != self.width_px:
            self.width_px = width_px
            if self._fitted:
                self._show_all()
            self._limit()

    def set_length(self, length: int, rate: int = DEFAULT_RATE) -> None:
        """Follow the session's length in samples, and its sample rate in Hz: the view keeps its place in seconds."""
        if (length, rate) == (self.length, self.rate):
            return
        ratio, self.length, self.rate = rate / self.rate, length, rate
        start, samples_per_px = self._before
        self._before = (start * ratio, samples_per_px * ratio)
        self.start *= ratio
        self.samples_per_px *= ratio
        self._limit()

    def zoom(self, factor: float, anchor_px: float) -> None:
        """Show `factor` times as many samples, keeping the sample under `anchor_px` in place."""
        self._fitted = False
        anchor = self.start + anchor_px * self.samples_per_px
        self.samples_per_px = min(max(self.samples_per_px * factor, _CLOSEST), self.max_samples_per_px)
        self.start = anchor - anchor_px * self.samples_per_px
        self._limit()

    def scroll_to(self, start: float) -> None:
        """Scroll a sample to the left border, rounded to a whole number of device pixels from the current position."""
        self._fitted = False
        px = self.samples_per_px / self.ratio
        self.start += round((start - self.start) / px) * px
        self._limit()

    def shows(self, sample: float) -> bool:
        """Whether a sample is inside the view."""
        return self.start <= sample < self.start + self.visible_samples

    def reveal(self, sample: float) -> None:
        """Scroll by a page, if needed, to make a sample visible."""
        if not self.shows(sample):
            self.scroll_to(sample - 0.1 * self.visible_samples)

    def fit(self) -> None:
        """Show the whole session."""
        self._before = (self.start, self.samples_per_px)
        self._fitted = True
        self._show_all()
        self._limit()

    def show(self, start: int, end: int) -> None:
        """Zoom to a range of the session, with a small margin on both sides."""
        self._fitted = False
        self._before = (self.start, self.samples_per_px)
        room = (_ROOM - 1.0) * (end - start)
        self.samples_per_px = (end - start + 2.0 * room) / self.width_px
        self.start = start - room
        self._limit()

    def back(self) -> None:
        """Go back to the view before the last `fit` or `show`; a second call returns to the view after it."""
        self._fitted = False
        before, self._before = self._before, (self.start, self.samples_per_px)
        self.start, self.samples_per_px = before
        self._limit()

    def _show_all(self) -> None:
        self.start = 0.0
        self.samples_per_px = max((self.length * _ROOM or _EMPTY_S * self.rate) / self.width_px, _CLOSEST)

    def _limit(self) -> None:
        self.samples_per_px = min(max(self.samples_per_px, _CLOSEST), self.max_samples_per_px)
        self.start = min(max(self.start, 0.0), self.scroll_range)
        now = self.start, self.samples_per_px, self.width_px, self.length, self.rate
        if now != self._announced:
            self._announced = now
            self.changed.emit()
