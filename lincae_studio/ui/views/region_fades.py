"""The fades of a region on the heatmap: a handle inside each side, and what dragging it gives. No state."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPen
from PySide6.QtWidgets import QGraphicsRectItem

from lincae_studio.session.model import Region
from lincae_studio.ui import theme

#: How far the handles are inside of where the fades end, so that they are away from the edges, which resize.
_INSIDE_PX = 10.0

#: Half the side of a handle, and how near to its centre the pointer must be.
_HANDLE_PX = 3.0
_NEAR_PX = 5.0

#: A region that is smaller has no handles in that direction.
_LEAST_PX = 48.0

#: Handles, by what the pointer moves them along.
UPRIGHT = frozenset(("fade left", "fade right"))
FLAT = frozenset(("fade top", "fade bottom"))


def inner(rect: QRectF, across: float, along: float) -> QRectF:
    """The rectangle of a region without its fades; at most half of a side is faded."""
    across, along = min(across, rect.width() / 2.0), min(along, rect.height() / 2.0)
    return rect.adjusted(across, along, -across, -along)


def handles(rect: QRectF, inside: QRectF) -> dict[str, QPointF]:
    """The centres of the handles of a region, by name, in pixels. `inside`: its `inner` rectangle."""
    found, middle = {}, rect.center()
    if rect.width() >= _LEAST_PX:
        found["fade left"] = QPointF(min(inside.left() + _INSIDE_PX, middle.x() - _INSIDE_PX), middle.y())
        found["fade right"] = QPointF(max(inside.right() - _INSIDE_PX, middle.x() + _INSIDE_PX), middle.y())
    if rect.height() >= _LEAST_PX:
        found["fade top"] = QPointF(middle.x(), min(inside.top() + _INSIDE_PX, middle.y() - _INSIDE_PX))
        found["fade bottom"] = QPointF(middle.x(), max(inside.bottom() - _INSIDE_PX, middle.y() + _INSIDE_PX))
    return found


def handle_at(at: QPointF, places: dict[str, QPointF]) -> str:
    """The handle that a point is on, or nothing."""
    for name, place in places.items():
        if abs(at.x() - place.x()) <= _NEAR_PX and abs(at.y() - place.y()) <= _NEAR_PX:
            return name
    return ""


def faded(region: Region, handle: str, samples: int, channels: int) -> dict[str, int]:
    """The fields of a region of which a handle was dragged, by samples to the right and channels upwards."""
    if handle in UPRIGHT:
        fade = region.fade + (samples if handle == "fade left" else -samples)
        return {"fade": min(max(fade, 0), (region.end - region.start) // 2)}
    fade = region.fade_channels + (channels if handle == "fade bottom" else -channels)
    return {"fade_channels": min(max(fade, 0), (region.high - region.low) // 2)}


def fade_items(inside: QRectF | None, places: Sequence[QPointF]) -> Iterator[QGraphicsRectItem]:
    """What is drawn: a dashed line where the fades end, unless there are none, and a square for each handle."""
    ink = QColor(theme.colors().accent)
    if inside is not None:
        item = QGraphicsRectItem(inside)
        pen = QPen(ink, 1.0, Qt.PenStyle.DashLine)
        pen.setCosmetic(True)
        item.setPen(pen)
        yield item
    for place in places:
        item = QGraphicsRectItem(-_HANDLE_PX, -_HANDLE_PX, 2 * _HANDLE_PX, 2 * _HANDLE_PX)
        item.setFlag(QGraphicsRectItem.GraphicsItemFlag.ItemIgnoresTransformations)
        item.setPen(QPen(QColor(theme.colors().lane)))
        item.setBrush(ink)
        item.setPos(place)
        yield item
