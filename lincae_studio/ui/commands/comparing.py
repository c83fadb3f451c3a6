"""Commands that compare one track with all others: with a master, and with a reference mix. Main thread."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtWidgets import QWidget

from lincae_studio.media.store import MediaStore
from lincae_studio.ui.actions.handlers import Handlers
from lincae_studio.ui.jobs.document_jobs import DocumentJobs
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.model.selection import Selection
from lincae_studio.ui.notify import MessageBar
from lincae_studio.ui.playback.transport import Transport
from lincae_studio.ui.rendering.last_check import LastCheck
from lincae_studio.ui.rendering.rendering import Rendering

# Dialogs are imported when they are first opened, so that the window starts faster.


class CompareCommands:
    """Opens the dialogs; their jobs end with the document."""

    def __init__(
        self,
        document: Document,
        selection: Selection,
        rendering: Rendering,
        last_check: LastCheck,
        media: MediaStore,
        transport: Transport,
        folder: Callable[[], Path],
        messages: MessageBar,
        window: QWidget,
    ) -> None:
        """`folder`: the folder in which file dialogs start."""
        self._document = document
        self._selection = selection
        self._rendering = rendering
        self._last_check = last_check
        self._media = media
        self._transport = transport
        self._folder = folder
        self._messages = messages
        self._window = window
        self._jobs = DocumentJobs(document, window, messages.error)

    @property
    def busy(self) -> bool:
        return self._jobs.busy

    @property
    def handlers(self) -> Handlers:
        return {"check_master": self.on_check_master, "match_reference": self.on_match_reference}

    def on_check_master(self) -> None:
        from lincae_studio.ui.dialogs.check import CheckDialog

        CheckDialog(
            self._document,
            self._selection,
            self._rendering,
            self._last_check,
            self._media,
            self._transport,
            self._folder,
            self._jobs,
            self._messages,
            self._window,
        ).show()

    def on_match_reference(self) -> None:
        from lincae_studio.ui.dialogs.match import MatchDialog

        MatchDialog(self._document, self._selection, self._rendering, self._jobs, self._window).show()
