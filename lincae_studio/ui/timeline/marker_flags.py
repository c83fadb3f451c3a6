"""The flags of markers and the bars of sections along the top of the ruler: where they are, and how they look.

Main thread; no state of its own.
"""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QWidget

from lincae_studio.session.model import Marker
from lincae_studio.ui import theme
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.model.time_axis import TimeAxis
from lincae_studio.ui.plain_text import shown

FLAG_HEIGHT_PX = 14

#: Largest width of the flag of a marker without a length.
_FLAG_PX = 140

#: How far inside a section its ends can be grabbed; at most a quarter of it.
_EDGE_PX = 5


class MarkerFlags:
    """Where the flags of a document's markers are on a widget: later ones, and shorter ones, are above others."""

    def __init__(self, axis: TimeAxis, document: Document, widget: QWidget) -> None:
        self._axis = axis
        self._document = document
        self._widget = widget

    def at(self, point: QPointF) -> Marker | None:
        """The marker whose flag is under a point."""
        return next((marker for marker in reversed(self._stacked) if self._flag(marker).contains(point)), None)

    @property
    def _stacked(self) -> list[Marker]:
        """The markers, each above those before it."""
        return sorted(self._document.session.markers, key=lambda marker: (marker.at, -marker.length))

    def fixed_end(self, marker: Marker, point: QPointF) -> int | None:
        """The end of a section that stays when it is dragged at a point: None if that moves all of it."""
        bar = self._flag(marker)
        reach = min(_EDGE_PX, bar.width() / 4)
        if not marker.length:
            return None
        if point.x() - bar.left() <= reach:
            return marker.end
        return marker.at if bar.right() - point.x() <= reach else None

    def tip(self, marker: Marker) -> str:
        """The name of a marker if its flag is too short for it."""
        return shown(marker.name) if self._width_of(marker) > self._text_rect(marker).width() else ""

    def paint(self, painter: QPainter, dragged: Marker | None) -> None:
        """Paint all markers and sections; `dragged`: one of them as a drag would make it."""
        for marker in self._stacked:
            self._paint(painter, dragged if dragged is not None and dragged.id == marker.id else marker)

    def _paint(self, painter: QPainter, marker: Marker) -> None:
        color, flag = QColor(theme.colors().marker), self._flag(marker)
        places = (marker.at, marker.end) if marker.length else (marker.at,)
        ends = [QRectF(self._axis.x_of(at), 0, 1, self._widget.height()) for at in places]
        if marker.length:
            ends[-1].translate(-1, 0)
        painter.fillRect(flag, theme.colors().clip_body(color) if marker.length else color)
        for end in ends:
            painter.fillRect(end, color)
        painter.setPen(QColor(theme.colors().text if marker.length else theme.colors().marker_text))
        text = self._text_rect(marker)
        name = self._widget.fontMetrics().elidedText(shown(marker.name), Qt.TextElideMode.ElideRight, int(text.width()))
        painter.drawText(text, Qt.AlignmentFlag.AlignVCenter, name)

    def _width_of(self, marker: Marker) -> int:
        return self._widget.fontMetrics().horizontalAdvance(shown(marker.name))

    def _flag(self, marker: Marker) -> QRectF:
        left = self._axis.x_of(marker.at)
        width = self._axis.x_of(marker.end) - left if marker.length else min(self._width_of(marker) + 9, _FLAG_PX)
        return QRectF(left, 0, max(width, 3.0), FLAG_HEIGHT_PX)

    def _text_rect(self, marker: Marker) -> QRectF:
        """Where the name is: in a section that begins left of the view, at the border."""
        flag = self._flag(marker)
        flag.setLeft(max(flag.left(), 0.0) if marker.length else flag.left())
        return flag.adjusted(4, 0, -2, 0)
