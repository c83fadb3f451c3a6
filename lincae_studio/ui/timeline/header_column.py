"""The column of track headers. One widget per track, kept as long as the track exists."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QWheelEvent
from PySide6.QtWidgets import QWidget

from lincae_studio.session import edits
from lincae_studio.ui import theme
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.model.selection import Selection
from lincae_studio.ui.model.track_rows import HEADER_PX, TrackRows
from lincae_studio.ui.timeline.envelopes import ShownEnvelopes
from lincae_studio.ui.timeline.track_header import TrackHeader


class HeaderColumn(QWidget):
    """The headers, stacked and scrolled like the lanes.

    Signals:
        scrolled_vertically: wheel notches over a header (a float; positive is down).
        grown: notches with Alt (a float; positive is taller).
    """

    scrolled_vertically = Signal(float)
    grown = Signal(float)

    def __init__(
        self,
        rows: TrackRows,
        document: Document,
        selection: Selection,
        envelopes: ShownEnvelopes,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._envelopes = envelopes
        envelopes.changed.connect(self._follow)
        self._rows = rows
        self._document = document
        self._selection = selection
        self._headers: dict[int, TrackHeader] = {}
        #: Marks where a dragged track would go.
        self._gap = QWidget(self)
        self._gap.setObjectName("gap")
        self._gap.hide()
        self.setFixedWidth(HEADER_PX)
        document.replaced.connect(self._forget)
        document.changed.connect(self._follow)
        selection.changed.connect(self._follow)
        rows.changed.connect(self._place)

    def headers(self) -> list[tuple[int, TrackHeader]]:
        """The header of every track, by track id."""
        return list(self._headers.items())

    def header(self, track_id: int) -> TrackHeader:
        """The header of a track."""
        return self._headers[track_id]

    def _gap_at(self, y: float) -> int:
        """The index of the gap between tracks nearest to y."""
        half = self._rows.height_px / 2
        return min(max(self._rows.position_at(y + half), 0), len(self._document.session.tracks))

    def _on_dragged(self, y: float) -> None:
        self._gap.setGeometry(0, self._rows.top(self._gap_at(y)) - 2, HEADER_PX, 4)
        self._gap.show()
        self._gap.raise_()

    def _on_dropped(self, track_id: int, y: float) -> None:
        gap = self._gap_at(y)
        before = [track.id for track in self._document.session.tracks].index(track_id)
        position = gap - 1 if gap > before else gap
        self._document.apply("Move Track", lambda session: edits.move_track(session, track_id, position))

    def _forget(self) -> None:
        """Discard all headers when another document is opened, along with any half-typed names."""
        for header in self._headers.values():
            header.hide()
            header.deleteLater()
        self._headers.clear()

    def _follow(self) -> None:
        tracks = self._document.session.tracks
        for track_id in set(self._headers) - {track.id for track in tracks}:
            gone = self._headers.pop(track_id)
            gone.leave()
            gone.hide()
            gone.deleteLater()
        for track in tracks:
            if track.id not in self._headers:
                self._headers[track.id] = TrackHeader(track, self._document, self._selection, self._envelopes, self)
                self._headers[track.id].show()
                self._headers[track.id].dragged.connect(self._on_dragged)
                self._headers[track.id].dropped.connect(partial(self._on_dropped, track.id))
                self._headers[track.id].drag_ended.connect(self._gap.hide)
            self._headers[track.id].show_track(track, selected=track.id == self._selection.track)
        self._place()

    def _place(self) -> None:
        for position, track in enumerate(self._document.session.tracks):
            if track.id in self._headers:
                self._headers[track.id].setGeometry(0, self._rows.top(position), HEADER_PX, self._rows.height_px)

    # Qt overrides

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme.colors().window))
        painter.end()

    def wheelEvent(self, event: QWheelEvent) -> None:
        notches = (event.angleDelta().y() or event.angleDelta().x()) / 120  # Alt swaps the axes
        if event.modifiers() & Qt.KeyboardModifier.AltModifier:
            self.grown.emit(notches)
        else:
            self.scrolled_vertically.emit(-notches)
        event.accept()
