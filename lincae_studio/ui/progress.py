"""A dialog for one background job: real progress, time left, cancel. Not modal: editing goes on."""

from __future__ import annotations

import time

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QProgressBar, QVBoxLayout, QWidget

from lincae_studio.jobs import Progress
from lincae_studio.ui.background import BackgroundJob

_STEPS = 1000

#: Short jobs flash no dialog.
_SHOW_AFTER_MS = 400

#: A time left is shown once this much has passed.
_ETA_AFTER_S = 1.0


class ProgressDialog(QDialog):
    """Shows itself when the job is not over soon, closes itself when it ends; closing it cancels the job."""

    def __init__(self, title: str, job: BackgroundJob, parent: QWidget) -> None:
        super().__init__(parent)
        self._job = job
        self._started = time.monotonic()
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(title)
        self.label = QLabel("Starting…", self)
        self.bar = QProgressBar(self)
        self.bar.setRange(0, 0)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel, self)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(self.label)
        layout.addWidget(self.bar)
        layout.addWidget(buttons)
        self.setMinimumWidth(440)
        self.setAttribute(Qt.WidgetAttribute.WA_ShowWithoutActivating)
        self._delay = QTimer(self)
        self._delay.setSingleShot(True)
        self._delay.timeout.connect(self.show)
        self._delay.start(_SHOW_AFTER_MS)
        job.progressed.connect(self._on_progressed)
        job.ended.connect(self._on_ended)

    def _on_progressed(self, progress: Progress) -> None:
        self.bar.setRange(0, _STEPS)
        self.bar.setValue(round(progress.fraction * _STEPS))
        elapsed = time.monotonic() - self._started
        left = ""
        if elapsed >= _ETA_AFTER_S and 0.0 < progress.fraction < 1.0:
            left = f", {elapsed * (1.0 / progress.fraction - 1.0):.0f} s left"
        self.label.setText(f"{progress.label}: {100.0 * progress.fraction:.0f} %{left}")

    def _on_ended(self) -> None:
        self._delay.stop()
        self.done(0)
        self.deleteLater()  # closing deletes only what was shown

    # Qt overrides

    def reject(self) -> None:
        self.label.setText("Cancelling…")
        self._job.cancel()

    def closeEvent(self, event: QCloseEvent) -> None:
        self._job.cancel()
        super().closeEvent(event)
