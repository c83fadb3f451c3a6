"""Yes-or-no questions. Main thread."""

from __future__ import annotations

from PySide6.QtWidgets import QMessageBox, QWidget

from lincae_studio.ui.plain_text import shown


def confirm(parent: QWidget, problem: str, question: str) -> bool:
    """Ask a yes-or-no question."""
    answer = QMessageBox.question(parent, "LinCAE Studio", shown(f"{problem} {question}"))
    return answer == QMessageBox.StandardButton.Yes


def confirm_replacing(parent: QWidget, problem: str, question: str = "Replace it?") -> bool:
    """Ask before something is lost for good. Return, pressed without reading, answers with No: nothing is lost."""
    buttons = QMessageBox.StandardButton
    choices = buttons.Yes | buttons.No
    text = shown(f"{problem} {question}")
    return QMessageBox.question(parent, "LinCAE Studio", text, choices, buttons.No) == buttons.Yes
