"""The render settings of a session, its seed and chunks: a small dialog and one undoable edit. Main thread."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QFormLayout, QLabel, QVBoxLayout, QWidget

from lincae_studio.codecs.base import CodecInfo
from lincae_studio.engine.planning.grid import Grid
from lincae_studio.session import edits
from lincae_studio.session.model import MAX_FRAMES, MAX_SEED
from lincae_studio.ui import theme
from lincae_studio.ui.dialogs.number_field import NumberField
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.plain_text import shown


class RenderSettingsDialog(QDialog):
    """The seed of stochastic codecs, and the length of a chunk and of the overlap in latent frames."""

    def __init__(self, document: Document, codec: CodecInfo, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._document = document
        self._codec = codec
        session = document.session
        self.setWindowTitle("Render Settings")
        self.seed = NumberField(0, MAX_SEED, self)
        self.seed.setValue(session.seed)
        self.frames = self._count(session.chunk_frames, f"codec default ({codec.chunk_frames})")
        self.overlap = self._count(session.overlap_frames, f"codec default ({codec.overlap_frames})")
        self.message = QLabel(self)
        self.message.setWordWrap(True)
        theme.dim(self.message)
        self.buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel, self
        )
        self.buttons.accepted.connect(self._on_accepted)
        self.buttons.rejected.connect(self.reject)
        form = QFormLayout()
        form.addRow("&Seed", self.seed)
        form.addRow("&Chunk length", self.frames)
        form.addRow("&Overlap", self.overlap)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(self.message)
        layout.addWidget(self.buttons)
        self.setMinimumWidth(440)
        self._follow()

    def _count(self, value: int, zero: str) -> NumberField:
        box = NumberField(0, MAX_FRAMES, self, suffix=" frames")
        box.setSpecialValueText(zero)
        box.setValue(value)
        box.valueChanged.connect(self._follow)
        return box

    def _follow(self) -> None:
        try:
            grid = Grid.of(self._codec, self.frames.whole, self.overlap.whole)
            if problem := grid.problem(self._codec):
                raise ValueError(problem)
            step_s, fade_s = (samples / self._codec.sample_rate for samples in (grid.step_samples, grid.fade))
            text = f"A chunk starts every {step_s:.2f} s; adjacent chunks are crossfaded over {1000 * fade_s:.0f} ms."
            noise = (
                ""
                if self._codec.stochastic
                else f" {shown(self._codec.title)} decodes without noise, so the seed has no effect."
            )
            self.message.setText(text + noise)
            fits = True
        except ValueError as error:
            self.message.setText(f"{str(error).capitalize()}.")
            fits = False
        self.buttons.button(QDialogButtonBox.StandardButton.Ok).setEnabled(fits)

    def _on_accepted(self) -> None:
        seed, frames, overlap = self.seed.whole, self.frames.whole, self.overlap.whole
        self._document.apply("Render Settings", lambda s: edits.set_rendering(s, seed, frames, overlap))
        self.accept()
