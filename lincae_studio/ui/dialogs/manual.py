"""The manual window. Main thread."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QTextCursor
from PySide6.QtWidgets import QDialog, QTextBrowser, QVBoxLayout, QWidget

from lincae_studio.paths import resource


class ManualDialog(QDialog):
    """Shows the manual. Not modal, so that one can read it while working."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("LinCAE Studio Manual")
        browser = QTextBrowser(self)
        browser.setMarkdown(resource("manual/manual.md").read_text(encoding="utf-8"))
        browser.moveCursor(QTextCursor.MoveOperation.Start)
        layout = QVBoxLayout(self)
        layout.addWidget(browser)
        self.resize(760, 720)
