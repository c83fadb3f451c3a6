"""Rectangles of whole frames and channels, as regions are drawn and dragged. No state."""

from __future__ import annotations

from collections.abc import Collection

from msgspec import Struct
from msgspec.structs import replace


class Area(Struct, frozen=True):
    """A rectangle of whole frames and channels: frames `[first, last)`, channels from `low` to `high`."""

    first: int
    last: int
    low: int
    high: int

    def moved(self, frames: int, rows: int, edges: Collection[str], channels: int) -> Area:
        """This area moved, or with some of its edges moved; at least one frame and one of the `channels`."""
        most = channels - 1
        if not edges:
            frames = max(frames, -self.first)
            rows = min(max(rows, -self.low), most - self.high)
            return Area(self.first + frames, self.last + frames, self.low + rows, self.high + rows)
        area = self
        if "left" in edges:
            area = replace(area, first=min(max(0, area.first + frames), area.last - 1))
        if "right" in edges:
            area = replace(area, last=max(area.last + frames, area.first + 1))
        if "bottom" in edges:
            area = replace(area, low=min(max(0, area.low + rows), area.high))
        if "top" in edges:
            area = replace(area, high=max(min(most, area.high + rows), area.low))
        return area
