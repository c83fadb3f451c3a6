"""Commands on places of the timeline: the loop, and markers."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QInputDialog, QLineEdit, QWidget

from lincae_studio.session import places
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.model.selection import Selection

#: A marker this near counts as being at the playhead, in samples: so that going back leaves it behind.
_HERE_SAMPLES = 441


class PlaceCommands(QObject):
    """Acts at the playhead.

    Signals:
        seek: a sample to go to.
    """

    seek = Signal(int)

    def __init__(self, document: Document, selection: Selection, playhead: Callable[[], int], window: QWidget) -> None:
        super().__init__(document)
        self._document = document
        self._selection = selection
        self._playhead = playhead
        self._window = window

    def on_loop(self) -> None:
        loop = self._document.session.loop
        on = loop is None or not loop.on
        self._document.apply("Loop On" if on else "Loop Off", lambda session: places.turn_loop(session, on))

    def on_loop_selection(self) -> None:
        clips = [clip for clip in self._document.session.clips() if clip.id in self._selection.clips]
        if clips:
            start, end = min(clip.start for clip in clips), max(clip.end for clip in clips)
            self._document.apply("Loop Selection", lambda session: places.set_loop(session, start, end))

    def on_add_marker(self) -> None:
        at = self._playhead()
        self._document.apply("Add Marker", lambda session: places.add_marker(session, at))

    def on_previous_marker(self) -> None:
        before = [at for at in self._stops() if at < self._playhead() - _HERE_SAMPLES]
        if before:
            self.seek.emit(before[-1])

    def on_next_marker(self) -> None:
        after = [at for at in self._stops() if at > self._playhead() + _HERE_SAMPLES]
        if after:
            self.seek.emit(after[0])

    def rename_marker(self, marker_id: int) -> None:
        """Ask for a marker's name."""
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
        """Markers, and the ends of the session."""
        session = self._document.session
        return sorted({0, session.length, *(marker.at for marker in session.markers)})
