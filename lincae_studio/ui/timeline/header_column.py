"""The column of track headers. Main thread.

Only the tracks in view have a header, and one more above and below, so that Tab can move on; headers that scroll
out of view show other tracks. A header in use stays with its track, so that typing and dragging are not disturbed.
"""

from __future__ import annotations

from itertools import pairwise

from PySide6.QtCore import QPointF, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QWidget

from lincae_studio.session import edits, groups, strips
from lincae_studio.session.model import Session, Track
from lincae_studio.ui import theme
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.model.header_width import HeaderWidth
from lincae_studio.ui.model.selection import Selection
from lincae_studio.ui.model.track_rows import TrackRows
from lincae_studio.ui.model.wheel import Scrolling
from lincae_studio.ui.timeline.autoscroll import STEP_MS, STEP_PX, direction
from lincae_studio.ui.timeline.column_border import ColumnBorder
from lincae_studio.ui.timeline.envelopes import ShownEnvelopes
from lincae_studio.ui.timeline.nesting import drop_place, left_px
from lincae_studio.ui.timeline.track_header import TrackHeader
from lincae_studio.ui.timeline.track_levels import TrackLevels

#: Headers above and below those in view.
_MARGIN = 1


class HeaderColumn(QWidget):
    """The headers, stacked and scrolled like the lanes.

    Signals:
        scrolled_vertically: wheel notches over a header (a float; positive is down).
        grown: notches with Alt (a float; positive is taller).
        widened: the column was given another width by the mouse, in pixels.
    """

    scrolled_vertically = Signal(float)
    grown = Signal(float)
    widened = Signal(int)

    def __init__(
        self,
        rows: TrackRows,
        width: HeaderWidth,
        document: Document,
        selection: Selection,
        envelopes: ShownEnvelopes,
        scrolling: Scrolling,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._envelopes = envelopes
        self._scrolling = scrolling
        envelopes.changed.connect(self._follow)
        self._rows = rows
        self._document = document
        self._selection = selection
        #: The latents whose operators are applied.
        self._space = ""
        #: Headers by the id of the track that they show, and hidden ones that show none.
        self._headers: dict[int, TrackHeader] = {}
        self._spare: list[TrackHeader] = []
        #: The controls that Tab reaches before and after the headers.
        self._tab_from: tuple[QWidget, ...] = ()
        self._tab_to: tuple[QWidget, ...] = ()
        #: The ids of the tracks with a header, in the order in which Tab reaches them.
        self._order: list[int] = []
        #: The same with the number of controls.
        self._chains: list[tuple[int, int]] = []
        self.levels = TrackLevels()
        #: Marks where a dragged track would go.
        self._gap = QWidget(self)
        self._gap.setObjectName("gap")
        self._gap.hide()
        #: A frame around the group that it would go into.
        self._into = QWidget(self)
        self._into.setObjectName("into")
        self._into.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._into.hide()
        #: The track of a dragged header, and in the column its pointer, and the place of the press.
        self._dragged: tuple[int, QPointF, QPointF] | None = None
        self._stepping = QTimer(self)
        self._stepping.setInterval(STEP_MS)
        self._stepping.timeout.connect(self._on_step_due)
        self.border = ColumnBorder(width, self)
        self.border.chosen.connect(self.widened)
        width.fix(self)
        document.replaced.connect(self._forget)
        document.changed.connect(self._follow)
        selection.changed.connect(self._follow)
        rows.changed.connect(self._on_rows_changed)
        #: The offset and the tops by which the headers were placed.
        self._placed = rows.offset_px, rows.tops
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)  # so that scrolling shifts what is painted

    def set_tab_neighbours(self, before: QWidget, after: QWidget) -> None:
        """Tab reaches the headers after one control and before another."""
        self._tab_from, self._tab_to = (before,), (after,)

    def set_space(self, space: str) -> None:
        """Set the latents whose operators are applied (`CodecInfo.latent_space`)."""
        if space != self._space:
            self._space = space
            self._follow()

    def headers(self) -> list[tuple[int, TrackHeader]]:
        """The headers in view, by track id."""
        return list(self._headers.items())

    def header(self, track_id: int) -> TrackHeader:
        """The header of a track in view."""
        return self._headers[track_id]

    def reveal(self, *track_ids: int) -> None:
        """Scroll tracks into view; of too many, the first ones."""
        wanted = frozenset(track_ids)
        positions = [n for n, track in enumerate(self._document.session.tracks) if track.id in wanted]
        if not positions:
            return
        top, bottom = self._rows.top(positions[0]), self._rows.top(positions[-1] + 1)
        if top < 0 or self.height() <= bottom - top:
            self._rows.set_offset(self._rows.offset_px + top)
        elif bottom > self.height():
            self._rows.set_offset(self._rows.offset_px + bottom - self.height())

    def select_added(self, before: Session) -> None:
        """Select the clips that an import has added since `before`, and their first track, and scroll to them.

        Only one track, so that the first fader that is touched afterwards does not move all of them.
        """
        session = self._document.session
        known = {clip.id for clip in before.clips()}
        added = {clip.id for clip in session.clips()} - known
        tracks = [track.id for track in session.tracks if any(clip.id in added for clip in track.clips)]
        if tracks:
            self._selection.set_clips(added)
            self._selection.set_track(tracks[0])
            self.reveal(*tracks)

    def _on_step_due(self) -> None:
        """Keep scrolling while a header is held at the upper or lower border."""
        down = self._direction()
        if self._dragged is None or not down:
            self._stepping.stop()
            return
        lowest = max(0, self._rows.total_px - self.height())
        self._rows.set_offset(min(max(self._rows.offset_px + down * STEP_PX, 0), lowest))
        self._show_gap()

    def _direction(self) -> int:
        """Whether the column scrolls up or down for a drag, or not."""
        if self._dragged is None:
            return 0
        _, pointer, pressed = self._dragged
        return direction(pointer.y(), pressed.y(), self.height())

    def _on_dragged(self, track_id: int, pointer: QPointF, pressed: QPointF) -> None:
        self._dragged = track_id, pointer, pressed
        if self._direction() and not self._stepping.isActive():
            self._stepping.start()
        self._show_gap()

    def _show_gap(self) -> None:
        """Show where the dragged track would go: between two tracks, as deep in groups as it would be, or into one."""
        if self._dragged is None:
            return
        place = drop_place(
            self._document.session, self._rows, self._selection.targets(self._dragged[0]), *self._dragged
        )
        left = left_px(place.depth)
        if place.into is not None:
            outer = left_px(place.depth - 1)
            self._into.setGeometry(
                outer, self._rows.top(place.into), self.width() - outer, self._rows.height(place.into)
            )
        self._gap.setGeometry(left, self._rows.top(place.gap) - 2, self.width() - left, 4)
        for mark, shown in ((self._into, place.into is not None), (self._gap, place.into is None)):
            mark.setVisible(shown)
            mark.raise_()

    def _on_dropped(self, track_id: int, pointer: QPointF, pressed: QPointF) -> None:
        chosen = self._selection.targets(track_id)
        place = drop_place(self._document.session, self._rows, chosen, track_id, pointer, pressed)
        text = "Move Track" if len(chosen) == 1 else "Move Tracks"
        self._document.apply(text, lambda session: groups.place_tracks(session, chosen, place.gap, place.parent))

    def _on_height_dragged(self, track_id: int, px: float) -> None:
        height = self._rows.own_height(px)
        self._rows.try_heights(dict.fromkeys(self._selection.targets(track_id), height))

    def _on_height_chosen(self, track_id: int, px: float) -> None:
        """`px`: 0 for the common height."""
        height, chosen = self._rows.own_height(px) if px else 0, self._selection.targets(track_id)
        self._rows.try_heights({})
        self._document.apply(
            "Track Height",
            lambda session: strips.each(session, chosen, lambda s, one: edits.set_track_height(s, one, height)),
        )

    def _on_drag_ended(self) -> None:
        self._stepping.stop()
        self._dragged = None
        self._gap.hide()
        self._into.hide()
        self._rows.try_heights({})

    def _forget(self) -> None:
        """Another document is opened: discard headers in use, along with any half-typed names."""
        for track_id in list(self._headers):
            self._release(track_id, gone=True)
        self.levels.clear()

    def _on_rows_changed(self) -> None:
        (offset, tops), self._placed = self._placed, (self._rows.offset_px, self._rows.tops)
        if tops is self._rows.tops:
            self.scroll(0, offset - self._rows.offset_px)
            self.border.follow()
        self._follow()

    def _follow(self) -> None:
        """Give each track in view a header."""
        self._leave_hidden()
        tracks = self._document.session.tracks
        positions = self._rows.shown_between(0, self.height() - 1, _MARGIN)
        shown = {tracks[position].id: position for position in positions if position < len(tracks)}
        focused = self._focused()
        for track_id in [track_id for track_id in self._headers if track_id not in shown]:
            if not self._headers[track_id].in_use:
                self._release(track_id)
            elif (position := next((n for n, track in enumerate(tracks) if track.id == track_id), None)) is not None:
                shown[track_id] = position
            else:
                self._release(track_id, gone=True)
        for track_id, position in shown.items():
            header = self._headers.get(track_id) or self._take(tracks[position])
            header.show_track(tracks[position], track_id in self._selection.tracks, self._space)
            header.setGeometry(0, self._rows.top(position), self.width(), self._rows.height(position))
            header.show()
        order = sorted(shown, key=shown.__getitem__)
        chains = [(track_id, len(self._headers[track_id].focus_chain)) for track_id in order]
        if chains != self._chains:
            self._order, self._chains = order, chains
            chain = [widget for track_id in order for widget in self._headers[track_id].focus_chain]
            for before, after in pairwise([*self._tab_from, *chain, *self._tab_to]):
                QWidget.setTabOrder(before, after)
        if focused is not None and focused[0] not in shown and order:
            _, place, control = focused
            chain = list(self._headers[order[min(place, len(order) - 1)]].focus_chain)
            chain[min(control, len(chain) - 1)].setFocus()

    def _leave_hidden(self) -> None:
        """Move the focus from the header of a track that was folded away to that of its group."""
        session, focus = self._document.session, self.window().focusWidget()
        for track_id in session.hidden & self._headers.keys():
            header = self._headers[track_id]
            if focus is not None and (header is focus or header.isAncestorOf(focus)):
                self._headers.get(session.shown(track_id), self).setFocus(Qt.FocusReason.OtherFocusReason)

    def _focused(self) -> tuple[int, int, int] | None:
        """The track whose header has the focus, its place among those with a header, and which control has it."""
        focus = self.window().focusWidget()
        for place, track_id in enumerate(self._order):
            chain = self._headers[track_id].focus_chain if track_id in self._headers else ()
            if focus in chain:
                return track_id, place, chain.index(focus)
        return None

    def _take(self, track: Track) -> TrackHeader:
        """A header for a track that has none."""
        if self._spare:
            header = self._spare.pop()
        else:
            header = TrackHeader(track, self._document, self._selection, self._envelopes, self._scrolling, self)
            header.dragged.connect(self._on_dragged)
            header.dropped.connect(self._on_dropped)
            header.drag_ended.connect(self._on_drag_ended)
            header.height_dragged.connect(self._on_height_dragged)
            header.height_chosen.connect(self._on_height_chosen)
            header.reached.connect(self.reveal)
            self.border.raise_()
        header.meter.show_channels(self.levels.of(track.id))
        self._headers[track.id] = header
        return header

    def _release(self, track_id: int, gone: bool = False) -> None:
        """Take the header from a track. With `gone`, a header in use is discarded along with any half-typed text."""
        header = self._headers.pop(track_id)
        self._order, self._chains = [], []
        if gone and header.in_use:
            header.leave()
            header.hide()
            header.deleteLater()
        else:
            header.hide()
            self._spare.append(header)

    # Qt overrides

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._follow()
        self.border.follow()
        super().resizeEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme.colors().window))
        painter.end()

    def wheelEvent(self, event: QWheelEvent) -> None:
        self._scrolling.note(event)
        notches = (event.angleDelta().y() or event.angleDelta().x()) / 120  # Alt swaps the axes
        if event.modifiers() & Qt.KeyboardModifier.AltModifier:
            self.grown.emit(notches)
        else:
            self.scrolled_vertically.emit(-notches)
        event.accept()
