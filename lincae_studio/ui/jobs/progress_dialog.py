"""A dialog for one background job with progress, time left and Cancel. Not modal: editing can continue."""

from __future__ import annotations

import time

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QProgressBar, QVBoxLayout, QWidget

from lincae_studio.jobs import Progress
from lincae_studio.ui.jobs.background_job import BackgroundJob
from lincae_studio.ui.plain_text import in_title, shown

_STEPS = 1000

#: Jobs shorter than this show no dialog.
_SHOW_AFTER_MS = 400

#: The time left is shown after this time, in minutes from `_MINUTES_FROM_S` on.
_ETA_AFTER_S = 1.0
_MINUTES_FROM_S = 100.0


class ProgressDialog(QDialog):
    """Appears if the job takes a while, closes when it ends; closing it cancels the job."""

    def __init__(self, title: str, job: BackgroundJob, parent: QWidget, beginning: str = "Starting…") -> None:
        """`beginning` is shown until the job first reports progress."""
        super().__init__(parent)
        self._job = job
        self._cancelled = False
        #: Time and fraction of the first report: a resumed download may start half done.
        self._first: tuple[float, float] | None = None
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(in_title(title))
        self.label = QLabel(shown(beginning), self)
        self.bar = QProgressBar(self)
        self.bar.setRange(0, 0)
        self.bar.setTextVisible(False)  # the label says how much, and of what
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
        self.bar.setRange(0, _STEPS if progress.total else 0)
        self.bar.setValue(int(progress.fraction * _STEPS))
        if not self._cancelled and not progress.total:
            self.label.setText(f"{shown(progress.label)}…")
        elif not self._cancelled:
            left = self._left(progress.fraction)
            self.label.setText(f"{shown(progress.label)}: {progress.percent} %{left}")

    def _left(self, fraction: float) -> str:
        now = time.monotonic()
        self._first = self._first or (now, fraction)
        elapsed, done = now - self._first[0], fraction - self._first[1]
        if elapsed < _ETA_AFTER_S or done <= 0.0 or fraction >= 1.0:
            return ""
        left_s = elapsed * (1.0 - fraction) / done
        return f", {left_s:.0f} s left" if left_s < _MINUTES_FROM_S else f", {left_s / 60.0:.0f} min left"

    def _on_ended(self) -> None:
        self._delay.stop()
        self.done(0)
        self.deleteLater()  # WA_DeleteOnClose only covers a dialog that was shown

    # Qt overrides

    def reject(self) -> None:
        self._cancelled = True
        self.label.setText("Cancelling…")
        self._job.cancel()

    def closeEvent(self, event: QCloseEvent) -> None:
        self._job.cancel()
        super().closeEvent(event)
