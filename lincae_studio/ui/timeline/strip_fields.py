"""The text fields of a track header: its name, and the values of gain and pan. Main thread."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import QLineEdit, QWidget

from lincae_studio.errors import EditError
from lincae_studio.ui import theme
from lincae_studio.ui.plain_text import reads_right_to_left, shown

#: Where the text of a field begins and ends, from its sides.
_INSET_PX = 6

#: Events on a name that is shown as a label, which are left to what it is in.
_OF_PARENT = (
    QEvent.Type.MouseButtonPress,
    QEvent.Type.MouseMove,
    QEvent.Type.MouseButtonRelease,
    QEvent.Type.ContextMenu,
)


class _Field(QLineEdit):
    """A field that shows a value of the document until something is typed.

    Signals:
        typed: the text to apply. Emitted by Return, and when the focus leaves; not by Escape.
    """

    typed = Signal(str)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._value = ""

    @property
    def typing(self) -> bool:
        """Whether the user may be typing."""
        return self.hasFocus()

    def show_value(self, text: str) -> None:
        """Show the document's value, unless another one is being typed."""
        self._value = text
        if not (self.typing and self.isModified()):
            selected = self.hasSelectedText()
            self.restore()
            if selected:
                self.selectAll()

    def restore(self) -> None:
        """Show the document's value instead of the typed text."""
        self.setText(self._value)
        self.setCursorPosition(0)

    def cancel(self) -> None:
        """Discard the typed text and return the keyboard to the window."""
        self.restore()
        self.clearFocus()

    def leaves(self, event: QKeyEvent) -> bool:
        """Whether a key is left to the window: with nothing typed, Undo takes back a track that was just added."""
        undo, redo = QKeySequence.StandardKey.Undo, QKeySequence.StandardKey.Redo
        return not self.isModified() and (event.matches(undo) or event.matches(redo))

    def accept(self) -> bool:
        """Apply the typed text, if any; False if it was refused."""
        text = self.text()
        if self.isModified() and text != self._value:
            self.setModified(False)
            self.typed.emit(text)
        return True

    # Qt overrides

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.cancel()
        elif event.key() not in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            super().keyPressEvent(event)
        elif self.accept():
            self.clearFocus()  # returns the keyboard to the window

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        if event.reason() != Qt.FocusReason.PopupFocusReason:  # its own context menu
            self.accept()
            self.restore()


class NameField(_Field):
    """A name: a label until `edit` is called, or a double click. Presses on the label are those of its parent."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setMaxLength(400)
        self._show_label()

    @property
    def typing(self) -> bool:
        return not self.isReadOnly()

    def edit(self) -> None:
        """Let the name be typed, with all of it selected."""
        self.setReadOnly(False)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setCursor(Qt.CursorShape.IBeamCursor)
        self.setFocus(Qt.FocusReason.OtherFocusReason)
        self.selectAll()
        self.update()

    def show_value(self, text: str) -> None:
        super().show_value(text)
        self._follow_width()

    def _show_label(self) -> None:
        self.setReadOnly(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setCursor(Qt.CursorShape.ArrowCursor)
        self.restore()

    def _follow_width(self) -> None:
        """A name that does not fit has a tooltip."""
        fits = self.fontMetrics().horizontalAdvance(self._value) <= self._label_width()
        self.setToolTip("" if fits else shown(self._value))

    def _label_width(self) -> int:
        return self.width() - 2 * _INSET_PX

    # Qt overrides

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        if event.reason() != Qt.FocusReason.PopupFocusReason:
            self._show_label()

    def event(self, event: QEvent) -> bool:
        if self.isReadOnly() and event.type() in _OF_PARENT:
            event.ignore()
            return False
        return super().event(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if not self.isReadOnly():
            super().mouseDoubleClickEvent(event)
        elif event.button() == Qt.MouseButton.LeftButton:
            self.edit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._follow_width()

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self.isReadOnly():
            super().paintEvent(event)
            return
        painter = QPainter(self)
        painter.setPen(QColor(theme.colors().text))
        box = self.rect().adjusted(_INSET_PX, 0, -_INSET_PX, 0)
        text = self.fontMetrics().elidedText(shown(self._value), Qt.TextElideMode.ElideRight, box.width())
        right = reads_right_to_left(self._value)
        side = Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
        painter.drawText(box, side | Qt.AlignmentFlag.AlignAbsolute | Qt.AlignmentFlag.AlignVCenter, text)
        painter.end()


class ValueField(_Field):
    """A number with its unit. The first click selects all of it, the next one places the cursor.

    Invalid text stays in the field, selected, until it is corrected or the focus leaves.

    Signals:
        entered: the value that was typed.
        stepped: Up (1) or Down (-1) was pressed in the field.
        refused: an `EditError` that says what is wrong with the text.
    """

    entered = Signal(float)
    stepped = Signal(float)
    refused = Signal(object)

    def __init__(self, tip: str, read: Callable[[str], float], parent: QWidget) -> None:
        """`read`: returns the value of a text, or raises `EditError`."""
        super().__init__(parent)
        self._read = read
        self._refused = False
        self.textEdited.connect(lambda: self._mark(False))
        self._select = False
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.setFixedWidth(62)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setToolTip(tip)

    def edit(self) -> None:
        """Let the value be typed, with all of it selected."""
        self.setFocus(Qt.FocusReason.OtherFocusReason)
        self.selectAll()

    def accept(self) -> bool:
        text = self.text()
        if self.isModified() and text != self._value:
            try:
                value = self._read(text)
            except EditError as error:
                self.selectAll()
                self._mark(True)
                self.refused.emit(error)
                return False
            self.setModified(False)
            self.entered.emit(value)
        return True

    def restore(self) -> None:
        super().restore()
        self._mark(False)

    def _mark(self, refused: bool) -> None:
        """Show whether the text was refused, for which there is a border in the style sheet."""
        if self._refused != refused:
            self._refused = refused
            self.setProperty("refused", refused)
            self.style().polish(self)

    # Qt overrides

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self._select = event.reason() == Qt.FocusReason.MouseFocusReason

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        if self._select and not self.hasSelectedText():
            self.selectAll()
        self._select = False

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            if self.accept():
                self.stepped.emit(1.0 if event.key() == Qt.Key.Key_Up else -1.0)
        else:
            super().keyPressEvent(event)
