"""The one channel for messages to the user: cards over the lower edge of the window's centre, and the log. Main thread.

They lie over what is below, so that nothing moves when one comes or goes. What needs no response goes by itself; the
rest stays until it is dismissed, or until what it is about is over. Every message can be read again in the list of
messages.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable

from msgspec import Struct
from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent
from PySide6.QtWidgets import QApplication, QLabel, QPushButton, QStyle, QVBoxLayout, QWidget
from shiboken6 import isValid

from lincae_studio.ui.notify.card import TITLES, Kind, Message, MessageCard
from lincae_studio.ui.notify.text_dialog import show_text

_log = logging.getLogger(__name__)

#: The width of a card: a share of the centre, so that it does not cover the controls at the left; and its distance from
#: the edges.
_SHARE = 0.65
_WIDEST_PX = 860
_NARROWEST_PX = 420
_MARGIN_PX = 10

#: Longer texts are cut in the middle, in characters; they are whole in the details.
_LONG = 600

#: The topic of refusals: only the last one is shown, and it is over with the next edit that succeeds.
REFUSAL = "refusal"

#: The topic of why there is no engine: it is over when there is one.
ENGINE = "engine"

#: The topic of what the last export, or import of a project, came to: it is over with the next one, and when another
#: session is opened.
OUTCOME = "outcome"

#: As many messages are shown at once; as many are listed.
_SHOWN = 3
_LISTED = 300


class Said(Struct, frozen=True):
    """A message in the list: when it was said, as local time."""

    when: str
    message: Message


class MessageBar(QWidget):
    """Shows the latest messages, the newest below.

    Signals:
        from_thread: text and details of an error, from any thread.
        changed: the list of messages has grown.
    """

    from_thread = Signal(str, str)
    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        #: All messages, the oldest first.
        self.said: deque[Said] = deque(maxlen=_LISTED)
        self._cards: list[MessageCard] = []
        self._newest: MessageCard | None = None
        self._silence = QLabel(self)  # what `text` is while nothing has been said
        self._silence.hide()
        self._focus_before: QWidget | None = None
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(6)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self.setAccessibleName("Messages")
        self.from_thread.connect(self.error, Qt.ConnectionType.QueuedConnection)
        self.hide()

    def lie_over(self, area: QWidget) -> None:
        """Show the messages over the lower edge of a widget."""
        self.setParent(area)
        area.installEventFilter(self)
        self._place()

    def info(
        self, text: str, details: str = "", button: tuple[str, Callable[[], None]] | None = None, topic: str = ""
    ) -> None:
        """Show a message that needs no response; it disappears after a while unless it has details or a button."""
        _log.info("%s%s", text, f"\n{details}" if details else "")
        self._say("info", text, details, button, topic)

    def warning(
        self, text: object, details: str = "", button: tuple[str, Callable[[], None]] | None = None, topic: str = ""
    ) -> None:
        """Show, until it is dismissed or over, that something is not as one would expect."""
        _log.warning("%s%s", text, f"\n{details}" if details else "")
        self._say("warning", str(text), details, button, topic)

    def error(
        self, problem: object, details: str = "", button: tuple[str, Callable[[], None]] | None = None, topic: str = ""
    ) -> None:
        """Show an error (its text says what happened, why, and what to do) until it is dismissed or over.

        `button` is the text and the action of a button that offers a remedy.
        """
        _log.warning("%s%s", problem, f"\n{details}" if details else "")
        self._say("error", str(problem), details, button, topic)

    def refusal(self, problem: object) -> None:
        """Say why a command did nothing, or what was typed was not taken; it disappears after a while, or when over."""
        _log.warning("%s", problem)
        self._say("error", str(problem), "", None, REFUSAL, passing=True)

    def resolve(self, topic: str) -> None:
        """Dismiss the messages about something that is over."""
        for card in [card for card in self._cards if card.message.topic == topic]:
            self._dismiss(card)

    @property
    def cards(self) -> list[MessageCard]:
        """The messages that are shown, the newest last."""
        return list(self._cards)

    @property
    def text(self) -> QLabel:
        """The text of the latest message that is still shown; an empty one if there is none."""
        return self._newest.text if self._newest is not None else self._silence

    @property
    def details(self) -> str:
        """The details of that message."""
        return self._newest.message.details if self._newest is not None else ""

    @property
    def offer(self) -> QPushButton:
        """The button of that message."""
        assert self._newest is not None, "no message is shown"
        return self._newest.offer

    def show_details(self) -> None:
        """Show the details of that message in a dialog, ready to be copied."""
        if self._newest is not None:
            self._show_details(self._newest)

    def show_list(self) -> None:
        """Show all messages since the start, the newest first."""
        lines = []
        for said in reversed(self.said):
            lines.append(f"{said.when}  {TITLES[said.message.kind]}: {said.message.text}")
            lines += [f"          {line}" for line in said.message.details.splitlines()]
        show_text(self.window(), "Messages", "\n".join(lines) or "There have been no messages.")

    def go_to_newest(self) -> None:
        """Give the newest message the focus, or show the list if none is shown."""
        if not self._cards:
            self.show_list()
            return
        focus = self.window().focusWidget()
        if focus is not None and not self.isAncestorOf(focus):
            self._focus_before = focus
        self._cards[-1].setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _say(
        self,
        kind: Kind,
        text: str,
        details: str,
        button: tuple[str, Callable[[], None]] | None,
        topic: str,
        passing: bool = False,
    ) -> None:
        text = text[:1].upper() + text[1:]
        if len(text) > _LONG:
            begin, end = text[: _LONG * 2 // 3].rstrip(), text[-_LONG // 3 :].lstrip()  # the remedy is at the end
            text, details = f"{begin} … {end}", f"{text}\n\n{details}".rstrip()
        message = Message(kind, text, details, button, topic, passing)
        self.said.append(Said(time.strftime("%H:%M:%S"), message))
        self.changed.emit()
        had_focus = False
        for card in self._cards.copy():
            other = card.message
            same = (other.kind, other.text, other.details) == (kind, message.text, details)
            # A second "Saved …" is news about the same, and what goes by itself makes room.
            if same or (topic and topic == other.topic) or (kind == "info" and other.lasting_ms):
                had_focus |= self._remove(card)
        while len(self._cards) >= _SHOWN:
            had_focus |= self._make_room(self._cards)
        card = self._newest = MessageCard(message, self)
        card.dismissed.connect(lambda: self._dismiss(card))
        card.details_requested.connect(lambda: self._show_details(card))
        self._cards.append(card)
        self._layout.addWidget(card)
        card.show()
        while len(self._cards) > 1 and not self._place():
            had_focus |= self._make_room(self._cards[:-1])
        self._place()
        if had_focus:
            self._pass_focus_on()
        announcement = QAccessibleAnnouncementEvent(card, card.accessibleName())
        if kind != "info":
            announcement.setPoliteness(QAccessible.AnnouncementPoliteness.Assertive)
        QAccessible.updateAccessibility(announcement)

    def _dismiss(self, card: MessageCard) -> None:
        if card not in self._cards:
            return
        had_focus = self._remove(card)
        self._place()
        if had_focus:
            self._pass_focus_on()

    def _pass_focus_on(self) -> None:
        """Give the focus, which a removed message had, to the newest one, or to what had it before all of them."""
        before, focus = self._focus_before, self.window().focusWidget()
        if self._cards:
            self._cards[-1].setFocus(Qt.FocusReason.ShortcutFocusReason)
        elif before is not None and isValid(before) and before.isVisible():
            before.setFocus(Qt.FocusReason.ShortcutFocusReason)
        elif focus is not None:
            focus.clearFocus()  # the window knows where it goes then

    def _remove(self, card: MessageCard) -> bool:
        """Show a message no longer. Returns whether it had the focus, which is anywhere then."""
        focus = self.window().focusWidget()
        had_focus = focus is not None and (focus is card or card.isAncestorOf(focus))
        self._cards.remove(card)
        if card is self._newest:
            self._newest = self._cards[-1] if self._cards else None
        self._layout.removeWidget(card)
        card.hide()
        card.deleteLater()
        return had_focus

    def _make_room(self, older: list[MessageCard]) -> bool:
        """Show one of these messages less; it stays in the list. Returns whether it had the focus."""
        return self._remove(next((card for card in older if card.message.kind == "info"), older[0]))

    def _place(self) -> bool:
        """Lie over the lower right corner of the area, beside the scroll bars. False if there is not room for all."""
        area = self.parentWidget()
        if area is None or not self._cards:
            self.hide()
            return True
        bars = QApplication.style().pixelMetric(QStyle.PixelMetric.PM_ScrollBarExtent)
        right, bottom = area.width() - bars - _MARGIN_PX, area.height() - bars - _MARGIN_PX
        width = min(_WIDEST_PX, max(round(_SHARE * area.width()), _NARROWEST_PX), right - _MARGIN_PX)
        needed = self._layout.totalHeightForWidth(width)
        height = min(needed, bottom - _MARGIN_PX)
        self.setGeometry(right - width, bottom - height, width, height)
        self.show()
        self._layout.activate()
        self.raise_()
        return needed == height

    def _show_details(self, card: MessageCard) -> None:
        show_text(self.window(), "Details", f"{card.text.text()}\n\n{card.message.details}")

    # Qt overrides

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.parent() and event.type() in (QEvent.Type.Resize, QEvent.Type.FontChange):
            self._place()
        return super().eventFilter(watched, event)
