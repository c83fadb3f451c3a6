"""Envelopes on the lanes: which are shown, where their points are, and the gesture that edits them. Main thread.

The master's lane has one, too: ids of strips are those of tracks, or `MASTER`.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PySide6.QtCore import QObject, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF

from lincae_studio.engine.planning.factors import Curve, Positions, gain_envelope, pan_envelope
from lincae_studio.errors import EditError
from lincae_studio.session import edits, snapshots
from lincae_studio.session.levels import db_to_gain, fader_to_gain, format_db, format_pan, gain_to_fader
from lincae_studio.session.model import MASTER, MAX_LENGTH, Master, Morph, Point, Session, Track
from lincae_studio.session.times import format_time
from lincae_studio.ui import theme
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.model.time_axis import TimeAxis
from lincae_studio.ui.model.track_rows import ROW_PX
from lincae_studio.ui.timeline.gestures import Drag, Outcome
from lincae_studio.ui.timeline.scales import Mark, spread

#: How close the pointer must be to a point, or to the line, to grab it.
_POINT_PX = 6
_LINE_PX = 5

#: Gap between the highest and lowest value and the borders of the lane.
_MARGIN_PX = 8

#: Lines are straight in dB, not on the screen, so they are drawn in segments of this length.
_PIECE_PX = 4

#: The levels that the scale of a volume envelope may mark, in dB; 0 dB first.
_MARKED_DB = (0, 6, -6, -12, -24, -40, -3, 3)

#: Widest sign of hidden envelopes, with its margin.
HIDDEN_SIGN_PX = 140


class Kind(enum.Enum):
    """What an envelope controls."""

    GAIN = "volume"
    PAN = "pan"
    MORPH = "morph"


#: An envelope belongs to the strip of a track, or to the master, which has no pan, but the line of the morph.
Strip = Track | Master | Morph

#: The order in which the button of a track, and that of the master, steps through the envelopes.
_NEXT: dict[Kind | None, Kind | None] = {None: Kind.GAIN, Kind.GAIN: Kind.PAN, Kind.PAN: None}
_NEXT_OF_MASTER: dict[Kind | None, Kind | None] = {None: Kind.GAIN, Kind.GAIN: Kind.MORPH, Kind.MORPH: None}


class ShownEnvelopes(QObject):
    """Which envelope of each strip is shown. Not part of the document.

    Signals:
        changed: another envelope is shown.
    """

    changed = Signal()

    def __init__(self, document: Document) -> None:
        super().__init__(document)
        self._document = document
        self._shown: dict[int, Kind] = {}
        document.replaced.connect(self._shown.clear)

    def of(self, strip_id: int) -> Kind | None:
        kind = self._shown.get(strip_id)
        return None if kind is Kind.MORPH and self._document.session.morph is None else kind

    def show(self, strip_id: int, kind: Kind | None) -> None:
        """Show an envelope of a strip, or none."""
        if kind is None:
            self._shown.pop(strip_id, None)
        else:
            self._shown[strip_id] = kind
        self.changed.emit()

    def show_next(self, strip_id: int) -> None:
        """Step from volume to pan to none, for the master to the line of the morph if there is one."""
        following = (_NEXT_OF_MASTER if strip_id == MASTER else _NEXT)[self.of(strip_id)]
        self.show(strip_id, None if following is Kind.MORPH and self._document.session.morph is None else following)


def strip_of(session: Session, strip_id: int, kind: Kind) -> Strip:
    """What an envelope belongs to. Raises `EditError` when there is no such strip, or no morph."""
    if kind is not Kind.MORPH:
        return session.strip(strip_id)
    if session.morph is None:
        raise EditError("there is no morph", "Choose two snapshots to morph between first")
    return session.morph


def points_of(strip: Strip, kind: Kind) -> tuple[Point, ...]:
    if isinstance(strip, Morph):
        return strip.points
    return strip.gain_points if kind is Kind.GAIN or isinstance(strip, Master) else strip.pan_points


def set_points(session: Session, strip_id: int, kind: Kind, points: Sequence[Point]) -> Session:
    if kind is Kind.MORPH:
        return snapshots.set_morph_points(session, points)
    if strip_id == MASTER:
        return edits.set_master_points(session, points)
    edit = edits.set_gain_points if kind is Kind.GAIN else edits.set_pan_points
    return edit(session, strip_id, points)


def name_of(strip_id: int, kind: Kind) -> str:
    """What the names of edits call an envelope: `Volume`, `Master Volume`, `Morph`."""
    return f"{'Master ' if strip_id == MASTER and kind is not Kind.MORPH else ''}{kind.value.capitalize()}"


def y_of(value: float, kind: Kind, top: int, height_px: int = ROW_PX) -> float:
    """The y of a value: volume has the taper of the fader, with +6 dB at the top; pan has left at the top."""
    share = gain_to_fader(value) if kind is Kind.GAIN else value if kind is Kind.MORPH else (1.0 - value) / 2.0
    return top + _MARGIN_PX + (1.0 - share) * (height_px - 2 * _MARGIN_PX)


def value_at(y: float, kind: Kind, top: int, height_px: int = ROW_PX) -> float:
    share = min(max(1.0 - (y - top - _MARGIN_PX) / (height_px - 2 * _MARGIN_PX), 0.0), 1.0)
    if kind is Kind.MORPH:
        return share
    return fader_to_gain(share) if kind is Kind.GAIN else 1.0 - 2.0 * share


def text_of(value: float, kind: Kind) -> str:
    """A value of an envelope as text: -6.0 dB, L45, 50 %."""
    if kind is Kind.MORPH:
        return f"{value:.0%}".replace("%", " %")
    return format_db(value) if kind is Kind.GAIN else format_pan(value)


def value_on_line(strip: Strip, kind: Kind, sample: float) -> float:
    """The envelope's value at a sample; without points 0 dB or centre, which changes nothing."""
    return float(_values(strip, kind, np.array([float(sample)]))[0])


