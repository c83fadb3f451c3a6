"""The header of one track: name, gain, pan, subtract, mute, solo, meter. Main thread."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QColor, QFocusEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QLineEdit, QToolButton, QWidget

from lincae_studio.session import edits
from lincae_studio.session.levels import format_db, parse_db
from lincae_studio.session.model import MAX_GAIN, Session, Track
from lincae_studio.ui import theme
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.model.selection import Selection
from lincae_studio.ui.timeline.envelopes import Kind, ShownEnvelopes
from lincae_studio.ui.timeline.gesture_keys import GestureKeys
from lincae_studio.ui.timeline.gestures import DRAG_PX
from lincae_studio.ui.timeline.meter import Meter
from lincae_studio.ui.timeline.strip import GainFader, PanSlider, format_pan

_BY_TAB = (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason)


class TrackHeader(QWidget):
    """The header of one track at a time. It shows the document and makes edits; it stores no values of its own.

    Signals:
        dragged: the header is being dragged by its background; the pointer's y in the column.
        dropped: the header was dropped: the track's id, and the y; `drag_ended` follows.
        drag_ended: the drag has ended or was cancelled.
        reached: the keyboard focus has moved here by Tab; the track's id.
    """

    dragged = Signal(float)
    dropped = Signal(int, float)
    drag_ended = Signal()
    reached = Signal(int)

    def __init__(
        self, track: Track, document: Document, selection: Selection, envelopes: ShownEnvelopes, parent: QWidget
    ) -> None:
        super().__init__(parent)
        self._envelopes = envelopes
        self._document = document
        self._selection = selection
        self.track_id = track.id
        self._shown: tuple[Track, bool, Kind | None] | None = None
        self._press_y: float | None = None
        self._dragging = False
        self._keys = GestureKeys(self, self._end_drag)
        self._color = QColor(track.color)
        self.name = QLineEdit(self)
        self.name.setObjectName("name")
        self.name.setMaxLength(400)
        self.name.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.gain = GainFader("Gain", self)
        self.gain_text = QLineEdit(self)
        self.gain_text.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.gain_text.setFixedWidth(62)
        self.gain_text.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.gain_text.setToolTip("Enter a gain in dB")
        self.pan = PanSlider("Pan", self)
        self.pan_text = QLabel(self)
        self.pan_text.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.pan_text.setFixedWidth(62)
        self.pan_text.setContentsMargins(0, 0, 5, 0)  # aligned with the text of the field above
        self.subtract = self._toggle("subtract", "−", "Subtract from the mix")
        self.envelope = self._toggle("envelope", "∿", "Show the volume envelope, the pan envelope, or none (A)")
        self.mute = self._toggle("mute", "M", "Mute")
        self.solo = self._toggle("solo", "S", "Solo")
        self._buttons = (self.subtract, self.envelope, self.mute, self.solo)
        self.meter = Meter("level", self)
        self.meter.setToolTip("Peak of the dry track after its fader; click to reset the clip indicator")
        self._lay_out()
        self._connect()
        for child in self.findChildren(QWidget):
            child.installEventFilter(self)
        self.show_track(track, selected=False)

    @property
    def in_use(self) -> bool:
        """Whether the header has the keyboard focus or is held by the mouse, and so must stay with its track."""
        focus = self.window().focusWidget()
        held = self.gain.isSliderDown() or self.pan.isSliderDown() or any(button.isDown() for button in self._buttons)
        return held or self._press_y is not None or (focus is not None and (focus is self or self.isAncestorOf(focus)))

    @property
    def focus_chain(self) -> tuple[QWidget, ...]:
        """The controls in the order in which Tab reaches them."""
        return (self.gain, self.pan, *self._buttons)

    def show_track(self, track: Track, selected: bool) -> None:
        """Show a track's values; it may be another track than before unless the header is in use."""
        self.track_id = track.id
        envelope = self._envelopes.of(track.id)
        if (track, selected, envelope) == self._shown:
            return
        self._shown = (track, selected, envelope)
        self._selected = selected
        self._color = QColor(track.color)
        for widget, role in (
            (self.name, "name"),
            (self.gain, "gain"),
            (self.gain_text, "gain in dB"),
            (self.pan, "pan"),
            (self.envelope, "envelopes"),
            (self.subtract, "subtract from the mix"),
            (self.mute, "mute"),
            (self.solo, "solo"),
            (self.meter, "level"),
        ):
            widget.setAccessibleName(f"{track.name}, {role}")
        if not self.name.hasFocus():
            self.name.setText(track.name)
            self.name.setCursorPosition(0)
        if not self.gain_text.hasFocus():
            self.gain_text.setText(format_db(track.gain))
        self.gain.show_value(track.gain)
        self.pan.show_value(track.pan)
        self.pan_text.setText(format_pan(track.pan))
        for button, value in ((self.subtract, track.subtract), (self.mute, track.mute), (self.solo, track.solo)):
            button.setChecked(value)
        self.envelope.setChecked(envelope is not None)
        self.update()

    def rename(self) -> None:
        """Focus the name field for renaming the track."""
        self.name.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.name.selectAll()

    def leave(self) -> None:
        """Detach from a removed track, so that a field being edited does not change it."""
        for field in (self.name, self.gain_text):
            field.blockSignals(True)

    def _toggle(self, role: str, text: str, tip: str) -> QToolButton:
        button = QToolButton(self)
        button.setObjectName(role)  # selected by the style sheet
        button.setText(text)
        button.setCheckable(True)
        button.setToolTip(tip)
        button.setFixedSize(24, 22)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        return button

    def _lay_out(self) -> None:
        layout = QGridLayout(self)
        layout.setAlignment(Qt.AlignmentFlag.AlignTop)
        layout.setContentsMargins(12, 5, 4, 6)
        layout.setVerticalSpacing(2)
        layout.setHorizontalSpacing(6)
        top = QHBoxLayout()
        top.setSpacing(4)
        top.addWidget(self.name, 1)
        top.addWidget(self.envelope)
        top.addWidget(self.subtract)
        top.addWidget(self.mute)
        top.addWidget(self.solo)
        layout.addLayout(top, 0, 0, 1, 3)
        layout.addWidget(self.meter, 0, 3, 3, 1)
        for row, (label, slider, value) in enumerate(
            (("Gain", self.gain, self.gain_text), ("Pan", self.pan, self.pan_text)), start=1
        ):
            caption = QLabel(label, self)
            theme.dim(caption)
            layout.addWidget(caption, row, 0)
            layout.addWidget(slider, row, 1)
            layout.addWidget(value, row, 2)

    def _connect(self) -> None:
        document = self._document
        self.name.editingFinished.connect(self._on_name_edited)
        self.gain_text.editingFinished.connect(self._on_gain_typed)
        for field in (self.name, self.gain_text):
            field.returnPressed.connect(field.clearFocus)  # returns the keyboard focus to the window
        self.gain.edited.connect(self._on_gain_edited)
        self.gain.edit_ended.connect(document.end_merge)
        self.gain.edit_paused.connect(document.end_merge_soon)
        self.gain.edit_cancelled.connect(document.cancel_merge)
        self.pan.edited.connect(self._on_pan_edited)
        self.pan.edit_ended.connect(document.end_merge)
        self.pan.edit_paused.connect(document.end_merge_soon)
        self.pan.edit_cancelled.connect(document.cancel_merge)
        self.envelope.clicked.connect(lambda: self._envelopes.show_next(self.track_id))
        self.subtract.clicked.connect(
            lambda on: self._apply("Subtract" if on else "Add to Mix", lambda s, t: edits.set_track_subtract(s, t, on))
        )
        self.mute.clicked.connect(
            lambda on: self._apply("Mute" if on else "Unmute", lambda s, t: edits.set_track_mute(s, t, on))
        )
        self.solo.clicked.connect(
            lambda on: self._apply("Solo" if on else "Unsolo", lambda s, t: edits.set_track_solo(s, t, on))
        )

    def _apply(self, text: str, edit: Callable[[Session, int], Session], sweep: str = "") -> None:
        """Edit the track; repeated edits with the same `sweep` are merged into one undo step."""
        track_id = self.track_id
        self._document.apply(text, lambda s: edit(s, track_id), f"{sweep} {track_id}" if sweep else None)

    def _on_gain_edited(self, gain: float) -> None:
        self._apply("Gain", lambda s, track: edits.set_track_gain(s, track, gain), sweep="gain")

    def _on_pan_edited(self, pan: float) -> None:
        self._apply("Pan", lambda s, track: edits.set_track_pan(s, track, pan), sweep="pan")

    def _on_gain_typed(self) -> None:
        track = self._document.session.track(self.track_id)
        text = self.gain_text.text()
        if text != format_db(track.gain):
            try:
                gain = min(parse_db(text), MAX_GAIN)
            except ValueError:
                gain = track.gain
            self._apply("Gain", lambda s, track: edits.set_track_gain(s, track, gain))
        self.gain_text.setText(format_db(self._document.session.track(self.track_id).gain))

    def _on_name_edited(self) -> None:
        track = self._document.session.track(self.track_id)
        name = self.name.text()
        if name != track.name:
            self._apply("Rename Track", lambda s, track: edits.rename_track(s, track, name))
        self.name.setText(self._document.session.track(self.track_id).name)

    # Qt overrides

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.MouseButtonPress, QEvent.Type.FocusIn):
            self._selection.set_track(self.track_id)
        if isinstance(event, QFocusEvent) and event.gotFocus() and event.reason() in _BY_TAB:
            self.reached.emit(self.track_id)
        if isinstance(watched, QLineEdit) and isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Escape:
            track = self._document.session.track(self.track_id)
            self.name.setText(track.name)
            self.gain_text.setText(format_db(track.gain))
            watched.clearFocus()
            return True
        return super().eventFilter(watched, event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._selection.set_track(self.track_id)
        if event.button() == Qt.MouseButton.LeftButton:
            self._press_y = event.position().y()
            self.setFocus(Qt.FocusReason.MouseFocusReason)  # ends typing in a field

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._press_y is None:
            return
        if self._dragging or abs(event.position().y() - self._press_y) >= DRAG_PX:
            self._dragging = True
            self.dragged.emit(self.y() + event.position().y())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        dragging, y = self._dragging, self.y() + event.position().y()
        self._end_drag()
        if dragging:
            self.dropped.emit(self.track_id, y)

    def _end_drag(self) -> None:
        self._press_y, self._dragging = None, False
        self.drag_ended.emit()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(
            self.rect(), QColor(theme.colors().header_selected if self._selected else theme.colors().panel)
        )
        painter.fillRect(0, 0, 5, self.height(), self._color)
        painter.setPen(QColor(theme.colors().line))
        painter.drawLine(0, self.height() - 1, self.width(), self.height() - 1)
        painter.end()
