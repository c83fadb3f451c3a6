"""What a clip is processed with, as a list in the inspector: in order, to be edited, moved and removed. Main thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QGridLayout, QListWidget, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from lincae_studio.session import processing
from lincae_studio.session.model import Clip, Session
from lincae_studio.session.processes import Process, Stretch, words
from lincae_studio.ui.model.document import Document

#: Lines of the list: as many as the chain is long, within these, so that the panel fits small screens.
_FEWEST, _MOST = 2, 4

Chain = tuple[Process, ...]


class ProcessList(QWidget):
    """The chain of the first of some clips; edits give it to all of them that have the same one.

    Signals:
        edit_requested: a stretch is to be edited.
    """

    edit_requested = Signal()

    def __init__(self, document: Document, clips: Callable[[], Sequence[Clip]], parent: QWidget) -> None:
        """`clips`: returns the selected clips."""
        super().__init__(parent)
        self._document = document
        self._clips = clips
        self._chain: Chain = ()
        self.list = QListWidget(self)
        self.list.setAccessibleName("Processing")
        self.list.setToolTip("How the audio of the clip is processed, in this order (Edit > Process Clips)")
        self._fit(0)
        self.list.installEventFilter(self)
        self.list.itemDoubleClicked.connect(lambda _: self._on_edit())
        self.list.currentRowChanged.connect(lambda _: self._follow_row())
        self.edit = self._button("Edit…", "Change the stretch and the pitch", self._on_edit)
        self.up = self._button("Up", "Move this step up", lambda: self._move(-1))
        self.down = self._button("Down", "Move this step down", lambda: self._move(1))
        self.remove = self._button("Remove", "Remove this step", self._on_remove)
        row = QGridLayout()  # in two rows: the panel must fit small screens
        row.setSpacing(4)
        for place, button in enumerate((self.edit, self.up, self.remove, self.down)):
            row.addWidget(button, place // 2, place % 2)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        layout.addWidget(self.list)
        layout.addLayout(row)

    def follow(self) -> None:
        """Show the chain of the first clip."""
        clips = self._clips()
        session = self._document.session
        chain = session.media_of(clips[0].media).chain if clips else ()
        if chain != self._chain:
            row = self.list.currentRow()
            self._chain = chain
            self.list.clear()
            self.list.addItems([words(process) for process in chain])
            self._fit(len(chain))
            self.list.setCurrentRow(min(max(row, 0), len(chain) - 1))
        self._follow_row()

    def _fit(self, lines: int) -> None:
        self.list.setFixedHeight(self.list.fontMetrics().height() * min(max(lines, _FEWEST), _MOST) + 8)

    def _follow_row(self) -> None:
        row, count = self.list.currentRow(), len(self._chain)
        chosen = 0 <= row < count
        self.edit.setEnabled(chosen and isinstance(self._chain[row], Stretch))
        self.up.setEnabled(chosen and row > 0)
        self.down.setEnabled(chosen and row < count - 1)
        self.remove.setEnabled(chosen)

    def _button(self, text: str, tip: str, run: Callable[[], None]) -> QPushButton:
        button = QPushButton(text, self)
        button.setToolTip(tip)
        button.clicked.connect(lambda _=False: run())
        return button

    def _on_edit(self) -> None:
        if self.edit.isEnabled():
            self.edit_requested.emit()

    def _on_remove(self) -> None:
        row = self.list.currentRow()
        if self.remove.isEnabled():
            self._set("Remove Processing of Clips", (*self._chain[:row], *self._chain[row + 1 :]))

    def _move(self, by: int) -> None:
        row, chain = self.list.currentRow(), list(self._chain)
        chain.insert(row + by, chain.pop(row))
        if self._set("Reorder Processing of Clips", tuple(chain)):
            self.list.setCurrentRow(row + by)

    def _set(self, text: str, chain: Chain) -> bool:
        session, before = self._document.session, self._chain
        ids = [clip.id for clip in self._clips() if session.media_of(clip.media).chain == before]

        def edit(session: Session) -> Session:
            return processing.set_chains(session, dict.fromkeys(ids, chain))

        return self._document.apply(text, edit)

    # Qt overrides

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Delete is that of the list, not of clips."""
        kinds = (QEvent.Type.ShortcutOverride, QEvent.Type.KeyPress)
        if not isinstance(event, QKeyEvent) or event.type() not in kinds:
            return super().eventFilter(watched, event)
        if event.modifiers() or event.key() not in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            return super().eventFilter(watched, event)
        event.accept()
        if event.type() == QEvent.Type.KeyPress:
            self._on_remove()
        return True