def point_at(strip: Strip, kind: Kind, place: QPointF, top: int, height_px: int, axis: TimeAxis) -> int | None:
    """The index of the point at a position, or None."""
    for number, point in enumerate(points_of(strip, kind)):
        away = QPointF(axis.x_of(point.at), y_of(point.value, kind, top, height_px)) - place
        if abs(away.x()) <= _POINT_PX and abs(away.y()) <= _POINT_PX:
            return number
    return None


def on_line(strip: Strip, kind: Kind, place: QPointF, top: int, height_px: int, axis: TimeAxis) -> bool:
    value = value_on_line(strip, kind, axis.start + place.x() * axis.samples_per_px)
    return abs(y_of(value, kind, top, height_px) - place.y()) <= _LINE_PX


def paint_envelope(
    painter: QPainter, strip: Strip, kind: Kind, top: int, height_px: int, axis: TimeAxis, text: str = ""
) -> None:
    """Paint the line across the lane, its points, and its name, or another text."""
    xs = np.arange(0.0, axis.width_px + _PIECE_PX, _PIECE_PX)
    points = points_of(strip, kind)
    corners = [x for point in points if 0.0 <= (x := axis.x_of(point.at)) <= axis.width_px]
    xs = np.sort(np.concatenate([xs, corners]))
    values = _values(strip, kind, axis.start + xs * axis.samples_per_px).tolist()
    line = [QPointF(x, y_of(value, kind, top, height_px)) for x, value in zip(xs.tolist(), values, strict=True)]
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for color, width in ((theme.colors().lane, 3.0), (theme.colors().envelope, 1.5)):
        painter.setPen(QPen(QColor(color), width))
        painter.drawPolyline(QPolygonF(line))
    painter.setPen(QPen(QColor(theme.colors().lane), 1))
    painter.setBrush(QColor(theme.colors().envelope))
    for point in points:
        painter.drawEllipse(QPointF(axis.x_of(point.at), y_of(point.value, kind, top, height_px)), 4.0, 4.0)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    text = text or f"{kind.value} envelope"
    across = painter.fontMetrics().horizontalAdvance(text) + 10
    low = kind is Kind.MORPH and np.mean(values[: max(1, int(across // _PIECE_PX))]) < 0.5  # the line is there
    box = QRectF(6, top + (3 if low else height_px - 20), across, 15)
    painter.fillRect(box, QColor(theme.colors().panel))
    painter.setPen(QColor(theme.colors().envelope))
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)


@lru_cache(256)
def envelope_marks(kind: Kind, top: int, height_px: int) -> tuple[Mark, ...]:
    """The scale of an envelope: dB, percent of the way, or left, centre and right."""
    if kind is Kind.MORPH:
        return tuple((y_of(value, kind, top, height_px), text_of(value, kind)) for value in (1.0, 0.5, 0.0))
    if kind is Kind.PAN:
        sides = ((-1.0, "L"), (0.0, "C"), (1.0, "R"))
        return tuple((y_of(value, kind, top, height_px), text) for value, text in sides)
    levels = [(db_to_gain(level), f"{level:+d}".replace("-", "−") if level else "0 dB") for level in _MARKED_DB]
    marks = ((y_of(gain, kind, top, height_px), text) for gain, text in [*levels, (0.0, "−∞")])
    return spread(marks, top, height_px)


def paint_hidden_sign(painter: QPainter, kinds: Collection[Kind], shown: Kind | None, top: int, height_px: int) -> None:
    """Paint the names of the envelopes of these kinds that are not shown, at the left border of the lane."""
    hidden = [kind.value for kind in kinds if kind is not shown]
    if not hidden:
        return
    text = f"∿ {', '.join(hidden)}"
    metrics = painter.fontMetrics()
    across = min(metrics.horizontalAdvance(text) + 10, HIDDEN_SIGN_PX - 6)
    box = QRectF(6, top + height_px - (20 if shown is None else 38), across, 15)
    ground = QColor(theme.colors().panel)
    ground.setAlpha(215)
    painter.fillRect(box, ground)
    painter.setPen(QPen(QColor(theme.colors().envelope), 1, Qt.PenStyle.DotLine))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRect(box.adjusted(0, 0, -1, -1))
    painter.setPen(QColor(theme.colors().envelope))
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)


def having_points(track: Track) -> tuple[Kind, ...]:
    """The envelopes of a track that change its sound."""
    return tuple(kind for kind in (Kind.GAIN, Kind.PAN) if points_of(track, kind))


def heard_on_master(session: Session) -> tuple[Kind, ...]:
    """The envelopes of the master, and of the morph, that change the sound."""
    return (Kind.GAIN,) * bool(session.master.gain_points) + (Kind.MORPH,) * bool(session.morphed)


def _values(strip: Strip, kind: Kind, positions: Positions) -> Curve:
    points = points_of(strip, kind)
    if not points:
        return np.full(len(positions), 1.0 if kind is Kind.GAIN else 0.0)
    return gain_envelope(points, positions) if kind is Kind.GAIN else pan_envelope(points, positions)  # as the morph


@dataclass
class MovePoint:
    """Drag a point of an envelope: an existing one, or a new one on the line."""

    session: Session
    strip_id: int
    kind: Kind
    point: Point
    number: int | None
    top: int
    height_px: int

    def __post_init__(self) -> None:
        points = points_of(strip_of(self.session, self.strip_id, self.kind), self.kind)
        self._others = tuple(p for n, p in enumerate(points) if n != self.number)
        self._moved = self.point

    @property
    def hint(self) -> str:
        return f"{text_of(self._moved.value, self.kind)} at {format_time(self._moved.at / self.session.rate)}"

    def move(self, drag: Drag) -> Session:
        at = min(max(self.point.at + drag.samples, 0), MAX_LENGTH)
        taken = {point.at for point in self._others}
        while at in taken:
            at += 1
        y = y_of(self.point.value, self.kind, self.top, self.height_px) + drag.down_px
        # Unless moved, the value is not read back from the screen, where it would be rounded.
        value = value_at(y, self.kind, self.top, self.height_px) if drag.down_px else self.point.value
        self._moved = Point(at, value)
        return set_points(self.session, self.strip_id, self.kind, (*self._others, self._moved))

    def finish(self) -> Outcome | None:
        if self.number is not None and self._moved == self.point:
            return None
        text = f"{'Add' if self.number is None else 'Move'} {name_of(self.strip_id, self.kind)} Point"
        strip_id, kind, points = self.strip_id, self.kind, (*self._others, self._moved)
        return text, lambda session: set_points(session, strip_id, kind, points)


def drag_at(
    session: Session, strip_id: int, kind: Kind, place: QPointF, top: int, height_px: int, axis: TimeAxis
) -> Callable[[], MovePoint] | None:
    """Makes the gesture for the point, or for a new point on the line, at a position; None where neither is."""
    strip = strip_of(session, strip_id, kind)
    number = point_at(strip, kind, place, top, height_px, axis)
    if number is not None:
        point = points_of(strip, kind)[number]
    elif on_line(strip, kind, place, top, height_px, axis):
        at = axis.sample_at(place.x())
        point = Point(at, value_on_line(strip, kind, at))
    else:
        return None
    return lambda: MovePoint(session, strip_id, kind, point, number, top, height_px)


def deletion_at(
    session: Session, strip_id: int, kind: Kind, place: QPointF, top: int, height_px: int, axis: TimeAxis
) -> Outcome | None:
    """The edit that deletes the point at a position; None where there is none."""
    strip = strip_of(session, strip_id, kind)
    number = point_at(strip, kind, place, top, height_px, axis)
    if number is None:
        return None
    left = points_of(strip, kind)[:number] + points_of(strip, kind)[number + 1 :]
    return f"Delete {name_of(strip_id, kind)} Point", lambda session: set_points(session, strip_id, kind, left)
