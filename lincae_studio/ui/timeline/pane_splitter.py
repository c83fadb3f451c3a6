"""Shares the height of the centre among the tracks, the mix and the views. Main thread."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QMouseEvent, QResizeEvent
from PySide6.QtWidgets import QSplitter, QSplitterHandle, QWidget

from lincae_studio.ui.timeline.gesture_keys import GestureKeys

#: Initial heights of the mix and of a view.
_MIX_PX = 80
_VIEW_PX = 190

#: Share of the height that the tracks keep, unless the user drags a border further up.
_TRACKS_SHARE = 0.4

#: Name of the pane with the mix.
MIX = "mix"


class _Border(QSplitterHandle):
    """The border above a pane. Escape puts it back where it was."""

    def __init__(self, splitter: PaneSplitter) -> None:
        super().__init__(Qt.Orientation.Vertical, splitter)
        self._splitter = splitter
        #: The sizes at the press; None while it is not held.
        self._before: list[int] | None = None
        self._keys = GestureKeys(self, self._cancel)

    def _cancel(self) -> None:
        if self._before is not None:
            self._splitter.setSizes(self._before)
            self._splitter.note_sizes()
            self._before = None

    # Qt overrides

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._before = self._splitter.sizes()
        super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._before is not None:
            super().mouseMoveEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._before = None
        super().mouseReleaseEvent(event)


class PaneSplitter(QSplitter):
    """The tracks on top; below them panes with names, each with the height that the user last gave it.

    Panes that are too high for the window shrink in proportion, and get their heights back when there is room.

    Attributes:
        heights: chosen heights in pixels by name, also of panes that are not open.
        tracks_share: the smallest share that the tracks get of the parent's height, scroll bar of time included.
    """

    def __init__(self, parent: QWidget) -> None:
        super().__init__(Qt.Orientation.Vertical, parent)
        self._parent = parent
        self.heights: dict[str, int] = {}
        self.tracks_share = _TRACKS_SHARE
        self._names: dict[QWidget, str] = {}
        self.setChildrenCollapsible(False)
        self.setHandleWidth(3)
        self.splitterMoved.connect(self.note_sizes)

    def set_tracks(self, tracks: QWidget) -> None:
        """Put the tracks on top."""
        self.insertWidget(0, tracks)
        self.setStretchFactor(0, 1)

    def add_pane(self, name: str, pane: QWidget, place: int) -> None:
        """Add a pane at a place below the tracks, with the height it last had."""
        self._names[pane] = name
        self.insertWidget(1 + place, pane)
        self.setStretchFactor(1 + place, 0)
        pane.destroyed.connect(lambda: self._names.pop(pane, None))
        pane.show()
        self.share_out()

    def set_heights(self, heights: Mapping[str, int], tracks_share: float) -> None:
        """Restore the heights chosen before."""
        self.heights = dict(heights)
        self.tracks_share = tracks_share
        self.share_out()

    def share_out(self) -> None:
        """Give each pane its height, and the tracks the rest."""
        panes = self._panes()
        names = [self._names.get(pane, "") for pane in panes]
        wanted = [self.heights.get(name, _MIX_PX if name == MIX else _VIEW_PX) for name in names]
        least = [max(pane.minimumHeight(), pane.minimumSizeHint().height()) for pane in panes]
        room = self.height() - self.handleWidth() * len(panes)
        low = allotted(wanted, least, room - math.ceil(self.tracks_share * self._parent.height()))
        self.setSizes([room - sum(low), *low])

    def _panes(self) -> list[QWidget]:
        """The panes below the tracks, from top to bottom."""
        found = (self.widget(number) for number in range(1, self.count()))
        return [pane for pane in found if pane is not None]

    def note_sizes(self) -> None:
        """Note the heights that the user has given the panes."""
        sizes = self.sizes()
        for pane, size in zip(self._panes(), sizes[1:], strict=True):
            self.heights[self._names[pane]] = size
        self.tracks_share = min(_TRACKS_SHARE, sizes[0] / max(1, self._parent.height()))

    # Qt overrides

    def createHandle(self) -> QSplitterHandle:
        return _Border(self)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.share_out()


def allotted(wanted: Sequence[int], least: Sequence[int], room: int) -> list[int]:
    """Heights for panes that share `room` pixels: as wanted, or lower in proportion, but never below `least`."""
    heights = [max(one, low) for one, low in zip(wanted, least, strict=True)]
    over = sum(heights) - room
    spare = [height - low for height, low in zip(heights, least, strict=True)]
    if over <= 0 or not any(spare):
        return heights
    share = min(1.0, over / sum(spare))
    return [height - math.ceil(share * more) for height, more in zip(heights, spare, strict=True)]
