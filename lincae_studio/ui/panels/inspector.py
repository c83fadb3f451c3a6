"""The inspector: view and edit the properties of the selected clips. Main thread."""

from __future__ import annotations

from collections.abc import Callable, Collection

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDockWidget,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QWidget,
)

from lincae_studio.errors import EditError
from lincae_studio.session import clip_names, edits
from lincae_studio.session.clip_names import RESET_NAMES, follows_file
from lincae_studio.session.digests import rate_of
from lincae_studio.session.levels import format_db, parse_db
from lincae_studio.session.model import MAX_GAIN, Clip, FadeShape, Session
from lincae_studio.session.times import count_of, format_time, parse_time
from lincae_studio.ui.model.docking import PanelBody
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.model.selection import Selection
from lincae_studio.ui.panels.color_dialog import choose_color
from lincae_studio.ui.panels.process_list import ProcessList

_SHAPES: dict[FadeShape, str] = {"linear": "Linear", "equal-power": "Equal power", "s-curve": "S curve"}

#: For a field: its text for a clip, and the edit that typing a new text makes.
_Show = Callable[[Clip], str]
_Make = Callable[[Session, Collection[int], str], Session]


class Inspector(QDockWidget):
    """Shows the first selected clip. Gain, fades, colour and mute apply to all selected clips, times to just one."""

    def __init__(self, document: Document, selection: Selection, parent: QWidget) -> None:
        super().__init__("Clip", parent)
        self.setObjectName("inspector")
        self._document = document
        self._selection = selection
        self._fields: dict[str, tuple[QLineEdit, _Show]] = {}
        self._single: list[QWidget] = []
        self._body = body = QWidget(self)
        form = QFormLayout(body)
        self.summary = QLabel(body)
        self.summary.setWordWrap(True)
        form.addRow(self.summary)
        self.reset_name = QPushButton("Reset", body)
        self.reset_name.setAccessibleName("Reset Name")
        self.reset_name.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # a click disables it, and a field would get the focus
        self.reset_name.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Ignored)  # as high as the field
        self.reset_name.setToolTip("Name the selected clips after their files again")
        self.reset_name.clicked.connect(lambda: self._apply(RESET_NAMES, clip_names.reset_names))
        self._add(form, "Name", lambda clip: clip.name, _rename, True, self.reset_name)
        self._add(form, "Start", lambda clip: _time(clip, clip.start), _move_to, True)
        self._add(form, "Length", lambda clip: _time(clip, clip.length), _set_length, True)
        self._add(form, "Offset in file", lambda clip: _time(clip, clip.offset), _set_offset, True)
        self._add(form, "Gain", lambda clip: format_db(clip.gain), _set_gain)
        self._add(form, "Fade in", lambda clip: _time(clip, clip.fade_in), _fade_in)
        self._add(form, "Fade out", lambda clip: _time(clip, clip.fade_out), _fade_out)
        self.shape_in = self._add_shapes(form, "Shape of fade in")
        self.shape_out = self._add_shapes(form, "Shape of fade out")
        self.mute = QCheckBox("Muted", body)
        self.mute.clicked.connect(self._on_mute)
        form.addRow("", self.mute)
        self.processing = ProcessList(document, self._clips, body)
        form.addRow("Processing", self.processing)
        self.color = QPushButton("Colour…", body)
        self.color.clicked.connect(self._on_color)
        self.plain = QPushButton("Track Colour", body)
        self.plain.clicked.connect(
            lambda: self._apply("Colour Clips", lambda s, ids: edits.set_clip_color(s, ids, None))
        )
        form.addRow(self.color, self.plain)
        self.setWidget(PanelBody(body, self))
        document.changed.connect(self._follow)
        selection.changed.connect(self._follow)
        self.visibilityChanged.connect(lambda _: self._follow())
        self._follow()

    def field(self, name: str) -> QLineEdit:
        """The field with this label."""
        return self._fields[name][0]

    def edit_first_field(self) -> None:
        """Show the inspector with the cursor in its first time field."""
        self.show()
        self.raise_()
        self.field("Start").setFocus(Qt.FocusReason.OtherFocusReason)
        self.field("Start").selectAll()

    def _add(
        self,
        form: QFormLayout,
        name: str,
        show: _Show,
        make: _Make,
        single: bool = False,
        beside: QWidget | None = None,
    ) -> None:
        field = QLineEdit(self)
        field.setAccessibleName(name)
        field.editingFinished.connect(lambda: self._on_typed(name, field, show, make, single))
        field.returnPressed.connect(field.clearFocus)  # returns the keyboard focus to the window
        row = QHBoxLayout()
        row.addWidget(field)
        if beside is not None:
            row.addWidget(beside)
        form.addRow(name, row)
        self._fields[name] = field, show
        if single:
            self._single.append(field)

    def _add_shapes(self, form: QFormLayout, name: str) -> QComboBox:
        box = QComboBox(self)
        box.setAccessibleName(name)
        for shape, title in _SHAPES.items():
            box.addItem(title, shape)
        box.activated.connect(lambda _: self._on_shapes())
        form.addRow(name, box)
        return box

    def _clips(self) -> list[Clip]:
        """The selected clips, earliest first."""
        chosen = [clip for clip in self._document.session.clips() if clip.id in self._selection.clips]
        return sorted(chosen, key=lambda clip: clip.start)

    def _follow(self) -> None:
        if self.isHidden():
            return
        clips = self._clips()
        texts = {0: "Select a clip to see its properties.", 1: ""}
        self.summary.setText(
            texts.get(len(clips), f"{count_of(len(clips), 'clip')}; the times shown are those of the first.")
        )
        ours = {self.processing, *self.processing.findChildren(QWidget)}
        for widget in self._body.findChildren(QWidget):
            if widget is not self.summary and widget not in ours and not isinstance(widget, QLabel):
                widget.setEnabled(bool(clips) and (len(clips) == 1 or widget not in self._single))
        session = self._document.session
        self.reset_name.setEnabled(any(not follows_file(clip, session.media_of(clip.media)) for clip in clips))
        for field, show in self._fields.values():
            if not field.hasFocus() or not field.isModified():
                field.setText(show(clips[0]) if clips else "")
        self.processing.follow()
        self.mute.setChecked(bool(clips) and all(clip.mute for clip in clips))
        if clips:
            self.shape_in.setCurrentIndex(self.shape_in.findData(clips[0].fade_in_shape))
            self.shape_out.setCurrentIndex(self.shape_out.findData(clips[0].fade_out_shape))

    def _on_typed(self, name: str, field: QLineEdit, show: _Show, make: _Make, single: bool) -> None:
        clips = self._clips()
        text = field.text()
        if clips and field.isModified() and text != show(clips[0]):
            ids = {clip.id for clip in (clips[:1] if single else clips)}
            self._document.apply(f"Set {name}", lambda session: make(session, ids, text))
        field.setModified(False)
        self._follow()

    def _on_mute(self, on: bool) -> None:
        text = "Mute Clips" if on else "Unmute Clips"
        self._apply(text, lambda session, ids: edits.set_clip_mute(session, ids, on))

    def _on_shapes(self) -> None:
        shapes = {"fade_in": self.shape_in.currentData(), "fade_out": self.shape_out.currentData()}
        self._apply("Fade Shape", lambda session, ids: edits.set_fade_shapes(session, ids, **shapes))

    def _on_color(self) -> None:
        clips = self._clips()
        if not clips:
            return
        before = clips[0].color or self._document.session.track_of(clips[0].id).color
        chosen = choose_color(QColor(before), self, "Clip Colour")
        if chosen.isValid():
            self._apply("Colour Clips", lambda session, ids: edits.set_clip_color(session, ids, chosen.name()))

    def _apply(self, text: str, edit: Callable[[Session, frozenset[int]], Session]) -> None:
        ids = self._selection.clips
        if ids:
            self._document.apply(text, lambda session: edit(session, ids))


