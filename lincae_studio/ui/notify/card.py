"""One message as it is shown: how serious it is, its text, and what can be done about it. Main thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from msgspec import Struct
from PySide6.QtCore import QEvent, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QApplication, QFrame, QHBoxLayout, QLabel, QPushButton, QToolButton, QWidget

from lincae_studio.ui.plain_text import in_menu, shown

#: "info" needs no response; a "warning" is about something that works, but not as one would expect; an "error" is
#: about something that failed.
Kind = Literal["info", "warning", "error"]

TITLES: dict[Kind, str] = {"info": "Information", "warning": "Warning", "error": "Error"}

_SIGNS: dict[Kind, str] = {"info": "i", "warning": "!", "error": "×"}

#: A message that needs no response is shown for as long as slow readers take to notice and to read it.
_NOTICING_MS = 4000
_READING_MS_PER_CHARACTER = 60


class Message(Struct, frozen=True):
    """What is said.

    Attributes:
        details: a longer text, shown on request.
        button: text and action of a button that offers a remedy.
        topic: what it is about, if later messages can replace it, or it can be over; else empty.
        passing: it needs no response, regardless of its kind: nothing has changed, and trying again shows it again.
    """

    kind: Kind
    text: str
    details: str = ""
    button: tuple[str, Callable[[], None]] | None = None
    topic: str = ""
    passing: bool = False

    @property
    def lasting_ms(self) -> int:
        """How long it is shown; 0 until it is dismissed."""
        if (self.kind != "info" and not self.passing) or self.details or self.button is not None:
            return 0
        return _NOTICING_MS + _READING_MS_PER_CHARACTER * len(self.text)


class MessageCard(QFrame):
    """Shows a message. Its time stands still while it is pointed at or has the focus, or another program is used.

    Signals:
        details_requested: the user asks for the details.
        dismissed: it is over, by the user or by time.
    """

    details_requested = Signal()
    dismissed = Signal()

    def __init__(self, message: Message, parent: QWidget) -> None:
        super().__init__(parent)
        self.message = message
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setProperty("kind", message.kind)
        sign = QLabel(_SIGNS[message.kind], self)
        sign.setObjectName("sign")
        sign.setAlignment(Qt.AlignmentFlag.AlignCenter)
        sign.setProperty("kind", message.kind)
        self.text = QLabel(shown(message.text), self)
        self.text.setWordWrap(True)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.setAccessibleName(f"{TITLES[message.kind]}: {self.text.text()}")
        self.offer = QPushButton(in_menu(message.button[0]) if message.button else "", self)
        self.offer.setVisible(message.button is not None)
        self.offer.clicked.connect(self._on_offer_clicked)
        more = QPushButton("Details…", self)
        more.setVisible(bool(message.details))
        more.clicked.connect(self.details_requested)
        close = QToolButton(self)
        close.setText("✕")
        close.setToolTip("Dismiss (Escape)")
        close.setAccessibleName("Dismiss message")
        close.clicked.connect(self.dismissed)
        for button in (self.offer, more, close):
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(10, 6, 6, 6)
        layout.setSpacing(8)
        layout.addWidget(sign, 0, Qt.AlignmentFlag.AlignVCenter)
        layout.addWidget(self.text, 1)
        layout.addWidget(self.offer)
        layout.addWidget(more)
        layout.addWidget(close)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._on_time_over)
        self.start_time()

    def start_time(self) -> None:
        """Start the time for which it is shown from the beginning."""
        if self.message.lasting_ms:
            self._timer.start(self.message.lasting_ms)

    @property
    def lasts(self) -> bool:
        """Whether it stays until it is dismissed."""
        return not self._timer.isActive()

    def _on_time_over(self) -> None:
        focus = self.window().focusWidget()
        held = self.underMouse() or focus is self or (focus is not None and self.isAncestorOf(focus))
        if held or QApplication.activeWindow() is None:
            self._timer.start(_NOTICING_MS)
        else:
            self.dismissed.emit()

    def _on_offer_clicked(self) -> None:
        assert self.message.button is not None, "else the button is hidden"
        self.dismissed.emit()
        self.message.button[1]()

    # Qt overrides

    def event(self, event: QEvent) -> bool:
        override = event.type() is QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent)
        if override and event.key() == Qt.Key.Key_Escape:  # type: ignore[attr-defined]
            event.accept()  # it dismisses the message, even if it is also a shortcut
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.dismissed.emit()
        else:
            super().keyPressEvent(event)
