"""The header of one track: name, gain, pan, subtract, mute, solo, meter. Main thread."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, QPointF, Qt, Signal
from PySide6.QtGui import QColor, QFocusEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QWidget

from lincae_studio.session import edits, groups, operators, snapshots, strips
from lincae_studio.session.levels import format_db, format_pan
from lincae_studio.session.model import Session, Track
from lincae_studio.session.times import count_of
from lincae_studio.ui import theme
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.model.selection import Selection
from lincae_studio.ui.model.wheel import Scrolling
from lincae_studio.ui.timeline.envelopes import ShownEnvelopes, having_points
from lincae_studio.ui.timeline.gesture_keys import GestureKeys
from lincae_studio.ui.timeline.gestures import DRAG_PX
from lincae_studio.ui.timeline.insert_button import InsertButton
from lincae_studio.ui.timeline.lock_badge import LockBadge
from lincae_studio.ui.timeline.meter import Meter
from lincae_studio.ui.timeline.nesting import left_px
from lincae_studio.ui.timeline.strip import GainFader, PanSlider
from lincae_studio.ui.timeline.strip_fields import NameField, ValueField
from lincae_studio.ui.timeline.strip_parts import MORPH_TIP, enable, join, read_gain, read_pan, show_envelopes, toggle

_CTRL, _SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier

#: Height at the bottom by which a header is made taller.
_BORDER_PX = 5

#: Heights from which on the gain and the pan have room.
_GAIN_FROM_PX, _PAN_FROM_PX = 54, 74

_ENVELOPES_TIP = "Show the volume envelope, the pan envelope, or none"

#: Events of its controls that a header looks at.
_WATCHED = (
    QEvent.Type.MouseButtonPress,
    QEvent.Type.MouseButtonDblClick,
    QEvent.Type.FocusIn,
    QEvent.Type.ShortcutOverride,
)

_BY_TAB = (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason)


#: An edit of the strips of several tracks: session, tracks, the one that is moved, its value, and the session before.
_Sweep = Callable[[Session, tuple[int, ...], int, float, Session], Session]


class TrackHeader(QWidget):
    """The header of one track at a time. It shows the document and makes edits; it stores no values of its own.

    If its track is one of several selected ones, its controls change all of them: faders and pans by the same amount,
    buttons and typed values to the same state.

    Signals:
        dragged: the header is being dragged by its background: the track's id, and in the column the places of the
            pointer and of the press.
        dropped: the header was dropped; as `dragged`.
        height_dragged: its lower border is being dragged: the track's id, and the height in pixels.
        height_chosen: the border was dropped, or double-clicked: the id, and the height, or 0 for the common one.
        drag_ended: a drag has ended or was cancelled; follows `dropped` and `height_chosen`.
        reached: the keyboard focus has moved here by Tab; the track's id.
    """

    dragged = Signal(int, QPointF, QPointF)
    dropped = Signal(int, QPointF, QPointF)
    height_dragged = Signal(int, float)
    height_chosen = Signal(int, float)
    drag_ended = Signal()
    reached = Signal(int)

    def __init__(
        self,
        track: Track,
        document: Document,
        selection: Selection,
        envelopes: ShownEnvelopes,
        scrolling: Scrolling,
        parent: QWidget,
    ) -> None:
        super().__init__(parent)
        self._envelopes = envelopes
        self._document = document
        self._selection = selection
        self.track_id = track.id
        self._shown: tuple[object, ...] | None = None
        #: The colours of the groups around the track, the outermost first.
        self._around: tuple[QColor, ...] = ()
        #: The number of tracks in it.
        self._inside = 0
        #: The session when a fader was pressed, from which the faders of other selected tracks are moved.
        self._before: Session | None = None
        #: Where the mouse was pressed, on the screen.
        self._press: QPointF | None = None
        self._dragging = False
        #: The height at the press, if it was on the lower border.
        self._press_height: int | None = None
        self._click_selects = False
        self._keys = GestureKeys(self, self._end_drag)
        self._color = QColor(track.color)
        self.fold = toggle("fold", "▾", "", self)
        self.fold.setCheckable(False)
        self.fold.setFixedWidth(18)
        self.lock = LockBadge(self)
        self.lock.setToolTip("Locked: its clips, envelopes and regions cannot be edited")
        self.name = NameField(self)
        self.name.setObjectName("name")
        self.gain = GainFader("Gain", self, scrolling)
        self.gain_text = ValueField("Enter a gain in dB", read_gain, self)
        self.pan = PanSlider("Pan", self, scrolling)
        self.pan_text = ValueField("Enter a pan: L45, C, R30, or -100 to 100", read_pan, self)
        self.subtract = toggle("subtract", "−", "Subtract from the mix", self)
        self.envelope = toggle("envelope", "∿", _ENVELOPES_TIP, self)
        self.mute = toggle("mute", "M", "Mute", self)
        self.solo = toggle("solo", "S", "Solo; with Ctrl only this track", self)
        self.insert = InsertButton(self)
        self._buttons = (self.subtract, self.envelope, self.mute, self.solo)
        self.meter = Meter("level", self)
        self.meter.setToolTip("Peak of the dry track or group after its own fader; click to reset the figure")
        self._lay_out()
        self._connect()
        for child in self.findChildren(QWidget):
            child.installEventFilter(self)
        self.setMouseTracking(True)
        self.show_track(track, selected=False, space="")

    @property
    def in_use(self) -> bool:
        """Whether the header has the keyboard focus or is held by the mouse, and so must stay with its track."""
        focus = self.window().focusWidget()
        held = (
            self.gain.isSliderDown()
            or self.pan.isSliderDown()
            or any(button.isDown() for button in (*self._buttons, self.fold, self.insert))
        )
        return held or self._press is not None or (focus is not None and (focus is self or self.isAncestorOf(focus)))

    @property
    def focus_chain(self) -> tuple[QWidget, ...]:
        """The controls in the order in which Tab reaches them."""
        inserts = [self.insert] if self.insert.isVisibleTo(self) else []
        return (self.gain, self.pan, *inserts, *self._buttons, *([self.fold] if self._inside else []))

    def show_track(self, track: Track, selected: bool, space: str) -> None:
        """Show a track's values; it may be another track than before unless the header is in use.

        Args:
            space: the latents whose operators are applied (`CodecInfo.latent_space`).
        """
        self.track_id = track.id
        envelope, session = self._envelopes.of(track.id), self._document.session
        decided = track.id in snapshots.decided(session)
        outer = session.groups_of(track.id)
        inside = self._inside = len(session.within({track.id})) - 1
        around = tuple(group.color for group in reversed(outer))
        names = tuple(group.name for group in outer)
        shown = (track, selected, envelope, decided, inside, around, names, session.operators, space)
        if shown == self._shown:
            return
        self._shown = shown
        self._around = tuple(map(QColor, around))
        self._whole.setContentsMargins(12 + left_px(len(outer)), 0, 5, 1)
        self.setAccessibleName(track.name)
        contains = [f"group of {count_of(inside, 'track')}"] if inside else []
        locked = ["locked"] if track.locked else []
        self.setAccessibleDescription(", ".join([*locked, *contains, *(f"in {group.name}" for group in outer)]))
        self.lock.setVisible(track.locked)
        self.fold.setVisible(inside > 0)
        self.fold.setText("▸" if track.folded else "▾")
        self.fold.setToolTip("Show the tracks in this group" if track.folded else "Hide the tracks in this group")
        self._selected = selected
        self._color = QColor(track.color)
        for widget, role in (
            (self.name, "name"),
            (self.lock, "locked"),
            (self.fold, "unfold" if track.folded else "fold"),
            (self.gain, "gain"),
            (self.gain_text, "gain in dB"),
            (self.pan, "pan"),
            (self.pan_text, "pan as a number"),
            (self.envelope, "envelopes"),
            (self.subtract, "subtract from the mix"),
            (self.mute, "mute"),
            (self.solo, "solo"),
            (self.meter, "level"),
        ):
            widget.setAccessibleName(f"{track.name}, {role}")
        self.name.show_value(track.name)
        self.gain_text.show_value(format_db(track.gain))
        self.pan_text.show_value(format_pan(track.pan))
        self.gain.show_value(track.gain)
        self.pan.show_value(track.pan)
        for button, value in ((self.subtract, track.subtract), (self.mute, track.mute), (self.solo, track.solo)):
            button.setChecked(value)
        self.insert.show_insert(session, track, space)
        show_envelopes(self.envelope, having_points(track), envelope, _ENVELOPES_TIP)
        strip = (self.gain, self.gain_text, self.pan, self.pan_text, self.subtract, self.mute, self.solo)
        enable(strip, not decided)
        self.setToolTip(MORPH_TIP if decided else "")
        self.update()

    def rename(self) -> None:
        """Let the name be typed."""
        self.name.edit()

    def leave(self) -> None:
        """Detach from a removed track, so that a field being edited does not change it."""
        for field in (self.name, self.gain_text, self.pan_text):
            field.blockSignals(True)
            field.clearFocus()

    def _lay_out(self) -> None:
        whole = self._whole = QHBoxLayout(self)
        whole.setSpacing(6)
        layout = self._grid = QGridLayout()
        layout.setAlignment(Qt.AlignmentFlag.AlignTop)
        layout.setVerticalSpacing(2)
        layout.setHorizontalSpacing(6)
        top = QHBoxLayout()
        top.setSpacing(4)
        top.addWidget(self.fold)
        top.addWidget(self.lock)
        top.addWidget(self.name, 1)
        top.addWidget(self.insert)
        top.addWidget(self.envelope)
        top.addWidget(self.subtract)
        top.addWidget(self.mute)
        top.addWidget(self.solo)
        layout.addLayout(top, 0, 0, 1, 3)
        whole.addLayout(layout, 1)
        whole.addWidget(self.meter)
        self._gain_row: list[QWidget] = []
        self._pan_row: list[QWidget] = []
        for row, (label, slider, value) in enumerate(
            (("Gain", self.gain, self.gain_text), ("Pan", self.pan, self.pan_text)), start=1
        ):
            (self._gain_row if row == 1 else self._pan_row).extend((slider, value))
            caption = QLabel(label, self)
            theme.dim(caption)
            (self._gain_row if row == 1 else self._pan_row).append(caption)
            layout.addWidget(caption, row, 0)
            layout.addWidget(slider, row, 1)
            layout.addWidget(value, row, 2)

    def _connect(self) -> None:
        document = self._document
        self.name.typed.connect(self._on_name_typed)
        self.gain.edited.connect(self._on_gain_edited)
        self.gain.reset.connect(lambda gain: self._on_gain_entered(gain, "Gain"))
        self.gain_text.entered.connect(self._on_gain_entered)
        self.pan.edited.connect(self._on_pan_edited)
        self.pan.reset.connect(lambda pan: self._on_pan_entered(pan, "Pan"))
        self.pan_text.entered.connect(self._on_pan_entered)
        for slider, field in ((self.gain, self.gain_text), (self.pan, self.pan_text)):
            join(slider, field, document)
            slider.edit_began.connect(self._on_slider_pressed)
            slider.sliderReleased.connect(self._on_slider_released)
        self.fold.clicked.connect(self._on_fold_clicked)
        self.insert.chosen.connect(self._on_insert_chosen)
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
        """Edit the track, and all selected ones if it is one of them.

        Edits with the same `sweep` are merged into one undo step until it is ended.
        """
        chosen = self._selection.targets(self.track_id)
        merge_key = f"{sweep} {chosen}" if sweep else None
        self._document.apply(text, lambda session: strips.each(session, chosen, edit), merge_key)

    def _on_slider_pressed(self) -> None:
        self._before = self._document.session

    def _on_slider_released(self) -> None:
        self._before = None

    def _on_gain_edited(self, gain: float) -> None:
        self._sweep("Gain", strips.move_gains, gain)

    def _on_pan_edited(self, pan: float) -> None:
        self._sweep("Pan", strips.move_pans, pan)

    def _sweep(self, text: str, edit: _Sweep, value: float) -> None:
        """Make one of a series of edits, which are merged into one undo step."""
        lead, chosen = self.track_id, self._selection.targets(self.track_id)
        before = self._before or self._document.session
        self._document.apply(text, lambda session: edit(session, chosen, lead, value, before), f"{text} {chosen}")

    def _on_gain_entered(self, gain: float, sweep: str = "") -> None:
        self._apply("Gain", lambda s, track: edits.set_track_gain(s, track, gain), sweep)

    def _on_pan_entered(self, pan: float, sweep: str = "") -> None:
        self._apply("Pan", lambda s, track: edits.set_track_pan(s, track, pan), sweep)

    def _on_name_typed(self, name: str) -> None:
        track_id = self.track_id
        self._document.apply("Rename Track", lambda session: edits.rename_track(session, track_id, name))

    def _on_insert_chosen(self, operator_id: int) -> None:
        chosen = self._selection.targets(self.track_id)
        self._document.apply("Change Insert", lambda session: operators.set_insert(session, chosen, operator_id))

    def _on_fold_clicked(self) -> None:
        track_id = self.track_id
        folded = not self._document.session.track(track_id).folded
        text = "Fold Group" if folded else "Unfold Group"
        self._document.apply(text, lambda session: groups.fold_groups(session, {track_id}, folded))

    def _solo_only(self) -> None:
        track_id = self.track_id
        self._document.apply("Solo Only", lambda session: strips.solo_only(session, (track_id,)))

    # Qt overrides

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        kind = event.type()
        if kind not in _WATCHED:
            return False
        if isinstance(event, QKeyEvent) and isinstance(watched, (NameField, ValueField)) and watched.leaves(event):
            event.ignore()
            return True
        # Presses on the name are those of the header.
        pressed = kind == QEvent.Type.MouseButtonPress and not (watched is self.name and self.name.isReadOnly())
        if pressed or kind == QEvent.Type.FocusIn:
            self._selection.hold_track(self.track_id)
        if watched is self.solo and isinstance(event, QMouseEvent) and _is_press(event) and event.modifiers() & _CTRL:
            self._solo_only()
            return True
        if isinstance(event, QFocusEvent) and event.gotFocus() and event.reason() in _BY_TAB:
            self.reached.emit(self.track_id)
        return False

    def mousePressEvent(self, event: QMouseEvent) -> None:
        left = event.button() == Qt.MouseButton.LeftButton
        self._click_selects = False
        if left and event.modifiers() & _CTRL:
            self._selection.toggle_track(self.track_id)
        elif left and event.modifiers() & _SHIFT:
            self._selection.extend_tracks(self.track_id)
        else:
            # One of several is selected alone on release only, since the press may start a drag of all of them.
            self._click_selects = left and self.track_id in self._selection.tracks
            self._selection.hold_track(self.track_id)
        if left:
            self._press = event.globalPosition()
            on_border = event.position().y() >= self.height() - _BORDER_PX
            self._press_height = self.height() if on_border else None
            self.setFocus(Qt.FocusReason.MouseFocusReason)  # ends typing in a field

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._press is None:
            on_border = event.position().y() >= self.height() - _BORDER_PX
            self.setCursor(Qt.CursorShape.SplitVCursor if on_border else Qt.CursorShape.ArrowCursor)
            return
        moved = event.globalPosition() - self._press
        if not self._dragging and abs(moved.y()) < DRAG_PX and abs(moved.x()) < DRAG_PX:
            return
        self._dragging = True
        if self._press_height is not None:
            self.height_dragged.emit(self.track_id, self._press_height + moved.y())
        else:
            pointer = QPointF(self.pos()) + event.position()
            self.dragged.emit(self.track_id, pointer, pointer - moved)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        press, height = self._press, self._press_height
        if press is None or event.button() != Qt.MouseButton.LeftButton:
            return
        dragging, moved = self._dragging, event.globalPosition() - press
        if dragging and height is not None:
            self.height_chosen.emit(self.track_id, height + moved.y())
        elif dragging:
            pointer = QPointF(self.pos()) + event.position()
            self.dropped.emit(self.track_id, pointer, pointer - moved)
        elif self._click_selects and height is None:
            self._selection.set_track(self.track_id)
        self._end_drag()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self._end_drag()
        if event.button() == Qt.MouseButton.LeftButton and event.position().y() >= self.height() - _BORDER_PX:
            self.height_chosen.emit(self.track_id, 0.0)

    def _end_drag(self) -> None:
        self._press, self._press_height, self._dragging = None, None, False
        self.drag_ended.emit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Show the controls that fit."""
        height = self.height()
        for row, least in ((self._gain_row, _GAIN_FROM_PX), (self._pan_row, _PAN_FROM_PX)):
            for widget in row:
                widget.setVisible(height >= least)
        self._grid.setContentsMargins(0, min(5, max(0, (height - 24) // 2)), 0, 0)
        super().resizeEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(
            self.rect(), QColor(theme.colors().header_selected if self._selected else theme.colors().panel)
        )
        left = left_px(len(self._around))
        for depth, color in enumerate(self._around):
            if left_px(depth) < left:
                painter.fillRect(left_px(depth), 0, 5, self.height(), color)
        painter.fillRect(left, 0, 5, self.height(), self._color)
        painter.setPen(QColor(theme.colors().line))
        painter.drawLine(left, self.height() - 1, self.width(), self.height() - 1)
        painter.end()


def _is_press(event: QMouseEvent) -> bool:
    """Whether the left button was pressed; the second of two quick presses is a double click."""
    pressed = event.type() in (QEvent.Type.MouseButtonPress, QEvent.Type.MouseButtonDblClick)
    return pressed and event.button() == Qt.MouseButton.LeftButton
