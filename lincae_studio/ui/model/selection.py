"""The selected clips and the selected track. Main thread; not part of the document."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QObject, Signal

from lincae_studio.ui.model.document import Document


class Selection(QObject):
    """Clip ids and a track id; deleted clips and tracks leave the selection.

    Signals:
        changed: the selection has changed.
    """

    changed = Signal()

    def __init__(self, document: Document) -> None:
        super().__init__(document)
        self._document = document
        self._clips: frozenset[int] = frozenset()
        self._track: int | None = None
        self._order: list[int] = []
        document.replaced.connect(lambda: self._set(frozenset(), None))
        document.changed.connect(self._on_document_changed)

    @property
    def clips(self) -> frozenset[int]:
        return self._clips

    @property
    def track(self) -> int | None:
        return self._track

    @property
    def span(self) -> tuple[int, int] | None:
        """The sample range from the first selected clip's start to the last one's end; None if no clip is selected."""
        clips = [clip for clip in self._document.session.clips() if clip.id in self._clips]
        return (min(clip.start for clip in clips), max(clip.end for clip in clips)) if clips else None

    def set_clips(self, clips: Iterable[int]) -> None:
        self._set(frozenset(clips), self._track)

    def set_track(self, track: int | None) -> None:
        self._set(self._clips, track)

    def _set(self, clips: frozenset[int], track: int | None) -> None:
        if (clips, track) != (self._clips, self._track):
            self._clips, self._track = clips, track
            self.changed.emit()

    def _on_document_changed(self) -> None:
        session = self._document.session
        tracks = [track.id for track in session.tracks]
        track = self._track if self._track in tracks else self._neighbour(tracks)
        self._order = tracks
        self._set(self._clips & {clip.id for clip in session.clips()}, track)

    def _neighbour(self, tracks: list[int]) -> int | None:
        """The track now at the position of the selected one, which was removed."""
        if not tracks:
            return None
        place = self._order.index(self._track) if self._track in self._order else 0
        return tracks[min(place, len(tracks) - 1)]
