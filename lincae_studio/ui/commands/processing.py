"""Commands that process the audio of the selected clips. Main thread, except for the work of jobs."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial

from msgspec.structs import replace
from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from lincae_studio.errors import EditError, MediaError
from lincae_studio.jobs import CancelToken, Progress, ReportProgress
from lincae_studio.media.store import MediaStore
from lincae_studio.session import edits, processing
from lincae_studio.session.levels import db_to_gain
from lincae_studio.session.model import MAX_GAIN, Clip, Session
from lincae_studio.session.processes import Channels, Invert, Process, RemoveDC, Reverse, Use
from lincae_studio.session.times import count_of
from lincae_studio.ui.actions.handlers import Handlers
from lincae_studio.ui.jobs.document_jobs import DocumentJobs
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.model.selection import Selection
from lincae_studio.ui.notify import MessageBar

#: Clips are measured within this time without a progress dialog, as most are.
PATIENCE_S = 0.3

_PROCESSES: dict[str, tuple[str, Process]] = {
    "reverse": ("Reverse Clips", Reverse()),
    "invert": ("Invert Clips", Invert()),
    "remove_dc": ("Remove DC Offset of Clips", RemoveDC()),
}

_CHANNELS: dict[Use, str] = {
    "swap": "Swap Channels of Clips",
    "left": "Left Channel of Clips",
    "right": "Right Channel of Clips",
    "mono": "Make Clips Mono",
    "side": "Side of Clips",
}


@dataclass(frozen=True)
class Measured:
    """What was found out about clips, by their ids, and why nothing could be about others."""

    values: dict[int, tuple[float, float]]
    problems: tuple[str, ...]


class ProcessCommands(QObject):
    """Processes all selected clips in one step."""

    def __init__(
        self, document: Document, selection: Selection, store: MediaStore, messages: MessageBar, window: QWidget
    ) -> None:
        super().__init__(document)
        self._document = document
        self._selection = selection
        self._store = store
        self._messages = messages
        self._window = window
        self._jobs = DocumentJobs(document, window, messages.error)

    @property
    def handlers(self) -> Handlers:
        return {
            **{f"process_{name}": partial(self.add, *process) for name, process in _PROCESSES.items()},
            **{f"process_{use}": partial(self.add, text, Channels(use)) for use, text in _CHANNELS.items()},
            "process_stretch": self.on_stretch,
            "process_normalise": self.on_normalise,
            "process_trim_silence": self.on_trim_silence,
            "process_none": self.on_none,
        }

    @property
    def busy(self) -> bool:
        return self._jobs.busy

    def add(self, text: str, process: Process) -> None:
        """Process the selected clips."""
        self._apply(text, lambda session, ids: processing.add_process(session, ids, process))

    def on_stretch(self) -> None:
        """Ask for the length and the pitch of the selected clips."""
        from lincae_studio.ui.dialogs.stretch import StretchDialog

        if self._selection.clips:
            StretchDialog(self._document, self._selection.clips, self._window).open()

    def on_none(self) -> None:
        """Let the selected clips play their files."""
        self._apply(
            "Remove Processing of Clips", lambda session, ids: processing.set_chains(session, dict.fromkeys(ids, ()))
        )

    def on_normalise(self) -> None:
        from lincae_studio.media.measuring import level_of
        from lincae_studio.ui.dialogs.processing import NormaliseDialog

        dialog = NormaliseDialog(self._window)

        def chosen() -> None:
            measure, target_db = dialog.measure, dialog.target_db
            rate = self._document.session.rate

            def level(clip: Clip, cancel: CancelToken) -> tuple[float, float]:
                first, last = clip.offset, clip.offset + clip.length
                media = self._store.open(clip.media)
                return level_of(media, first, last, measure, rate, clip.name, cancel), 0.0

            def edit(session: Session, found: dict[int, tuple[float, float]]) -> Session:
                gains = {clip_id: db_to_gain(target_db - level) for clip_id, (level, _) in found.items()}
                return edits.change_clips(
                    session, gains, lambda clip: replace(clip, gain=min(gains[clip.id], MAX_GAIN))
                )

            def note(found: dict[int, tuple[float, float]]) -> str:
                quiet = sum(db_to_gain(target_db - level) > MAX_GAIN for level, _ in found.values())
                limit = "clips can be turned up by 24 dB at most"
                return f"{count_of(quiet, 'clip')} stayed quieter than {target_db:g} dB: {limit}." if quiet else ""

            self._measure("Normalise Clips", "Normalising", level, edit, note)

        dialog.accepted.connect(chosen)
        dialog.open()

    def on_trim_silence(self) -> None:
        from lincae_studio.media.measuring import sounding
        from lincae_studio.ui.dialogs.processing import TrimSilenceDialog

        dialog = TrimSilenceDialog(self._window)

        def chosen() -> None:
            threshold, keep = db_to_gain(dialog.threshold_db), round(dialog.keep_s * self._document.session.rate)

            def sound(clip: Clip, cancel: CancelToken) -> tuple[float, float]:
                first, last = clip.offset, clip.offset + clip.length
                found = sounding(self._store.open(clip.media), first, last, threshold, clip.name, cancel)
                return found[0] - first, found[1] - first

            def edit(session: Session, found: dict[int, tuple[float, float]]) -> Session:
                edges = {}
                for _, clip in session.clips_of(found):
                    first, last = (clip.start + round(place) for place in found[clip.id])
                    edges[clip.id] = max(clip.start, first - keep), min(clip.end, last + keep)
                return edits.trim_clips(session, edges)

            self._measure("Trim Silence of Clips", "Looking for silence", sound, edit)

        dialog.accepted.connect(chosen)
        dialog.open()

    def _measure(
        self,
        text: str,
        title: str,
        measure: Callable[[Clip, CancelToken], tuple[float, float]],
        edit: Callable[[Session, dict[int, tuple[float, float]]], Session],
        note: Callable[[dict[int, tuple[float, float]]], str] = lambda _: "",
    ) -> None:
        """Measure the selected clips in a job, then make one edit from what was found."""
        clips = [clip for _, clip in self._document.session.clips_of(self._selection.clips)]
        if not clips:
            return

        def work(report: ReportProgress, cancel: CancelToken) -> Measured:
            found, problems = {}, []
            for number, clip in enumerate(clips):
                report(Progress(number, len(clips), title))
                cancel.check()
                try:
                    found[clip.id] = measure(clip, cancel)
                except MediaError as error:
                    problems.append(str(error))
            return Measured(found, tuple(problems))

        def done(measured: Measured) -> None:
            there = {clip.id: clip for clip in self._document.session.clips()}
            same = {
                clip.id
                for clip in clips
                if clip.id in there
                and (there[clip.id].media, there[clip.id].offset, there[clip.id].length)
                == (clip.media, clip.offset, clip.length)
            }
            values = {clip_id: value for clip_id, value in measured.values.items() if clip_id in same}
            if values:
                self._document.apply(text, lambda session: edit(session, values))
            problems, noted = measured.problems, note(values)
            if len(problems) > 1:
                count = f"{len(problems):,} of {count_of(len(clips), 'clip')} were left as they are."
                self._messages.error(f"{count} {noted}".strip(), "\n".join(problems))
            elif problems:
                self._messages.error(f"{problems[0]}. {noted}".strip())
            elif noted:
                self._messages.warning(noted)

        self._jobs.run(work, title, done, patience_s=PATIENCE_S)

    def _apply(self, text: str, edit: Callable[[Session, Collection[int]], Session]) -> None:
        clips = self._selection.clips
        if not clips:
            return

        def changed(session: Session) -> Session:
            after = edit(session, clips)
            if after == session:
                raise EditError("the clips are processed like that already", "Undo takes it back")
            return after

        self._document.apply(text, changed)
