"""Commands that process the audio of the selected clips. Main thread, except for the work of jobs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial

from msgspec.structs import replace
from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from lincae_studio.errors import EditError
from lincae_studio.jobs import CancelToken
from lincae_studio.media.store import MediaStore
from lincae_studio.session import edits, processing
from lincae_studio.session.levels import db_to_gain
from lincae_studio.session.model import MAX_GAIN, Clip, Session
from lincae_studio.session.processes import Channels, Invert, Process, RemoveDC, Reverse, Use
from lincae_studio.session.times import count_of
from lincae_studio.ui.actions.handlers import Handlers
from lincae_studio.ui.jobs.clip_measuring import ClipMeasuring
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.model.selection import Selection
from lincae_studio.ui.notify import MessageBar

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


class ProcessCommands(QObject):
    """Processes all selected clips in one step."""

    def __init__(
        self, document: Document, selection: Selection, store: MediaStore, messages: MessageBar, window: QWidget
    ) -> None:
        super().__init__(document)
        self._document = document
        self._selection = selection
        self._store = store
        self._measuring = ClipMeasuring(document, messages, window)
        self._window = window

    @property
    def handlers(self) -> Handlers:
        return {
            **{f"process_{name}": partial(self.add, *process) for name, process in _PROCESSES.items()},
            **{f"process_{use}": partial(self.add, text, Channels(use)) for use, text in _CHANNELS.items()},
            "process_stretch": self.on_stretch,
            "process_normalise": self.on_normalise,
            "process_none": self.on_none,
        }

    @property
    def busy(self) -> bool:
        return self._measuring.busy

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

            def level(clip: Clip, cancel: CancelToken) -> float:
                first, last = clip.offset, clip.offset + clip.length
                media = self._store.open(clip.media)
                return level_of(media, first, last, measure, rate, clip.name, cancel)

            def edit(session: Session, found: Mapping[int, float]) -> Session:
                gains = {clip_id: db_to_gain(target_db - level) for clip_id, level in found.items()}
                return edits.change_clips(
                    session, gains, lambda clip: replace(clip, gain=min(gains[clip.id], MAX_GAIN))
                )

            def note(found: Mapping[int, float]) -> str:
                quiet = sum(db_to_gain(target_db - level) > MAX_GAIN for level in found.values())
                limit = "clips can be turned up by 24 dB at most"
                return f"{count_of(quiet, 'clip')} stayed quieter than {target_db:g} dB: {limit}." if quiet else ""

            self._measuring.run("Normalise Clips", "Normalising", self._selection.clips, level, edit, note)

        dialog.accepted.connect(chosen)
        dialog.open()

    def _apply(self, text: str, edit: Callable[[Session, Collection[int]], Session]) -> None:
        clips = self._selection.clips
        if not clips:
            return

        def changed(session: Session) -> Session:
            after = edit(session, clips)
            if after == session:
                raise EditError("the clips are already processed in this way", "Undo reverts it")
            return after

        self._document.apply(text, changed)
