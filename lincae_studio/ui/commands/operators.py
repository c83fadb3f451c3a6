"""Commands on operators that are learned from examples, and on the inserts of tracks. Main thread."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtWidgets import QWidget

from lincae_studio.session import operators
from lincae_studio.ui.actions.handlers import Handlers
from lincae_studio.ui.actions.rows.track import LISTED_INSERTS
from lincae_studio.ui.jobs.document_jobs import DocumentJobs
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.model.selection import Selection
from lincae_studio.ui.notify import MessageBar
from lincae_studio.ui.rendering.rendering import Rendering

# Dialogs are imported when they are first opened, so that the window starts faster.


class OperatorCommands:
    """Opens the windows, and sets the inserts of the selected tracks."""

    def __init__(
        self,
        document: Document,
        selection: Selection,
        rendering: Rendering,
        folder: Callable[[], Path],
        messages: MessageBar,
        window: QWidget,
    ) -> None:
        """`folder`: the folder in which file dialogs start."""
        self._document = document
        self._selection = selection
        self._rendering = rendering
        self._folder = folder
        self._messages = messages
        self._window = window
        self._jobs = DocumentJobs(document, window, messages.error)

    @property
    def busy(self) -> bool:
        return self._jobs.busy

    @property
    def handlers(self) -> Handlers:
        return {
            "learn_operator": self.on_learn,
            "operators": self.on_operators,
            **{f"insert_{number}": self._chooser(number) for number in LISTED_INSERTS},
        }

    def on_learn(self) -> None:
        from lincae_studio.ui.dialogs.learn_operator import LearnDialog

        LearnDialog(self._document, self._selection, self._rendering, self._jobs, self._window).show()

    def on_operators(self) -> None:
        from lincae_studio.ui.dialogs.operators import OperatorsDialog

        OperatorsDialog(self._document, self.on_learn, self._folder, self._messages, self._window).show()

    def _chooser(self, number: int) -> Callable[[], None]:
        return lambda: self._choose(number)

    def _choose(self, number: int) -> None:
        """Let the operator with this number in the list, or with 0 none, be the insert of the selected tracks."""
        lead, known = self._selection.track, self._document.session.operators
        if lead is None or number > len(known):
            return
        chosen, operator_id = self._selection.targets(lead), known[number - 1].id if number else 0
        self._document.apply("Change Insert", lambda session: operators.set_insert(session, chosen, operator_id))
