"""The one channel for messages to the user: a bar above the timeline, and the log. Main thread.

A repeated message updates the bar in place. The exception hooks report here too, so that no error is lost on a console
that nobody sees.
"""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Any

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QMessageBox,
    QPlainTextEdit,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from lincae_studio.ui.plain_text import in_menu, shown

_log = logging.getLogger(__name__)

#: Messages that are not errors disappear after this time.
_INFO_MS = 6000


class MessageBar(QFrame):
    """Shows the latest message.

    Signals:
        from_thread: text and details of an error, from any thread.
    """

    from_thread = Signal(str, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.details = ""
        self._offered: Callable[[], None] | None = None
        self.text = QLabel(self)
        self.text.setWordWrap(True)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._more = QPushButton("Details…", self)
        self._more.clicked.connect(self.show_details)
        self.offer = QPushButton(self)
        self.offer.clicked.connect(self._on_offer_clicked)
        close = QToolButton(self)
        close.setText("✕")
        close.setToolTip("Dismiss")
        close.setAccessibleName("Dismiss message")
        close.clicked.connect(self.hide)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(14, 6, 8, 6)
        layout.addWidget(self.text, 1)
        layout.addWidget(self.offer)
        layout.addWidget(self._more)
        layout.addWidget(close)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.hide)
        self.from_thread.connect(self.error, Qt.ConnectionType.QueuedConnection)
        self.hide()

    def info(self, text: str, details: str = "") -> None:
        """Show a message that needs no response; it disappears after a while unless it has details."""
        _log.info("%s%s", text, f"\n{details}" if details else "")
        self._show(text, details, "info")
        if details:
            self._timer.stop()
        else:
            self._timer.start(_INFO_MS)

    def error(self, problem: object, details: str = "", button: tuple[str, Callable[[], None]] | None = None) -> None:
        """Show an error (its text says what happened, why, and what to do) until it is dismissed.

        `button` is the text and the action of a button that offers a remedy.
        """
        _log.warning("%s%s", problem, f"\n{details}" if details else "")
        self._timer.stop()
        self._show(str(problem), details, "error", button)

    def show_details(self) -> None:
        """Show the details in a dialog, ready to be copied."""
        dialog = QDialog(self.window())
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setWindowTitle("Details")
        text = QPlainTextEdit(f"{self.text.text()}\n\n{self.details}", dialog)
        text.setReadOnly(True)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, dialog)
        buttons.rejected.connect(dialog.close)
        layout = QVBoxLayout(dialog)
        layout.addWidget(text)
        layout.addWidget(buttons)
        dialog.resize(720, 320)
        dialog.show()

    def _on_offer_clicked(self) -> None:
        self.hide()
        if self._offered is not None:
            self._offered()

    def _show(self, text: str, details: str, kind: str, button: tuple[str, Callable[[], None]] | None = None) -> None:
        self.text.setText(shown(text[:1].upper() + text[1:]))
        self.details = details
        self._more.setVisible(bool(details))
        offer, self._offered = button or ("", None)
        self.offer.setText(in_menu(offer))
        self.offer.setVisible(bool(offer))
        self.setProperty("kind", kind)
        self.style().polish(self)
        self.show()


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


def install_hooks(bar: MessageBar) -> None:
    """Show uncaught exceptions of any thread in the bar instead of on a console."""

    def report(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            return
        details = "".join(traceback.format_exception(kind, error, trace))
        text = f"Internal error: {kind.__name__}: {error}. Your session is still open: save it now."
        try:
            bar.from_thread.emit(text, details)
        except RuntimeError:
            _log.error("%s", details)  # the window no longer exists

    def from_thread(args: threading.ExceptHookArgs) -> None:
        report(args.exc_type, args.exc_value, args.exc_traceback)

    def unraisable(args: Any) -> None:
        report(args.exc_type, args.exc_value, args.exc_traceback)

    sys.excepthook = report
    threading.excepthook = from_thread
    sys.unraisablehook = unraisable
