"""Commands that look for silence in clips, and trim it or take it out. Main thread, except for the work of jobs."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QObject, QTimer
from PySide6.QtWidgets import QWidget

from lincae_studio.errors import EditError, MediaError
from lincae_studio.jobs import CancelToken, EitherToken, ReportProgress
from lincae_studio.media.measuring import silences_of, sounding
from lincae_studio.media.store import MediaStore
from lincae_studio.session import edits, silence
from lincae_studio.session.levels import db_to_gain
from lincae_studio.session.model import Clip, Session
from lincae_studio.session.ripple import Span
from lincae_studio.session.silence import Stripping
from lincae_studio.session.times import count_of
from lincae_studio.ui.actions.handlers import Handlers
from lincae_studio.ui.dialogs.processing import StripSilenceDialog, TrimSilenceDialog
from lincae_studio.ui.jobs.clip_measuring import ClipMeasuring
from lincae_studio.ui.jobs.document_jobs import DocumentJobs
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.model.selection import Selection
from lincae_studio.ui.notify import MessageBar
from lincae_studio.ui.timeline.silence_preview import SilencePreview

#: Ranges of clips to search, or sounds found in them, by the ids of the clips.
Spans = Mapping[int, tuple[Span, ...]]


class SilenceCommands(QObject):
    """Trims or strips all selected clips in one step."""

    def __init__(
        self,
        document: Document,
        selection: Selection,
        store: MediaStore,
        preview: SilencePreview,
        messages: MessageBar,
        window: QWidget,
    ) -> None:
        super().__init__(document)
        self._document = document
        self._selection = selection
        self._store = store
        self._preview = preview
        self._window = window
        self._measuring = ClipMeasuring(document, messages, window)
        self._looking = DocumentJobs(document, window, messages.error)
        self._dialog: StripSilenceDialog | None = None
        #: As it was chosen last.
        self._stripping = Stripping()
        #: Cancels the look at what would be taken out by values that have changed since.
        self._obsolete = CancelToken()
        self._due = QTimer(self)
        self._due.setSingleShot(True)
        self._due.timeout.connect(self._look)
        for changed in (document.changed, selection.changed, selection.time.changed):
            changed.connect(lambda *_: self._follow())
        document.replaced.connect(self._on_replaced)

    @property
    def handlers(self) -> Handlers:
        return {"process_trim_silence": self.on_trim, "process_strip_silence": self.on_strip}

    @property
    def busy(self) -> bool:
        """Whether clips are being looked through."""
        return self._measuring.busy or self._looking.busy or self._due.isActive()

    def on_trim(self) -> None:
        dialog = TrimSilenceDialog(self._window)

        def chosen() -> None:
            threshold, keep = db_to_gain(dialog.threshold_db), round(dialog.keep_s * self._document.session.rate)

            def sound(clip: Clip, cancel: CancelToken) -> Span:
                first, last = clip.offset, clip.offset + clip.length
                found = sounding(self._store.open(clip.media), first, last, threshold, clip.name, cancel)
                return found[0] - first, found[1] - first

            def edit(session: Session, found: Mapping[int, Span]) -> Session:
                edges = {}
                for _, clip in session.clips_of(found):
                    first, last = (clip.start + place for place in found[clip.id])
                    edges[clip.id] = max(clip.start, first - keep), min(clip.end, last + keep)
                return edits.trim_clips(session, edges)

            self._measuring.run("Trim Silence of Clips", "Looking for silence", self._selection.clips, sound, edit)

        dialog.accepted.connect(chosen)
        dialog.open()

    def on_strip(self) -> None:
        """Ask what silence is, and show meanwhile what would be taken out."""
        if self._dialog is not None:
            self._dialog.raise_()
            self._dialog.activateWindow()
            return
        self._dialog = StripSilenceDialog(self._stripping, self._window)
        self._dialog.changed.connect(self._follow)
        self._dialog.accepted.connect(self._strip)
        self._dialog.finished.connect(lambda _: self._close())
        self._dialog.show()
        corner = self._window.mapToGlobal(self._window.rect().bottomRight())
        self._dialog.move(corner - self._dialog.rect().bottomRight())  # not over the tracks
        self._follow()

    def _scopes(self) -> Spans:
        session, clips, time = self._document.session, self._selection.clips, self._selection.time.value
        if clips:
            return silence.whole(session, clips)
        return silence.within(session, time) if time is not None else {}

    def _strip(self) -> None:
        assert self._dialog is not None
        stripping = self._stripping = self._dialog.stripping
        scopes, rate, clips = self._scopes(), self._document.session.rate, self._selection.clips
        before = {clip.id for clip in self._document.session.clips()}
        if not scopes:
            self._document.refused.emit(EditError("no clip is selected", "Select clips, or time with clips"))

        def silent(clip: Clip, cancel: CancelToken) -> tuple[Span, ...]:
            return silences_of(self._store.open(clip.media), clip, scopes[clip.id], stripping, rate, cancel)

        def applied() -> None:
            if clips:
                there = {clip.id for clip in self._document.session.clips()}
                self._selection.set_clips((clips & there) | (there - before))

        self._measuring.run(
            "Strip Silence of Clips", "Looking for silence", scopes, silent, silence.strip, applied=applied
        )

    def _follow(self) -> None:
        """Look again, soon."""
        if self._dialog is not None:
            self._obsolete.cancel()
            self._due.start()

    def _look(self) -> None:
        if self._dialog is None:
            return
        stripping, scopes, rate = self._dialog.stripping, self._scopes(), self._document.session.rate
        clips = [clip for _, clip in self._document.session.clips_of(scopes)]
        obsolete = self._obsolete = CancelToken()

        def work(_report: ReportProgress, cancel: CancelToken) -> Spans:
            either, found = EitherToken(cancel, obsolete), {}
            for clip in clips:
                try:
                    audio = self._store.open(clip.media)
                    found[clip.id] = silences_of(audio, clip, scopes[clip.id], stripping, rate, either)
                except MediaError:
                    continue  # said when it is to be stripped
            return found

        def done(found: Spans) -> None:
            if not obsolete.cancelled and self._dialog is not None:
                self._preview.set(found)
                self._dialog.summary.setText(_summary(clips, found))

        self._looking.run(work, "", done)

    def _close(self) -> None:
        self._dialog = None
        self._obsolete.cancel()
        self._preview.set({})

    def _on_replaced(self) -> None:
        if self._dialog is not None:
            self._dialog.reject()


def _summary(clips: list[Clip], found: Spans) -> str:
    """What would be taken out, in words."""
    silent = sum(end - start for spans in found.values() for start, end in spans)
    whole = sum(clip.length for clip in clips if clip.id in found)
    if not whole:
        return "No clip with audio is selected."
    return f"{silent / whole * 100:.0f} % of {count_of(len(found), 'clip')} would be removed."
