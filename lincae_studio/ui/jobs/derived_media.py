"""Makes the derived media of the document that are not in the store: in the background, and again when they are lost.

Main thread, except for the work of the job.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from lincae_studio.engine.planning.played import played
from lincae_studio.errors import MediaError, StudioError
from lincae_studio.jobs import CancelToken, EitherToken, Progress, ReportProgress
from lincae_studio.media.store import MediaStore
from lincae_studio.session.model import Media
from lincae_studio.session.times import listed
from lincae_studio.ui.jobs.document_jobs import DocumentJobs
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.notify import MessageBar

#: How often a job that waits looks whether all is made.
_POLL_S = 0.05


class DerivedMedia(QObject):
    """Looks at the document's media whenever they change.

    Attributes:
        making: digests of the media being made.

    Signals:
        making_changed: `making` or `percents` have changed.
        made: derived media are in the store.
    """

    making_changed = Signal()
    made = Signal()

    def __init__(self, document: Document, store: MediaStore, messages: MessageBar, window: QWidget) -> None:
        super().__init__(document)
        self.making: frozenset[str] = frozenset()
        self._document = document
        self._store = store
        self._messages = messages
        self._jobs = DocumentJobs(document, window, messages.error)
        self._waiting = DocumentJobs(document, window, messages.error)
        self._looked_at: tuple[Media, ...] = ()
        self.failures = store.failures
        #: The running jobs, and what cancels them.
        self._current: tuple[str, CancelToken] | None = None
        #: How much of that is done, in steps of 5.
        self._percent = 0
        self._closed = False
        document.at_close(self._close)
        document.changed.connect(self._follow)
        document.replaced.connect(self._on_replaced)

    @property
    def busy(self) -> bool:
        return self._jobs.busy

    @property
    def percents(self) -> dict[str, int]:
        """How much of each of `making` is done, in per cent; one is made after the other."""
        current = self._current[0] if self._current is not None else ""
        return {digest: self._percent if digest == current else 0 for digest in self.making}

    def when_made(self, then: Callable[[], None], failed: Callable[[StudioError], None]) -> None:
        """Call `then` once nothing is being made any more: at once, or after waiting in a dialog with Cancel.

        Args:
            failed: called instead if something could not be made meanwhile.
        """
        if not self.making:
            then()
            return
        before = set(self.failures)

        def work(report: ReportProgress, cancel: CancelToken) -> None:
            while self.making:
                cancel.check()
                report(Progress(self._percent, 100, "Processing clips"))
                time.sleep(_POLL_S)

        def done(_: object) -> None:
            new = self.failures.keys() - before
            names = [clip.name for clip in self._document.session.clips() if clip.media in new]
            if names:
                reasons = "; ".join(sorted({self.failures[digest] for digest in new}))
                problem = f"{listed(names)} could not be processed: {reasons}"
                failed(MediaError(problem, "Remove the processing, or try again"))
            else:
                then()

        self._waiting.run(work, "Processing clips", done)

    def look_again(self) -> None:
        """Make what is missing after files have been found, or cached audio was lost."""
        self.failures.clear()
        self._looked_at = ()
        self._follow()

    def _close(self) -> None:
        self._closed = True

    def _on_replaced(self) -> None:
        self.failures.clear()
        self._current = None
        self._looked_at = ()
        self._follow()

    def _follow(self, _continuous: bool = False) -> None:
        if self._document.session.media is self._looked_at:
            return
        self._looked_at = self._document.session.media
        # What is heard first, then what is drawn.
        wanted = [one for media in self._looked_at if media.derived is not None for one in (played(media)[0], media)]
        missing = {one.digest: one for one in wanted if one.derived is not None and self._can_make(one)}
        if missing:
            used = {clip.media for clip in self._document.session.clips()}
            chosen = [media for media in self._looked_at if media.digest in used]
            needed = {one.digest for media in chosen for one in (played(media)[0], media)}
            missing = {digest: one for digest, one in missing.items() if digest in needed}
        digests = frozenset(missing)
        if digests != self.making:
            self.making = digests
            self.making_changed.emit()
        if self._current is not None and self._current[0] not in digests:
            self._current[1].cancel()  # no clip needs it any more
        elif self._current is None and missing:
            self._make(next(iter(missing.values())))

    def _can_make(self, media: Media) -> bool:
        """Whether media are missing, and those that they are made from are there."""
        missing = media.digest not in self.failures and not self._store.fits(media)
        return missing and self._store.get(media.source.digest) is not None

    def _make(self, media: Media) -> None:
        obsolete = CancelToken()

        def work(report: ReportProgress, cancel: CancelToken) -> StudioError | None:
            try:
                self._store.ensure(media, report, EitherToken(cancel, obsolete))
            except MediaError as error:
                return error
            return None

        def done(error: StudioError | None) -> None:
            if error is not None:
                self._messages.error(error)
            if error is not None:
                self.failures[media.digest] = error.problem
            elif not self._store.fits(media):
                self.failures[media.digest] = "the cached audio was deleted"

        def ended() -> None:
            if not self._closed and self._current is not None and self._current[1] is obsolete:
                self._current = None
                self.made.emit()
                self._looked_at = ()
                self._follow()

        self._current, self._percent = (media.digest, obsolete), 0
        self._jobs.run(work, "", done, ended=ended, progressed=self._on_progressed)

    def _on_progressed(self, progress: Progress) -> None:
        percent = int(100 * progress.fraction) // 5 * 5
        if percent != self._percent:
            self._percent = percent
            self.making_changed.emit()
