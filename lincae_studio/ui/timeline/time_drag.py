"""Dragging over time, on the lanes or on the ruler: what is selected, and how it is painted. Main thread."""

from __future__ import annotations

from collections.abc import Collection

from PySide6.QtCore import QRect, QRectF
from PySide6.QtGui import QColor, QPainter

from lincae_studio.session.model import Session
from lincae_studio.session.time_edits import TimeRange
from lincae_studio.session.times import count_of, format_time
from lincae_studio.ui import theme
from lincae_studio.ui.model.time_axis import TimeAxis
from lincae_studio.ui.model.time_selection import TimeSelection
from lincae_studio.ui.timeline.snapping import SnapSettings

#: How close to an end of a span one can grab it.
END_PX = 5


class TimeDrag:
    """A drag that selects time, at once; `cancel` restores the earlier selection."""

    def __init__(
        self,
        selection: TimeSelection,
        session: Session,
        snaps: SnapSettings,
        at: int,
        within_samples: float,
        position: int | None,
        adds: bool = False,
        fixed: int | None = None,
    ) -> None:
        """A press at a sample, on the track at a position, or on the ruler (None) for all tracks.

        Args:
            within_samples: how far the ends snap.
            adds: keep the spans and tracks that are selected.
            fixed: the end that stays, if an end of the selection is dragged.
        """
        self._selection = selection
        self._session = session
        self._snapping = snaps.snapping(session)
        self._before = selection.value, selection.ends
        self._fixed = self._snapped(at, within_samples) if fixed is None else fixed
        self._position = position
        self._kept = selection.value if adds else None
        if fixed is not None and selection.value is not None:
            left = tuple(span for span in selection.value.spans if fixed not in span)
            self._kept = TimeRange(left, selection.value.tracks)
        self._keeps_tracks = fixed is not None

    def _snapped(self, at: int, within_samples: float) -> int:
        return max(0, at + self._snapping.correction([at], within_samples))

    def move(self, at: int, position: int, within_samples: float) -> None:
        """Select up to a sample and the track at a position."""
        end = self._snapped(at, within_samples)
        spans = ((min(self._fixed, end), max(self._fixed, end)),)
        rows, tracks = None, None
        if self._keeps_tracks and self._kept is not None:
            tracks = self._kept.tracks
        elif self._position is not None:
            positions = sorted((self._position, min(max(position, 0), len(self._session.tracks) - 1)))
            chosen = [track.id for track in self._session.tracks[positions[0] : positions[1] + 1]]
            tracks = self._session.within_folded(chosen)
            rows = self._session.tracks[self._position].id, chosen[-1 if position >= self._position else 0]
            if self._kept is not None:
                tracks = None if self._kept.tracks is None else tracks | self._kept.tracks
        kept = self._kept.spans if self._kept is not None else ()
        self._selection.set(TimeRange((*kept, *spans), tracks), (self._fixed, end), rows)

    def cancel(self) -> None:
        """Restore the earlier selection."""
        self._selection.set(*self._before)

    @property
    def hint(self) -> str:
        """The selection, in words."""
        return described(self._session, self._selection.value)


def described(session: Session, time: TimeRange | None) -> str:
    """A time selection in words: “0:01.000 to 0:02.500, 1.500 s, 3 tracks”."""
    if time is None:
        return "no time selected"
    start, end = time.start, time.end
    length_s = sum(last - first for first, last in time.spans) / session.rate
    which = "all tracks" if time.tracks is None else count_of(len(time.tracks), "track")
    several = f" in {len(time.spans)} spans" if len(time.spans) > 1 else ""
    return (
        f"{format_time(start / session.rate)} to {format_time(end / session.rate)}, {length_s:.3f} s{several}, {which}"
    )


def end_at(time: TimeRange | None, x: float, axis: TimeAxis) -> int | None:
    """The opposite end of the span of which one end is at an x position, else None."""
    for start, end in time.spans if time is not None else ():
        for here, other in ((start, end), (end, start)):
            if abs(axis.x_of(here) - x) <= END_PX:
                return other
    return None


def paint_time(painter: QPainter, time: TimeRange, axis: TimeAxis, rows: Collection[QRect]) -> None:
    """Paint spans over rows: a translucent fill, with a line at both ends."""
    color = QColor(theme.colors().accent)
    fill = QColor(color)
    fill.setAlpha(60)
    for start, end in time.spans:
        left, right = axis.x_of(start), axis.x_of(end)
        for row in rows:
            if right < row.left() or left > row.right() + 1:
                continue
            shown = QRectF(max(left, row.left() - 1.0), row.top(), 0.0, row.height())
            shown.setRight(min(right, row.right() + 2.0))
            painter.fillRect(shown, fill)
            for x in (left, right):
                painter.fillRect(QRectF(round(x), row.top(), 1, row.height()), color)
