"""The undo history as a list with the current step selected; a click goes to any step. Main thread."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QDockWidget, QListWidget, QListWidgetItem, QWidget

from lincae_studio.session.times import count_of
from lincae_studio.ui import theme
from lincae_studio.ui.model.context import Place
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.plain_text import shown


class HistoryPanel(QDockWidget):
    """Row 0 is the document as it was opened; row n is the document after step n."""

    def __init__(self, document: Document, parent: QWidget) -> None:
        super().__init__("History", parent)
        self.setObjectName("history_panel")
        self._document = document
        self.list = QListWidget(self)
        self.list.setAccessibleName("History")
        self.list.itemActivated.connect(lambda item: self._go_to(self.list.row(item)))
        self.list.itemClicked.connect(lambda item: self._go_to(self.list.row(item)))
        self.setWidget(self.list)
        document.state_changed.connect(self._follow)
        self.visibilityChanged.connect(lambda _: self._follow())

    def _follow(self) -> None:
        if self.isHidden():
            return
        done, undone = self._document.steps
        forgotten = self._document.forgotten
        beginning = f"{count_of(forgotten, 'earlier step')} can no longer be undone" if forgotten else "Original state"
        self.list.clear()
        for row, text in enumerate((beginning, *done, *undone)):
            item = QListWidgetItem(shown(text))
            if row > len(done):
                item.setForeground(QColor(theme.colors().text_dim))
                item.setToolTip("Undone")
            self.list.addItem(item)
        self.list.setCurrentRow(len(done))
        self.list.scrollToItem(self.list.item(len(done)), QListWidget.ScrollHint.EnsureVisible)

    def go_to_current_row(self) -> None:
        """Go to the step of the current row, as a click on it does."""
        self._go_to(self.list.currentRow())

    def context_at(self, point: QPoint | None) -> Place:
        """The row under a point of the list, which becomes current; by key, the current row."""
        viewport = self.list.viewport()
        if point is None:
            row = self.list.visualItemRect(self.list.currentItem())
            return Place("history", viewport.mapTo(self.list, row.center()))
        item = self.list.itemAt(viewport.mapFrom(self.list, point))
        if item is not None:
            self.list.setCurrentItem(item)
        return Place("history", point)

    def _go_to(self, row: int) -> None:
        self._document.go_to(row)
        self.list.setFocus(Qt.FocusReason.OtherFocusReason)
