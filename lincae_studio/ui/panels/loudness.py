"""The loudness panel: loudness during playback, and of the whole mix. Main thread."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDockWidget, QFormLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from lincae_studio.engine.rendering.render_store import MixReader
from lincae_studio.jobs import CancelToken, Progress, ReportProgress
from lincae_studio.media.loudness import SILENT, Loudness, LoudnessMeter, blocks
from lincae_studio.ui import theme
from lincae_studio.ui.jobs.background_job import BackgroundJob
from lincae_studio.ui.model.docking import PanelBody
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.plain_text import shown
from lincae_studio.ui.rendering.rendering import Rendering
from lincae_studio.ui.timeline.metering import Metering

#: (attribute, name, unit)
_ROWS = (
    ("momentary", "Momentary", "LUFS"),
    ("short_term", "Short-term", "LUFS"),
    ("integrated", "Integrated", "LUFS"),
    ("range", "Range", "LU"),
    ("true_peak", "True peak", "dBTP"),
)

#: Above this, converters and lossy codecs may clip.
_TRUE_PEAK_LIMIT_DB = -1.0


class LoudnessPanel(QDockWidget):
    """Measures from the start of playback; the button measures the whole mix without playing it."""

    def __init__(self, document: Document, rendering: Rendering, metering: Metering, parent: QWidget) -> None:
        super().__init__("Loudness", parent)
        self.setObjectName("loudness")
        self._rendering = rendering
        document.at_close(self.close_job)
        self._job: BackgroundJob | None = None
        self._measured = ""
        inside = QWidget(self)
        form = QFormLayout()
        self.values: dict[str, QLabel] = {}
        for name, text, _ in _ROWS:
            value = QLabel(inside)
            value.setAlignment(Qt.AlignmentFlag.AlignRight)
            value.setAccessibleName(text)
            self.values[name] = value
            form.addRow(text, value)
        self.message = QLabel(inside)
        self.message.setWordWrap(True)
        theme.dim(self.message)
        self.measure_button = QPushButton("&Measure the Mix", inside)
        self.measure_button.clicked.connect(self.measure)
        self.progress = QProgressBar(inside)
        self.progress.hide()
        layout = QVBoxLayout(inside)
        layout.addLayout(form)
        layout.addWidget(self.measure_button)
        layout.addWidget(self.progress)
        layout.addWidget(self.message)
        layout.addStretch(1)
        self.setWidget(PanelBody(inside, self))
        metering.loudness_changed.connect(self._show_playing)
        rendering.plan_changed.connect(self._forget)
        self.show_loudness(Loudness())

    def show_loudness(self, loudness: Loudness) -> None:
        """Show a measurement."""
        for name, _, unit in _ROWS:
            number = getattr(loudness, name)
            text = "−∞" if number == SILENT else f"{number:.1f}".replace("-", "−")
            self.values[name].setText(f"{text} {unit}")
        high = loudness.true_peak > _TRUE_PEAK_LIMIT_DB
        self.values["true_peak"].setStyleSheet(f"color: {theme.colors().error};" if high else "")

    def measure(self) -> None:
        """Measure the whole mix in a thread: latent where rendered, dry elsewhere. Stop if already measuring."""
        if self._job is not None:
            self._job.cancel()
            return
        reader = self._rendering.reader()
        rendered, total = self._rendering.progress()
        job = self._job = BackgroundJob(lambda report, cancel: _measure(reader, report, cancel), self)
        self._measured = (
            "" if rendered == total else f" {total - rendered} of {total} chunks not rendered yet: measured dry."
        )
        self.measure_button.setText("Stop &Measuring")
        self.progress.show()
        job.progressed.connect(lambda part: self.progress.setValue(part.percent))
        job.succeeded.connect(self._on_measured)
        job.failed.connect(lambda error: self.message.setText(shown(str(error))))
        job.ended.connect(self._on_ended)
        job.start()

    def close_job(self) -> None:
        """Cancel measuring: the window is closing."""
        if self._job is not None:
            self._job.cancel()
            self._job.wait()

    def _on_measured(self, loudness: Loudness) -> None:
        self.show_loudness(loudness)
        self.message.setText(f"The whole mix.{self._measured}")

    def _on_ended(self) -> None:
        self._job = None
        self.measure_button.setText("&Measure the Mix")
        self.progress.hide()
        self.progress.reset()

    def _show_playing(self, loudness: Loudness) -> None:
        if self._job is None:
            self.show_loudness(loudness)
            self.message.setText("Since playback started.")

    def _forget(self) -> None:
        """Mark the measurement as outdated after an edit."""
        if self.message.text().startswith("The whole mix."):
            self.message.setText("The whole mix before the last edit.")


def _measure(reader: MixReader, report: ReportProgress, cancel: CancelToken) -> Loudness:
    meter = LoudnessMeter(reader.rate)
    for start, count in blocks(reader.length):
        cancel.check()
        meter.add(reader.read(start, count))
        report(Progress(start + count, reader.length, "Measuring"))
    loudness = meter.read()
    return Loudness(integrated=loudness.integrated, range=loudness.range, true_peak=loudness.true_peak)
