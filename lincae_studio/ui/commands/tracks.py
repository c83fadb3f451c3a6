"""Commands on tracks: add, select, remove, duplicate, rename, colour, mix, move, size."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from PySide6.QtCore import QObject
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QWidget

from lincae_studio.session import edits, groups, strips, track_locks
from lincae_studio.session.levels import stepped_gain
from lincae_studio.session.model import MASTER, MAX_GAIN, MAX_HEIGHT, MIN_HEIGHT, Session
from lincae_studio.ui.actions.handlers import Handlers
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.model.selection import Selection
from lincae_studio.ui.model.track_rows import ROW_PX
from lincae_studio.ui.panels.color_dialog import choose_color
from lincae_studio.ui.timeline.panel import TimelinePanel

_GAIN_STEP_DB = 0.5
_PAN_STEP = 0.05
_HEIGHT_STEP = 1.25


class TrackCommands(QObject):
    """Edits the selected tracks."""

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
            "solo_only": self.on_solo_only,
            "clear_solos": self.on_clear_solos,
            "subtract_track": self.on_subtract_track,
            "lock_track": self.on_lock_track,
            "select_above": self.on_select_above,
            "select_below": self.on_select_below,
            "extend_above": self.on_extend_above,
            "extend_below": self.on_extend_below,
            "select_all_tracks": self.on_select_all_tracks,
            "taller_track": self.on_taller_track,
            "shorter_track": self.on_shorter_track,
            "reset_heights": self.on_reset_heights,
            "gain_up": self.on_gain_up,
            "gain_down": self.on_gain_down,
            "pan_left": self.on_pan_left,
            "pan_right": self.on_pan_right,
            "group_tracks": self.on_group_tracks,
            "ungroup_tracks": self.on_ungroup_tracks,
            "fold_group": self.on_fold_group,
            "fold_all_groups": self.on_fold_all_groups,
            "select_group": self.on_select_group,
            "move_in": self.on_move_in,
            "move_out": self.on_move_out,
            "track_up": self.on_track_up,
            "track_down": self.on_track_down,
        }

    def on_add_track(self) -> None:
        """Add a track below the selected ones, whose name can be typed at once."""
        before, below = self._document.session, self._selection.tracks
        if self._document.apply("Add Track", lambda session: groups.add_below(session, below)):
            self._show(groups.added(before, self._document.session))
            self.on_rename_track()

    def on_remove_track(self) -> None:
        self._edit_all("Remove", edits.remove_tracks)

    def on_duplicate_track(self) -> None:
        before = self._document.session
        self._edit_all("Duplicate", groups.duplicate_tracks)
        self._show(groups.added(before, self._document.session))

    def on_rename_track(self) -> None:
        if self._selection.track is not None:
            self._headers.reveal(self._selection.track)
            self._headers.header(self._selection.track).rename()

    def on_color_track(self) -> None:
        track = self._selection.track
        if track is None:
            return
        before = QColor(self._document.session.track(track).color)
        chosen = choose_color(before, self._window, "Track Colour")
        if chosen.isValid():
            self._edit_each("Colour", lambda session, track: edits.set_track_color(session, track, chosen.name()))

    def on_mute_track(self) -> None:
        on = not self._current("mute")
        text = "Mute" if on else "Unmute"
        self._edit_each(text, lambda session, track: edits.set_track_mute(session, track, on), plural=False)

    def on_solo_track(self) -> None:
        on = not self._current("solo")
        text = "Solo" if on else "Unsolo"
        self._edit_each(text, lambda session, track: edits.set_track_solo(session, track, on), plural=False)

    def on_solo_only(self) -> None:
        self._edit_all("Solo Only", strips.solo_only, plural=False)

    def on_clear_solos(self) -> None:
        self._document.apply("Clear Solos", lambda session: strips.solo_only(session, ()))

    def on_subtract_track(self) -> None:
        on = not self._current("subtract")
        text = "Subtract" if on else "Add to Mix"
        self._edit_each(text, lambda session, track: edits.set_track_subtract(session, track, on), plural=False)

    def on_lock_track(self) -> None:
        on = not self._current("locked")
        text = "Lock" if on else "Unlock"
        self._edit_all(text, lambda session, tracks: track_locks.lock_tracks(session, tracks, on))

    def on_select_above(self) -> None:
        self._select(-1)

    def on_select_below(self) -> None:
        self._select(1)

    def on_extend_above(self) -> None:
        self._select(-1, extend=True)

    def on_extend_below(self) -> None:
        self._select(1, extend=True)

    def on_select_all_tracks(self) -> None:
        current = self._selection.track
        session = self._document.session
        others = [track.id for track in session.tracks if track.id != current and track.id not in session.hidden]
        self._selection.set_tracks(others if current is None else [current, *others])

    def on_taller_track(self) -> None:
        self._scale_heights(_HEIGHT_STEP)

    def on_shorter_track(self) -> None:
        self._scale_heights(1 / _HEIGHT_STEP)

    def on_reset_heights(self) -> None:
        self._edit_each("Reset Height", lambda s, track: edits.set_track_height(s, track, 0), plural=False)

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

    def on_group_tracks(self) -> None:
        """Put the selected tracks into a new group, whose name can be typed at once."""
        before = self._document.session
        self._edit_all("Group", groups.group_tracks)
        added = groups.added(before, self._document.session)
        if added:
            self._show(added)
            self.on_rename_track()

    def on_ungroup_tracks(self) -> None:
        self._edit_all("Ungroup Tracks", groups.ungroup_tracks, plural=False)

    def on_fold_group(self) -> None:
        session = self._document.session
        chosen = session.group_ids.intersection(self._selection.tracks)
        self._fold(chosen, not all(session.track(group).folded for group in chosen))

    def on_fold_all_groups(self) -> None:
        session = self._document.session
        self._fold(session.group_ids, not all(session.track(group).folded for group in session.group_ids))

    def on_select_group(self) -> None:
        track = self._selection.track
        outer = self._document.session.groups_of(track) if track is not None else ()
        if outer:
            self._selection.set_track(outer[0].id)
            self._headers.reveal(outer[0].id)

    def on_move_in(self) -> None:
        self._edit_all("Move into Group", groups.move_in, plural=False)
        self._headers.reveal(*self._selection.tracks)

    def on_move_out(self) -> None:
        self._edit_all("Move out of Group", groups.move_out, plural=False)
        self._headers.reveal(*self._selection.tracks)

    def _fold(self, chosen: Collection[int], folded: bool) -> None:
        text = f"{'Fold' if folded else 'Unfold'} {'Group' if len(chosen) == 1 else 'Groups'}"
        self._document.apply(text, lambda session: groups.fold_groups(session, chosen, folded))

    def _step_gain(self, step_db: float) -> None:
        if self._selection.strip == MASTER:
            self._step_master(step_db)
            return

        def edit(session: Session, track: int) -> Session:
            gain = stepped_gain(session.track(track).gain, step_db, MAX_GAIN)
            return edits.set_track_gain(session, track, gain)

        self._edit_each("Gain", edit, sweep="gain", plural=False)

    def _step_master(self, step_db: float) -> None:
        def edit(session: Session) -> Session:
            return edits.set_master_gain(session, stepped_gain(session.master.gain, step_db, MAX_GAIN))

        self._document.apply("Master Gain", edit, "master gain")
        self._document.end_merge_soon()

    def _step_pan(self, step: float) -> None:
        def edit(session: Session, track: int) -> Session:
            pan = round(session.track(track).pan + step, 6)
            return edits.set_track_pan(session, track, min(max(pan, -1.0), 1.0))

        self._edit_each("Pan", edit, sweep="pan", plural=False)

    def _scale_heights(self, factor: float) -> None:
        def edit(session: Session, track: int) -> Session:
            height = round((session.track(track).height or ROW_PX) * factor)
            return edits.set_track_height(session, track, min(max(height, MIN_HEIGHT), MAX_HEIGHT))

        self._edit_each("Track Height", edit, sweep="height", plural=False)

    def _move(self, by: int) -> None:
        self._edit_all("Move", lambda session, tracks: groups.step_tracks(session, tracks, by))
        self._headers.reveal(*self._selection.tracks)

    def _select(self, by: int, extend: bool = False) -> None:
        if extend and self._selection.time.value is not None:
            self._selection.time.extend_rows(by, self._selection.shown())
            return
        self._selection.step_track(by, extend)
        if self._selection.track is not None:
            self._headers.reveal(self._selection.track)

    def _show(self, tracks: Sequence[int]) -> None:
        """Select tracks and scroll to them."""
        if tracks:
            self._selection.set_tracks(tracks)
            self._headers.reveal(*tracks)

    def _current(self, field: str) -> bool:
        """A switch of the current track, which decides what switching all selected tracks does."""
        track = self._selection.track
        return track is not None and bool(getattr(self._document.session.track(track), field))

    def _edit_each(
        self, text: str, edit: Callable[[Session, int], Session], sweep: str = "", plural: bool = True
    ) -> None:
        """Make the same edit of each selected track."""
        self._edit_all(text, lambda session, tracks: strips.each(session, tracks, edit), sweep, plural)

    def _edit_all(
        self,
        text: str,
        edit: Callable[[Session, tuple[int, ...]], Session],
        sweep: str = "",
        plural: bool = True,
    ) -> None:
        """Edit the selected tracks in one undo step; with `plural`, "Track" or "Tracks" is added to its text."""
        tracks = self._selection.in_order()
        if tracks:
            noun = (" Track" if len(tracks) == 1 else " Tracks") if plural else ""
            self._document.apply(
                text + noun, lambda session: edit(session, tracks), f"{sweep} {tracks}" if sweep else None
            )
            self._document.end_merge_soon()
