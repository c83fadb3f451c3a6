"""Commands on the loop and on markers. Main thread."""

from __future__ import annotations

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QInputDialog, QLineEdit, QWidget

from lincae_studio.session import places
from lincae_studio.ui.actions.handlers import Handlers
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.model.selection import Selection
from lincae_studio.ui.playback.transport import Transport
from lincae_studio.ui.timeline.ruler import Ruler

#: Markers within this distance of the playhead, in samples, are skipped, so that repeated steps move on.
_HERE_SAMPLES = 441


class PlaceCommands(QObject):
    """Edits the loop and the markers, and moves the playhead between markers."""

    def __init__(
        self, document: Document, selection: Selection, transport: Transport, ruler: Ruler, window: QWidget
    ) -> None:
        super().__init__(document)
        self._document = document
        self._selection = selection
        self._transport = transport
        self._window = window
        ruler.loop_dragged.connect(self.set_loop)
        ruler.marker_dragged.connect(self.move_marker)
        ruler.marker_renamed.connect(self.rename_marker)
        ruler.marker_removed.connect(self.remove_marker)

    @property
    def handlers(self) -> Handlers:
        return {
            "loop": self.on_loop,
            "loop_selection": self.on_loop_selection,
            "add_marker": self.on_add_marker,
            "previous_marker": self.on_previous_marker,
            "next_marker": self.on_next_marker,
        }

    def on_loop(self) -> None:
        loop = self._document.session.loop
        on = loop is None or not loop.on
        self._document.apply("Loop On" if on else "Loop Off", lambda session: places.turn_loop(session, on))

    def on_loop_selection(self) -> None:
        span = self._selection.span
        if span is not None:
            self._document.apply("Loop Selection", lambda session: places.set_loop(session, *span))

    def on_add_marker(self) -> None:
        at = self._transport.position
        self._document.apply("Add Marker", lambda session: places.add_marker(session, at))

    def on_previous_marker(self) -> None:
        before = [at for at in self._stops() if at < self._transport.position - _HERE_SAMPLES]
        if before:
            self._transport.seek_and_show(before[-1])

    def on_next_marker(self) -> None:
        after = [at for at in self._stops() if at > self._transport.position + _HERE_SAMPLES]
        if after:
            self._transport.seek_and_show(after[0])

    def rename_marker(self, marker_id: int) -> None:
        """Ask for a new name for a marker."""
        before = places.marker_of(self._document.session, marker_id).name
        name, given = QInputDialog.getText(self._window, "Rename Marker", "Name", QLineEdit.EchoMode.Normal, before)
        if given and name != before:
            self._document.apply("Rename Marker", lambda session: places.rename_marker(session, marker_id, name))

    def remove_marker(self, marker_id: int) -> None:
        self._document.apply("Delete Marker", lambda session: places.remove_marker(session, marker_id))

    def move_marker(self, marker_id: int, at: int) -> None:
        self._document.apply("Move Marker", lambda session: places.move_marker(session, marker_id, at))

    def set_loop(self, start: int, end: int) -> None:
        if start != end:
            self._document.apply("Set Loop", lambda session: places.set_loop(session, start, end))

    def _stops(self) -> list[int]:
        """Positions of the markers and of both ends of the session."""
        session = self._document.session
        return sorted({0, session.length, *(marker.at for marker in session.markers)})
