"""Commands on operators that are learned from examples, and on the inserts of tracks. Main thread."""

from __future__ import annotations

from collections.abc import Callable

from lincae_studio.session import operators
from lincae_studio.ui.actions.handlers import Handlers
from lincae_studio.ui.actions.rows.track import LISTED_INSERTS
from lincae_studio.ui.rendering.analyses import Analyses

# Dialogs are imported when they are first opened, so that the window starts faster.


class OperatorCommands:
    """Opens the windows, and sets the inserts of the selected tracks."""

    def __init__(self, analyses: Analyses) -> None:
        self._analyses = analyses

    @property
    def busy(self) -> bool:
        return self._analyses.busy

    @property
    def handlers(self) -> Handlers:
        return {
            "learn_operator": self.on_learn,
            "operators": self.on_operators,
            **{f"insert_{number}": self._chooser(number) for number in LISTED_INSERTS},
        }

    def on_learn(self) -> None:
        from lincae_studio.ui.dialogs.learn_operator import LearnDialog

        LearnDialog(self._analyses).show()

    def on_operators(self) -> None:
        from lincae_studio.ui.dialogs.operators import OperatorsDialog

        OperatorsDialog(self._analyses, self.on_learn).show()

    def _chooser(self, number: int) -> Callable[[], None]:
        return lambda: self._choose(number)

    def _choose(self, number: int) -> None:
        """Let the operator with this number in the list, or with 0 none, be the insert of the selected tracks."""
        document, selection = self._analyses.document, self._analyses.selection
        lead, known = selection.track, document.session.operators
        if lead is None or number > len(known):
            return
        chosen, operator_id = selection.targets(lead), known[number - 1].id if number else 0
        document.apply("Change Insert", lambda session: operators.set_insert(session, chosen, operator_id))