def _time(clip: Clip, samples: int) -> str:
    """Six decimals, so that every sample has a distinct text."""
    return format_time(samples / rate_of(clip.media), 6)


def _samples(session: Session, text: str) -> int:
    try:
        return round(parse_time(text) * session.rate)
    except ValueError as error:
        raise EditError(f"“{text}” is not a time", "Enter seconds or minutes:seconds") from error


def _rename(session: Session, ids: Collection[int], text: str) -> Session:
    (clip_id,) = ids
    return edits.rename_clip(session, clip_id, text)


def _move_to(session: Session, ids: Collection[int], text: str) -> Session:
    ((_, clip),) = session.clips_of(ids)
    return edits.move_clips(session, ids, _samples(session, text) - clip.start)


def _set_length(session: Session, ids: Collection[int], text: str) -> Session:
    length = _samples(session, text)
    return edits.trim_clips(session, {clip.id: (clip.start, clip.start + length) for _, clip in session.clips_of(ids)})


def _set_offset(session: Session, ids: Collection[int], text: str) -> Session:
    ((_, clip),) = session.clips_of(ids)
    return edits.slip_clip(session, clip.id, clip.offset - _samples(session, text))


def _set_gain(session: Session, ids: Collection[int], text: str) -> Session:
    try:
        gain = min(parse_db(text), MAX_GAIN)
    except ValueError as error:
        raise EditError(f"“{text}” is not a level", "Enter decibels, for example -6") from error
    return edits.set_clip_gain(session, ids, gain)


def _fade_in(session: Session, ids: Collection[int], text: str) -> Session:
    return edits.set_clip_fades(session, ids, fade_in=_samples(session, text))


def _fade_out(session: Session, ids: Collection[int], text: str) -> Session:
    return edits.set_clip_fades(session, ids, fade_out=_samples(session, text))
