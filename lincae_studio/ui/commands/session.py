"""Commands on the session as a whole: undo, redo, tempo, render settings, failed chunks. Main thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget

from lincae_studio.ui.actions.handlers import Handlers
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.model.selection import Selection
from lincae_studio.ui.playback.transport import Transport
from lincae_studio.ui.rendering.rendering import Rendering

if TYPE_CHECKING:
    from lincae_studio.ui.dialogs.tempo import TempoDialog

# Dialogs are imported when they are first opened, so that the window starts faster.


class SessionCommands:
    """Edits the whole document and controls its rendering."""

    def __init__(
        self, document: Document, selection: Selection, rendering: Rendering, transport: Transport, window: QWidget
    ) -> None:
        self._document = document
        self._selection = selection
        self._rendering = rendering
        self._transport = transport
        self._window = window

    @property
    def handlers(self) -> Handlers:
        return {
            "undo": self._document.undo,
            "redo": self._document.redo,
            "tempo": self.on_tempo,
            "tap_tempo": self.on_tap_tempo,
            "render_settings": self.on_render_settings,
            "minus_one": self.on_minus_one,
            "retry": self._rendering.retry_failed,
        }

    def on_tempo(self) -> None:
        self._tempo_dialog().open()

    def on_tap_tempo(self) -> None:
        """Open the dialog; the press that opened it is the first tap."""
        dialog = self._tempo_dialog()
        dialog.open()
        dialog.tap()

    def _tempo_dialog(self) -> TempoDialog:
        from lincae_studio.ui.dialogs.tempo import TempoDialog

        return TempoDialog(self._document, self._transport.position, self._window)

    def on_render_settings(self) -> None:
        from lincae_studio.ui.dialogs.render_settings import RenderSettingsDialog

        RenderSettingsDialog(self._document, self._rendering.update_plan().codec, self._window).open()

    def on_minus_one(self) -> None:
        from lincae_studio.ui.dialogs.minus_one import MinusOneDialog

        if self._selection.track is not None:
            track, window = self._selection.track, self._window
            MinusOneDialog(track, self._document, self._rendering, self._transport, window).open()
