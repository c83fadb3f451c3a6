"""Answers the program's modal questions, so that no test waits for a person."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtWidgets import QFileDialog, QMessageBox

Answer = QMessageBox.StandardButton

_FILES = ("getSaveFileName", "getOpenFileName", "getOpenFileNames", "getExistingDirectory")


class Asked:
    """The questions that were asked, and their answers.

    Attributes:
        name: the file that file dialogs give; "" is Cancel.
        answer: the button that is pressed when there are unsaved changes.
        yes: whether questions of yes and no are answered with yes.
        filter: the kind of file that is chosen in file dialogs.
        questions: titles of file dialogs, and texts of the others, in order.
        suggested: what file dialogs started with, in order.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.name = ""
        self.answer = Answer.Cancel
        self.yes = False
        self.filter = ""
        self.questions: list[str] = []
        self.suggested: list[str] = []
        monkeypatch.setattr(QFileDialog, "getSaveFileName", self._file)
        monkeypatch.setattr(QFileDialog, "getOpenFileName", self._file)
        monkeypatch.setattr(QFileDialog, "getExistingDirectory", self._folder)
        monkeypatch.setattr(QMessageBox, "exec", self._exec)
        monkeypatch.setattr(QMessageBox, "question", self._question)

    def _file(self, _parent: object, title: str, start: str = "", *_rest: object, **_more: object) -> tuple[str, str]:
        self.questions.append(title)
        self.suggested.append(start)
        return self.name, self.filter

    def _folder(self, _parent: object, title: str, start: str = "", *_rest: object) -> str:
        self.questions.append(title)
        self.suggested.append(start)
        return self.name

    @property
    def _exec(self) -> Callable[[QMessageBox], int]:
        def answered(box: QMessageBox) -> int:
            self.questions.append(box.text())
            return self.answer.value

        return answered

    def _question(self, _parent: object, _title: str, text: str, *_buttons: object) -> QMessageBox.StandardButton:
        self.questions.append(text)
        return Answer.Yes if self.yes else Answer.No


def refuse_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    """A question that a test does not expect fails it, instead of waiting for ever."""

    def refuse(name: str) -> Callable[..., None]:
        def asked(*arguments: object, **_more: object) -> None:
            raise AssertionError(f"{name} was shown: {arguments[1:3]}")

        return asked

    for name in _FILES:
        monkeypatch.setattr(QFileDialog, name, refuse(name))
    for name in ("warning", "question", "critical", "information", "exec"):
        monkeypatch.setattr(QMessageBox, name, refuse(name))
