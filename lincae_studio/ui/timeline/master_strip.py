"""The strip of the master, left of the lane of the mix: fader, envelope, and the meter of the mix. Main thread."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QWidget

from lincae_studio.session import edits
from lincae_studio.session.levels import format_db
from lincae_studio.session.model import MASTER
from lincae_studio.ui import theme
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.model.selection import Selection
from lincae_studio.ui.timeline.envelopes import ShownEnvelopes, heard_on_master
from lincae_studio.ui.timeline.meter import Meter
from lincae_studio.ui.timeline.strip import GainFader
from lincae_studio.ui.timeline.strip_fields import ValueField
from lincae_studio.ui.timeline.strip_parts import MORPH_TIP, enable, join, read_gain, show_envelopes, toggle

_ENVELOPE_TIP = "Show or hide the volume envelope of the master"
_MORPH_TIP = "Show the volume envelope of the master, the line of the morph, or none"


class MasterStrip(QWidget):
    """Shows the document's master and makes edits of it; a press or the keyboard focus selects it."""

    def __init__(self, document: Document, selection: Selection, envelopes: ShownEnvelopes, parent: QWidget) -> None:
        super().__init__(parent)
        self._document = document
        self._selection = selection
        self._envelopes = envelopes
        self.setAccessibleName("Master")
        self.title = QLabel("Master", self)
        self.title.setToolTip("The mix of all tracks, decoded from latents")
        self.title.setContentsMargins(6, 0, 0, 0)  # aligned with the names of tracks
        theme.heading(self.title)
        self.envelope = toggle("envelope", "∿", _ENVELOPE_TIP, self)
        self.envelope.setAccessibleName("Master, envelope")
        self.gain = GainFader("Master, gain", self)
        self.gain_text = ValueField("Enter a gain in dB", read_gain, self)
        self.gain_text.setAccessibleName("Master, gain in dB")
        self.meter = Meter("Mix, level", self)
        self.meter.setToolTip("Peak of the mix as heard; the figure is the highest one; click to reset it")
        self._lay_out()
        self.gain.edited.connect(lambda gain: self._set_gain(gain, sweep=True))
        self.gain.reset.connect(lambda gain: self._set_gain(gain, sweep=True))
        self.gain_text.entered.connect(lambda gain: self._set_gain(gain, sweep=False))
        join(self.gain, self.gain_text, document)
        self.envelope.clicked.connect(lambda: envelopes.show_next(MASTER))
        for child in self.findChildren(QWidget):
            child.installEventFilter(self)
        for signal in (document.changed, selection.changed, envelopes.changed):
            signal.connect(self._follow)
        self._follow()

    def _lay_out(self) -> None:
        whole = QHBoxLayout(self)
        whole.setContentsMargins(12, 4, 5, 4)
        whole.setSpacing(6)
        grid = QGridLayout()
        grid.setAlignment(Qt.AlignmentFlag.AlignTop)
        grid.setVerticalSpacing(2)
        grid.setHorizontalSpacing(6)
        top = QHBoxLayout()
        top.addWidget(self.title, 1)
        top.addWidget(self.envelope)
        grid.addLayout(top, 0, 0, 1, 3)
        caption = QLabel("Gain", self)
        theme.dim(caption)
        for column, widget in enumerate((caption, self.gain, self.gain_text)):
            grid.addWidget(widget, 1, column)
        whole.addLayout(grid, 1)
        whole.addWidget(self.meter)

    def _follow(self) -> None:
        """Show the document's values."""
        master = self._document.session.master
        self.gain.show_value(master.gain)
        self.gain_text.show_value(format_db(master.gain))
        session = self._document.session
        tip = _ENVELOPE_TIP if session.morph is None else _MORPH_TIP
        show_envelopes(self.envelope, heard_on_master(session), self._envelopes.of(MASTER), tip)
        enable((self.gain, self.gain_text), not session.morphed)
        self.setToolTip(MORPH_TIP if session.morphed else "")
        self.update()

    def _set_gain(self, gain: float, sweep: bool) -> None:
        """Set the gain; those of a `sweep` are merged into one undo step until it is ended."""
        merge_key = "master gain" if sweep else None
        self._document.apply("Master Gain", lambda session: edits.set_master_gain(session, gain), merge_key)

    # Qt overrides

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.MouseButtonPress, QEvent.Type.FocusIn):
            self._selection.set_master()
        return super().eventFilter(watched, event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._selection.set_master()

    def paintEvent(self, event: QPaintEvent) -> None:
        colors = theme.colors()
        painter = QPainter(self)
        selected = self._selection.strip == MASTER
        painter.fillRect(self.rect(), QColor(colors.header_selected if selected else colors.panel))
        painter.fillRect(0, 0, 5, self.height(), QColor(colors.mix_wave))
        painter.end()
