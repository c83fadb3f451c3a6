"""Commands on the loop, markers and sections. Main thread."""

from __future__ import annotations

from PySide6.QtCore import QObject

from lincae_studio.errors import EditError
from lincae_studio.session import places
from lincae_studio.session.model import Session
from lincae_studio.ui.actions.handlers import Handlers
from lincae_studio.ui.model.context import ContextPlace
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.model.selection import Selection
from lincae_studio.ui.playback.transport import Transport
from lincae_studio.ui.timeline.ruler import Ruler

#: Markers within this distance of the playhead, in samples, are skipped, so that repeated steps move on.
_HERE_SAMPLES = 441


class PlaceCommands(QObject):
    """Edits the loop and the markers, and moves the playhead between markers."""

    def __init__(
        self,
        document: Document,
        selection: Selection,
        transport: Transport,
        ruler: Ruler,
        place: ContextPlace,
    ) -> None:
        super().__init__(document)
        self._document = document
        self._selection = selection
        self._transport = transport
        self._place = place
        self._ruler = ruler
        #: The id of the marker that was added last.
        self._added: int | None = None
        ruler.loop_dragged.connect(self.set_loop)
        ruler.marker_dragged.connect(self.move_marker)
        ruler.section_dragged.connect(self.set_section)
        ruler.marker_named.connect(self.rename_marker)
        ruler.naming_ended.connect(self._on_naming_ended)
        ruler.rename_pressed.connect(self.on_rename_marker)
        ruler.delete_pressed.connect(self.on_delete_marker)

    @property
    def handlers(self) -> Handlers:
        return {
            "loop": self.on_loop,
            "loop_selection": self.on_loop_selection,
            "loop_start_here": self.on_loop_start_here,
            "loop_end_here": self.on_loop_end_here,
            "play_here": self.on_play_here,
            "add_marker": self.on_add_marker,
            "add_marker_here": self.on_add_marker_here,
            "add_section": self.on_add_section,
            "select_section": self.on_select_section,
            "rename_marker": self.on_rename_marker,
            "delete_marker": self.on_delete_marker,
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

    def on_loop_start_here(self) -> None:
        """Move the start of the loop; without a loop after it, the loop ends with the session."""
        at, loop, length = self._here, self._document.session.loop, self._document.session.length
        end = loop.end if loop is not None and loop.end > at else length
        if at >= end:
            error = EditError("a loop cannot start after the last clip", "Shift+drag on the ruler to set a loop there")
            self._document.refused.emit(error)
            return
        self.set_loop(at, end)

    def on_loop_end_here(self) -> None:
        """Move the end of the loop; without a loop before it, the loop begins with the session."""
        at, loop = self._here, self._document.session.loop
        self.set_loop(loop.start if loop is not None and loop.start < at else 0, at)

    def on_play_here(self) -> None:
        """Play from where the context menu was opened, also during playback."""
        self._transport.seek(self._here)
        if not self._transport.playing:
            self._transport.on_play()

    def on_add_marker(self) -> None:
        self._add_marker(self._transport.position)

    def on_add_marker_here(self) -> None:
        self._add_marker(self._here)

    def on_add_section(self) -> None:
        """Make the selected time, or that of the selected clips, a section."""
        span = self._selection.span
        if span is not None:
            self._add_marker(span[0], span[1] - span[0])

    def on_select_section(self) -> None:
        """Select the time of the section at the playhead."""
        section = places.section_at(self._document.session, self._transport.position)
        if section is None:
            error = EditError("there is no section at the playhead", "Move the playhead into a section")
            self._document.refused.emit(error)
        else:
            self._ruler.select_section(section)

    def on_rename_marker(self) -> None:
        marker = self._marker()
        if marker is not None:
            self._ruler.name_marker(places.marker_of(self._document.session, marker))

    def on_delete_marker(self) -> None:
        marker = self._marker()
        if marker is not None:
            self.remove_marker(marker)

    def _add_marker(self, at: int, length: int = 0) -> None:
        """Add a marker or section and let its name be typed; during playback only add it, so that more can follow."""
        marker, text = self._document.session.next_id, "Add Section" if length else "Add Marker"

        def edit(session: Session) -> Session:
            return places.add_marker(session, at, length=length)

        if self._document.apply(text, edit, _merge_key(marker)):
            if self._transport.playing:
                self._document.end_merge()
            else:
                self._added = marker
                self._ruler.name_marker(places.marker_of(self._document.session, marker))

    @property
    def _here(self) -> int:
        """Where the context menu was opened, or the playhead."""
        return self._transport.position if self._place.sample is None else self._place.sample

    def _marker(self) -> int | None:
        """The marker of the context menu, the selected section, or the last one at or before the playhead."""
        if self._place.marker is not None:
            return self._place.marker
        selected = self._ruler.selected_section
        if selected is not None:
            return selected.id
        before = [marker for marker in self._document.session.markers if marker.at <= self._transport.position]
        if not before:
            error = EditError("there is no marker at or before the playhead", "Move the playhead to a marker first")
            self._document.refused.emit(error)
            return None
        return before[-1].id

    def on_previous_marker(self) -> None:
        before = [at for at in self._stops() if at < self._transport.position - _HERE_SAMPLES]
        if before:
            self._transport.seek_and_show(before[-1])

    def on_next_marker(self) -> None:
        after = [at for at in self._stops() if at > self._transport.position + _HERE_SAMPLES]
        if after:
            self._transport.seek_and_show(after[0])

    def rename_marker(self, marker_id: int, name: str) -> None:
        """Rename a marker; the first name of a new one belongs to the step that added it."""
        is_new, self._added = marker_id == self._added, None
        text = f"{'Add' if is_new else 'Rename'} {self._kind(marker_id)}"
        merge_key = _merge_key(marker_id) if is_new else None
        self._document.apply(text, lambda session: places.rename_marker(session, marker_id, name), merge_key)

    def _on_naming_ended(self) -> None:
        self._added = None
        self._document.end_merge()

    def remove_marker(self, marker_id: int) -> None:
        self._document.apply(
            f"Delete {self._kind(marker_id)}", lambda session: places.remove_marker(session, marker_id)
        )

    def move_marker(self, marker_id: int, at: int) -> None:
        text = f"Move {self._kind(marker_id)}"
        self._document.apply(text, lambda session: places.move_marker(session, marker_id, at))

    def set_section(self, marker_id: int, start: int, end: int) -> None:
        self._document.apply("Resize Section", lambda session: places.set_section(session, marker_id, start, end))

    def _kind(self, marker_id: int) -> str:
        found = (marker for marker in self._document.session.markers if marker.id == marker_id and marker.length)
        return "Section" if any(found) else "Marker"

    def set_loop(self, start: int, end: int) -> None:
        if start != end:
            self._document.apply("Set Loop", lambda session: places.set_loop(session, start, end))

    def _stops(self) -> list[int]:
        """Positions of the markers, and both ends of sections and of the session."""
        session = self._document.session
        return sorted({0, session.length, *(at for marker in session.markers for at in (marker.at, marker.end))})


def _merge_key(marker_id: int) -> str:
    return f"marker {marker_id}"
