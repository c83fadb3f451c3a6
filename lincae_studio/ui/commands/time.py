"""Commands on the selected time, and the ripple mode. Main thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

from PySide6.QtCore import QObject

from lincae_studio.errors import EditError
from lincae_studio.session import ripple, time_edits
from lincae_studio.session.model import Session
from lincae_studio.session.ripple import Ripple
from lincae_studio.session.time_edits import TimeRange
from lincae_studio.ui.actions.handlers import Handlers
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.model.preference_store import PreferenceStore
from lincae_studio.ui.model.selection import Selection
from lincae_studio.ui.playback.transport import Transport
from lincae_studio.ui.timeline.panel import TimelinePanel

_NOTHING = EditError(
    "no time is selected",
    "Drag over the lower half of the ruler or over an empty part of a track, or press Shift+Right",
)


class TimeCommands(QObject):
    """Selects time by keys, and edits its content; those for clips, too, are in `ClipCommands`."""

    def __init__(
        self,
        document: Document,
        selection: Selection,
        transport: Transport,
        timeline: TimelinePanel,
        preferences: PreferenceStore,
    ) -> None:
        super().__init__(document)
        self._document = document
        self._selection = selection
        self._transport = transport
        self._timeline = timeline
        self._preferences = preferences

    @property
    def handlers(self) -> Handlers:
        return {
            "extend_time_left": self.on_extend_left,
            "extend_time_right": self.on_extend_right,
            "time_start_here": self.on_start_at_playhead,
            "time_end_here": self.on_end_at_playhead,
            "time_of_clips": self.on_time_of_clips,
            "clips_in_time": self.on_clips_in_time,
            "time_on_all_tracks": self.on_all_tracks,
            "play_time": self.on_play,
            "split_time": self.on_split,
            "silence_time": self.on_silence,
            "fade_time": self.on_fade,
            "insert_time": self.on_insert,
            "cycle_ripple": self.on_cycle_ripple,
            **{f"ripple_{mode}": self._rippling(mode) for mode in get_args(Ripple)},
        }

    @property
    def ripple(self) -> Ripple:
        """How clips after an edit move."""
        return self._preferences.value.ripple

    def on_extend_left(self) -> None:
        self._extend(-1)

    def on_extend_right(self) -> None:
        self._extend(1)

    def on_start_at_playhead(self) -> None:
        """Start the selected time at the playhead, or select from there to the end of the session."""
        time, at = self._selection.time.value, self._transport.position
        end = time.end if time is not None and time.end > at else self._document.session.length
        self._select(at, end, time)

    def on_end_at_playhead(self) -> None:
        """End the selected time at the playhead, or select from the start of the session to there."""
        time, at = self._selection.time.value, self._transport.position
        self._select(time.start if time is not None and time.start < at else 0, at, time)

    def on_time_of_clips(self) -> None:
        """Select the time of the selected clips, on their tracks."""
        session, clips = self._document.session, self._selection.clips
        if clips:
            self._selection.time.set(time_edits.of_clips(session, clips))

    def on_clips_in_time(self) -> None:
        """Select the clips that overlap the selected time."""
        time = self._selection.time.value
        found = time_edits.clips_in(self._document.session, time) if time is not None else frozenset()
        if found:
            self._selection.set_clips(found)
        else:
            self._document.refused.emit(EditError("there is no clip in the time selection", "Select time with clips"))

    def on_all_tracks(self) -> None:
        time = self._selection.time.value
        if time is not None:
            self._selection.time.set(TimeRange(time.spans), self._selection.time.ends)

    def on_play(self) -> None:
        """Play from the start of the selection to its end, once."""
        span = self._selection.span
        if span is not None:
            self._transport.play_span(*span)

    def on_split(self) -> None:
        self._apply("Split at Ends", time_edits.split)

    def on_silence(self) -> None:
        self._apply("Silence", time_edits.delete)

    def on_fade(self) -> None:
        self._apply("Fade to Selection", time_edits.fade)

    def on_insert(self) -> None:
        """Insert silence of the selected length, on the selected tracks or on all."""

        def edit(session: Session, time: TimeRange) -> Session:
            everywhere = self.ripple == "all" or time.tracks is None
            length = time.end - time.start
            return time_edits.insert_time(session, time.start, length, None if everywhere else time.on(session))

        self._apply("Insert Silence", edit)

    def on_cycle_ripple(self) -> None:
        modes = get_args(Ripple)
        self._preferences.set(ripple=modes[(modes.index(self.ripple) + 1) % len(modes)])

    def delete(self, text: str, mode: Ripple) -> None:
        """Delete the selected clips or time."""
        clips = self._selection.clips
        if clips:
            self._document.apply(text, lambda session: ripple.remove_clips(session, clips, mode))
            return
        if self._apply(text, lambda session, time: time_edits.delete(session, time, mode)) and mode != "off":
            self._selection.time.clear()  # it is gone

    def _apply(self, text: str, edit: Callable[[Session, TimeRange], Session]) -> bool:
        time = self._selection.time.value
        if time is None:
            self._document.refused.emit(_NOTHING)
            return False
        return self._document.apply(text, lambda session: edit(session, time))

    def _select(self, start: int, end: int, time: TimeRange | None) -> None:
        if time is None:
            self._selection.time.clear()
            self._selection.extend_time(end, start)
        else:
            self._selection.time.set(TimeRange(((start, end),), time.tracks))

    def _extend(self, steps: int) -> None:
        """Move the end that moves by a line of the ruler, from the playhead on if nothing is selected."""
        playhead, axis = self._transport.position, self._timeline.axis
        lines = self._timeline.counting.ticks(axis.samples_per_px).lines
        end = self._selection.time.ends[1] if self._selection.time.value is not None else playhead
        step = max(1, round(lines.step))
        to = lines.nearest(end + steps * step)
        if (to - end) * steps <= 0:
            to = end + steps * step
        self._selection.extend_time(max(0, to), playhead)
        axis.reveal(max(0, to))

    def _rippling(self, mode: Ripple) -> Callable[[], None]:
        return lambda: self._preferences.set(ripple=mode)
