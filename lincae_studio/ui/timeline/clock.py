"""The clock in the toolbar: the position of the playhead, which can be typed. Main thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QLineEdit, QWidget

from lincae_studio.errors import EditError
from lincae_studio.session.times import format_time
from lincae_studio.ui.playback.transport import Transport
from lincae_studio.ui.rendering.rendering import Rendering
from lincae_studio.ui.timeline.counting import Counting

#: Space beside the text: the borders and padding of the style, and the cursor.
_ROOM_PX = 22


class Clock(QLineEdit):
    """Follows the transport and the unit of the ruler; while it has the focus, a position can be typed.

    Return moves the playhead there, Escape leaves it where it is; both return the focus to where it was.

    Signals:
        refused: what was typed is not a position (the `EditError`).
    """

    refused = Signal(object)

    def __init__(self, transport: Transport, counting: Counting, rendering: Rendering, parent: QWidget) -> None:
        super().__init__(parent)
        self._transport = transport
        self._counting = counting
        self._rendering = rendering
        self._came_from: QWidget | None = None
        self.setObjectName("clock")
        self.setAccessibleName("Playhead position")
        self.setAccessibleDescription("Type a position and press Return to go there")
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setMaxLength(60)
        transport.moved.connect(self._show)
        counting.changed.connect(self._show)
        self.returnPressed.connect(self._go)
        self._show()

    @property
    def handlers(self) -> Mapping[str, Callable[[], None]]:
        """The slot of the command that starts typing, by action id."""
        return {"go_to_time": self.edit}

    def edit(self) -> None:
        """Select the position, so that another can be typed over it."""
        if not self.hasFocus():
            self._came_from = self.window().focusWidget()
            self.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.selectAll()

    def _show(self) -> None:
        if self.hasFocus():
            return
        position = self._transport.position
        text = self._counting.text(position)
        if text != self.text():
            self.setText(text)
            self._make_room()
        frame = position // self._rendering.plan.grid.hop
        seconds = position / self._rendering.session.rate
        where = f"{format_time(seconds)}, sample {position}, latent frame {frame}"
        self.setToolTip(f"{where}. Click to type a position")

    def _make_room(self) -> None:
        """Be wide enough for the text, and not narrower than before: a changing width would move with every digit."""
        self.ensurePolished()  # the font is that of the style sheet
        width = self.fontMetrics().horizontalAdvance(self.text()) + _ROOM_PX
        if width > self.minimumWidth():
            self.setFixedWidth(width)

    def _go(self) -> None:
        if self.isModified():
            try:
                sample = self._counting.parse(self.text(), self._transport.position)
            except EditError as error:
                self.refused.emit(error)
                self.selectAll()
                return
            self._transport.seek_and_show(sample)
        self._leave()

    def _leave(self) -> None:
        back, self._came_from = self._came_from, None
        if back is not None and back.isVisibleTo(self.window()):
            back.setFocus(Qt.FocusReason.OtherFocusReason)
        else:
            self.clearFocus()

    # Qt overrides

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._make_room()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if self.hasFocus():
            super().mousePressEvent(event)
        elif event.button() == Qt.MouseButton.LeftButton:
            self.edit()

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.setModified(False)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        if event.reason() is not Qt.FocusReason.PopupFocusReason:  # its context menu
            self._show()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self._leave()
        else:
            super().keyPressEvent(event)
