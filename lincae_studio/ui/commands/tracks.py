"""Commands on the selected track: add, remove, rename, duplicate, mute, solo, gain, pan, order, colour."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QColorDialog, QWidget

from lincae_studio.session import arrange, edits
from lincae_studio.session.levels import stepped_gain
from lincae_studio.session.model import MASTER, MAX_GAIN, Session
from lincae_studio.ui.actions.handlers import Handlers
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.model.selection import Selection
from lincae_studio.ui.timeline.panel import TimelinePanel

_GAIN_STEP_DB = 0.5
_PAN_STEP = 0.05


class TrackCommands(QObject):
    """Edits the selected track."""

    def __init__(
        self,
        document: Document,
        selection: Selection,
        timeline: TimelinePanel,
        window: QWidget,
    ) -> None:
        super().__init__(document)
        self._document = document
        self._selection = selection
        self._headers = timeline.headers
        self._window = window
        timeline.add_track_button.clicked.connect(self.on_add_track)

    @property
    def handlers(self) -> Handlers:
        return {
            "add_track": self.on_add_track,
            "remove_track": self.on_remove_track,
            "duplicate_track": self.on_duplicate_track,
            "rename_track": self.on_rename_track,
            "color_track": self.on_color_track,
            "mute_track": self.on_mute_track,
            "solo_track": self.on_solo_track,
            "subtract_track": self.on_subtract_track,
            "gain_up": self.on_gain_up,
            "gain_down": self.on_gain_down,
            "pan_left": self.on_pan_left,
            "pan_right": self.on_pan_right,
            "track_up": self.on_track_up,
            "track_down": self.on_track_down,
        }

    def on_add_track(self) -> None:
        self._document.apply("Add Track", edits.add_track)

    def on_remove_track(self) -> None:
        self._edit("Remove Track", lambda session, track: edits.remove_tracks(session, [track]))

    def on_duplicate_track(self) -> None:
        self._edit("Duplicate Track", arrange.duplicate_track)

    def on_rename_track(self) -> None:
        if self._selection.track is not None:
            self._headers.reveal(self._selection.track)
            self._headers.header(self._selection.track).rename()

    def on_color_track(self) -> None:
        track = self._selection.track
        if track is None:
            return
        before = QColor(self._document.session.track(track).color)
        chosen = QColorDialog.getColor(before, self._window, "Track Colour")
        if chosen.isValid():
            self._edit("Colour Track", lambda session, track: edits.set_track_color(session, track, chosen.name()))

    def on_mute_track(self) -> None:
        self._edit("Mute", lambda session, track: edits.set_track_mute(session, track, not session.track(track).mute))

    def on_solo_track(self) -> None:
        self._edit("Solo", lambda session, track: edits.set_track_solo(session, track, not session.track(track).solo))

    def on_subtract_track(self) -> None:
        self._edit(
            "Subtract",
            lambda session, track: edits.set_track_subtract(session, track, not session.track(track).subtract),
        )

    def on_gain_up(self) -> None:
        self._step_gain(_GAIN_STEP_DB)

    def on_gain_down(self) -> None:
        self._step_gain(-_GAIN_STEP_DB)

    def on_pan_left(self) -> None:
        self._step_pan(-_PAN_STEP)

    def on_pan_right(self) -> None:
        self._step_pan(_PAN_STEP)

    def on_track_up(self) -> None:
        self._move(-1)

    def on_track_down(self) -> None:
        self._move(1)

    def _step_gain(self, step_db: float) -> None:
        if self._selection.strip == MASTER:
            self._step_master(step_db)
            return

        def edit(session: Session, track: int) -> Session:
            gain = stepped_gain(session.track(track).gain, step_db, MAX_GAIN)
            return edits.set_track_gain(session, track, gain)

        self._edit("Gain", edit, sweep="gain")

    def _step_master(self, step_db: float) -> None:
        def edit(session: Session) -> Session:
            return edits.set_master_gain(session, stepped_gain(session.master.gain, step_db, MAX_GAIN))

        self._document.apply("Master Gain", edit, "master gain")
        self._document.end_merge_soon()

    def _step_pan(self, step: float) -> None:
        def edit(session: Session, track: int) -> Session:
            pan = round(session.track(track).pan + step, 6)
            return edits.set_track_pan(session, track, min(max(pan, -1.0), 1.0))

        self._edit("Pan", edit, sweep="pan")

    def _move(self, by: int) -> None:
        def edit(session: Session, track: int) -> Session:
            position = [item.id for item in session.tracks].index(track) + by
            return edits.move_track(session, track, min(max(position, 0), len(session.tracks) - 1))

        self._edit("Move Track", edit)

    def _edit(self, text: str, edit: Callable[[Session, int], Session], sweep: str = "") -> None:
        """Edit the selected track; repeated edits with the same `sweep` are merged into one undo step."""
        track = self._selection.track
        if track is not None:
            merge_key = f"{sweep} {track}" if sweep else None
            self._document.apply(text, lambda session: edit(session, track), merge_key)
            self._document.end_merge_soon()
