"""Exporting the mix: the dialog, and the job that streams it to disk as the engine delivers."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from lincae_studio.engine.mixdown import MixdownResult, mixdown, refuse_overwriting
from lincae_studio.engine.plan import PlannedChunk
from lincae_studio.engine.renderer import Rendered
from lincae_studio.errors import ExportError, StudioError
from lincae_studio.jobs import CancelToken, ReportProgress
from lincae_studio.media.probe import EXTENSIONS
from lincae_studio.media.writer import SAMPLE_FORMAT_TITLES, SampleFormat
from lincae_studio.session.model import SESSION_RATE
from lincae_studio.ui import theme
from lincae_studio.ui.background import BackgroundJob
from lincae_studio.ui.notify import MessageBar
from lincae_studio.ui.progress import ProgressDialog
from lincae_studio.ui.rendering import Rendering
from lincae_studio.ui.timeline.times import format_time


class ExportDialog(QDialog):
    """Asks for the file and the sample format, and says what will be written."""

    def __init__(self, rendering: Rendering, suggested: Path, sample_format: SampleFormat, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Export Mix")
        self._folder = suggested.parent
        self.path_field = QLineEdit(str(suggested), self)
        self.path_field.setAccessibleName("File")
        browse = QPushButton("Browse…", self)
        browse.clicked.connect(self._on_browse)
        self.format_box = QComboBox(self)
        self.format_box.setAccessibleName("Sample format")
        for key, title in SAMPLE_FORMAT_TITLES.items():
            self.format_box.addItem(title, key)
        self.format_box.setCurrentIndex(self.format_box.findData(sample_format))
        plan = rendering.plan
        channels = "stereo" if plan.channels == 2 else "mono"
        summary = QLabel(
            f"{format_time(plan.length / SESSION_RATE)}, {channels}, 44.1 kHz, codec {plan.codec.title}", self
        )
        theme.dim(summary)
        file_row = QHBoxLayout()
        file_row.addWidget(self.path_field, 1)
        file_row.addWidget(browse)
        form = QFormLayout()
        form.addRow("File", file_row)
        form.addRow("Format", self.format_box)
        form.addRow("Mix", summary)
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel, self)
        export = self.buttons.addButton("Export", QDialogButtonBox.ButtonRole.AcceptRole)
        export.setDefault(True)
        self.path_field.textChanged.connect(lambda text: export.setEnabled(bool(Path(text.strip()).name)))
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(self.buttons)
        self.setMinimumWidth(560)

    @property
    def path(self) -> Path:
        """The chosen file, with `.wav` where no ending was typed."""
        path = Path(os.path.expanduser(self.path_field.text().strip()))
        path = self._folder / path  # what was typed without a folder belongs beside what was suggested
        # Another audio format is refused later, with a reason; any other dot belongs to the name.
        return path if path.suffix.lower()[1:] in EXTENSIONS else path.with_name(f"{path.name}.wav")

    @property
    def sample_format(self) -> SampleFormat:
        chosen: SampleFormat = self.format_box.currentData()
        return chosen

    def _on_browse(self) -> None:
        # Whether to replace a file is asked once, on export.
        options = QFileDialog.Option.DontConfirmOverwrite
        name, _ = QFileDialog.getSaveFileName(
            self, "Export Mix", self.path_field.text(), "WAV audio (*.wav)", options=options
        )
        if name:
            self.path_field.setText(name)


class Exporter(QObject):
    """Runs one export at a time.

    Signals:
        finished: the `MixdownResult` of a complete export.
        failed: the `StudioError` of one that could not be completed.
    """

    finished = Signal(object)
    failed = Signal(object)

    def __init__(self, rendering: Rendering, messages: MessageBar, window: QWidget) -> None:
        super().__init__(window)
        self._rendering = rendering
        self._messages = messages
        self._window = window
        self._job: BackgroundJob | None = None

    @property
    def busy(self) -> bool:
        return self._job is not None

    def export(self, path: Path, sample_format: SampleFormat, protected: Sequence[Path] = ()) -> None:
        """Write the mix as it is now, never over the `protected` files; later edits do not change it."""
        if self._job is not None:
            self._messages.error("An export is running. Wait for it, or cancel it first.")
            return
        try:
            refuse_overwriting(protected, path)
        except ExportError as error:
            self._messages.error(error)
            self.failed.emit(error)
            return
        plan = self._rendering.plan

        def work(progress: ReportProgress, cancel: CancelToken) -> MixdownResult:
            def provide(chunk: PlannedChunk) -> Rendered:
                return self._rendering.provide(plan, chunk, cancel)

            return mixdown(plan, provide, path, sample_format, progress, cancel)

        job = self._job = BackgroundJob(work, self)
        ProgressDialog(f"Exporting {path.name}", job, self._window)
        job.succeeded.connect(lambda result: self._end(job, lambda: self._on_succeeded(result)))
        job.failed.connect(lambda error: self._end(job, lambda: self._on_failed(error)))
        job.cancelled.connect(
            lambda: self._end(job, lambda: self._messages.info("Export cancelled, nothing was written"))
        )
        job.start()

    def close(self) -> None:
        """Cancel what runs and wait for it (the window closes)."""
        if self._job is not None:
            self._job.cancel()
            self._job.wait()

    def _on_succeeded(self, result: MixdownResult) -> None:
        peak_db = 20.0 * math.log10(max(result.peak, 1e-10))
        text = f"Exported {result.path} ({format_time(result.length / SESSION_RATE)}, peak {peak_db:.1f} dBFS)"
        if result.clipped_samples:
            text += f". {result.clipped_samples} samples were clipped: lower the gains, or export 32-bit float"
            self._messages.error(text)
        else:
            self._messages.info(text)
        self.finished.emit(result)

    def _on_failed(self, error: StudioError) -> None:
        self._messages.error(error)
        self.failed.emit(error)

    def _end(self, job: BackgroundJob, tell: Callable[[], None]) -> None:
        """Be free before anyone hears of the outcome: they may start the next export at once."""
        if self._job is job:
            self._job = None
            self._rendering.end_export()
        tell()
