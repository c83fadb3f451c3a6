"""The selected time: spans on some tracks or on all. Main thread; not part of the document, nor of its history."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec.structs import replace
from PySide6.QtCore import QObject, Signal

from lincae_studio.session.ripple import Span, merged
from lincae_studio.session.time_edits import TimeRange
from lincae_studio.ui.model.document import Document


class TimeSelection(QObject):
    """Deleted tracks leave it. Either time is selected, or clips are: one ends the other (`Selection`).

    Signals:
        changed: other time is selected.
    """

    changed = Signal()

    def __init__(self, document: Document, parent: QObject) -> None:
        super().__init__(parent)
        self._document = document
        self._value: TimeRange | None = None
        #: The ends that keys and Shift+click move: the one that stays, and the one that moves.
        self._ends = (0, 0)
        #: The same for tracks, as ids.
        self._rows: tuple[int, int] | None = None
        #: Called before time is selected.
        self.taking: Callable[[], object] = lambda: None
        document.replaced.connect(self.clear)
        document.changed.connect(self._on_document_changed)

    @property
    def value(self) -> TimeRange | None:
        return self._value

    @property
    def ends(self) -> Span:
        """The end of the latest span that stays when it is extended, and the one that moves."""
        return self._ends

    def covers(self, position: int) -> bool:
        """Whether time is selected on the track at a position."""
        tracks = self._document.session.tracks
        if self._value is None or not 0 <= position < len(tracks):
            return False
        track = tracks[position]
        return not track.locked if self._value.tracks is None else track.id in self._value.tracks

    def contains(self, sample: int, position: int) -> bool:
        """Whether a sample of the track at a position is selected."""
        spans = self._value.spans if self._value is not None and self.covers(position) else ()
        return any(start <= sample < end for start, end in spans)

    def set(self, value: TimeRange | None, ends: Span | None = None, rows: tuple[int, int] | None = None) -> None:
        """Select time.

        Args:
            ends: the ends of the latest span, the one that was there first before the other.
            rows: the ids of the first and the last of its tracks, likewise.
        """
        if value is not None:
            value = replace(value, spans=merged(value.spans))
            value = value if value.spans else None
        if value is not None:
            self._ends = ends or (value.start, value.end)
            self._rows = rows if value.tracks is not None else None
        if value == self._value:
            return
        if value is not None:
            self.taking()
        self._value = value
        self.changed.emit()

    def clear(self) -> None:
        self.set(None)

    def extend_to(self, sample: int, start: int, tracks: frozenset[int] | None) -> None:
        """Move the end that moves to a sample; without a selection, select from `start` on these tracks."""
        fixed, spans = start, tuple[Span, ...]()
        if self._value is not None:
            fixed, tracks = self._ends[0], self._value.tracks
            latest = tuple(sorted(self._ends))
            spans = tuple(span for span in self._value.spans if not latest[0] <= span[0] < latest[1])
        first, last = sorted((fixed, max(0, sample)))
        self.set(TimeRange((*spans, (first, last)), tracks), (fixed, max(0, sample)), self._rows)

    def extend_rows(self, by: int, order: Sequence[int]) -> None:
        """Move the border between tracks that moves by one of those that are shown, in `order`."""
        if self._value is None or self._value.tracks is None:
            return
        places = [place for place, track in enumerate(order) if track in self._value.tracks]
        if not places:
            return
        first, last = self._rows or (order[places[0]], order[places[-1]])
        fixed, moving = (order.index(one) if one in order else places[0] for one in (first, last))
        moving = min(max(moving + by, 0), len(order) - 1)
        chosen = order[min(fixed, moving) : max(fixed, moving) + 1]
        tracks = self._document.session.within_folded(chosen)
        self.set(replace(self._value, tracks=tracks), self._ends, (order[fixed], order[moving]))

    def _on_document_changed(self) -> None:
        if self._value is None or self._value.tracks is None:
            return
        left = self._value.tracks.intersection(track.id for track in self._document.session.tracks)
        if left != self._value.tracks:
            self.set(replace(self._value, tracks=left) if left else None, self._ends)
