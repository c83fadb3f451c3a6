"""What screen readers say about the lanes: the selected clip, its start and its length, or the track. Main thread."""

from __future__ import annotations

from PySide6.QtCore import QObject
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent
from PySide6.QtWidgets import QWidget

from lincae_studio.session.model import Session
from lincae_studio.session.times import count_of, format_time
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.model.selection import Selection
from lincae_studio.ui.timeline.time_drag import described


class LaneSpeech(QObject):
    """Keeps the description of the lanes, and announces it when it changes, if a screen reader is running."""

    def __init__(self, lanes: QWidget, document: Document, selection: Selection) -> None:
        super().__init__(lanes)
        self._lanes = lanes
        self._document = document
        self._selection = selection
        selection.changed.connect(self._follow)
        selection.time.changed.connect(self._follow)
        document.changed.connect(self._follow)

    def _follow(self, *_: object) -> None:
        if not QAccessible.isActive():
            return
        text = description(self._document.session, self._selection)
        if text != self._lanes.accessibleDescription():
            self._lanes.setAccessibleDescription(text)
            if text:
                QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self._lanes, text))


def description(session: Session, selection: Selection) -> str:
    """The selection in words: "Drums, track Kit, at 0:05.000, length 0:03.200", or the current track alone."""
    placed = session.clips_of(selection.clips)
    if selection.time.value is not None:
        return f"time {described(session, selection.time.value)}"
    if not placed:
        current = next((track for track in session.tracks if track.id == selection.track), None)
        if current is None:
            return ""
        if current.id in session.group_ids:
            inside = count_of(len(session.within({current.id})) - 1, "track")
            return f"group {current.name}, {inside}{', folded' if current.folded else ''}"
        return f"track {current.name}, {count_of(len(current.clips), 'clip')}"
    start = min(clip.start for _, clip in placed)
    length = max(clip.end for _, clip in placed) - start
    position, clip = placed[0]
    what = f"{clip.name}, track {session.tracks[position].name}" if len(placed) == 1 else count_of(len(placed), "clip")
    muted = ", muted" if all(clip.mute for _, clip in placed) else ""
    start_s, length_s = start / session.rate, length / session.rate
    return f"{what}, at {format_time(start_s)}, length {format_time(length_s)}{muted}"
