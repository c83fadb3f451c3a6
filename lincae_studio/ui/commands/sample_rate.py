"""The command that changes the session's sample rate: a job converts its audio, then one edit its positions.

Main thread, except for the work of the job.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import QApplication, QWidget

from lincae_studio.errors import MediaError
from lincae_studio.jobs import CancelToken, ReportProgress, part_of
from lincae_studio.media.search import name_of
from lincae_studio.media.store import MediaStore
from lincae_studio.session import rates
from lincae_studio.session.digests import digest_at, rate_of
from lincae_studio.session.model import RATES, Media, Rate
from lincae_studio.ui.actions.handlers import Handlers
from lincae_studio.ui.jobs.document_jobs import DocumentJobs
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.notify import MessageBar

#: How often it is tried again while a mouse button is held.
_RETRY_MS = 50


class SampleRateCommands(QObject):
    """Changes the sample rate.

    Signals:
        audio_missing: the sample rate has changed (by undo, for instance), and audio at the new one is not in the
            cache (the `Session`).
    """

    audio_missing = Signal(object)

    def __init__(self, document: Document, store: MediaStore, messages: MessageBar, window: QWidget) -> None:
        super().__init__(document)
        self._document = document
        self._store = store
        self._messages = messages
        self._jobs = DocumentJobs(document, window, messages.error)
        self._rate = document.session.rate
        #: The rate, and the media converted to it, until nothing is dragged: positions must not change under the mouse.
        self._converted: tuple[Rate, dict[str, Media]] | None = None
        self._retry = QTimer(self)
        self._retry.setInterval(_RETRY_MS)
        self._retry.timeout.connect(self._apply)
        document.replaced.connect(self._on_replaced)
        document.changed.connect(self._on_changed)

    @property
    def busy(self) -> bool:
        return self._jobs.busy or self._converted is not None

    @property
    def handlers(self) -> Handlers:
        return {f"sample_rate_{rate}": partial(self.change, rate) for rate in RATES}

    def change(self, rate: Rate) -> None:
        """Convert the audio that clips use, then everything to this rate, as one undoable edit."""
        session = self._document.session
        self._document.state_changed.emit()  # the click has checked the action, but the rate is not that yet
        if rate == session.rate or self.busy:
            return
        used = session.used_media()

        def work(report: ReportProgress, cancel: CancelToken) -> dict[str, Media]:
            return {
                media.digest: self._at_rate(media, rate, part_of(report, number, len(used), "Converting"), cancel)
                for number, media in enumerate(used)
            }

        def done(converted: dict[str, Media]) -> None:
            self._converted = rate, converted
            self._apply()

        def cancelled() -> None:
            self._messages.info("Cancelled: the sample rate was not changed")

        if used:
            self._jobs.run(work, f"Converting audio to {rates.in_khz(rate)}", done, cancelled)
        else:
            done({})

    def _apply(self) -> None:
        if self._converted is None:
            return
        if QApplication.mouseButtons() != Qt.MouseButton.NoButton:
            self._retry.start()
            return
        rate, converted = self._converted
        self._forget()
        if self._document.apply("Sample Rate", lambda session: rates.convert(session, rate, converted)):
            self._messages.info(f"The session now has a sample rate of {rates.in_khz(rate)}")

    def _forget(self) -> None:
        self._converted = None
        self._retry.stop()

    def _at_rate(self, media: Media, rate: Rate, report: ReportProgress, cancel: CancelToken) -> Media:
        """Job: one of the media at another rate, in the store."""
        if media.original is not None:
            problem = f"{name_of(media)} exists only as latents at {rates.in_khz(rate_of(media.digest))}"
            raise MediaError(f"the sample rate was not changed: {problem}", "Find its audio first: File > Audio Files")
        digest = digest_at(media.source.digest, rate)
        found = self._store.get(digest)
        if found is not None:
            return rates.at_rate(media, rate, found.length)
        path, selection = Path(media.path), media.channel_selection
        try:
            made = self._store.import_file(path, report, cancel, selection, expected=digest, rate=rate)
        except MediaError as error:
            raise MediaError(f"the sample rate was not changed: {error.problem}", error.remedy) from error
        return rates.at_rate(media, rate, made.length)

    def _on_replaced(self) -> None:
        self._forget()
        self._rate = self._document.session.rate

    def _on_changed(self) -> None:
        session = self._document.session
        if session.rate == self._rate:
            return
        self._rate = session.rate
        if not all(media.original is not None or self._store.fits(media) for media in session.used_media()):
            self.audio_missing.emit(session)
