"""Measures clips in a job, then makes one edit from the results. Main thread, except for the work of the job."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from msgspec import Struct
from PySide6.QtWidgets import QWidget

from lincae_studio.errors import MediaError
from lincae_studio.jobs import CancelToken, Progress, ReportProgress
from lincae_studio.session.model import Clip, Session
from lincae_studio.session.times import count_of
from lincae_studio.ui.jobs.document_jobs import DocumentJobs
from lincae_studio.ui.model.document import Document
from lincae_studio.ui.notify import MessageBar

#: Clips are measured within this time without a progress dialog, as most are.
PATIENCE_S = 0.3

_Value = TypeVar("_Value")


class Measured(Struct, frozen=True):
    """Measurements of clips, by their ids, and the problems with others."""

    values: Mapping[int, Any]
    problems: tuple[str, ...]


class ClipMeasuring:
    """Edits from what clips sound like; those that changed meanwhile, or have no audio, are left as they are."""

    def __init__(self, document: Document, messages: MessageBar, window: QWidget) -> None:
        self._document = document
        self._messages = messages
        self._jobs = DocumentJobs(document, window, messages.error)

    @property
    def busy(self) -> bool:
        return self._jobs.busy

    def run(
        self,
        text: str,
        title: str,
        clip_ids: Collection[int],
        measure: Callable[[Clip, CancelToken], _Value],
        edit: Callable[[Session, Mapping[int, _Value]], Session],
        note: Callable[[Mapping[int, _Value]], str] = lambda _: "",
        applied: Callable[[], object] = lambda: None,
    ) -> None:
        """Measure clips, and edit the session with what was found, by their ids.

        Args:
            text: the kind of edit, for undo; `title`: of the progress dialog.
            note: returns what is worth knowing about the edit.
            applied: called after the edit, unless it was refused.
        """
        clips = [clip for _, clip in self._document.session.clips_of(clip_ids)]
        if not clips:
            return

        def work(report: ReportProgress, cancel: CancelToken) -> Measured:
            found, problems = {}, []
            for number, clip in enumerate(clips):
                report(Progress(number, len(clips), title))
                cancel.check()
                try:
                    found[clip.id] = measure(clip, cancel)
                except MediaError as error:
                    problems.append(str(error))
            return Measured(found, tuple(problems))

        def done(measured: Measured) -> None:
            there = {clip.id: clip for clip in self._document.session.clips()}
            same = {clip.id for clip in clips if clip.id in there and _window(there[clip.id]) == _window(clip)}
            values = {clip_id: value for clip_id, value in measured.values.items() if clip_id in same}
            if values and self._document.apply(text, lambda session: edit(session, values)):
                applied()
            self._say(measured.problems, note(values), len(clips))

        self._jobs.run(work, title, done, patience_s=PATIENCE_S)

    def _say(self, problems: tuple[str, ...], noted: str, clips: int) -> None:
        if len(problems) > 1:
            count = f"{len(problems):,} of {count_of(clips, 'clip')} were left as they are."
            self._messages.error(f"{count} {noted}".strip(), "\n".join(problems))
        elif problems:
            self._messages.error(f"{problems[0]}. {noted}".strip())
        elif noted:
            self._messages.warning(noted)


def _window(clip: Clip) -> tuple[object, ...]:
    """What of a clip a measurement holds for."""
    return clip.media, clip.start, clip.offset, clip.length
