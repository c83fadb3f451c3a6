"""The master's envelope, or the line of the morph, on the lane of the mix: painting, mouse. Main thread."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, QPointF, Signal
from PySide6.QtGui import QPainter

from lincae_studio.session.model import MASTER, Morph, Session
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.model.selection import Selection
from lincae_studio.ui.plain_text import shown
from lincae_studio.ui.timeline.canvas import TimeCanvas
from lincae_studio.ui.timeline.envelopes import (
    Kind,
    ShownEnvelopes,
    deletion_at,
    drag_at,
    heard_on_master,
    paint_envelope,
    paint_hidden_sign,
    strip_of,
)
from lincae_studio.ui.timeline.gesture_keys import GestureKeys
from lincae_studio.ui.timeline.gestures import DRAG_PX, Drag, Gesture
from lincae_studio.ui.timeline.hint import paint_hint


def morph_text(session: Session, morph: Morph) -> str:
    """A morph in a few words."""
    first, second = (shown(session.snapshot(one).name) for one in (morph.first, morph.second))
    return f"morph: crossfade of the mixes {first} (0 %) and {second} (100 %){'' if morph.on else ', off'}"


class MasterEnvelope(QObject):
    """The gestures of the tracks' envelopes, on the whole height of a canvas.

    Signals:
        changed: what is painted has changed.
    """

    changed = Signal()

    def __init__(self, canvas: TimeCanvas, document: Document, selection: Selection, envelopes: ShownEnvelopes) -> None:
        super().__init__(canvas)
        self._canvas = canvas
        self._document = document
        self._selection = selection
        self._envelopes = envelopes
        self._press: tuple[QPointF, float] | None = None
        self._begin: Callable[[], Gesture] | None = None
        self._gesture: Gesture | None = None
        self._preview: Session | None = None
        self._pointer = QPointF()
        self._painted: tuple[object, ...] | None = None
        self._keys = GestureKeys(canvas, self.cancel)
        document.replaced.connect(self.cancel)
        document.changed.connect(self._follow)
        envelopes.changed.connect(self._follow)

    @property
    def shown(self) -> bool:
        return self.kind is not None

    @property
    def kind(self) -> Kind | None:
        """The envelope or line that is shown."""
        return self._envelopes.of(MASTER)

    def paint(self, painter: QPainter) -> None:
        """Paint the envelope if it is shown."""
        kind = self._envelopes.of(MASTER)
        if kind is not None:
            strip, text = strip_of(self._session, MASTER, kind), ""
            if kind is Kind.MORPH and self._session.morph is not None:
                text = morph_text(self._session, self._session.morph)
            paint_envelope(painter, strip, kind, 0, self._canvas.height(), self._canvas.axis, text)

    def paint_overlay(self, painter: QPainter) -> None:
        """Paint what a drag would give, beside the pointer."""
        kinds = heard_on_master(self._session)
        paint_hidden_sign(painter, kinds, self._envelopes.of(MASTER), 0, self._canvas.height())
        if self._gesture is not None:
            paint_hint(painter, self._canvas, self._gesture.hint, self._pointer)

    def press(self, place: QPointF) -> bool:
        """Whether there is a point or the line under a press, which belongs to it then and selects the master."""
        kind = self._envelopes.of(MASTER)
        if kind is None:
            return False
        axis = self._canvas.axis
        self._begin = drag_at(self._document.session, MASTER, kind, place, 0, self._canvas.height(), axis)
        if self._begin is None:
            return False
        self._press = place, axis.start + place.x() * axis.samples_per_px
        self._selection.set_master()
        return True

    def move(self, place: QPointF) -> None:
        """Drag to a position."""
        if self._press is None or self._begin is None:
            return
        start, sample = self._press
        if self._gesture is None and (place - start).manhattanLength() >= DRAG_PX:
            self._gesture = self._begin()
        if self._gesture is not None:
            axis = self._canvas.axis
            axis.held = True
            samples = round(axis.start + place.x() * axis.samples_per_px - sample)
            self._pointer = place
            self._preview = self._gesture.move(Drag(samples, 0, place.y() - start.y(), 0.0))
            self._follow()
            self._canvas.update()

    def release(self) -> None:
        """Make the edit of a drag; a click on the line adds a point."""
        gesture, begin = self._gesture, self._begin
        self.cancel()
        if gesture is None and begin is not None:
            gesture = begin()
            gesture.move(Drag(0, 0, 0.0, 0.0))
        outcome = gesture.finish() if gesture is not None else None
        if outcome is not None:
            self._document.apply(*outcome)

    def delete(self, place: QPointF) -> None:
        """Delete the point at a position, if there is one."""
        self.cancel()
        kind = self._envelopes.of(MASTER)
        if kind is None:
            return
        session, height = self._document.session, self._canvas.height()
        deletion = deletion_at(session, MASTER, kind, place, 0, height, self._canvas.axis)
        if deletion is not None:
            self._document.apply(*deletion)

    def cancel(self) -> None:
        """End a press or a drag without a trace."""
        if self._gesture is not None:
            self._canvas.axis.held = False
            self._canvas.update()
        self._press = self._begin = self._gesture = self._preview = None
        self._follow()

    @property
    def _session(self) -> Session:
        return self._preview or self._document.session

    def _follow(self) -> None:
        session, kind = self._session, self._envelopes.of(MASTER)
        painted = (kind, session.master, session.morph, session.snapshots) if kind is not None else None
        if painted != self._painted:
            self._painted = painted
            self.changed.emit()
