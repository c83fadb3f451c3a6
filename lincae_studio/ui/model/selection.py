"""The selected clips or time, and tracks or the master. Main thread; not part of the document."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QObject, Signal

from lincae_studio.session.model import MASTER
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.model.region_selection import RegionSelection
from lincae_studio.ui.model.time_selection import TimeSelection


class Selection(QObject):
    """Ids of clips and of tracks; deleted ones leave the selection, and a folded group stands for the tracks in it.

    One of the selected tracks is the current one, on which commands for a single track act. Ranges of tracks are
    selected from the anchor: the track that was selected last without Shift. The master is selected in place of tracks.

    Attributes:
        regions: the selected region of latents.
        time: the selected time. Commands act on clips or on time, so that selecting one deselects the other.

    Signals:
        changed: the selection of clips and tracks has changed.
    """

    changed = Signal()

    def __init__(self, document: Document) -> None:
        super().__init__(document)
        self._document = document
        self.regions = RegionSelection(document, self)
        self.time = TimeSelection(document, self)
        self.time.taking = lambda: self.set_clips(())
        self._clips: frozenset[int] = frozenset()
        self._tracks: frozenset[int] = frozenset()
        self._track: int | None = None
        self._master = False
        self._anchor: int | None = None
        self._order: list[int] = []
        document.replaced.connect(self._clear)
        document.changed.connect(self._on_document_changed)

    @property
    def clips(self) -> frozenset[int]:
        return self._clips

    @property
    def track(self) -> int | None:
        """The current track; None if no track is selected."""
        return self._track

    @property
    def tracks(self) -> frozenset[int]:
        """All selected tracks."""
        return self._tracks

    @property
    def strip(self) -> int | None:
        """The id of the current track, or `MASTER`; None if neither is selected."""
        return MASTER if self._master else self._track

    @property
    def span(self) -> tuple[int, int] | None:
        """The samples `[start, end)` from the first selected span of time or clip to the last; None without either."""
        if self.time.value is not None:
            return self.time.value.start, self.time.value.end
        clips = [clip for clip in self._document.session.clips() if clip.id in self._clips]
        return (min(clip.start for clip in clips), max(clip.end for clip in clips)) if clips else None

    def extend_time(self, sample: int, start: int) -> None:
        """Select time up to a sample: from the end that stays or, if there is none, from `start`, on these tracks."""
        tracks = self._document.session.within_folded(self._tracks) if self._tracks else None
        self.time.extend_to(sample, start, tracks)

    def targets(self, track: int) -> tuple[int, ...]:
        """The tracks that an edit of a track's strip applies to: all selected ones, in order, if it is one of them."""
        return self.in_order() if track in self._tracks else (track,)

    def in_order(self) -> tuple[int, ...]:
        """The selected tracks from top to bottom."""
        return tuple(track.id for track in self._document.session.tracks if track.id in self._tracks)

    def set_clips(self, clips: Iterable[int]) -> None:
        chosen = frozenset(clips)
        if chosen:
            self.time.clear()
        self._set(chosen, self._tracks, self._track, self._master)

    def set_track(self, track: int | None) -> None:
        """Select one track, or none."""
        self._anchor = track
        self._set(self._clips, frozenset() if track is None else frozenset((track,)), track)

    def set_master(self) -> None:
        """Select the master."""
        self._anchor = None
        self._set(self._clips, frozenset(), None, True)

    def set_tracks(self, tracks: Iterable[int]) -> None:
        """Select tracks; the first becomes the current one."""
        chosen = tuple(tracks)
        self._anchor = chosen[0] if chosen else None
        self._set(self._clips, frozenset(chosen), self._anchor)

    def hold_track(self, track: int) -> None:
        """Make a track the current one: of those selected if it is one of them, else as the only one."""
        if track in self._tracks:
            self._set(self._clips, self._tracks, track)
        else:
            self.set_track(track)

    def toggle_track(self, track: int) -> None:
        """Add a track to the selection, or remove it; the last one stays."""
        if track not in self._tracks:
            self._anchor = track
            self._set(self._clips, self._tracks | {track}, track)
        elif len(self._tracks) > 1:
            left = [one for one in self.in_order() if one != track]
            current = self._track if self._track != track else min(left, key=lambda one: abs(self._away(one, track)))
            self._anchor = current
            self._set(self._clips, frozenset(left), current)

    def extend_tracks(self, track: int) -> None:
        """Select the tracks that are shown from the anchor to this one."""
        order = self.shown()
        first, last = order.index(self._anchor if self._anchor in order else track), order.index(track)
        chosen = order[min(first, last) : max(first, last) + 1]
        self._set(self._clips, frozenset(chosen), track)

    def step_track(self, by: int, extend: bool = False) -> None:
        """Move from the current track to one above or below it, selecting it alone or with `extend` a range.

        The master follows the last track.
        """
        order = self.shown()
        if not order:
            return
        if by > 0 and (self._master or (not extend and self._track == order[-1])):
            self.set_master()
            return
        if self._track in order:
            track = order[min(max(order.index(self._track) + by, 0), len(order) - 1)]
        else:
            track = order[0 if by > 0 else -1]
        if extend:
            self.extend_tracks(track)
        else:
            self.set_track(track)

    def shown(self) -> list[int]:
        """The tracks that are shown, from top to bottom: not those in folded groups."""
        session = self._document.session
        return [track.id for track in session.tracks if track.id not in session.hidden]

    def _away(self, one: int, other: int) -> int:
        order = [track.id for track in self._document.session.tracks]
        return order.index(one) - order.index(other)

    def _set(self, clips: frozenset[int], tracks: frozenset[int], track: int | None, master: bool = False) -> None:
        session = self._document.session
        if not session.hidden.isdisjoint(tracks):
            tracks = frozenset(map(session.shown, tracks))
        track = session.shown(track) if track is not None else None
        if (clips, tracks, track, master) != (self._clips, self._tracks, self._track, self._master):
            self._clips, self._tracks, self._track, self._master = clips, tracks, track, master
            self.changed.emit()

    def _clear(self) -> None:
        self._anchor = None
        self._set(frozenset(), frozenset(), None)

    def _on_document_changed(self) -> None:
        session = self._document.session
        order = [track.id for track in session.tracks]
        before, self._order = self._order, order
        tracks = self._tracks.intersection(order)
        track = self._track if self._track in tracks else None
        if track is None and tracks:
            track = next(one for one in order if one in tracks)
        elif track is None and order and not self._master:
            track = self._neighbour(before, order)
            tracks = frozenset((track,))
        if self._anchor not in tracks:
            self._anchor = track
        clips = self._clips and self._clips.intersection(clip.id for clip in session.clips())
        self._set(clips, tracks, track, self._master)

    def _neighbour(self, before: list[int], order: list[int]) -> int:
        """The track that follows the current one, which was removed, or the last one."""
        place = before.index(self._track) if self._track in before else 0
        left = set(order)
        return next((one for one in before[place:] if one in left), order[-1] if before else order[0])
