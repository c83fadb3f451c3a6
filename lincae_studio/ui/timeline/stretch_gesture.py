"""The gesture that stretches a clip by one of its edges. No state but its own; see `gestures`."""

from __future__ import annotations

from lincae_studio.session import processing
from lincae_studio.session.model import Session
from lincae_studio.session.processes import stretch_of
from lincae_studio.session.times import format_time
from lincae_studio.ui.timeline.gestures import Drag, Outcome
from lincae_studio.ui.timeline.snapping import Snapping


class StretchClip:
    """Drag one edge of a clip; the other stays, and all of its audio between them is stretched."""

    def __init__(self, session: Session, clip_id: int, left: bool, snapping: Snapping) -> None:
        self._session = session
        self._clip = session.clip(clip_id)
        self._left = left
        self._snapping = snapping
        media = session.media_of(self._clip.media)
        self._factor = stretch_of(media.chain).factor
        self._least, self._most = processing.stretched_limits(self._clip, media)
        self._edges = (self._clip.start, self._clip.end)

    @property
    def hint(self) -> str:
        length = self._edges[1] - self._edges[0]
        percent = self._factor * length / self._clip.length * 100
        return f"stretch {percent:.4g} %, length {format_time(length / self._session.rate)}"

    def move(self, drag: Drag) -> Session:
        clip = self._clip
        edge = (clip.start if self._left else clip.end) + drag.samples
        edge += self._snapping.correction([edge], drag.snap_samples)
        if self._left:
            most = min(self._most, clip.end)
            self._edges = (min(max(edge, clip.end - most), clip.end - self._least), clip.end)
        else:
            self._edges = (clip.start, min(max(edge, clip.start + self._least), clip.start + self._most))
        if self._edges == (clip.start, clip.end):
            return self._session
        return processing.stretch_clips(self._session, {clip.id: self._edges})

    def finish(self) -> Outcome | None:
        if self._edges == (self._clip.start, self._clip.end):
            return None
        clip_id, edges = self._clip.id, self._edges
        return "Stretch Clip", lambda session: processing.stretch_clips(session, {clip_id: edges})
