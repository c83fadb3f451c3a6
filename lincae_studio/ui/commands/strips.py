"""Commands on the selected strip, that of a track or of the master: its envelopes. Main thread."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject

from lincae_studio.errors import EditError
from lincae_studio.session import edits
from lincae_studio.session.levels import FADER_TOP_DB, db_to_gain, stepped_gain
from lincae_studio.session.model import MASTER, Point, Session
from lincae_studio.ui.actions.handlers import Handlers
from lincae_studio.ui.model.context import ContextPlace
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.model.selection import Selection
from lincae_studio.ui.playback.transport import Transport
from lincae_studio.ui.timeline.envelopes import (
    Kind,
    ShownEnvelopes,
    name_of,
    points_of,
    set_points,
    strip_of,
    value_on_line,
)

_GAIN_STEP_DB = 0.5
_PAN_STEP = 0.05


class StripCommands(QObject):
    """Shows and edits the envelopes of the selected strip."""

    def __init__(
        self,
        document: Document,
        selection: Selection,
        envelopes: ShownEnvelopes,
        transport: Transport,
        place: ContextPlace,
    ) -> None:
        super().__init__(document)
        self._document = document
        self._selection = selection
        self._envelopes = envelopes
        self._transport = transport
        self._place = place

    @property
    def handlers(self) -> Handlers:
        return {
            "envelope": self.on_envelope,
            "envelope_point": self.on_envelope_point,
            "envelope_point_here": self.on_envelope_point_here,
            "delete_point": self.on_delete_point,
            "envelope_up": self.on_envelope_up,
            "envelope_down": self.on_envelope_down,
            "clear_envelopes": self.on_clear_envelopes,
        }

    def on_envelope(self) -> None:
        if self._selection.strip is not None:
            self._envelopes.show_next(self._selection.strip)

    def on_envelope_point(self) -> None:
        """Add a point at the playhead to the visible envelope, or to volume if none is visible, without a mouse."""
        self._add_point(self._transport.position)

    def on_envelope_point_here(self) -> None:
        """Add a point where the context menu was opened, on the line."""
        self._add_point(self._transport.position if self._place.sample is None else self._place.sample)

    def on_delete_point(self) -> None:
        """Delete the point that the context menu was opened on."""
        deletion = self._place.now.deletion if self._place.now is not None else None
        if deletion is not None:
            self._document.apply(*deletion)

    def _add_point(self, at: int) -> None:
        strip_id = self._selection.strip
        if strip_id is None:
            return
        kind = self._envelopes.of(strip_id) or Kind.GAIN
        self._envelopes.show(strip_id, kind)

        def edit(session: Session, strip_id: int) -> Session:
            strip = strip_of(session, strip_id, kind)
            others = [point for point in points_of(strip, kind) if point.at != at]
            return set_points(session, strip_id, kind, [*others, Point(at, value_on_line(strip, kind, at))])

        self._edit(f"Add {name_of(strip_id, kind)} Point", edit)

    def on_envelope_up(self) -> None:
        self._step_point(1.0)

    def on_envelope_down(self) -> None:
        self._step_point(-1.0)

    def on_clear_envelopes(self) -> None:
        if self._selection.strip == MASTER:
            self._edit("Clear Master Envelope", lambda session, _: edits.set_master_points(session, ()))
        else:
            self._edit("Clear Envelopes", edits.clear_envelopes)

    def _step_point(self, by: float) -> None:
        """Raise or lower the last point of the visible envelope at or before the playhead."""
        strip_id, at = self._selection.strip, self._transport.position
        kind = self._envelopes.of(strip_id) if strip_id is not None else None
        if strip_id is None or kind is None:
            return

        def edit(session: Session, strip_id: int) -> Session:
            points = list(points_of(strip_of(session, strip_id, kind), kind))
            before = [number for number, point in enumerate(points) if point.at <= at]
            if not before:
                raise EditError("there is no point at or before the playhead", "Add a point first")
            value = points[before[-1]].value
            if kind is Kind.GAIN:
                value = stepped_gain(value, _GAIN_STEP_DB * by, db_to_gain(FADER_TOP_DB))
            elif kind is Kind.MORPH:
                value = min(max(round(value + _PAN_STEP * by, 6), 0.0), 1.0)
            else:
                value = min(max(round(value - _PAN_STEP * by, 6), -1.0), 1.0)  # left is at the top
            points[before[-1]] = Point(points[before[-1]].at, value)
            return set_points(session, strip_id, kind, points)

        self._edit(f"Move {name_of(strip_id, kind)} Point", edit, sweep="envelope")

    def _edit(self, text: str, edit: Callable[[Session, int], Session], sweep: str = "") -> None:
        """Edit the selected strip; repeated edits with the same `sweep` are merged into one undo step."""
        strip_id = self._selection.strip
        if strip_id is not None:
            merge_key = f"{sweep} {strip_id}" if sweep else None
            self._document.apply(text, lambda session: edit(session, strip_id), merge_key)
            self._document.end_merge_soon()
