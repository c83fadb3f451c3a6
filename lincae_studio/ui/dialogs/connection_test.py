"""A button that tests the connection to the machine that renders, with the result in words. Main thread."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QWidget

from lincae_studio.engine.process.machine import machine_of
from lincae_studio.errors import StudioError
from lincae_studio.jobs import CancelToken, ReportProgress
from lincae_studio.ui import theme
from lincae_studio.ui.jobs.background_job import BackgroundJob
from lincae_studio.ui.model.preference_store import PreferenceStore
from lincae_studio.ui.plain_text import shown
from lincae_studio.ui.rendering.engine_status import sentence


class ConnectionTest(QWidget):
    """Starts an engine on the machine of the preferences, and ends it."""

    def __init__(self, store: PreferenceStore, parent: QWidget) -> None:
        super().__init__(parent)
        self._store = store
        self._job: BackgroundJob | None = None
        self.button = QPushButton("&Test Connection", self)
        self.button.setAutoDefault(False)
        self.button.setToolTip("Start an engine on the other machine, and show how long it takes to answer")
        self.message = QLabel(self)
        self.message.setWordWrap(True)
        self.message.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        theme.dim(self.message)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.button)
        layout.addWidget(self.message, 1)
        self.button.clicked.connect(self._on_clicked)
        store.changed.connect(self._follow)
        self.destroyed.connect(self._cancel)
        self._machine = machine_of(store.value)
        self._follow()

    def _follow(self) -> None:
        # Not disabled during the test: the focus would go to the next button, and a key to what that does.
        self.button.setEnabled(machine_of(self._store.value) is not None)
        if machine_of(self._store.value) != self._machine:  # the result is of another one
            self._machine = machine_of(self._store.value)
            self.message.clear()

    def _on_clicked(self) -> None:
        machine, computation = machine_of(self._store.value), self._store.computation
        if machine is None or self._job is not None:
            return
        self.message.setText(shown(f"Connecting to {machine.host}…"))

        def work(_: ReportProgress, cancel: CancelToken) -> str:
            from lincae_studio.engine.process.ssh import check

            return check(machine, computation, cancel)

        self._job = job = BackgroundJob(work, self)
        job.succeeded.connect(self._show)
        job.failed.connect(self._on_failed)
        job.ended.connect(self._on_ended)
        self._follow()
        job.start()

    def _on_failed(self, error: StudioError) -> None:
        self._show(sentence(str(error), self._machine.host if self._machine is not None else ""))

    def _show(self, text: str) -> None:
        self.message.setText(shown(text))
        self.message.setAccessibleName(text)

    def _on_ended(self) -> None:
        self._job = None
        self._follow()

    def _cancel(self) -> None:
        if self._job is not None:
            self._job.cancel()
