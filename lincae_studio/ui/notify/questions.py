"""Questions that are answered with a button. Main thread."""

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


def ask_to_save(parent: QWidget, title: str) -> QMessageBox.StandardButton:
    """Ask what to do with unsaved changes of the document of that title: the answer is Save, Discard or Cancel.

    As in other questions, a letter is an answer; Qt gives these buttons none.
    """
    buttons = QMessageBox.StandardButton
    box = QMessageBox(parent)
    box.setIcon(QMessageBox.Icon.Warning)
    box.setWindowTitle("LinCAE Studio")
    box.setText(f"“{shown(title)}” has unsaved changes. Save them?")
    for button, text in ((buttons.Save, "&Save"), (buttons.Discard, "&Discard"), (buttons.Cancel, "&Cancel")):
        box.addButton(button).setText(text)
    box.setDefaultButton(buttons.Save)
    answer = box.exec()
    box.deleteLater()
    return buttons(answer)
