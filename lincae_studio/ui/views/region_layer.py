"""Regions on the heatmap: drawn over it, selected, moved and resized by the mouse and by keys. Main thread.

A gesture previews by drawing only; the document is changed once, when the mouse is released. Edges snap to frames.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import pyqtgraph as pg
from msgspec import Struct
from msgspec.structs import replace
from PySide6.QtCore import QObject, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QKeyEvent, QPen
from PySide6.QtWidgets import QGraphicsRectItem

from lincae_studio.session import regions
from lincae_studio.session.levels import format_db
from lincae_studio.session.model import MAX_LENGTH, Region
from lincae_studio.ui import theme
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.model.region_selection import Box, Pointed, RegionSelection
from lincae_studio.ui.model.time_axis import TimeAxis
from lincae_studio.ui.rendering.rendering import Rendering
from lincae_studio.ui.timeline.gestures import DRAG_PX
from lincae_studio.ui.views.region_area import Area
from lincae_studio.ui.views.region_fades import FLAT, UPRIGHT, fade_items, faded, handle_at, handles, inner

#: How near the pointer must be to an edge to take hold of it.
_EDGE_PX = 5.0

#: Part of the channels that a rectangle made by key covers.
_SHARE_BY_KEY = 4

_STEPS = {Qt.Key.Key_Left: (-1, 0), Qt.Key.Key_Right: (1, 0), Qt.Key.Key_Up: (0, 1), Qt.Key.Key_Down: (0, -1)}

#: The edges that arrow keys move with a modifier; with none, they move the whole rectangle.
_EDGES = {
    Qt.KeyboardModifier.NoModifier: frozenset[str](),
    Qt.KeyboardModifier.ShiftModifier: frozenset(("right", "top")),
    Qt.KeyboardModifier.AltModifier: frozenset(("left", "bottom")),
}


class _Hold(Struct, frozen=True):
    """What the mouse holds: the area before, and which edges, or handle of a fade, follow the pointer; none for all."""

    at: QPointF
    frame: int
    row: int
    before: Area
    region: Region | None
    edges: frozenset[str]
    new: bool = False


class RegionLayer(QObject):
    """The regions of what the heatmap shows, and the gestures that change them."""

    def __init__(
        self,
        plot: pg.PlotWidget,
        axis: TimeAxis,
        rendering: Rendering,
        document: Document,
        selected: RegionSelection,
        owner: Callable[[], int | None],
    ) -> None:
        """`owner`: returns whose regions are shown; None while there are none."""
        super().__init__(plot)
        self._plot = plot
        self._axis = axis
        self._rendering = rendering
        self._document = document
        self._selected = selected
        self._owner = owner
        self._items: list[Any] = []
        self._hold: _Hold | None = None
        self._preview: Area | None = None
        #: The fades that releasing a handle would give.
        self._faded: dict[str, int] = {}
        self._pressed = False
        document.changed.connect(lambda _continuous: self.redraw())
        document.replaced.connect(self.cancel)  # its regions are of another document
        rendering.plan_changed.connect(self._follow_plan)
        axis.changed.connect(self._follow_axis)
        selected.changed.connect(self.redraw)

    # Places

    @property
    def _hop(self) -> int:
        return self._rendering.plan.grid.hop

    @property
    def _channels(self) -> int:
        return self._rendering.plan.codec.dim

    def _first_centre(self) -> float:
        """The sample at the centre of the frame that is drawn from sample 0 on."""
        grid = self._rendering.plan.grid
        return (grid.hop + grid.window_extra) / 2.0

    def area_of(self, part: Region | Box, owner: int) -> Area:
        """The frames and channels of a region or box, as they are drawn."""
        origin, centre = regions.origin_of(self._document.session, owner), self._first_centre()
        first, last = (math.ceil((origin + at - centre) / self._hop) for at in (part.start, part.end))
        return Area(max(first, 0), last, part.low, min(part.high, self._channels - 1))

    def samples_of(self, area: Area, owner: int) -> tuple[int, int]:
        """The start and end of an area, as samples of the owner's regions; the first frame begins with the mix."""
        origin, lead = regions.origin_of(self._document.session, owner), self._rendering.plan.grid.window_extra // 2
        start = area.first * self._hop + lead if area.first > 0 else 0
        start = min(max(start - origin, 0), MAX_LENGTH - 1)
        return start, min(max(area.last * self._hop + lead - origin, start + 1), MAX_LENGTH)

    def shown(self) -> Iterator[Region]:
        """The regions that are drawn: those of the owner that belong to these latents."""
        owner, space = self._owner(), self._rendering.plan.codec.latent_space
        for region in regions.owner_of(self._document.session, owner).regions if owner is not None else ():
            if region.space == space and region.low < self._channels:
                yield region

    def _rect(self, area: Area) -> QRectF:
        """An area in samples and channels."""
        # A region as long as the timeline would exceed the range of painters.
        last = min(area.last, math.ceil(self._rendering.plan.length / self._hop) + 1)
        return QRectF(
            area.first * self._hop,
            area.low,
            max(last - area.first, 0.2) * self._hop,
            area.high + 1 - area.low,
        )

    def _pixels(self, area: Area) -> QRectF:
        rect, height = self._rect(area), self._plot.height() / self._channels
        left, right = self._axis.x_of(rect.left()), self._axis.x_of(rect.right())
        return QRectF(left, self._plot.height() - rect.bottom() * height, right - left, rect.height() * height)

    def _inner(self, rect: QRectF, region: Region, pixels: bool = False) -> QRectF:
        """The rectangle of a region without its fades, in samples and channels or in pixels."""
        across = 1.0 / self._axis.samples_per_px if pixels else 1.0
        along = self._plot.height() / self._channels if pixels else 1.0
        return inner(rect, region.fade * across, region.fade_channels * along)

    def _handles(self, region: Region, area: Area) -> dict[str, QPointF]:
        """The handles of the fades of a region, in pixels."""
        rect = self._pixels(area)
        return handles(rect, self._inner(rect, region, pixels=True))

    def _frame_at(self, x: float) -> int:
        return max(0, math.floor(self._axis.sample_at(x) / self._hop))

    def _row_at(self, y: float) -> int:
        height: int = self._plot.height()
        return min(max(math.floor((1.0 - y / max(1, height)) * self._channels), 0), self._channels - 1)

    def _hit(self, at: QPointF) -> tuple[Region | None, Area, frozenset[str]] | None:
        """The region, or the box, under a point, the selected one first, and the edges near to the point."""
        owner = self._owner()
        if owner is None:
            return None
        chosen, box = self._selected.chosen, self._selected.box
        for region in self.shown():
            if (owner, region.id) == chosen and not regions.is_solo(region):
                area = self.area_of(region, owner)
                if handle := handle_at(at, self._handles(region, area)):
                    return region, area, frozenset((handle,))
        found: list[Region | Box] = [*sorted(self.shown(), key=lambda region: (owner, region.id) == chosen)]
        if box is not None and box.owner == owner:
            found.append(box)
        for part in reversed(found):
            area = self.area_of(part, owner)
            rect = self._pixels(area)
            if not rect.adjusted(-_EDGE_PX, -_EDGE_PX, _EDGE_PX, _EDGE_PX).contains(at):
                continue
            near = {
                "left": abs(at.x() - rect.left()),
                "right": abs(at.x() - rect.right()),
                "top": abs(at.y() - rect.top()),
                "bottom": abs(at.y() - rect.bottom()),
            }
            edges = {edge for edge, distance in near.items() if distance <= _EDGE_PX}
            for one, other in (("left", "right"), ("top", "bottom")):
                if {one, other} <= edges:  # a thin one: the nearer edge
                    edges.discard(max(one, other, key=lambda edge: near[edge]))
            if isinstance(part, Region) and regions.is_solo(part):
                if not edges & {"top", "bottom"}:
                    continue  # it covers everything, and would be in the way
                edges &= {"top", "bottom"}
            return (part if isinstance(part, Region) else None), area, frozenset(edges)
        return None

    def cursor_at(self, at: QPointF) -> Qt.CursorShape:
        """The cursor that says what a press there would take hold of."""
        hit = self._hit(at)
        if hit is None:
            return Qt.CursorShape.ArrowCursor
        upright, flat = hit[2] & {"left", "right", *UPRIGHT}, hit[2] & {"top", "bottom", *FLAT}
        if upright and flat:
            falling = ("left" in upright) == ("top" in flat)
            return Qt.CursorShape.SizeFDiagCursor if falling else Qt.CursorShape.SizeBDiagCursor
        if upright or flat:
            return Qt.CursorShape.SizeHorCursor if upright else Qt.CursorShape.SizeVerCursor
        return Qt.CursorShape.SizeAllCursor

    # The mouse

    def point_at(self, channel: int, share: Callable[[int, int], float | None]) -> None:
        """Note the channel under the pointer."""
        owner, codec = self._owner(), self._rendering.plan.codec
        if owner is not None:
            first = self._selected.pointed is None
            self._selected.pointed = Pointed(owner, channel, codec.latent_space, codec.id, share)
            if first:
                self._selected.changed.emit()

    def press(self, at: QPointF) -> None:
        """Start a drag of the object under the pointer, if any: then dragging selects a rectangle."""
        owner, self._pressed = self._owner(), True
        if owner is None:
            return
        frame, row = self._frame_at(at.x()), self._row_at(at.y())
        hit = self._hit(at)
        if hit is None:
            self._hold = _Hold(at, frame, row, Area(frame, frame + 1, row, row), None, frozenset(), new=True)
            return
        region, area, edges = hit
        if region is not None:
            self._selected.select(owner, region.id)
        self._hold = _Hold(at, frame, row, area, region, edges)

    def move(self, at: QPointF) -> None:
        """Draw what releasing the mouse here would give."""
        hold = self._hold
        if hold is None:
            return
        if self._preview is None and (at - hold.at).manhattanLength() < DRAG_PX:
            return
        frame, row = self._frame_at(at.x()), self._row_at(at.y())
        if hold.new:
            first, last = sorted((hold.frame, frame))
            low, high = sorted((hold.row, row))
            self._preview = Area(first, last + 1, low, high)
        else:
            self._preview = hold.before.moved(frame - hold.frame, row - hold.row, hold.edges, self._channels)
            for handle in hold.edges & (UPRIGHT | FLAT):
                assert hold.region is not None, "a box has no fades"
                self._faded = faded(hold.region, handle, (frame - hold.frame) * self._hop, row - hold.row)
        self.redraw()

    def release(self) -> bool:
        """Make the edit. False if the press was a click on an empty place."""
        if not self._pressed:
            return True  # it was cancelled
        hold, preview, fades = self._hold, self._preview, self._faded
        self._hold, self._preview, self._faded, self._pressed = None, None, {}, False
        owner = self._owner()
        if hold is None or owner is None:
            return False
        if preview is None:
            if hold.new:
                self._selected.clear()
            return not hold.new
        if hold.region is not None and fades:
            region_id = hold.region.id
            self._document.apply("Fade Region", lambda s: regions.change(s, owner, region_id, **fades))
        else:
            self._place(hold.region, owner, preview, "Resize Region" if hold.edges else "Move Region")
        self.redraw()
        return True

    def cancel(self) -> None:
        """End the drag, and restore the state before it."""
        self._hold, self._preview, self._faded, self._pressed = None, None, {}, False
        self.redraw()

    # Keys

    def takes(self, event: QKeyEvent) -> bool:
        """Whether a key acts on the selected region or box instead of being a shortcut of the window."""
        if self._owner() is None:
            return False
        modifiers, plain = _modifiers(event), Qt.KeyboardModifier.NoModifier
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            return modifiers == plain
        if self._selected.chosen is None and self._selected.box is None:
            return False
        if event.key() in _STEPS:
            return modifiers in _EDGES
        return modifiers == plain and event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace, Qt.Key.Key_Escape)

    def key(self, event: QKeyEvent, playhead: int) -> None:
        """Move by a frame or channel, resize with Shift or Alt, delete, let go; Return selects a rectangle."""
        owner, key = self._owner(), Qt.Key(event.key())
        found, box = self._selected.region, self._selected.box
        if owner is None:
            return
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            first = playhead // self._hop
            frames = max(1, self._rendering.plan.codec.sample_rate // self._hop)
            high = max(0, self._channels // _SHARE_BY_KEY - 1)
            self._place(None, owner, Area(first, first + frames, 0, high), "")
        elif key == Qt.Key.Key_Escape:
            self._selected.clear()
        elif key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self._delete()
        elif key in _STEPS and (found is not None or box is not None):
            region = found[1] if found is not None else None
            whose = found[0] if found is not None else box.owner if box is not None else owner
            part = region if region is not None else box
            assert part is not None, "one of them is selected"
            frames, channels = _STEPS[key]
            edges = _EDGES[_modifiers(event)]
            moved = self.area_of(part, whose).moved(frames, channels, edges, self._channels)
            self._place(region, whose, moved, "Resize Region" if edges else "Move Region", "region keys")

    def _delete(self) -> None:
        if self._selected.chosen is None:
            self._selected.clear()
            return
        owner, region_id = self._selected.chosen
        self._document.apply("Delete Region", lambda session: regions.remove(session, owner, [region_id]))

    def _place(self, region: Region | None, owner: int, area: Area, text: str, sweep: str = "") -> None:
        """Give a region, or without one the box, this area. What it does not change stays exactly as it is."""
        codec, (start, end) = self._rendering.plan.codec, self.samples_of(area, owner)
        if region is None:
            self._selected.select_box(Box(owner, start, end, area.low, area.high, codec.latent_space, codec.id))
            return
        before = self.area_of(region, owner)
        fields: dict[str, int] = {}
        if (area.first, area.last) != (before.first, before.last):
            if area.last - area.first == before.last - before.first:  # moved
                by = min(max((area.first - before.first) * self._hop, -region.start), MAX_LENGTH - region.end)
                fields |= {"start": region.start + by, "end": region.end + by}
            else:
                fields |= {"start": start} if area.first != before.first else {}
                fields |= {"end": end} if area.last != before.last else {}
        fields |= {"low": area.low} if area.low != before.low else {}
        fields |= {"high": area.high} if area.high != before.high else {}
        self._document.apply(
            text,
            lambda session: regions.change(session, owner, region.id, **fields),
            f"{sweep} {owner} {region.id}" if sweep else None,
        )
        self._document.end_merge_soon()

    # Drawing

    def redraw(self) -> None:
        """Draw the regions, the box and the drag."""
        for item in self._items:
            self._plot.removeItem(item)
        self._items = []
        owner = self._owner()
        if owner is None:
            return
        hold = self._hold
        for region in self.shown():
            held = hold is not None and hold.region is not None and hold.region.id == region.id
            area = self._preview if held and self._preview is not None else self.area_of(region, owner)
            selected = (owner, region.id) == self._selected.chosen
            self._draw(area, text_of(region), selected, region.on)
            if selected and not regions.is_solo(region):
                self._draw_fades(area, replace(region, **self._faded) if held else region)
        box = self._selected.box
        if hold is not None and hold.region is None and self._preview is not None:
            self._draw(self._preview, "", True, True, dashed=True)
        elif box is not None and box.owner == owner:
            self._draw(self.area_of(box, owner), "", True, True, dashed=True)

    def _follow_plan(self) -> None:
        """Let go of a rectangle of other latents."""
        box = self._selected.box
        if box is not None and box.space != self._rendering.plan.codec.latent_space:
            self._selected.clear()
        self.redraw()

    def _follow_axis(self) -> None:
        """Keep labels in view."""
        if self._items:
            self.redraw()

    def _draw(self, area: Area, text: str, selected: bool, on: bool, dashed: bool = False) -> None:
        colors = theme.colors()
        color = QColor(colors.accent if selected else colors.text)
        lines = (Qt.PenStyle.DashLine if dashed else Qt.PenStyle.SolidLine) if on else Qt.PenStyle.DotLine
        rect = self._rect(area)
        for width, ink, style in (
            (3.0, QColor(colors.lane), Qt.PenStyle.SolidLine),
            (2.0 if selected else 1.0, color, lines),
        ):
            item = QGraphicsRectItem(rect)
            pen = QPen(ink, width, style)
            pen.setCosmetic(True)
            item.setPen(pen)
            if ink is color:
                color.setAlphaF(0.18 if selected else 0.07)
                item.setBrush(QColor(color))
            self._add(item)
        if text and self._pixels(area).width() > self._plot.fontMetrics().horizontalAdvance(text):
            label = pg.TextItem(text, color=colors.text, anchor=(0, 0), fill=QColor(colors.lane))
            label.setPos(max(rect.left(), self._axis.start), rect.bottom())
            self._add(label)

    def _draw_fades(self, area: Area, region: Region) -> None:
        """Draw where the fades of the selected region end, and their handles."""
        per_channel, places = self._plot.height() / self._channels, self._handles(region, area).values()
        at = [QPointF(self._axis.sample_at(one.x()), self._channels - one.y() / per_channel) for one in places]
        inside = self._inner(self._rect(area), region) if region.fade or region.fade_channels else None
        for item in fade_items(inside, at):
            self._add(item)

    def _add(self, item: Any) -> None:
        item.setZValue(5)
        self._plot.addItem(item, ignoreBounds=True)
        self._items.append(item)


def _modifiers(event: QKeyEvent) -> Qt.KeyboardModifier:
    """The modifiers of a key, without the one that says that it is on the keypad."""
    return event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier


def text_of(region: Region) -> str:
    """The effect of a region, for its label: its name, and its gain."""
    what = "mute" if region.gain == 0.0 else format_db(region.gain)
    if region.keep:
        what = "keep only" if region.gain == 0.0 else f"others {what}"
    return f"{region.name}: {what}" if region.name else what
