"""What dialogs have in common that run one of a document's analyses. Main thread; not modal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QHeaderView,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from lincae_studio.jobs import CancelToken, ReportProgress
from lincae_studio.ui import theme
from lincae_studio.ui.dialogs.growing_label import GrowingLabel
from lincae_studio.ui.model.window_state import resize_on_screen
from lincae_studio.ui.plain_text import shown
from lincae_studio.ui.rendering.analyses import Analyses

if TYPE_CHECKING:
    from lincae_studio.engine.analysis.grams import Provide


class AnalysisDialog(QDialog):
    """A button that starts the job, a message, and a table of results; what is chosen goes above, by subclasses.

    Attributes:
        rows: the layout: what the dialog is for, the message, the table, and the buttons.
        found: the result that is shown, or None.
    """

    def __init__(
        self,
        analyses: Analyses,
        *,
        title: str,
        about: str,
        run_label: str,
        columns: Sequence[str],
        table_name: str,
        size: tuple[int, int],
    ) -> None:
        super().__init__(analyses.window)
        self._analyses = analyses
        self._document = analyses.document
        self._selection = analyses.selection
        self._rendering = analyses.rendering
        self._open = True
        self.found: Any = None
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(title)
        text = GrowingLabel(about, self)
        theme.dim(text)
        self.run_button = QPushButton(run_label, self)
        self.run_button.setDefault(True)
        self.message = GrowingLabel("", self)
        self.table = QTableWidget(0, len(columns), self)
        self.table.setHorizontalHeaderLabels(list(columns))
        self.table.setAccessibleName(table_name)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setTabKeyNavigation(False)
        self.table.verticalHeader().hide()
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column in range(1, len(columns)):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        self.buttons = QDialogButtonBox(self)
        self.buttons.addButton("Close", QDialogButtonBox.ButtonRole.RejectRole)
        self.buttons.rejected.connect(self.close)
        self.rows = QVBoxLayout(self)
        self.rows.setSpacing(10)
        self.rows.addWidget(text)
        self.rows.addWidget(self.message)
        self.rows.addWidget(self.table, 1)
        self.rows.addWidget(self.buttons)
        resize_on_screen(self, *size)
        self.run_button.clicked.connect(self.run)
        self._document.changed.connect(self._on_document_changed)
        self._document.replaced.connect(self.close)

    # For subclasses

    def run(self) -> None:
        """Start the job, with `start`."""
        raise NotImplementedError

    def show_result(self, result: Any) -> None:
        """Show a result, or with None that there is none (any more)."""
        raise NotImplementedError

    def follow(self) -> None:
        """Enable the button if there is something to start, and no job runs."""
        raise NotImplementedError

    def _on_document_changed(self, *_: object) -> None:
        raise NotImplementedError

    def start(
        self,
        compute: Callable[[Provide, ReportProgress, CancelToken], Any],
        title: str = "",
        done: Callable[[Any], None] | None = None,
    ) -> None:
        """Run a job and call `done`, by default to show its result; then another can be started."""
        self.run_button.setEnabled(False)
        self._analyses.analyse(
            compute,
            title or self.windowTitle(),
            done or self._if_open(self._on_done),
            cancelled=lambda: self.say("Cancelled."),
            ended=self._if_open(self.follow),
        )

    def say(self, text: str) -> None:
        """Show sentences above the table."""
        if self._open:
            self.message.setText(shown(text))

    def add_button(self, text: str, tip: str) -> QPushButton:
        """A button at the bottom that acts on the result."""
        button = self.buttons.addButton(text, QDialogButtonBox.ButtonRole.ActionRole)
        button.setToolTip(tip)
        button.setAutoDefault(False)
        button.setEnabled(False)
        return button

    def offer(self, button: QPushButton, usable: bool) -> None:
        """Enable a button that acts on the result; Return then presses it, else the one that starts the job."""
        button.setEnabled(usable)
        button.setDefault(usable)
        self.run_button.setDefault(not usable)

    def order_tabs(self, *widgets: QWidget) -> None:
        """Let Tab go through these widgets, then through the buttons at the bottom."""
        for one, following in pairwise((*widgets, *self.buttons.buttons())):
            self.setTabOrder(one, following)

    def fill(self, rows: Sequence[Sequence[str]]) -> None:
        """Show these rows."""
        self.table.setRowCount(len(rows))
        for number, cells in enumerate(rows):
            for column, text in enumerate(cells):
                item = QTableWidgetItem(text)
                item.setToolTip(shown(text))
                if column:  # times, levels and numbers
                    item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                self.table.setItem(number, column, item)

    def _on_done(self, result: Any) -> None:
        self.show_result(result)

    def _if_open(self, call: Callable[..., None]) -> Callable[..., None]:
        return lambda *results: call(*results) if self._open else None

    # Qt overrides

    def done(self, result: int) -> None:
        self._open = False
        super().done(result)

    def closeEvent(self, event: Any) -> None:
        self._open = False
        super().closeEvent(event)
