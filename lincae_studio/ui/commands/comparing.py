"""Commands that compare one track with all others: with a master, and with a reference mix. Main thread."""

from __future__ import annotations

from lincae_studio.media.store import MediaStore
from lincae_studio.ui.actions.handlers import Handlers
from lincae_studio.ui.playback.transport import Transport
from lincae_studio.ui.rendering.analyses import Analyses
from lincae_studio.ui.rendering.last_check import LastCheck

# Dialogs are imported when they are first opened, so that the window starts faster.


class CompareCommands:
    """Opens the dialogs; their jobs end with the document."""

    def __init__(self, analyses: Analyses, last_check: LastCheck, media: MediaStore, transport: Transport) -> None:
        self._analyses = analyses
        self._last_check = last_check
        self._media = media
        self._transport = transport

    @property
    def busy(self) -> bool:
        return self._analyses.busy

    @property
    def handlers(self) -> Handlers:
        return {"check_master": self.on_check_master, "match_reference": self.on_match_reference}

    def on_check_master(self) -> None:
        from lincae_studio.ui.dialogs.check import CheckDialog

        CheckDialog(self._analyses, self._last_check, self._media, self._transport).show()

    def on_match_reference(self) -> None:
        from lincae_studio.ui.dialogs.match import MatchDialog

        MatchDialog(self._analyses).show()
