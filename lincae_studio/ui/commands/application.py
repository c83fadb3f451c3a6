"""Commands of the application: preferences, command palette, context menu by key, manual, about, quit. Main thread."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QAction, QContextMenuEvent
from PySide6.QtWidgets import QApplication, QMessageBox, QWidget

from lincae_studio import __version__
from lincae_studio.ui.actions.handlers import Handlers
from lincae_studio.ui.model.preference_store import PreferenceStore
from lincae_studio.ui.notify import MessageBar
from lincae_studio.ui.playback.transport import Transport

# Dialogs are imported when they are first opened, so that the window starts faster.


class ApplicationCommands:
    """Opens the dialogs that do not depend on the document."""

    def __init__(
        self,
        preferences: PreferenceStore,
        transport: Transport,
        messages: MessageBar,
        actions: Mapping[str, QAction],
        window: QWidget,
    ) -> None:
        """`actions`: those listed in the command palette, by id; may be filled in later."""
        self._preferences = preferences
        self._transport = transport
        self._messages = messages
        self._actions = actions
        self._window = window

    @property
    def handlers(self) -> Handlers:
        return {
            "preferences": self.on_preferences,
            "palette": self.on_palette,
            "context_menu": self.on_context_menu,
            "go_to_message": self._messages.go_to_newest,
            "messages": self._messages.show_list,
            "manual": self.on_manual,
            "keyboard_map": self.on_keyboard_map,
            "whats_new": self.on_whats_new,
            "report_problem": self.on_report_problem,
            "about": self.on_about,
            "quit": self.on_quit,
        }

    def on_preferences(self) -> None:
        from lincae_studio.ui.dialogs.preferences import PreferencesDialog

        PreferencesDialog(self._preferences, self._transport, self._window).open()

    def on_palette(self) -> None:
        from lincae_studio.ui.dialogs.command_palette import CommandPalette

        CommandPalette(self._actions, self._window).open()

    def on_context_menu(self) -> None:
        """Do what the Menu key does, which some keyboards lack; desktops differ in what they make of Shift+F10."""
        focus = self._window.focusWidget() or self._window
        cursor = QRectF(focus.inputMethodQuery(Qt.InputMethodQuery.ImCursorRectangle) or focus.rect())
        at = cursor.center().toPoint()
        event = QContextMenuEvent(QContextMenuEvent.Reason.Keyboard, at, focus.mapToGlobal(at))
        QApplication.sendEvent(focus, event)

    def on_manual(self) -> None:
        self._show_manual("")

    def _show_manual(self, title: str) -> None:
        from lincae_studio.ui.dialogs.manual import ManualDialog

        dialog = self._window.findChild(ManualDialog) or ManualDialog(self._actions, self._window)
        if title:
            dialog.show_page(title)
        dialog.show()
        dialog.activateWindow()

    def on_keyboard_map(self) -> None:
        from lincae_studio.ui.dialogs.manual import KEYBOARD_MAP

        self._show_manual(KEYBOARD_MAP)

    def on_whats_new(self) -> None:
        from lincae_studio.ui.dialogs.manual import WHATS_NEW

        self._show_manual(WHATS_NEW)

    def on_report_problem(self) -> None:
        from lincae_studio.ui.dialogs.problem_report import ProblemReport

        ProblemReport(self._preferences, self._messages, self._window).open()

    def on_about(self) -> None:
        text = (
            f"LinCAE Studio {__version__}\n\nA multitrack editor whose mixer works in the latent space of a "
            "Linear Consistency Autoencoder.\n\nLicence: Apache 2.0"
        )
        QMessageBox.about(self._window, "About LinCAE Studio", text)

    def on_quit(self) -> None:
        self._window.close()
