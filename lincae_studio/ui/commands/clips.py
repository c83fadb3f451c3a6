"""Commands on the selected clips, or time: delete, copy, paste, split; on clips join, trim, nudge, group, mute."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
from PySide6.QtCore import QMimeData, QObject, Signal
from PySide6.QtWidgets import QApplication

from lincae_studio.errors import EditError
from lincae_studio.session import arrange, edits, ripple, time_edits
from lincae_studio.session.arrange import Clipboard
from lincae_studio.session.clip_names import RESET_NAMES, reset_names
from lincae_studio.session.model import Session
from lincae_studio.session.overlaps import overlaps
from lincae_studio.session.time_edits import PasteMode, TimeRange
from lincae_studio.ui.actions.handlers import Handlers
from lincae_studio.ui.commands.time import TimeCommands
from lincae_studio.ui.model.context import ContextPlace
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.model.selection import Selection
from lincae_studio.ui.playback.transport import Transport
from lincae_studio.ui.rendering.rendering import Rendering

#: MIME type of clips on the system clipboard, as JSON, so that other windows can paste them.
MIME = "application/x-lincae-studio-clips"

#: Larger data on the clipboard is rejected.
_MAX_BYTES = 64 * 1024 * 1024


class ClipCommands(QObject):
    """Edits the selected clips, using the playhead where an edit needs a position.

    Signals:
        files_pasted: paths of audio files that were copied in another program, the sample and the track position to
            paste them at; None for the playhead, and for new tracks.
        said: something that is worth knowing about an edit that was made.
        media_pasted: clips were pasted whose audio may not be loaded in this window.
    """

    files_pasted = Signal(list, object, object)
    said = Signal(str)
    media_pasted = Signal()

    def __init__(
        self,
        document: Document,
        selection: Selection,
        transport: Transport,
        rendering: Rendering,
        time: TimeCommands,
        place: ContextPlace,
    ) -> None:
        super().__init__(document)
        self._time = time
        self._place = place
        self._document = document
        self._selection = selection
        self._transport = transport
        self._rendering = rendering
        #: The encoded clips that were copied last.
        self._copied = b""
        #: The track, the start and the id of the clip that was selected last.
        self._last = (0, 0, 0)
        selection.changed.connect(self._note_selected)
        document.at_close(self.close)

    @property
    def handlers(self) -> Handlers:
        return {
            "delete": self.on_delete,
            "delete_gap": self.on_delete_gap,
            "cut": self.on_cut,
            "copy": self.on_copy,
            "paste": self.on_paste,
            "paste_here": self.on_paste_here,
            "paste_replace": self.on_paste_replace,
            "paste_insert": self.on_paste_insert,
            "duplicate": self.on_duplicate,
            "split": self.on_split,
            "split_here": self.on_split_here,
            "join": self.on_join,
            "trim_start": self.on_trim_start,
            "trim_end": self.on_trim_end,
            "group": self.on_group,
            "ungroup": self.on_ungroup,
            "mute_clips": self.on_mute_clips,
            "reset_names": self.on_reset_names,
            "nudge_left": self.on_nudge_left,
            "nudge_right": self.on_nudge_right,
            "move_to_playhead": self.on_move_to_playhead,
            "move_up": self.on_move_up,
            "move_down": self.on_move_down,
            "next_clip": self.on_next_clip,
            "previous_clip": self.on_previous_clip,
            "select_all": self.on_select_all,
            "select_none": self.on_select_none,
        }

    def close(self) -> None:
        """Remove our clips from the clipboard: Qt would request them after Python has ended, and crash."""
        if self._copied and _clips_on_clipboard() == self._copied:
            QApplication.clipboard().clear()

    def on_delete(self) -> None:
        self._time.delete("Delete Clips" if self._selection.clips else "Delete", self._time.ripple)

    def on_delete_gap(self) -> None:
        self._time.delete("Delete and Close Gap", "track" if self._time.ripple == "off" else self._time.ripple)

    def on_cut(self) -> None:
        if self._copy():
            self._time.delete("Cut", self._time.ripple)

    def on_copy(self) -> None:
        self._copy()

    def on_paste(self) -> None:
        """Paste clips at the playhead, from the selected track down, or import files copied in another program."""
        self._paste(None, None)

    def on_paste_here(self) -> None:
        """Paste where the context menu was opened, from the track there down."""
        self._paste(self._place.sample, self._place.track)

    def on_paste_replace(self) -> None:
        """Paste, replacing what is there."""
        self._paste(None, None, "replace")

    def on_paste_insert(self) -> None:
        """Paste, and move what is there later."""
        self._paste(None, None, "insert")

    def _paste(self, sample: int | None, track: int | None, how: PasteMode | None = None) -> None:
        """Paste at a place, or at the start of the selected time, which is replaced, or else at the playhead."""
        data, clips = _clipboard(), _clips_on_clipboard()
        if clips is not None:
            clipboard = _decoded(clips)
            if clipboard is None:
                self._document.refused.emit(EditError("the clips on the clipboard are damaged", "Copy the clips again"))
                return
            time = self._selection.time.value if sample is None else None
            at, first = sample, self._track_position() if track is None else track
            if time is not None:
                at, on = time.start, time.on(self._document.session)
                first = next((n for n, one in enumerate(self._document.session.tracks) if one.id in on), first)
            at = self._transport.position if at is None else at
            mode = self._time.ripple
            way: PasteMode = how or ("insert" if mode != "off" else "mix")

            def paste(session: Session) -> Session:
                if time is not None and how is None:
                    session = time_edits.delete(session, time, mode)
                return time_edits.paste(session, clipboard, at, first, way, mode)

            self._apply_new("Paste", "Pasted", paste, sum(map(len, clipboard.rows)))
            self.media_pasted.emit()
        elif data is not None and data.hasUrls():
            self.files_pasted.emit([Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()], sample, track)
        else:
            self._document.refused.emit(EditError("there is nothing to paste", "Copy clips or audio files first"))

    def on_duplicate(self) -> None:
        clips, time = self._selection.clips, self._selection.time.value
        if clips:
            self._apply_new("Duplicate", "Duplicated", lambda session: arrange.duplicate_clips(session, clips))
        elif time is not None:
            mode, on = self._time.ripple, time.on(self._document.session)
            first = next((n for n, track in enumerate(self._document.session.tracks) if track.id in on), 0)
            way: PasteMode = "mix" if mode == "off" else "insert"

            copied = self._copied_time(time)
            if copied is not None:
                self._apply_new(
                    "Duplicate",
                    "Duplicated",
                    lambda session: time_edits.paste(session, copied, time.end, first, way, mode),
                    sum(map(len, copied.rows)),
                )

    def on_split(self) -> None:
        """Split at both ends of selected time, or the selected clips at the playhead, or all clips there."""
        if self._selection.time.value is not None:
            self._time.on_split()
        else:
            self._split(self._transport.position)

    def on_split_here(self) -> None:
        """Split where the context menu was opened."""
        self._split(self._transport.position if self._place.sample is None else self._place.sample)

    def _split(self, at: int) -> None:
        self._document.apply("Split", lambda s: edits.split_clips(s, self._clips_at(s, at, "split"), at))

    def on_join(self) -> None:
        self._apply("Join Clips", arrange.join_clips)

    def on_trim_start(self) -> None:
        self._trim("Trim Start to Playhead", start=True)

    def on_trim_end(self) -> None:
        self._trim("Trim End to Playhead", start=False)

    def on_group(self) -> None:
        self._apply("Group Clips", arrange.group_clips)

    def on_ungroup(self) -> None:
        self._apply("Ungroup Clips", arrange.ungroup_clips)

    def on_mute_clips(self) -> None:
        """Mute the selected clips, or unmute them if all are muted."""
        clips = self._selection.clips
        session = self._document.session
        mute = not all(clip.mute for _, clip in session.clips_of(clips))
        text = "Mute Clips" if mute else "Unmute Clips"
        self._apply(text, lambda session, clips: edits.set_clip_mute(session, clips, mute))

    def on_reset_names(self) -> None:
        self._apply(RESET_NAMES, reset_names)

    def on_nudge_left(self) -> None:
        self._move(-self._rendering.update_plan().grid.step_samples, 0)

    def on_nudge_right(self) -> None:
        self._move(self._rendering.update_plan().grid.step_samples, 0)

    def on_move_to_playhead(self) -> None:
        at, mode = self._transport.position, self._time.ripple
        self._apply("Move Clips", lambda session, clips: arrange.move_to(session, clips, at, mode))

    def on_move_up(self) -> None:
        self._move(0, -1)

    def on_move_down(self) -> None:
        self._move(0, 1)

    def on_next_clip(self) -> None:
        self._select_neighbour(1)

    def on_previous_clip(self) -> None:
        self._select_neighbour(-1)

    def _select_neighbour(self, by: int) -> None:
        """Select the next or previous clip of the track, or of the adjacent track at either end."""
        clips = [(track.id, clip.id) for track in self._document.session.tracks for clip in track.clips]
        chosen = [number for number, (_, clip) in enumerate(clips) if clip in self._selection.clips]
        following = self._following()
        ends = (max(chosen, default=following - 1), min(chosen, default=following))
        number = ends[0] + by if by > 0 else ends[1] + by
        track, clip = clips[number % len(clips)]
        self._selection.set_track(track)
        self._selection.set_clips(arrange.with_groups(self._document.session, {clip}))

    def _note_selected(self) -> None:
        """Remember where the last selected clip is, for when it is deleted; forget it when it is deselected."""
        chosen = self._selection.clips
        for track in self._document.session.tracks:
            for clip in track.clips:
                if clip.id in chosen:
                    self._last = track.id, clip.start, clip.id
                elif not chosen and clip.id == self._last[2]:
                    self._last = (0, 0, 0)

    def _following(self) -> int:
        """The place, among all clips, of the first one at or after the clip that was selected last."""
        place = 0
        for track in self._document.session.tracks:
            if track.id == self._last[0]:
                return place + sum(clip.start < self._last[1] for clip in track.clips)
            place += len(track.clips)
        return 0

    def on_select_all(self) -> None:
        self._selection.set_clips(clip.id for clip in self._document.session.clips())

    def on_select_none(self) -> None:
        self._selection.set_clips(())
        self._selection.time.clear()

    def _copy(self) -> bool:
        clips, time, session = self._selection.clips, self._selection.time.value, self._document.session
        if not clips and time is None:
            return False
        copied = self._copied_time(time) if time is not None else arrange.copy_clips(session, clips)
        if copied is None:
            return False
        self._copied = msgspec.json.encode(copied)
        data = QMimeData()
        data.setData(MIME, self._copied)
        QApplication.clipboard().setMimeData(data)
        return True

    def _copied_time(self, time: TimeRange) -> Clipboard | None:
        """The content of the selected time; None if that is nothing, which is said."""
        try:
            return time_edits.copy(self._document.session, time)
        except EditError as error:
            self._document.refused.emit(error)
            return None

    def _trim(self, text: str, start: bool) -> None:
        at, mode = self._transport.position, self._time.ripple

        def edit(session: Session) -> Session:
            clips = (clip for _, clip in session.clips_of(self._clips_at(session, at, "trim")))
            edges = {clip.id: (at, clip.end) if start else (clip.start, at) for clip in clips}
            return ripple.trim_clips(session, edges, mode)

        self._document.apply(text, edit)

    def _clips_at(self, session: Session, at: int, verb: str) -> list[int]:
        """The selected clips that contain a sample, or all that do if none are selected.

        Raises:
            EditError: if there are none, so that a key without effect says why; `verb` is what they are needed for.
        """
        chosen = self._selection.clips
        found = [
            clip.id for clip in session.clips() if clip.start < at < clip.end and (not chosen or clip.id in chosen)
        ]
        if not found:
            which = "selected clip" if chosen else "clip"
            raise EditError(f"there is nothing to {verb}: no {which} is at the playhead", "Click a clip at that place")
        return found

    def _track_position(self) -> int:
        tracks = [track.id for track in self._document.session.tracks]
        return tracks.index(self._selection.track) if self._selection.track in tracks else 0

    def _move(self, by_samples: int, by_tracks: int) -> None:
        clips = self._selection.clips
        if clips:
            session, step = self._document.session, by_tracks
            placed = session.clips_of(clips)
            by = max(by_samples, -min(clip.start for _, clip in placed))
            hidden = {place for place, track in enumerate(session.tracks) if track.id in session.hidden}
            while step and not hidden.isdisjoint(place + by_tracks for place, _ in placed):
                by_tracks += step  # to the other side of a folded group
            mode = self._time.ripple
            self._document.apply("Move Clips", lambda session: ripple.move_clips(session, clips, by, by_tracks, mode))

    def _apply(self, text: str, edit: Callable[[Session, frozenset[int]], Session]) -> None:
        clips = self._selection.clips
        if clips:
            self._document.apply(text, lambda session: edit(session, clips))

    def _apply_new(self, text: str, done: str, edit: Callable[[Session], Session], count: int | None = None) -> None:
        """Apply an edit that creates clips, select the new clips, and report overlaps; `done`: “Pasted”.

        `count`: the number of new clips, if others may have been split before.
        """
        before = {clip.id for clip in self._document.session.clips()}
        if self._document.apply(text, edit):
            new = set(sorted({clip.id for clip in self._document.session.clips()} - before)[-count if count else 0 :])
            self._selection.set_clips(new)
            over = overlaps(self._document.session, new).text
            if over:
                self.said.emit(f"{done} {over}")


def _clipboard() -> QMimeData | None:
    found: QMimeData | None = QApplication.clipboard().mimeData()  # None if empty, unlike in the stubs
    return found


def _clips_on_clipboard() -> bytes | None:
    data = _clipboard()
    return bytes(data.data(MIME).data()) if data is not None and data.hasFormat(MIME) else None


def _decoded(data: bytes) -> Clipboard | None:
    """Decode clips from the clipboard; None if they are invalid, since any program may have put them there."""
    if len(data) > _MAX_BYTES:
        return None
    try:
        clipboard = msgspec.json.decode(data, type=Clipboard)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    media = {item.digest: item for item in clipboard.media}
    clips = [clip for row in clipboard.rows for clip in row]
    whole = all(
        clip.media in media
        and clip.offset + clip.length <= media[clip.media].length
        and max(clip.fade_in, clip.fade_out) <= clip.length
        for clip in clips
    )
    start, end = clipboard.span or (0, 2**62)
    inside = 0 <= start < end and all(start <= clip.start and clip.end <= end for clip in clips)
    return clipboard if clips and whole and inside else None
